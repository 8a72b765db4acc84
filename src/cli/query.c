#include "query.h"

#include "dlrd/query/names.h"
#include "dlrd/query/row.h"

bool
query_begin(struct cli_query *query, const struct cli_command *command, int count, char **words,
    const struct cli_option *options, size_t option_count, int operands_max, int *out_operands,
    int *out_status)
{
	query->config = SETTINGS_DEFAULT_PATH;
	if (!cli_read_options(command, count, words, options, option_count, operands_max,
		out_operands, out_status))
		return false;
	*out_status = CLI_USAGE;
	if (query->json + query->csv + query->wide > 1) {
		cli_usage_error(command, "give one of --json, --csv and --wide");
		return false;
	}
	query->format = query->json   ? OUTPUT_JSON
			: query->csv  ? OUTPUT_CSV
			: query->wide ? OUTPUT_WIDE_TABLE
				      : OUTPUT_TABLE;
	*out_status = CLI_FAILED;
	query->reader = cli_open_store(command, query->config, query->directory);
	return query->reader != NULL;
}

int
query_end(const struct cli_query *query, const struct cli_command *command, enum result result,
    struct output *output, struct json_t *object)
{
	bool written = output_finish(output, object);
	if (result != RESULT_OK)
		return query_failure(query, command, result);
	return written ? CLI_OK : cli_failure(command, "cannot write the answer");
}

int
query_failure(const struct cli_query *query, const struct cli_command *command, enum result result)
{
	return cli_failure(
	    command, "the store: %s: %s", result_text(result), store_reader_error(query->reader));
}

bool
query_names_exist(const struct cli_query *query, const struct cli_command *command,
    const struct query *row, const struct query_values *values)
{
	struct buffer error = BUFFER_EMPTY;
	enum result result = names_check(query->reader, row, values, &error);
	bool found = result == RESULT_OK;
	if (result == RESULT_NOT_FOUND)
		cli_failure(command, "%.*s", SLICE_ARG(buffer_slice(&error)));
	else if (!found)
		query_failure(query, command, result);
	buffer_done(&error);
	return found;
}

bool
query_open_zone(const struct cli_command *command, const char *text, bool for_people,
    struct time_zone **out_zone)
{
	struct failure failure;
	enum result result = RESULT_OK;
	if (text != NULL)
		result = time_zone_open(slice_of(text), out_zone, &failure);
	else if (for_people)
		result = time_zone_open_local(out_zone);

	if (result != RESULT_OK && text != NULL)
		cli_usage_error(command,
		    "--tz takes UTC, an offset like +05:30 or a name like Europe/Berlin: %s",
		    failure.text);
	else if (result != RESULT_OK)
		cli_failure(command, "no memory");
	return result == RESULT_OK;
}

void
query_close(struct cli_query *query)
{
	store_reader_close(query->reader);
	time_zone_close(query->zone);
}

static bool
read_time(const struct cli_command *command, const struct query_parameter *parameter,
    const char *text, const struct time_zone *zone, int64_t *out_us)
{
	*out_us = 0;
	if (text == NULL ||
	    query_read_time(parameter, zone, slice_of(text), clock_wall_us(), out_us) == RESULT_OK)
		return true;
	cli_usage_error(command,
	    "--%s takes a time like 2026-11-20T14:00:00Z, a day like 2026-11-20, today, yesterday, "
	    "or -24h, not \"%s\"",
	    query_option_name(parameter), text);
	return false;
}

static bool
read_code(
    const struct cli_command *command, const char *option, const char *text, int64_t *out_code)
{
	if (text == NULL || query_read_code(slice_of(text), out_code))
		return true;
	cli_usage_error(
	    command, "--%s takes an error code like 30007, or none, not \"%s\"", option, text);
	return false;
}

static bool
check_word(
    const struct cli_command *command, const char *option, const char *text, const char *words)
{
	if (text == NULL || query_find_word(words, slice_of(text)).ptr != NULL)
		return true;
	cli_usage_error(command, "--%s takes %s, not \"%s\"", option, words, text);
	return false;
}

const char *
query_option_name(const struct query_parameter *parameter)
{
	return parameter->option != NULL ? parameter->option : parameter->name;
}

bool
query_option(const struct cli_command *command, const struct query *row, size_t index,
    const char *text, int64_t number, struct query_values *values)
{
	const struct query_parameter *parameter = &row->parameters[index];
	const char *name = query_option_name(parameter);
	bool fine = true;
	if (query_is_time(parameter))
		fine = read_time(command, parameter, text, values->zone, &number);
	else if (parameter->kind == QUERY_CHOICE)
		fine = check_word(command, name, text, parameter->words);
	else if (parameter->kind == QUERY_CODE)
		fine = read_code(command, name, text, &number);
	struct slice value = slice_of(text);
	if (fine && value.ptr != NULL && parameter->kind == QUERY_CHOICE)
		value = query_find_word(parameter->words, value);
	if (fine)
		query_set(row, values, index, value, number);
	return fine;
}
