#include "simulate_request.h"

#include "dlrd/twilio/form.h"
#include "simulate_guard.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#define FIELDS_MAX 64
#define SENDERS 4 /* sender numbers of the messages */

static const struct slice service = SLICE_INIT("MG51000000000000000000000000000001");

/* Texts of replies; one in five is the first. */
static const struct slice answers[] = {
    SLICE_INIT("STOP"),
    SLICE_INIT("Yes please, tomorrow at 10 + coffee?"),
    SLICE_INIT("Danke sch\xc3\xb6n \xf0\x9f\x91\x8d"),
    SLICE_INIT("50% off & free = mine"),
    SLICE_INIT(""),
};

#define ANSWER_COUNT (sizeof answers / sizeof answers[0])

/* Appends application/x-www-form-urlencoded text as URLSearchParams writes it. */
static void
append_encoded(struct buffer *out, struct slice text)
{
	static const char digits[] = "0123456789ABCDEF";
	for (size_t i = 0; i < text.len; i++) {
		unsigned char byte = (unsigned char)text.ptr[i];
		if ((byte >= '0' && byte <= '9') || (byte >= 'A' && byte <= 'Z') ||
		    (byte >= 'a' && byte <= 'z') || (byte != '\0' && strchr("*-._", byte) != NULL))
			buffer_append_byte(out, (char)byte);
		else if (byte == ' ')
			buffer_append_byte(out, '+');
		else {
			char escape[3] = {'%', digits[byte >> 4], digits[byte & 15]};
			buffer_append(out, (struct slice){escape, sizeof escape});
		}
	}
}

static void
append_field(struct buffer *out, struct slice name, struct slice value)
{
	if (out->len > 0)
		buffer_append_byte(out, '&');
	buffer_append(out, name);
	buffer_append_byte(out, '=');
	append_encoded(out, value);
}

static struct slice
write_decimal(uint64_t value, char out[20])
{
	size_t at = 20;
	do
		out[--at] = (char)('0' + value % 10);
	while ((value /= 10) > 0);
	return (struct slice){out + at, 20 - at};
}

/* The numbers in both kinds of callback: the person's and the sender's. */
struct numbers {
	char person[13], sender[13]; /* without a NUL: "+15001234567" */
};

static struct slice
number_slice(const char number[13])
{
	return (struct slice){number, 12};
}

static struct numbers
numbers_of(const struct simulate_plan *plan, const struct simulate_item *item)
{
	struct numbers numbers = {"+15000000000", "+18885550000"};
	char text[20];
	struct slice person = write_decimal(item->number % 10000000, text);
	memcpy(numbers.person + 12 - person.len, person.ptr, person.len);
	numbers.sender[11] = (char)('0' + simulate_item_dice(plan, item) % SENDERS);
	return numbers;
}

static void
append_run(struct simulate_requests *requests)
{
	char run[16];
	snprintf(
	    run, sizeof run, SIMULATE_RUN_FORMAT, (unsigned long long)requests->options.plan->run);
	append_field(&requests->body, SLICE(SIMULATE_PARAMETER), slice_of(run));
}

static void
write_status(struct simulate_requests *requests, const struct simulate_item *item)
{
	const struct simulate_plan *plan = requests->options.plan;
	struct buffer *body = &requests->body;
	struct slice status = simulate_item_status(plan, item);
	int64_t error_code = simulate_item_error_code(plan, item);
	struct numbers numbers = numbers_of(plan, item);
	char sid_text[SIMULATE_SID_SIZE], code_text[20];
	simulate_item_sid(plan, item, sid_text);
	struct slice sid = {sid_text, SIMULATE_SID_SIZE - 1};
	if (simulate_item_is_final(item))
		append_field(body, SLICE("RawDlrDoneDate"), slice_of(requests->done_date));
	append_field(body, SLICE("SmsSid"), sid);
	append_field(body, SLICE("SmsStatus"), status);
	append_field(body, SLICE("MessageStatus"), status);
	append_field(body, SLICE("To"), number_slice(numbers.person));
	if (error_code > 0)
		append_field(
		    body, SLICE("ErrorCode"), write_decimal((uint64_t)error_code, code_text));
	append_field(body, SLICE("MessagingServiceSid"), service);
	append_field(body, SLICE("MessageSid"), sid);
	append_field(body, SLICE("AccountSid"), requests->options.account);
	append_field(body, SLICE("From"), number_slice(numbers.sender));
	append_field(body, SLICE("ApiVersion"), SLICE("2010-04-01"));
}

static void
write_reply(struct simulate_requests *requests, const struct simulate_item *item)
{
	const struct simulate_plan *plan = requests->options.plan;
	struct buffer *body = &requests->body;
	struct numbers numbers = numbers_of(plan, item);
	struct slice answer = answers[(simulate_item_dice(plan, item) >> 32) % ANSWER_COUNT];
	char sid_text[SIMULATE_SID_SIZE];
	simulate_item_sid(plan, item, sid_text);
	struct slice sid = {sid_text, SIMULATE_SID_SIZE - 1};
	append_field(body, SLICE("ToCountry"), SLICE("US"));
	append_field(body, SLICE("ToState"), SLICE(""));
	append_field(body, SLICE("SmsMessageSid"), sid);
	append_field(body, SLICE("NumMedia"), SLICE("0"));
	append_field(body, SLICE("ToCity"), SLICE(""));
	append_field(body, SLICE("SmsSid"), sid);
	append_field(body, SLICE("SmsStatus"), SLICE("received"));
	append_field(body, SLICE("Body"), answer);
	append_field(body, SLICE("FromCountry"), SLICE("US"));
	append_field(body, SLICE("To"), number_slice(numbers.sender));
	append_field(body, SLICE("MessagingServiceSid"), service);
	append_field(body, SLICE("NumSegments"), SLICE("1"));
	append_field(body, SLICE("MessageSid"), sid);
	append_field(body, SLICE("AccountSid"), requests->options.account);
	append_field(body, SLICE("From"), number_slice(numbers.person));
	append_field(body, SLICE("ApiVersion"), SLICE("2010-04-01"));
}

/* Forges a signature by changing its first character, which encodes six of its bits. */
static enum result
sign(struct simulate_requests *requests, const struct simulate_item *item,
    char out_text[SIGNATURE_TEXT_MAX])
{
	const struct simulate_request_options *options = &requests->options;
	enum result result =
	    form_decode(&requests->form, buffer_slice(&requests->body), FIELDS_MAX);
	if (result == RESULT_OK)
		result = verifier_sign(options->verifier, options->account, options->target,
		    &requests->form, out_text);
	if (result == RESULT_OK && item->kind == SIMULATE_FORGED)
		out_text[0] = out_text[0] == 'A' ? 'B' : 'A';
	return result;
}

enum result
simulate_requests_init(
    struct simulate_requests *requests, const struct simulate_request_options *options)
{
	time_t now = time(NULL);
	struct tm parts = {0};
	char date[13] = ""; /* YYYYMMDDhhmm */
	*requests = (struct simulate_requests){
	    .options = *options, .head = BUFFER_EMPTY, .body = BUFFER_EMPTY, .form = FORM_EMPTY};
	gmtime_r(&now, &parts);
	strftime(date, sizeof date, "%Y%m%d%H%M", &parts);
	memcpy(requests->done_date, date + 2, sizeof requests->done_date);
	buffer_appendf(&requests->head,
	    "POST %.*s HTTP/1.1\r\nHost: %.*s\r\nUser-Agent: TwilioProxy/1.1\r\nAccept: */*\r\n"
	    "Content-Type: " FORM_MEDIA_TYPE "; charset=UTF-8\r\n",
	    SLICE_ARG(options->target), SLICE_ARG(options->host));
	return requests->head.failed ? RESULT_NO_MEMORY : RESULT_OK;
}

enum result
simulate_requests_write(
    struct simulate_requests *requests, const struct simulate_item *item, struct buffer *out)
{
	char signature[SIGNATURE_TEXT_MAX], len_text[20];
	buffer_clear(&requests->body);
	if (item->kind == SIMULATE_REPLY)
		write_reply(requests, item);
	else
		write_status(requests, item);
	append_run(requests);

	enum result result =
	    requests->body.failed ? RESULT_NO_MEMORY : sign(requests, item, signature);
	if (result != RESULT_OK)
		return result;

	buffer_append(out, buffer_slice(&requests->head));
	buffer_append(out, SLICE("Content-Length: "));
	buffer_append(out, write_decimal(requests->body.len, len_text));
	buffer_append(out, SLICE("\r\nX-Twilio-Signature: "));
	buffer_append(out, slice_of(signature));
	buffer_append(out, SLICE("\r\n\r\n"));
	buffer_append(out, buffer_slice(&requests->body));

	return out->failed ? RESULT_NO_MEMORY : RESULT_OK;
}

void
simulate_requests_done(struct simulate_requests *requests)
{
	buffer_done(&requests->head);
	buffer_done(&requests->body);
	form_done(&requests->form);
}
