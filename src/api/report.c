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

/* --- the opt-out ledger --- */

struct report_row
report_optout_row(const struct consent_row *row)
{
	return (struct report_row){{cell_text(row->number), cell_text(row->scope),
	    cell_text(row->state), cell_time(row->time_us), cell_text(row->cause),
	    cell_text(row->message), cell_text(row->workspace), cell_text(row->campaign)}};
}

struct report_row
report_scope_row(const struct consent_row *row)
{
	return (struct report_row){{cell_text(row->scope), cell_text(row->state),
	    cell_time(row->time_us), cell_text(row->cause), cell_text(row->message)}};
}

struct report_row
report_history_row(const struct consent_row *row)
{
	return (struct report_row){{cell_time(row->time_us), cell_text(row->state),
	    cell_text(row->cause), cell_text(row->scope), cell_text(row->message),
	    cell_bool(row->changed), cell_text(row->body), cell_int(row->event_seq)}};
}

/* --- what was refused --- */

static struct cell
text_or_null(struct slice value)
{
	return cell_text(value.len == 0 ? SLICE_NONE : value);
}

struct report_row
report_signature_failure_row(const struct signature_failure *failure)
{
	return (struct report_row){{cell_text(failure->route), text_or_null(failure->account),
	    cell_text(failure->causes), cell_bool(failure->proven), text_or_null(failure->url),
	    cell_text(failure->advice), cell_int((int64_t)failure->count),
	    cell_time(failure->first_us), cell_time(failure->last_us)}};
}

struct report_row
report_quarantine_row(const struct quarantined *request)
{
	return (struct report_row){{cell_int((int64_t)request->id),
	    cell_time(request->incoming.arrived_us), cell_time(request->last_us),
	    cell_int((int64_t)request->count), cell_text(request->incoming.method),
	    cell_text(request->incoming.target), cell_text(request->route),
	    text_or_null(request->account), cell_text(request->cause), cell_bool(request->proven),
	    cell_text(request->incoming.media_type),
	    cell_int((int64_t)request->incoming.body.len)}};
}

struct report_row
report_quarantined_row(const struct quarantined *request, struct slice raw)
{
	struct report_row out = report_quarantine_row(request);
	struct cell *cell = &out.cells[report_quarantine.count];
	*cell++ = cell_text(request->incoming.signature);
	*cell++ = cell_text(request->incoming.host);
	*cell++ = cell_text(request->incoming.forwarded_proto);
	*cell++ = cell_text(request->incoming.forwarded_host);
	*cell++ = cell_text(request->incoming.original_uri);
	*cell++ = cell_text(request->incoming.body);
	*cell++ = cell_text(raw);
	return out;
}
