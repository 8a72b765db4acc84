/* sql: SQL texts that several of the store's queries share. */
#pragma once

#include "dlrd/base/sqlite.h"

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

/* The nickname of a row of the table provider, which is p; NULL if it has no nickname. */
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
