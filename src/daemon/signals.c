#define _DEFAULT_SOURCE
#include "dlrd/daemon/signals.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

static const int handled[] = {SIGTERM, SIGINT, SIGQUIT, SIGHUP};
static const int ignored[] = {SIGPIPE, SIGXFSZ, SIGUSR1, SIGUSR2, SIGALRM, SIGVTALRM, SIGPROF};

static void
fill_handled(sigset_t *out_signals)
{
	sigemptyset(out_signals);
	for (size_t i = 0; i < sizeof handled / sizeof handled[0]; i++)
		sigaddset(out_signals, handled[i]);
}

void
signals_block(void)
{
	sigset_t signals;
	fill_handled(&signals);
	sigprocmask(SIG_BLOCK, &signals, NULL);
	for (size_t i = 0; i < sizeof ignored / sizeof ignored[0]; i++)
		signal(ignored[i], SIG_IGN);
}

enum result
signals_open(int *out_fd, struct failure *failure)
{
	sigset_t signals;
	fill_handled(&signals);
	int fd = signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
	if (fd < 0)
		return failure_set(failure, RESULT_IO, "signalfd: %s", strerror(errno));
	*out_fd = fd;
	return RESULT_OK;
}

int
signals_take(int fd)
{
	struct signalfd_siginfo info;
	return read(fd, &info, sizeof info) == (ssize_t)sizeof info ? (int)info.ssi_signo : 0;
}
