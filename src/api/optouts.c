#include "dlrd/api/optouts.h"

#include "dlrd/api/list.h"
#include "dlrd/twilio/address.h"

#define NUMBER_MAX 256 /* bytes; the longest address is far below that */

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
	struct optout_filter filter = {
	    .scope = question_text(question, "scope"), .limit = list_rows(&list)};
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
	struct list list = {.question = question, .report = &report_consent_changes};
	if (!question_number(question, "after", 0, 0, INT64_MAX, &list.last))
		return;
	list_begin(&list);
	enum result result = store_read_consent_changes(
	    question->reader, list.last, (size_t)question->limit, add_change, &list);
	struct json_t *object = json_new_object();
	list_put(&list, object);
	json_put_int(object, "next", list.last);
	list_end(&list, object, result);
}

/* --- one number --- */

static bool
is_digit(char byte)
{
	return byte >= '0' && byte <= '9';
}

/* The number as the ledger has it. Some clients write the plus of a path as it is and decode it as
 * a form's, to a space: where only a plus can have been, a space is taken for one. */
static struct slice
read_address(struct slice name, char out[NUMBER_MAX])
{
	for (size_t i = 0; i < name.len; i++) {
		bool first = i == 0 || name.ptr[i - 1] == ':';
		bool before_digit = i + 1 < name.len && is_digit(name.ptr[i + 1]);
		out[i] = name.ptr[i] == ' ' && first && before_digit ? '+' : name.ptr[i];
	}
	return address_of_person((struct slice){out, name.len});
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
	char address[NUMBER_MAX];
	struct optout_filter filter = {0};
	if (!question_time(question, "at", &filter.at_us))
		return;
	if (question->name.len > sizeof address) {
		question_refuse(question, 404, "no number is as long as that");
		return;
	}
	filter.number = read_address(question->name, address);
	struct list history = {.question = question, .report = &report_history};
	struct json_t *object = json_new_object();
	enum result result = put_scopes(question, &filter, object);
	list_begin(&history);
	if (result == RESULT_OK)
		result = store_read_evidence(
		    question->reader, filter.number, filter.at_us, add_evidence, &history);
	list_put(&history, object);
	if (result == RESULT_OK && history.count == 0) {
		question_refuse(question, 404, "no entry for \"%.*s\"%s", SLICE_ARG(filter.number),
		    filter.at_us == 0 ? "" : " at that time");
		json_free(object);
		return;
	}
	list_end(&history, object, result);
}
