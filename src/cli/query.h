/* query: options and errors that all commands share which read the store. */
#pragma once

#include "dlrd/cli/cli.h"
#include "dlrd/cli/output.h"
#include "dlrd/daemon/settings.h"
#include "dlrd/query/ask.h"

struct cli_query {
	const char *config, *directory; /* -c, --store */
	bool json, csv, wide;
	struct store_reader *reader;
	struct time_zone *zone; /* of times; NULL: UTC */
	enum output_format format;
	size_t rows_max; /* of a table, which then says that there are more; 0: all */
	bool from_now;   /* no place is given from which a list is followed */
};

/* The first options of each such command, and their number. */
#define QUERY_OPTIONS(query)                                                                \
	{"config", 'c', .text = &(query).config}, {"store", 0, .text = &(query).directory}, \
	    {"json", 0, .flag = &(query).json}, {"csv", 0, .flag = &(query).csv},           \
	{                                                                                   \
		"wide", 0, .flag = &(query).wide                                            \
	}
#define QUERY_OPTION_COUNT 5

#define QUERY_USAGE                                                                       \
	"  -c, --config FILE     the configuration (default " SETTINGS_DEFAULT_PATH ")\n" \
	"      --store DIR       the store's folder, in place of the configuration's\n"   \
	"      --json            answer in JSON\n"                                        \
	"      --csv             answer in CSV\n"                                         \
	"      --wide            shorten nothing to fit the terminal\n"                   \
	"  -h, --help            show this\n"

/* Reads the options and opens the store. Returns false if the command must end with *out_status.
 * The caller frees query with query_close. */
bool query_begin(struct cli_query *query, const struct cli_command *command, int count,
    char **words, const struct cli_option *options, size_t option_count, int operands_max,
    int *out_operands, int *out_status);

/* Opens the zone that --tz names (text); without it (NULL) that of this machine for people, and
 * leaves *out_zone for programs, which get UTC. Returns false after reporting a name that is not a
 * zone's. */
bool query_open_zone(const struct cli_command *command, const char *text, bool for_people,
    struct time_zone **out_zone);

/* Closes the reader and the zone. */
void query_close(struct cli_query *query);

/* Writes the answer, or reports the failure of the question or of the write. Frees output and
 * object (output_finish). Returns the command's exit status. */
int query_end(const struct cli_query *query, const struct cli_command *command, enum result result,
    struct output *output, struct json_t *object);

/* Reports a failed question to the store. Returns CLI_FAILED. */
int query_failure(
    const struct cli_query *query, const struct cli_command *command, enum result result);

/* Whether the names that the values have are in the store; reports one that is not. */
bool query_names_exist(const struct cli_query *query, const struct cli_command *command,
    const struct query *row, const struct query_values *values);

/* The name of the parameter's option, without hyphens. */
const char *query_option_name(const struct query_parameter *parameter);

/* Sets the row's parameter at index from its option: text (NULL: not given), or number if the kind
 * is a number or a flag. Reports an error and returns false if the text is not a time, a time zone
 * or one of the words of that kind. */
bool query_option(const struct cli_command *command, const struct query *row, size_t index,
    const char *text, int64_t number, struct query_values *values);
