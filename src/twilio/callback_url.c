#include "dlrd/twilio/callback_url.h"

#include "dlrd/base/socket.h"

#include <string.h>

#define KEEP_TO "keep to letters, digits and -._~"
#define PARAMETERS_MAX 128 /* parameters of a query that are compared with each other */

/* Networks that Twilio cannot reach: RFC 6890's registry without the networks for documentation. */
static const char *const private_networks[] = {"0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10",
    "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.168.0.0/16", "224.0.0.0/3", "::/128",
    "::1/128", "fc00::/7", "fe80::/10", "ff00::/8"};

/* Domains that do not exist in public DNS (RFC 6761, RFC 6762, RFC 8375). */
static const struct slice private_domains[] = {SLICE_INIT("localhost"), SLICE_INIT("local"),
    SLICE_INIT("internal"), SLICE_INIT("lan"), SLICE_INIT("home.arpa"), SLICE_INIT("test"),
    SLICE_INIT("invalid")};

static bool
is_letter_or_digit(char byte)
{
	return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') ||
	       (byte >= '0' && byte <= '9');
}

bool
callback_url_is_plain(char byte)
{
	return is_letter_or_digit(byte) || (byte != '\0' && strchr("-._~", byte) != NULL);
}

/* Plain, or reserved but allowed in a URL (RFC 3986, section 3.4). */
static bool
is_allowed(char byte)
{
	return callback_url_is_plain(byte) ||
	       (byte != '\0' && strchr("!$&'()*+,;=:@/?%", byte) != NULL);
}

static bool
has_upper_case(struct slice text)
{
	for (size_t i = 0; i < text.len; i++)
		if (text.ptr[i] >= 'A' && text.ptr[i] <= 'Z')
			return true;
	return false;
}

enum result
callback_url_read(struct slice text, struct callback_url *out_url)
{
	struct callback_url url = {.text = text};
	struct slice base;
	if (url_split(text, &base, &url.target) != RESULT_OK ||
	    url_read_parts(text, &url.parts) != RESULT_OK)
		return RESULT_INVALID;
	size_t mark = slice_find(text, '#');
	url.authority = slice_from(base, url.parts.scheme.len + sizeof "://" - 1);
	url.query = url_query(url.target);
	url.fragment = mark == text.len ? SLICE_NONE : slice_from(text, mark + 1);
	*out_url = url;
	return RESULT_OK;
}

void
callback_url_escape(struct slice text, struct buffer *out)
{
	for (size_t i = 0; i < text.len; i++)
		if (callback_url_is_plain(text.ptr[i]))
			buffer_append_byte(out, text.ptr[i]);
		else
			buffer_appendf(out, "%%%02X", (unsigned char)text.ptr[i]);
}

/* --- the host --- */

static bool
is_in_network(const struct socket_peer *host, const char *text)
{
	struct socket_peer network;
	return socket_peer_read(slice_of(text), &network, NULL) == RESULT_OK &&
	       socket_peers_cover(&network, 1, host);
}

static bool
ends_with_domain(struct slice host, struct slice domain)
{
	if (host.len == domain.len)
		return slice_equal_nocase(host, domain);
	return host.len > domain.len && host.ptr[host.len - domain.len - 1] == '.' &&
	       slice_equal_nocase(slice_from(host, host.len - domain.len), domain);
}

/* Checks a host that is an address. Returns false for a name. */
static bool
lint_address(struct slice host, struct url_findings *findings)
{
	struct socket_peer peer;
	struct slice address = host;
	if (host.len > 2 && host.ptr[0] == '[')
		address = (struct slice){host.ptr + 1, host.len - 2};
	if (slice_find(address, '/') < address.len || slice_equal(address, SLICE("unix")) ||
	    socket_peer_read(address, &peer, NULL) != RESULT_OK)
		return false;
	for (size_t i = 0; i < sizeof private_networks / sizeof private_networks[0]; i++)
		if (is_in_network(&peer, private_networks[i])) {
			url_findings_add(findings, URL_HOST_NOT_PUBLIC,
			    "%.*s is not reachable from the internet, and Twilio refuses it; write "
			    "the proxy's public name",
			    SLICE_ARG(url_quote(host)));
			return true;
		}
	return true;
}

static void
lint_name(struct slice host, struct url_findings *findings)
{
	bool private = slice_find(host, '.') == host.len;
	for (size_t i = 0; i < sizeof private_domains / sizeof private_domains[0]; i++)
	private |= ends_with_domain(host, private_domains[i]);
	if (private)
		url_findings_add(findings, URL_HOST_NOT_PUBLIC,
		    "%.*s is not a public name, and Twilio cannot resolve it; write the proxy's "
		    "public name",
		    SLICE_ARG(url_quote(host)));
	for (size_t i = 0; i < host.len; i++)
		if (!is_letter_or_digit(host.ptr[i]) && strchr("-.", host.ptr[i]) == NULL) {
			url_findings_add(findings, URL_HOST_CHARACTER,
			    "%.*s: Twilio calls only hosts of letters, digits, hyphens and dots "
			    "(error 21609); write a hyphen for an underscore, and an international "
			    "name in its xn-- form",
			    SLICE_ARG(url_quote(host)));
			return;
		}
}

static void
lint_origin(const struct callback_url *url, struct url_findings *findings)
{
	const struct url_parts *parts = &url->parts;
	bool standard = slice_equal(parts->port, parts->secure ? SLICE("443") : SLICE("80"));
	if (!parts->secure)
		url_findings_add(findings, URL_SCHEME_HTTP,
		    "http is not encrypted: others can read phone numbers and texts; install a "
		    "certificate in the proxy, and write https");
	if (has_upper_case(parts->host))
		url_findings_add(findings, URL_HOST_CASE,
		    "the host %.*s is signed either as written or in lower case; write it in lower "
		    "case",
		    SLICE_ARG(url_quote(parts->host)));
	if (standard)
		url_findings_add(findings, URL_STANDARD_PORT,
		    ":%.*s is the default port, and Twilio signs some URLs without it; remove it",
		    SLICE_ARG(parts->port));
	if (slice_find(url->authority, '@') < url->authority.len)
		url_findings_add(findings, URL_USERINFO,
		    "Twilio removes user:password@ before it signs, and dlrd does not use it; "
		    "remove it: the signature proves that Twilio calls");
	if (!lint_address(parts->host, findings))
		lint_name(parts->host, findings);
}

/* --- the path --- */

static void
lint_path(struct slice path, struct url_findings *findings)
{
	bool plain = true;
	struct slice rest = path.len > 0 ? slice_from(path, 1) : SLICE_NONE;

	while (rest.ptr != NULL) {
		struct slice segment = slice_take(&rest, '/');
		plain &= segment.len > 0 || rest.ptr == NULL; /* a slash may be at the end */
		plain &= !slice_equal(segment, SLICE(".")) && !slice_equal(segment, SLICE(".."));
	}
	for (size_t i = 0; i < path.len; i++)
		plain &= path.ptr[i] == '/' || callback_url_is_plain(path.ptr[i]) ||
			 !is_allowed(path.ptr[i]); /* lint_characters reports it */

	if (!plain)
		url_findings_add(findings, URL_PATH_CHARACTER,
		    "the path has double slashes, dots between slashes, escapes or characters that "
		    "proxies may rewrite, and routes are matched byte for byte; " KEEP_TO
		    ", and to single slashes");
}

/* --- the query --- */

/* The different spellings that were found: "' @ %20". */
struct spellings {
	char text[64];
	size_t len;
};

static void
add_spelling(struct spellings *spellings, struct slice spelling)
{
	struct slice known = {spellings->text, spellings->len};
	while (known.len > 0)
		if (slice_equal(slice_take(&known, ' '), spelling))
			return;
	if (spellings->len + spelling.len + 1 > sizeof spellings->text)
		return;
	if (spellings->len > 0)
		spellings->text[spellings->len++] = ' ';
	memcpy(spellings->text + spellings->len, spelling.ptr, spelling.len);
	spellings->len += spelling.len;
}

static void
lint_spelling(struct slice query, struct url_findings *findings)
{
	struct spellings found = {.len = 0};
	bool in_value = false;

	while (query.len > 0) {
		char byte = query.ptr[0];
		struct slice spelling = {query.ptr, slice_escaped_byte(query) >= 0 ? 3 : 1};
		bool divides = byte == '&' || (byte == '=' && !in_value);
		in_value = byte != '&' && (in_value || byte == '=');
		if (spelling.len == 3 ||
		    (!divides && byte != '%' && is_allowed(byte) && !callback_url_is_plain(byte)))
			add_spelling(&found, spelling);
		query = slice_from(query, spelling.len);
	}

	if (found.len > 0)
		url_findings_add(findings, URL_QUERY_CHARACTER,
		    "the query has %.*s%s: such characters and escapes are sometimes sent "
		    "differently than they were signed; " KEEP_TO,
		    (int)found.len, found.text,
		    memchr(found.text, '+', found.len) != NULL ? " (+ is read as a space)" : "");
}

static void
lint_parameters(struct slice query, struct url_findings *findings)
{
	struct slice names[PARAMETERS_MAX];
	size_t count = 0;
	bool unsorted = false, repeated = false;

	for (struct slice rest = query; rest.len > 0 && count < PARAMETERS_MAX;) {
		struct slice value = slice_take(&rest, '&'), name = slice_take(&value, '=');
		if (name.len == 0)
			continue;

		if (slice_equal(name, SLICE("bodySHA256")))
			url_findings_add(findings, URL_BODY_HASH,
			    "bodySHA256 is the hash of one body, and Twilio adds it when needed; "
			    "remove it");
		for (size_t i = 0; i < count && !repeated; i++)
			if ((repeated = slice_equal(names[i], name)))
				url_findings_add(findings, URL_PARAMETER_REPEATED,
				    "\"%.*s\" is repeated: only the first is read, and their order "
				    "may change; keep one",
				    SLICE_ARG(url_quote(name)));

		if (count > 0 && !unsorted && slice_compare(names[count - 1], name) > 0) {
			unsorted = true;
			url_findings_add(findings, URL_QUERY_ORDER,
			    "\"%.*s\" follows \"%.*s\": Twilio may send the query sorted, but sign "
			    "it unsorted; sort the parameters by name (A-Z before a-z)",
			    SLICE_ARG(url_quote(name)), SLICE_ARG(url_quote(names[count - 1])));
		}
		names[count++] = name;
	}
}

/* --- the whole URL --- */

/* Finds characters that are not allowed in a URL, and placeholders of a template. */
static void
lint_characters(struct slice text, struct url_findings *findings)
{
	struct spellings illegal = {.len = 0};
	for (size_t i = 0; i < text.len;) {
		struct slice rest = slice_from(text, i);
		size_t close = rest.ptr[0] == '{' ? slice_find(rest, '}') : rest.len;
		size_t utf8 = slice_utf8_len(rest);
		size_t len = utf8 > 0 ? utf8 : 1;
		if (close > 1 && close < rest.len) {
			len = close + 1;
			url_findings_add(findings, URL_PLACEHOLDER,
			    "%.*s is a placeholder; replace it with a value",
			    SLICE_ARG(url_quote((struct slice){rest.ptr, len})));
		} else if (rest.ptr[0] == ' ')
			add_spelling(&illegal, SLICE("space"));
		else if (!is_allowed(rest.ptr[0]) ||
			 (rest.ptr[0] == '%' && slice_escaped_byte(rest) < 0))
			add_spelling(&illegal, (struct slice){rest.ptr, len});
		i += len;
	}
	if (illegal.len > 0)
		url_findings_add(findings, URL_CHARACTER,
		    "a URL must not contain %.*s (Twilio's error 21609); " KEEP_TO ", or escape it "
		    "(%%20 is a space, %%25 a percent sign)",
		    (int)illegal.len, illegal.text);
}

void
callback_url_lint(const struct callback_url *url, struct url_findings *findings)
{
	if (url->text.len > CALLBACK_URL_MAX)
		url_findings_add(findings, URL_LENGTH,
		    "%zu characters: Twilio accepts URLs of up to %d (error 21609), and the "
		    "fragment "
		    "may count; shorten the query",
		    url->text.len, CALLBACK_URL_MAX);
	lint_origin(url, findings);
	lint_characters(url->target, findings);
	lint_path(url->parts.path, findings);
	lint_parameters(url->query, findings);
	lint_spelling(url->query, findings);
}
