#include "dlrd/store/consents_reader.h"

#include "dlrd/twilio/address.h"
#include "reader_handle.h"

/* A piece of evidence, l, with the event that it came from. */
#define EVIDENCE_COLUMNS                                                           \
	"SELECT l.seq, l.number, l.scope, l.state, l.cause, l.time_us, l.changed," \
	" coalesce(m.sid, e.sid), c.workspace, c.name, e.body, l.event_seq"
#define EVIDENCE_JOINS                                                                 \
	" JOIN event e ON e.seq = l.event_seq JOIN campaign c ON c.id = e.campaign_id" \
	" LEFT JOIN message m ON m.id = e.message_id"

/* The number that is known for an address that is not a number. */
#define PERSON "coalesce((SELECT number FROM person WHERE alias = :number), :number)"

/* An opt-out from an account holds for each of its services and senders. */
#define IN_SCOPE(scope)                                               \
	" AND (:scope IS NULL OR " scope " = :scope OR " scope        \
	" IN (SELECT p.account FROM provider p WHERE p.account <> ''" \
	" AND (p.service = :scope OR p.sender = :scope)))"

static const char optouts_sql[] = EVIDENCE_COLUMNS
    " FROM optout o JOIN consent l ON l.seq = o.consent_seq" EVIDENCE_JOINS
    " WHERE o.consent_seq > :after AND (:number IS NULL OR o.number = " PERSON ")" IN_SCOPE(
	"o.scope") " AND (:state IS NULL OR o.state = :state)"
		   " AND l.time_us >= :from AND l.time_us < :to ORDER BY o.consent_seq LIMIT "
		   ":limit";

/* For one number the primary key finds it. */
static const char optouts_of_number_sql[] = EVIDENCE_COLUMNS
    " FROM optout o JOIN consent l ON l.seq = o.consent_seq" EVIDENCE_JOINS
    " WHERE o.number = " PERSON
    " AND o.consent_seq > :after" IN_SCOPE("o.scope") " AND (:state IS NULL OR o.state = :state)"
						      " ORDER BY o.scope LIMIT :limit";

#define ENDING "substr(number, -7) = substr(:digits, -7) AND number LIKE '%' || :digits"

/* An index has the last OPTOUT_ENDING_MIN digits. */
static const char optouts_ending_sql[] = EVIDENCE_COLUMNS
    " FROM (SELECT number, scope, consent_seq FROM optout WHERE " ENDING
    " ORDER BY number, scope LIMIT :limit) o JOIN consent l ON l.seq = o.consent_seq" EVIDENCE_JOINS
    " ORDER BY o.number, o.scope";

/* All numbers in the order of the ledger, so that a page costs only the rows it shows. Selects
 * changes without a later change before that time. */
static const char past_optouts_sql[] = EVIDENCE_COLUMNS
    " FROM consent l" EVIDENCE_JOINS " WHERE l.changed = 1 AND l.seq > :after"
    " AND l.time_us <= :at" IN_SCOPE("l.scope") " AND (:state IS NULL OR l.state = :state) AND "
						"l.time_us >= :from AND l.time_us < :to"
						" AND NOT EXISTS (SELECT 1 FROM consent n WHERE "
						"n.number = l.number AND n.scope = l.scope"
						"  AND n.seq > l.seq AND n.changed = 1 AND "
						"n.time_us <= :at) ORDER BY l.seq LIMIT :limit";

static const char past_optouts_of_number_sql[] = EVIDENCE_COLUMNS
    " FROM (SELECT max(seq) AS last FROM consent WHERE number = " PERSON
    " AND changed = 1 AND time_us <= :at" IN_SCOPE(
	"scope") " GROUP BY number, scope) o JOIN consent l ON l.seq = o.last" EVIDENCE_JOINS
		 " WHERE l.seq > :after AND (:state IS NULL OR l.state = :state) ORDER BY l.seq "
		 "LIMIT :limit";

/* A number that is not in the table optout has no evidence either. */
static const char past_optouts_ending_sql[] = EVIDENCE_COLUMNS
    " FROM (SELECT max(seq) AS last FROM consent"
    " WHERE number IN (SELECT number FROM optout WHERE " ENDING
    ") AND changed = 1 AND time_us <= :at GROUP BY number, scope) o"
    " JOIN consent l ON l.seq = o.last" EVIDENCE_JOINS " ORDER BY l.number, l.scope LIMIT :limit";

static const char evidence_sql[] =
    EVIDENCE_COLUMNS " FROM consent l" EVIDENCE_JOINS " WHERE l.number = " PERSON
		     " AND l.time_us <= :at ORDER BY l.seq";

static enum result
hand_out(struct store_reader *reader, sqlite3_stmt *statement, consent_fn on_row, void *context)
{
	int code;
	while ((code = sqlite3_step(statement)) == SQLITE_ROW) {
		struct consent_row row = {.seq = sqlite3_column_int64(statement, 0),
		    .number = sqlite_column(statement, 1),
		    .scope = sqlite_column(statement, 2),
		    .state = sqlite_column(statement, 3),
		    .cause = sqlite_column(statement, 4),
		    .time_us = sqlite3_column_int64(statement, 5),
		    .changed = sqlite3_column_int(statement, 6) != 0,
		    .message = sqlite_column(statement, 7),
		    .workspace = sqlite_column(statement, 8),
		    .campaign = sqlite_column(statement, 9),
		    .body = sqlite_column(statement, 10),
		    .event_seq = sqlite3_column_int64(statement, 11)};
		on_row(context, &row);
	}

	return reader_finish(reader, statement, code);
}

enum result
store_read_optouts(struct store_reader *reader, const struct optout_filter *filter,
    consent_fn on_row, void *context)
{
	sqlite3_stmt *statement;
	char made[ADDRESS_MAX];
	struct slice number = address_of_person(filter->number, made);
	bool past = filter->at_us != 0;
	enum result result =
	    past && number.ptr != NULL ? reader_ask(reader, QUESTION_PAST_OPTOUTS_OF_NUMBER,
					     past_optouts_of_number_sql, &statement)
	    : past ? reader_ask(reader, QUESTION_PAST_OPTOUTS, past_optouts_sql, &statement)
	    : number.ptr != NULL
		? reader_ask(reader, QUESTION_OPTOUTS_OF_NUMBER, optouts_of_number_sql, &statement)
		: reader_ask(reader, QUESTION_OPTOUTS, optouts_sql, &statement);
	if (result != RESULT_OK)
		return result;

	reader_bind_text(statement, ":number", number);
	reader_bind_text(statement, ":scope", filter->scope);
	reader_bind_text(statement, ":state", filter->state);
	reader_bind_number(statement, ":at", filter->at_us);
	reader_bind_times(statement, filter->from_us, filter->to_us);
	reader_bind_number(statement, ":after", filter->after_seq);
	reader_bind_limit(statement, filter->limit);
	return hand_out(reader, statement, on_row, context);
}

enum result
store_read_optouts_ending(struct store_reader *reader, struct slice digits,
    const struct optout_filter *filter, consent_fn on_row, void *context)
{
	sqlite3_stmt *statement;
	enum result result = filter->at_us != 0 ? reader_ask(reader, QUESTION_PAST_OPTOUTS_ENDING,
						      past_optouts_ending_sql, &statement)
						: reader_ask(reader, QUESTION_OPTOUTS_ENDING,
						      optouts_ending_sql, &statement);
	if (result != RESULT_OK)
		return result;

	reader_bind_text(statement, ":digits", digits);
	reader_bind_number(statement, ":at", filter->at_us);
	reader_bind_limit(statement, filter->limit);
	return hand_out(reader, statement, on_row, context);
}

enum result
store_read_evidence(struct store_reader *reader, struct slice number, int64_t at_us,
    consent_fn on_row, void *context)
{
	sqlite3_stmt *statement;
	enum result result = reader_ask(reader, QUESTION_EVIDENCE, evidence_sql, &statement);
	if (result != RESULT_OK)
		return result;
	char made[ADDRESS_MAX];
	reader_bind_text(statement, ":number", address_of_person(number, made));
	reader_bind_number(statement, ":at", at_us == 0 ? INT64_MAX : at_us);
	return hand_out(reader, statement, on_row, context);
}
