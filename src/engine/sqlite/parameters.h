/* parameters: the row of the table state, but for the cursor. */
#pragma once

#include "dlrd/base/sqlite.h"
#include "dlrd/engine/engine_parameters.h"

must_check enum result parameters_read(sqlite3 *db, struct engine_parameters *out_parameters);

/* No row is stale after that. */
must_check enum result parameters_write(sqlite3 *db, const struct engine_parameters *parameters);
