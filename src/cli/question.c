/* The commands of the questions in query/table.h: their options and --help come from the row. */
#include "ask.h"
#include "by_campaign.h"
#include "catalogue.h"
#include "dlrd/query/table.h"
#include "message.h"

#include <string.h>

#define HELP_COLUMN 24
#define HELP_WIDTH 88

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
append_usage(struct buffer *out, const struct query *row)
{
	struct buffer synopsis = BUFFER_EMPTY;
	size_t start = strlen("Usage: dlrd ") + strlen(row->command), column = start;
	const struct query_parameter *operand = operand_of(row);
	if (operand != NULL)
		buffer_appendf(&synopsis, " %s", operand->value);
	if (row->operand != NULL)
		buffer_appendf(&synopsis, " %s", row->operand);
	for (size_t i = 0; i < query_parameter_count(row); i++)
		if (is_option(&row->parameters[i]))
			append_synopsis(&synopsis, &row->parameters[i]);
	buffer_append(
	    &synopsis, SLICE(" [--json\t|\t--csv\t|\t--wide] [-c\tFILE\t|\t--store\tDIR]"));

	buffer_appendf(out, "Usage: dlrd %s ", row->command);
	size_t from = out->len;
	append_wrapped(out, slice_from(buffer_slice(&synopsis), 1), start + 1, &column);
	for (size_t i = from; i < out->len; i++)
		if (out->ptr[i] == '\t')
			out->ptr[i] = ' ';
	buffer_append(out, SLICE("\n\n"));
	buffer_done(&synopsis);
}

static void
append_option(struct buffer *out, const struct query_parameter *parameter)
{
	struct buffer option = BUFFER_EMPTY;
	size_t column = HELP_COLUMN;
	buffer_appendf(&option, "      --%s ", query_option_name(parameter));
	if (parameter->kind != QUERY_FLAG)
		buffer_appendf(&option, "%s ", value_of(parameter));
	buffer_appendf(out, "%-*.*s", HELP_COLUMN, SLICE_ARG(buffer_slice(&option)));
	if (option.len > HELP_COLUMN)
		buffer_appendf(out, "\n%*s", HELP_COLUMN, "");
	append_wrapped(out, slice_of(parameter->help), HELP_COLUMN, &column);
	buffer_append_byte(out, '\n');
	buffer_done(&option);
}

static void
append_help(struct buffer *out, const struct query *row)
{
	size_t column = 0;
	append_usage(out, row);
	append_wrapped(out, slice_of(row->help), 0, &column);
	buffer_append(out, SLICE("\n\n"));
	for (size_t i = 0; i < query_parameter_count(row); i++)
		if (is_option(&row->parameters[i]))
			append_option(out, &row->parameters[i]);
	buffer_append(out, SLICE(QUERY_USAGE));
	buffer_append_byte(out, '\0');
}

/* --- options --- */

static struct cli_option
option_of(const struct query_parameter *parameter, struct given *given, size_t index)
{
	struct cli_option option = {.name = query_option_name(parameter)};
	given->numbers[index] = parameter->option_limit;
	if (parameter->kind == QUERY_FLAG)
		option.flag = &given->flags[index];
	else if (parameter->kind == QUERY_LIMIT || query_is_place(parameter))
		option.number = &given->numbers[index];
	else
		option.text = &given->texts[index];
	return option;
}

static bool
read_values(const struct cli_command *command, const struct query *row, struct given *given,
    struct query_values *out_values)
{
	*out_values = query_values(row);
	for (size_t i = 0; i < query_parameter_count(row); i++) {
		const struct query_parameter *parameter = &row->parameters[i];
		const char *name = query_option_name(parameter), *text = given->texts[i];
		int64_t number =
		    parameter->kind == QUERY_FLAG ? given->flags[i] : given->numbers[i];
		if (parameter->kind == QUERY_NAME && text == NULL) {
			cli_usage_error(command, "name a %s: dlrd %s %s", parameter->help,
			    row->command, parameter->value);
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

	status = CLI_USAGE;
	if (read_values(command, row, &given, &values))
		status = has_operand ? message_show(&query, command, row, &values)
			 : query_has_kind(row, QUERY_CAMPAIGN)
			     ? by_campaign_show(&query, command, row, &values)
			     : ask_show(&query, command, row, &values);
	store_reader_close(query.reader);
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

int
cli_run_question(const struct query *row, int count, char **words)
{
	struct buffer help = BUFFER_EMPTY;
	append_help(&help, row);
	const struct cli_command command = {
	    .name = row->command, .summary = row->summary, .usage = help.failed ? "" : help.ptr};
	/* Only the catalogue has an operand that is no parameter. */
	int status = row->operand != NULL && catalogue_names_code(count, words)
			 ? catalogue_explain(&command, count, words)
			 : run(&command, row, count, words);
	buffer_done(&help);
	return status;
}
