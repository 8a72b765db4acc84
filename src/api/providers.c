#include "providers.h"

#include "list.h"

struct adding {
	struct list list;
	int64_t
	    place; /* of the next row: rows of figures have no number of their own to go on from */
};

static void
add_provider(void *context, const struct provider_row *row)
{
	struct adding *adding = context;
	struct report_row cells = report_provider_row(row);
	list_add(&adding->list, &cells, ++adding->place);
}

void
providers_list(struct question *question)
{
	static const char *const groupings[] = {[BY_SENDER] = "sender",
	    [BY_SERVICE] = "service",
	    [BY_ACCOUNT] = "account",
	    [BY_NAME] = "provider",
	    NULL};
	struct adding adding = {.list = {.question = question,
				    .report = &report_providers,
				    .limit = question_limit(question, false),
				    .whole = true}};
	size_t grouping;
	if (!question_choice(question, "by", groupings, BY_SENDER, &grouping) ||
	    !question_number(question, "next", 0, 0, INT32_MAX, &adding.place))
		return;
	const struct provider_filter filter = {.by = (enum provider_grouping)grouping,
	    .name = question_text(question, "provider"),
	    .account = question_text(question, "account"),
	    .service = question_text(question, "service"),
	    .sender = question_text(question, "sender"),
	    .from_us = question->from_us,
	    .to_us = question->to_us,
	    .offset = (size_t)adding.place,
	    .limit = list_rows(&adding.list)};
	list_begin(&adding.list, NULL);
	list_end_page(
	    &adding.list, store_read_providers(question->reader, &filter, add_provider, &adding));
}
