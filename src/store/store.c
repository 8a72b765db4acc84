#include "dlrd/store/store.h"

#include "batch.h"
#include "changes.h"
#include "rebuild.h"
#include "receipts.h"
#include "refold.h"
#include "removal.h"
#include "retag.h"
#include "store_handle.h"

#include <stdlib.h>

static bool
report_progress(void *context, int64_t from_version, int64_t to_version)
{
	struct store *store = context;
	store->progress.from_version = from_version;
	store->progress.to_version = to_version;
	return store->on_progress(store->context, &store->progress);
}

/* With on, long work reports progress and can be interrupted, until the call with false. */
static void
watch_progress(struct store *store, bool on)
{
	engine_watch(store->engine, on);
	store->progress.done = store->progress.total = 0;
}

static void
set_policy(struct store *store, enum conflict_policy policy)
{
	store->policy = store->recount.policy = policy;
}

static enum result
recompute(
    struct store *store, const struct store_options *options, const struct engine_parameters *old)
{
	struct store_rebuilt rebuilt;
	if (old->stale == ENGINE_STALE_ALL)
		return rebuild_all(store, &rebuilt);
	/* Only messages with different final statuses depend on the policy. */
	bool recounts = old->stale == ENGINE_STALE_ORDER;
	enum result result = old->policy == options->policy && !recounts
				 ? RESULT_OK
				 : refold_all(store, old->policy, recounts);
	return result == RESULT_OK ? replies_note_all(store->replies) : result;
}

/* Recomputes the figures for these options, in one transaction. Notes a failure before the
 * rollback, which succeeds. */
static enum result
follow_options(struct store *store, const struct store_options *options)
{
	struct engine_parameters old = {.stale = ENGINE_STALE_NONE};
	enum result result = store_note(store, engine_read_parameters(store->engine, &old));
	if (result != RESULT_OK ||
	    (old.stale == ENGINE_STALE_NONE && old.policy == options->policy &&
		old.reply_window_us == options->reply_window_us &&
		old.reply_late_us == options->reply_late_us))
		return result;
	result = store_begin(store);
	if (result != RESULT_OK)
		return result;

	result = recompute(store, options, &old);
	if (result == RESULT_OK)
		result = engine_write_parameters(
		    store->engine, &(struct engine_parameters){.policy = options->policy,
				       .reply_window_us = options->reply_window_us,
				       .reply_late_us = options->reply_late_us});
	if (result == RESULT_OK)
		return store_commit(store, store_cursor(store));

	store_note(store, result);
	store_rollback(store);
	return result;
}

static enum result
open_parts(struct store *store, const struct store_options *options)
{
	const struct tables *tables = engine_tables(store->engine);
	store->tables = *tables;
	store->recount = (struct recount){
	    .names = tables->names, .messages = tables->messages, .receipts = tables->receipts};
	set_policy(store, options->policy);

	enum result result = working_set_open(tables->messages, tables->receipts, &store->set);
	if (result == RESULT_OK)
		result = replies_open(tables->replies, &store->replies);
	if (result == RESULT_OK)
		result = consents_open(tables->consents, &store->consents);
	if (result == RESULT_OK)
		replies_set_window(
		    store->replies, options->reply_window_us, options->reply_late_us);
	return result;
}

enum result
store_open(const struct store_options *options, struct store **out_store, struct failure *failure)
{
	struct store *store = calloc(1, sizeof *store);
	if (store == NULL)
		return failure_set(failure, RESULT_NO_MEMORY, "no memory");

	store->on_progress = options->on_progress;
	store->context = options->context;
	const struct engine_options engine_options = {.path = options->path,
	    .on_progress = options->on_progress == NULL ? NULL : report_progress,
	    .context = store};
	enum result result = engine_open(&engine_options, &store->engine, failure);
	if (result != RESULT_OK) {
		store_close(store);
		return result;
	}

	watch_progress(store, true);
	result = store_note(store, open_parts(store, options));
	if (result == RESULT_OK)
		result = follow_options(store, options);
	watch_progress(store, false);
	if (result != RESULT_OK) {
		failure_set(failure, result, "%s: %s", options->path, store_error(store));
		store_close(store);
		return result;
	}

	engine_opened(store->engine);
	*out_store = store;
	return RESULT_OK;
}

struct engine *
store_engine(const struct store *store)
{
	return store->engine;
}

enum result
store_reconfigure(struct store *store, const struct store_options *options)
{
	const enum conflict_policy old_policy = store->policy;
	struct engine_parameters old = {.stale = ENGINE_STALE_NONE};
	enum result result = engine_read_parameters(store->engine, &old);
	if (result != RESULT_OK)
		return store_note(store, result);

	set_policy(store, options->policy);
	replies_set_window(store->replies, options->reply_window_us, options->reply_late_us);
	watch_progress(store, true);
	result = follow_options(store, options);
	watch_progress(store, false);
	if (result != RESULT_OK) {
		set_policy(store, old_policy);
		replies_set_window(store->replies, old.reply_window_us, old.reply_late_us);
	}

	return result;
}

uint64_t
store_cursor(const struct store *store)
{
	return engine_cursor(store->engine);
}

enum result
store_begin(struct store *store)
{
	store->request = (struct request_signature){.is_known = false};
	store->is_lost_request = false;
	enum result result = engine_begin(store->engine);
	if (result == RESULT_OK)
		result = working_set_begin(store->set);
	if (store_note(store, result) != RESULT_OK)
		store_rollback(store);
	return result;
}

enum result
store_begin_request(struct store *store, struct slice signature)
{
	store->is_lost_request = false;
	return store_note(
	    store, signatures_begin(store->tables.signatures, signature, &store->request));
}

enum result
store_begin_lost_request(struct store *store, struct slice signature)
{
	enum result result = store_begin_request(store, signature);
	if (result == RESULT_OK && store->request.is_noted)
		result = store_begin_request(store, SLICE_NONE);
	store->is_lost_request = true;
	return result;
}

enum result
store_add(struct store *store, const struct event *event, struct store_added *out_added)
{
	struct store_added added = {0};
	bool is_removed = false;
	enum result result = changes_make_room(store);
	if (result == RESULT_OK && store->is_lost_request && event->extra.ptr != NULL)
		result =
		    upkeep_table_is_of_removed_run(store->tables.upkeep, event->extra, &is_removed);
	if (result == RESULT_OK && !is_removed)
		result = receipts_add(store, event, &added);
	if (result == RESULT_OK)
		*out_added = added;
	return store_note(store, result);
}

enum result
store_commit(struct store *store, uint64_t journal_seq)
{
	enum result result = store_note(store, batch_flush(store));
	if (result == RESULT_OK)
		result = engine_commit(store->engine, journal_seq);
	if (result != RESULT_OK) {
		store_rollback(store);
		return result;
	}

	batch_forget(store);
	return RESULT_OK;
}

void
store_rollback(struct store *store)
{
	engine_rollback(store->engine);
	batch_forget(store);
}

void
store_abandon(struct store *store)
{
	engine_keep_log(store->engine);
	store_close(store);
}

/* Runs work in a transaction of its own, with the cursor unchanged. The journal does not have it,
 * so its commit is synced. */
static enum result
run_work(
    struct store *store, enum result (*work)(struct store *store, void *context), void *context)
{
	enum result result = engine_sync_commits(store->engine, true);
	if (result == RESULT_OK)
		result = store_begin(store);
	if (result == RESULT_OK) {
		watch_progress(store, true);
		result = store_note(store, work(store, context));
		watch_progress(store, false);
		if (result == RESULT_OK)
			result = store_commit(store, store_cursor(store));
		else
			store_rollback(store);
	}
	engine_sync_commits(store->engine, false);
	return result;
}

static enum result
rebuild(struct store *store, void *context)
{
	return rebuild_all(store, context);
}

enum result
store_rebuild(struct store *store, struct store_rebuilt *out_rebuilt)
{
	struct store_rebuilt rebuilt = {0};
	enum result result = run_work(store, rebuild, &rebuilt);
	if (result == RESULT_OK)
		*out_rebuilt = rebuilt;
	return result;
}

struct retag_work {
	const struct store_retag *retag;
	struct store_retagged retagged;
};

static enum result
retag(struct store *store, void *context)
{
	struct retag_work *work = context;
	return retag_all(store, work->retag, &work->retagged);
}

enum result
store_retag(
    struct store *store, const struct store_retag *given, struct store_retagged *out_retagged)
{
	struct retag_work work = {.retag = given};
	enum result result = run_work(store, retag, &work);
	if (result == RESULT_OK)
		*out_retagged = work.retagged;
	return result;
}

struct removal_work {
	struct slice name, text;
	struct store_removed removed;
};

static enum result
remove_receipts(struct store *store, void *context)
{
	struct removal_work *work = context;
	return removal_all(store, work->name, work->text, &work->removed);
}

enum result
store_remove(
    struct store *store, struct slice name, struct slice text, struct store_removed *out_removed)
{
	struct removal_work work = {.name = name, .text = text};
	enum result result = run_work(store, remove_receipts, &work);
	if (result == RESULT_OK)
		*out_removed = work.removed;
	return result;
}

const char *
store_error(const struct store *store)
{
	return engine_error(store->engine);
}

void
store_close(struct store *store)
{
	if (store == NULL)
		return;

	working_set_close(store->set);
	replies_close(store->replies);
	consents_close(store->consents);
	deltas_done(&store->deltas);
	deltas_done(&store->blocks);
	free(store->touched);
	engine_close(store->engine);
	free(store);
}
