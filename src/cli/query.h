/* query: what the commands that ask the store have in common: where it is, and how to answer. */
#ifndef DLRD_CLI_QUERY_H
#define DLRD_CLI_QUERY_H

#include "dlrd/cli/cli.h"
#include "dlrd/cli/output.h"
#include "dlrd/daemon/settings.h"

struct cli_query {
	const char *config, *directory; /* -c, --store */
	bool json, csv;
	struct store_reader *reader;
	enum output_format format;
};

/* The first options of each such command, and the place of the next. */
#define QUERY_OPTIONS(query)                                                                \
	{"config", 'c', .text = &(query).config}, {"store", 0, .text = &(query).directory}, \
	    {"json", 0, .flag = &(query).json},                                             \
	{                                                                                   \
		"csv", 0, .flag = &(query).csv                                              \
	}
#define QUERY_OPTION_COUNT 4

#define QUERY_USAGE                                                                       \
	"  -c, --config FILE     the configuration (default " SETTINGS_DEFAULT_PATH ")\n" \
	"      --store DIR       the store's folder, in place of the configuration's\n"   \
	"      --json            answer in JSON\n"                                        \
	"      --csv             answer in CSV\n"                                         \
	"  -h, --help            show this\n"

/* Reads the options, opens the store. False when the command must end with *out_status. The caller
 * closes query->reader. */
bool query_begin(struct cli_query *query, const struct cli_command *command, int count,
    char **words, const struct cli_option *options, size_t option_count, int operands_max,
    int *out_operands, int *out_status);

/* Writes what was asked for and says what went wrong, with the question's result or with the
 * writing. Frees output and object (output_finish). The command's exit status. */
int query_end(const struct cli_query *query, const struct cli_command *command, enum result result,
    struct output *output, struct json_t *object);

/* What a failed question to the store is told as; CLI_FAILED. */
int query_failure(
    const struct cli_query *query, const struct cli_command *command, enum result result);

/* Reads a time as the api does; text may be NULL. False, having told why, for no time. */
bool query_time(
    const struct cli_command *command, const char *option, const char *text, int64_t *out_us);

/* The same with --from and --to. */
bool query_times(const struct cli_command *command, const char *from, const char *to,
    int64_t *out_from_us, int64_t *out_to_us);

/* Whether text names a time zone; reports an error if it does not. NULL is fine. */
bool query_zone(const struct cli_command *command, const char *option, const char *text);

/* Whether text is one of the words, separated by "|"; says which would be right where it is not.
 * NULL, for an option that was not given, is fine. */
bool query_word(
    const struct cli_command *command, const char *option, const char *text, const char *words);

#endif
