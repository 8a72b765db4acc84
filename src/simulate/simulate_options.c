#include "simulate_options.h"

#include "dlrd/daemon/settings.h"
#include "simulate_client.h"
#include "simulate_traffic.h"

#define COUNT_DEFAULT 10000
#define COUNT_UNSET (-1)

static bool
is_target_text(const char *text)
{
	for (; *text != '\0'; text++)
		if (*text <= ' ' || *text > '~' || *text == '#')
			return false;
	return true;
}

/* Checks the bounds of all numbers, and what goes together. Returns the exit status. */
static int
check(const struct cli_command *command, const struct simulate_options *given)
{
	const struct {
		const char *name;
		int64_t value, min, max;
	} bounds[] = {
	    {"count", given->count, 0, SIMULATE_COUNT_MAX},
	    {"connections", given->connections, 1, SIMULATE_CONNECTIONS_MAX},
	    {"rate", given->rate, 0, 10000000},
	    {"duration", given->duration_s, 0, 31536000},
	    {"reconnect", given->reconnect_s, 1, 86400},
	    {"wait", given->wait_s, 0, 86400},
	    {"shuffle", given->shuffle, 0, 100},
	    {"duplicates", given->duplicates, 0, 100},
	    {"replies", given->replies, 0, 100},
	    {"bad-signatures", given->forged, 0, 100},
	};
	for (size_t i = 0; i < sizeof bounds / sizeof bounds[0]; i++)
		if (bounds[i].value < bounds[i].min || bounds[i].value > bounds[i].max)
			return cli_usage_error(command, "--%s must be %lld to %lld", bounds[i].name,
			    (long long)bounds[i].min, (long long)bounds[i].max);

	if (given->undo != NULL && (given->check || given->ledger != NULL))
		return cli_usage_error(
		    command, "--undo FILE goes with neither --ledger nor --check");
	if (given->check && given->ledger == NULL)
		return cli_usage_error(command, "a check needs --ledger FILE");
	if (given->query != NULL && given->campaign != NULL)
		return cli_usage_error(command, "give one of --query and --campaign");
	if (given->path[0] != '/' || !is_target_text(given->path) ||
	    (given->query != NULL && !is_target_text(given->query)))
		return cli_usage_error(command, "--path and --query must be escaped as in a URL");

	return CLI_OK;
}

bool
simulate_options_read(const struct cli_command *command, int count, char **words,
    struct simulate_options *out_options, int *out_status)
{
	struct simulate_options *given = out_options;
	*given = (struct simulate_options){.config = SETTINGS_DEFAULT_PATH,
	    .path = "/sms/twilio",
	    .mix = SIMULATE_MIX_DEFAULT,
	    .count = COUNT_UNSET,
	    .connections = 16,
	    .reconnect_s = 5,
	    .wait_s = 60,
	    .seed = 1};
	const struct cli_option options[] = {{"config", 'c', .text = &given->config},
	    {"account", 0, .text = &given->account}, {"target", 0, .text = &given->target},
	    {"path", 0, .text = &given->path}, {"query", 0, .text = &given->query},
	    {"campaign", 0, .text = &given->campaign}, {"count", 0, .number = &given->count},
	    {"duration", 0, .number = &given->duration_s}, {"rate", 0, .number = &given->rate},
	    {"connections", 0, .number = &given->connections},
	    {"reconnect", 0, .number = &given->reconnect_s}, {"mix", 0, .text = &given->mix},
	    {"shuffle", 0, .number = &given->shuffle},
	    {"duplicates", 0, .number = &given->duplicates},
	    {"replies", 0, .number = &given->replies},
	    {"bad-signatures", 0, .number = &given->forged}, {"seed", 0, .number = &given->seed},
	    {"ledger", 0, .text = &given->ledger}, {"undo", 0, .text = &given->undo},
	    {"check", 0, .flag = &given->check}, {"check-only", 0, .flag = &given->check_only},
	    {"wait", 0, .number = &given->wait_s}, {"json", 0, .flag = &given->json},
	    {"yes", 0, .flag = &given->yes}};
	if (!cli_read_options(command, count, words, options, sizeof options / sizeof options[0], 0,
		NULL, out_status))
		return false;
	if (given->count == COUNT_UNSET)
		given->count = given->duration_s > 0 ? SIMULATE_COUNT_MAX : COUNT_DEFAULT;
	if (given->check_only || given->undo != NULL)
		given->count = 0;
	given->check = given->check || given->check_only;

	*out_status = check(command, given);
	return *out_status == CLI_OK;
}
