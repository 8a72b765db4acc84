#include "dlrd/api/optouts.h"

#include "dlrd/api/list.h"

static void
add_optout(void *context, const struct consent_row *row)
{
	struct report_row cells = report_optout_row(row);
	list_add(context, &cells, row->seq);
}

void
optouts_list(struct question *question)
{
	static const char *const states[] = {"out", "in", "any", NULL};
	struct list list = {.question = question,
	    .report = &report_optouts,
	    .limit = question_limit(question, false)};
	struct optout_filter filter = {.scope = question_text(question, "scope"),
	    .from_us = question->from_us,
	    .to_us = question->to_us,
	    .limit = list_rows(&list)};
	size_t state;
	if (!question_choice(question, "state", states, 0, &state) ||
	    !question_time(question, "at", &filter.at_us) ||
	    !question_number(question, "next", 0, 0, INT64_MAX, &filter.after_seq))
		return;
	if (state < 2)
		filter.state = slice_of(states[state]);
	list_begin(&list);
	list_end_page(&list, store_read_optouts(question->reader, &filter, add_optout, &list));
}

static void
add_change(void *context, const struct consent_row *row)
{
	struct report_row cells = report_consent_change_row(row);
	list_add(context, &cells, row->seq);
}

void
optouts_changes(struct question *question)
{
	struct list list = {.question = question,
	    .report = &report_consent_changes,
	    .limit = (size_t)question->limit,
	    .follows = true};
	if (!question_number(question, "after", 0, 0, INT64_MAX, &list.last))
		return;
	list_begin(&list);
	enum result result = store_read_consent_changes(
	    question->reader, list.last, list_rows(&list), add_change, &list);
	struct json_t *object = json_new_object();
	list_put(&list, object);
	json_put_int(object, "next", list.last);
	list_end(&list, object, result);
}

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
	for (size_t i = 0; i < spellings->count; i++) {
		size_t count = 0;
		const struct optout_filter filter = {.number = spellings->items[i], .at_us = at_us};
		enum result result = store_read_optouts(reader, &filter, count_entry, &count);
		if (result != RESULT_OK)
			return result;
		if (count > 0) {
			*out_number = spellings->items[i];
			return RESULT_OK;
		}
	}
	return RESULT_NOT_FOUND;
}

/* Finds the number of the path in the ledger. */
static bool
find_number(struct question *question, const struct address_spellings *spellings, int64_t at_us,
    struct slice *out_number)
{
	enum result result = optouts_find(question->reader, spellings, at_us, out_number);
	if (result == RESULT_OK)
		return true;
	if (result != RESULT_NOT_FOUND) {
		question_store_failed(question, result);
		return false;
	}
	if (!spellings->is_address)
		return question_refuse(question, 400, "the path must end with " ADDRESS_EXPECTED);
	struct slice shown = spellings->items[spellings->count - 1];
	return question_refuse(question, 404, "no entry for \"%.*s\"%s", SLICE_ARG(shown),
	    at_us == 0 ? "" : " at that time");
}

struct scopes {
	struct list list;
	bool out; /* of any */
};

static void
add_scope(void *context, const struct consent_row *row)
{
	struct scopes *scopes = context;
	struct report_row cells = report_scope_row(row);
	list_add(&scopes->list, &cells, row->seq);
	scopes->out |= slice_equal(row->state, consent_name(CONSENT_OUT));
}

static void
add_evidence(void *context, const struct consent_row *row)
{
	struct report_row cells = report_history_row(row);
	list_add(context, &cells, row->seq);
}

/* Reads the scopes into object, and in JSON alone. */
static enum result
put_scopes(struct question *question, const struct optout_filter *filter, struct json_t *object)
{
	struct scopes scopes = {.list = {.question = question, .report = &report_scopes}};
	if (question->csv)
		return RESULT_OK;
	list_begin(&scopes.list);
	enum result result = store_read_optouts(question->reader, filter, add_scope, &scopes);
	json_put_text(object, "number", filter->number);
	json_put_text(object, "state", consent_name(scopes.out ? CONSENT_OUT : CONSENT_IN));
	list_put(&scopes.list, object);
	return result;
}

void
optouts_number(struct question *question)
{
	struct address_spellings spellings;
	struct optout_filter filter = {0};
	address_spell(question->name, &spellings);
	if (!question_time(question, "at", &filter.at_us) ||
	    !find_number(question, &spellings, filter.at_us, &filter.number))
		return;
	struct list history = {.question = question, .report = &report_history};
	struct json_t *object = json_new_object();
	enum result result = put_scopes(question, &filter, object);
	list_begin(&history);
	if (result == RESULT_OK)
		result = store_read_evidence(
		    question->reader, filter.number, filter.at_us, add_evidence, &history);
	list_put(&history, object);
	list_end(&history, object, result);
}
