#include "dlrd/refused/quarantine_reader.h"

#include "quarantine_handle.h"

#include <stdlib.h>

struct quarantine_reader {
	struct quarantine_handle handle;
};

enum result
quarantine_reader_open(
    const char *path, struct quarantine_reader **out_reader, struct failure *failure)
{
	struct quarantine_reader *reader = calloc(1, sizeof *reader);
	if (reader == NULL)
		return failure_set(failure, RESULT_NO_MEMORY, "no memory");

	enum result result = quarantine_handle_open_to_read(&reader->handle, path, failure);
	if (result != RESULT_OK) {
		quarantine_reader_close(reader);
		return result;
	}

	*out_reader = reader;
	return RESULT_OK;
}

enum result
quarantine_reader_each(struct quarantine_reader *reader, const struct quarantine_page *page,
    quarantined_fn on_request, void *context)
{
	int code = SQLITE_OK;
	enum result result =
	    quarantine_handle_each(&reader->handle, page, on_request, context, &code);
	return result != RESULT_OK ? result : sqlite_result(code);
}

enum result
quarantine_reader_get(
    struct quarantine_reader *reader, uint64_t id, quarantined_fn on_request, void *context)
{
	int code = SQLITE_OK;
	enum result result = quarantine_handle_get(&reader->handle, id, on_request, context, &code);
	return result != RESULT_OK ? result : sqlite_result(code);
}

const char *
quarantine_reader_error(const struct quarantine_reader *reader)
{
	return sqlite3_errmsg(reader->handle.db);
}

void
quarantine_reader_close(struct quarantine_reader *reader)
{
	if (reader == NULL)
		return;
	quarantine_handle_close(&reader->handle);
	free(reader);
}
