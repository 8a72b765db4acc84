#include "optouts.h"

#include "ask.h"
#include "dlrd/query/optouts.h"

#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

/* Answers with the numbers that may be meant; false, as question_refuse. */
static bool
refuse_with_candidates(
    struct question *question, const struct address_spellings *spellings, int64_t at_us)
{
	char error[256];
	struct json_t *array = NULL;
	size_t count = 0;
	/* Whether an ending has candidates would tell a masked number digit by digit. */
	if (question->request->caller.masked)
		return question_refuse(
		    question, 400, OPTOUT_NO_COUNTRY, SLICE_ARG(spellings->bare_digits));
	enum result result = optouts_candidates_json(
	    question->reader, spellings, at_us, question->zone, &array, &count);
	if (result != RESULT_OK)
		return question_store_failed(question, result);
	snprintf(error, sizeof error, OPTOUT_NO_COUNTRY, SLICE_ARG(spellings->bare_digits));
	struct json_t *object = json_new_object();
	json_put_text(object, "error", slice_of(error));
	json_put(object, "candidates", array);
	question->answer.status = 400;
	question_answer(question, object);
	return false;
}

/* Finds the number of the path in the ledger. */
static bool
find_number(struct question *question, const struct address_spellings *spellings,
    int64_t country_code, int64_t at_us, struct slice *out_number)
{
	enum result result = optouts_find(question->reader, spellings, at_us, out_number);
	if (result == RESULT_OK)
		return true;
	bool ambiguous = result == RESULT_LIMIT;
	if (result != RESULT_NOT_FOUND && !ambiguous)
		return question_store_failed(question, result);
	if (ambiguous || (spellings->bare_digits.ptr != NULL && country_code == 0))
		return refuse_with_candidates(question, spellings, at_us);
	if (!spellings->is_address)
		return question_refuse(question, 400, "the path must end with " ADDRESS_EXPECTED);
	struct slice shown = spellings->items[spellings->count - 1];
	return question_refuse(question, 404, "no entry for \"%.*s\"%s", SLICE_ARG(shown),
	    at_us == 0 ? "" : " at that time");
}

/* Puts the number that the path means in place of the path's name. */
static bool
name_number(struct question *question)
{
	struct address_spellings spellings;
	struct slice number;
	int64_t at_us;
	const struct endpoints_state *state = question->state;
	int64_t country_code = state->country_code == NULL ? 0 : atomic_load(state->country_code);
	address_spell(question->name, country_code, &spellings);
	const struct query_parameter *at =
	    &question->row->parameters[query_find_kind(question->row, QUERY_AT)];
	if (!question_time(question, at, &at_us) ||
	    !find_number(question, &spellings, country_code, at_us, &number))
		return false;

	memmove(question->name_bytes, number.ptr, number.len);
	question->name = (struct slice){question->name_bytes, number.len};
	return true;
}

void
optouts_number(struct question *question)
{
	if (question->progress.continues || name_number(question))
		ask_query(question);
}
