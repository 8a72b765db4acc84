#include "signatures.h"

#include "dlrd/twilio/callback.h"

#include <stdlib.h>
#include <string.h>

struct signatures {
	sqlite3_stmt *find, *note;
	int64_t has_any; /* 0: the table is empty, as it is if all callbacks are forms */
};

#define FIELD(name) offsetof(struct signatures, name)

static const struct sqlite_statement statements[] = {
    {"SELECT 1 FROM signature WHERE key = ?1", FIELD(find)},
    {"INSERT INTO signature VALUES(?1) ON CONFLICT DO NOTHING", FIELD(note)},
    {NULL, 0},
};

enum result
signatures_open(sqlite3 *db, struct signatures **out_signatures)
{
	struct signatures *signatures = calloc(1, sizeof *signatures);
	int code = sqlite_prepare_all(db, statements, signatures);
	if (code == SQLITE_OK)
		code = sqlite_number(
		    db, "SELECT EXISTS (SELECT 1 FROM signature)", &signatures->has_any);
	if (code != SQLITE_OK) {
		signatures_close(signatures);
		return sqlite_result(code);
	}

	*out_signatures = signatures;
	return RESULT_OK;
}

struct slice
request_signature_key(const struct request_signature *request)
{
	return request->is_known ? (struct slice){request->key, SIGNATURE_KEY_SIZE} : SLICE_NONE;
}

enum result
signatures_begin(
    struct signatures *signatures, struct slice signature, struct request_signature *out_request)
{
	struct request_signature request = {.is_known = signature.len > 0};
	enum result result = RESULT_OK;

	if (request.is_known)
		memcpy(request.key, signature.ptr,
		    signature.len < sizeof request.key ? signature.len : sizeof request.key);
	if (request.is_known && signatures->has_any != 0) {
		sqlite_bind_bytes(signatures->find, 1, request_signature_key(&request));
		int code = sqlite3_step(signatures->find);
		request.is_noted = code == SQLITE_ROW;
		sqlite3_reset(signatures->find);
		result = sqlite_result(code);
	}

	request.is_replay = request.is_noted;
	request.is_checked = request.is_replay || !request.is_known;
	if (result == RESULT_OK)
		*out_request = request;
	return result;
}

/* The SIDs of messages begin so. One that does not is not found in a text. */
static bool
has_message_prefix(struct slice sid)
{
	return slice_starts_with(sid, SLICE("SM")) || slice_starts_with(sid, SLICE("MM"));
}

/* Returns the next SID of a message in the text, at any position; absent if there is no other.
 * *rest is the text after it. */
static struct slice
take_sid(struct slice *rest)
{
	while (rest->len >= CALLBACK_SID_LEN) {
		/* The second letter of both prefixes. */
		const char *found = memchr(rest->ptr + 1, 'M', rest->len - 1);
		if (found == NULL)
			break;
		struct slice sid = {found - 1, CALLBACK_SID_LEN};
		bool fits = (size_t)(rest->ptr + rest->len - sid.ptr) >= sid.len;
		*rest = slice_from(*rest, (size_t)(found - rest->ptr));
		if (fits && has_message_prefix(sid) && callback_is_sid(sid))
			return sid;
	}

	return SLICE_NONE;
}

enum result
signatures_check(struct working_set *set, const struct event *event, struct slice own,
    struct request_signature *request)
{
	enum result result = RESULT_OK;
	struct slice rest = event->signed_text, sid, key = request_signature_key(request);

	while (result == RESULT_OK && !request->is_replay && (sid = take_sid(&rest)).ptr != NULL) {
		request->names_own |= slice_equal(sid, own);
		result = working_set_has_signature(set, sid, key, &request->is_replay);
	}

	request->is_checked = result == RESULT_OK;
	return result;
}

static bool
contains(struct slice text, struct slice part)
{
	for (size_t at = 0; at + part.len <= text.len; at++) {
		at += slice_find(slice_from(text, at), part.ptr[0]);
		if (at < text.len && slice_starts_with(slice_from(text, at), part))
			return true;
	}
	return false;
}

/* With bodySHA256 the signature covers the URL alone, and the hash the rest. */
bool
signatures_is_reachable(const struct event *event, const struct request_signature *request)
{
	return request->names_own && !contains(event->signed_text, SLICE("bodySHA256="));
}

enum result
signatures_note(struct signatures *signatures, struct request_signature *request)
{
	if (!request->is_known || request->is_noted)
		return RESULT_OK;
	sqlite_bind_bytes(signatures->note, 1, request_signature_key(request));
	int code = sqlite_run(signatures->note);
	signatures->has_any = 1;
	request->is_noted = code == SQLITE_OK;
	return sqlite_result(code);
}

void
signatures_close(struct signatures *signatures)
{
	sqlite_finalize_all(statements, signatures);
	free(signatures);
}
