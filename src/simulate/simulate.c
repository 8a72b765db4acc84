#include "dlrd/cli/cli.h"

#include "dlrd/base/clock.h"
#include "dlrd/daemon/settings.h"
#include "dlrd/twilio/callback_url.h"
#include "simulate_client.h"
#include "simulate_guard.h"
#include "simulate_options.h"
#include "simulate_report.h"
#include "simulate_request.h"
#include "simulate_undo.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#define QUERY_DEFAULT "account=SIMULATED&meta=0.0.1.20260101.0.wzrk_default.-1"
#define QUERY_FIELDS_MAX 100
#define EXIT_GONE 3  /* in addition to enum cli_status: the daemon is gone */
#define BLOCK_MIN 64 /* messages of a block, if the count is large enough */
#define BLOCKS_MIN 8

/* A run in progress. */
struct simulation {
	const struct cli_command *command;
	struct simulate_options options;
	struct settings *settings;
	struct simulate_plan plan;
	struct simulate_traffic traffic;
	struct simulate_requests requests;
	struct buffer query, target;
	struct ledger *ledger;  /* NULL for none */
	uint64_t unwritten;     /* acknowledged, but not in the ledger yet */
	struct failure failure; /* why the run cannot continue; "" while it can */
	struct simulate_report report;
};

static volatile sig_atomic_t interrupted;

static void
interrupt(int number)
{
	(void)number;
	interrupted = 1;
}

static bool
on_ready(void *context, struct simulate_item *out_item, struct buffer *out)
{
	struct simulation *simulation = context;
	if (interrupted || simulation->traffic.issued >= (uint64_t)simulation->plan.count)
		return false;

	*out_item = simulate_traffic_next(&simulation->traffic);
	enum result result = simulate_requests_write(&simulation->requests, out_item, out);
	if (result != RESULT_OK) {
		failure_set(
		    &simulation->failure, result, "cannot sign a request: %s", result_text(result));
		return false;
	}

	simulation->report.sent++;
	return true;
}

static void
on_answer(void *context, const struct simulate_item *item, unsigned status, int64_t latency_us)
{
	struct simulation *simulation = context;
	simulate_histogram_add(&simulation->report.latency, latency_us);
	if (!simulate_report_answer(&simulation->report, item, status))
		return;
	simulation->unwritten++;
	if (simulation->ledger != NULL)
		ledger_add(simulation->ledger, item);
}

static void
on_failure(void *context, const struct simulate_item *item)
{
	struct simulation *simulation = context;
	if (item != NULL)
		simulation->report.failed++;
	else
		simulation->report.failed_connects++;
}

/* A request counts as acknowledged only after its line was written. */
static bool
on_turn(void *context)
{
	struct simulation *simulation = context;
	if (simulation->ledger != NULL && simulation->unwritten > 0) {
		enum result result = ledger_flush(simulation->ledger);
		if (result != RESULT_OK)
			failure_set(&simulation->failure, result, "%s: %s",
			    simulation->options.ledger, strerror(errno));
	}
	if (simulation->failure.text[0] != '\0')
		return false;

	simulation->report.acknowledged += simulation->unwritten;
	simulation->unwritten = 0;
	return true;
}

static void
fill_client(struct simulation *simulation, struct simulate_client_options *out_options)
{
	const struct simulate_options *options = &simulation->options;
	out_options->connections = (size_t)options->connections;
	out_options->rate = options->rate;
	out_options->duration_us = options->duration_s * CLOCK_SECOND_US;
	out_options->reconnect_us = options->reconnect_s * CLOCK_SECOND_US;
	out_options->context = simulation;
	out_options->on_ready = on_ready;
	out_options->on_answer = on_answer;
	out_options->on_failure = on_failure;
	out_options->on_turn = on_turn;
}

static void
catch_interrupts(void)
{
	const struct sigaction action = {.sa_handler = interrupt, .sa_flags = (int)SA_RESETHAND};
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
}

static int
drive(struct simulation *simulation)
{
	struct simulate_client_options options = {0};
	struct simulate_report *report = &simulation->report;
	enum simulate_client_end end = SIMULATE_CLIENT_STOPPED;
	const char *target = simulation->options.target != NULL
				 ? simulation->options.target
				 : simulation->settings->listen.items[0];
	fill_client(simulation, &options);
	if (socket_address_read(slice_of(target), &options.address, &simulation->failure) !=
	    RESULT_OK)
		return cli_failure(simulation->command, "%s", simulation->failure.text);

	catch_interrupts();
	report->start_us = clock_monotonic_us();
	enum result result = simulate_client_run(&options, &end, &simulation->failure);
	report->end_us = clock_monotonic_us();
	report->gone = end == SIMULATE_CLIENT_GONE;
	if (result != RESULT_OK || simulation->failure.text[0] != '\0')
		return cli_failure(simulation->command, "%s", simulation->failure.text);

	return CLI_OK;
}

/* Finds the configured account that signs. */
static bool
choose_account(const struct simulation *simulation, struct slice *out_account)
{
	const struct verifier *verifier = simulation->settings->verifier;
	struct slice wanted = slice_of(simulation->options.account);
	for (size_t i = 0; i < verifier_account_count(verifier); i++)
		if (verifier_has_token(verifier, i, TOKEN_CURRENT) &&
		    (wanted.ptr == NULL || slice_equal(wanted, verifier_account(verifier, i)))) {
			*out_account = verifier_account(verifier, i);
			return true;
		}

	cli_failure(simulation->command, "%s has no account %.*s with an auth_token",
	    simulation->options.config, SLICE_ARG(wanted));
	return false;
}

/* Returns host and port of "https://user@host:port/path". */
static struct slice
host_of(struct slice url)
{
	struct slice host = slice_from(url, slice_find(url, '/'));
	while (host.len > 0 && host.ptr[0] == '/')
		host = slice_from(host, 1);
	host.len = slice_find(host, '/');
	for (size_t at; (at = slice_find(host, '@')) < host.len;)
		host = slice_from(host, at + 1);
	return host;
}

static struct slice
lookup(const void *form, struct slice name)
{
	return form_get(form, name);
}

/* Checks that the route's template finds the campaign in the query. */
static int
check_campaign(const struct simulation *simulation)
{
	const char *path = simulation->options.path, *campaign = simulation->options.campaign;
	const struct route *route = routes_find(&simulation->settings->routes, slice_of(path));
	struct form form = FORM_EMPTY;
	struct buffer found = BUFFER_EMPTY;
	if (route == NULL)
		return CLI_OK; /* the daemon will not know it either */

	bool same =
	    form_decode(&form, buffer_slice(&simulation->query), QUERY_FIELDS_MAX) == RESULT_OK &&
	    tags_template_fill(&route->campaign, lookup, &form, &found) == TAGS_FIT &&
	    slice_equal(buffer_slice(&found), slice_of(campaign));
	form_done(&form);
	buffer_done(&found);
	return same ? CLI_OK
		    : cli_failure(simulation->command,
			  "the template of [callback %s] does not take \"%s\" from the parameter "
			  "campaign; give the whole query with --query ('dlrd url' prints it)",
			  path, campaign);
}

static int
compose_query(struct simulation *simulation)
{
	const struct simulate_options *options = &simulation->options;
	struct buffer *query = &simulation->query;
	if (options->campaign == NULL) {
		buffer_append(
		    query, slice_of(options->query != NULL ? options->query : QUERY_DEFAULT));
		return CLI_OK;
	}
	buffer_append(query, SLICE("campaign="));
	callback_url_escape(slice_of(options->campaign), query);
	buffer_append(query, SLICE("&workspace=SIMULATED"));
	return check_campaign(simulation);
}

static int
prepare_requests(struct simulation *simulation)
{
	struct simulate_request_options options = {
	    .plan = &simulation->plan, .verifier = simulation->settings->verifier};
	if (simulation->settings->public_url.count == 0)
		return cli_failure(simulation->command,
		    "%s has no [server] public_url, which signatures need",
		    simulation->options.config);
	if (!choose_account(simulation, &options.account))
		return CLI_FAILED;

	int status = compose_query(simulation);
	if (status != CLI_OK)
		return status;
	buffer_appendf(&simulation->target, "%s%s%.*s", simulation->options.path,
	    simulation->query.len == 0 ? "" : "?", SLICE_ARG(buffer_slice(&simulation->query)));
	options.host = host_of(slice_of(simulation->settings->public_url.items[0]));
	options.target = buffer_slice(&simulation->target);
	if (simulation->query.failed || simulation->target.failed ||
	    simulate_requests_init(&simulation->requests, &options) != RESULT_OK)
		return cli_failure(simulation->command, "no memory");

	return CLI_OK;
}

/* Returns the exit status for the answers. 5xx and broken connections are not failures, since a
 * simulation may provoke them. */
static int
judge(const struct cli_command *command, const struct simulate_report *report)
{
	uint64_t wrong = report->refused + report->other_4xx + report->other + report->forged_taken;
	if (report->refused > 0)
		return cli_failure(command,
		    "genuine requests were refused: does the daemon use this token and this "
		    "public_url?");
	if (report->acknowledged + report->forged_refused == 0 && !report->gone)
		return cli_failure(command, "no request was answered correctly");
	return wrong > 0 ? CLI_FAILED : CLI_OK;
}

/* Asks on a terminal. Without one, the answer is no. */
static bool
may_send(const struct simulation *simulation, const char *reason)
{
	char answer[16] = "";
	if (simulation->options.yes)
		return true;
	if (!isatty(STDIN_FILENO) || !isatty(STDERR_FILENO)) {
		cli_failure(simulation->command,
		    "%s; simulated receipts would count among real ones; nothing was sent. --yes "
		    "sends them all the same",
		    reason);
		return false;
	}

	fprintf(stderr, "%s. Simulated receipts would count among real ones. Send them? [y/N] ",
	    reason);
	bool yes =
	    fgets(answer, sizeof answer, stdin) != NULL && (answer[0] == 'y' || answer[0] == 'Y');
	if (!yes)
		cli_failure(simulation->command, "nothing was sent");
	return yes;
}

/* Does not let a run get among real receipts by mistake. */
static int
check_purpose(struct simulation *simulation)
{
	const struct simulate_options *options = &simulation->options;
	const char *directory = simulation->settings->directory;
	char reason[4096 + 100];
	bool found = false;
	if (strcmp(options->config, SETTINGS_DEFAULT_PATH) == 0)
		return may_send(simulation, SETTINGS_DEFAULT_PATH " is the default configuration")
			   ? CLI_OK
			   : CLI_FAILED;

	if (!options->yes &&
	    simulate_guard_look(directory, &found, &simulation->failure) != RESULT_OK)
		return cli_failure(simulation->command, "%s", simulation->failure.text);
	snprintf(
	    reason, sizeof reason, "the store in %s has receipts of another origin", directory);
	return !found || may_send(simulation, reason) ? CLI_OK : CLI_FAILED;
}

static int
send_all(struct simulation *simulation)
{
	int status = prepare_requests(simulation);
	if (status == CLI_OK && simulation->options.ledger != NULL &&
	    ledger_create(simulation->options.ledger, &simulation->plan, &simulation->ledger,
		&simulation->failure) != RESULT_OK)
		status = cli_failure(simulation->command, "%s", simulation->failure.text);
	if (status == CLI_OK)
		status = drive(simulation);
	simulate_requests_done(&simulation->requests);
	ledger_close(simulation->ledger);
	if (status != CLI_OK)
		return status;

	return judge(simulation->command, &simulation->report);
}

static int
check(struct simulation *simulation)
{
	struct simulate_report *report = &simulation->report;
	const struct ledger_check wanted = {.path = simulation->options.ledger,
	    .directory = simulation->settings->directory,
	    .wait_us = simulation->options.wait_s * CLOCK_SECOND_US,
	    .on_difference = simulate_report_difference,
	    .context = report};
	if (ledger_check(&wanted, &report->findings, &simulation->failure) != RESULT_OK)
		return cli_failure(simulation->command, "%s", simulation->failure.text);

	report->checked = true;
	return report->difference_count == 0 ? CLI_OK : CLI_FAILED;
}

/* Runs the check. A failed sending determines the exit status; else the check does. */
static int
simulate(struct simulation *simulation)
{
	const struct simulate_options *options = &simulation->options;
	bool sending = simulation->plan.count > 0;
	int status = sending ? check_purpose(simulation) : CLI_OK;
	if (status != CLI_OK)
		return status;
	if (sending)
		status = send_all(simulation);
	bool was_driven = simulation->report.end_us != 0;
	if (sending && (!was_driven || simulation->failure.text[0] != '\0'))
		return status;
	if (options->check && !simulation->report.gone) {
		int checked = check(simulation);
		status = status == CLI_OK ? checked : status;
	}
	if (simulation->report.gone)
		status = EXIT_GONE;
	if (!options->json)
		simulate_report_print(&simulation->report, sending);
	else if (!simulate_report_print_json(&simulation->report, &simulation->plan, sending))
		status = cli_failure(simulation->command, "cannot write the answer");

	return status;
}

/* Returns the messages in a block. Callbacks of one message are a block apart. That must be further
 * than requests can overtake each other on so many connections, but short enough for a small run to
 * finish some messages. */
static int64_t
block_of(const struct simulate_options *options, const struct simulate_plan *plan)
{
	int64_t block = options->connections * 2 > BLOCK_MIN ? options->connections * 2 : BLOCK_MIN;
	int64_t most = plan->count / (SIMULATE_ANSWER * BLOCKS_MIN);
	return most < 1 ? 1 : most < block ? most : block;
}

static int
make_plan(struct simulation *simulation)
{
	const struct simulate_options *options = &simulation->options;
	struct simulate_plan *plan = &simulation->plan;
	if (getrandom(&plan->run, sizeof plan->run, 0) != (ssize_t)sizeof plan->run)
		return cli_failure(simulation->command, "no randomness: %s", strerror(errno));

	plan->run >>= 16;
	plan->seed = (uint64_t)options->seed;
	plan->count = options->count;
	plan->shuffle = options->shuffle;
	plan->duplicates = options->duplicates;
	plan->replies = options->replies;
	plan->forged = options->forged;
	if (simulate_plan_read_mix(plan, slice_of(options->mix), &simulation->failure) != RESULT_OK)
		return cli_usage_error(simulation->command, "%s", simulation->failure.text);

	plan->block = block_of(options, plan);
	simulation->traffic.plan = plan;

	return CLI_OK;
}

static int
run(const struct cli_command *command, int count, char **words)
{
	static struct simulation simulation; /* the histogram is too large for the stack */
	simulation.command = command;
	int status;
	if (!simulate_options_read(command, count, words, &simulation.options, &status))
		return status;

	status = make_plan(&simulation);
	if (status != CLI_OK)
		return status;
	simulation.settings = cli_load_settings(command, simulation.options.config, SETTINGS_SERVE);
	if (simulation.settings == NULL)
		status = CLI_FAILED;
	else if (simulation.options.undo != NULL)
		status = simulate_undo(command, simulation.settings, simulation.options.undo,
		    simulation.options.wait_s * CLOCK_SECOND_US, simulation.options.json);
	else
		status = simulate(&simulation);

	simulate_report_done(&simulation.report);
	buffer_done(&simulation.query);
	buffer_done(&simulation.target);
	settings_free(simulation.settings);

	return status;
}

const struct cli_command cli_simulate = {
    .name = "simulate",
    .summary = "send signed test traffic to a running daemon, and check its store",
    .usage =
	"Usage: dlrd simulate [-c FILE] [--count N] [--rate R] [--connections C] [...]\n"
	"       dlrd simulate [-c FILE] --check-only --ledger FILE [--wait S]\n"
	"       dlrd simulate [-c FILE] --undo FILE [--wait S]\n"
	"\n"
	"Sends status callbacks and replies, signed with the token and public URL of the\n"
	"configuration, to the daemon. The daemon counts them like real ones, so this asks\n"
	"first if the configuration is the default one, or if its store has receipts that no\n"
	"simulation made. Simulated requests have the signed parameter DlrdSimulated.\n"
	"\n"
	"Target and amount:\n"
	"  -c, --config FILE      the daemon's configuration (default " SETTINGS_DEFAULT_PATH ")\n"
	"      --account SID      sign for this account (default: the first one)\n"
	"      --target ADDRESS   HOST:PORT or unix:/path (default [server] listen)\n"
	"      --path P           of the callback URL (default /sms/twilio)\n"
	"      --query Q          of the callback URL (default " QUERY_DEFAULT ")\n"
	"      --campaign C       in place of --query: the receipts are of this campaign\n"
	"      --yes              do not ask\n"
	"      --count N          requests (default 10000, or no limit with --duration; 0 sends\n"
	"                         nothing)\n"
	"      --duration S       stop sending after S seconds\n"
	"      --rate R           requests a second; latency then counts from the time at which\n"
	"                         a request was due (default 0: each connection sends as soon\n"
	"                         as it was answered)\n"
	"      --connections C    1 to 4096, one request at a time on each (default 16); the\n"
	"                         daemon's connection_limit may be lower\n"
	"      --reconnect S      give up after S seconds without a connection (default 5);\n"
	"                         until then broken connections are reopened\n"
	"\n"
	"Traffic:\n"
	"      --mix M            outcomes and their weights (default\n"
	"                         delivered=80,undelivered:30003=6,undelivered:30005=5,\n"
	"                         failed:30007=5,undelivered:30006=4)\n"
	"      --shuffle P        percent of messages whose callbacks are out of order\n"
	"      --duplicates P     percent of requests that are sent twice\n"
	"      --replies P        percent of messages that are answered, one in five with STOP\n"
	"      --bad-signatures P percent of requests with a wrong signature\n"
	"      --seed N           seed of the random choices (default 1); SIDs differ in each run\n"
	"\n"
	"Results:\n"
	"      --ledger FILE      write each acknowledged request to a new file, as\n"
	"                         SID TAB status TAB error code (- for none)\n"
	"      --check            afterwards check that the store has each of them once, and\n"
	"                         none with a wrong signature\n"
	"      --check-only       check an existing ledger, and send nothing\n"
	"      --undo FILE        remove what the run of this ledger added to the store, and send\n"
	"                         nothing\n"
	"      --wait S           wait up to S seconds until the journal is projected (default "
	"60)\n"
	"      --json             print JSON\n"
	"  -h, --help             show this help\n"
	"\n"
	"A request without an answer is not repeated. Exit status: 0 if there were no errors\n"
	"(5xx and broken connections only count, as long as other requests succeed), 1 if a\n"
	"genuine request was refused or redirected, a wrong signature was accepted, the check\n"
	"found a difference or something failed, 2 for a wrong command line, 3 if the daemon\n"
	"is gone (then nothing is checked; start it, and use --check-only). An interrupt stops\n"
	"sending and prints the report.\n",
    .run = run,
};
