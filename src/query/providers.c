#include "providers.h"

#include "dlrd/twilio/address.h"
#include "figures.h"
#include "parameters.h"

/* Each provider's name is looked up once, and then its hours. */
#define NAMED                                                                                  \
	"WITH x AS MATERIALIZED (SELECT p.id, p.account, p.service, p.sender, " PROVIDER_NAME( \
	    "p") " AS name FROM provider p)"

static const char providers_sql[] =
    NAMED " SELECT g.name AS provider, nullif(g.by_account, '') AS account,"
	  " nullif(g.by_service, '') AS service, nullif(g.by_sender, '') AS sender, g.*" RATES
	  " FROM (SELECT x.name, CASE WHEN $1 <> 'provider' THEN x.account END AS by_account,"
	  "  CASE WHEN $1 IN ('service', 'sender') THEN x.service END AS by_service,"
	  "  CASE WHEN $1 = 'sender' THEN x.sender END AS by_sender, " FIGURES
	  "  FROM x CROSS JOIN provider_hour h WHERE h.provider_id = x.id"
	  "  AND h.hour >= $6 AND h.hour < $7 AND ($2 IS NULL"
	  "   OR $2 <> '' AND $2 IN (x.name, x.account, x.service, x.sender))"
	  "  AND ($3 IS NULL OR x.account = $3) AND ($4 IS NULL OR x.service = $4)"
	  "  AND ($5 IS NULL OR x.sender = $5) GROUP BY 1, 2, 3, 4 HAVING " ANY_FIGURE ") g"
	  " ORDER BY g.name NULLS FIRST, g.by_account NULLS FIRST, g.by_service NULLS FIRST,"
	  " g.by_sender NULLS FIRST LIMIT $9 OFFSET $10";

static void
name_kind(const struct query *query, struct report_row *row)
{
	struct slice sender = report_cell(&query->report, row, "sender")->text;
	struct slice service = report_cell(&query->report, row, "service")->text;
	enum address_kind kind = address_kind_of_sender(sender, service);
	if (kind != ADDRESS_NONE)
		row->cells[report_index(&query->report, "kind")] =
		    cell_text(address_kind_name(kind));
	if (!address_can_receive(kind))
		row->cells[report_index(&query->report, "note")] =
		    cell_text(SLICE(ADDRESS_CANNOT_RECEIVE));
}

const struct query query_providers = {.path = "/v1/providers",
    .command = "providers",
    .summary = "figures by sender, messaging service, account or nickname",
    .help = "Shows what became of the messages that each of our senders sent; --json and --csv "
	    "have more figures than the table. The nickname is that of the sender, else of the "
	    "messaging service, else of the account, else the default one.",
    .operation = "listProviders",
    .title = "Figures by who sent.",
    .answer = "A page of providers.",
    .note = "They are kept by sender and hour, not by campaign: there is no filter workspace "
	    "or campaign.",
    .list_schema = "Providers",
    .row_schema = "Provider",
    .row_description =
	"Figures by sender. Columns that the grouping does not distinguish are null.",
    .parameters = {{"by", QUERY_CHOICE, .words = "sender|service|account|provider",
		       .usual = "sender", .value = "GROUPING",
		       .help = "sender (the default), service, account, or provider: the "
			       "nicknames of the configuration's [provider ...] sections",
		       .description = "What makes a row."},
	PROVIDER_OF("only figures of this nickname, account, messaging service or sender"),
	{"account", QUERY_TEXT, .names = QUERY_NAMES_ACCOUNT, .http_only = true,
	    .description = "Only this account."},
	{"service", QUERY_TEXT, .names = QUERY_NAMES_SERVICE, .http_only = true,
	    .description = "Only this messaging service."},
	{"sender", QUERY_TEXT, .names = QUERY_NAMES_SENDER, .http_only = true,
	    .description = "Only this sender."},
	FROM_HOUR, TO_HOUR, FORMAT, {"limit", QUERY_LIMIT, .http_only = true},
	{"next", QUERY_SKIP, .http_only = true}, TZ},
    .sql = providers_sql,
    .derive = name_kind,
    .report = {"providers",
	REPORT_COLUMNS(
	    {"provider", CELL_TEXT, .nullable = true, .shown = true,
		.description = "The nickname: the sender's, else the messaging service's, else "
			       "the account's, else the default; null if there is no nickname."},
	    {"kind", CELL_TEXT, .derived = true, .nullable = true, .shown = true, .dispensable = 3,
		.shown_if = "sender",
		.words = "long_code|short_code|toll_free|alphanumeric|whatsapp|rcs|messaging_"
			 "service|other"},
	    {"account", CELL_TEXT, .nullable = true, .shown = true, .dispensable = 2,
		.shown_if = "sender|service|account"},
	    {"service", CELL_TEXT, .nullable = true, .shown = true, .dispensable = 1,
		.shown_if = "sender|service"},
	    {"sender", CELL_TEXT, .nullable = true, .shown = true, .shown_if = "sender"},
	    COLUMN_MESSAGES(false), COLUMN_SENT(true), COLUMN_DELIVERED(true), COLUMN_FAILED(true),
	    COLUMN_READ(false),
	    {"replied", CELL_INT, .counts = true, .nullable = true, .shown = true,
		.shown_if = "provider",
		.description = "Replies. Null if no route ever received any."},
	    COLUMN_CLICKED(false), COLUMN_OPTED_OUT(false), COLUMN_PENDING(true),
	    {"delivery_rate", CELL_REAL, .nullable = true, .shown = true, .percent = true,
		.part = "delivered", .rest = "failed",
		.description = "delivered / (delivered + failed); null when both are 0."},
	    {"delivery_rate_low", CELL_REAL, .nullable = true,
		.description = "The rate if all that is pending failed."},
	    {"delivery_rate_high", CELL_REAL, .nullable = true,
		.description = "The rate if all that is pending were delivered."},
	    COLUMN_CANCELED(false), COLUMN_CONFLICTS(false), COLUMN_CLICKED_MESSAGES(false),
	    {"click_rate", CELL_REAL, .nullable = true,
		.description = "clicked_messages / delivered; null when nothing was delivered."},
	    {"note", CELL_TEXT, .derived = true, .nullable = true, .shown = true, .wraps = true,
		.shown_if = "sender", .words = ADDRESS_CANNOT_RECEIVE,
		.description = "Of alphanumeric senders, which cannot receive; else null."}),
	.has_total = true}};
