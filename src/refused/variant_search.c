#include "variant_search.h"

/* Trials of other accounts' tokens on single deviations; the account's own tokens need the rest. */
#define OTHERS_TRIALS_MAX 80
#define HEAVIEST (VARIANT_WEIGHTS + VARIANT_DEVIATION)

/* --- keys --- */

static void
add_keys(struct search_keys *keys, const struct verifier *verifier, size_t account_index)
{
	for (int label = 0; label < TOKEN_LABEL_COUNT; label++)
		if (keys->count < SEARCH_KEYS_MAX &&
		    verifier_has_token(verifier, account_index, (enum token_label)label))
			keys->items[keys->count++] =
			    (struct verifier_key){.index = account_index, .which = (unsigned)label};
}

bool
variant_search_is_named(const struct variant_search *search, size_t index)
{
	const struct named_accounts *named = &search->reading->named;

	if (named->count == 0)
		return slice_equal(search->account, verifier_account(search->verifier, index));
	for (size_t i = 0; i < named->count; i++)
		if (named->indexes[i] == index)
			return true;
	return false;
}

void
variant_search_choose_keys(struct variant_search *search)
{
	size_t count = verifier_account_count(search->verifier), index = 0, others = 0;

	if (verifier_claimed_key(search->verifier, search->reading->incoming, &index)) {
		for (unsigned reading = 0; reading < SECRET_READING_COUNT; reading++)
			search->own.items[search->own.count++] =
			    (struct verifier_key){.shared = true, .index = index, .which = reading};
		return;
	}
	bool known = search->account.ptr != NULL &&
		     verifier_find_account(search->verifier, search->account, &index);
	if (search->account.ptr != NULL && !known) /* the search takes as long as for a known one */
		search->own.items[search->own.count++] =
		    (struct verifier_key){.index = count, .which = TOKEN_CURRENT};
	for (size_t i = 0; i < count; i++) {
		bool own = search->account.ptr != NULL ? known && variant_search_is_named(search, i)
						       : i < VERIFIER_ACCOUNTS_TRIED;
		if (own)
			add_keys(&search->own, search->verifier, i);
		else if (others++ < SEARCH_ACCOUNTS_MAX)
			add_keys(&search->others, search->verifier, i);
	}
}

/* --- trials --- */

struct slice
variant_search_text(const struct variant_search *search, enum variant_part part)
{
	return variant_text(&search->variants, search->choice[part]);
}

static struct slice
parameters_of(const struct variant_search *search)
{
	const struct variant *query = search->choice[VARIANT_QUERY];
	return query->has_parameters ? variant_parameters(&search->variants, query)
				     : variant_search_text(search, VARIANT_PARAMETERS);
}

/* Tries every key on the chosen variant; returns true if one fits. */
static bool
try_keys(struct variant_search *search, const struct search_keys *keys)
{
	struct slice parameters = parameters_of(search);

	buffer_clear(&search->url);
	for (int part = VARIANT_ORIGIN; part <= VARIANT_QUERY; part++)
		buffer_append(&search->url, variant_search_text(search, (enum variant_part)part));
	size_t len = search->url.len + parameters.len;
	search->stopped |= search->url.failed;
	for (size_t i = 0; i < keys->count && !search->stopped; i++) {
		if (search->trials >= search->trials_end ||
		    search->hashed + len > search->bytes_max) {
			search->stopped = true;
			return false;
		}
		search->trials++;
		search->hashed += len;
		if (verifier_key_signs(search->verifier, &keys->items[i],
			buffer_slice(&search->url), parameters, &search->wanted)) {
			search->key = keys->items[i];
			return true;
		}
	}
	return false;
}

/* Tries the candidates of this part and the next ones whose weights add up to rest. The heaviest of
 * the first part go first: scheme, host and port are wrong more often than a query. */
static bool
try_parts(struct variant_search *search, const struct search_keys *keys, int part, unsigned rest)
{
	const struct variant_list *list = &search->variants.lists[part];
	unsigned least = part == VARIANT_PARAMETERS ? rest : 0;

	if (least >= VARIANT_WEIGHTS)
		return false;
	for (unsigned weight = rest < VARIANT_WEIGHTS ? rest : VARIANT_WEIGHTS - 1;; weight--) {
		for (size_t i = list->first[weight]; i < list->first[weight + 1]; i++) {
			search->choice[part] = &list->items[i];
			bool fits = part == VARIANT_PARAMETERS
					? try_keys(search, keys)
					: try_parts(search, keys, part + 1, rest - weight);
			if (fits)
				return true;
			if (search->stopped)
				return false;
		}
		if (weight == least)
			return false;
	}
}

static bool
try_weights(
    struct variant_search *search, const struct search_keys *keys, unsigned first, unsigned last)
{
	for (unsigned weight = first; weight <= last && !search->stopped; weight++)
		if (try_parts(search, keys, VARIANT_ORIGIN, weight))
			return true;
	return false;
}

static bool
try_others(struct variant_search *search)
{
	bool fits = false;
	unsigned end = search->trials + OTHERS_TRIALS_MAX;

	search->trials_end = end < search->trials_max ? end : search->trials_max;
	fits = try_weights(search, &search->others, VARIANT_REPORTED, VARIANT_GUESS);
	search->trials_end = search->trials_max;
	if (search->trials < search->trials_end && search->hashed < search->bytes_max / 2)
		search->stopped = false; /* only the share of the others is used up */
	return fits;
}

/* Returns whether the request as received may fit after all: if its body is bound by a hash that
 * differs, or if the origin of one public URL goes with the path of another. Otherwise
 * verifier_verify has tried it. */
static bool
may_fit_as_received(const struct variant_search *search)
{
	return search->base_count > 1 ||
	       (search->reading->form == NULL && !incoming_is_get(search->reading->incoming));
}

bool
variant_search_run(struct variant_search *search, bool *out_complete)
{
	search->trials_end = search->trials_max;
	*out_complete = false;
	if (may_fit_as_received(search) && try_weights(search, &search->own, 0, 0))
		return true;
	if (try_weights(search, &search->others, 0, 0) ||
	    try_weights(search, &search->own, VARIANT_REPORTED, VARIANT_GUESS))
		return true;
	*out_complete = !search->stopped && search->own.count > 0;
	return (!search->stopped && try_others(search)) ||
	       try_weights(search, &search->own, VARIANT_PAIR, HEAVIEST);
}

void
variant_search_done(struct variant_search *search)
{
	variants_done(&search->variants);
	buffer_done(&search->url);
}
