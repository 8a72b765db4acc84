#include "dlrd/query/names.h"

#include "dlrd/base/near.h"

#include <string.h>

#define NEAR_MAX 5      /* names in an error */
#define SHOWN_MAX 64    /* bytes of a name in an error */
#define NEWEST "100000" /* campaigns that are searched for near names */

/* clang-format off */
#define PROVIDER_EXISTS(condition)                                                           \
	"SELECT $1 <> '' AND (EXISTS(SELECT 1 FROM provider x WHERE " condition ")"
#define NAMED(condition)                                                                     \
	" OR EXISTS(SELECT 1 FROM provider_name n WHERE " condition ")) AS found"

/* Codes of failures by an index for each tagset, and those of conflicts and of Twilio's debugger,
 * of which there are few. SQLite keeps the order of a CROSS JOIN. */
static const char code_sql[] =
    "SELECT EXISTS(SELECT 1 FROM error_catalogue k WHERE k.code = $1)"
    " OR EXISTS(SELECT 1 FROM tagset t CROSS JOIN campaign_error f"
    "  WHERE f.tagset_id = t.id AND f.code = $1)"
    " OR EXISTS(SELECT 1 FROM message m CROSS JOIN event e"
    "  WHERE m.conflict = 1 AND e.message_id = m.id AND e.error_code = $1)"
    " OR EXISTS(SELECT 1 FROM alert a CROSS JOIN event e"
    "  WHERE e.seq = a.event_seq AND e.error_code = $1) AS found";

static const struct kind {
	const char *noun;
	const char *exists; /* a row with the column found: whether $1 is one of them */
	const char *all;    /* rows with the column name */
	bool may_be_empty;  /* the empty name is one, too */
	bool are_few;       /* the error lists all */
} kinds[] = {
    [QUERY_NAMES_CAMPAIGN] = {"campaign",
	"SELECT EXISTS(SELECT 1 FROM campaign c WHERE c.name = $1) AS found",
	"SELECT c.name AS name FROM campaign c ORDER BY c.id DESC LIMIT " NEWEST, true, false},
    [QUERY_NAMES_WORKSPACE] = {"workspace",
	"SELECT EXISTS(SELECT 1 FROM campaign c WHERE c.workspace = $1) AS found",
	"SELECT DISTINCT c.workspace AS name FROM campaign c", true, false},
    [QUERY_NAMES_PROVIDER] = {"provider",
	PROVIDER_EXISTS("$1 IN (x.account, x.service, x.sender)") NAMED("$1 IN (n.name, n.value)"),
	"SELECT n.name AS name FROM provider_name n UNION SELECT account FROM provider"
	" UNION SELECT service FROM provider UNION SELECT sender FROM provider", false, false},
    [QUERY_NAMES_ACCOUNT] = {"account",
	PROVIDER_EXISTS("x.account = $1") NAMED("n.kind = 'account' AND n.value = $1"),
	"SELECT DISTINCT account AS name FROM provider", false, false},
    [QUERY_NAMES_SERVICE] = {"messaging service",
	PROVIDER_EXISTS("x.service = $1") NAMED("n.kind = 'service' AND n.value = $1"),
	"SELECT DISTINCT service AS name FROM provider", false, false},
    [QUERY_NAMES_SENDER] = {"sender",
	PROVIDER_EXISTS("x.sender = $1") NAMED("n.kind = 'sender' AND n.value = $1"),
	"SELECT DISTINCT sender AS name FROM provider", false, false},
    [QUERY_NAMES_CODE] = {"error code", code_sql,
	"SELECT CAST(k.code AS TEXT) AS name FROM error_catalogue k ORDER BY k.code", false, false},
    [QUERY_NAMES_KIND] = {"kind",
	"SELECT EXISTS(SELECT 1 FROM error_catalogue k WHERE lower(k.kind) = lower($1)) AS found",
	"SELECT DISTINCT k.kind AS name FROM error_catalogue k ORDER BY k.kind", false, true},
};
/* clang-format on */

/* --- near names --- */

struct near {
	struct slice word;
	struct buffer names[NEAR_MAX]; /* the nearest first */
	size_t distances[NEAR_MAX], count;
};

static bool
is_known(const struct near *near, struct slice name)
{
	for (size_t i = 0; i < near->count; i++)
		if (slice_equal(buffer_slice(&near->names[i]), name))
			return true;
	return false;
}

/* Adds name behind those that are as near, and drops the last one if there are too many. */
static void
add_near(struct near *near, struct slice name, size_t distance)
{
	size_t place = near->count;
	while (place > 0 && near->distances[place - 1] > distance)
		place--;
	if (place == NEAR_MAX || is_known(near, name))
		return;

	size_t last = near->count < NEAR_MAX ? near->count++ : NEAR_MAX - 1;
	struct buffer spare = near->names[last];
	for (size_t i = last; i > place; i--) {
		near->names[i] = near->names[i - 1];
		near->distances[i] = near->distances[i - 1];
	}
	buffer_clear(&spare);
	buffer_append(&spare, name);
	near->names[place] = spare;
	near->distances[place] = distance;
}

static void
consider(void *context, const struct store_value *values)
{
	struct near *near = context;
	size_t distance;
	if (values[0].text.len > 0 && near_is(near->word, values[0].text, &distance))
		add_near(near, values[0].text, distance);
}

struct listing {
	struct buffer *out;
	size_t count;
};

static void
list_name(void *context, const struct store_value *values)
{
	struct listing *listing = context;
	buffer_append(listing->out, listing->count++ == 0 ? SLICE("; there are ") : SLICE(", "));
	buffer_append_visible(listing->out, values[0].text);
}

/* --- questions about names; a name may have any byte --- */

static enum result
ask(struct store_reader *reader, const char *sql, const char *column,
    const struct store_value *value, store_values_fn on_row, void *context)
{
	const struct store_question question = {.sql = sql,
	    .parameters = value,
	    .parameter_count = value != NULL,
	    .columns = &column,
	    .column_count = 1};
	return store_ask(reader, &question, on_row, context);
}

static enum result
append_near(
    struct store_reader *reader, const struct kind *kind, struct slice word, struct buffer *error)
{
	struct near near = {.word = word};
	enum result result = ask(reader, kind->all, "name", NULL, consider, &near);
	for (size_t i = 0; i < NEAR_MAX; i++) {
		if (i < near.count) {
			buffer_append(error, i == 0 ? SLICE("; near ones: ") : SLICE(", "));
			buffer_append_visible(
			    error, slice_cut(buffer_slice(&near.names[i]), SHOWN_MAX));
		}
		buffer_done(&near.names[i]);
	}
	return result;
}

/* Appends that there is nothing called word. Returns RESULT_NOT_FOUND, or why that failed. */
static enum result
refuse(
    struct store_reader *reader, const struct kind *kind, struct slice word, struct buffer *error)
{
	struct listing listing = {.out = error};
	buffer_appendf(error, "no %s '", kind->noun);
	buffer_append_visible(error, slice_cut(word, SHOWN_MAX));
	buffer_append_byte(error, '\'');
	enum result result = kind->are_few
				 ? ask(reader, kind->all, "name", NULL, list_name, &listing)
				 : append_near(reader, kind, word, error);
	if (result == RESULT_OK)
		result = error->failed ? RESULT_NO_MEMORY : RESULT_NOT_FOUND;
	return result;
}

static void
note_found(void *context, const struct store_value *values)
{
	*(bool *)context = values[0].number != 0;
}

static enum result
check_text(struct store_reader *reader, const struct kind *kind, const struct store_value *value,
    struct buffer *error)
{
	bool found = false;
	if (kind->may_be_empty && value->text.len == 0)
		return RESULT_OK;
	enum result result = ask(reader, kind->exists, "found", value, note_found, &found);
	return result == RESULT_OK && !found ? refuse(reader, kind, value->text, error) : result;
}

/* A code is a number, or the text of one if it is in a path. */
static enum result
check_code(struct store_reader *reader, const struct store_value *value, struct buffer *error)
{
	const struct kind *kind = &kinds[QUERY_NAMES_CODE];
	struct store_value code = *value;
	char digits[24];
	bool found = false;
	code.kind = STORE_INT;
	if (value->kind == STORE_TEXT && !query_read_code(value->text, &code.number))
		return refuse(reader, kind, value->text, error);
	if (code.number < 0)
		return RESULT_OK; /* failures without a code */

	enum result result = ask(reader, kind->exists, "found", &code, note_found, &found);
	if (result != RESULT_OK || found)
		return result;
	snprintf(digits, sizeof digits, "%lld", (long long)code.number);
	return refuse(reader, kind, slice_of(digits), error);
}

enum result
names_check(struct store_reader *reader, const struct query *query,
    const struct query_values *values, struct buffer *error)
{
	for (size_t i = 0; i < query_parameter_count(query); i++) {
		enum query_names names = query->parameters[i].names;
		const struct store_value *value = &values->items[i];
		if (names == QUERY_NAMES_NOTHING || value->kind == STORE_NULL)
			continue;
		enum result result = names == QUERY_NAMES_CODE
					 ? check_code(reader, value, error)
					 : check_text(reader, &kinds[names], value, error);
		if (result != RESULT_OK)
			return result;
	}
	return RESULT_OK;
}
