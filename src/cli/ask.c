/* The commands of the questions in query/table.h: their options, --help and answers come from the
 * row. */
#include "ask.h"

#include "by_campaign.h"

#include <string.h>

#define HELP_COLUMN 24
#define HELP_WIDTH 88

/* What the command line gave for each parameter of the row. */
struct given {
	const char *texts[QUERY_PARAMETERS_MAX];
	int64_t numbers[QUERY_PARAMETERS_MAX];
	bool flags[QUERY_PARAMETERS_MAX];
};

static const char *
option_name(const struct query_parameter *parameter)
{
	return parameter->option != NULL ? parameter->option : parameter->name;
}

static bool
is_option(const struct query_parameter *parameter)
{
	return !parameter->http_only && parameter->kind != QUERY_HOUR;
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
	buffer_appendf(out, " [--%s", option_name(parameter));
	if (parameter->kind == QUERY_CHOICE && parameter->value == NULL)
		buffer_appendf(out, "\t%s", parameter->words);
	else if (parameter->kind != QUERY_FLAG)
		buffer_appendf(out, "\t%s", parameter->value);
	buffer_append_byte(out, ']');
}

static void
append_usage(struct buffer *out, const struct query *row)
{
	struct buffer synopsis = BUFFER_EMPTY;
	size_t start = strlen("Usage: dlrd ") + strlen(row->command), column = start;
	for (size_t i = 0; i < query_parameter_count(row); i++)
		if (is_option(&row->parameters[i]))
			append_synopsis(&synopsis, &row->parameters[i]);
	buffer_append(&synopsis, SLICE(" [--json\t|\t--csv] [-c\tFILE\t|\t--store\tDIR]"));

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
	bool has_value = parameter->kind != QUERY_FLAG;
	size_t column = HELP_COLUMN;
	buffer_appendf(&option, "      --%s%s%s ", option_name(parameter), has_value ? " " : "",
	    !has_value                 ? ""
	    : parameter->value != NULL ? parameter->value
				       : parameter->words);
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
	struct cli_option option = {.name = option_name(parameter)};
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
is_time(enum query_kind kind)
{
	return kind == QUERY_AT || kind == QUERY_FROM || kind == QUERY_TO ||
	       kind == QUERY_FROM_HOUR || kind == QUERY_TO_HOUR;
}

static bool
read_values(const struct cli_command *command, const struct query *row, struct given *given,
    struct query_values *out_values)
{
	*out_values = query_values(row);
	for (size_t i = 0; i < query_parameter_count(row); i++) {
		const struct query_parameter *parameter = &row->parameters[i];
		const char *name = option_name(parameter), *text = given->texts[i];
		int64_t number =
		    parameter->kind == QUERY_FLAG ? given->flags[i] : given->numbers[i];
		if (parameter->kind == QUERY_CHOICE &&
		    !query_word(command, name, text, parameter->words))
			return false;
		if (is_time(parameter->kind) && !query_time(command, name, text, &number))
			return false;
		query_set(row, out_values, i, slice_of(text), number);
	}
	return true;
}

/* --- the answer --- */

struct adding {
	struct output *output;
	int64_t last_place;
};

static void
add_row(void *context, const struct report_row *row, int64_t place)
{
	struct adding *adding = context;
	output_add(adding->output, row);
	adding->last_place = place;
}

/* The members next to the list: where to go on (--after), and those of the row. */
static enum result
put_members(struct cli_query *query, const struct query *row, const struct query_values *values,
    int64_t last_place, struct json_t **out_object)
{
	size_t place = query_find_kind(row, QUERY_AFTER), count = query_parameter_count(row);
	*out_object = json_new_object();
	if (place < count && !row->parameters[place].http_only)
		json_put_int(*out_object, "next", last_place);
	return query_ask_beside(query->reader, row, values, *out_object);
}

int
ask_show(struct cli_query *query, const struct cli_command *command, const struct query *row,
    const struct query_values *values)
{
	if (query_has_kind(row, QUERY_CAMPAIGN))
		return by_campaign_show(query, command, row, values);

	size_t after = query_find_kind(row, QUERY_AFTER),
	       choice = query_find_kind(row, QUERY_CHOICE);
	size_t count = query_parameter_count(row);
	struct slice word = choice < count ? values->items[choice].text : SLICE_NONE;
	struct adding adding = {.output = output_new_shown(query->format, &row->report, word),
	    .last_place = after < count ? values->items[after].number : 0};
	struct json_t *object = NULL;
	enum result result = query_ask(query->reader, row, values, add_row, &adding);
	if (result == RESULT_OK && query->format == OUTPUT_JSON)
		result = put_members(query, row, values, adding.last_place, &object);
	return query_end(query, command, result, adding.output, object);
}

static int
run(const struct cli_command *command, const struct query *row, int count, char **words)
{
	struct cli_query query = {0};
	struct given given = {0};
	struct query_values values;
	struct cli_option options[CLI_OPTIONS_MAX] = {QUERY_OPTIONS(query)};
	size_t option_count = QUERY_OPTION_COUNT;
	int operands, status;
	for (size_t i = 0; i < query_parameter_count(row); i++)
		if (is_option(&row->parameters[i]))
			options[option_count++] = option_of(&row->parameters[i], &given, i);
	if (!query_begin(
		&query, command, count, words, options, option_count, 0, &operands, &status))
		return status;

	status = read_values(command, row, &given, &values)
		     ? ask_show(&query, command, row, &values)
		     : CLI_USAGE;
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
	int status = run(&command, row, count, words);
	buffer_done(&help);
	return status;
}
