#include "advice.h"

#include "dlrd/twilio/callback.h"
#include "dlrd/twilio/form.h"

#define PATH_SHOWN_MAX 200 /* bytes */

#define PASS_PATH                                                                      \
	"proxy_pass without a path (nginx), no http-request replace-path or set-path " \
	"(HAProxy), handle instead of handle_path and no uri or rewrite (Caddy), "     \
	"ProxyPass with the same path on both sides and nocanon (Apache)"
#define PASS_QUERY                                                                   \
	"proxy_pass without a path, or $request_uri in place of $uri and $args "     \
	"(nginx), no http-request set-query or normalize-uri (HAProxy), no rewrite " \
	"(Caddy), no RewriteRule, or one with NE (Apache)"

#define URL_CAUSES                                                                     \
	(DIAGNOSIS_BIT(DIAGNOSIS_SCHEME) | DIAGNOSIS_BIT(DIAGNOSIS_HOST) |             \
	    DIAGNOSIS_BIT(DIAGNOSIS_PORT) | DIAGNOSIS_BIT(DIAGNOSIS_PREFIX_STRIPPED) | \
	    DIAGNOSIS_BIT(DIAGNOSIS_PREFIX_ADDED))

/* Sentences that need no facts. */
static const struct slice sentences[DIAGNOSIS_CAUSE_COUNT] = {
    [DIAGNOSIS_TRAILING_SLASH] = SLICE_INIT(
	"a slash at the end of the path was added or removed on the way: let the proxy pass the "
	"path as it is: " PASS_PATH
	"; or give Twilio the URL as it arrives here; the path that Twilio calls needs its own "
	"[callback] section"),
    [DIAGNOSIS_PATH] = SLICE_INIT(
	"the path was rewritten on the way: let the proxy pass it as it is: merge_slashes off "
	"(nginx), no http-request normalize-uri (HAProxy), MergeSlashes Off (Apache); " PASS_PATH),
    [DIAGNOSIS_QUERY_ORDER] = SLICE_INIT(
	"the query's parameters were signed in another order: give Twilio the callback URL with "
	"its parameters sorted by name, and let the proxy pass the query as it is: " PASS_QUERY),
    [DIAGNOSIS_QUERY_ENCODING] = SLICE_INIT(
	"the query had other escapes when it was signed: use only letters, digits and -._~ in the "
	"callback URL, use POST, and let the proxy pass the query as it is: " PASS_QUERY),
    [DIAGNOSIS_QUERY_LOST] = SLICE_INIT(
	"the query, or a part of it, was lost on the way: let the proxy pass it: " PASS_QUERY),
    [DIAGNOSIS_QUERY_ADDED] = SLICE_INIT(
	"the query differs from the signed one: the proxy adds to it or replaces it; let it pass "
	"the query as it is: " PASS_QUERY),
};

static bool
has_any(const struct advice_facts *facts, unsigned causes)
{
	return (facts->causes & causes) != 0;
}

static void
begin_sentence(struct buffer *out)
{
	if (out->len > 0)
		buffer_append(out, SLICE("; "));
}

/* An untrusted client may write anything for an account. */
static void
append_account(struct buffer *out, struct slice account, bool is_known)
{
	bool is_sid = callback_is_sid(account) && slice_starts_with(account, SLICE("AC"));

	if (is_sid || is_known)
		buffer_append_visible(out, account);
	else
		buffer_append(out, SLICE("AC..."));
}

static void
append_public_url(const struct advice_facts *facts, struct buffer *out)
{
	if (facts->public_url.ptr == NULL)
		return;
	begin_sentence(out);
	buffer_append(out, SLICE("[server] public_url = "));
	buffer_append_visible(out, facts->public_url);
	if (facts->public_url_count > 1)
		buffer_append(out, SLICE(" (in addition to the others, with a comma)"));
}

static void
append_prefix(const struct advice_facts *facts, struct buffer *out)
{
	if (has_any(facts, DIAGNOSIS_BIT(DIAGNOSIS_PREFIX_STRIPPED)) && facts->prefix.len > 0) {
		buffer_append(out, SLICE(", since the proxy strips "));
		buffer_append_visible(out, facts->prefix);
		buffer_append(out, SLICE(" from the path"));
	}
	if (has_any(facts, DIAGNOSIS_BIT(DIAGNOSIS_PREFIX_ADDED)) && facts->added.len > 0) {
		begin_sentence(out);
		buffer_append(out, SLICE("the proxy puts "));
		buffer_append_visible(out, facts->added);
		buffer_append(
		    out, SLICE(" before the path: let it pass the path as it is: " PASS_PATH));
	}
}

static void
append_method(const struct advice_facts *facts, struct buffer *out)
{
	if (!has_any(facts, DIAGNOSIS_BIT(DIAGNOSIS_METHOD)))
		return;
	begin_sentence(out);
	if (facts->is_get)
		buffer_append(
		    out, SLICE("it was signed as a POST and arrived as a GET: there must be no "
			       "redirect before dlrd (http to https, a slash at the end); give "
			       "Twilio the final URL"));
	else
		buffer_append(out,
		    SLICE("it was signed as a GET, or without its form: let the proxy pass "
			  "method and body as they are, and set the callback's method to POST"));
}

static void
append_body(const struct advice_facts *facts, struct buffer *out)
{
	if (!has_any(facts, DIAGNOSIS_BIT(DIAGNOSIS_BODY_CHANGED)))
		return;
	begin_sentence(out);
	if (facts->type_lost)
		buffer_append(out,
		    SLICE("the body is a form, but its Content-Type is another: let the proxy pass "
			  "Content-Type as it is (" FORM_MEDIA_TYPE ")"));
	else if (facts->is_form)
		buffer_append(out,
		    SLICE("the form was changed or re-encoded on the way: no filter of the proxy "
			  "(mod_security, a firewall, a script) may rewrite the body, its "
			  "character set or its line breaks"));
	else
		buffer_append(
		    out, SLICE("the signature of the URL is valid, but the body differs from the "
			       "signed one: "
			       "let the proxy pass Content-Type and body as they are, without a "
			       "filter"));
}

static void
append_other_account(const struct advice_facts *facts, struct buffer *out)
{
	if (!has_any(facts, DIAGNOSIS_BIT(DIAGNOSIS_OTHER_ACCOUNT)))
		return;
	begin_sentence(out);
	buffer_append(out, SLICE("the request was signed with the token of account "));
	append_account(out, facts->signed_account, true);
	if (facts->account_is_routes) {
		buffer_append(out, SLICE(": [callback "));
		buffer_append_visible(out, facts->path);
		buffer_append(out, SLICE("] account = "));
		append_account(out, facts->signed_account, true);
		return;
	}
	buffer_append(out, SLICE(", but its AccountSid is "));
	append_account(out, facts->account, facts->account_is_known);
	buffer_append(out, facts->account_is_known
			       ? SLICE(": are the tokens of the two swapped? [account ")
			       : SLICE(", which has no section: add [account "));
	append_account(out, facts->account, facts->account_is_known);
	buffer_append(out, SLICE("] auth_token_file"));
}

static void
append_token(const struct advice_facts *facts, struct buffer *out)
{
	bool named = facts->account.ptr != NULL;

	begin_sentence(out);
	if (facts->shared_key.ptr != NULL) {
		buffer_append(out, SLICE("no variant of the request fits [shared_key "));
		buffer_append(out, facts->shared_key);
		buffer_append(out, SLICE("]: most probably its secret is not that of the key in "
					 "Twilio's console; if it is, the proxy rewrites the "
					 "request without a trace"));
		return;
	}
	buffer_append(out, SLICE("no variant of the request fits a token of "));
	buffer_append(out, named ? SLICE("[account ") : SLICE("any account"));
	if (named) {
		append_account(out, facts->account, true);
		buffer_append_byte(out, ']');
	}
	if (facts->verified_before)
		buffer_append(out,
		    SLICE(", but other requests of it did: if all are refused since then, its Auth "
			  "Token was rotated: add the new one as next_auth_token_file, or the "
			  "earlier one, if it was removed too early, as "
			  "previous_auth_token_file; if only some are refused, they are forged, or "
			  "a filter before dlrd changes them"));
	else
		buffer_append(out,
		    SLICE(": most probably auth_token_file does not contain the account's primary "
			  "Auth Token (the secondary one and API keys sign nothing); if it does, "
			  "the proxy rewrites the request without a trace"));
}

static void
append_unexplained(const struct advice_facts *facts, struct buffer *out)
{
	if (facts->account.ptr != NULL && !facts->account_is_known) {
		buffer_append(out, SLICE("the request names an account without a section: add "
					 "[account "));
		append_account(out, facts->account, false);
		buffer_append(
		    out, SLICE("] with its auth_token_file, if it is yours (until then its "
			       "requests are kept in a small part of the quarantine)"));
	} else
		buffer_append(out,
		    SLICE("not every likely variant could be tried on so large a request, or with "
			  "so many public URLs and tokens: compare [server] public_url with the "
			  "URL that Twilio was given, and "
			  "the account's primary Auth Token with auth_token_file"));
}

/* If a redirect made a POST a GET, its form is lost, and no signature can show that. */
static void
append_lost_form(const struct advice_facts *facts, struct buffer *out)
{
	if (!facts->is_get || facts->has_form || facts->fits)
		return;
	begin_sentence(out);
	buffer_append(out,
	    SLICE("it is a GET without Twilio's parameters: if the callback's method is POST, a "
		  "redirect made it a GET and lost the form; give Twilio the final URL"));
}

void
advice_append(const struct advice_facts *facts, struct buffer *out)
{
	append_lost_form(facts, out);
	if (facts->cause == DIAGNOSIS_TOKEN)
		append_token(facts, out);
	else if (!facts->fits)
		append_unexplained(facts, out);
	else if (facts->causes == 0)
		buffer_append(out, SLICE("the signature is valid"));
	append_other_account(facts, out);
	if (has_any(facts, URL_CAUSES))
		append_public_url(facts, out);
	append_prefix(facts, out);
	append_method(facts, out);
	append_body(facts, out);
	for (int cause = 0; cause < DIAGNOSIS_CAUSE_COUNT; cause++)
		if (has_any(facts, DIAGNOSIS_BIT(cause)) && sentences[cause].len > 0) {
			begin_sentence(out);
			buffer_append(out, sentences[cause]);
		}
}

static void
append_unknown_key(struct slice id, struct buffer *out)
{
	buffer_append(out, SLICE("it is signed with the shared key "));
	buffer_append(out, id);
	buffer_append(out, SLICE(", which has no section: if it is yours, add [shared_key "));
	buffer_append(out, id);
	buffer_append(out, SLICE("] with account = AC... and secret_file"));
}

static void
append_malformed(const struct incoming *incoming, struct buffer *out)
{
	struct signature signature;
	bool reads = signature_read(incoming_signature(incoming), &signature) == RESULT_OK;

	if (incoming->settings.ptr == NULL)
		buffer_append(out, reads ? SLICE("X-Twilio-Signature has 44 characters, as with a "
						 "shared key, but " SHARED_KEYS_HEADER
						 " is missing: let the proxy pass it")
					 : SLICE("X-Twilio-Signature is not one header with 28 "
						 "characters of base64: it is not Twilio's, or "
						 "the proxy changes the header"));
	else if (reads && signature.len == SIGNATURE_DIGEST_SIZE)
		buffer_append(out, SLICE("X-Twilio-Signature has 28 characters; with a shared key "
					 "it has 44: does the proxy add " SHARED_KEYS_HEADER "?"));
	else if (!reads)
		buffer_append(out, SLICE("X-Twilio-Signature is not 44 characters of base64, as "
					 "with a shared key: it is not Twilio's, or the proxy "
					 "changes the header"));
	else
		buffer_append(
		    out, SLICE(SHARED_KEYS_HEADER " is not one header like "
						  "key=ID,algorithm=" SHARED_KEYS_ALGORITHM
						  ": it is not Twilio's, or the proxy "
						  "changes the header"));
}

void
advice_append_headers(enum diagnosis_cause cause, const struct incoming *incoming,
    struct slice shared_key, struct buffer *out)
{
	if (cause == DIAGNOSIS_SHARED_KEY)
		append_unknown_key(shared_key, out);
	else if (cause == DIAGNOSIS_ALGORITHM)
		buffer_append(out,
		    SLICE(SHARED_KEYS_HEADER " names another algorithm than " SHARED_KEYS_ALGORITHM
					     ", the only one that dlrd knows: choose it in the "
					     "webhook's setting, or upgrade dlrd"));
	else if (cause == DIAGNOSIS_SIGNATURE)
		append_malformed(incoming, out);
	else
		buffer_append(out, SLICE("the request has no X-Twilio-Signature: it is not "
					 "Twilio's, or the proxy drops the header"));
}

void
advice_append_no_route(struct slice path, struct buffer *out)
{
	if (path.ptr == NULL) {
		buffer_append(out, SLICE("no [callback] section has the path of the request: give "
					 "Twilio the path of one, let the proxy pass the path as "
					 "it is, or add a section"));
		return;
	}
	if (path.len > PATH_SHOWN_MAX)
		path.len = PATH_SHOWN_MAX;
	buffer_append(out, SLICE("the signature is valid, but no [callback] section has this path: "
				 "add [callback "));
	buffer_append_visible(out, path);
	buffer_append(out, SLICE("], or give Twilio the path of an existing one"));
}
