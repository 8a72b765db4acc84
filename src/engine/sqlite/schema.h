/* schema: the tables and views of dlrd.db, and the way from one version to the next.
 *
 * Version N's step is schema/N.sql; an older file is brought up by the steps it lacks, in one
 * transaction. The views (docs/counting.md, "Plain SQL") are for people: their names and columns
 * change only with a new version. For the thread of the connection. */
#pragma once

#include "dlrd/base/result.h"

#include <sqlite3.h>
#include <stdint.h>

#define SCHEMA_APPLICATION_ID 0x646c7264 /* "dlrd" */

/* Changes nothing. RESULT_CORRUPT for a file of another program or a newer dlrd. */
must_check enum result schema_check_owner(sqlite3 *db, const char *path, struct failure *failure);

/* The versions that the file has and that schema_bring_up makes of it. */
must_check enum result schema_versions(
    sqlite3 *db, const char *path, int64_t *out_from, int64_t *out_to, struct failure *failure);

/* Creates the tables of that version, 0 or one that is not known for the newest, in an empty file.
 */
must_check enum result schema_create(
    sqlite3 *db, const char *path, int64_t version, struct failure *failure);

/* Creates or migrates. RESULT_CORRUPT for a file of another program or a newer dlrd. */
must_check enum result schema_bring_up(sqlite3 *db, const char *path, struct failure *failure);

/* RESULT_CORRUPT unless the file has exactly this dlrd's version. */
must_check enum result schema_check(sqlite3 *db, const char *path, struct failure *failure);
