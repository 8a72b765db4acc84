/* signatures: the signatures that were counted.
 *
 * Inside the store only. Twilio signs the URL and its parameters without separators. A captured
 * request can therefore be divided otherwise, sent as GET or as another type, and its signature
 * still verifies. Only the signature shows that it is the same request. A genuine retry has it as
 * well.
 *
 * A signature is stored as a key, its beginning: it is a hash itself. The account is not part of
 * the key, since accounts may have the same token. An index of all keys would cost each receipt a
 * write to a page of its own. But all divisions of a request have the same signed text, which
 * contains a receipt's MessageSid. So the key is stored in the event, which is found by the SIDs in
 * the text.
 *
 * Only the other keys are in the table. They belong to requests whose signed text has no SID of a
 * message that they changed (JSON, which a hash binds, and Unrecognised events), and to duplicates
 * with a signature of their own.
 *
 * One thread, one connection, inside a transaction. */
#pragma once

#include "dlrd/engine/signature_table.h"
#include "dlrd/model/event.h"
#include "working_set.h"

/* Characters of base64: of 10^9 signatures two have the same key once in 10^11 times. */
#define SIGNATURE_KEY_SIZE 16

/* The current request. */
struct request_signature {
	char key[SIGNATURE_KEY_SIZE];
	bool is_known;   /* it has one; without, nothing is looked up or noted */
	bool is_noted;   /* the key is in the table */
	bool is_replay;  /* the key was counted before */
	bool is_checked; /* is_replay is final */
	bool names_own;  /* the signed text names the message of the event that was checked */
};

/* Makes the key of a signature (absent: none is known) and looks it up in the table. */
must_check enum result signatures_begin(
    struct signature_table *table, struct slice signature, struct request_signature *out_request);

/* Looks for the key in the receipts of the messages that the signed text names. own: the SID of the
 * event's message, absent if it has none. */
must_check enum result signatures_check(struct working_set *set, const struct event *event,
    struct slice own, struct request_signature *request);

/* Whether every division of the event's request leads to the events of its message. The event has
 * been checked. */
bool signatures_is_reachable(const struct event *event, const struct request_signature *request);

/* Puts the key into the table, unless it is there. */
must_check enum result signatures_note(
    struct signature_table *table, struct request_signature *request);

/* The key, absent if none is known. */
struct slice request_signature_key(const struct request_signature *request);
