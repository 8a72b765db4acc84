#include "consents.h"

#include <stdlib.h>

struct consents {
	struct consent_table *table; /* borrowed */
	struct arena arena;          /* texts of one change */
};

enum result
consents_open(struct consent_table *table, struct consents **out_consents)
{
	struct consents *consents = calloc(1, sizeof *consents);
	if (consents == NULL)
		return RESULT_NO_MEMORY;
	consents->table = table;
	*out_consents = consents;
	return RESULT_OK;
}

/* Announces the state (CONSENT_SILENT: the number is not on the list) to followers, unless the last
 * row that they read has it. The evidence at seq, which was appended just now, is the announcement
 * if it has that state; else, or if seq is 0, a correction is appended. */
static enum result
announce(
    struct consent_table *table, const struct evidence *evidence, int64_t seq, enum consent state)
{
	enum consent known, wanted = state == CONSENT_SILENT ? CONSENT_IN : state;
	enum result result =
	    consent_table_announced(table, evidence->number, evidence->scope, &known);
	if (result != RESULT_OK || known == wanted ||
	    (known == CONSENT_SILENT && state == CONSENT_SILENT))
		return result;
	return seq != 0 && evidence->state == wanted
		   ? consent_table_announce(table, seq)
		   : consent_table_correct(table, evidence, wanted);
}

/* Derives the state of the evidence's number and scope from all evidence on them. seq is the
 * evidence if it was appended just now; 0: it changed or went. */
static enum result
derive_state(
    struct consent_table *table, const struct evidence *evidence, int64_t seq, bool *out_changed)
{
	enum consent state = CONSENT_SILENT, listed = CONSENT_SILENT;
	int64_t since_seq;
	enum result result =
	    consent_table_last_run(table, evidence->number, evidence->scope, &state, &since_seq);
	if (result == RESULT_OK)
		result = consent_table_listed(table, evidence->number, evidence->scope, &listed);
	if (result == RESULT_OK)
		result =
		    consent_table_list(table, evidence->number, evidence->scope, state, since_seq);
	if (result == RESULT_OK)
		result = announce(table, evidence, seq, state);
	*out_changed |= state != listed;
	return result;
}

/* If all other evidence arrived before, the new one alone decides. */
static enum result
put(struct consent_table *table, const struct evidence *evidence, bool *out_changed)
{
	struct slice number = evidence->number, scope = evidence->scope;
	enum consent listed = CONSENT_SILENT;
	int64_t newest_us, seq;
	if (evidence->state == CONSENT_SILENT)
		return RESULT_OK; /* of a damaged row */

	enum result result = consent_table_newest(table, number, scope, &newest_us);
	if (result == RESULT_OK)
		result = consent_table_add(table, evidence, &seq);
	if (result != RESULT_OK)
		return result;
	if (newest_us >= evidence->time_us)
		return derive_state(table, evidence, seq, out_changed);

	result = consent_table_listed(table, number, scope, &listed);
	if (result != RESULT_OK || listed == evidence->state)
		return result;
	*out_changed = true;
	result = consent_table_list(table, number, scope, evidence->state, seq);
	return result == RESULT_OK ? announce(table, evidence, seq, evidence->state) : result;
}

static struct slice
scope_of(const struct event *event)
{
	return event->service.len > 0 ? event->service : event_sender(event);
}

enum result
consents_has(struct consents *consents, const struct event *event, int64_t event_seq, bool *out_has)
{
	struct slice number = event->person, scope = scope_of(event);
	*out_has = true;
	return number.len == 0 || scope.len == 0
		   ? RESULT_OK
		   : consent_table_has(consents->table, number, scope, event_seq, out_has);
}

enum result
consents_add(
    struct consents *consents, const struct event *event, int64_t event_seq, bool *out_changed)
{
	const struct evidence evidence = {.number = event->person,
	    .scope = scope_of(event),
	    .state = event->consent,
	    .cause = event->cause,
	    .event_seq = event_seq,
	    .time_us = event->time_us};

	*out_changed = false;
	if (evidence.number.len == 0 || evidence.scope.len == 0)
		return RESULT_OK;
	return put(consents->table, &evidence, out_changed);
}

/* Removes each piece of evidence of an event in the scope (absent: any), or puts it into another
 * scope. */
static enum result
move_all(struct consents *consents, int64_t event_seq, struct slice scope, struct slice to_scope,
    bool *out_changed)
{
	struct consent_table *table = consents->table;
	enum result result = RESULT_OK;
	struct evidence evidence = {.seq = 0};

	arena_clear(&consents->arena);
	for (;;) {
		result =
		    consent_table_of_event(table, event_seq, scope, 0, &consents->arena, &evidence);
		if (result != RESULT_OK || evidence.seq == 0)
			return result;
		result = consent_table_withdraw(table, evidence.seq);
		if (result == RESULT_OK)
			result = derive_state(table, &evidence, 0, out_changed);
		evidence.scope = to_scope;
		if (result == RESULT_OK && to_scope.ptr != NULL)
			result = put(table, &evidence, out_changed);
		if (result != RESULT_OK)
			return result;
	}
}

enum result
consents_retract(struct consents *consents, int64_t event_seq)
{
	bool changed = false;
	return move_all(consents, event_seq, SLICE_NONE, SLICE_NONE, &changed);
}

enum result
consents_move(struct consents *consents, int64_t event_seq, struct slice scope,
    struct slice to_scope, bool *out_changed)
{
	*out_changed = false;
	if (slice_equal(scope, to_scope))
		return RESULT_OK;
	return move_all(consents, event_seq, scope, to_scope, out_changed);
}

enum result
consents_set_time(struct consents *consents, int64_t event_seq, int64_t time_us)
{
	struct consent_table *table = consents->table;
	enum result result = RESULT_OK;
	struct evidence evidence = {.seq = 0};
	bool changed = false;

	arena_clear(&consents->arena);
	do {
		result = consent_table_of_event(
		    table, event_seq, SLICE_NONE, evidence.seq, &consents->arena, &evidence);
		if (result != RESULT_OK || evidence.seq == 0)
			break;
		evidence.time_us = time_us;
		result = consent_table_set_time(table, evidence.seq, time_us);
		if (result == RESULT_OK)
			result = derive_state(table, &evidence, 0, &changed);
	} while (result == RESULT_OK);
	return result;
}

/* Derives the number's states, one scope after the other. */
static enum result
derive_states(struct consents *consents, struct slice number)
{
	struct evidence evidence = {.scope = SLICE("")};
	enum result result;
	bool changed = false;

	arena_clear(&consents->arena);
	do {
		result = consent_table_next_scope(
		    consents->table, number, evidence.scope, &consents->arena, &evidence);
		if (result != RESULT_OK || evidence.scope.ptr == NULL)
			break;
		result = derive_state(consents->table, &evidence, 0, &changed);
	} while (result == RESULT_OK);
	return result;
}

/* Followers learn that the old number is on the list no more. */
enum result
consents_rename(struct consents *consents, struct slice number, struct slice to_number)
{
	bool changed = false;
	enum result result = consent_table_rename(consents->table, number, to_number, &changed);
	return result == RESULT_OK && changed ? derive_states(consents, to_number) : result;
}

/* Restores evidence that only an event still has. */
static enum result
restore_evidence(struct consents *consents)
{
	struct evidence evidence = {.seq = 0};
	enum result result;
	bool changed = false;

	do {
		arena_clear(&consents->arena);
		result = consent_table_next_unrecorded(
		    consents->table, evidence.event_seq, &consents->arena, &evidence);
		if (result != RESULT_OK || evidence.event_seq == 0)
			break;
		result = put(consents->table, &evidence, &changed);
	} while (result == RESULT_OK);
	return result;
}

enum result
consents_rebuild(struct consents *consents, uint64_t *out_corrected)
{
	uint64_t states, wrong = 0;
	enum result result = consent_table_audit(consents->table, &states, &wrong);
	*out_corrected = wrong;
	if (result != RESULT_OK || wrong == 0)
		return result;

	result = restore_evidence(consents);
	return result == RESULT_OK ? consent_table_correct_all(consents->table) : result;
}

void
consents_close(struct consents *consents)
{
	if (consents == NULL)
		return;

	arena_done(&consents->arena);
	free(consents);
}
