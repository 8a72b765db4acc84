#define _DEFAULT_SOURCE
#include "dlrd/cli/store_work.h"

#include "control.h"
#include "dlrd/cli/output.h"

#include "dlrd/base/clock.h"
#include "dlrd/daemon/lock.h"
#include "dlrd/store/store.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define READY_PATH "/readyz"
#define POLL_FIRST_US (CLOCK_SECOND_US / 10)
#define POLL_LAST_US CLOCK_SECOND_US
#define STUCK_US (5 * CLOCK_SECOND_US) /* the daemon tries to open its store each second */

/* Work in progress. */
struct working {
	const struct cli_command *command;
	const struct settings *settings;
	const struct work_order *order;
	const struct work_description *description;
	struct work_result result;
};

/* --- without a daemon: the caller holds the lock --- */

static int
report_failure(const struct working *working, const char *path)
{
	return cli_failure(working->command, "%s: %s; correct the reason and run this again", path,
	    working->result.why);
}

/* Works on the store in this process. The umask is the daemon's, for files that SQLite creates. */
static int
work_directly(struct working *working, const char *path)
{
	const struct settings *settings = working->settings;
	const struct store_options options = {.path = path,
	    .policy = settings->conflicts,
	    .reply_window_us = settings->reply_window_us,
	    .reply_late_us = settings->reply_late_us};
	struct store *store = NULL;
	struct failure failure;
	uint64_t synced;
	int status = CLI_OK;

	umask(0027);
	if (store_open(&options, &store, &failure) != RESULT_OK)
		return cli_failure(working->command, "%s", failure.text);

	working->result = work_do(working->order, store, &settings->routes);
	if (working->result.state != WORK_DONE)
		status = report_failure(working, path);
	else if (engine_checkpoint(store_engine(store), &synced) != RESULT_OK)
		status = cli_failure(working->command,
		    "%s: %s; correct the reason and run this again", path, store_error(store));

	store_close(store);
	return status;
}

/* --- with a running daemon --- */

/* Reports an unexpected answer, and what to do about it. Returns CLI_FAILED. */
static int
report_refusal(const struct working *working, const struct control_answer *answer)
{
	if (answer->status == 404 || answer->status == 405)
		return cli_failure(working->command,
		    "this version of the daemon cannot do that; restart it with the current one, "
		    "or stop it and run this again");
	if (answer->status == 409)
		return cli_failure(working->command, "the daemon is busy with work that was "
						     "requested before; run this again when it "
						     "is done");
	return control_refused(working->command, working->settings, answer);
}

/* is_asked: the daemon was already asked to work. The caller frees out_answer->body. */
static int
ask(const struct working *working, const char *method, const char *path, unsigned expected_status,
    bool is_asked, struct control_answer *out_answer)
{
	struct failure failure;
	struct control_answer answer;
	enum result result = control_ask(working->settings, method, path, &answer, &failure);
	if (result != RESULT_OK && is_asked)
		return cli_failure(working->command,
		    "%s; the daemon had begun, and may still do it: 'dlrd audit' shows whether the "
		    "store is correct",
		    failure.text);
	if (result != RESULT_OK)
		return cli_failure(working->command,
		    "another dlrd has the store in %s open, but %s; give the daemon's own "
		    "configuration with -c, or stop it and run this again",
		    working->settings->directory, failure.text);
	if (answer.status != expected_status) {
		report_refusal(working, &answer);
		json_free(answer.body);
		return CLI_FAILED;
	}

	*out_answer = answer;
	return CLI_OK;
}

/* Reads the counts of the daemon, and what moved. */
static int
read_findings(struct working *working, const struct json_t *body)
{
	struct buffer moves = BUFFER_EMPTY;
	const struct json_t *moved = json_get(body, "moved");
	for (size_t i = 0; i < working->description->count; i++) {
		int64_t count;
		if (!json_int(json_get(body, working->description->counts[i].key), &count) ||
		    count < 0)
			return cli_failure(working->command,
			    "the daemon is done, but its answer lacks the counts; is it another "
			    "version?");
		working->result.counts[i] = (uint64_t)count;
	}
	if (moved != NULL && json_write(moved, &moves) == RESULT_OK) {
		buffer_append_byte(&moves, '\0');
		working->result.moves = moves.ptr;
	} else
		buffer_done(&moves);
	working->result.state = WORK_DONE;
	return CLI_OK;
}

/* Asks for the state of the work. *out_done: there is nothing more to wait for. */
static int
poll_daemon(struct working *working, bool *out_done)
{
	struct control_answer answer;
	int status = ask(working, "GET", working->description->path, 200, true, &answer);
	if (status != CLI_OK)
		return status;

	struct slice state = json_text(json_get(answer.body, "state"));
	*out_done = !slice_equal(state, SLICE("running"));
	if (slice_equal(state, SLICE("done")))
		status = read_findings(working, answer.body);
	else if (slice_equal(state, SLICE("failed"))) {
		struct buffer why = BUFFER_EMPTY;
		buffer_append_visible(&why, json_text(json_get(answer.body, "error")));
		status = cli_failure(working->command,
		    "the daemon could not do it, and nothing was changed: %.*s",
		    SLICE_ARG(buffer_slice(&why)));
		buffer_done(&why);
	} else if (*out_done)
		status = cli_failure(working->command,
		    "the daemon restarted before it reported the result; run this again");
	json_free(answer.body);
	return status;
}

/* Returns whether the daemon does not count and does not work on its store either: work does not
 * begin until it can open the store. Appends the reason to why. */
static bool
is_stuck(const struct working *working, struct buffer *why)
{
	struct control_answer answer;
	struct failure failure;
	if (control_ask(working->settings, "GET", READY_PATH, &answer, &failure) != RESULT_OK)
		return false; /* the next poll reports it */

	struct slice text = json_text(json_get(answer.body, "not_counted_why"));
	bool works = json_kind(json_get(answer.body, "migration")) == JSON_KIND_OBJECT;
	buffer_clear(why);
	buffer_append_visible(why, text);
	json_free(answer.body);
	return text.len > 0 && !works;
}

/* Reports work that does not begin. *stuck_us is the monotonic time at which that was first seen;
 * 0: it has begun. */
static int
check_stuck(const struct working *working, int64_t *stuck_us)
{
	struct buffer why = BUFFER_EMPTY;
	int64_t now_us = clock_monotonic_us();
	int status = CLI_OK;

	if (!is_stuck(working, &why))
		*stuck_us = 0;
	else if (*stuck_us == 0)
		*stuck_us = now_us;
	else if (now_us - *stuck_us >= STUCK_US)
		status = cli_failure(working->command,
		    "the daemon cannot do it now, and does it once it can: %.*s",
		    SLICE_ARG(buffer_slice(&why)));
	buffer_done(&why);
	return status;
}

/* The path of the request, with the order's values. */
static void
write_path(const struct working *working, struct buffer *out)
{
	const struct work_order *order = working->order;
	char from[CLOCK_TEXT_SIZE], to[CLOCK_TEXT_SIZE];
	buffer_append(out, slice_of(working->description->path));
	if (order->kind == WORK_UNDO)
		buffer_appendf(out, "?run=%s", order->run);
	if (order->from_us != 0)
		buffer_appendf(out, "?from=%s", clock_format(order->from_us, from));
	if (order->kind == WORK_RETAG && order->to_us != INT64_MAX)
		buffer_appendf(out, "%cto=%s", order->from_us != 0 ? '&' : '?',
		    clock_format(order->to_us, to));
	buffer_append_byte(out, '\0');
}

/* Has the daemon do the work. Each answer has a deadline, but the work has none: a rebuild takes
 * about as long as adding the receipts did. */
static int
work_by_daemon(struct working *working)
{
	struct control_answer answer;
	struct buffer path = BUFFER_EMPTY;
	bool done = false;
	int64_t stuck_us = 0;
	write_path(working, &path);
	int status = path.failed ? cli_failure(working->command, "no memory")
				 : ask(working, "POST", path.ptr, 202, false, &answer);
	buffer_done(&path);
	if (status != CLI_OK)
		return status;
	json_free(answer.body);

	for (int64_t pause_us = POLL_FIRST_US; status == CLI_OK && !done;) {
		clock_sleep(pause_us);
		pause_us = pause_us * 3 / 2 < POLL_LAST_US ? pause_us * 3 / 2 : POLL_LAST_US;
		status = poll_daemon(working, &done);
		if (status == CLI_OK && !done && pause_us == POLL_LAST_US)
			status = check_stuck(working, &stuck_us);
	}
	return status;
}

/* --- either --- */

static int
work(struct working *working)
{
	struct failure failure;
	struct stat file;
	char path[4096];
	struct lock lock;

	snprintf(path, sizeof path, "%s/" STORE_FILE, working->settings->directory);
	if (stat(path, &file) != 0)
		return cli_failure(
		    working->command, "%s: %s; there is nothing to work on", path, strerror(errno));

	enum result result = lock_acquire(working->settings->directory, &lock, &failure);
	if (result == RESULT_BUSY)
		return work_by_daemon(working);
	if (result != RESULT_OK)
		return cli_failure(working->command, "%s", failure.text);

	int status = work_directly(working, path);
	lock_release(&lock);
	return status;
}

static int
print_result(const struct working *working, bool json, store_work_fn print)
{
	bool written = true;
	if (json)
		written = output_json(work_json(working->order->kind, &working->result));
	else
		print(&working->result);
	if (!written || fflush(stdout) != 0 || ferror(stdout))
		return cli_failure(
		    working->command, "the work is done, but its result cannot be written");
	return CLI_OK;
}

int
store_work_run(const struct cli_command *command, const struct settings *settings,
    const struct work_order *order, bool json, store_work_fn print)
{
	struct working working = {.command = command,
	    .settings = settings,
	    .order = order,
	    .description = work_describe(order->kind)};
	int status = work(&working);
	if (status == CLI_OK)
		status = print_result(&working, json, print);
	work_done(&working.result);
	return status;
}
