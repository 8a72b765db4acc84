#include "signatures.h"

#include "dlrd/twilio/callback.h"

#include <string.h>

struct slice
request_signature_key(const struct request_signature *request)
{
	return request->is_known ? (struct slice){request->key, SIGNATURE_KEY_SIZE} : SLICE_NONE;
}

enum result
signatures_begin(
    struct signature_table *table, struct slice signature, struct request_signature *out_request)
{
	struct request_signature request = {.is_known = signature.len > 0};
	enum result result = RESULT_OK;

	if (request.is_known) {
		memcpy(request.key, signature.ptr,
		    signature.len < sizeof request.key ? signature.len : sizeof request.key);
		result =
		    signature_table_has(table, request_signature_key(&request), &request.is_noted);
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
	struct slice rest = event->signed_text, key = request_signature_key(request);
	struct slice sid, last = SLICE_NONE;

	while (result == RESULT_OK && !request->is_replay && (sid = take_sid(&rest)).ptr != NULL) {
		bool is_own = slice_equal(sid, own), repeats = slice_equal(sid, last);
		last = sid;
		if (repeats || (is_own && request->names_own))
			continue;
		request->names_own |= is_own;
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
signatures_note(struct signature_table *table, struct request_signature *request)
{
	if (!request->is_known || request->is_noted)
		return RESULT_OK;
	enum result result = signature_table_add(table, request_signature_key(request));
	request->is_noted = result == RESULT_OK;
	return result;
}
