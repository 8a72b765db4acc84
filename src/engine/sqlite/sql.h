/* sql: SQL texts that several tables share. */
#pragma once

#include "dlrd/base/sqlite.h"

/* Of several tagsets t, of campaigns c, the one that counts (names_choose_tagset). */
#define TAGSET_PREFERENCE                                               \
	" ORDER BY c.name = '', c.name, c.workspace = '', c.workspace," \
	" t.variant = '', t.variant LIMIT 1"

/* The address of the event e's peer, or the number that is known for it. */
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

/* The figures, in the order of enum figure. */
#define FIGURE_COLUMNS                                                                  \
	"messages, sent, delivered, failed, canceled, pending, read, replied, clicked," \
	" clicked_messages, opted_out, conflicts"

/* Adds a row's figures to those that are stored; for ON CONFLICT DO UPDATE SET. */
#define FIGURE_SUMS                                                                        \
	"(" FIGURE_COLUMNS ") = (messages + excluded.messages, sent + excluded.sent,"      \
	" delivered + excluded.delivered, failed + excluded.failed,"                       \
	" canceled + excluded.canceled, pending + excluded.pending, read + excluded.read," \
	" replied + excluded.replied, clicked + excluded.clicked,"                         \
	" clicked_messages + excluded.clicked_messages, opted_out + excluded.opted_out,"   \
	" conflicts + excluded.conflicts)"

/* Rows of a damaged file may have greater numbers, after which there is no next one. */
#define SQL_NUMBER_END "4611686018427387904" /* 2^62 */

/* The rows of the table inbound, from the parameters of events. The casts keep any value valid for
 * its column. schema/7.sql has filled it with the same. */
/* clang-format off */
#define INBOUND_MEDIA(prefix, digits)                                                        \
	"(SELECT group_concat(replace(value, ' ', '%20'), ' ') FROM (SELECT value FROM"      \
	" json_each(extra) WHERE key GLOB '" prefix "[0-9]*'"                                \
	" ORDER BY CAST(substr(key, " digits ") AS INTEGER)))"
#define INBOUND_TEXT(name) "nullif(CAST(json_extract(extra, '$." name "') AS TEXT), '')"
#define INBOUND_ROWS                                                                         \
	"INSERT OR REPLACE INTO inbound SELECT seq,"                                         \
	" max(0, CAST(coalesce(json_extract(extra, '$.NumMedia'),"                           \
	"  json_extract(extra, '$.data.numMedia')) AS INTEGER)),"                            \
	" " INBOUND_MEDIA("MediaContentType", "17") ", " INBOUND_MEDIA("MediaUrl", "9") ","  \
	" " INBOUND_TEXT("FromCity") ", " INBOUND_TEXT("FromState") ","                      \
	" " INBOUND_TEXT("FromZip") ", " INBOUND_TEXT("FromCountry")                         \
	" FROM event WHERE type = 'Replied' AND json_valid(extra)"
/* clang-format on */
