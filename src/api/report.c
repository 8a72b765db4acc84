#include "dlrd/api/report.h"

#include "dlrd/base/clock.h"
#include "dlrd/twilio/address.h"

#include <string.h>

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
