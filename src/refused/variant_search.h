/* variant_search: finds the variant of a request that its signature fits, for diagnosis.h.
 *
 * It tries the candidates of variants.h with the account's own tokens and with those of other
 * accounts: single deviations first, then pairs, then triples. The work is bounded by trials_max
 * and bytes_max. The caller's memory; one thread at a time. */
#pragma once

#include "dlrd/twilio/verifier.h"
#include "variants.h"

/* Other accounts than the named one whose tokens are tried, and all tokens of these. */
#define SEARCH_ACCOUNTS_MAX VERIFIER_ACCOUNTS_TRIED
#define SEARCH_KEYS_MAX (SEARCH_ACCOUNTS_MAX * TOKEN_LABEL_COUNT)

struct search_keys {
	struct verifier_key items[SEARCH_KEYS_MAX];
	size_t count;
};

/* Zero-initialise, then set the first group of fields and add the variants. */
struct variant_search {
	const struct verifier *verifier;
	const struct reading *reading;
	struct slice account;     /* named by the request or by its route; absent: none */
	struct signature wanted;  /* the header's value */
	size_t base_count;        /* public URLs that the variants were made from */
	unsigned trials_max;      /* signatures to compute */
	size_t bytes_max;         /* bytes to compute them over */
	struct variants variants; /* sorted */

	struct search_keys own, others; /* set by variant_search_choose_keys */
	struct buffer url;              /* under trial */
	unsigned trials;                /* signatures computed */
	size_t hashed;                  /* bytes they were computed over */
	unsigned trials_end;            /* bound of the step in progress */
	bool stopped;                   /* a bound was reached, or memory is short */

	/* The variant under trial; once one fits, that one and its key. */
	const struct variant *choice[VARIANT_PARTS];
	struct verifier_key key;
};

/* Chooses the keys to try. A request that names no account is tried with the accounts that
 * verifier_verify tried; the others are the next ones. */
void variant_search_choose_keys(struct variant_search *search);

/* Searches; true if a variant fits. *out_complete: every single deviation was tried with every
 * token of the account. */
bool variant_search_run(struct variant_search *search, bool *out_complete);

/* Returns the text of a part of the chosen variant; borrowed from the variants. */
struct slice variant_search_text(const struct variant_search *search, enum variant_part part);

/* Returns whether the request names the account at index, perhaps as one of several. */
bool variant_search_is_named(const struct variant_search *search, size_t index);

void variant_search_done(struct variant_search *search);
