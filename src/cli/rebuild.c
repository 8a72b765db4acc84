#define _DEFAULT_SOURCE
#include "control.h"
#include "dlrd/cli/cli.h"
#include "dlrd/cli/output.h"

#include "dlrd/base/clock.h"
#include "dlrd/daemon/lock.h"
#include "dlrd/store/store.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define REBUILD_PATH "/v1/rebuild"
#define READY_PATH "/readyz"
#define POLL_FIRST_US (CLOCK_SECOND_US / 10)
#define POLL_LAST_US CLOCK_SECOND_US
#define STUCK_US (5 * CLOCK_SECOND_US) /* the daemon tries to open its store each second */

enum { FINDING_MESSAGES, FINDING_CORRECTED, FINDING_COUNT = 6 };

/* The counts that a rebuild reports. key: their names in the api. */
static const struct {
	const char *key, *label;
} findings[FINDING_COUNT] = {
    [FINDING_MESSAGES] = {"messages", "messages"},
    [FINDING_CORRECTED] = {"mended", "of them"},
    {"replies", "replies"},
    {"figures", "figures"},
    {"campaigns", "campaigns' times"},
    {"optouts", "opt-outs"},
};

struct rebuilding {
	const struct cli_command *command;
	const struct settings *settings;
	uint64_t counts[FINDING_COUNT];
};

static bool
print_json(const struct rebuilding *rebuilding)
{
	struct json_t *object = json_new_object();
	json_put_text(object, "state", SLICE("done"));
	for (size_t i = 0; i < FINDING_COUNT; i++)
		json_put_int(object, findings[i].key, (int64_t)rebuilding->counts[i]);
	json_put_null(object, "error");
	return output_json(object);
}

static void
print_text(const struct rebuilding *rebuilding)
{
	printf("%llu messages recomputed; corrected:",
	    (unsigned long long)rebuilding->counts[FINDING_MESSAGES]);
	for (size_t i = FINDING_CORRECTED; i < FINDING_COUNT; i++)
		printf("%s %llu %s", i == FINDING_CORRECTED ? "" : ",",
		    (unsigned long long)rebuilding->counts[i], findings[i].label);
	printf("\n");
}

static int
print_findings(const struct rebuilding *rebuilding, bool json)
{
	bool written = true;
	if (json)
		written = print_json(rebuilding);
	else
		print_text(rebuilding);
	if (!written || fflush(stdout) != 0 || ferror(stdout))
		return cli_failure(rebuilding->command,
		    "the store was rebuilt, but what was found cannot be written");
	return CLI_OK;
}

/* --- without a daemon: the caller holds the lock --- */

static enum result
rebuild_store(struct store *store, struct rebuilding *rebuilding)
{
	struct store_rebuilt rebuilt;
	uint64_t synced;
	enum result result = store_rebuild(store, &rebuilt);
	if (result == RESULT_OK)
		result = engine_checkpoint(store_engine(store), &synced);
	if (result != RESULT_OK)
		return result;

	const uint64_t counts[FINDING_COUNT] = {rebuilt.messages, rebuilt.corrected,
	    rebuilt.replies, rebuilt.figures, rebuilt.campaigns, rebuilt.optouts};
	memcpy(rebuilding->counts, counts, sizeof counts);
	return RESULT_OK;
}

/* Rebuilds the store in this process. The umask is the daemon's, for files that SQLite creates. */
static int
rebuild_directly(struct rebuilding *rebuilding, const char *path)
{
	const struct settings *settings = rebuilding->settings;
	const struct store_options options = {.path = path,
	    .policy = settings->conflicts,
	    .reply_window_us = settings->reply_window_us,
	    .reply_late_us = settings->reply_late_us};
	struct store *store = NULL;
	struct failure failure;
	int status = CLI_OK;

	umask(0027);
	if (store_open(&options, &store, &failure) != RESULT_OK)
		return cli_failure(rebuilding->command, "%s", failure.text);

	enum result result = rebuild_store(store, rebuilding);
	if (result != RESULT_OK)
		status = cli_failure(rebuilding->command,
		    "%s: %s: %s; correct the reason and run this again", path, result_text(result),
		    store_error(store));

	store_close(store);
	return status;
}

/* --- with a running daemon --- */

/* Reports an unexpected answer, and what to do about it. Returns CLI_FAILED. */
static int
report_refusal(const struct rebuilding *rebuilding, const struct control_answer *answer)
{
	if (answer->status == 404 || answer->status == 405)
		return cli_failure(rebuilding->command,
		    "this version of the daemon cannot rebuild; restart it with the current one, "
		    "or stop it and run this again");
	if (answer->status == 409)
		return cli_failure(rebuilding->command,
		    "the daemon is busy with a rebuild that was requested before; run this again "
		    "when it is done");
	return control_refused(rebuilding->command, rebuilding->settings, answer);
}

/* is_asked: the daemon was already asked to rebuild. The caller frees out_answer->body. */
static int
ask(const struct rebuilding *rebuilding, const char *method, unsigned expected_status,
    bool is_asked, struct control_answer *out_answer)
{
	struct failure failure;
	struct control_answer answer;
	enum result result =
	    control_ask(rebuilding->settings, method, REBUILD_PATH, &answer, &failure);
	if (result != RESULT_OK && is_asked)
		return cli_failure(rebuilding->command,
		    "%s; the daemon had begun to rebuild, and may still do it: 'dlrd audit' shows "
		    "whether the store is correct",
		    failure.text);
	if (result != RESULT_OK)
		return cli_failure(rebuilding->command,
		    "another dlrd has the store in %s open, but %s; give the daemon's own "
		    "configuration with -c, or stop it and run this again",
		    rebuilding->settings->directory, failure.text);
	if (answer.status != expected_status) {
		report_refusal(rebuilding, &answer);
		json_free(answer.body);
		return CLI_FAILED;
	}

	*out_answer = answer;
	return CLI_OK;
}

/* Reads the counts of the daemon. */
static int
read_findings(struct rebuilding *rebuilding, const struct json_t *body)
{
	for (size_t i = 0; i < FINDING_COUNT; i++) {
		int64_t count;
		if (!json_int(json_get(body, findings[i].key), &count) || count < 0)
			return cli_failure(rebuilding->command,
			    "the daemon is done, but its answer lacks the counts; is it another "
			    "version?");
		rebuilding->counts[i] = (uint64_t)count;
	}
	return CLI_OK;
}

/* Asks for the state of the rebuild. *out_done: there is nothing more to wait for. */
static int
poll_daemon(struct rebuilding *rebuilding, bool *out_done)
{
	struct control_answer answer;
	int status = ask(rebuilding, "GET", 200, true, &answer);
	if (status != CLI_OK)
		return status;

	struct slice state = json_text(json_get(answer.body, "state"));
	*out_done = !slice_equal(state, SLICE("running"));
	if (slice_equal(state, SLICE("done")))
		status = read_findings(rebuilding, answer.body);
	else if (slice_equal(state, SLICE("failed"))) {
		struct buffer why = BUFFER_EMPTY;
		buffer_append_visible(&why, json_text(json_get(answer.body, "error")));
		status = cli_failure(rebuilding->command,
		    "the daemon could not rebuild, and nothing was changed: %.*s",
		    SLICE_ARG(buffer_slice(&why)));
		buffer_done(&why);
	} else if (*out_done)
		status = cli_failure(rebuilding->command,
		    "the daemon restarted before it reported the result; run this again");
	json_free(answer.body);
	return status;
}

/* Returns whether the daemon does not count and does not work on its store either: a rebuild does
 * not begin until it can open the store. Appends the reason to why. */
static bool
is_stuck(const struct rebuilding *rebuilding, struct buffer *why)
{
	struct control_answer answer;
	struct failure failure;
	if (control_ask(rebuilding->settings, "GET", READY_PATH, &answer, &failure) != RESULT_OK)
		return false; /* the next poll reports it */

	struct slice text = json_text(json_get(answer.body, "not_counted_why"));
	bool works = json_kind(json_get(answer.body, "migration")) == JSON_KIND_OBJECT;
	buffer_clear(why);
	buffer_append_visible(why, text);
	json_free(answer.body);
	return text.len > 0 && !works;
}

/* Reports a rebuild that does not begin. *stuck_us is the monotonic time at which that was first
 * seen; 0: the rebuild has begun. */
static int
check_stuck(const struct rebuilding *rebuilding, int64_t *stuck_us)
{
	struct buffer why = BUFFER_EMPTY;
	int64_t now_us = clock_monotonic_us();
	int status = CLI_OK;

	if (!is_stuck(rebuilding, &why))
		*stuck_us = 0;
	else if (*stuck_us == 0)
		*stuck_us = now_us;
	else if (now_us - *stuck_us >= STUCK_US)
		status = cli_failure(rebuilding->command,
		    "the daemon cannot rebuild now, and does it once it can: %.*s",
		    SLICE_ARG(buffer_slice(&why)));
	buffer_done(&why);
	return status;
}

/* Has the daemon rebuild the store. Each answer has a deadline, but the rebuild has none: it takes
 * about as long as adding the receipts did. */
static int
rebuild_by_daemon(struct rebuilding *rebuilding)
{
	struct control_answer answer;
	bool done = false;
	int64_t stuck_us = 0;
	int status = ask(rebuilding, "POST", 202, false, &answer);
	if (status != CLI_OK)
		return status;
	json_free(answer.body);

	for (int64_t pause_us = POLL_FIRST_US; status == CLI_OK && !done;) {
		clock_sleep(pause_us);
		pause_us = pause_us * 3 / 2 < POLL_LAST_US ? pause_us * 3 / 2 : POLL_LAST_US;
		status = poll_daemon(rebuilding, &done);
		if (status == CLI_OK && !done && pause_us == POLL_LAST_US)
			status = check_stuck(rebuilding, &stuck_us);
	}
	return status;
}

/* --- the command --- */

static int
rebuild(struct rebuilding *rebuilding)
{
	struct failure failure;
	struct stat file;
	char path[4096];
	struct lock lock;

	snprintf(path, sizeof path, "%s/" STORE_FILE, rebuilding->settings->directory);
	if (stat(path, &file) != 0)
		return cli_failure(rebuilding->command, "%s: %s; there is nothing to rebuild", path,
		    strerror(errno));

	enum result result = lock_acquire(rebuilding->settings->directory, &lock, &failure);
	if (result == RESULT_BUSY)
		return rebuild_by_daemon(rebuilding);
	if (result != RESULT_OK)
		return cli_failure(rebuilding->command, "%s", failure.text);

	int status = rebuild_directly(rebuilding, path);
	lock_release(&lock);
	return status;
}

static int
run(const struct cli_command *command, int count, char **words)
{
	const char *path = SETTINGS_DEFAULT_PATH;
	bool json = false;
	const struct cli_option options[] = {
	    {"config", 'c', .text = &path}, {"json", 0, .flag = &json}};
	int status;
	if (!cli_read_options(command, count, words, options, 2, 0, NULL, &status))
		return status;
	struct settings *settings = cli_load_settings(command, path, SETTINGS_QUERY);
	if (settings == NULL)
		return CLI_FAILED;

	struct rebuilding rebuilding = {.command = command, .settings = settings};
	status = rebuild(&rebuilding);
	if (status == CLI_OK)
		status = print_findings(&rebuilding, json);
	settings_free(settings);
	return status;
}

const struct cli_command cli_rebuild = {
    .name = "rebuild",
    .summary = "recompute everything from the receipts, and correct the store",
    .usage =
	"Usage: dlrd rebuild [--json] [-c FILE]\n"
	"\n"
	"Recomputes each message, the campaign of each reply, all figures and the opt-out list\n"
	"from the stored receipts, in one transaction. If a daemon has the store open, asks it to\n"
	"do this, over [api] listen and with [api] token_file. The daemon accepts callbacks\n"
	"meanwhile, counts them afterwards, and uses its own settings. Otherwise this command\n"
	"does it, and no daemon can start until it is done. Ends with 0 if the store is now\n"
	"correct, whether or not anything was corrected.\n"
	"\n"
	"  -c, --config FILE  the configuration (default " SETTINGS_DEFAULT_PATH ")\n"
	"      --json         answer in JSON, as the api does\n"
	"  -h, --help         show this\n",
    .run = run,
};
