#include "catalogue.h"

#include "dlrd/base/buffer.h"
#include "dlrd/base/json.h"
#include "dlrd/cli/output.h"
#include "dlrd/twilio/error_catalogue.h"
#include "dlrd/twilio/error_guide.h"

#include <stdio.h>

#define WIDTH 80 /* of prose, in columns */

bool
catalogue_names_code(int count, char **words)
{
	int64_t code;
	for (int i = 1; i < count; i++)
		if (slice_to_int(slice_of(words[i]), &code) == RESULT_OK)
			return true;
	return false;
}

/* Writes text in lines of up to WIDTH columns. The caller has written indent columns of the first;
 * the others begin with as many blanks. */
static void
print_wrapped(struct slice text, int indent)
{
	struct slice rest = text;
	size_t column = (size_t)indent;
	while (rest.ptr != NULL) {
		struct slice word = slice_take(&rest, ' ');
		bool first = column == (size_t)indent;
		if (!first && column + 1 + word.len > WIDTH) {
			printf("\n%*s", indent, "");
			column = (size_t)indent;
			first = true;
		}
		printf("%s%.*s", first ? "" : " ", SLICE_ARG(word));
		column += word.len + !first;
	}
	putchar('\n');
}

/* Returns false if it could not be written. */
static bool
print_prose(int64_t code, const struct error_entry *entry, const struct error_guide *guide)
{
	printf("%lld  %.*s\n%.*s, %.*s\n\n", (long long)code, SLICE_ARG(entry->name),
	    SLICE_ARG(entry->kind), SLICE_ARG(entry->permanence));
	if (guide != NULL) {
		print_wrapped(slice_of(guide->cause), 0);
		putchar('\n');
		struct slice steps = slice_of(guide->steps);
		for (int number = 1; steps.ptr != NULL; number++) {
			printf("  %d. ", number);
			print_wrapped(slice_take(&steps, '\n'), 5);
		}
	} else
		print_wrapped(entry->action, 0);
	printf("\n" ERROR_GUIDE_URL "%lld\n", (long long)code);
	return fflush(stdout) == 0 && !ferror(stdout);
}

static struct json_t *
to_json(int64_t code, const struct error_entry *entry, const struct error_guide *guide)
{
	struct json_t *object = json_new_object(), *steps = json_new_array();
	struct buffer url = BUFFER_EMPTY;
	buffer_appendf(&url, ERROR_GUIDE_URL "%lld", (long long)code);
	json_put_int(object, "code", code);
	json_put_text(object, "name", entry->name);
	json_put_text(object, "kind", entry->kind);
	json_put_text(object, "permanence", entry->permanence);
	json_put_text(object, "action", entry->action);
	json_put_text(object, "cause", guide == NULL ? SLICE_NONE : slice_of(guide->cause));
	struct slice rest = guide == NULL ? SLICE_NONE : slice_of(guide->steps);
	while (rest.ptr != NULL)
		json_push_text(steps, slice_take(&rest, '\n'));
	json_put(object, "steps", steps);
	json_put_text(object, "url", buffer_slice(&url));
	buffer_done(&url);
	return object;
}

/* The codes of the catalogue next below and above the one that it lacks. */
static int
report_unknown(
    const struct cli_command *command, int64_t code, const struct error_catalogue *catalogue)
{
	struct buffer near = BUFFER_EMPTY;
	for (size_t i = 0; i < catalogue->count; i++) {
		bool before = i + 1 == catalogue->count || catalogue->entries[i + 1].code > code;
		bool after = i == 0 || catalogue->entries[i - 1].code < code;
		if ((catalogue->entries[i].code < code && before) ||
		    (catalogue->entries[i].code > code && after))
			buffer_appendf(&near, "%s%lld", near.len > 0 ? " and " : "",
			    (long long)catalogue->entries[i].code);
	}
	cli_failure(command,
	    "%lld is not in the catalogue; the nearest are %.*s. Twilio's page may know "
	    "it: " ERROR_GUIDE_URL "%lld",
	    (long long)code, SLICE_ARG(buffer_slice(&near)), (long long)code);
	buffer_done(&near);
	return CLI_FAILED;
}

int
catalogue_explain(const struct cli_command *command, int count, char **words)
{
	bool json = false;
	const struct cli_option options[] = {{"json", 0, .flag = &json}};
	struct error_catalogue catalogue;
	struct failure failure;
	int operands, status;
	int64_t code = 0;
	if (!cli_read_options(command, count, words, options, 1, 1, &operands, &status))
		return status;

	if (slice_to_int(slice_of(words[operands]), &code) != RESULT_OK)
		return cli_usage_error(command, "\"%s\" is not an error code", words[operands]);
	if (error_catalogue_load_built_in(&catalogue, &failure) != RESULT_OK)
		return cli_failure(command, "%s", failure.text);
	const struct error_entry *entry = error_catalogue_find(&catalogue, code);
	const struct error_guide *guide = error_guide_find(code);
	if (entry == NULL)
		status = report_unknown(command, code, &catalogue);
	else if (json ? output_json(to_json(code, entry, guide)) : print_prose(code, entry, guide))
		status = CLI_OK;
	else
		status = cli_failure(command, "cannot write the answer");
	error_catalogue_done(&catalogue);
	return status;
}
