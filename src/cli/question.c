/* The commands of the questions in query/table.h: their options and --help come from the row. */
#include "ask.h"
#include "by_campaign.h"
#include "catalogue.h"
#include "dlrd/query/support.h"
#include "dlrd/query/table.h"
#include "message.h"
#include "support.h"

#include <stdio.h>
#include <string.h>

#define HELP_COLUMN 24
#define HELP_WIDTH 88
#define NOT_GIVEN (-1) /* an option takes no number below 0 */
#define JSON_LIMIT 1000

/* What the command line gave for each parameter of the row. */
struct given {
	const char *texts[QUERY_PARAMETERS_MAX];
	int64_t numbers[QUERY_PARAMETERS_MAX];
	bool flags[QUERY_PARAMETERS_MAX];
};

static bool
is_option(const struct query_parameter *parameter)
{
	return !parameter->http_only && parameter->kind != QUERY_HOUR &&
	       parameter->kind != QUERY_NAME;
}

/* The option's value in --help. */
static const char *
value_of(const struct query_parameter *parameter)
{
	return parameter->value != NULL ? parameter->value : parameter->words;
}

/* The word behind the command; NULL: it has none. */
static const struct query_parameter *
operand_of(const struct query *row)
{
	size_t index = query_find_kind(row, QUERY_NAME);
	return index < query_parameter_count(row) ? &row->parameters[index] : NULL;
}

/* --- --help --- */

/* Appends words, wrapped so that each line but the first begins at column indent. */
static void
append_wrapped(struct buffer *out, struct slice words, size_t indent, size_t *column)
{
	while (words.ptr != NULL) {
		struct slice word = slice_take(&words, ' ');
		if (*column + 1 + word.len > HELP_WIDTH) {
			buffer_appendf(out, "\n%*s", (int)indent, "");
			*column = indent;
		} else if (*column > indent) {
			buffer_append_byte(out, ' ');
			++*column;
		}
		buffer_append(out, word);
		*column += word.len;
	}
}

/* "[--campaign C]", with a no-break space (a tab here) inside, so that it is not wrapped. */
static void
append_synopsis(struct buffer *out, const struct query_parameter *parameter)
{
	bool required = parameter->required;
	buffer_appendf(out, " %s--%s", required ? "" : "[", query_option_name(parameter));
	if (parameter->kind != QUERY_FLAG)
		buffer_appendf(out, "\t%s", value_of(parameter));
	if (!required)
		buffer_append_byte(out, ']');
}

static void
append_usage(struct buffer *out, const struct query *row, const char *name)
{
	struct buffer synopsis = BUFFER_EMPTY;
	size_t start = strlen("Usage: dlrd ") + strlen(name), column = start;
	const struct query_parameter *operand = operand_of(row);
	if (operand != NULL)
		buffer_appendf(&synopsis, " %s", operand->value);
	if (row->operand != NULL)
		buffer_appendf(&synopsis, " %s", row->operand);
	for (size_t i = 0; i < query_parameter_count(row); i++)
		if (is_option(&row->parameters[i]))
			append_synopsis(&synopsis, &row->parameters[i]);
	if (row->variation.flag != NULL) {
		const struct query_parameter *named = operand_of(row->variation.query);
		buffer_appendf(&synopsis, " [--%s%s%s]", row->variation.flag,
		    named != NULL ? "\t" : "", named != NULL ? named->value : "");
	}
	buffer_append(
	    &synopsis, SLICE(" [--json\t|\t--csv\t|\t--wide] [-c\tFILE\t|\t--store\tDIR]"));

	buffer_appendf(out, "Usage: dlrd %s ", name);
	size_t from = out->len;
	append_wrapped(out, slice_from(buffer_slice(&synopsis), 1), start + 1, &column);
	for (size_t i = from; i < out->len; i++)
		if (out->ptr[i] == '\t')
			out->ptr[i] = ' ';
	buffer_append(out, SLICE("\n\n"));
	buffer_done(&synopsis);
}

/* value: NULL for a flag. */
static void
append_option(struct buffer *out, const char *name, const char *value, const char *help)
{
	struct buffer option = BUFFER_EMPTY;
	size_t column = HELP_COLUMN;
	buffer_appendf(&option, "      --%s ", name);
	if (value != NULL)
		buffer_appendf(&option, "%s ", value);
	buffer_appendf(out, "%-*.*s", HELP_COLUMN, SLICE_ARG(buffer_slice(&option)));
	if (option.len > HELP_COLUMN)
		buffer_appendf(out, "\n%*s", HELP_COLUMN, "");
	append_wrapped(out, slice_of(help), HELP_COLUMN, &column);
	buffer_append_byte(out, '\n');
	buffer_done(&option);
}

static void
append_parameter(struct buffer *out, const struct query_parameter *parameter)
{
	append_option(out, query_option_name(parameter),
	    parameter->kind == QUERY_FLAG ? NULL : value_of(parameter), parameter->help);
}

/* name: of the command. */
static void
append_help(struct buffer *out, const struct query *row, const char *name)
{
	size_t column = 0;
	append_usage(out, row, name);
	append_wrapped(out, slice_of(row->help), 0, &column);
	buffer_append(out, SLICE("\n\n"));
	for (size_t i = 0; i < query_parameter_count(row); i++)
		if (is_option(&row->parameters[i]))
			append_parameter(out, &row->parameters[i]);
	if (row->variation.flag != NULL) {
		const struct query_parameter *named = operand_of(row->variation.query);
		append_option(out, row->variation.flag, named != NULL ? named->value : NULL,
		    row->variation.help);
	}
	buffer_append(out, SLICE(QUERY_USAGE));
	buffer_append_byte(out, '\0');
}

/* --- options --- */

static struct cli_option
option_of(const struct query_parameter *parameter, struct given *given, size_t index)
{
	struct cli_option option = {.name = query_option_name(parameter)};
	bool is_open = parameter->table_limit > 0 || parameter->kind == QUERY_AFTER;
	given->numbers[index] = is_open ? NOT_GIVEN : parameter->option_limit;
	if (parameter->kind == QUERY_FLAG)
		option.flag = &given->flags[index];
	else if (parameter->kind == QUERY_LIMIT || query_is_place(parameter))
		option.number = &given->numbers[index];
	else
		option.text = &given->texts[index];
	return option;
}

static bool
read_values(struct cli_query *query, const struct cli_command *command, const struct query *row,
    struct given *given, struct query_values *out_values)
{
	size_t zone = query_find_kind(row, QUERY_ZONE);
	*out_values = query_values(row);
	if (zone < query_parameter_count(row) && !query_open_zone(command, given->texts[zone],
						     output_is_table(query->format), &query->zone))
		return false;
	out_values->zone = query->zone;
	for (size_t i = 0; i < query_parameter_count(row); i++) {
		const struct query_parameter *parameter = &row->parameters[i];
		const char *name = query_option_name(parameter), *text = given->texts[i];
		int64_t number =
		    parameter->kind == QUERY_FLAG ? given->flags[i] : given->numbers[i];
		if (parameter->kind == QUERY_NAME && text == NULL) {
			cli_usage_error(command, "name a %s: dlrd %s %s", parameter->help,
			    command->name, parameter->value);
			return false;
		}
		if (parameter->required && text == NULL) {
			cli_usage_error(
			    command, "name a %s: --%s %s", name, name, parameter->value);
			return false;
		}
		if (!query_option(command, row, i, text, number, out_values))
			return false;
	}
	return true;
}

/* Chooses numbers that were not given. A table without --limit is short, and asks for one row more
 * to know whether there are others; JSON has the place at which it goes on. */
static void
choose_numbers(struct cli_query *query, const struct query *row, struct given *given)
{
	size_t after = query_find_kind(row, QUERY_AFTER), limit = query_find_kind(row, QUERY_LIMIT);
	size_t count = query_parameter_count(row);
	if (after < count && given->numbers[after] == NOT_GIVEN) {
		query->from_now = true;
		given->numbers[after] = 0;
	}
	if (limit == count || given->numbers[limit] != NOT_GIVEN)
		return;
	bool is_table = output_is_table(query->format);
	query->rows_max = is_table ? (size_t)row->parameters[limit].table_limit : 0;
	given->numbers[limit] = is_table ? row->parameters[limit].table_limit + 1
				: query->format == OUTPUT_JSON ? JSON_LIMIT
							       : 0;
}

static bool
is_followed(const struct query *row, const struct query_values *values)
{
	size_t flag = query_find_kind(row, QUERY_FLAG);
	return flag < query_parameter_count(row) &&
	       strcmp(row->parameters[flag].name, ASK_FOLLOW) == 0 &&
	       values->items[flag].number != 0;
}

static int
show(struct cli_query *query, const struct cli_command *command, const struct query *row,
    const struct query_values *values)
{
	if (is_followed(row, values)) /* also a campaign that has not begun */
		return ask_follow(query, command, row, values);
	if (!query_names_exist(query, command, row, values))
		return CLI_FAILED;
	if (row == &query_support)
		return support_show(query, command, row, values);
	if (operand_of(row) != NULL)
		return message_show(query, command, row, values);
	if (row->by_campaign == NULL)
		return query_has_kind(row, QUERY_CAMPAIGN)
			   ? by_campaign_show(query, command, row, values)
			   : ask_show(query, command, row, values);

	struct query_values of_campaign;
	return query_take_campaign(row, values, &of_campaign)
		   ? by_campaign_show(query, command, row->by_campaign, &of_campaign)
		   : ask_show(query, command, row, values);
}

static int
run(const struct cli_command *command, const struct query *row, int count, char **words)
{
	struct cli_query query = {0};
	struct given given = {0};
	struct query_values values;
	struct cli_option options[CLI_OPTIONS_MAX] = {QUERY_OPTIONS(query)};
	size_t option_count = QUERY_OPTION_COUNT, name = query_find_kind(row, QUERY_NAME);
	bool has_operand = operand_of(row) != NULL;
	int operands, status;
	for (size_t i = 0; i < query_parameter_count(row); i++)
		if (is_option(&row->parameters[i]))
			options[option_count++] = option_of(&row->parameters[i], &given, i);
	if (!query_begin(&query, command, count, words, options, option_count, has_operand,
		&operands, &status))
		return status;
	if (has_operand && operands < count)
		given.texts[name] = words[operands];

	choose_numbers(&query, row, &given);
	status = CLI_USAGE;
	if (read_values(&query, command, row, &given, &values))
		status = show(&query, command, row, &values);
	query_close(&query);
	return status;
}

const struct query *
cli_find_question(const char *command)
{
	const struct query *row;
	for (size_t i = 0; (row = query_at(i)) != NULL; i++)
		if (row->command != NULL && strcmp(row->command, command) == 0)
			return row;
	return NULL;
}

/* Runs the question as the command with that name. */
static int
run_as(const char *name, const struct query *row, int count, char **words)
{
	struct buffer help = BUFFER_EMPTY;
	append_help(&help, row, name);
	const struct cli_command command = {
	    .name = name, .summary = row->summary, .usage = help.failed ? "" : help.ptr};
	/* Only the catalogue has an operand that is no parameter. */
	int status = row->operand != NULL && catalogue_names_code(count, words)
			 ? catalogue_explain(&command, count, words)
			 : run(&command, row, count, words);
	buffer_done(&help);
	return status;
}

/* Removes the flag from the words behind the command; of "--flag=WORD", WORD stays. Returns whether
 * it was there. */
static bool
take_flag(const char *flag, int *count, char **words)
{
	int kept = 1;
	size_t len = strlen(flag);
	bool options = true, was_there = false; /* options: no -- yet */
	for (int i = 1; i < *count; i++) {
		options = options && strcmp(words[i], "--") != 0;
		bool is_flag = options && strncmp(words[i], "--", 2) == 0 &&
			       strncmp(words[i] + 2, flag, len) == 0 &&
			       (words[i][len + 2] == '\0' || words[i][len + 2] == '=');
		was_there |= is_flag;
		if (!is_flag)
			words[kept++] = words[i];
		else if (words[i][len + 2] == '=')
			words[kept++] = words[i] + len + 3;
	}
	*count = kept;
	return was_there;
}

int
cli_run_question(const struct query *row, int count, char **words)
{
	if (row->variation.flag == NULL || !take_flag(row->variation.flag, &count, words))
		return run_as(row->command, row, count, words);

	char name[64];
	snprintf(name, sizeof name, "%s --%s", row->command, row->variation.flag);
	return run_as(name, row->variation.query, count, words);
}
