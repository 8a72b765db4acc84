#include "dlrd/twilio/url.h"

#include <stdlib.h>
#include <string.h>

/* Removes "scheme://" from *text. Returns false unless the scheme is http or https. */
static bool
take_scheme(struct slice *text, struct url_parts *out_parts)
{
	static const struct slice names[] = {SLICE_INIT("http"), SLICE_INIT("https")};
	for (size_t i = 0; i < 2; i++) {
		size_t len = names[i].len;
		if (text->len >= len + 3 && memcmp(text->ptr + len, "://", 3) == 0 &&
		    slice_equal_nocase((struct slice){text->ptr, len}, names[i])) {
			out_parts->scheme = (struct slice){text->ptr, len};
			out_parts->secure = i == 1;
			*text = slice_from(*text, len + 3);
			return true;
		}
	}
	return false;
}

static size_t
find_any(struct slice text, const char *bytes)
{
	size_t at = 0;
	while (at < text.len && (text.ptr[at] == '\0' || strchr(bytes, text.ptr[at]) == NULL))
		at++;
	return at;
}

/* Reads host and port of "user:password@[::1]:8443". */
static bool
split_authority(struct slice authority, struct url_parts *out_parts)
{
	for (size_t at; (at = slice_find(authority, '@')) < authority.len;)
		authority = slice_from(authority, at + 1);
	size_t host_end = slice_find(authority, ':');
	if (authority.len > 0 && authority.ptr[0] == '[') {
		host_end = slice_find(authority, ']') + 1;
		if (host_end > authority.len)
			return false;
	}
	out_parts->host = (struct slice){authority.ptr, host_end};
	out_parts->port = SLICE_NONE;
	if (host_end == 0)
		return false;
	if (host_end == authority.len)
		return true;
	out_parts->port = slice_from(authority, host_end + 1);
	int64_t port;
	return authority.ptr[host_end] == ':' &&
	       slice_to_int(out_parts->port, &port) == RESULT_OK && port >= 1 && port <= 65535;
}

enum result
url_split(struct slice url, struct slice *out_base, struct slice *out_target)
{
	struct url_parts parts;
	struct slice rest = {url.ptr, slice_find(url, '#')};
	size_t whole = rest.len;
	if (!take_scheme(&rest, &parts))
		return RESULT_INVALID;
	size_t authority = find_any(rest, "/?");
	if (!split_authority((struct slice){rest.ptr, authority}, &parts))
		return RESULT_INVALID;
	size_t base = whole - rest.len + authority;
	*out_base = (struct slice){url.ptr, base};
	*out_target = (struct slice){url.ptr + base, whole - base};
	return RESULT_OK;
}

enum result
url_read_authority(struct slice authority, struct url_parts *out_parts)
{
	struct url_parts parts = *out_parts;
	if (!split_authority(authority, &parts))
		return RESULT_INVALID;
	*out_parts = parts;
	return RESULT_OK;
}

enum result
url_read_parts(struct slice url, struct url_parts *out_parts)
{
	struct url_parts parts = {.secure = false};
	struct slice base;
	if (url_split(url, &base, &parts.path) != RESULT_OK)
		return RESULT_INVALID;
	if (!take_scheme(&base, &parts) || !split_authority(base, &parts))
		return RESULT_INVALID; /* not reached: url_split has checked both */
	parts.path = url_path(parts.path);
	*out_parts = parts;
	return RESULT_OK;
}

void
url_append_origin(const struct url_parts *parts, struct buffer *out)
{
	buffer_append(out, parts->scheme);
	buffer_append(out, SLICE("://"));
	buffer_append(out, parts->host);
	if (parts->port.ptr != NULL) {
		buffer_append_byte(out, ':');
		buffer_append(out, parts->port);
	}
}

static char *
spell(struct url_parts parts, struct slice port)
{
	struct buffer text = BUFFER_EMPTY;
	parts.port = port;
	url_append_origin(&parts, &text);
	buffer_append(&text, parts.path);
	buffer_append_byte(&text, '\0');
	if (text.failed)
		buffer_done(&text);
	return text.ptr;
}

/* A NUL would truncate the text. Clients cannot send a request to a URL with a space. */
static bool
is_visible(struct slice text)
{
	for (size_t i = 0; i < text.len; i++)
		if ((unsigned char)text.ptr[i] <= ' ' || text.ptr[i] == 0x7f)
			return false;
	return true;
}

enum result
url_base_init(struct url_base *base, struct slice text, struct failure *failure)
{
	struct url_parts parts;
	struct slice authority, path;
	if (!is_visible(text) || url_split(text, &authority, &path) != RESULT_OK ||
	    url_read_parts(text, &parts) != RESULT_OK)
		return failure_set(failure, RESULT_INVALID,
		    "\"%.*s\" is not a URL; write it like https://callbacks.example.com",
		    SLICE_ARG(text));
	if (slice_find(path, '?') < path.len)
		return failure_set(failure, RESULT_INVALID,
		    "\"%.*s\" has a query; write the URL without it", SLICE_ARG(text));

	while (path.len > 0 && path.ptr[path.len - 1] == '/')
		path.len--;
	parts.path = path;
	struct slice standard = url_standard_port(parts.secure);
	bool has_port = parts.port.ptr != NULL;
	struct url_base made = {
	    {spell(parts, parts.port), spell(parts, has_port ? SLICE_NONE : standard)}};
	if (made.spelling[0] == NULL || made.spelling[1] == NULL) {
		url_base_done(&made);
		return failure_set(failure, RESULT_NO_MEMORY, "no memory");
	}
	*base = made;
	return RESULT_OK;
}

/* RFC 3986, section 3.2.2: unreserved, sub-delims and the percent sign of an escape. */
static bool
is_name_byte(char byte)
{
	bool plain = (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') ||
		     (byte >= '0' && byte <= '9');
	struct slice others = SLICE("-._~!$&'()*+,;=%");
	return plain || slice_find(others, byte) < others.len;
}

static bool
is_address_byte(char byte)
{
	return slice_hex_digit(byte) >= 0 || byte == ':' || byte == '.';
}

bool
url_is_authority(struct slice text)
{
	bool v6 = text.len > 0 && text.ptr[0] == '[';
	size_t at = v6 ? 1 : 0, start = at;
	while (at < text.len && (v6 ? is_address_byte(text.ptr[at]) : is_name_byte(text.ptr[at])))
		at++;
	if (at == start || (v6 && (at == text.len || text.ptr[at++] != ']')))
		return false;
	if (at == text.len)
		return true;
	int64_t port;
	return text.ptr[at] == ':' && slice_to_int(slice_from(text, at + 1), &port) == RESULT_OK &&
	       port >= 1 && port <= 65535;
}

enum result
url_base_derive(struct url_base *base, struct slice scheme, struct slice host)
{
	struct buffer text = BUFFER_EMPTY;
	buffer_append(&text, scheme);
	buffer_append(&text, SLICE("://"));
	buffer_append(&text, host);
	enum result result =
	    text.failed ? RESULT_NO_MEMORY : url_base_init(base, buffer_slice(&text), NULL);
	buffer_done(&text);
	return result;
}

void
url_base_done(struct url_base *base)
{
	for (size_t i = 0; i < URL_SPELLINGS; i++) {
		free(base->spelling[i]);
		base->spelling[i] = NULL;
	}
}

struct slice
url_query(struct slice target)
{
	size_t mark = slice_find(target, '?');
	return mark == target.len ? SLICE_NONE : slice_from(target, mark + 1);
}

struct slice
url_path(struct slice target)
{
	return (struct slice){target.ptr, slice_find(target, '?')};
}

struct slice
url_standard_port(bool secure)
{
	return secure ? SLICE("443") : SLICE("80");
}

bool
url_port_is_expected(const struct url_parts *base, const struct url_parts *signed_url)
{
	if (signed_url->port.ptr == NULL || slice_equal(signed_url->port, base->port))
		return true;
	return base->port.ptr == NULL &&
	       slice_equal(signed_url->port, url_standard_port(signed_url->secure));
}
