#include "dlrd/twilio/alert.h"

#include <stddef.h>

#define DEPTH_MAX 3

/* The paths of each field in a payload; the first one that is not empty fills the field. The error
 * message is in more_info, under a name that depends on the product; some payloads of Event Streams
 * have it at the top level. */
static const struct {
	const char *path[DEPTH_MAX + 1];
	size_t offset; /* of the field in struct alert */
} texts[] = {
    {{"resource_sid"}, offsetof(struct alert, resource)},
    {{"resourceSid"}, offsetof(struct alert, resource)},
    {{"service_sid"}, offsetof(struct alert, service)},
    {{"serviceSid"}, offsetof(struct alert, service)},
    {{"webhook", "request", "url"}, offsetof(struct alert, request_url)},
    {{"webhook", "request", "method"}, offsetof(struct alert, method)},
    {{"more_info", "Msg"}, offsetof(struct alert, text)},
    {{"more_info", "msg"}, offsetof(struct alert, text)},
    {{"more_info", "message"}, offsetof(struct alert, text)},
    {{"more_info", "error_message"}, offsetof(struct alert, text)},
    {{"more_info"}, offsetof(struct alert, text)},
    {{"message"}, offsetof(struct alert, text)},
    {{"error_message"}, offsetof(struct alert, text)},
};

static const struct {
	const char *path[DEPTH_MAX + 1];
	size_t offset;
} numbers[] = {
    {{"error_code"}, offsetof(struct alert, error_code)},
    {{"errorCode"}, offsetof(struct alert, error_code)},
    {{"more_info", "ErrorCode"}, offsetof(struct alert, error_code)},
    {{"webhook", "response", "status_code"}, offsetof(struct alert, response_status)},
    {{"webhook", "response", "statusCode"}, offsetof(struct alert, response_status)},
};

static const struct json_t *
value_at(const struct json_t *value, const char *const path[])
{
	for (size_t i = 0; path[i] != NULL; i++)
		value = json_get(value, path[i]);
	return value;
}

/* Twilio writes numbers as JSON numbers or as text. Returns -1 unless value is a number of 1 to 9
 * digits and not 0. */
static int64_t
number_of(const struct json_t *value)
{
	int64_t number;
	struct slice text = json_text(value);
	if (!json_int(value, &number) && (text.len > 9 || slice_to_int(text, &number) != RESULT_OK))
		return -1;
	return number >= 1 && number <= 999999999 ? number : -1;
}

void
alert_read(struct slice payload, struct alert *out_alert)
{
	struct alert alert = {.error_code = -1, .response_status = -1};
	if (json_parse_start(payload, &alert.payload) != RESULT_OK)
		alert.payload = NULL;

	for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
		struct slice text = json_text(value_at(alert.payload, texts[i].path));
		void *address = (char *)&alert + texts[i].offset;
		struct slice *field = address;
		if (field->ptr == NULL && text.len > 0)
			*field = text;
	}

	for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
		void *address = (char *)&alert + numbers[i].offset;
		int64_t *field = address;
		if (*field < 0)
			*field = number_of(value_at(alert.payload, numbers[i].path));
	}
	*out_alert = alert;
}

void
alert_done(struct alert *alert)
{
	json_free(alert->payload);
	alert->payload = NULL;
}
