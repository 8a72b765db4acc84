#include "dlrd/twilio/callback.h"

#include "dlrd/base/json.h"

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

/* The parameters that have a field. A parameter belongs to the first field that lists it; the later
 * names of one field are deprecated aliases of the first (docs/messaging/api/message-resource). */
enum field {
	MESSAGE,
	STATUS,
	ERROR_CODE,
	ACCOUNT,
	FROM,
	TO,
	SERVICE,
	BODY,
	DONE_DATE,
	OPT_OUT,
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
    {SLICE_INIT("ErrorCode"), ERROR_CODE},
    {SLICE_INIT("AccountSid"), ACCOUNT},
    {SLICE_INIT("From"), FROM},
    {SLICE_INIT("To"), TO},
    {SLICE_INIT("MessagingServiceSid"), SERVICE},
    {SLICE_INIT("Body"), BODY},
    {SLICE_INIT("RawDlrDoneDate"), DONE_DATE},
    {SLICE_INIT("OptOutType"), OPT_OUT},
};

#define PARAMETER_COUNT (sizeof parameters / sizeof parameters[0])

/* The first value of each field that is not empty, by the order of names in the table. */
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
filled(struct slice value)
{
	return value.len == 0 ? SLICE_NONE : value;
}

static bool
is_sid(struct slice text)
{
	for (size_t i = 0; i < text.len; i++) {
		char byte = text.ptr[i];
		if (!((byte >= '0' && byte <= '9') || (byte >= 'A' && byte <= 'Z') ||
			(byte >= 'a' && byte <= 'z')))
			return false;
	}
	return text.len >= 1 && text.len <= CALLBACK_SID_MAX;
}

static int64_t
error_code_of(struct slice text)
{
	int64_t code;
	if (text.len > 9 || slice_to_int(text, &code) != RESULT_OK || code == 0)
		return -1;
	return code;
}

static enum callback_kind
kind_of_content(const struct slice values[FIELDS])
{
	bool arriving = slice_equal_nocase(values[STATUS], SLICE("received")) ||
			slice_equal_nocase(values[STATUS], SLICE("receiving"));
	if (!is_sid(values[MESSAGE]))
		return CALLBACK_UNRECOGNISED;
	if (arriving || (values[STATUS].len == 0 && values[BODY].ptr != NULL))
		return CALLBACK_INBOUND;
	return values[STATUS].len > 0 ? CALLBACK_STATUS : CALLBACK_UNRECOGNISED;
}

static bool
route_takes(enum route_kind route, enum callback_kind kind)
{
	switch (route) {
	case ROUTE_AUTO: return true;
	case ROUTE_STATUS: return kind == CALLBACK_STATUS;
	case ROUTE_INBOUND: return kind == CALLBACK_INBOUND;
	case ROUTE_CLICK:
	case ROUTE_EVENTS:
	case ROUTE_DEBUGGER: return false;
	}
	return false;
}

struct callback
callback_read(const struct form *form, enum route_kind route)
{
	struct slice values[FIELDS] = {{NULL, 0}};
	read_fields(form, values);
	struct callback callback = {.kind = kind_of_content(values),
	    .message = is_sid(values[MESSAGE]) ? values[MESSAGE] : SLICE_NONE,
	    .status = filled(values[STATUS]),
	    .error_code = error_code_of(values[ERROR_CODE]),
	    .account = filled(values[ACCOUNT]),
	    .from = filled(values[FROM]),
	    .to = filled(values[TO]),
	    .service = filled(values[SERVICE]),
	    .body = values[BODY],
	    .done_date = filled(values[DONE_DATE])};
	if (!route_takes(route, callback.kind))
		callback.kind = CALLBACK_UNRECOGNISED;
	if (callback.kind == CALLBACK_INBOUND) {
		callback.keyword = keyword_of_opt_out_type(values[OPT_OUT]);
		if (callback.keyword == KEYWORD_NONE)
			callback.keyword = keyword_of_body(callback.body, NULL);
	}
	return callback;
}

/* Whether the callback's fields already say what this parameter says. */
static bool
is_said(const struct form_field *parameter, const struct callback *callback)
{
	const struct slice said[FIELDS] = {[MESSAGE] = callback->message,
	    [STATUS] = callback->status,
	    [ACCOUNT] = callback->account,
	    [FROM] = callback->from,
	    [TO] = callback->to,
	    [SERVICE] = callback->service,
	    [BODY] = callback->body,
	    [DONE_DATE] = callback->done_date};
	for (size_t p = 0; p < PARAMETER_COUNT; p++) {
		if (!slice_equal(parameter->name, parameters[p].name))
			continue;
		if (parameters[p].field == ERROR_CODE)
			return error_code_of(parameter->value) == callback->error_code &&
			       (callback->error_code > 0 || parameter->value.len == 0);
		return slice_equal(parameter->value, said[parameters[p].field]);
	}
	return slice_equal(parameter->name, SLICE("ApiVersion")) &&
	       slice_equal(parameter->value, SLICE("2010-04-01"));
}

enum result
callback_extra(const struct form *form, const struct callback *callback, struct buffer *out)
{
	struct json_t *extra = NULL;
	for (size_t i = 0; i < form->count; i++) {
		if (is_said(&form->fields[i], callback))
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
