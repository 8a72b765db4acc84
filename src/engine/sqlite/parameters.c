#include "parameters.h"

enum result
parameters_read(sqlite3 *db, struct engine_parameters *out_parameters)
{
	sqlite3_stmt *statement = NULL;
	int code = sqlite_prepare(
	    db, "SELECT policy, reply_window_us, reply_late_us, stale FROM state", &statement);
	if (code == SQLITE_OK && (code = sqlite3_step(statement)) == SQLITE_ROW) {
		out_parameters->reply_window_us = sqlite3_column_int64(statement, 1);
		out_parameters->reply_late_us = sqlite3_column_int64(statement, 2);
		out_parameters->stale = (enum engine_stale)sqlite3_column_int(statement, 3);
		if (!conflict_policy_from_name(
			sqlite_column(statement, 0), &out_parameters->policy))
			code = SQLITE_CORRUPT;
	}

	sqlite3_finalize(statement);
	return sqlite_result(code);
}

enum result
parameters_write(sqlite3 *db, const struct engine_parameters *parameters)
{
	sqlite3_stmt *statement = NULL;
	int code = sqlite_prepare(db,
	    "UPDATE state SET policy = ?1, reply_window_us = ?2, reply_late_us = ?3, stale = 0",
	    &statement);
	if (code == SQLITE_OK) {
		sqlite_bind_text(statement, 1, conflict_policy_name(parameters->policy));
		sqlite3_bind_int64(statement, 2, parameters->reply_window_us);
		sqlite3_bind_int64(statement, 3, parameters->reply_late_us);
		code = sqlite_run(statement);
	}

	sqlite3_finalize(statement);
	return sqlite_result(code);
}
