#include "dlrd/api/optouts.h"
#include "dlrd/api/report.h"

#include "list.h"

#include <stdio.h>

/* --- one number --- */

static void
count_entry(void *context, const struct consent_row *row)
{
	(void)row;
	++*(size_t *)context;
}

enum result
optouts_find(struct store_reader *reader, const struct address_spellings *spellings, int64_t at_us,
    struct slice *out_number)
{
	bool is_found = false;
	struct slice found = SLICE_NONE;
	for (size_t i = 0; i < spellings->count; i++) {
		size_t count = 0;
		const struct optout_filter filter = {.number = spellings->items[i], .at_us = at_us};
		enum result result = store_read_optouts(reader, &filter, count_entry, &count);
		if (result != RESULT_OK)
			return result;
		if (count == 0)
			continue;
		if (is_found)
			return RESULT_LIMIT;
		is_found = true;
		found = spellings->items[i];
		if (spellings->bare_digits.ptr == NULL)
			break;
	}
	if (!is_found)
		return RESULT_NOT_FOUND;
	*out_number = found;
	return RESULT_OK;
}

/* --- numbers without a country code --- */

struct candidates {
	struct slice channel;
	consent_fn on_row;
	void *context;
	size_t count;
	struct buffer number; /* of the last row */
};

static void
add_candidate(void *context, const struct consent_row *row)
{
	struct candidates *candidates = context;
	if (!slice_starts_with(row->number, candidates->channel))
		return;
	bool is_new =
	    candidates->count == 0 || !slice_equal(row->number, buffer_slice(&candidates->number));
	if (is_new) {
		candidates->count++;
		buffer_clear(&candidates->number);
		buffer_append(&candidates->number, row->number);
	}
	if (candidates->count <= OPTOUT_CANDIDATES_MAX)
		candidates->on_row(candidates->context, row);
}

/* Within a country a 0 may be dialled in front of a number, which does not end in it then. */
static struct slice
without_trunk_zero(struct slice digits)
{
	return slice_starts_with(digits, SLICE("0")) ? slice_from(digits, 1) : digits;
}

enum result
optouts_candidates(struct store_reader *reader, const struct address_spellings *spellings,
    int64_t at_us, consent_fn on_row, void *context, size_t *out_count)
{
	/* Of each number so many scopes on the average. */
	const struct optout_filter filter = {.at_us = at_us, .limit = OPTOUT_CANDIDATES_MAX * 50};
	struct candidates candidates = {
	    .channel = spellings->channel, .on_row = on_row, .context = context};
	const struct slice endings[] = {
	    spellings->bare_digits, without_trunk_zero(spellings->bare_digits)};
	enum result result = RESULT_OK;
	for (size_t i = 0; i < 2 && result == RESULT_OK && candidates.count == 0; i++)
		if (endings[i].len >= OPTOUT_ENDING_MIN)
			result = store_read_optouts_ending(
			    reader, endings[i], &filter, add_candidate, &candidates);
	if (result == RESULT_OK && candidates.number.failed)
		result = RESULT_NO_MEMORY;
	buffer_done(&candidates.number);
	if (result == RESULT_OK)
		*out_count = candidates.count;
	return result;
}

struct candidate_array {
	struct json_t *array, *scopes; /* scopes: of the last number */
	struct buffer number;
};

static void
add_candidate_json(void *context, const struct consent_row *row)
{
	struct candidate_array *made = context;
	struct report_row cells = report_scope_row(row);
	if (made->scopes == NULL || !slice_equal(row->number, buffer_slice(&made->number))) {
		struct json_t *object = json_new_object();
		made->scopes = json_new_array();
		json_put_text(object, "number", row->number);
		json_put(object, "scopes", made->scopes);
		json_push(made->array, object);
		buffer_clear(&made->number);
		buffer_append(&made->number, row->number);
	}
	json_push(made->scopes, report_json(&query_scopes.report, &cells));
}

enum result
optouts_candidates_json(struct store_reader *reader, const struct address_spellings *spellings,
    int64_t at_us, struct json_t **out_array, size_t *out_count)
{
	struct candidate_array made = {.array = json_new_array()};
	enum result result =
	    optouts_candidates(reader, spellings, at_us, add_candidate_json, &made, out_count);
	if (result == RESULT_OK && (made.array == NULL || made.number.failed))
		result = RESULT_NO_MEMORY;
	buffer_done(&made.number);
	if (result != RESULT_OK) {
		json_free(made.array);
		return result;
	}
	*out_array = made.array;
	return RESULT_OK;
}

/* Answers with the numbers that may be meant; false, as question_refuse. */
static bool
refuse_with_candidates(
    struct question *question, const struct address_spellings *spellings, int64_t at_us)
{
	char error[256];
	struct json_t *array = NULL;
	size_t count = 0;
	enum result result =
	    optouts_candidates_json(question->reader, spellings, at_us, &array, &count);
	if (result != RESULT_OK) {
		question_store_failed(question, result);
		return false;
	}
	snprintf(error, sizeof error, OPTOUT_NO_COUNTRY, SLICE_ARG(spellings->bare_digits));
	struct json_t *object = json_new_object();
	json_put_text(object, "error", slice_of(error));
	json_put(object, "candidates", array);
	question->answer.status = 400;
	question_answer(question, object);
	return false;
}

/* --- one number --- */

/* Finds the number of the path in the ledger. */
static bool
find_number(struct question *question, const struct address_spellings *spellings,
    int64_t country_code, int64_t at_us, struct slice *out_number)
{
	enum result result = optouts_find(question->reader, spellings, at_us, out_number);
	if (result == RESULT_OK)
		return true;
	bool ambiguous = result == RESULT_LIMIT;
	if (result != RESULT_NOT_FOUND && !ambiguous) {
		question_store_failed(question, result);
		return false;
	}
	if (ambiguous || (spellings->bare_digits.ptr != NULL && country_code == 0))
		return refuse_with_candidates(question, spellings, at_us);
	if (!spellings->is_address)
		return question_refuse(question, 400, "the path must end with " ADDRESS_EXPECTED);
	struct slice shown = spellings->items[spellings->count - 1];
	return question_refuse(question, 404, "no entry for \"%.*s\"%s", SLICE_ARG(shown),
	    at_us == 0 ? "" : " at that time");
}

struct scopes {
	struct json_t *array;
	bool out; /* of any */
};

static void
add_scope(void *context, const struct consent_row *row)
{
	struct scopes *scopes = context;
	struct report_row cells = report_scope_row(row);
	json_push(scopes->array, report_json(&query_scopes.report, &cells));
	scopes->out |= slice_equal(row->state, consent_name(CONSENT_OUT));
}

static void
add_evidence(void *context, const struct consent_row *row)
{
	struct report_row cells = report_history_row(row);
	list_add(context, &cells, row->seq);
}

/* Reads the scopes into object, in JSON alone, and on the first page. */
static enum result
put_scopes(struct question *question, const struct optout_filter *filter, struct json_t *object)
{
	if (question->csv || question->progress.continues)
		return RESULT_OK;
	struct scopes scopes = {.array = json_new_array()};
	enum result result = store_read_optouts(question->reader, filter, add_scope, &scopes);
	json_put_text(object, "number", filter->number);
	json_put_text(object, "state", consent_name(scopes.out ? CONSENT_OUT : CONSENT_IN));
	json_put(object, query_scopes.report.list_key, scopes.array);
	return result;
}

void
optouts_number(struct question *question)
{
	struct address_spellings spellings;
	struct optout_filter filter = {0};
	const struct endpoints_state *state = question->state;
	int64_t country_code =
	    state->country_code == NULL ? 0 : state->country_code(state->context);
	address_spell(question->name, country_code, &spellings);
	if (!question_time(question, "at", &filter.at_us) ||
	    !find_number(question, &spellings, country_code, filter.at_us, &filter.number))
		return;
	struct list history = {.question = question, .report = &query_number.report, .skips = true};
	struct json_t *object = json_new_object();
	enum result result = put_scopes(question, &filter, object);
	list_begin(&history, object);
	if (result == RESULT_OK)
		result = store_read_evidence(
		    question->reader, filter.number, filter.at_us, add_evidence, &history);
	list_end(&history, NULL, result);
}
