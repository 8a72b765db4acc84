#include "request_trace.h"

#include "dlrd/base/clock.h"
#include "dlrd/base/log.h"
#include "dlrd/twilio/callback.h"

#include <stdio.h>
#include <stdlib.h>

#define DIGITS_MIN 7 /* of a telephone number; a short code is not one of a person */
#define DIGITS_SHOWN 4
#define CHANNEL_MAX 12 /* bytes of "whatsapp:" and the like */
#define METHOD_MAX 10

struct request_trace *
request_trace_begin(void)
{
	if (!log_shows(LOG_DEBUG))
		return NULL;
	struct request_trace *trace = calloc(1, sizeof *trace);
	if (trace != NULL)
		trace->begun_us = clock_monotonic_us();
	return trace;
}

/* --- what may be shown --- */

static size_t
digits_at_end(struct slice text)
{
	size_t count = 0;
	while (count < text.len && text.ptr[text.len - 1 - count] >= '0' &&
	       text.ptr[text.len - 1 - count] <= '9')
		count++;
	return count;
}

const char *
request_trace_mask(struct slice number, char out_text[TRACE_NUMBER_SIZE])
{
	size_t digits = digits_at_end(number), colon = slice_find(number, ':');
	struct slice channel = {number.ptr, colon < number.len ? colon + 1 : 0};
	size_t plus = channel.len < number.len && number.ptr[channel.len] == '+';
	out_text[0] = '\0';
	if (digits < DIGITS_MIN || channel.len + plus + digits != number.len ||
	    channel.len > CHANNEL_MAX ||
	    (channel.len > 0 && !slice_is_name((struct slice){channel.ptr, colon}, "", colon)))
		return out_text;
	snprintf(out_text, TRACE_NUMBER_SIZE, "%.*s..%.*s", SLICE_ARG(channel), DIGITS_SHOWN,
	    number.ptr + number.len - DIGITS_SHOWN);
	return out_text;
}

static void
note_sid(struct slice sid, char out_text[TRACE_SID_SIZE])
{
	if (callback_is_sid(sid))
		snprintf(out_text, TRACE_SID_SIZE, "%.*s", SLICE_ARG(sid));
}

static const char *
cause_of(const struct admission_decision *decision)
{
	switch (decision->result) {
	case ADMISSION_ADMITTED: break;
	case ADMISSION_NO_ROUTE: return "no route";
	case ADMISSION_UNVERIFIED: return verification_result_name(decision->verification.result);
	case ADMISSION_TOO_MANY_FIELDS: return "too many fields";
	case ADMISSION_UNDECIDED: return "no memory";
	}
	return NULL;
}

void
request_trace_note(struct request_trace *trace, const struct admission *admission,
    const struct incoming *incoming, const struct admission_decision *decision)
{
	bool was_read =
	    decision->result == ADMISSION_ADMITTED || decision->result == ADMISSION_UNVERIFIED;
	trace->cause = cause_of(decision);
	trace->route = decision->route == NULL ? NULL : decision->route->path;
	note_sid(decision->result == ADMISSION_ADMITTED ? decision->verification.account
							: decision->account,
	    trace->account);
	if (!was_read || !incoming_has_form(incoming))
		return;

	struct callback callback = callback_read(&admission->form, decision->route->kind);
	note_sid(callback.message, trace->message);
	request_trace_mask(callback.from, trace->from);
	request_trace_mask(callback.to, trace->to);
}

/* --- the line --- */

static void
append_if(struct buffer *line, const char *name, const char *text)
{
	if (text[0] != '\0')
		buffer_appendf(line, ", %s %s", name, text);
}

static void
append_decision(struct buffer *line, const struct request_trace *trace, unsigned status)
{
	if (trace->number > 0 && status < 300)
		buffer_appendf(
		    line, ": stored, journal number %llu", (unsigned long long)trace->number);
	else if (trace->cause != NULL)
		buffer_appendf(line, ": refused (%s)", trace->cause);
	else if (trace->submitted_us > 0 && trace->finished_us == 0)
		buffer_append(line, SLICE(": its commit is not known yet"));
	else
		buffer_append(line, SLICE(": not stored"));
	if (trace->fate != NULL)
		buffer_appendf(line, ", quarantine: %s", trace->fate);
	if (status > 0)
		buffer_appendf(line, ", answered %u", status);
	else
		buffer_append(line, SLICE(", not answered"));
}

static void
append_time(struct buffer *line, const char *before, int64_t from_us, int64_t to_us)
{
	if (from_us > 0 && to_us > 0)
		buffer_appendf(line, "%s %lld us", before, (long long)(to_us - from_us));
	else
		buffer_appendf(line, "%s -", before);
}

void
request_trace_end(
    struct request_trace *trace, const struct incoming *incoming, size_t body_len, unsigned status)
{
	struct buffer line = BUFFER_EMPTY;
	struct slice method = incoming->method;
	if (method.len > METHOD_MAX)
		method.len = METHOD_MAX;
	buffer_appendf(&line, "callback on %s: %.*s, %zu bytes",
	    trace->route == NULL ? "-" : trace->route, SLICE_ARG(method), body_len);
	append_if(&line, "account", trace->account);
	append_if(&line, "message", trace->message);
	append_if(&line, "from", trace->from);
	append_if(&line, "to", trace->to);
	append_decision(&line, trace, status);
	append_time(&line, "; admission", trace->deciding_us, trace->decided_us);
	append_time(&line, ", commit", trace->submitted_us, trace->finished_us);
	append_time(&line, ", total", trace->begun_us, clock_monotonic_us());
	if (!line.failed)
		log_line(LOG_DEBUG, "%.*s", SLICE_ARG(buffer_slice(&line)));
	buffer_done(&line);
	free(trace);
}
