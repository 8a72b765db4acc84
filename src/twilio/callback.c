#include "dlrd/twilio/callback.h"

#include "dlrd/base/json.h"
#include "dlrd/twilio/keyword_word.h"

#include <stddef.h>

static const struct {
	struct slice name;
	enum route_kind kind;
} kinds[] = {
    {SLICE_INIT("auto"), ROUTE_AUTO},
    {SLICE_INIT("status"), ROUTE_STATUS},
    {SLICE_INIT("inbound"), ROUTE_INBOUND},
    {SLICE_INIT("click"), ROUTE_CLICK},
    {SLICE_INIT("events"), ROUTE_EVENTS},
    {SLICE_INIT("debugger"), ROUTE_DEBUGGER},
};

bool
route_kind_from_name(struct slice name, enum route_kind *out_kind)
{
	for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
		if (slice_equal(name, kinds[i].name)) {
			*out_kind = kinds[i].kind;
			return true;
		}
	return false;
}

const char *
route_kind_name(enum route_kind kind)
{
	return kinds[kind].name.ptr;
}

bool
callback_is_sid(struct slice text)
{
	for (size_t i = 0; i < text.len; i++) {
		char byte = text.ptr[i];
		bool is_letter = (byte >= 'A' && byte <= 'Z') || (byte >= 'a' && byte <= 'z');
		if (i < 2 ? !is_letter : slice_hex_digit(byte) < 0)
			return false;
	}
	return text.len == CALLBACK_SID_LEN;
}

bool
callback_is_conversation(struct slice sid)
{
	return slice_starts_with(sid, SLICE("IM"));
}

int64_t
callback_error_code(struct slice text)
{
	int64_t code;
	if (text.len > 9 || slice_to_int(text, &code) != RESULT_OK || code == 0)
		return -1;
	return code;
}

bool
callback_has_known_opt_out(const struct callback *callback)
{
	return callback->opt_out.len == 0 || keyword_of_name(callback->opt_out) != KEYWORD_OTHER;
}

struct slice
callback_level(struct slice text)
{
	/* The first four are documented (docs/usage/troubleshooting/debugging-event-webhooks, in
	 * its older and newer form); the others are common names of log levels. */
	static const struct slice levels[] = {SLICE_INIT("error"), SLICE_INIT("warning"),
	    SLICE_INIT("info"), SLICE_INIT("debug"), SLICE_INIT("notice"), SLICE_INIT("critical"),
	    SLICE_INIT("fatal")};
	for (size_t i = 0; i < sizeof levels / sizeof levels[0]; i++)
		if (slice_equal_nocase(text, levels[i]))
			return levels[i];
	return text;
}

/* The fields of a callback that parameters fill. Further names of a field are deprecated aliases of
 * its first name (docs/messaging/api/message-resource). */
enum field {
	MESSAGE,
	STATUS,
	CHANNEL_EVENT,
	ERROR_CODE,
	ACCOUNT,
	FROM,
	TO,
	SERVICE,
	BODY,
	DONE_DATE,
	OPT_OUT,
	ORIGINAL,
	ALERT,
	LEVEL,
	OCCURRED,
	PAYLOAD,
	FIELDS
};

static const struct {
	struct slice name;
	enum field field;
} parameters[] = {
    {SLICE_INIT("MessageSid"), MESSAGE},
    {SLICE_INIT("SmsSid"), MESSAGE},
    {SLICE_INIT("SmsMessageSid"), MESSAGE},
    {SLICE_INIT("MessageStatus"), STATUS},
    {SLICE_INIT("SmsStatus"), STATUS},
    {SLICE_INIT("EventType"), CHANNEL_EVENT},
    {SLICE_INIT("ErrorCode"), ERROR_CODE},
    {SLICE_INIT("AccountSid"), ACCOUNT},
    {SLICE_INIT("From"), FROM},
    {SLICE_INIT("To"), TO},
    {SLICE_INIT("MessagingServiceSid"), SERVICE},
    {SLICE_INIT("Body"), BODY},
    {SLICE_INIT("RawDlrDoneDate"), DONE_DATE},
    {SLICE_INIT("OptOutType"), OPT_OUT},
    {SLICE_INIT("OriginalRepliedMessageSid"), ORIGINAL},
    {SLICE_INIT("Sid"), ALERT},
    {SLICE_INIT("Level"), LEVEL},
    {SLICE_INIT("Timestamp"), OCCURRED},
    {SLICE_INIT("Payload"), PAYLOAD},
};

#define PARAMETER_COUNT (sizeof parameters / sizeof parameters[0])

/* Reads the first non-empty value of each field, in the order of names in the table. */
static void
read_fields(const struct form *form, struct slice out_values[FIELDS])
{
	struct slice by_name[PARAMETER_COUNT] = {{NULL, 0}};
	for (size_t i = 0; i < form->count; i++)
		for (size_t p = 0; p < PARAMETER_COUNT; p++)
			if (by_name[p].ptr == NULL &&
			    slice_equal(form->fields[i].name, parameters[p].name))
				by_name[p] = form->fields[i].value;

	for (size_t p = 0; p < PARAMETER_COUNT; p++) {
		struct slice *value = &out_values[parameters[p].field];
		if (value->len == 0 && by_name[p].ptr != NULL)
			*value = by_name[p];
	}
}

static struct slice
absent_if_empty(struct slice value)
{
	return value.len == 0 ? SLICE_NONE : value;
}

static bool
is_one_of(struct slice text, struct slice one, struct slice other)
{
	return slice_equal_nocase(text, one) || slice_equal_nocase(text, other);
}

/* A channel may report a read message only in EventType, with the previous status in MessageStatus.
 * It does not replace a failure. */
static struct slice
status_of(const struct slice values[FIELDS])
{
	struct slice status = values[STATUS], event = values[CHANNEL_EVENT];
	bool settled = is_one_of(status, SLICE("failed"), SLICE("undelivered")) ||
		       is_one_of(status, SLICE("received"), SLICE("receiving"));
	if (slice_equal_nocase(event, SLICE("READ")) && !settled)
		return SLICE("read");
	return absent_if_empty(status.len > 0 ? status : event);
}

static bool
is_alert(const struct slice values[FIELDS])
{
	return values[MESSAGE].len == 0 && callback_is_sid(values[ALERT]) &&
	       slice_starts_with(values[ALERT], SLICE("NO")) &&
	       (values[LEVEL].len > 0 || values[PAYLOAD].len > 0);
}

/* Conversations can be configured with any URL. Its event names begin with "on"
 * (docs/conversations/ conversations-webhooks), and a channel's EventType of a message never does.
 */
static bool
is_conversation(const struct slice values[FIELDS])
{
	struct slice event = values[CHANNEL_EVENT];
	bool has_event = event.len > 2 && slice_starts_with(event, SLICE("on")) &&
			 event.ptr[2] >= 'A' && event.ptr[2] <= 'Z';
	return has_event || callback_is_conversation(values[MESSAGE]);
}

static enum callback_kind
kind_of_content(const struct slice values[FIELDS])
{
	struct slice status = status_of(values);
	if (is_alert(values))
		return CALLBACK_ALERT;
	if (!callback_is_sid(values[MESSAGE]) || is_conversation(values))
		return CALLBACK_UNRECOGNISED;
	if (is_one_of(status, SLICE("received"), SLICE("receiving")) ||
	    (status.len == 0 && values[BODY].ptr != NULL))
		return CALLBACK_INBOUND;
	return status.len > 0 ? CALLBACK_STATUS : CALLBACK_UNRECOGNISED;
}

static bool
route_accepts(enum route_kind route, enum callback_kind kind)
{
	switch (route) {
	case ROUTE_AUTO: return true;
	case ROUTE_STATUS: return kind == CALLBACK_STATUS;
	case ROUTE_INBOUND: return kind == CALLBACK_INBOUND;
	case ROUTE_DEBUGGER: return kind == CALLBACK_ALERT;
	case ROUTE_CLICK:
	case ROUTE_EVENTS: return false;
	}
	return false;
}

/* These parameters have a meaning only in an alert. */
static void
fill_alert(const struct slice values[FIELDS], struct callback *callback)
{
	callback->status = callback_level(absent_if_empty(values[LEVEL]));
	callback->reference = values[ALERT];
	callback->occurred = absent_if_empty(values[OCCURRED]);
	callback->payload = absent_if_empty(values[PAYLOAD]);
}

/* Twilio posts the parameters of a call to a voice URL and to a voice StatusCallback
 * (docs/voice/api/call-resource#statuscallback). */
static bool
is_voice(const struct form *form, const struct slice values[FIELDS])
{
	if (values[MESSAGE].len > 0 || values[ALERT].len > 0)
		return false;

	struct slice call = form_get(form, SLICE("CallSid"));
	return callback_is_sid(call) && slice_starts_with(call, SLICE("CA")) &&
	       form_get(form, SLICE("CallStatus")).len > 0;
}

static void
fill_failed(const struct form *form, struct callback *callback)
{
	callback->failed_url = absent_if_empty(form_get(form, SLICE("ErrorUrl")));
	callback->failed_code = callback->error_code > 0 ? callback->error_code : 0;
}

struct callback
callback_read(const struct form *form, enum route_kind route)
{
	struct slice values[FIELDS] = {{NULL, 0}};
	read_fields(form, values);

	struct callback callback = {.kind = kind_of_content(values),
	    .message = callback_is_sid(values[MESSAGE]) ? values[MESSAGE] : SLICE_NONE,
	    .status = status_of(values),
	    .error_code = callback_error_code(values[ERROR_CODE]),
	    .account = absent_if_empty(values[ACCOUNT]),
	    .from = absent_if_empty(values[FROM]),
	    .to = absent_if_empty(values[TO]),
	    .alias = absent_if_empty(form_get(form, SLICE("ExternalUserId"))),
	    .service = absent_if_empty(values[SERVICE]),
	    .body = values[BODY],
	    .done_date = absent_if_empty(values[DONE_DATE]),
	    .opt_out = absent_if_empty(values[OPT_OUT]),
	    .original = absent_if_empty(values[ORIGINAL])};

	if (callback.kind == CALLBACK_ALERT)
		fill_alert(values, &callback);
	if (is_voice(form, values))
		callback.call = form_get(form, SLICE("CallSid"));
	if (callback.kind == CALLBACK_INBOUND || callback.call.len > 0)
		fill_failed(form, &callback);
	/* In an inbound message the error code is the reason why Twilio called the fallback URL
	 * (docs/usage/webhooks/availability-reliability). */
	if (callback.kind == CALLBACK_INBOUND)
		callback.error_code = -1;
	if (!route_accepts(route, callback.kind))
		callback.kind = CALLBACK_UNRECOGNISED;
	return callback;
}

/* Offsets of the fields that hold a parameter's text unchanged. */
static const size_t offsets[FIELDS] = {[MESSAGE] = offsetof(struct callback, message),
    [STATUS] = offsetof(struct callback, status),
    [ACCOUNT] = offsetof(struct callback, account),
    [FROM] = offsetof(struct callback, from),
    [TO] = offsetof(struct callback, to),
    [SERVICE] = offsetof(struct callback, service),
    [BODY] = offsetof(struct callback, body),
    [DONE_DATE] = offsetof(struct callback, done_date),
    [ORIGINAL] = offsetof(struct callback, original),
    [ALERT] = offsetof(struct callback, reference),
    [OCCURRED] = offsetof(struct callback, occurred)};

/* Returns whether value can be derived from the callback's fields. */
static bool
is_in_field(const struct callback *callback, enum field field, struct slice value)
{
	if (field == ERROR_CODE)
		return callback_error_code(value) == callback->error_code &&
		       (callback->error_code > 0 || value.len == 0);
	if (field == PAYLOAD)
		return false; /* an event stores only the fields that alert.h reads */
	bool inbound = callback->kind == CALLBACK_INBOUND;
	if ((field == OPT_OUT || field == ORIGINAL) && value.len > 0 && !inbound)
		return false;
	if (field == OPT_OUT)
		return slice_equal(value, callback->opt_out) &&
		       callback_has_known_opt_out(callback);
	if (field == LEVEL || field == CHANNEL_EVENT)
		return value.len == 0 || slice_equal_nocase(value, callback->status);
	const struct slice *stored =
	    (const struct slice *)(const void *)((const char *)callback + offsets[field]);
	return slice_equal(value, *stored);
}

/* Returns whether the parameter can be derived from the callback's fields. */
static bool
is_redundant(const struct form_field *parameter, const struct callback *callback)
{
	for (size_t p = 0; p < PARAMETER_COUNT; p++)
		if (slice_equal(parameter->name, parameters[p].name))
			return is_in_field(callback, parameters[p].field, parameter->value);
	return slice_equal(parameter->name, SLICE("ApiVersion")) &&
	       slice_equal(parameter->value, SLICE("2010-04-01"));
}

enum result
callback_extra(const struct form *form, const struct callback *callback, struct buffer *out)
{
	struct json_t *extra = NULL;
	for (size_t i = 0; i < form->count; i++) {
		if (is_redundant(&form->fields[i], callback))
			continue;
		if (extra == NULL && (extra = json_new_object()) == NULL)
			return RESULT_NO_MEMORY;
		json_add_text(extra, form->fields[i].name, form->fields[i].value);
	}

	if (extra == NULL)
		return RESULT_OK;
	enum result result = json_write(extra, out);
	json_free(extra);
	return result;
}
