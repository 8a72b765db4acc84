#include "dlrd/store/audit.h"

#include "consents.h"
#include "deltas.h"
#include "reader_handle.h"
#include "recount.h"
#include "replies.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

struct auditing {
	sqlite3 *db;
	enum conflict_policy policy;
	audit_difference_fn on_difference;
	void *context;
	struct audit audit;
	struct deltas deltas;    /* recounted minus stored; zero if both agree */
	sqlite3_stmt *tagset_of; /* a message's */
};

static void differ(struct auditing *auditing, const char *format, ...) printf_like(2, 3);

static void
differ(struct auditing *auditing, const char *format, ...)
{
	char line[256];
	va_list arguments;
	va_start(arguments, format);
	vsnprintf(line, sizeof line, format, arguments);
	va_end(arguments);
	auditing->audit.differences++;
	auditing->on_difference(auditing->context, line);
}

static enum result
compare_messages(struct auditing *auditing, struct recount *recount)
{
	struct message_row stored, row;
	uint64_t events;
	enum result result = recount_next(recount, auditing->policy, 0, &stored, &row, &events);

	while (result == RESULT_OK && stored.id != 0) {
		struct rollup rollup = rollup_of(&row.message, auditing->policy);
		auditing->audit.messages++;
		auditing->audit.events += events;
		if (!message_row_equal(&stored, &row, auditing->policy))
			differ(auditing,
			    "message %lld: stored as \"%.*s\", its receipts say \"%.*s\"",
			    (long long)stored.id, SLICE_ARG(short_text_slice(&stored.status)),
			    SLICE_ARG(short_text_slice(&row.status)));
		result =
		    deltas_add(&auditing->deltas, &rollup, 1, stored.tagset_id, stored.provider_id);
		if (result == RESULT_OK)
			result = recount_next(
			    recount, auditing->policy, stored.id, &stored, &row, &events);
	}

	return result;
}

/* Finds receipts without a stored message, which are counted nowhere. */
static enum result
count_orphans(struct auditing *auditing)
{
	int64_t events = 0;
	int code = sqlite_number(
	    auditing->db, "SELECT count(*) FROM event WHERE message_id IS NOT NULL", &events);
	if (code == SQLITE_OK && (uint64_t)events != auditing->audit.events)
		differ(auditing, "%lld receipts belong to no message that is stored",
		    (long long)events - (long long)auditing->audit.events);
	return sqlite_result(code);
}

static enum result
recount_messages(struct auditing *auditing, struct names *names)
{
	struct recount *recount = NULL;
	enum result result = recount_open(auditing->db, names, &recount);
	if (result == RESULT_OK)
		result = compare_messages(auditing, recount);
	recount_close(recount);
	return result == RESULT_OK ? count_orphans(auditing) : result;
}

static enum result
compare_reply(void *context, const struct reply_row *row, const struct attribution *attribution,
    bool right, int64_t tagset_id)
{
	struct auditing *auditing = context;
	int64_t stored_id = 0;

	sqlite3_bind_int64(auditing->tagset_of, 1, row->message_id);
	int code = sqlite3_step(auditing->tagset_of);
	if (code == SQLITE_ROW)
		stored_id = sqlite3_column_int64(auditing->tagset_of, 0);
	sqlite3_reset(auditing->tagset_of);
	auditing->audit.replies++;
	if (!right || stored_id != tagset_id)
		differ(auditing, "reply %lld: stored by rule \"%.*s\", it should be by \"%.*s\"",
		    (long long)row->message_id, SLICE_ARG(row->rule),
		    SLICE_ARG(attribution_rule_name(attribution->rule)));
	return sqlite_result(code);
}

static enum result
read_windows(struct auditing *auditing, struct replies *replies)
{
	int64_t window_us = 0, late_us = 0;
	int code = sqlite_number(auditing->db, "SELECT reply_window_us FROM state", &window_us);
	if (code == SQLITE_OK)
		code = sqlite_number(auditing->db, "SELECT reply_late_us FROM state", &late_us);
	replies_set_window(replies, window_us, late_us);
	return sqlite_result(code);
}

static enum result
judge_replies(struct auditing *auditing)
{
	struct replies *replies = NULL;
	enum result result = replies_open(auditing->db, &replies);
	if (result == RESULT_OK)
		result = sqlite_result(sqlite_prepare(auditing->db,
		    "SELECT tagset_id FROM message WHERE id = ?1", &auditing->tagset_of));
	if (result == RESULT_OK)
		result = read_windows(auditing, replies);
	if (result == RESULT_OK)
		result = replies_note_all(replies);
	if (result == RESULT_OK)
		result = replies_settle(replies, false, compare_reply, auditing);
	sqlite3_finalize(auditing->tagset_of);
	replies_close(replies);
	return result;
}

static enum result
compare_optouts(struct auditing *auditing)
{
	uint64_t wrong = 0;
	enum result result = consents_audit(auditing->db, &auditing->audit.optouts, &wrong);
	if (result == RESULT_OK && wrong > 0) {
		differ(auditing, "opt-outs: %llu states or marks do not follow from the evidence",
		    (unsigned long long)wrong);
		auditing->audit.differences += wrong - 1;
	}
	return result;
}

static void
report_figures(struct auditing *auditing)
{
	static const char *const tables[] = {[DELTA_CAMPAIGN] = "campaign_hour of tagset",
	    [DELTA_PROVIDER] = "provider_hour of provider",
	    [DELTA_ERROR] = "campaign_error of tagset"};

	for (size_t i = 0; i < auditing->deltas.capacity; i++) {
		if (!auditing->deltas.used[i])
			continue;
		const struct delta *row = &auditing->deltas.rows[i];
		auditing->audit.figures += row->table == DELTA_ERROR ? 1 : FIGURE_COUNT;
		for (int figure = 0; figure < FIGURE_COUNT; figure++)
			if (row->figures[figure] != 0)
				differ(auditing, "%s %lld, code %lld, hour %lld: %s is off by %lld",
				    tables[row->table], (long long)row->id, (long long)row->code,
				    (long long)row->hour, figure_name((enum figure)figure),
				    (long long)-row->figures[figure]);
	}
}

static enum result
compare_times(struct auditing *auditing)
{
	sqlite3_stmt *statement;
	int code = sqlite_prepare(auditing->db,
	    "SELECT c.name FROM campaign c JOIN (SELECT campaign_id, min(time_us) AS first,"
	    " max(time_us) AS last FROM event WHERE tagged = 1 GROUP BY campaign_id) e ON "
	    "e.campaign_id = c.id"
	    " WHERE c.first_us <> e.first OR c.last_us <> e.last",
	    &statement);
	enum result result = sqlite_result(code);

	while (result == RESULT_OK && (code = sqlite3_step(statement)) == SQLITE_ROW) {
		struct slice name = sqlite_column(statement, 0);
		differ(auditing, "campaign \"%.*s\": first or last is not that of its events",
		    SLICE_ARG(name));
	}

	sqlite3_finalize(statement);
	return result != RESULT_OK ? result : sqlite_result(code);
}

static enum result
audit_snapshot(struct auditing *auditing, struct names *names)
{
	enum result result = recount_messages(auditing, names);
	if (result == RESULT_OK)
		result = deltas_subtract_stored(&auditing->deltas, auditing->db);
	if (result == RESULT_OK)
		result = judge_replies(auditing);
	if (result == RESULT_OK)
		result = compare_times(auditing);
	if (result == RESULT_OK)
		result = compare_optouts(auditing);
	if (result == RESULT_OK)
		report_figures(auditing);
	return result;
}

enum result
store_audit(struct store_reader *reader, enum conflict_policy policy,
    audit_difference_fn on_difference, void *context, struct audit *out_audit)
{
	struct auditing auditing = {.db = store_reader_handle(reader),
	    .policy = policy,
	    .on_difference = on_difference,
	    .context = context};
	struct names *names = NULL;
	enum result result =
	    sqlite_result(sqlite3_exec(auditing.db, "BEGIN", NULL, NULL, NULL)); /* one snapshot */
	if (result == RESULT_OK)
		result = names_open(auditing.db, &names);
	if (result == RESULT_OK)
		result = audit_snapshot(&auditing, names);
	names_close(names);
	sqlite3_exec(auditing.db, "COMMIT", NULL, NULL, NULL);
	deltas_done(&auditing.deltas);
	if (result == RESULT_OK)
		*out_audit = auditing.audit;
	return result;
}

enum result
store_read_policy(struct store_reader *reader, enum conflict_policy *out_policy)
{
	sqlite3_stmt *statement = NULL;
	int code =
	    sqlite_prepare(store_reader_handle(reader), "SELECT policy FROM state", &statement);
	if (code == SQLITE_OK && (code = sqlite3_step(statement)) == SQLITE_ROW &&
	    !conflict_policy_from_name(sqlite_column(statement, 0), out_policy))
		code = SQLITE_CORRUPT;
	sqlite3_finalize(statement);
	return sqlite_result(code);
}
