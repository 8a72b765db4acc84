#include "schema.h"

#include "dlrd/model/event.h"
#include "dlrd/model/rollup.h"
#include "dlrd/twilio/address.h"
#include "sql.h"

/* schema/N.sql, each executed as one text inside the migration's transaction. */
extern const char schema_1[], schema_2[], schema_3[], schema_4[], schema_5[], schema_6[],
    schema_7[];

static const char *const steps[] = {
    schema_1, schema_2, schema_3, schema_4, schema_5, schema_6, schema_7};

#define STEP_COUNT ((int64_t)(sizeof steps / sizeof steps[0]))

/* --- functions of the steps --- */

/* person_address(peer): address_of_person, '' for NULL. */
static void
person_address(sqlite3_context *context, int count, sqlite3_value **values)
{
	(void)count;
	char made[ADDRESS_MAX];
	const char *text = (const char *)sqlite3_value_text(values[0]);
	struct slice peer = {text, (size_t)sqlite3_value_bytes(values[0])};
	struct slice address = text == NULL ? SLICE("") : address_of_person(peer, made);
	sqlite3_result_text64(context, address.ptr, address.len, SQLITE_TRANSIENT, SQLITE_UTF8);
}

/* event_left(occurred, done_date): event_left_us of an event that shows that its message had left.
 */
static void
event_left(sqlite3_context *context, int count, sqlite3_value **values)
{
	struct slice texts[2];
	for (int i = 0; i < count; i++)
		texts[i] = (struct slice){(const char *)sqlite3_value_text(values[i]),
		    (size_t)sqlite3_value_bytes(values[i])};
	const struct event event = {
	    .type = EVENT_CLICKED, .occurred = texts[0], .done_date = texts[1]};
	sqlite3_result_int64(context, event_left_us(&event));
}

static void
class_of_delay(sqlite3_context *context, int count, sqlite3_value **values)
{
	(void)count;
	sqlite3_result_int64(context, delay_class(sqlite3_value_int64(values[0])));
}

static int
define_functions(sqlite3 *db)
{
	const int flags = SQLITE_UTF8 | SQLITE_DETERMINISTIC | SQLITE_DIRECTONLY;
	int code = sqlite3_create_function_v2(
	    db, "person_address", 1, flags, NULL, person_address, NULL, NULL, NULL);
	if (code == SQLITE_OK)
		code = sqlite3_create_function_v2(
		    db, "event_left", 2, flags, NULL, event_left, NULL, NULL, NULL);
	return code != SQLITE_OK ? code
				 : sqlite3_create_function_v2(db, "delay_class", 1, flags, NULL,
				       class_of_delay, NULL, NULL, NULL);
}

/* --- versions --- */

static int
read_version(sqlite3 *db, int64_t *out_version, int64_t *out_application)
{
	int code = sqlite_number(db, "PRAGMA user_version", out_version);
	return code != SQLITE_OK ? code
				 : sqlite_number(db, "PRAGMA application_id", out_application);
}

static enum result
refuse(sqlite3 *db, const char *path, int code, int64_t version, int64_t application,
    struct failure *failure)
{
	if (code != SQLITE_OK)
		return sqlite_fail(db, path, code, failure);
	if (application != SCHEMA_APPLICATION_ID)
		return failure_set(failure, RESULT_CORRUPT,
		    "%s: is a database of another program; dlrd does not change it", path);
	return failure_set(failure, RESULT_CORRUPT,
	    "%s: has schema version %lld, this dlrd reads version %lld", path, (long long)version,
	    (long long)STEP_COUNT);
}

enum result
schema_check(sqlite3 *db, const char *path, struct failure *failure)
{
	int64_t version = 0, application = 0;
	int code = read_version(db, &version, &application);
	if (code != SQLITE_OK || application != SCHEMA_APPLICATION_ID || version != STEP_COUNT)
		return refuse(db, path, code, version, application, failure);
	return RESULT_OK;
}

static int
take_steps(sqlite3 *db, int64_t version, int64_t last_version)
{
	int code = define_functions(db);
	if (code == SQLITE_OK)
		code = sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL);
	for (; code == SQLITE_OK && version < last_version; version++)
		code = sqlite3_exec(db, steps[version], NULL, NULL, NULL);
	char *stamp =
	    sqlite3_mprintf("PRAGMA application_id = %d; PRAGMA user_version = %d; COMMIT",
		SCHEMA_APPLICATION_ID, (int)last_version);
	if (code == SQLITE_OK)
		code = stamp == NULL ? SQLITE_NOMEM : sqlite3_exec(db, stamp, NULL, NULL, NULL);
	sqlite3_free(stamp);
	return code;
}

enum result
schema_check_owner(sqlite3 *db, const char *path, struct failure *failure)
{
	int64_t version = 0, application = 0, tables = 0;
	int code = read_version(db, &version, &application);
	if (code == SQLITE_OK)
		code = sqlite_number(db, "SELECT count(*) FROM sqlite_schema", &tables);
	bool fresh = application == 0 && version == 0 && tables == 0;
	bool ours = application == SCHEMA_APPLICATION_ID && version <= STEP_COUNT;
	if (code != SQLITE_OK || (!fresh && !ours))
		return refuse(db, path, code, version, application, failure);
	return RESULT_OK;
}

/* A new file has no version to migrate from. */
enum result
schema_versions(
    sqlite3 *db, const char *path, int64_t *out_from, int64_t *out_to, struct failure *failure)
{
	int64_t version = 0, application = 0;
	int code = read_version(db, &version, &application);
	if (code != SQLITE_OK)
		return sqlite_fail(db, path, code, failure);
	*out_from = application == 0 ? STEP_COUNT : version;
	*out_to = STEP_COUNT;
	return RESULT_OK;
}

enum result
schema_create(sqlite3 *db, const char *path, int64_t version, struct failure *failure)
{
	bool known = version >= 1 && version <= STEP_COUNT;
	int code = take_steps(db, 0, known ? version : STEP_COUNT);
	return code == SQLITE_OK ? RESULT_OK : sqlite_fail(db, path, code, failure);
}

enum result
schema_bring_up(sqlite3 *db, const char *path, struct failure *failure)
{
	int64_t version = 0, application = 0;
	enum result result = schema_check_owner(db, path, failure);
	if (result != RESULT_OK)
		return result;
	int code = read_version(db, &version, &application);
	if (code == SQLITE_OK && version < STEP_COUNT)
		code = take_steps(db, version, STEP_COUNT);
	if (code == SQLITE_OK)
		return RESULT_OK;
	result = sqlite_fail(db, path, code, failure);
	sqlite_roll_back(db);
	return result;
}
