#include "support.h"

#include "ask.h"
#include "dlrd/query/support.h"

#include <stdio.h>

/* "2 messages failed with error 30007 (Message filtered) in the last 24 hours" */
static void
print_heading(const struct query_values *values, const struct json_t *members, int64_t failed)
{
	struct slice name = json_text(json_get(members, "name"));
	struct buffer text = BUFFER_EMPTY;
	buffer_append_visible(&text, values->items[0].text);
	if (name.len > 0) {
		buffer_append(&text, SLICE(" ("));
		buffer_append_visible(&text, name);
		buffer_append(&text, SLICE(")"));
	}
	printf("%lld message%s failed with error %.*s in the last 24 hours\n", (long long)failed,
	    failed == 1 ? "" : "s", SLICE_ARG(buffer_slice(&text)));
	if (failed > 0 && failed < SUPPORT_MESSAGES_MIN)
		printf("Twilio's support asks for at least %d; wait for more, or send these\n",
		    SUPPORT_MESSAGES_MIN);
	buffer_done(&text);
}

int
support_show(struct cli_query *query, const struct cli_command *command, const struct query *row,
    const struct query_values *values)
{
	int64_t failed = 0;
	if (!output_is_table(query->format))
		return ask_show(query, command, row, values);

	struct json_t *members = json_new_object();
	enum result result = query_ask_members(query->reader, row, values, members);
	if (result == RESULT_OK && json_int(json_get(members, "failed"), &failed))
		print_heading(values, members, failed);
	json_free(members);
	if (result != RESULT_OK)
		return query_failure(query, command, result);
	if (failed == 0)
		return CLI_OK;

	printf("\n");
	query->format = OUTPUT_WIDE_TABLE; /* a shortened SID is of no use to them */
	return ask_show(query, command, row, values);
}
