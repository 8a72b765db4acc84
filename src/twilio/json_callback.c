#include "dlrd/twilio/json_callback.h"

#include "dlrd/base/json.h"
#include "dlrd/base/json_repair.h"

#include <stddef.h>

/* A set of kinds. A member that has no meaning for a kind is not read, and becomes part of extra.
 */
#define KIND(kind) (1u << (kind))
#define ANY (~0u)
#define MESSAGES (KIND(CALLBACK_STATUS) | KIND(CALLBACK_INBOUND))
#define CLICKS (KIND(CALLBACK_CLICK) | KIND(CALLBACK_PREVIEW))
#define LINKS (CLICKS | KIND(CALLBACK_NOTICE))
#define ALERTS KIND(CALLBACK_ALERT)
#define REASSIGNED KIND(CALLBACK_REASSIGNED)

/* The members that fill a field, in lower case without underscores. If several fill one field, the
 * first in this table that is not empty does. A member never replaces a field that is already set
 * (a click's status). */
static const struct {
	const char *name;
	unsigned kinds;
	size_t offset; /* of the field in struct callback */
} members[] = {
    {"messagesid", ANY, offsetof(struct callback, message)},
    {"smssid", ANY, offsetof(struct callback, message)},
    {"accountsid", ANY, offsetof(struct callback, account)},
    {"from", ANY, offsetof(struct callback, from)},
    {"to", ANY, offsetof(struct callback, to)},
    {"fromnumber", REASSIGNED, offsetof(struct callback, from)},
    {"tonumber", REASSIGNED, offsetof(struct callback, to)},
    {"externaluserid", MESSAGES, offsetof(struct callback, alias)},
    {"messagingservicesid", ANY, offsetof(struct callback, service)},
    {"messagestatus", MESSAGES, offsetof(struct callback, status)},
    {"eventtype", CLICKS, offsetof(struct callback, status)},
    {"level", ALERTS, offsetof(struct callback, status)},
    {"consentoperation", REASSIGNED, offsetof(struct callback, status)},
    {"body", MESSAGES, offsetof(struct callback, body)},
    {"rawdlrdonedate", MESSAGES, offsetof(struct callback, done_date)},
    {"optouttype", MESSAGES, offsetof(struct callback, opt_out)},
    {"originalrepliedmessagesid", MESSAGES, offsetof(struct callback, original)},
    {"statuscallbackurl", MESSAGES, offsetof(struct callback, status_url)},
    {"link", LINKS, offsetof(struct callback, link)},
    {"clicktime", CLICKS, offsetof(struct callback, occurred)},
    {"timestamp", ANY, offsetof(struct callback, occurred)},
    {"datecreated", ALERTS, offsetof(struct callback, occurred)},
    {"payload", ALERTS, offsetof(struct callback, payload)},
};

#define MEMBER_COUNT (sizeof members / sizeof members[0])

/* The types whose meaning does not depend on their last word, and the status if the data has
 * none. */
static const struct {
	struct slice type;
	enum callback_kind kind;
	struct slice status;
} events[] = {
    {SLICE_INIT("com.twilio.messaging.inbound-message.received"), CALLBACK_INBOUND, {NULL, 0}},
    {SLICE_INIT("com.twilio.daptbt.link-shortening.link-clicked"), CALLBACK_CLICK,
	SLICE_INIT("click")},
    {SLICE_INIT("com.twilio.daptbt.link-shortening.link-shortened"), CALLBACK_NOTICE,
	SLICE_INIT("link-shortened")},
    {SLICE_INIT("com.twilio.eventstreams.test-event"), CALLBACK_NOTICE, SLICE_INIT("test")},
    {SLICE_INIT("com.twilio.error-logs.error.logged"), CALLBACK_ALERT, {NULL, 0}},
    {SLICE_INIT("com.twilio.messaging.reassigned-number.detected"), CALLBACK_REASSIGNED, {NULL, 0}},
};

#define MESSAGE_EVENT SLICE("com.twilio.messaging.message.")

static const struct {
	struct slice name;
	enum callback_kind kind;
} clicks[] = {
    {SLICE_INIT("click"), CALLBACK_CLICK},
    {SLICE_INIT("preview"), CALLBACK_PREVIEW},
};

/* The state while one body is read. The buffers hold one element and the data of its callback. */
struct reader {
	enum route_kind route;
	callback_fn on_callback;
	void *context;
	struct buffer repaired, extra, payload;
};

/* One element, and the object with the message's members: a CloudEvent's data, or the element. */
struct element {
	const struct json_t *value, *data;
	struct slice type; /* a CloudEvent's; absent for a click */
	struct callback callback;
};

static struct slice *
field_at(struct callback *callback, size_t offset)
{
	return (struct slice *)(void *)((char *)callback + offset);
}

/* Returns whether key is name, ignoring case and underscores. */
static bool
is_named(const char *key, const char *name)
{
	for (;; key++) {
		char byte = *key >= 'A' && *key <= 'Z' ? (char)(*key + 32) : *key;
		if (byte == '_')
			continue;
		if (byte != *name)
			return false;
		if (byte == '\0')
			return true;
		name++;
	}
}

/* Fills the field unless it is set. Empty text counts as absent. */
static void
fill_field(struct callback *callback, size_t row, struct slice text)
{
	struct slice *field = field_at(callback, members[row].offset);
	if (field->len == 0 && text.len > 0)
		*field = text;
}

static void
read_members(const struct json_t *data, unsigned kind, struct callback *callback)
{
	const char *key;
	struct json_t *value;
	for (size_t row = 0; row < MEMBER_COUNT; row++)
		if ((members[row].kinds & kind) != 0)
			for (void *cursor = NULL; json_next(data, &cursor, &key, &value);)
				if (is_named(key, members[row].name))
					fill_field(callback, row, json_text(value));
}

/* Reads a JSON number or a text of digits. Returns -1 if value is neither. */
static int64_t
error_code_of(const struct json_t *value)
{
	int64_t code;
	if (!json_int(value, &code))
		return callback_error_code(json_text(value));
	return code >= 1 && code <= 999999999 ? code : -1;
}

static void
read_error_code(const struct json_t *data, struct callback *callback)
{
	const char *key;
	struct json_t *value;
	for (void *cursor = NULL; json_next(data, &cursor, &key, &value);)
		if (callback->error_code < 0 && is_named(key, "errorcode"))
			callback->error_code = error_code_of(value);
}

/* Reads a payload that is a JSON object instead of text. */
static enum result
read_payload(const struct json_t *data, struct callback *callback, struct buffer *out)
{
	const char *key;
	struct json_t *value;
	for (void *cursor = NULL; json_next(data, &cursor, &key, &value);) {
		if (callback->payload.len > 0 || !is_named(key, "payload") ||
		    json_kind(value) != JSON_KIND_OBJECT)
			continue;
		enum result result = json_write(value, out);
		if (result != RESULT_OK)
			return result;
		callback->payload = buffer_slice(out);
	}
	return RESULT_OK;
}

/* Returns the last word of com.twilio.messaging.message.WORD; absent for another type. */
static struct slice
message_event_of(struct slice type)
{
	if (type.len <= MESSAGE_EVENT.len || !slice_starts_with(type, MESSAGE_EVENT))
		return SLICE_NONE;
	struct slice word = slice_from(type, MESSAGE_EVENT.len);
	return slice_find(word, '.') == word.len ? word : SLICE_NONE;
}

static void
set_kind_of_event(struct element *element)
{
	struct callback *callback = &element->callback;
	callback->stream = true;
	if (message_event_of(element->type).len > 0)
		callback->kind = CALLBACK_STATUS;
	for (size_t i = 0; i < sizeof events / sizeof events[0]; i++)
		if (slice_equal(element->type, events[i].type)) {
			callback->kind = events[i].kind;
			callback->status = events[i].status;
		}
}

static void
set_kind_of_click(struct element *element)
{
	struct slice type = json_text(json_get(element->value, "event_type"));
	for (size_t i = 0; i < sizeof clicks / sizeof clicks[0]; i++)
		if (slice_equal_nocase(type, clicks[i].name)) {
			element->callback.kind = clicks[i].kind;
			element->callback.status = clicks[i].name;
		}
}

/* Fills fields that the data does not have, from the envelope and the kind. */
static void
fill_defaults(struct element *element)
{
	struct callback *callback = &element->callback;
	struct slice id = json_text(json_get(element->value, "id")),
		     time = json_text(json_get(element->value, "time"));
	if (callback->stream && id.len > 0)
		callback->reference = id;
	if (callback->stream && callback->occurred.len == 0 && time.len > 0)
		callback->occurred = time;
	if (callback->kind == CALLBACK_STATUS && callback->status.len == 0)
		callback->status = message_event_of(element->type);
	if (callback->kind == CALLBACK_INBOUND && callback->status.len == 0)
		callback->status = SLICE("received");
	if (callback->kind == CALLBACK_REASSIGNED && callback->status.len == 0)
		callback->status = SLICE("detected");
	if (callback->kind == CALLBACK_INBOUND && callback->body.ptr == NULL)
		callback->body = SLICE("");
	if (callback->kind == CALLBACK_ALERT) {
		/* The debugger's webhook identifies the same alert by its Sid. */
		struct slice sid = json_text(json_get(element->data, "sid"));
		if (callback_is_sid(sid))
			callback->reference = sid;
		callback->status = callback_level(callback->status);
	}
}

static bool
route_accepts(enum route_kind route, bool is_event)
{
	switch (route) {
	case ROUTE_AUTO: return true;
	case ROUTE_CLICK: return !is_event;
	case ROUTE_EVENTS: return is_event;
	case ROUTE_STATUS:
	case ROUTE_INBOUND:
	case ROUTE_DEBUGGER: return false;
	}
	return false;
}

/* Returns whether a callback of that kind must have a message. */
static bool
needs_message(enum callback_kind kind)
{
	return (KIND(kind) & (MESSAGES | CLICKS)) != 0;
}

/* Makes an element unrecognised if it contradicts the route or lacks a required member. */
static void
check(struct element *element, enum route_kind route)
{
	struct callback *callback = &element->callback;
	bool is_sid = callback_is_sid(callback->message);
	if (!route_accepts(route, element->type.ptr != NULL) ||
	    callback_is_conversation(callback->message) ||
	    (callback->kind == CALLBACK_REASSIGNED && callback->to.len == 0) ||
	    (!is_sid && (callback->message.len > 0 || needs_message(callback->kind))))
		callback->kind = CALLBACK_UNRECOGNISED;
	if (!is_sid)
		callback->message = SLICE_NONE;
}

static enum result
read_element(const struct json_t *value, struct reader *reader, struct element *out_element)
{
	struct element element = {.value = value,
	    .data = value,
	    .callback = {.kind = CALLBACK_UNRECOGNISED, .error_code = -1}};

	/* Attributes of CloudEvents have no underscores (CloudEvents 1.0, section 3.1). */
	if (json_text(json_get(value, "event_type")).ptr == NULL)
		element.type = json_text(json_get(value, "type"));
	if (element.type.ptr != NULL) {
		element.data = json_get(value, "data");
		set_kind_of_event(&element);
	} else
		set_kind_of_click(&element);

	enum callback_kind kind = element.callback.kind;
	enum result result = RESULT_OK;
	read_members(element.data, KIND(kind), &element.callback);
	if (kind == CALLBACK_STATUS || kind == CALLBACK_ALERT)
		read_error_code(element.data, &element.callback);
	if (kind == CALLBACK_ALERT)
		result = read_payload(element.data, &element.callback, &reader->payload);
	fill_defaults(&element);
	check(&element, reader->route);
	if (result == RESULT_OK)
		*out_element = element;
	return result;
}

/* Returns whether value is null or an empty text. */
static bool
is_blank(const struct json_t *value)
{
	enum json_kind kind = json_kind(value);
	return kind == JSON_KIND_NULL || (kind == JSON_KIND_TEXT && json_text(value).len == 0);
}

/* Returns whether value can be derived from the field of that row. The case of status, level and
 * type does not matter. */
static bool
is_in_field(struct callback *callback, size_t row, const struct json_t *value)
{
	const struct slice *field = field_at(callback, members[row].offset);
	struct slice text = json_text(value);
	if (text.ptr == NULL)
		return is_blank(value);
	/* An event does not store these fields as they are. */
	if (field == &callback->payload || field == &callback->status_url ||
	    field == &callback->alias)
		return text.len == 0;
	bool inbound = callback->kind == CALLBACK_INBOUND;
	if ((field == &callback->opt_out || field == &callback->original) && text.len > 0 &&
	    !inbound)
		return false;
	if (field == &callback->opt_out && !callback_has_known_opt_out(callback))
		return text.len == 0;
	if (field == &callback->status)
		return text.len == 0 || slice_equal_nocase(text, *field);
	return text.len == 0 || slice_equal(text, *field);
}

static bool
is_error_code_of(const struct callback *callback, const struct json_t *value)
{
	int64_t number;
	if (is_blank(value) || (json_int(value, &number) && number == 0) ||
	    slice_equal(json_text(value), SLICE("0")))
		return true;
	return callback->error_code > 0 && error_code_of(value) == callback->error_code;
}

static bool
is_in_data(struct element *element, const char *key, const struct json_t *value)
{
	struct callback *callback = &element->callback;
	for (size_t row = 0; row < MEMBER_COUNT; row++)
		if ((members[row].kinds & KIND(callback->kind)) != 0 &&
		    is_named(key, members[row].name))
			return is_in_field(callback, row, value);
	if (is_named(key, "errorcode"))
		return is_error_code_of(callback, value);
	return is_named(key, "apiversion") && slice_equal(json_text(value), SLICE("2010-04-01"));
}

static bool
is_type_redundant(const struct element *element)
{
	struct slice word = message_event_of(element->type);
	return word.len == 0 || slice_equal_nocase(word, element->callback.status);
}

static bool
is_in_envelope(const struct element *element, const char *key, const struct json_t *value)
{
	struct slice name = slice_of(key), text = json_text(value);
	if (slice_equal(name, SLICE("type")))
		return is_type_redundant(element);
	if (slice_equal(name, SLICE("id")))
		return text.ptr != NULL && slice_equal(text, element->callback.reference);
	if (slice_equal(name, SLICE("time")))
		return text.ptr != NULL && slice_equal(text, element->callback.occurred);
	if (slice_equal(name, SLICE("specversion")))
		return slice_equal(text, SLICE("1.0"));
	return slice_equal(name, SLICE("datacontenttype")) &&
	       slice_equal(text, SLICE("application/json"));
}

/* Copies the members of the element, or of its data, that cannot be derived from the fields.
 * Returns NULL if no member remains, or if memory is short, which sets *failed. */
static struct json_t *
remaining_members(struct element *element, const struct json_t *object, bool *failed)
{
	bool is_data = object == element->data;
	const char *key;
	struct json_t *value, *left = json_new_object();
	size_t count = 0;
	*failed = *failed || left == NULL;
	for (void *cursor = NULL; !*failed && json_next(object, &cursor, &key, &value);) {
		if (is_data ? is_in_data(element, key, value) : is_in_envelope(element, key, value))
			continue;
		if (!is_data && value == element->data && json_kind(value) == JSON_KIND_OBJECT) {
			struct json_t *rest = remaining_members(element, value, failed);
			if (rest == NULL)
				continue;
			json_put(left, key, rest);
		} else
			json_put_copy(left, key, value);
		*failed = *failed || json_get(left, key) == NULL;
		count++;
	}
	if (count > 0 && !*failed)
		return left;
	json_free(left);
	return NULL;
}

static enum result
write_extra(struct element *element, struct buffer *out)
{
	bool failed = false;
	struct json_t *extra = remaining_members(element, element->value, &failed);
	enum result result = failed ? RESULT_NO_MEMORY : RESULT_OK;
	if (extra != NULL)
		result = json_write(extra, out);
	json_free(extra);
	return result;
}

/* Calls on_callback for one element. value is NULL if it is unreadable; raw is its bytes. */
static enum result
report_element(struct reader *reader, const struct json_t *value, struct slice raw)
{
	struct element element = {.callback = {.kind = CALLBACK_UNRECOGNISED, .error_code = -1}};
	struct slice extra = SLICE_NONE;
	buffer_clear(&reader->extra);
	buffer_clear(&reader->payload);

	enum result result = value == NULL ? RESULT_OK : read_element(value, reader, &element);
	if (result == RESULT_OK && element.callback.kind != CALLBACK_UNRECOGNISED) {
		raw = SLICE_NONE;
		result = write_extra(&element, &reader->extra);
		if (reader->extra.len > 0)
			extra = buffer_slice(&reader->extra);
	}
	if (result != RESULT_OK)
		return result;
	return reader->on_callback(reader->context, &element.callback, extra, raw);
}

static enum result
report_piece(struct reader *reader, const struct json_piece *piece)
{
	struct json_t *value = NULL;
	enum result result = RESULT_OK;
	if (piece->readable)
		result = json_load(buffer_slice(&reader->repaired), &value);
	if (result != RESULT_NO_MEMORY)
		result = report_element(reader, value, piece->raw);
	json_free(value);
	return result;
}

enum result
callback_read_json(struct slice body, enum route_kind kind, callback_fn on_callback, void *context)
{
	struct reader reader = {.route = kind, .on_callback = on_callback, .context = context};
	struct json_pieces pieces = {.text = body};
	struct json_piece piece;
	enum result result = RESULT_OK, next = RESULT_OK;

	for (size_t count = 0; result == RESULT_OK && next == RESULT_OK; count++) {
		next = json_pieces_next(&pieces, &reader.repaired, &piece);
		if (next == RESULT_OK)
			result = report_piece(&reader, &piece);
		else if (next != RESULT_NOT_FOUND)
			result = next;
		else if (count == 0)
			result = report_element(&reader, NULL, body);
	}

	buffer_done(&reader.repaired);
	buffer_done(&reader.extra);
	buffer_done(&reader.payload);
	return result;
}
