/* list: rows as they come from the store, written as a JSON array or as CSV, a page at a time.
 *
 *     list_place, list_rows: what to ask the store for
 *     list_begin, list_add for each row, then list_end
 *
 * An endpoint with a list is called once for each page (endpoints_next_page), and asks for the same
 * each time but for the place. The store is asked for one row more than is shown (list_rows), which
 * tells whether there is more. The members beside the list are written with the first page, if they
 * stand before it, or with the last. One thread at a time. */
#ifndef DLRD_API_LIST_H
#define DLRD_API_LIST_H

#include "dlrd/api/question.h"
#include "dlrd/api/report.h"

struct list {
	struct question *question;
	const struct report *report;
	size_t limit; /* rows at most; 0: all */
	bool follows; /* goes on by after=, as what is followed does, not by next= */
	/* The store cannot go on behind a row: the list is one page, however long. */
	bool whole;
	/* Nor here, but places ascend: each page asks for all rows, and skips those shown. */
	bool skips;
	/* list_begin and list_add fill the rest. */
	size_t start; /* of the page in the body */
	size_t asked; /* rows, of the store; 0: all */
	size_t count; /* rows on this page */
	bool more;    /* there are rows behind those shown */
	bool full;    /* more, and they belong to the next page */
};

/* Where to go on: the parameter name, at first (0 if the query does not have it), then the last
 * row's place. false: the parameter is wrong, and the question is answered. */
must_check bool list_place(
    struct question *question, const char *name, int64_t max, int64_t *out_place);

/* How many rows to ask the store for; 0: all. */
size_t list_rows(const struct list *list);

/* before: members of the JSON object before the list, which are written on the first page alone, or
 * NULL. Frees it. */
void list_begin(struct list *list, struct json_t *before);

/* place: where the page after this row goes on. */
void list_add(struct list *list, const struct report_row *row, int64_t place);

/* Puts "next" into object: an opaque place to go on from, or null at the end of the list. */
void list_next(const struct list *list, struct json_t *object);

/* Ends the page, and on the last one the answer: object has the members behind the list (NULL:
 * none) and is freed. CSV that was cut at its limit gets a Link to its rest (RFC 8288), since it
 * has no place for a next. */
void list_end(struct list *list, struct json_t *object, enum result result);

/* The two above for a list that has nothing beside it but its next. */
void list_end_page(struct list *list, enum result result);

#endif
