#include "dlrd/query/refusals.h"

#include "parameters.h"

const struct query query_signature_failures = {.path = "/v1/signature-failures",
    .operation = "listSignatureFailures",
    .title = "Requests that were refused lately for their signature, why, and what to change.",
    .answer = "Refusals since the start of dlrd, summed up, the latest first; 64 rows at most.",
    .tag = "quarantine",
    .list_schema = "SignatureFailures",
    .row_schema = "SignatureFailure",
    .row_description = "Refusals of one route and account that want the same change.",
    .parameters = {FORMAT, TZ},
    .report = {"failures",
	REPORT_COLUMNS({"route", CELL_TEXT},
	    {"account", CELL_TEXT, .nullable = true, .description = "As the requests claim."},
	    {"causes", CELL_TEXT,
		.description = "With commas between them; the one to fix first is first."},
	    {"proven", CELL_BOOL, .description = "One of the configured tokens signed it."},
	    {"url", CELL_TEXT, .nullable = true,
		.description =
		    "The URL that was signed, up to the path; null if it was not found."},
	    {"advice", CELL_TEXT, .description = "The setting or directive to change."},
	    {"count", CELL_INT, .counts = true}, {"first", CELL_TIME}, {"last", CELL_TIME})}};

#define REQUEST_COLUMNS                                                                          \
	{"id", CELL_INT, .counts = true, .shown = true, .description = "Never used twice."},     \
	    {"first", CELL_TIME, .shown = true, .dispensable = 1,                                \
		.description =                                                                   \
		    "When it first arrived; it is counted at this time if it is taken in."},     \
	    {"last", CELL_TIME, .shown = true, .description = "When it last arrived."},          \
	    {"count", CELL_INT, .counts = true, .shown = true,                                   \
		.description = "How often the same request arrived."},                           \
	    {"method", CELL_TEXT},                                                               \
	    {"target", CELL_TEXT, .description = "Path and query as they came."},                \
	    {"route", CELL_TEXT, .shown = true,                                                  \
		.description = "The path of its route; empty if no section has its path."},      \
	    {"account", CELL_TEXT, .nullable = true, .shown = true,                              \
		.description = "That it claims."},                                               \
	    {"cause", CELL_TEXT, .shown = true,                                                  \
		.description = "The one to fix first, as dlrd explain names it; undiagnosed if " \
			       "there was no time to find out."},                                \
	    {"proven", CELL_BOOL, .shown = true, .dispensable = 2,                               \
		.description =                                                                   \
		    "One of the configured tokens signed a variant of it: it is genuine."},      \
	    {"media_type", CELL_TEXT, .nullable = true},                                         \
	{                                                                                        \
		"bytes", CELL_INT, .counts = true, .shown = true, .dispensable = 3,              \
				   .description = "Of the body."                                 \
	}

const struct query query_quarantine = {.path = "/v1/quarantine",
    .operation = "listQuarantine",
    .title = "Refused requests that may be genuine.",
    .answer = "A page of requests, the newest first.",
    .note = "Requests with one signature header that does not verify, or for a path without a "
	    "section: refused, never counted, and kept until they are re-verified, dropped, "
	    "evicted, or too old.",
    .tag = "quarantine",
    .list_schema = "Quarantine",
    .row_schema = "Quarantined",
    .row_description = "A refused request.",
    .parameters = {FORMAT, {"limit", QUERY_LIMIT, .http_only = true},
	{"next", QUERY_BEFORE, .http_only = true}, TZ},
    .report = {"quarantine", REPORT_COLUMNS(REQUEST_COLUMNS)}};

const struct query query_quarantined = {.path = "/v1/quarantine/{id}",
    .operation = "getQuarantined",
    .title = "One refused request, with all that was kept of it.",
    .answer = "A refused request with all that was kept of it.",
    .tag = "quarantine",
    .row_schema = "QuarantinedWhole",
    .row_description = "A refused request with all that was kept of it.",
    .parameters = {{"id", QUERY_NAME, .description = "The request's id."}, TZ},
    .report = {"quarantine",
	REPORT_COLUMNS(REQUEST_COLUMNS, {"signature", CELL_TEXT},
	    {"host", CELL_TEXT, .nullable = true}, {"forwarded_proto", CELL_TEXT, .nullable = true},
	    {"forwarded_host", CELL_TEXT, .nullable = true},
	    {"original_uri", CELL_TEXT, .nullable = true},
	    {"body", CELL_TEXT, .nullable = true,
		.description = "Bytes that are no UTF-8 are U+FFFD."},
	    {"request", CELL_TEXT,
		.description = "The raw HTTP request, as dlrd explain reads it."})}};
