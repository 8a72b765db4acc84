/* sql: what the store's own files share of SQLite. No other folder includes it. */
#ifndef DLRD_STORE_SQL_H
#define DLRD_STORE_SQL_H

#include "dlrd/base/slice.h"

#include <sqlite3.h>

/* All figures of campaign_hour or provider_hour, which is h, in the order of enum figure. */
#define FIGURE_SUMS                                                                               \
	"coalesce(sum(h.messages), 0), coalesce(sum(h.sent), 0), coalesce(sum(h.delivered), 0),"  \
	" coalesce(sum(h.failed), 0), coalesce(sum(h.canceled), 0), coalesce(sum(h.pending), 0)," \
	" coalesce(sum(h.read), 0), coalesce(sum(h.replied), 0), coalesce(sum(h.clicked), 0),"    \
	" coalesce(sum(h.clicked_messages), 0), coalesce(sum(h.opted_out), 0),"                   \
	" coalesce(sum(h.conflicts), 0)"
#define FIGURE_COLUMNS                                                                  \
	"messages, sent, delivered, failed, canceled, pending, read, replied, clicked," \
	" clicked_messages, opted_out, conflicts"

/* The nickname of a row of the table provider, which is p; NULL where it has none. */
#define PROVIDER_NAME                                                                        \
	"(SELECT n.name FROM provider_name n WHERE n.kind = 'sender' AND n.value = p.sender" \
	" OR n.kind = 'service' AND n.value = p.service"                                     \
	" OR n.kind = 'account' AND n.value = p.account OR n.kind = 'default'"               \
	" ORDER BY n.kind = 'default', n.kind = 'account', n.kind = 'service' LIMIT 1)"

/* The address of the event e's peer, or the number that is known for it (store/persons.h). */
#define EVENT_PEER "coalesce((SELECT number FROM person WHERE alias = e.peer), e.peer)"

/* The event e says that Twilio refuses to text its person. */
#define REFUSAL "e.consent = 'out' AND e.type <> 'Replied'"

/* The scope of what the event e says of consent: its own service or sender; if it is a refusal,
 * else its message's, else the account. */
#define CONSENT_SCOPE                                                                   \
	"coalesce(nullif(p.service, ''), nullif(p.sender, ''), nullif(mp.service, '')," \
	" nullif(mp.sender, ''), p.account)"
#define CONSENT_SCOPE_JOINS                                             \
	" JOIN provider p ON p.id = e.provider_id LEFT JOIN message em" \
	" ON em.id = e.message_id LEFT JOIN provider mp ON mp.id = em.provider_id"

/* SQLite's result code as ours. */
enum result sql_result(int code);

/* Prepares a statement that lives as long as its connection. Returns SQLite's code. */
int sql_prepare(sqlite3 *db, const char *sql, sqlite3_stmt **out_statement);

/* Runs a statement that gives no rows and leaves it ready to run again. Returns SQLite's code. */
int sql_run(sqlite3_stmt *statement);

/* Runs sql, the first column of whose first row is a number. Untouched where there is no row. */
int sql_number(sqlite3 *db, const char *sql, int64_t *out_number);

/* Binds text that stays good until the statement is reset; absent text is NULL. */
void sql_bind_text(sqlite3_stmt *statement, int index, struct slice text);

/* The same, as bytes. */
void sql_bind_bytes(sqlite3_stmt *statement, int index, struct slice bytes);

/* The same as sql_bind_text, with absent text as an empty one. */
void sql_bind_name(sqlite3_stmt *statement, int index, struct slice text);

/* A column's number, or fallback for NULL. */
int64_t sql_number_or(sqlite3_stmt *statement, int column, int64_t fallback);

/* A column's text, good until the next step; absent for NULL. */
struct slice sql_text(sqlite3_stmt *statement, int column);

#endif
