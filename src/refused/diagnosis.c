#include "dlrd/refused/diagnosis.h"

#include "advice.h"
#include "parameter_variants.h"
#include "query_variants.h"
#include "request_changes.h"
#include "url_variants.h"
#include "variant_search.h"

#include <stdlib.h>
#include <string.h>

/* One diagnosis in progress. */
struct search {
	struct variant_search found;
	struct url_parts bases[VERIFIER_PUBLIC_URLS_MAX];
};

/* --- the causes of a fit --- */

/* Returns the causes in the path, and sets the facts for the advice. */
static unsigned
compare_paths(
    struct slice signed_path, struct slice base, struct slice path, struct advice_facts *facts)
{
	struct path_difference found = url_compare_paths(signed_path, base, path);
	unsigned causes = found.slash ? DIAGNOSIS_BIT(DIAGNOSIS_TRAILING_SLASH) : 0;

	facts->prefix = found.prefix;
	facts->prefix_differs = !slice_equal(found.prefix, base);
	facts->added = found.added;
	switch (found.change) {
	case PATH_SAME: return causes;
	case PATH_PREFIX_STRIPPED: return causes | DIAGNOSIS_BIT(DIAGNOSIS_PREFIX_STRIPPED);
	case PATH_PREFIX_ADDED: return causes | DIAGNOSIS_BIT(DIAGNOSIS_PREFIX_ADDED);
	case PATH_REWRITTEN: return causes | DIAGNOSIS_BIT(DIAGNOSIS_PATH);
	}
	return causes;
}

static unsigned
compare_origins(const struct url_parts *base, const struct url_parts *signed_url)
{
	unsigned causes = 0;

	if (base->secure != signed_url->secure)
		causes |= DIAGNOSIS_BIT(DIAGNOSIS_SCHEME);
	if (!slice_equal(base->host, signed_url->host))
		causes |= DIAGNOSIS_BIT(DIAGNOSIS_HOST);
	if (!url_port_is_expected(base, signed_url))
		causes |= DIAGNOSIS_BIT(DIAGNOSIS_PORT);
	return causes;
}

static unsigned
bits_of(unsigned set)
{
	unsigned count = 0;
	for (; set != 0; set &= set - 1)
		count++;
	return count;
}

/* Returns the causes in the URL, compared with the public URL that needs the fewest. */
static unsigned
compare_urls(const struct search *search, struct advice_facts *facts)
{
	struct slice path = url_path(search->found.reading->incoming->target), none = SLICE("");
	struct slice signed_path = variant_search_text(&search->found, VARIANT_PATH);
	struct url_parts signed_url;
	unsigned least = ~0u;

	if (url_read_parts(variant_search_text(&search->found, VARIANT_ORIGIN), &signed_url) !=
	    RESULT_OK)
		return 0;
	for (size_t i = 0; i < search->found.base_count; i++) {
		struct advice_facts seen = *facts;
		unsigned causes = compare_origins(&search->bases[i], &signed_url) |
				  compare_paths(signed_path, search->bases[i].path, path, &seen);
		if (bits_of(causes) < bits_of(least)) {
			least = causes;
			*facts = seen;
		}
	}
	if (search->found.base_count == 0)
		least =
		    DIAGNOSIS_BIT(DIAGNOSIS_HOST) | compare_paths(signed_path, none, path, facts);
	return least;
}

static bool
is_other_account(const struct search *search)
{
	return !search->found.key.shared && search->found.account.ptr != NULL &&
	       !variant_search_is_named(&search->found, search->found.key.index);
}

/* Writes the text as visible text, cut to size. */
static void
put_text(char *out, size_t size, struct slice text)
{
	struct buffer visible = BUFFER_EMPTY;

	buffer_append_visible(&visible, text);
	size_t len = visible.failed ? 0 : visible.len;
	bool cut = len >= size;
	if (cut) {
		for (len = size - 4; len > 0 && ((unsigned char)visible.ptr[len] & 0xc0) == 0x80;)
			len--; /* not within a character */
	}
	if (len > 0)
		memcpy(out, visible.ptr, len);
	memcpy(out + len, cut ? "..." : "", cut ? 4 : 1);
	buffer_done(&visible);
}

static void
put_urls(const struct search *search, struct buffer *scratch, struct diagnosis *out)
{
	buffer_clear(scratch);
	buffer_append(scratch, variant_search_text(&search->found, VARIANT_ORIGIN));
	buffer_append(scratch, variant_search_text(&search->found, VARIANT_PATH));
	put_text(out->url, sizeof out->url, buffer_slice(scratch));
	put_text(out->query, sizeof out->query, variant_search_text(&search->found, VARIANT_QUERY));
}

/* Sets the public URL that makes the request the signed one; absent if no change of it helps, such
 * as when the proxy adds a prefix to the path. */
static void
put_public_url(const struct search *search, unsigned causes, struct buffer *scratch,
    struct advice_facts *facts)
{
	const unsigned origin_causes = DIAGNOSIS_BIT(DIAGNOSIS_SCHEME) |
				       DIAGNOSIS_BIT(DIAGNOSIS_HOST) |
				       DIAGNOSIS_BIT(DIAGNOSIS_PORT);

	if ((causes & origin_causes) == 0 && !facts->prefix_differs)
		return;
	buffer_clear(scratch);
	buffer_append(scratch, variant_search_text(&search->found, VARIANT_ORIGIN));
	buffer_append(scratch, facts->prefix);
	if (!scratch->failed)
		facts->public_url = buffer_slice(scratch);
}

static void
explain_fit(const struct search *search, struct advice_facts *facts, struct diagnosis *out)
{
	out->fits = true;
	out->key = search->found.key;
	out->account_index = search->found.key.index;
	if (search->found.key.shared &&
	    !verifier_find_account(search->found.verifier,
		verifier_shared_key_account(search->found.verifier, search->found.key.index),
		&out->account_index))
		out->account_index = 0; /* settings.h allows no such key */
	if (!search->found.key.shared)
		out->label = (enum token_label)search->found.key.which;
	out->query_rule = search->found.choice[VARIANT_QUERY]->rule;
	out->parameters_rule = search->found.choice[VARIANT_PARAMETERS]->rule;
	facts->signed_account = verifier_account(search->found.verifier, out->account_index);
	out->causes =
	    compare_urls(search, facts) | request_changes(search->found.reading,
					      variant_search_text(&search->found, VARIANT_QUERY),
					      out->query_rule, out->parameters_rule);
	facts->type_lost = !facts->is_form && !facts->is_get &&
			   search->found.choice[VARIANT_PARAMETERS]->body == VARIANT_BODY_CHANGED;
	if (is_other_account(search))
		out->causes |= DIAGNOSIS_BIT(DIAGNOSIS_OTHER_ACCOUNT);
	out->cause = diagnosis_cause_first(out->causes);
}

/* --- a diagnosis --- */

static void
read_bases(struct search *search)
{
	size_t count = verifier_url_count(search->found.verifier);

	for (size_t i = 0; i < count; i++)
		search->found.base_count +=
		    url_read_parts(verifier_public_url(search->found.verifier, i),
			&search->bases[search->found.base_count]) == RESULT_OK;
	if (count == 0 && search->found.reading->base.spelling[0] != NULL)
		search->found.base_count =
		    url_read_parts(slice_of(search->found.reading->base.spelling[0]),
			&search->bases[0]) == RESULT_OK;
}

static enum result
collect_variants(struct search *search, const struct diagnosis_hints *hints)
{
	const struct reading *reading = search->found.reading;
	struct variants *variants = &search->found.variants;
	const struct incoming *incoming = reading->incoming;
	struct slice query = url_query(incoming->target);
	enum result result = parameter_variants_add(variants, reading);

	if (result != RESULT_OK)
		return result;
	url_variants_add_origins(
	    variants, search->bases, search->found.base_count, incoming, hints->listen_port);
	url_variants_add_paths(variants, search->bases, search->found.base_count, incoming);
	if (incoming_is_get(incoming)) /* before the others, which may take all the room */
		query_variants_add_split(variants, query);
	query_variants_add(variants, query, url_original_target(incoming));
	variants_sort(variants);
	return variants->text.failed ? RESULT_NO_MEMORY : RESULT_OK;
}

/* Returns the ID of the shared key that the request claims; absent: none. */
static struct slice
claimed_id(const struct incoming *incoming)
{
	struct slice id = SLICE_NONE, settings = incoming_settings(incoming);

	if (settings.ptr == NULL || shared_key_read_claim(settings, &id) == SHARED_KEY_MALFORMED)
		return SLICE_NONE;
	return id;
}

static void
search_and_explain(
    struct search *search, const struct diagnosis_hints *hints, struct diagnosis *out)
{
	struct buffer advice = BUFFER_EMPTY, public_url = BUFFER_EMPTY;
	const struct reading *reading = search->found.reading;
	const struct incoming *incoming = reading->incoming;
	bool complete = false;
	size_t index;
	struct advice_facts facts = {.public_url_count = verifier_url_count(search->found.verifier),
	    .path = url_path(incoming->target),
	    .account = search->found.account,
	    .account_is_routes = reading->account.ptr == NULL,
	    .account_is_known =
		verifier_find_account(search->found.verifier, search->found.account, &index),
	    .is_get = incoming_is_get(incoming),
	    .is_form = reading->form != NULL,
	    .has_form =
		reading->form != NULL && form_get(reading->form, SLICE("AccountSid")).ptr != NULL,
	    .verified_before = hints->account_verified_before,
	    .shared_key = claimed_id(incoming)};

	read_bases(search);
	variant_search_choose_keys(&search->found);
	if (collect_variants(search, hints) == RESULT_OK &&
	    variant_search_run(&search->found, &complete)) {
		explain_fit(search, &facts, out);
		put_urls(search, &public_url, out);
		put_public_url(search, out->causes, &public_url, &facts);
	} else if (complete && !search->found.variants.cut &&
		   (search->found.account.ptr == NULL || facts.account_is_known ||
		       facts.shared_key.ptr != NULL))
		out->cause = DIAGNOSIS_TOKEN;
	if (!out->fits)
		out->causes = DIAGNOSIS_BIT(out->cause);
	facts.cause = out->cause;
	facts.causes = out->causes;
	facts.fits = out->fits;
	advice_append(&facts, &advice);
	put_text(out->advice, sizeof out->advice, buffer_slice(&advice));
	buffer_done(&advice);
	buffer_done(&public_url);
}

/* Explains a request whose headers cannot be verified with the configuration. */
static void
explain_headers(enum diagnosis_cause cause, const struct incoming *incoming, struct diagnosis *out)
{
	struct buffer advice = BUFFER_EMPTY;

	out->cause = cause;
	out->causes = DIAGNOSIS_BIT(cause);
	advice_append_headers(cause, incoming, claimed_id(incoming), &advice);
	put_text(out->advice, sizeof out->advice, buffer_slice(&advice));
	buffer_done(&advice);
}

void
diagnosis_of_no_route(struct slice path, bool verified, struct diagnosis *out_diagnosis)
{
	struct buffer advice = BUFFER_EMPTY;
	struct diagnosis made = {
	    .cause = DIAGNOSIS_NO_ROUTE, .causes = DIAGNOSIS_BIT(DIAGNOSIS_NO_ROUTE)};

	advice_append_no_route(verified ? path : SLICE_NONE, &advice);
	put_text(made.advice, sizeof made.advice, buffer_slice(&advice));
	buffer_done(&advice);
	*out_diagnosis = made;
}

/* Returns the cause in the headers; DIAGNOSIS_CAUSE_COUNT: none. */
static enum diagnosis_cause
check_headers(
    const struct verifier *verifier, const struct incoming *incoming, struct signature *out_wanted)
{
	enum verification_result result = verifier_read_headers(incoming, out_wanted);
	size_t index;

	if (result == VERIFICATION_NO_SIGNATURE)
		return DIAGNOSIS_UNEXPLAINED;
	if (result == VERIFICATION_UNKNOWN_ALGORITHM)
		return DIAGNOSIS_ALGORITHM;
	if (result != VERIFICATION_VALID)
		return DIAGNOSIS_SIGNATURE;
	if (verifier_claimed_key(verifier, incoming, &index) &&
	    index == verifier_shared_key_count(verifier))
		return DIAGNOSIS_SHARED_KEY;
	return DIAGNOSIS_CAUSE_COUNT;
}

void
diagnosis_make(const struct verifier *verifier, const struct reading *reading,
    const struct diagnosis_hints *hints, struct diagnosis *out_diagnosis)
{
	struct diagnosis made = {
	    .cause = DIAGNOSIS_UNEXPLAINED, .causes = DIAGNOSIS_BIT(DIAGNOSIS_UNEXPLAINED)};
	struct search *search = calloc(1, sizeof *search);

	if (search != NULL) {
		search->found.verifier = verifier;
		search->found.reading = reading;
		search->found.account = reading->account;
		if (search->found.account.ptr == NULL)
			search->found.account = reading->route_account;
		search->found.trials_max = DIAGNOSIS_TRIALS_MAX;
		search->found.bytes_max = DIAGNOSIS_BYTES_MAX;
		enum diagnosis_cause cause =
		    check_headers(verifier, reading->incoming, &search->found.wanted);
		if (cause != DIAGNOSIS_CAUSE_COUNT)
			explain_headers(cause, reading->incoming, &made);
		else
			search_and_explain(search, hints, &made);
		made.trials = search->found.trials;
		made.hashed = search->found.hashed;
		variant_search_done(&search->found);
	}
	free(search);
	*out_diagnosis = made;
}

/* Returns the key that would have signed the request if it has the causes of the earlier one: if
 * the account's own token fitted then, the same token of this account; for an unknown account, a
 * random one. */
static struct verifier_key
repeated_key(
    const struct diagnosis *earlier, const struct verifier *verifier, const struct reading *reading)
{
	struct slice account = reading->account;

	if (account.ptr == NULL)
		account = reading->route_account;
	struct verifier_key key = earlier->key;
	size_t unknown = verifier_account_count(verifier);
	if (verifier_claimed_key(verifier, reading->incoming, &key.index))
		return key;
	if (account.ptr == NULL || (earlier->causes & DIAGNOSIS_BIT(DIAGNOSIS_OTHER_ACCOUNT)) != 0)
		key.index = earlier->key.index < unknown ? earlier->key.index : unknown;
	else if (!verifier_find_account(verifier, account, &key.index))
		key.index = unknown;
	return key;
}

/* Returns whether both are signed with the same kind of key, and the key is configured. */
static bool
has_same_kind(
    const struct diagnosis *earlier, const struct verifier *verifier, const struct reading *reading)
{
	size_t index;
	bool shared = verifier_claimed_key(verifier, reading->incoming, &index);
	return earlier->key.shared == (reading->incoming->settings.ptr != NULL) &&
	       (!shared || index < verifier_shared_key_count(verifier)) &&
	       shared == earlier->key.shared;
}

/* Returns whether the query and parameters that the rules of the earlier request write for this one
 * differ from it for the same causes. A rule that changes nothing does not count. */
static bool
has_same_causes(const struct diagnosis *earlier, const struct reading *reading, struct slice query,
    struct slice parameters)
{
	const unsigned mask =
	    DIAGNOSIS_BIT(DIAGNOSIS_METHOD) | DIAGNOSIS_BIT(DIAGNOSIS_BODY_CHANGED) |
	    DIAGNOSIS_BIT(DIAGNOSIS_QUERY_ORDER) | DIAGNOSIS_BIT(DIAGNOSIS_QUERY_ENCODING) |
	    DIAGNOSIS_BIT(DIAGNOSIS_QUERY_LOST) | DIAGNOSIS_BIT(DIAGNOSIS_QUERY_ADDED);
	struct buffer as_received = BUFFER_EMPTY;
	bool changed = true;

	if (!query_variants_is_split(earlier->query_rule) &&
	    parameter_variants_body(earlier->parameters_rule) != VARIANT_BODY_AS_RECEIVED)
		changed = parameter_variants_write(
			      &as_received, reading, PARAMETER_VARIANTS_AS_RECEIVED) &&
			  !slice_equal(buffer_slice(&as_received), parameters);
	buffer_done(&as_received);
	return changed && request_changes(reading, query, earlier->query_rule,
			      earlier->parameters_rule) == (earlier->causes & mask);
}

bool
diagnosis_repeats(const struct diagnosis *earlier, const struct verifier *verifier,
    const struct reading *reading, struct buffer *scratch)
{
	const struct incoming *incoming = reading->incoming;
	struct buffer query = BUFFER_EMPTY, parameters = BUFFER_EMPTY;
	struct signature wanted;
	bool is_split = query_variants_is_split(earlier->query_rule);
	bool repeats =
	    earlier->fits && signature_read(incoming_signature(incoming), &wanted) == RESULT_OK &&
	    has_same_kind(earlier, verifier, reading) && (incoming_is_get(incoming) || !is_split) &&
	    query_variants_write(&query, &parameters, url_query(incoming->target),
		url_original_target(incoming), earlier->query_rule) &&
	    (is_split || parameter_variants_write(&parameters, reading, earlier->parameters_rule));

	if (repeats) {
		buffer_clear(scratch);
		buffer_append(scratch, slice_of(earlier->url));
		buffer_append(scratch, buffer_slice(&query));
		struct verifier_key key = repeated_key(earlier, verifier, reading);
		repeats = !scratch->failed &&
			  verifier_key_signs(verifier, &key, buffer_slice(scratch),
			      buffer_slice(&parameters), &wanted) &&
			  has_same_causes(
			      earlier, reading, buffer_slice(&query), buffer_slice(&parameters));
	}
	buffer_done(&query);
	buffer_done(&parameters);
	return repeats;
}

bool
diagnosis_signs_form(const struct diagnosis *diagnosis)
{
	return diagnosis->fits && !query_variants_is_split(diagnosis->query_rule) &&
	       parameter_variants_body(diagnosis->parameters_rule) != VARIANT_BODY_ALONE;
}

void
diagnosis_append_causes(const struct diagnosis *diagnosis, struct buffer *out)
{
	buffer_append(out, slice_of(diagnosis_cause_name(diagnosis->cause)));
	for (int cause = 0; cause < DIAGNOSIS_CAUSE_COUNT; cause++)
		if ((diagnosis->causes & DIAGNOSIS_BIT(cause)) != 0 &&
		    cause != (int)diagnosis->cause)
			buffer_appendf(
			    out, ", %s", diagnosis_cause_name((enum diagnosis_cause)cause));
}
