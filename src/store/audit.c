#include "dlrd/store/audit.h"

#include "blocks.h"
#include "dlrd/engine/engine_parameters.h"
#include "dlrd/engine/tables.h"
#include "recount.h"
#include "replies.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

struct auditing {
	struct tables tables;
	struct recount recount;
	audit_difference_fn on_difference;
	void *context;
	struct audit audit;
	struct deltas deltas; /* recounted minus stored; zero if both agree */
	struct deltas blocks; /* blocks.h */
	struct arena arena;   /* texts of the row that is compared */
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
compare_message(
    void *context, const struct message_row *stored, struct message_row *row, uint64_t events)
{
	struct auditing *auditing = context;
	enum conflict_policy policy = auditing->recount.policy;
	struct rollup rollup = rollup_of(&row->message, policy);

	auditing->audit.messages++;
	auditing->audit.events += events;
	if (!message_row_equal(stored, row, policy))
		differ(auditing, "message %lld: stored as \"%.*s\", its receipts say \"%.*s\"",
		    (long long)stored->id, SLICE_ARG(short_text_slice(&stored->status)),
		    SLICE_ARG(short_text_slice(&row->status)));
	enum result result = blocks_note_message(&auditing->blocks, stored->id, &rollup);
	return result == RESULT_OK ? deltas_add(&auditing->deltas, &rollup, 1, stored->tagset_id,
					 stored->provider_id)
				   : result;
}

/* Finds receipts without a stored message, which are counted nowhere. */
static enum result
count_orphans(struct auditing *auditing)
{
	int64_t events = 0;
	enum result result = receipt_table_count(auditing->tables.receipts, &events);
	if (result == RESULT_OK && (uint64_t)events != auditing->audit.events)
		differ(auditing, "%lld receipts belong to no message that is stored",
		    (long long)events - (long long)auditing->audit.events);
	return result;
}

static enum result
compare_reply(void *context, const struct reply_row *row, const struct attribution *attribution,
    bool right, int64_t tagset_id)
{
	struct auditing *auditing = context;
	struct message_write message;

	arena_clear(&auditing->arena);
	enum result result = messages_find_id(
	    auditing->tables.messages, row->reply.message_id, &auditing->arena, &message);
	auditing->audit.replies++;
	if (result == RESULT_OK && (!right || message.stored.tagset_id != tagset_id))
		differ(auditing, "reply %lld: stored by rule \"%.*s\", it should be by \"%.*s\"",
		    (long long)row->reply.message_id, SLICE_ARG(row->rule),
		    SLICE_ARG(attribution_rule_name(attribution->rule)));
	return result;
}

static enum result
judge_replies(struct auditing *auditing, const struct engine_parameters *parameters)
{
	struct replies *replies = NULL;
	enum result result = replies_open(auditing->tables.replies, &replies);
	if (result != RESULT_OK)
		return result;

	replies_set_window(replies, parameters->reply_window_us, parameters->reply_late_us);
	result = replies_note_all(replies);
	if (result == RESULT_OK)
		result = replies_settle(replies, false, compare_reply, auditing);
	replies_close(replies);
	return result;
}

static enum result
compare_optouts(struct auditing *auditing)
{
	uint64_t wrong = 0;
	enum result result =
	    consent_table_audit(auditing->tables.consents, &auditing->audit.optouts, &wrong);
	if (result == RESULT_OK && wrong > 0) {
		differ(auditing, "opt-outs: %llu states or marks do not follow from the evidence",
		    (unsigned long long)wrong);
		auditing->audit.differences += wrong - 1;
	}
	return result;
}

/* Questions about a time would miss what is in a block without its row. */
static enum result
compare_blocks(struct auditing *auditing)
{
	uint64_t messages = 0;
	int64_t events = 0;
	struct block_table *table = auditing->tables.blocks;
	enum result result = blocks_count_missing(&auditing->blocks, table, &messages);
	if (result == RESULT_OK)
		result = block_table_missing_events(table, &events);
	if (messages + (uint64_t)events > 0)
		differ(auditing, "hours: %llu blocks of messages and events are missing",
		    (unsigned long long)messages + (unsigned long long)events);
	return result;
}

static void
report_figures(struct auditing *auditing)
{
	static const char *const tables[] = {[FIGURES_OF_CAMPAIGN] = "campaign_hour of tagset",
	    [FIGURES_OF_PROVIDER] = "provider_hour of provider",
	    [FIGURES_OF_ERROR] = "campaign_error of tagset",
	    [FIGURES_OF_DELAY] = "campaign_delay of tagset"};

	for (size_t i = 0; i < auditing->deltas.capacity; i++) {
		if (!auditing->deltas.used[i])
			continue;
		const struct figure_row *row = &auditing->deltas.rows[i];
		if (row->kind != FIGURES_OF_DELAY)
			auditing->audit.figures += row->kind == FIGURES_OF_ERROR ? 1 : FIGURE_COUNT;
		for (int figure = 0; figure < FIGURE_COUNT; figure++)
			if (row->figures[figure] != 0)
				differ(auditing, "%s %lld, code %lld, hour %lld: %s is off by %lld",
				    tables[row->kind], (long long)row->id, (long long)row->code,
				    (long long)row->hour, figure_name((enum figure)figure),
				    (long long)-row->figures[figure]);
	}
}

static void
report_campaign(void *context, struct slice name)
{
	differ(
	    context, "campaign \"%.*s\": first or last is not that of its events", SLICE_ARG(name));
}

static enum result
audit_snapshot(struct auditing *auditing, const struct engine_parameters *parameters)
{
	struct figure_table *figures = auditing->tables.figures;
	enum result result = recount_each(&auditing->recount, compare_message, auditing);
	if (result == RESULT_OK)
		result = count_orphans(auditing);
	if (result == RESULT_OK)
		result = deltas_subtract_stored(&auditing->deltas, figures);
	if (result == RESULT_OK)
		result = judge_replies(auditing, parameters);
	if (result == RESULT_OK)
		result = figure_table_wrong_campaigns(figures, report_campaign, auditing);
	if (result == RESULT_OK)
		result = compare_optouts(auditing);
	if (result == RESULT_OK)
		result = compare_blocks(auditing);
	if (result == RESULT_OK)
		report_figures(auditing);
	return result;
}

enum result
store_audit(struct store_reader *reader, enum conflict_policy policy,
    audit_difference_fn on_difference, void *context, struct audit *out_audit)
{
	struct auditing auditing = {.on_difference = on_difference, .context = context};
	struct engine_parameters parameters;
	enum result result = store_reader_begin(reader, &auditing.tables, &parameters);
	auditing.recount = (struct recount){.names = auditing.tables.names,
	    .messages = auditing.tables.messages,
	    .receipts = auditing.tables.receipts,
	    .policy = policy};
	if (result == RESULT_OK)
		result = audit_snapshot(&auditing, &parameters);
	store_reader_end(reader, &auditing.tables);
	deltas_done(&auditing.deltas);
	deltas_done(&auditing.blocks);
	arena_done(&auditing.arena);
	if (result == RESULT_OK)
		*out_audit = auditing.audit;
	return result;
}

enum result
store_read_policy(struct store_reader *reader, enum conflict_policy *out_policy)
{
	struct engine_parameters parameters;
	enum result result = store_reader_parameters(reader, &parameters);
	if (result == RESULT_OK)
		*out_policy = parameters.policy;
	return result;
}
