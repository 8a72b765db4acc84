#include "simulate_guard.h"

#include "dlrd/engine/reader.h"
#include "dlrd/store/store.h"

#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>

/* The parameter is a key of the JSON object: no value has its quotes without a backslash. */
static const char others_sql[] = "SELECT e.seq AS seq FROM event e WHERE e.extra IS NULL"
				 " OR e.extra NOT LIKE '%\"" SIMULATE_PARAMETER "\":%' LIMIT 1";

static void
note_one(void *context, const struct store_value *values)
{
	(void)values;
	*(bool *)context = true;
}

enum result
simulate_guard_look(const char *directory, bool *out_found, struct failure *failure)
{
	static const char *const columns[] = {"seq"};
	const struct store_question question = {
	    .sql = others_sql, .columns = columns, .column_count = 1};
	char path[4096];
	struct stat file;
	struct store_reader *reader;
	*out_found = false;
	snprintf(path, sizeof path, "%s/" STORE_FILE, directory);
	if (stat(path, &file) != 0 && errno == ENOENT)
		return RESULT_OK;

	enum result result = store_reader_open(path, &reader, failure);
	if (result != RESULT_OK)
		return result;
	result = store_ask(reader, &question, note_one, out_found);
	if (result != RESULT_OK)
		failure_set(failure, result, "%s: %s", path, store_reader_error(reader));
	store_reader_close(reader);
	return result;
}
