#include "dlrd/api/report.h"

#include "dlrd/base/clock.h"
#include "dlrd/twilio/address.h"

#include <string.h>

const struct report report_scopes = {
    "scopes", 5, {{"scope"}, {"state"}, {"since"}, {"cause"}, {"message"}}};

const struct report report_history = {"history", 8,
    {{"time"}, {"state"}, {"cause"}, {"scope"}, {"message"}, {"changed"}, {"body"}, {"seq"}}};

const struct report report_signature_failures = {"failures", 9,
    {{"route"}, {"account"}, {"causes"}, {"proven"}, {"url"}, {"advice"}, {"count"}, {"first"},
	{"last"}}};

#define QUARANTINE_COLUMNS                                                                      \
	{"id"}, {"first"}, {"last"}, {"count"}, {"method"}, {"target"}, {"route"}, {"account"}, \
	    {"cause"}, {"proven"}, {"media_type"},                                              \
	{                                                                                       \
		"bytes"                                                                         \
	}

const struct report report_quarantine = {"quarantine", 12, {QUARANTINE_COLUMNS}};

const struct report report_quarantined = {"quarantine", 19,
    {QUARANTINE_COLUMNS, {"signature"}, {"host"}, {"forwarded_proto"}, {"forwarded_host"},
	{"original_uri"}, {"body"}, {"request"}}};

static struct cell
text(struct slice value)
{
	return (struct cell){.kind = value.ptr == NULL ? CELL_NULL : CELL_TEXT, .text = value};
}

static struct cell
integer(int64_t value)
{
	return (struct cell){.kind = CELL_INT, .number = value};
}

static struct cell
time_cell(int64_t time_us)
{
	return (struct cell){.kind = time_us == 0 ? CELL_NULL : CELL_TIME, .number = time_us};
}

static struct cell
boolean(bool value)
{
	return (struct cell){.kind = CELL_BOOL, .number = value};
}

/* --- the opt-out ledger --- */

struct report_row
report_optout_row(const struct consent_row *row)
{
	return (struct report_row){
	    {text(row->number), text(row->scope), text(row->state), time_cell(row->time_us),
		text(row->cause), text(row->message), text(row->workspace), text(row->campaign)}};
}

struct report_row
report_scope_row(const struct consent_row *row)
{
	return (struct report_row){{text(row->scope), text(row->state), time_cell(row->time_us),
	    text(row->cause), text(row->message)}};
}

struct report_row
report_history_row(const struct consent_row *row)
{
	return (struct report_row){{time_cell(row->time_us), text(row->state), text(row->cause),
	    text(row->scope), text(row->message), boolean(row->changed), text(row->body),
	    integer(row->event_seq)}};
}

/* --- what was refused --- */

static struct cell
text_or_null(struct slice value)
{
	return text(value.len == 0 ? SLICE_NONE : value);
}

struct report_row
report_signature_failure_row(const struct signature_failure *failure)
{
	return (struct report_row){{text(failure->route), text_or_null(failure->account),
	    text(failure->causes), boolean(failure->proven), text_or_null(failure->url),
	    text(failure->advice), integer((int64_t)failure->count), time_cell(failure->first_us),
	    time_cell(failure->last_us)}};
}

struct report_row
report_quarantine_row(const struct quarantined *request)
{
	return (struct report_row){{integer((int64_t)request->id),
	    time_cell(request->incoming.arrived_us), time_cell(request->last_us),
	    integer((int64_t)request->count), text(request->incoming.method),
	    text(request->incoming.target), text(request->route), text_or_null(request->account),
	    text(request->cause), boolean(request->proven), text(request->incoming.media_type),
	    integer((int64_t)request->incoming.body.len)}};
}

struct report_row
report_quarantined_row(const struct quarantined *request, struct slice raw)
{
	struct report_row out = report_quarantine_row(request);
	struct cell *cell = &out.cells[report_quarantine.count];
	*cell++ = text(request->incoming.signature);
	*cell++ = text(request->incoming.host);
	*cell++ = text(request->incoming.forwarded_proto);
	*cell++ = text(request->incoming.forwarded_host);
	*cell++ = text(request->incoming.original_uri);
	*cell++ = text(request->incoming.body);
	*cell++ = text(raw);
	return out;
}
