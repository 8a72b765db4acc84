#include "dlrd/query/optouts.h"
#include "ask.h"
#include "dlrd/query/table.h"

#include <stdio.h>

/* What the command line said. */
struct wanted {
	const char *scope, *state, *at, *from, *to, *workspace, *campaign;
	bool changes, near_misses;
	int64_t after, limit, at_us, from_us, to_us;
};

/* --- questions of the table --- */

static int
show_list(struct cli_query *query, const struct cli_command *command, const struct wanted *wanted)
{
	const struct query *row = &query_optouts;
	struct query_values values = query_values(row);
	query_give(row, &values, "state", slice_of(wanted->state), 0);
	query_give(row, &values, "scope", slice_of(wanted->scope), 0);
	query_give(row, &values, "at", SLICE_NONE, wanted->at_us);
	query_give(row, &values, "from", SLICE_NONE, wanted->from_us);
	query_give(row, &values, "to", SLICE_NONE, wanted->to_us);
	query_give(row, &values, "limit", SLICE_NONE, wanted->limit);
	return ask_show(query, command, row, &values);
}

static int
show_changes(
    struct cli_query *query, const struct cli_command *command, const struct wanted *wanted)
{
	const struct query *row = &query_consent_changes;
	struct query_values values = query_values(row);
	query_give(row, &values, "after", SLICE_NONE, wanted->after);
	query_give(row, &values, "limit", SLICE_NONE, wanted->limit);
	return ask_show(query, command, row, &values);
}

static int
show_near_misses(
    struct cli_query *query, const struct cli_command *command, const struct wanted *wanted)
{
	const struct query *row = query_find("/v1/near-misses");
	struct query_values values = query_values(row);
	query_give(row, &values, "workspace", slice_of(wanted->workspace), 0);
	query_give(row, &values, "campaign", slice_of(wanted->campaign), 0);
	query_give(row, &values, "from", SLICE_NONE, wanted->from_us);
	query_give(row, &values, "to", SLICE_NONE, wanted->to_us);
	query_give(row, &values, "next", SLICE_NONE, wanted->after);
	query_give(row, &values, "limit", SLICE_NONE, wanted->limit);
	return ask_show(query, command, row, &values);
}

/* --- one number --- */

static void
add_row(void *context, const struct report_row *row, int64_t place)
{
	(void)place;
	output_add(context, row);
}

/* Prints the state of a number, and its scopes, above the table of its history. */
static enum result
print_scopes(
    struct cli_query *query, const struct query_values *values, struct slice number, int64_t at_us)
{
	struct json_t *object = json_new_object();
	struct buffer text = BUFFER_EMPTY;
	struct output *output = output_new_shown(OUTPUT_TABLE, &query_scopes.report, SLICE_NONE);
	enum result result = query_ask_members(query->reader, &query_number, values, object);
	if (result == RESULT_OK)
		result = optouts_scopes(query->reader, number, at_us, add_row, output);

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
show_found(
    struct cli_query *query, const struct cli_command *command, struct slice number, int64_t at_us)
{
	struct query_values values = query_values(&query_number);
	enum result result = RESULT_OK;
	query_give(&query_number, &values, "number", number, 0);
	query_give(&query_number, &values, "at", SLICE_NONE, at_us);
	if (query->format == OUTPUT_TABLE)
		result = print_scopes(query, &values, number, at_us);
	return result == RESULT_OK ? ask_show(query, command, &query_number, &values)
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
	if (optouts_candidates_json(query->reader, spellings, at_us, &array, &count) != RESULT_OK)
		return false;
	object = json_new_object();
	json_put(object, "candidates", array);
	bool written = output_json(object);
	json_free(object);
	return written;
}

/* Shows the numbers that may be meant by one whose country code is missing. */
static int
show_candidates(struct cli_query *query, const struct cli_command *command,
    const struct address_spellings *spellings, int64_t at_us)
{
	size_t count = 0;
	struct output *output =
	    output_new_shown(query->format, &query_candidates.report, SLICE_NONE);
	enum result result =
	    optouts_candidates(query->reader, spellings, at_us, add_row, output, &count);
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
show_number(struct cli_query *query, const struct cli_command *command, const struct wanted *wanted,
    const char *word)
{
	struct address_spellings spellings;
	struct slice number;
	int64_t country_code = cli_country_code(query->config, query->directory);
	address_spell(slice_of(word), country_code, &spellings);
	enum result result = optouts_find(query->reader, &spellings, wanted->at_us, &number);
	if (result == RESULT_OK)
		return show_found(query, command, number, wanted->at_us);
	if (result != RESULT_NOT_FOUND && result != RESULT_LIMIT)
		return query_failure(query, command, result);
	bool is_bare = spellings.bare_digits.ptr != NULL;
	if (result == RESULT_LIMIT || (is_bare && country_code == 0))
		return show_candidates(query, command, &spellings, wanted->at_us);
	if (!spellings.is_address)
		return cli_usage_error(command, "give " ADDRESS_EXPECTED);
	return cli_failure(command,
	    "there is no entry of \"%.*s\": it has neither opted out nor in%s",
	    SLICE_ARG(spellings.items[spellings.count - 1]),
	    wanted->at_us != 0 ? " until then" : "");
}

/* --- which of them --- */

/* Options that would be passed over are mistakes. */
static int
check(const struct cli_command *command, const struct wanted *wanted, bool number)
{
	bool follows = wanted->changes || wanted->near_misses;
	if (wanted->changes && wanted->near_misses)
		return cli_usage_error(command, "give either --changes or --near-misses");
	if (number && follows)
		return cli_usage_error(
		    command, "--changes and --near-misses are of all numbers, not of one");
	if ((number || follows) && (wanted->scope != NULL || wanted->state != NULL))
		return cli_usage_error(command, "--scope and --state choose from the list alone");
	if (follows && wanted->at != NULL)
		return cli_usage_error(command, "--at goes with the list, or with a number");
	if (!follows && wanted->after != 0)
		return cli_usage_error(command, "--after goes with --changes or --near-misses");
	if ((number || wanted->changes) && (wanted->from != NULL || wanted->to != NULL))
		return cli_usage_error(
		    command, "--from and --to go with the list or with --near-misses");
	if (!wanted->near_misses && (wanted->workspace != NULL || wanted->campaign != NULL))
		return cli_usage_error(command, "--workspace and --campaign go with --near-misses");
	return CLI_OK;
}

static int
answer(struct cli_query *query, const struct cli_command *command, struct wanted *wanted,
    const char *number)
{
	int status = check(command, wanted, number != NULL);
	if (status != CLI_OK)
		return status;
	if (!query_word(command, "state", wanted->state, "out|in|any") ||
	    !query_time(command, "at", wanted->at, &wanted->at_us) ||
	    !query_times(command, wanted->from, wanted->to, &wanted->from_us, &wanted->to_us))
		return CLI_USAGE;
	if (wanted->state == NULL)
		wanted->state = "out";
	return number != NULL        ? show_number(query, command, wanted, number)
	       : wanted->changes     ? show_changes(query, command, wanted)
	       : wanted->near_misses ? show_near_misses(query, command, wanted)
				     : show_list(query, command, wanted);
}

static int
run(const struct cli_command *command, int count, char **words)
{
	struct cli_query query = {0};
	struct wanted wanted = {0};
	const struct cli_option options[] = {QUERY_OPTIONS(query),
	    {"scope", 0, .text = &wanted.scope}, {"state", 0, .text = &wanted.state},
	    {"at", 0, .text = &wanted.at}, {"changes", 0, .flag = &wanted.changes},
	    {"near-misses", 0, .flag = &wanted.near_misses}, {"after", 0, .number = &wanted.after},
	    {"limit", 0, .number = &wanted.limit}, {"from", 0, .text = &wanted.from},
	    {"to", 0, .text = &wanted.to}, {"workspace", 0, .text = &wanted.workspace},
	    {"campaign", 0, .text = &wanted.campaign}};
	int operands, status;
	if (!query_begin(&query, command, count, words, options, sizeof options / sizeof options[0],
		1, &operands, &status))
		return status;
	status = answer(&query, command, &wanted, operands < count ? words[operands] : NULL);
	store_reader_close(query.reader);
	return status;
}

const struct cli_command cli_optouts = {
    .name = "optouts",
    .summary = "who must not be texted any more, since when, and why",
    .usage =
	"Usage: dlrd optouts [--scope S] [--state out|in|any] [--at T] [--from T] [--to T]\n"
	"                    [--limit N]\n"
	"       dlrd optouts NUMBER [--at T]\n"
	"       dlrd optouts --changes [--after SEQ] [--limit N]\n"
	"       dlrd optouts --near-misses [--workspace W] [--campaign C] [--from T] [--to T]\n"
	"                    [--after SEQ] [--limit N]\n"
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
	"      --limit N         at most so many (default: all)\n" QUERY_USAGE,
    .run = run,
};
