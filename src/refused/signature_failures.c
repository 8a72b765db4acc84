#include "dlrd/refused/signature_failures.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#define NAME_SIZE 256   /* of a route or an account; longer ones are cut */
#define CAUSES_SIZE 256 /* all causes together are shorter */

struct row {
	char route[NAME_SIZE], account[NAME_SIZE];
	char causes[CAUSES_SIZE];
	char url[DIAGNOSIS_URL_SIZE], advice[DIAGNOSIS_ADVICE_SIZE];
	bool proven;
	uint64_t count; /* 0: free */
	int64_t first_us, last_us;
	uint64_t turn; /* of the last note: the clock may stop or go back */
};

struct signature_failures {
	pthread_mutex_t lock; /* guards all below */
	struct row rows[SIGNATURE_FAILURES_MAX];
	uint64_t turn;
};

enum result
signature_failures_new(struct signature_failures **out_failures)
{
	struct signature_failures *failures = calloc(1, sizeof *failures);

	if (failures == NULL)
		return RESULT_NO_MEMORY;
	pthread_mutex_init(&failures->lock, NULL);
	*out_failures = failures;
	return RESULT_OK;
}

/* Copies the text as visible text, cut to size. */
static void
copy_text(char *out, size_t size, struct slice text)
{
	struct buffer visible = BUFFER_EMPTY;
	buffer_append_visible(&visible, text);
	snprintf(out, size, "%.*s", SLICE_ARG(buffer_slice(&visible)));
	buffer_done(&visible);
}

static bool
is_same(const struct row *row, const struct row *other)
{
	return row->count > 0 && slice_equal(slice_of(row->route), slice_of(other->route)) &&
	       slice_equal(slice_of(row->account), slice_of(other->account)) &&
	       slice_equal(slice_of(row->causes), slice_of(other->causes)) &&
	       slice_equal(slice_of(row->advice), slice_of(other->advice));
}

/* Returns the same row, or else a free one, or else the one with the oldest last note. */
static struct row *
row_for(struct signature_failures *failures, const struct row *wanted)
{
	struct row *oldest = &failures->rows[0];

	for (size_t i = 0; i < SIGNATURE_FAILURES_MAX; i++) {
		struct row *row = &failures->rows[i];
		if (is_same(row, wanted))
			return row;
		if (row->turn < oldest->turn)
			oldest = row;
	}
	*oldest = *wanted;
	return oldest;
}

void
signature_failures_note(struct signature_failures *failures, struct slice route,
    struct slice account, const struct diagnosis *diagnosis, int64_t now_us)
{
	struct row wanted = {.proven = diagnosis->fits, .first_us = now_us};
	struct buffer causes = BUFFER_EMPTY;

	diagnosis_append_causes(diagnosis, &causes);
	copy_text(wanted.causes, sizeof wanted.causes, buffer_slice(&causes));
	buffer_done(&causes);
	copy_text(wanted.route, sizeof wanted.route, route);
	copy_text(wanted.account, sizeof wanted.account, account);
	snprintf(wanted.url, sizeof wanted.url, "%s", diagnosis->url);
	snprintf(wanted.advice, sizeof wanted.advice, "%s", diagnosis->advice);
	pthread_mutex_lock(&failures->lock);
	struct row *row = row_for(failures, &wanted);
	row->count++;
	row->last_us = now_us;
	row->turn = ++failures->turn;
	pthread_mutex_unlock(&failures->lock);
}

static int
compare_turns(const void *a, const void *b)
{
	const struct row *x = *(const struct row *const *)a, *y = *(const struct row *const *)b;
	return (x->turn < y->turn) - (x->turn > y->turn);
}

void
signature_failures_each(
    struct signature_failures *failures, signature_failure_fn on_failure, void *context)
{
	const struct row *rows[SIGNATURE_FAILURES_MAX];
	size_t count = 0;

	pthread_mutex_lock(&failures->lock);
	for (size_t i = 0; i < SIGNATURE_FAILURES_MAX; i++)
		if (failures->rows[i].count > 0)
			rows[count++] = &failures->rows[i];
	qsort(rows, count, sizeof rows[0], compare_turns);
	for (size_t i = 0; i < count; i++) {
		const struct signature_failure failure = {.route = slice_of(rows[i]->route),
		    .account = slice_of(rows[i]->account),
		    .causes = slice_of(rows[i]->causes),
		    .url = slice_of(rows[i]->url),
		    .advice = slice_of(rows[i]->advice),
		    .proven = rows[i]->proven,
		    .count = rows[i]->count,
		    .first_us = rows[i]->first_us,
		    .last_us = rows[i]->last_us};
		on_failure(context, &failure);
	}
	pthread_mutex_unlock(&failures->lock);
}

void
signature_failures_free(struct signature_failures *failures)
{
	if (failures == NULL)
		return;
	pthread_mutex_destroy(&failures->lock);
	free(failures);
}
