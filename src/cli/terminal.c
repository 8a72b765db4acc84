#define _GNU_SOURCE /* ppoll */
#include "terminal.h"

#include "dlrd/base/clock.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#define DEFAULT_COLUMNS 80
#define DEFAULT_ROWS 24

/* The second screen, without a cursor; and back (xterm, "Alternate Screen Buffer"). */
#define ENTER SLICE("\x1b[?1049h\x1b[?25l\x1b[2J")
#define LEAVE SLICE("\x1b[0m\x1b[?25h\x1b[?1049l")

static const int signals[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP, SIGCONT, SIGWINCH};

#define SIGNAL_COUNT (sizeof signals / sizeof signals[0])

static struct {
	bool is_open;
	struct termios before;
	sigset_t mask_before; /* of signals; in force during terminal_wait */
	struct sigaction actions_before[SIGNAL_COUNT];
} terminal;

static volatile sig_atomic_t ended, stopped, resumed, resized;

static void
note(int number)
{
	if (number == SIGTSTP)
		stopped = 1;
	else if (number == SIGCONT)
		resumed = 1;
	else if (number == SIGWINCH)
		resized = 1;
	else
		ended = 1;
}

bool
terminal_write(struct slice text)
{
	while (text.len > 0) {
		ssize_t len = write(STDOUT_FILENO, text.ptr, text.len);
		if (len < 0 && errno != EINTR)
			return false;
		text = slice_from(text, len < 0 ? 0 : (size_t)len);
	}
	return true;
}

static bool
take(void)
{
	struct termios raw = terminal.before;
	raw.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
	raw.c_cc[VMIN] = 0;
	raw.c_cc[VTIME] = 0;
	return tcsetattr(STDIN_FILENO, TCSADRAIN, &raw) == 0 && terminal_write(ENTER);
}

static bool
give_back(void)
{
	bool written = terminal_write(LEAVE);
	return tcsetattr(STDIN_FILENO, TCSADRAIN, &terminal.before) == 0 && written;
}

/* A terminal that knows no sequences is called dumb, or has no name. */
static bool
is_able(void)
{
	const char *name = getenv("TERM");
	return isatty(STDIN_FILENO) && isatty(STDOUT_FILENO) && name != NULL && name[0] != '\0' &&
	       strcmp(name, "dumb") != 0;
}

bool
terminal_open(void)
{
	sigset_t mask;
	struct sigaction action = {.sa_handler = note};
	if (!is_able() || tcgetattr(STDIN_FILENO, &terminal.before) != 0)
		return false;

	sigemptyset(&mask);
	for (size_t i = 0; i < SIGNAL_COUNT; i++)
		sigaddset(&mask, signals[i]);
	sigprocmask(SIG_BLOCK, &mask, &terminal.mask_before);
	for (size_t i = 0; i < SIGNAL_COUNT; i++)
		sigaction(signals[i], &action, &terminal.actions_before[i]);

	terminal.is_open = true;
	atexit(terminal_close);
	if (take())
		return true;
	terminal_close();
	return false;
}

/* Stops as ^Z does without a handler, with the terminal as it was. */
static void
stop(void)
{
	struct sigaction usual = {.sa_handler = SIG_DFL}, own;
	sigset_t mask, before;
	stopped = 0;
	give_back();
	sigaction(SIGTSTP, &usual, &own);
	raise(SIGTSTP);
	sigemptyset(&mask);
	sigaddset(&mask, SIGTSTP);
	sigprocmask(SIG_UNBLOCK, &mask, &before); /* here it stops, until SIGCONT */
	sigprocmask(SIG_SETMASK, &before, NULL);
	sigaction(SIGTSTP, &own, NULL);
	resumed = 1;
}

/* After a stop the terminal may be as the shell left it. */
static bool
handle_signals(enum terminal_event *out_event)
{
	if (stopped)
		stop();
	bool is_lost = resumed && !ended && !take(), any = ended || resumed || resized;
	*out_event = ended || is_lost ? TERMINAL_END : TERMINAL_REDRAW;
	resumed = resized = 0;
	return any;
}

/* Keys that were not read yet, one after the other. A terminal that is gone can always be read. */
static enum terminal_event
read_key(char *out_key)
{
	return read(STDIN_FILENO, out_key, 1) == 1 ? TERMINAL_KEY : TERMINAL_END;
}

enum terminal_event
terminal_wait(int64_t until_us, char *out_key)
{
	struct pollfd item = {.fd = STDIN_FILENO, .events = POLLIN};
	enum terminal_event event;
	for (;;) {
		int64_t left_us = until_us - clock_monotonic_us();
		left_us = left_us < 0 ? 0 : left_us;
		const struct timespec timeout = {.tv_sec = (time_t)(left_us / CLOCK_SECOND_US),
		    .tv_nsec = (long)(left_us % CLOCK_SECOND_US * 1000)};
		int count = ppoll(&item, 1, &timeout, &terminal.mask_before);
		if (handle_signals(&event))
			return event;
		if (count > 0)
			return read_key(out_key);
		if (count == 0)
			return TERMINAL_TIME;
		if (errno != EINTR)
			return TERMINAL_END;
	}
}

void
terminal_size(int *out_columns, int *out_rows)
{
	struct winsize size;
	bool known = ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0;
	*out_columns = known ? size.ws_col : DEFAULT_COLUMNS;
	*out_rows = known && size.ws_row > 0 ? size.ws_row : DEFAULT_ROWS;
}

void
terminal_close(void)
{
	if (!terminal.is_open)
		return;
	terminal.is_open = false;
	give_back();
	for (size_t i = 0; i < SIGNAL_COUNT; i++)
		sigaction(signals[i], &terminal.actions_before[i], NULL);
	sigprocmask(SIG_SETMASK, &terminal.mask_before, NULL);
}
