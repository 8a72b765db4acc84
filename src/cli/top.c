#include "dlrd/base/clock.h"
#include "dlrd/base/time_zone.h"
#include "dlrd/cli/cli.h"
#include "table.h"
#include "terminal.h"
#include "top_screen.h"

#include <stdio.h>

#define INTERVAL_MAX_S 3600
#define SNAPSHOT_COLUMNS 120

struct watch {
	const struct settings *settings;
	struct top_view view;
	struct top_data data;
	struct buffer frame;
	bool has_ended;
};

/* Draws the frame over the last one, in one write. The rest of longer lines is erased. */
static bool
draw(struct watch *watch)
{
	struct buffer *frame = &watch->frame;
	terminal_size(&watch->view.columns, &watch->view.rows);
	buffer_clear(frame);
	buffer_append(frame, SLICE("\x1b[H"));
	top_screen_draw(&watch->data, &watch->view, frame);
	buffer_append(frame, SLICE("\x1b[J"));
	return !frame->failed && terminal_write(buffer_slice(frame));
}

/* Waits until the next refresh is due. Sets has_ended at the end. */
static void
wait_for_refresh(struct watch *watch, int64_t until_us)
{
	char key = 0;
	enum terminal_event event;
	do {
		event = terminal_wait(until_us, &key);
		watch->has_ended = event == TERMINAL_END ||
				   (event == TERMINAL_REDRAW && !draw(watch)) ||
				   (event == TERMINAL_KEY && (key == 'q' || key == 'Q'));
	} while (
	    !watch->has_ended && event != TERMINAL_TIME && (event != TERMINAL_KEY || key != ' '));
}

/* For top_data: handles what happened meanwhile. */
static bool
goes_on(void *context)
{
	struct watch *watch = context;
	if (!watch->has_ended)
		wait_for_refresh(watch, 0);
	return !watch->has_ended;
}

static int
show(struct watch *watch)
{
	int64_t interval_us = watch->view.interval_s * CLOCK_SECOND_US;
	int64_t due_us = clock_monotonic_us();
	watch->has_ended = !draw(watch);
	while (!watch->has_ended) {
		top_data_refresh(&watch->data, watch->settings);
		int64_t now_us = clock_monotonic_us();
		/* A refresh before its time, or one that took longer, moves the later ones. */
		due_us += interval_us;
		if (due_us < now_us || due_us > now_us + interval_us)
			due_us = now_us + interval_us;
		if (!watch->has_ended && draw(watch))
			wait_for_refresh(watch, due_us);
		else
			watch->has_ended = true;
	}
	terminal_close();
	return CLI_OK;
}

/* Two samples, for the rates. */
static int
print_snapshot(const struct cli_command *command, struct watch *watch)
{
	top_data_refresh(&watch->data, watch->settings);
	if (!watch->data.is_still) {
		clock_sleep(watch->view.interval_s * CLOCK_SECOND_US);
		top_data_refresh(&watch->data, watch->settings);
	}
	if (watch->data.is_still)
		return cli_failure(command, "%s", watch->data.why);

	watch->view.columns = SNAPSHOT_COLUMNS;
	watch->view.styled = false;
	top_screen_draw(&watch->data, &watch->view, &watch->frame);
	fwrite(watch->frame.ptr, 1, watch->frame.len, stdout);
	bool written = !watch->frame.failed && fflush(stdout) == 0 && !ferror(stdout);
	return written ? CLI_OK : cli_failure(command, "cannot write the answer");
}

static int
run(const struct cli_command *command, int count, char **words)
{
	const char *config = SETTINGS_DEFAULT_PATH;
	int64_t interval_s = 1;
	const struct cli_option options[] = {
	    {"config", 'c', .text = &config}, {"interval", 'i', .number = &interval_s}};
	struct time_zone *zone = NULL;
	int status;
	if (!cli_read_options(command, count, words, options, sizeof options / sizeof options[0], 0,
		NULL, &status))
		return status;
	if (interval_s < 1 || interval_s > INTERVAL_MAX_S)
		return cli_usage_error(
		    command, "--interval takes seconds, 1 to %d", INTERVAL_MAX_S);
	struct settings *settings = cli_load_settings(command, config, SETTINGS_QUERY);
	if (settings == NULL)
		return CLI_FAILED;

	struct watch watch = {.settings = settings,
	    .view = {.styled = true,
		.address = settings->api_listen.count > 0 ? settings->api_listen.items[0] : "",
		.interval_s = interval_s}};
	status = CLI_FAILED;
	if (time_zone_open_local(&zone) != RESULT_OK)
		cli_failure(command, "no memory");
	else {
		bool is_open = terminal_open();
		watch.view.zone = zone;
		top_data_init(&watch.data, is_open ? goes_on : NULL, &watch);
		status = is_open ? show(&watch) : print_snapshot(command, &watch);
	}
	buffer_done(&watch.frame);
	top_data_done(&watch.data);
	time_zone_close(zone);
	settings_free(settings);
	return status;
}

const struct cli_command cli_top = {
    .name = "top",
    .summary = "a live view of callbacks, failures and refused requests",
    .usage =
	"Usage: dlrd top [--interval SECONDS] [-c FILE]\n"
	"\n"
	"Shows, and refreshes: how many callbacks are accepted, refused and projected in a\n"
	"second, how far the projector is behind, the error codes of failed messages of this\n"
	"hour and of the last 24 hours, the busiest of the 200 newest campaigns in this hour,\n"
	"the newest refusals with what to change, and the newest events. Failures and\n"
	"campaigns are refreshed every 5 seconds. q ends it, and the space bar refreshes it\n"
	"now. It asks the running daemon, over [api] listen. While the daemon does not\n"
	"answer, the first line says since when there is no new data. If the output is not a\n"
	"terminal, prints one snapshot.\n"
	"\n"
	"  -i, --interval SECONDS\n"
	"                        between two refreshes (default 1)\n"
	"  -c, --config FILE     the configuration (default " SETTINGS_DEFAULT_PATH ")\n"
	"  -h, --help            show this\n",
    .run = run,
};
