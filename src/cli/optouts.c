#include "dlrd/query/optouts.h"
#include "ask.h"
#include "dlrd/query/table.h"

#include <stdio.h>
#include <string.h>

/* --- one number --- */

/* Prints the state of a number, and its scopes, above the table of its history. */
static enum result
print_scopes(
    struct cli_query *query, const struct query_values *values, struct slice number, int64_t at_us)
{
	struct json_t *object = json_new_object();
	struct buffer text = BUFFER_EMPTY;
	struct output *output =
	    output_new(query->format, &query_scopes.report, SLICE_NONE, query->zone);
	enum result result = query_ask_members(query->reader, &query_number, values, object);
	if (result == RESULT_OK)
		result = optouts_scopes(query->reader, number, at_us, output_add_row, output);

	if (result == RESULT_OK) {
		buffer_append_visible(&text, number);
		printf("%.*s: %.*s\n\n", SLICE_ARG(buffer_slice(&text)),
		    SLICE_ARG(json_text(json_get(object, "state"))));
		output_finish(output, NULL);
		printf("\n");
	} else
		output_free(output);
	buffer_done(&text);
	json_free(object);
	return result;
}

static int
show_found(struct cli_query *query, const struct cli_command *command, struct query_values *values,
    struct slice number, int64_t at_us)
{
	enum result result = RESULT_OK;
	query_give(&query_number, values, "number", number, 0);
	if (output_is_table(query->format))
		result = print_scopes(query, values, number, at_us);
	return result == RESULT_OK ? ask_show(query, command, &query_number, values)
				   : query_failure(query, command, result);
}

static bool
write_candidates(struct cli_query *query, const struct address_spellings *spellings, int64_t at_us,
    struct output *output)
{
	struct json_t *object, *array = NULL;
	size_t count;
	if (query->format != OUTPUT_JSON)
		return output_finish(output, NULL);
	output_free(output);
	if (optouts_candidates_json(query->reader, spellings, at_us, query->zone, &array, &count) !=
	    RESULT_OK)
		return false;
	object = json_new_object();
	json_put(object, "candidates", array);
	return output_json(object);
}

/* Shows the numbers that may be meant by one whose country code is missing. */
static int
show_candidates(struct cli_query *query, const struct cli_command *command,
    const struct address_spellings *spellings, int64_t at_us)
{
	size_t count = 0;
	struct output *output =
	    output_new(query->format, &query_candidates.report, SLICE_NONE, query->zone);
	enum result result =
	    optouts_candidates(query->reader, spellings, at_us, output_add_row, output, &count);
	if (result != RESULT_OK || count == 0)
		output_free(output);
	if (result != RESULT_OK)
		return query_failure(query, command, result);
	if (count == 0)
		return cli_failure(command,
		    OPTOUT_NO_COUNTRY "; no number in the ledger ends in these digits",
		    SLICE_ARG(spellings->bare_digits));

	if (!write_candidates(query, spellings, at_us, output))
		return cli_failure(command, "cannot write the answer");
	return cli_failure(command,
	    OPTOUT_NO_COUNTRY "; numbers in the ledger that end in these digits: %zu",
	    SLICE_ARG(spellings->bare_digits), count);
}

static int
show_number(struct cli_query *query, const struct cli_command *command, struct query_values *values,
    const char *word)
{
	struct address_spellings spellings;
	struct slice number;
	int64_t at_us = values->items[query_find_kind(&query_number, QUERY_AT)].number;
	int64_t country_code = cli_country_code(query->config, query->directory);
	address_spell(slice_of(word), country_code, &spellings);
	enum result result = optouts_find(query->reader, &spellings, at_us, &number);
	if (result == RESULT_OK)
		return show_found(query, command, values, number, at_us);
	if (result != RESULT_NOT_FOUND && result != RESULT_LIMIT)
		return query_failure(query, command, result);
	bool is_bare = spellings.bare_digits.ptr != NULL;
	if (result == RESULT_LIMIT || (is_bare && country_code == 0))
		return show_candidates(query, command, &spellings, at_us);
	if (!spellings.is_address)
		return cli_usage_error(command, "give " ADDRESS_EXPECTED);
	return cli_failure(command,
	    "there is no entry of \"%.*s\": it has neither opted out nor in%s",
	    SLICE_ARG(spellings.items[spellings.count - 1]), at_us != 0 ? " until then" : "");
}

/* --- which of them --- */

#define TEXTS 7
#define OWN_OPTIONS 5
static const char *const text_options[TEXTS] = {
    "scope", "state", "at", "from", "to", "workspace", "campaign"};

/* What the command line said. */
struct wanted {
	const char *texts[TEXTS];
	int64_t after, limit;
	bool changes, near_misses;
	const char *zone;
	const char *number; /* NULL if none is given */
	const char *form;   /* the question, in an error */
};

static const struct query *
choose_question(const struct cli_command *command, struct wanted *wanted)
{
	int forms = wanted->changes + wanted->near_misses + (wanted->number != NULL);
	if (forms > 1) {
		cli_usage_error(command, "give one of --changes, --near-misses and a number");
		return NULL;
	}
	wanted->form = wanted->number != NULL ? "a number"
		       : wanted->changes      ? "--changes"
		       : wanted->near_misses  ? "--near-misses"
					      : "the list";
	return wanted->number != NULL ? &query_number
	       : wanted->changes      ? &query_consent_changes
	       : wanted->near_misses  ? query_find("/v1/near-misses")
				      : &query_optouts;
}

/* Options that would be passed over are mistakes. */
static bool
give(const struct cli_command *command, const struct wanted *wanted, const struct query *row,
    const char *option, const char *text, int64_t number, struct query_values *values)
{
	if (text == NULL && number == 0)
		return true;
	for (size_t i = 0; i < query_parameter_count(row); i++) {
		const struct query_parameter *parameter = &row->parameters[i];
		if (!parameter->http_only && strcmp(query_option_name(parameter), option) == 0)
			return query_option(command, row, i, text, number, values);
	}
	cli_usage_error(command, "--%s does not go with %s", option, wanted->form);
	return false;
}

static int
answer(struct cli_query *query, const struct cli_command *command, struct wanted *wanted)
{
	const struct query *row = choose_question(command, wanted);
	if (row == NULL)
		return CLI_USAGE;

	struct query_values values = query_values(row);
	if (!query_open_zone(command, wanted->zone, output_is_table(query->format), &query->zone))
		return CLI_USAGE;
	values.zone = query->zone;
	for (size_t i = 0; i < TEXTS; i++)
		if (!give(command, wanted, row, text_options[i], wanted->texts[i], 0, &values))
			return CLI_USAGE;
	if (!give(command, wanted, row, "after", NULL, wanted->after, &values) ||
	    !give(command, wanted, row, "limit", NULL, wanted->limit, &values))
		return CLI_USAGE;
	if (!query_names_exist(query, command, row, &values))
		return CLI_FAILED;
	return wanted->number != NULL ? show_number(query, command, &values, wanted->number)
				      : ask_show(query, command, row, &values);
}

static int
run(const struct cli_command *command, int count, char **words)
{
	struct cli_query query = {0};
	struct wanted wanted = {0};
	struct cli_option options[QUERY_OPTION_COUNT + OWN_OPTIONS + TEXTS] = {QUERY_OPTIONS(query),
	    {"changes", 0, .flag = &wanted.changes},
	    {"near-misses", 0, .flag = &wanted.near_misses}, {"after", 0, .number = &wanted.after},
	    {"limit", 0, .number = &wanted.limit}, {"tz", 0, .text = &wanted.zone}};
	int operands, status;
	for (size_t i = 0; i < TEXTS; i++)
		options[QUERY_OPTION_COUNT + OWN_OPTIONS + i] =
		    (struct cli_option){text_options[i], 0, .text = &wanted.texts[i]};
	if (!query_begin(&query, command, count, words, options, sizeof options / sizeof options[0],
		1, &operands, &status))
		return status;
	wanted.number = operands < count ? words[operands] : NULL;
	status = answer(&query, command, &wanted);
	query_close(&query);
	return status;
}

const struct cli_command cli_optouts = {
    .name = "optouts",
    .summary = "who must not be texted any more, since when, and why",
    .usage =
	"Usage: dlrd optouts [--scope S] [--state out|in|any] [--at T] [--from T] [--to T]\n"
	"                    [--limit N] [--tz ZONE]\n"
	"       dlrd optouts NUMBER [--at T] [--tz ZONE]\n"
	"       dlrd optouts --changes [--after SEQ] [--limit N] [--tz ZONE]\n"
	"       dlrd optouts --near-misses [--workspace W] [--campaign C] [--from T] [--to T]\n"
	"                    [--after SEQ] [--limit N] [--tz ZONE]\n"
	"                    [--json | --csv] [-c FILE | --store DIR]\n"
	"\n"
	"Shows the numbers that opted out, by scope: the messaging service or the sender that\n"
	"the opt-out applies to. For one NUMBER, shows its state in each scope and all evidence;\n"
	"the exit status is 1 if nothing is known of it. The plus may be left out, and\n"
	"there may be spaces, hyphens, brackets, 00 or tel: as people write them. A number "
	"without\n"
	"a country code is one of [numbers] country_code. If that is not set, the numbers that "
	"end\n"
	"in its digits are shown, with their states, and the command ends with 1.\n"
	"\n"
	"      --scope S         only this messaging service or sender\n"
	"      --state STATE     out (the default), in: opted in again, or any\n"
	"      --at T            as it was then, 2026-11-20T14:00:00Z or 2026-11-20\n"
	"      --from T, --to T  only states since a time between; near misses of that time\n"
	"      --changes         each change of a state, to be carried over to other lists\n"
	"      --near-misses     replies that sound like an opt-out, and are none to Twilio\n"
	"      --workspace W, --campaign C\n"
	"                        only near misses that count in this workspace, this campaign\n"
	"      --after SEQ       only those after this one; --json says which was the last\n"
	"      --limit N         at most so many (default: all)\n"
	"      --tz ZONE         the time zone of days and times: UTC, +05:30, Europe/Berlin\n"
	"                        (default: the machine's in a table, UTC in JSON and "
	"CSV)\n" QUERY_USAGE,
    .run = run,
};
