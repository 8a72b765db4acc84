#include "dlrd/engine/lookup_table.h"

#include "dlrd/base/buffer.h"
#include "dlrd/base/sqlite.h"
#include "open_tables.h"

struct lookup_table {
	sqlite3 *db;
	sqlite3_stmt *find_code;
};

#define FIELD(name) offsetof(struct lookup_table, name)

static const struct sqlite_statement statements[] = {
    {"SELECT 1 FROM error_catalogue WHERE code = ?1", FIELD(find_code)},
    {NULL, 0},
};

enum result
lookup_table_open(sqlite3 *db, struct lookup_table **out_table)
{
	void *owner;
	enum result result = sqlite_new_owner(db, statements, sizeof(struct lookup_table), &owner);
	*out_table = owner;
	if (result == RESULT_OK)
		(*out_table)->db = db;
	return result;
}

enum result
lookup_table_knows_code(struct lookup_table *table, int64_t error_code, bool *out_knows)
{
	sqlite3_bind_int64(table->find_code, 1, error_code);
	return sqlite_has_row(table->find_code, out_knows);
}

static int
insert_catalogue(sqlite3 *db, const struct error_catalogue *catalogue)
{
	sqlite3_stmt *insert = NULL;
	int code = sqlite3_exec(db, "DELETE FROM error_catalogue", NULL, NULL, NULL);
	if (code == SQLITE_OK)
		code = sqlite_prepare(
		    db, "INSERT INTO error_catalogue VALUES(?1, ?2, ?3, ?4, ?5)", &insert);
	for (size_t i = 0; code == SQLITE_OK && i < catalogue->count; i++) {
		const struct error_entry *entry = &catalogue->entries[i];
		sqlite3_bind_int64(insert, 1, entry->code);
		sqlite_bind_name(insert, 2, entry->name);
		sqlite_bind_name(insert, 3, entry->kind);
		sqlite_bind_name(insert, 4, entry->permanence);
		sqlite_bind_name(insert, 5, entry->action);
		code = sqlite_run(insert);
	}

	sqlite3_finalize(insert);
	return code;
}

static int
insert_provider_names(sqlite3 *db, const struct provider_names *names)
{
	static const struct slice kinds[] = {[PROVIDER_ACCOUNT] = SLICE_INIT("account"),
	    [PROVIDER_SERVICE] = SLICE_INIT("service"),
	    [PROVIDER_SENDER] = SLICE_INIT("sender"),
	    [PROVIDER_DEFAULT] = SLICE_INIT("default")};
	sqlite3_stmt *insert = NULL;
	int code = sqlite3_exec(db, "DELETE FROM provider_name", NULL, NULL, NULL);
	if (code == SQLITE_OK)
		code = sqlite_prepare(db, "INSERT INTO provider_name VALUES(?1, ?2, ?3)", &insert);
	for (size_t i = 0; code == SQLITE_OK && i < names->count; i++) {
		sqlite_bind_text(insert, 1, kinds[names->items[i].kind]);
		sqlite_bind_text(insert, 2, slice_of(names->items[i].value));
		sqlite_bind_text(insert, 3, slice_of(names->items[i].nickname));
		code = sqlite_run(insert);
	}

	sqlite3_finalize(insert);
	return code;
}

/* Twilio's words of a keyword, comma-separated. */
static void
write_default_words(enum keyword of, struct buffer *out)
{
	enum keyword keyword;
	struct slice word;
	buffer_clear(out);
	for (size_t i = 0; (word = keyword_default_word(i, &keyword)).ptr != NULL; i++)
		if (keyword == of) {
			buffer_append(out, out->len > 0 ? SLICE(", ") : SLICE(""));
			buffer_append(out, word);
		}
}

struct keyword_insertion {
	sqlite3_stmt *insert;
	struct buffer text;
	int64_t place;
	int code;
};

/* A time that limits nothing is null. */
static void
bind_limit(sqlite3_stmt *insert, int index, int64_t time_us, int64_t none)
{
	if (time_us == none)
		sqlite3_bind_null(insert, index);
	else
		sqlite3_bind_int64(insert, index, time_us);
}

static void
insert_keyword(struct keyword_insertion *insertion, struct slice source,
    const struct keyword_section *section, struct slice words)
{
	sqlite3_stmt *insert = insertion->insert;
	if (insertion->code != SQLITE_OK)
		return;

	sqlite3_bind_int64(insert, 1, insertion->place++);
	sqlite_bind_text(insert, 2, source);
	sqlite_bind_text(insert, 3, section->name);
	sqlite_bind_text(insert, 4, section->label);
	sqlite_bind_text(insert, 5, words);
	sqlite_bind_text(insert, 6, section->reply);
	sqlite_bind_text(insert, 7, section->media);
	for (int list = 0; list < KEYWORD_LIST_COUNT; list++) {
		buffer_clear(&insertion->text);
		keyword_scope_write(&section->scope, (enum keyword_list)list, &insertion->text);
		/* SQLite copies it: the buffer is used for the next one. */
		sqlite3_bind_text64(insert, 8 + list,
		    insertion->text.len > 0 ? insertion->text.ptr : "", insertion->text.len,
		    SQLITE_TRANSIENT, SQLITE_UTF8);
	}
	bind_limit(insert, 8 + KEYWORD_LIST_COUNT, section->scope.from_us, 0);
	bind_limit(insert, 9 + KEYWORD_LIST_COUNT, section->scope.until_us, INT64_MAX);
	insertion->code = insertion->text.failed ? SQLITE_NOMEM : sqlite_run(insert);
}

static void
insert_section(void *context, const struct keyword_section *section, struct slice words)
{
	insert_keyword(context, SLICE("configuration"), section, words);
}

static int
insert_keywords(sqlite3 *db, const struct keywords *keywords)
{
	struct keyword_insertion insertion = {.place = 1};
	struct buffer words = BUFFER_EMPTY;
	insertion.code = sqlite3_exec(db, "DELETE FROM keyword", NULL, NULL, NULL);
	if (insertion.code == SQLITE_OK)
		insertion.code = sqlite_prepare(db,
		    "INSERT INTO keyword VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)",
		    &insertion.insert);
	for (int keyword = KEYWORD_STOP; keyword <= KEYWORD_RESERVED; keyword++) {
		const struct keyword_section section = {
		    .name = keyword_reserved_name((enum keyword)keyword),
		    .label = SLICE(""),
		    .scope = KEYWORD_SCOPE_ALL};
		write_default_words((enum keyword)keyword, &words);
		insert_keyword(&insertion, SLICE("twilio"), &section, buffer_slice(&words));
	}
	if (insertion.code == SQLITE_OK && keywords != NULL &&
	    keywords_each(keywords, insert_section, &insertion) != RESULT_OK)
		insertion.code = SQLITE_NOMEM;

	sqlite3_finalize(insertion.insert);
	buffer_done(&insertion.text);
	buffer_done(&words);
	return insertion.code;
}

enum result
lookup_table_set(struct lookup_table *table, const struct error_catalogue *catalogue,
    const struct provider_names *names, const struct keywords *keywords)
{
	int code = insert_catalogue(table->db, catalogue);
	if (code == SQLITE_OK)
		code = insert_provider_names(table->db, names);
	return sqlite_result(code == SQLITE_OK ? insert_keywords(table->db, keywords) : code);
}

void
lookup_table_close(struct lookup_table *table)
{
	sqlite_free_owner(statements, table);
}
