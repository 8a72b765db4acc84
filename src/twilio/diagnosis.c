#include "dlrd/twilio/diagnosis.h"

#include "advice.h"
#include "dlrd/twilio/parameter_variants.h"
#include "dlrd/twilio/query_variants.h"
#include "request_changes.h"

#include <stdlib.h>
#include <string.h>

#define ACCOUNTS_MAX VERIFIER_ACCOUNTS_TRIED /* of others than the one that is named */
#define KEYS_MAX (ACCOUNTS_MAX * TOKEN_LABEL_COUNT)
#define OTHERS_TRIALS_MAX \
	80 /* on single deviations, so that the account's own are not crowded out */
#define HEAVIEST (VARIANT_WEIGHTS + VARIANT_DEVIATION)

struct keys {
	struct verifier_key items[KEYS_MAX];
	size_t count;
};

/* One diagnosis on its way. */
struct search {
	const struct verifier *verifier;
	const struct verify_request *request;
	struct slice account; /* that the request or its route names */
	struct url_parts bases[VERIFIER_PUBLIC_URLS_MAX];
	size_t base_count;
	struct variants variants;
	struct keys own, others;
	struct signature wanted;
	struct buffer url; /* under trial */
	unsigned trials, trials_max;
	size_t hashed;
	bool stopped; /* a bound was reached */

	/* What is under trial, and what fits once one is found. */
	const struct variant *choice[VARIANT_PARTS];
	struct verifier_key key;
};

static const char *const cause_names[DIAGNOSIS_CAUSE_COUNT] = {
    [DIAGNOSIS_UNEXPLAINED] = "unexplained",
    [DIAGNOSIS_SCHEME] = "scheme",
    [DIAGNOSIS_HOST] = "host",
    [DIAGNOSIS_PORT] = "port",
    [DIAGNOSIS_PREFIX_STRIPPED] = "prefix-stripped",
    [DIAGNOSIS_PREFIX_ADDED] = "prefix-added",
    [DIAGNOSIS_TRAILING_SLASH] = "trailing-slash",
    [DIAGNOSIS_PATH] = "path",
    [DIAGNOSIS_QUERY_ORDER] = "query-order",
    [DIAGNOSIS_QUERY_ENCODING] = "query-encoding",
    [DIAGNOSIS_QUERY_LOST] = "query-lost",
    [DIAGNOSIS_QUERY_ADDED] = "query-added",
    [DIAGNOSIS_METHOD] = "method",
    [DIAGNOSIS_BODY_CHANGED] = "body-changed",
    [DIAGNOSIS_OTHER_ACCOUNT] = "other-account",
    [DIAGNOSIS_TOKEN] = "token",
    [DIAGNOSIS_SHARED_KEY] = "unknown-shared-key",
    [DIAGNOSIS_ALGORITHM] = "unknown-algorithm",
    [DIAGNOSIS_SIGNATURE] = "malformed-signature",
    [DIAGNOSIS_NO_ROUTE] = "no-route",
};

/* Which of several causes is told first: what loses most. */
static const enum diagnosis_cause by_importance[] = {DIAGNOSIS_OTHER_ACCOUNT, DIAGNOSIS_METHOD,
    DIAGNOSIS_BODY_CHANGED, DIAGNOSIS_PREFIX_STRIPPED, DIAGNOSIS_PREFIX_ADDED, DIAGNOSIS_HOST,
    DIAGNOSIS_SCHEME, DIAGNOSIS_PORT, DIAGNOSIS_PATH, DIAGNOSIS_TRAILING_SLASH,
    DIAGNOSIS_QUERY_LOST, DIAGNOSIS_QUERY_ADDED, DIAGNOSIS_QUERY_ENCODING, DIAGNOSIS_QUERY_ORDER};

#define IMPORTANCE_COUNT (sizeof by_importance / sizeof by_importance[0])

/* --- whose tokens --- */

static void
add_keys(struct keys *keys, const struct verifier *verifier, size_t account_index)
{
	for (int label = 0; label < TOKEN_LABEL_COUNT; label++)
		if (keys->count < KEYS_MAX &&
		    verifier_has_token(verifier, account_index, (enum token_label)label))
			keys->items[keys->count++] =
			    (struct verifier_key){.index = account_index, .which = (unsigned)label};
}

/* Whether the request names the account at index, perhaps as one of several. */
static bool
is_named(const struct search *search, size_t index)
{
	const struct named_accounts *named = search->request->named;
	if (named == NULL || named->count == 0)
		return slice_equal(search->account, verifier_account(search->verifier, index));
	for (size_t i = 0; i < named->count; i++)
		if (named->indexes[i] == index)
			return true;
	return false;
}

/* A request that names no account is tried with those that verifier_verify tried; others are the
 * next ones. */
static void
choose_keys(struct search *search)
{
	size_t count = verifier_account_count(search->verifier), index = 0, others = 0;
	if (verifier_claimed_key(search->verifier, search->request, &index)) {
		for (unsigned reading = 0; reading < SECRET_READING_COUNT; reading++)
			search->own.items[search->own.count++] =
			    (struct verifier_key){.shared = true, .index = index, .which = reading};
		return;
	}
	bool known = search->account.ptr != NULL &&
		     verifier_find_account(search->verifier, search->account, &index);
	if (search->account.ptr != NULL && !known) /* as long a search as for one that is known */
		search->own.items[search->own.count++] =
		    (struct verifier_key){.index = count, .which = TOKEN_CURRENT};
	for (size_t i = 0; i < count; i++) {
		bool own = search->account.ptr != NULL ? known && is_named(search, i)
						       : i < VERIFIER_ACCOUNTS_TRIED;
		if (own)
			add_keys(&search->own, search->verifier, i);
		else if (others++ < ACCOUNTS_MAX)
			add_keys(&search->others, search->verifier, i);
	}
}

/* --- trials --- */

static struct slice
text_of(const struct search *search, enum variant_part part)
{
	return variant_text(&search->variants, search->choice[part]);
}

static struct slice
parameters_of(const struct search *search)
{
	const struct variant *query = search->choice[VARIANT_QUERY];
	return query->has_parameters ? variant_parameters(&search->variants, query)
				     : text_of(search, VARIANT_PARAMETERS);
}

/* Every key on the chosen variant; true when one fits. */
static bool
try_keys(struct search *search, const struct keys *keys)
{
	struct slice parameters = parameters_of(search);
	buffer_clear(&search->url);
	for (int part = VARIANT_ORIGIN; part <= VARIANT_QUERY; part++)
		buffer_append(&search->url, text_of(search, (enum variant_part)part));
	size_t len = search->url.len + parameters.len;
	search->stopped |= search->url.failed;
	for (size_t i = 0; i < keys->count && !search->stopped; i++) {
		if (search->trials >= search->trials_max ||
		    search->hashed + len > DIAGNOSIS_BYTES_MAX) {
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

/* Goes through the candidates of part and those behind it whose weights add up to rest, the
 * heaviest of the first part first: scheme, host and port are wrong more often than a query is. */
static bool
try_parts(struct search *search, const struct keys *keys, int part, unsigned rest)
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
try_weights(struct search *search, const struct keys *keys, unsigned first, unsigned last)
{
	for (unsigned weight = first; weight <= last && !search->stopped; weight++)
		if (try_parts(search, keys, VARIANT_ORIGIN, weight))
			return true;
	return false;
}

static bool
try_others(struct search *search)
{
	bool fits = false;
	unsigned end = search->trials + OTHERS_TRIALS_MAX;
	search->trials_max = end < DIAGNOSIS_TRIALS_MAX ? end : DIAGNOSIS_TRIALS_MAX;
	fits = try_weights(search, &search->others, VARIANT_TOLD, VARIANT_GUESS);
	search->trials_max = DIAGNOSIS_TRIALS_MAX;
	if (search->trials < search->trials_max && search->hashed < DIAGNOSIS_BYTES_MAX / 2)
		search->stopped = false; /* only the others' share was used up */
	return fits;
}

/* Whether the request as it came may fit all the same: its body is bound by a hash that differs, or
 * it is below two public URLs by half. Otherwise verifier_verify has tried that. */
static bool
may_fit_as_it_came(const struct search *search)
{
	return search->base_count > 1 ||
	       (search->request->form == NULL && !search->request->is_get);
}

/* *out_complete: every single deviation was tried with every token of the account. */
static bool
find_fit(struct search *search, bool *out_complete)
{
	*out_complete = false;
	if (may_fit_as_it_came(search) && try_weights(search, &search->own, 0, 0))
		return true;
	if (try_weights(search, &search->others, 0, 0) ||
	    try_weights(search, &search->own, VARIANT_TOLD, VARIANT_GUESS))
		return true;
	*out_complete = !search->stopped && search->own.count > 0;
	return (!search->stopped && try_others(search)) ||
	       try_weights(search, &search->own, VARIANT_PAIR, HEAVIEST);
}

/* --- what a fit says --- */

/* The causes in the path, with the facts that the advice wants. */
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

/* The causes by the public URL that needs the fewest of them. */
static unsigned
compare_urls(const struct search *search, struct advice_facts *facts)
{
	struct slice path = url_path(search->request->target), none = SLICE("");
	struct slice signed_path = text_of(search, VARIANT_PATH);
	struct url_parts signed_url;
	unsigned least = ~0u;
	if (url_read_parts(text_of(search, VARIANT_ORIGIN), &signed_url) != RESULT_OK)
		return 0;
	for (size_t i = 0; i < search->base_count; i++) {
		struct advice_facts seen = *facts;
		unsigned causes = compare_origins(&search->bases[i], &signed_url) |
				  compare_paths(signed_path, search->bases[i].path, path, &seen);
		if (bits_of(causes) < bits_of(least)) {
			least = causes;
			*facts = seen;
		}
	}
	if (search->base_count == 0)
		least =
		    DIAGNOSIS_BIT(DIAGNOSIS_HOST) | compare_paths(signed_path, none, path, facts);
	return least;
}

static bool
is_other_account(const struct search *search)
{
	return !search->key.shared && search->account.ptr != NULL &&
	       !is_named(search, search->key.index);
}

/* Visible text, cut to the room that there is. */
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
	buffer_append(scratch, text_of(search, VARIANT_ORIGIN));
	buffer_append(scratch, text_of(search, VARIANT_PATH));
	put_text(out->url, sizeof out->url, buffer_slice(scratch));
	put_text(out->query, sizeof out->query, text_of(search, VARIANT_QUERY));
}

/* The public URL below which the request is what was signed; absent where none has to change, as
 * when the proxy puts something before the path. */
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
	buffer_append(scratch, text_of(search, VARIANT_ORIGIN));
	buffer_append(scratch, facts->prefix);
	if (!scratch->failed)
		facts->public_url = buffer_slice(scratch);
}

static enum diagnosis_cause
most_important(unsigned causes)
{
	for (size_t i = 0; i < IMPORTANCE_COUNT; i++)
		if ((causes & DIAGNOSIS_BIT(by_importance[i])) != 0)
			return by_importance[i];
	return DIAGNOSIS_UNEXPLAINED;
}

static void
explain_fit(const struct search *search, struct advice_facts *facts, struct diagnosis *out)
{
	out->fits = true;
	out->key = search->key;
	out->account_index = search->key.index;
	if (search->key.shared &&
	    !verifier_find_account(search->verifier,
		verifier_shared_key_account(search->verifier, search->key.index),
		&out->account_index))
		out->account_index = 0; /* settings.h lets no such key in */
	if (!search->key.shared)
		out->label = (enum token_label)search->key.which;
	out->query_rule = search->choice[VARIANT_QUERY]->rule;
	out->parameters_rule = search->choice[VARIANT_PARAMETERS]->rule;
	facts->signed_account = verifier_account(search->verifier, out->account_index);
	out->causes = compare_urls(search, facts) |
		      request_changes(search->request, text_of(search, VARIANT_QUERY),
			  out->query_rule, out->parameters_rule);
	facts->type_lost = !facts->is_form && !facts->is_get &&
			   search->choice[VARIANT_PARAMETERS]->body == VARIANT_BODY_CHANGED;
	if (is_other_account(search))
		out->causes |= DIAGNOSIS_BIT(DIAGNOSIS_OTHER_ACCOUNT);
	out->cause = most_important(out->causes);
}

/* --- a diagnosis --- */

static void
read_bases(struct search *search)
{
	size_t count = verifier_url_count(search->verifier);
	for (size_t i = 0; i < count; i++)
		search->base_count += url_read_parts(verifier_public_url(search->verifier, i),
					  &search->bases[search->base_count]) == RESULT_OK;
	if (count == 0 && search->request->base != NULL)
		search->base_count = url_read_parts(slice_of(search->request->base->spelling[0]),
					 &search->bases[0]) == RESULT_OK;
}

static enum result
collect_variants(struct search *search, const struct diagnosis_hints *hints)
{
	const struct verify_request *request = search->request;
	struct variants *variants = &search->variants;
	struct slice query = url_query(request->target);
	enum result result = parameter_variants_add(variants, request);
	if (result != RESULT_OK)
		return result;
	url_variants_add_origins(variants, search->bases, search->base_count, &hints->url);
	url_variants_add_paths(
	    variants, search->bases, search->base_count, url_path(request->target), &hints->url);
	if (request->is_get) /* before the many others, which may take all the room */
		query_variants_add_split(variants, query);
	query_variants_add(variants, query, url_hints_target(&hints->url));
	variants_sort(variants);
	return variants->text.failed ? RESULT_NO_MEMORY : RESULT_OK;
}

/* Whether a GET brought what Twilio sends. */
static bool
has_twilios_parameters(const struct verify_request *request)
{
	return request->form != NULL && form_get(request->form, SLICE("AccountSid")).ptr != NULL;
}

/* The shared key that the request claims; absent: none. */
static struct slice
claimed_id(const struct verify_request *request)
{
	struct slice id = SLICE_NONE;
	if (request->settings.ptr == NULL ||
	    shared_key_read_claim(request->settings, &id) == SHARED_KEY_MALFORMED)
		return SLICE_NONE;
	return id;
}

static void
search_and_explain(
    struct search *search, const struct diagnosis_hints *hints, struct diagnosis *out)
{
	struct buffer advice = BUFFER_EMPTY, public_url = BUFFER_EMPTY;
	const struct verify_request *request = search->request;
	bool complete = false;
	size_t index;
	struct advice_facts facts = {.diagnosis = out,
	    .public_url_count = verifier_url_count(search->verifier),
	    .path = url_path(request->target),
	    .account = search->account,
	    .account_is_routes = verify_request_account(request).ptr == NULL,
	    .account_is_known = verifier_find_account(search->verifier, search->account, &index),
	    .is_get = request->is_get,
	    .is_form = request->form != NULL,
	    .has_form = has_twilios_parameters(request),
	    .verified_before = hints->account_verified_before,
	    .shared_key = claimed_id(request)};
	read_bases(search);
	choose_keys(search);
	if (collect_variants(search, hints) == RESULT_OK && find_fit(search, &complete)) {
		explain_fit(search, &facts, out);
		put_urls(search, &public_url, out);
		put_public_url(search, out->causes, &public_url, &facts);
	} else if (complete && !search->variants.cut &&
		   (search->account.ptr == NULL || facts.account_is_known ||
		       facts.shared_key.ptr != NULL))
		out->cause = DIAGNOSIS_TOKEN;
	if (!out->fits)
		out->causes = DIAGNOSIS_BIT(out->cause);
	advice_append(&facts, &advice);
	put_text(out->advice, sizeof out->advice, buffer_slice(&advice));
	buffer_done(&advice);
	buffer_done(&public_url);
}

/* A request whose headers say that it cannot be verified with what is configured. */
static void
explain_headers(
    enum diagnosis_cause cause, const struct verify_request *request, struct diagnosis *out)
{
	struct buffer advice = BUFFER_EMPTY;
	out->cause = cause;
	out->causes = DIAGNOSIS_BIT(cause);
	advice_append_headers(cause, request, claimed_id(request), &advice);
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

/* What is wrong with the headers; DIAGNOSIS_CAUSE_COUNT: nothing. */
static enum diagnosis_cause
judge_headers(const struct search *search, struct signature *out_wanted)
{
	const struct verify_request *request = search->request;
	bool has_settings = request->settings.ptr != NULL;
	struct slice id;
	size_t index;
	if (request->signature.len == 0)
		return DIAGNOSIS_UNEXPLAINED;
	if (has_settings)
		switch (shared_key_read_claim(request->settings, &id)) {
		case SHARED_KEY_CLAIMED: break;
		case SHARED_KEY_MALFORMED: return DIAGNOSIS_SIGNATURE;
		case SHARED_KEY_ALGORITHM: return DIAGNOSIS_ALGORITHM;
		}
	if (signature_read(request->signature, out_wanted) != RESULT_OK ||
	    out_wanted->len != (has_settings ? SIGNATURE_DIGEST_MAX : SIGNATURE_DIGEST_SIZE))
		return DIAGNOSIS_SIGNATURE;
	if (verifier_claimed_key(search->verifier, request, &index) &&
	    index == verifier_shared_key_count(search->verifier))
		return DIAGNOSIS_SHARED_KEY;
	return DIAGNOSIS_CAUSE_COUNT;
}

void
diagnosis_make(const struct verifier *verifier, const struct verify_request *request,
    const struct diagnosis_hints *hints, struct diagnosis *out_diagnosis)
{
	struct diagnosis made = {
	    .cause = DIAGNOSIS_UNEXPLAINED, .causes = DIAGNOSIS_BIT(DIAGNOSIS_UNEXPLAINED)};
	struct search *search = calloc(1, sizeof *search);
	if (search != NULL) {
		search->verifier = verifier;
		search->request = request;
		search->account = verify_request_account(request);
		if (search->account.ptr == NULL)
			search->account = request->route_account;
		search->trials_max = DIAGNOSIS_TRIALS_MAX;
		enum diagnosis_cause cause = judge_headers(search, &search->wanted);
		if (cause != DIAGNOSIS_CAUSE_COUNT)
			explain_headers(cause, request, &made);
		else
			search_and_explain(search, hints, &made);
		made.trials = search->trials;
		made.hashed = search->hashed;
		variants_done(&search->variants);
		buffer_done(&search->url);
	}
	free(search);
	*out_diagnosis = made;
}

/* The key that would have signed for the reasons of the earlier request: the account's own token of
 * the same name, if a token of its own was what fitted then; nobody's for an unknown account. */
static struct verifier_key
repeated_key(const struct diagnosis *earlier, const struct verifier *verifier,
    const struct verify_request *request)
{
	struct slice account = verify_request_account(request);
	if (account.ptr == NULL)
		account = request->route_account;
	struct verifier_key key = earlier->key;
	size_t nobody = verifier_account_count(verifier);
	if (verifier_claimed_key(verifier, request, &key.index))
		return key;
	if (account.ptr == NULL || (earlier->causes & DIAGNOSIS_BIT(DIAGNOSIS_OTHER_ACCOUNT)) != 0)
		key.index = earlier->key.index < nobody ? earlier->key.index : nobody;
	else if (!verifier_find_account(verifier, account, &key.index))
		key.index = nobody;
	return key;
}

/* Whether both are signed with the same kind of key, and it is here. */
static bool
has_same_kind(const struct diagnosis *earlier, const struct verifier *verifier,
    const struct verify_request *request)
{
	size_t index;
	bool shared = verifier_claimed_key(verifier, request, &index);
	return earlier->key.shared == (request->settings.ptr != NULL) &&
	       (!shared || index < verifier_shared_key_count(verifier)) &&
	       shared == earlier->key.shared;
}

/* Whether what the rules of the earlier request have made of this one differs from it for the same
 * causes. A rule that leaves it as it came does not. */
static bool
has_same_causes(const struct diagnosis *earlier, const struct verify_request *request,
    struct slice query, struct slice parameters)
{
	const unsigned mask =
	    DIAGNOSIS_BIT(DIAGNOSIS_METHOD) | DIAGNOSIS_BIT(DIAGNOSIS_BODY_CHANGED) |
	    DIAGNOSIS_BIT(DIAGNOSIS_QUERY_ORDER) | DIAGNOSIS_BIT(DIAGNOSIS_QUERY_ENCODING) |
	    DIAGNOSIS_BIT(DIAGNOSIS_QUERY_LOST) | DIAGNOSIS_BIT(DIAGNOSIS_QUERY_ADDED);
	struct buffer as_came = BUFFER_EMPTY;
	bool changed = true;
	if (!query_variants_is_split(earlier->query_rule) &&
	    parameter_variants_body(earlier->parameters_rule) != VARIANT_BODY_AS_CAME)
		changed = parameter_variants_write(&as_came, request, PARAMETER_VARIANTS_AS_CAME) &&
			  !slice_equal(buffer_slice(&as_came), parameters);
	buffer_done(&as_came);
	return changed && request_changes(request, query, earlier->query_rule,
			      earlier->parameters_rule) == (earlier->causes & mask);
}

bool
diagnosis_repeats(const struct diagnosis *earlier, const struct verifier *verifier,
    const struct verify_request *request, const struct diagnosis_hints *hints,
    struct buffer *scratch)
{
	struct buffer query = BUFFER_EMPTY, parameters = BUFFER_EMPTY;
	struct signature wanted;
	bool is_split = query_variants_is_split(earlier->query_rule);
	bool repeats =
	    earlier->fits && signature_read(request->signature, &wanted) == RESULT_OK &&
	    has_same_kind(earlier, verifier, request) && (request->is_get || !is_split) &&
	    query_variants_write(&query, &parameters, url_query(request->target),
		url_hints_target(&hints->url), earlier->query_rule) &&
	    (is_split || parameter_variants_write(&parameters, request, earlier->parameters_rule));
	if (repeats) {
		buffer_clear(scratch);
		buffer_append(scratch, slice_of(earlier->url));
		buffer_append(scratch, buffer_slice(&query));
		struct verifier_key key = repeated_key(earlier, verifier, request);
		repeats = !scratch->failed &&
			  verifier_key_signs(verifier, &key, buffer_slice(scratch),
			      buffer_slice(&parameters), &wanted) &&
			  has_same_causes(
			      earlier, request, buffer_slice(&query), buffer_slice(&parameters));
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

const char *
diagnosis_cause_name(enum diagnosis_cause cause)
{
	return cause_names[cause];
}

void
diagnosis_append_causes(const struct diagnosis *diagnosis, struct buffer *out)
{
	buffer_append(out, slice_of(cause_names[diagnosis->cause]));
	for (int cause = 0; cause < DIAGNOSIS_CAUSE_COUNT; cause++)
		if ((diagnosis->causes & DIAGNOSIS_BIT(cause)) != 0 &&
		    cause != (int)diagnosis->cause)
			buffer_appendf(out, ", %s", cause_names[cause]);
}
