#include "dlrd/engine/names.h"

#include "dlrd/base/buffer.h"
#include "open_tables.h"
#include "sql.h"

#include <string.h>

#define SLOTS 256   /* names cached in each table */
#define KEY_MAX 512 /* longer names are looked up each time */

struct slot {
	size_t len; /* 0: free */
	struct tagset value;
	char key[KEY_MAX];
};

struct names {
	sqlite3 *db;
	bool may_add; /* not on a connection that only reads */
	sqlite3_stmt *find_campaign, *add_campaign, *find_tagset, *add_tagset, *choose_tagset,
	    *campaign_of, *find_provider, *add_provider, *merge_providers, *read_provider,
	    *message_provider, *add_source;
	struct slot tagsets[SLOTS], providers[SLOTS], sources[SLOTS];
};

#define FIELD(name) offsetof(struct names, name)

static const struct sqlite_statement statements[] = {
    {"SELECT id FROM campaign WHERE workspace = ?1 AND name = ?2", FIELD(find_campaign)},
    {"INSERT INTO campaign(workspace, name, first_us, last_us) VALUES(?1, ?2, 0, 0)",
	FIELD(add_campaign)},
    {"SELECT id FROM tagset WHERE campaign_id = ?1 AND variant = ?2", FIELD(find_tagset)},
    {"INSERT INTO tagset(campaign_id, variant) VALUES(?1, ?2)", FIELD(add_tagset)},
    {"SELECT t.id FROM tagset t JOIN campaign c ON c.id = t.campaign_id"
     " WHERE t.id IN (?1, ?2)" TAGSET_PREFERENCE,
	FIELD(choose_tagset)},
    {"SELECT campaign_id FROM tagset WHERE id = ?1", FIELD(campaign_of)},
    {"SELECT id FROM provider WHERE account = ?1 AND service = ?2 AND sender = ?3",
	FIELD(find_provider)},
    {"INSERT INTO provider(account, service, sender) VALUES(?1, ?2, ?3)", FIELD(add_provider)},
    {"SELECT min(nullif(account, '')), min(nullif(service, '')), min(nullif(sender, ''))"
     " FROM provider WHERE id IN (?1, ?2)",
	FIELD(merge_providers)},
    /* The provider merged from all events (names_merge_providers); it need not be in the
     * table. */
    {"SELECT x.account, x.service, x.sender, p.id FROM"
     " (SELECT coalesce(min(nullif(q.account, '')), '') AS account,"
     "  coalesce(min(nullif(q.service, '')), '') AS service,"
     "  coalesce(min(nullif(q.sender, '')), '') AS sender"
     "  FROM event e JOIN provider q ON q.id = e.provider_id"
     "  WHERE e.message_id = ?1) x LEFT JOIN provider p"
     " ON p.account = x.account AND p.service = x.service AND p.sender = x.sender",
	FIELD(message_provider)},
    {"SELECT account, service, sender FROM provider WHERE id = ?1", FIELD(read_provider)},
    {"INSERT INTO source(path, query) VALUES(?1, ?2)", FIELD(add_source)},
    {NULL, 0},
};

enum result
names_open(sqlite3 *db, struct names **out_names)
{
	void *owner;
	enum result result = sqlite_new_owner(db, statements, sizeof(struct names), &owner);
	*out_names = owner;
	if (result == RESULT_OK) {
		(*out_names)->db = db;
		(*out_names)->may_add = sqlite3_db_readonly(db, "main") == 0;
	}
	return result;
}

static void
repaired(sqlite3_context *context, int count, sqlite3_value **values)
{
	struct buffer text = BUFFER_EMPTY;
	const char *bytes = sqlite3_value_blob(values[0]);
	size_t len = (size_t)sqlite3_value_bytes(values[0]);

	(void)count;
	buffer_append_repaired(&text, (struct slice){bytes, bytes == NULL ? 0 : len});
	if (text.failed)
		sqlite3_result_error_nomem(context);
	else
		sqlite3_result_text(
		    context, buffer_slice(&text).ptr, (int)text.len, SQLITE_TRANSIENT);
	buffer_done(&text);
}

void
names_repair(sqlite3 *db)
{
	static const char find[] =
	    "SELECT EXISTS (SELECT 1 FROM campaign WHERE workspace <> repaired(workspace)"
	    " OR name <> repaired(name)) OR EXISTS (SELECT 1 FROM tagset"
	    " WHERE variant <> repaired(variant))";
	static const char repair[] =
	    "UPDATE OR IGNORE campaign SET workspace = repaired(workspace), name = repaired(name);"
	    "UPDATE OR IGNORE tagset SET variant = repaired(variant)";
	int flags = SQLITE_UTF8 | SQLITE_DETERMINISTIC;
	int64_t found = 0;
	int code =
	    sqlite3_create_function_v2(db, "repaired", 1, flags, NULL, repaired, NULL, NULL, NULL);
	if (code == SQLITE_OK && sqlite_number(db, find, &found) == SQLITE_OK && found != 0)
		sqlite3_exec(db, repair, NULL, NULL, NULL);
}

/* Finds the slot for three texts; *out_hit is whether it holds them. Returns NULL if they are too
 * long. If the slot does not hold them, the caller sets its value and then calls keep. */
static struct slot *
find_slot(struct slot *slots, const struct slice parts[3], bool *out_hit)
{
	char key[KEY_MAX];
	size_t len = 0;
	for (int part = 0; part < 3; part++) {
		if (len + sizeof parts[part].len + parts[part].len > sizeof key)
			return NULL;
		memcpy(key + len, &parts[part].len, sizeof parts[part].len);
		len += sizeof parts[part].len;
		if (parts[part].len > 0)
			memcpy(key + len, parts[part].ptr, parts[part].len);
		len += parts[part].len;
	}

	struct slot *slot = &slots[slice_hash((struct slice){key, len}) % SLOTS];
	*out_hit = slot->len == len && memcmp(slot->key, key, len) == 0;
	if (!*out_hit) {
		memcpy(slot->key, key, len);
		slot->len = len;
		slot->value.id = 0; /* not known yet */
	}

	*out_hit = *out_hit && slot->value.id != 0;
	return slot;
}

/* Finds the row, or adds it and returns its new id. Values 1 and up are bound to both. */
static enum result
find_or_add(struct names *names, sqlite3_stmt *find, sqlite3_stmt *add, int64_t *out_id)
{
	enum result result = sqlite_first_number(find, out_id);
	if (result != RESULT_OK || *out_id != 0)
		return result;
	int code = sqlite_run(add);
	*out_id = sqlite3_last_insert_rowid(names->db);
	return sqlite_result(code);
}

static enum result
look_up_tagset(struct names *names, const struct slice parts[3], struct tagset *out_tagset)
{
	for (int part = 0; part < 2; part++) {
		sqlite_bind_name(names->find_campaign, part + 1, parts[part]);
		sqlite_bind_name(names->add_campaign, part + 1, parts[part]);
	}

	enum result result =
	    find_or_add(names, names->find_campaign, names->add_campaign, &out_tagset->campaign_id);
	if (result != RESULT_OK)
		return result;

	sqlite3_bind_int64(names->find_tagset, 1, out_tagset->campaign_id);
	sqlite3_bind_int64(names->add_tagset, 1, out_tagset->campaign_id);
	sqlite_bind_name(names->find_tagset, 2, parts[2]);
	sqlite_bind_name(names->add_tagset, 2, parts[2]);
	return find_or_add(names, names->find_tagset, names->add_tagset, &out_tagset->id);
}

enum result
names_tagset(struct names *names, struct slice workspace, struct slice campaign,
    struct slice variant, struct tagset *out_tagset)
{
	const struct slice parts[3] = {workspace, campaign, variant};
	bool hit = false;
	struct slot *slot = find_slot(names->tagsets, parts, &hit);

	if (hit) {
		*out_tagset = slot->value;
		return RESULT_OK;
	}

	struct tagset found;
	enum result result = look_up_tagset(names, parts, &found);
	if (result != RESULT_OK)
		return result;
	if (slot != NULL)
		slot->value = found;
	*out_tagset = found;
	return RESULT_OK;
}

enum result
names_choose_tagset(struct names *names, int64_t a_id, int64_t b_id, int64_t *out_id)
{
	sqlite3_bind_int64(names->choose_tagset, 1, a_id);
	sqlite3_bind_int64(names->choose_tagset, 2, b_id);
	return sqlite_first_number(names->choose_tagset, out_id);
}

enum result
names_campaign_of(struct names *names, int64_t tagset_id, int64_t *out_campaign_id)
{
	sqlite3_bind_int64(names->campaign_of, 1, tagset_id);
	return sqlite_first_number(names->campaign_of, out_campaign_id);
}

enum result
names_provider(struct names *names, struct slice account, struct slice service, struct slice sender,
    int64_t *out_id)
{
	const struct slice parts[3] = {account, service, sender};
	bool hit = false;
	struct slot *slot = find_slot(names->providers, parts, &hit);

	if (hit) {
		*out_id = slot->value.id;
		return RESULT_OK;
	}

	for (int part = 0; part < 3; part++) {
		sqlite_bind_name(names->find_provider, part + 1, parts[part]);
		sqlite_bind_name(names->add_provider, part + 1, parts[part]);
	}

	int64_t id;
	enum result result = find_or_add(names, names->find_provider, names->add_provider, &id);
	if (result != RESULT_OK)
		return result;
	if (slot != NULL)
		slot->value.id = id;
	*out_id = id;
	return RESULT_OK;
}

enum result
names_merge_providers(struct names *names, int64_t a_id, int64_t b_id, int64_t *out_id)
{
	sqlite3_bind_int64(names->merge_providers, 1, a_id);
	sqlite3_bind_int64(names->merge_providers, 2, b_id);
	int code = sqlite3_step(names->merge_providers);
	enum result result = sqlite_result(code);
	if (code == SQLITE_ROW)
		result = names_provider(names, sqlite_column(names->merge_providers, 0),
		    sqlite_column(names->merge_providers, 1),
		    sqlite_column(names->merge_providers, 2), out_id);
	sqlite3_reset(names->merge_providers);
	return result;
}

enum result
names_message_provider(struct names *names, int64_t message_id, int64_t *out_id)
{
	sqlite3_stmt *statement = names->message_provider;
	sqlite3_bind_int64(statement, 1, message_id);
	int code = sqlite3_step(statement);
	enum result result = sqlite_result(code);
	int64_t id = 0;
	if (code == SQLITE_ROW)
		id = sqlite3_column_int64(statement, 3);
	if (code == SQLITE_ROW && id == 0 && names->may_add)
		result = names_provider(names, sqlite_column(statement, 0),
		    sqlite_column(statement, 1), sqlite_column(statement, 2), &id);
	sqlite3_reset(statement);
	*out_id = id;
	return result;
}

enum result
names_read_provider(
    struct names *names, int64_t id, struct arena *arena, struct provider *out_provider)
{
	struct provider provider = {.account = SLICE_NONE};
	sqlite3_bind_int64(names->read_provider, 1, id);
	int code = sqlite3_step(names->read_provider);
	if (code == SQLITE_ROW) {
		provider.account = arena_copy(arena, sqlite_column(names->read_provider, 0));
		provider.service = arena_copy(arena, sqlite_column(names->read_provider, 1));
		provider.sender = arena_copy(arena, sqlite_column(names->read_provider, 2));
	}
	sqlite3_reset(names->read_provider);
	*out_provider = provider;
	return arena->failed ? RESULT_NO_MEMORY : sqlite_result(code);
}

/* A row that is not cached is added again: the table only saves room, and an index of its texts
 * would cost more than it saves if each message has a query of its own. */
enum result
names_source(struct names *names, struct slice path, struct slice query, int64_t *out_id)
{
	const struct slice parts[3] = {path, query, SLICE_NONE};
	bool hit = false;
	struct slot *slot = find_slot(names->sources, parts, &hit);
	if (hit) {
		*out_id = slot->value.id;
		return RESULT_OK;
	}

	sqlite_bind_name(names->add_source, 1, path);
	sqlite_bind_bytes(names->add_source, 2, query.len > 0 ? query : SLICE_NONE);
	enum result result = sqlite_result(sqlite_run(names->add_source));
	if (result != RESULT_OK)
		return result;
	*out_id = sqlite3_last_insert_rowid(names->db);
	if (slot != NULL)
		slot->value.id = *out_id;
	return RESULT_OK;
}

void
names_forget(struct names *names)
{
	for (size_t i = 0; i < SLOTS; i++)
		names->tagsets[i].len = names->providers[i].len = names->sources[i].len = 0;
}

void
names_close(struct names *names)
{
	sqlite_free_owner(statements, names);
}
