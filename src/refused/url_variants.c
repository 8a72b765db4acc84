#include "url_variants.h"

#include <stdio.h>

#define HOSTS_MAX 16
#define PORTS_MAX 20
/* Bytes of a name in the DNS (RFC 1035, section 2.3.4), and of a prefix. */
#define HOST_LEN_MAX 255
#define TARGET_LEN_MAX 8192
#define SLASHES_MAX 4 /* slashes that are doubled on trial */

/* The parts from which origins are composed. */
struct origins {
	struct slice hosts[HOSTS_MAX];
	size_t host_count;
	struct slice ports[PORTS_MAX];
	size_t port_count;
	const struct url_parts *bases;
	size_t base_count;
	struct slice forwarded_scheme, forwarded_host, forwarded_port;
	char listen_port[12];
	struct buffer lower; /* the bases' hosts in lower case */
};

/* Prefixes that proxies often strip without a header about it. */
static const struct slice usual_prefixes[] = {SLICE_INIT("/twilio"), SLICE_INIT("/hooks"),
    SLICE_INIT("/webhooks"), SLICE_INIT("/callbacks"), SLICE_INIT("/dlrd"), SLICE_INIT("/api"),
    SLICE_INIT("/sms")};

static struct slice
first_of(struct slice list)
{
	return slice_trim((struct slice){list.ptr, slice_find(list, ',')});
}

static bool
is_visible(struct slice text, size_t len_max)
{
	for (size_t i = 0; i < text.len; i++)
		if ((unsigned char)text.ptr[i] <= ' ' || text.ptr[i] == 0x7f)
			return false;
	return text.len > 0 && text.len <= len_max;
}

/* Reads "host:port" of a header; returns false if it is not valid. */
static bool
read_host(struct slice header, struct url_parts *out_parts)
{
	struct slice host = first_of(header);
	for (size_t i = 0; i < host.len; i++)
		if (host.ptr[i] == '/' || host.ptr[i] == '?' || host.ptr[i] == '#')
			return false;
	return is_visible(host, HOST_LEN_MAX) && url_read_authority(host, out_parts) == RESULT_OK;
}

struct slice
url_original_target(const struct incoming *incoming)
{
	struct slice base, target = incoming->original_uri;

	if (target.len > 0 && target.ptr[0] != '/' &&
	    url_split(incoming->original_uri, &base, &target) != RESULT_OK)
		return SLICE_NONE;
	return is_visible(target, TARGET_LEN_MAX) ? target : SLICE_NONE;
}

static void
add_host(struct origins *origins, struct slice host)
{
	for (size_t i = 0; i < origins->host_count; i++)
		if (slice_equal(origins->hosts[i], host))
			return;
	if (host.len > 0 && origins->host_count < HOSTS_MAX)
		origins->hosts[origins->host_count++] = host;
}

static void
add_port(struct origins *origins, struct slice port)
{
	int64_t number;

	for (size_t i = 0; i < origins->port_count; i++)
		if (slice_equal(origins->ports[i], port))
			return;
	if (slice_to_int(port, &number) == RESULT_OK && number >= 1 && number <= 65535 &&
	    origins->port_count < PORTS_MAX)
		origins->ports[origins->port_count++] = port;
}

static void
add_header_host(struct origins *origins, struct slice header)
{
	struct url_parts parts = {.secure = false};
	if (!read_host(header, &parts))
		return;
	add_host(origins, parts.host);
	add_port(origins, parts.port);
}

/* Some signers, and Twilio's own SDKs, write the host in lower case. */
static void
add_lower_hosts(struct origins *origins)
{
	size_t room = 0, start = 0;

	for (size_t i = 0; i < origins->base_count; i++)
		room += origins->bases[i].host.len;
	if (!buffer_reserve(&origins->lower, room + 1))
		return;
	for (size_t i = 0; i < origins->base_count; i++) {
		struct slice host = origins->bases[i].host;
		for (size_t k = 0; k < host.len; k++) {
			char byte = host.ptr[k];
			bool upper = byte >= 'A' && byte <= 'Z';
			buffer_append_byte(&origins->lower, upper ? (char)(byte + 32) : byte);
		}
		add_host(origins, (struct slice){origins->lower.ptr + start, host.len});
		start += host.len;
	}
}

static void
read_forwarded(struct origins *origins, const struct incoming *incoming)
{
	struct url_parts parts = {.secure = false};
	bool named =
	    read_host(incoming->forwarded_host, &parts) || read_host(incoming->host, &parts);

	origins->forwarded_scheme = first_of(incoming->forwarded_proto);
	origins->forwarded_host = named ? parts.host : SLICE_NONE;
	origins->forwarded_port = first_of(incoming->forwarded_port);
	if (origins->forwarded_port.len == 0)
		origins->forwarded_port = parts.port;
}

static void
collect(struct origins *origins, const struct incoming *incoming, unsigned listen_port)
{
	struct url_parts parts;

	for (size_t i = 0; i < origins->base_count; i++) {
		add_host(origins, origins->bases[i].host);
		add_port(origins, origins->bases[i].port);
	}
	add_lower_hosts(origins);
	add_header_host(origins, incoming->forwarded_host);
	add_header_host(origins, incoming->host);
	if (incoming->original_uri.len <= TARGET_LEN_MAX &&
	    is_visible(incoming->original_uri, TARGET_LEN_MAX) &&
	    url_read_parts(incoming->original_uri, &parts) == RESULT_OK &&
	    is_visible(parts.host, HOST_LEN_MAX)) {
		add_host(origins, parts.host);
		add_port(origins, parts.port);
	}
	add_port(origins, first_of(incoming->forwarded_port));
	snprintf(origins->listen_port, sizeof origins->listen_port, "%u", listen_port);
	add_port(origins, slice_of(origins->listen_port));
	add_port(origins, SLICE("8443"));
	add_port(origins, SLICE("8080"));
	read_forwarded(origins, incoming);
}

/* Counts how many of scheme, host and port differ from the nearest base. */
static enum variant_weight
weigh(const struct origins *origins, const struct url_parts *parts)
{
	unsigned least = VARIANT_TRIPLE;

	for (size_t i = 0; i < origins->base_count; i++) {
		const struct url_parts *base = &origins->bases[i];
		unsigned deviations = (unsigned)(base->secure != parts->secure) +
				      !slice_equal(base->host, parts->host) +
				      !url_port_is_expected(base, parts);
		unsigned weight = VARIANT_DEVIATION * deviations;
		least = weight < least ? weight : least;
	}
	bool forwarded =
	    slice_equal_nocase(origins->forwarded_scheme, parts->scheme) &&
	    slice_equal_nocase(origins->forwarded_host, parts->host) &&
	    (parts->port.ptr == NULL || slice_equal(parts->port, origins->forwarded_port) ||
		slice_equal(parts->port, url_standard_port(parts->secure)));
	if (forwarded && least > VARIANT_REPORTED)
		return VARIANT_REPORTED;
	return (enum variant_weight)least;
}

static void
add_origin(struct variants *variants, const struct origins *origins, const struct url_parts *parts,
    struct buffer *scratch)
{
	buffer_clear(scratch);
	url_append_origin(parts, scratch);
	if (!scratch->failed)
		variants_add(variants, VARIANT_ORIGIN, buffer_slice(scratch), weigh(origins, parts),
		    VARIANT_BODY_AS_RECEIVED, 0);
}

/* Adds every port with one scheme and host, except the standard port of the other scheme. */
static void
add_ports(struct variants *variants, const struct origins *origins, struct url_parts parts,
    struct buffer *scratch)
{
	parts.port = SLICE_NONE;
	add_origin(variants, origins, &parts, scratch);
	parts.port = url_standard_port(parts.secure);
	add_origin(variants, origins, &parts, scratch);
	for (size_t i = 0; i < origins->port_count; i++) {
		parts.port = origins->ports[i];
		if (!slice_equal(parts.port, url_standard_port(!parts.secure)))
			add_origin(variants, origins, &parts, scratch);
	}
}

void
url_variants_add_origins(struct variants *variants, const struct url_parts *bases,
    size_t base_count, const struct incoming *incoming, unsigned listen_port)
{
	struct origins origins = {.bases = bases, .base_count = base_count};
	struct buffer scratch = BUFFER_EMPTY;

	collect(&origins, incoming, listen_port);
	for (size_t i = 0; i < origins.host_count; i++) {
		struct url_parts parts = {.host = origins.hosts[i]};
		parts.scheme = SLICE("https"), parts.secure = true;
		add_ports(variants, &origins, parts, &scratch);
		parts.scheme = SLICE("http"), parts.secure = false;
		add_ports(variants, &origins, parts, &scratch);
	}
	buffer_done(&scratch);
	buffer_done(&origins.lower);
}

static void
add_path(struct variants *variants, struct buffer *scratch, enum variant_weight weight)
{
	if (!scratch->failed)
		variants_add(variants, VARIANT_PATH, buffer_slice(scratch), weight,
		    VARIANT_BODY_AS_RECEIVED, 0);
}

static void
add_joined(struct variants *variants, struct buffer *scratch, struct slice prefix,
    struct slice path, enum variant_weight weight)
{
	buffer_clear(scratch);
	buffer_append(scratch, prefix);
	buffer_append(scratch, path);
	add_path(variants, scratch, weight);
}

/* Adds the path without one or two segments that a proxy may have added. */
static void
add_shortened(
    struct variants *variants, struct buffer *scratch, struct slice prefix, struct slice path)
{
	for (int segment = 0; segment < 2 && path.len > 1; segment++) {
		path = slice_from(path, 1);
		path = slice_from(path, slice_find(path, '/'));
		if (path.len > 0)
			add_joined(variants, scratch, prefix, path, VARIANT_DEVIATION);
	}
}

static void
add_merged(
    struct variants *variants, struct buffer *scratch, struct slice prefix, struct slice path)
{
	struct slice pieces[] = {prefix, path};

	buffer_clear(scratch);
	for (size_t piece = 0; piece < 2; piece++)
		for (size_t i = 0; i < pieces[piece].len; i++)
			if (pieces[piece].ptr[i] != '/' || scratch->len == 0 ||
			    scratch->ptr[scratch->len - 1] != '/')
				buffer_append_byte(scratch, pieces[piece].ptr[i]);
	add_path(variants, scratch, VARIANT_DEVIATION);
}

static void
add_doubled(
    struct variants *variants, struct buffer *scratch, struct slice prefix, struct slice path)
{
	size_t at = 0;

	for (int i = 0; i < SLASHES_MAX; i++, at++) {
		at += slice_find(slice_from(path, at), '/');
		if (at >= path.len)
			return;
		buffer_clear(scratch);
		buffer_append(scratch, prefix);
		buffer_append(scratch, (struct slice){path.ptr, at});
		buffer_append_byte(scratch, '/');
		buffer_append(scratch, slice_from(path, at));
		add_path(variants, scratch, VARIANT_DEVIATION);
	}
}

/* Adds each path so far with a slash at its end, or without it if it has one. */
static void
add_toggled_slashes(struct variants *variants, struct buffer *scratch)
{
	size_t count = variants->lists[VARIANT_PATH].count;

	for (size_t i = 0; i < count; i++) {
		const struct variant *item = &variants->lists[VARIANT_PATH].items[i];
		struct slice path = variant_text(variants, item);
		unsigned weight = item->weight + VARIANT_DEVIATION;
		if (weight > VARIANT_PAIR)
			continue;
		buffer_clear(scratch);
		buffer_append(scratch, path);
		if (path.len > 0 && path.ptr[path.len - 1] == '/')
			scratch->len--;
		else
			buffer_append_byte(scratch, '/');
		add_path(variants, scratch, (enum variant_weight)weight);
	}
}

void
url_variants_add_paths(struct variants *variants, const struct url_parts *bases, size_t base_count,
    const struct incoming *incoming)
{
	struct buffer scratch = BUFFER_EMPTY;
	struct slice path = url_path(incoming->target);
	struct slice own = base_count > 0 ? bases[0].path : SLICE("");
	struct slice original = url_original_target(incoming),
		     prefix = first_of(incoming->forwarded_prefix);

	for (size_t i = 0; i < base_count; i++)
		add_joined(variants, &scratch, bases[i].path, path,
		    i == 0 ? VARIANT_AS_RECEIVED : VARIANT_REPORTED);
	if (base_count == 0)
		add_joined(variants, &scratch, own, path, VARIANT_AS_RECEIVED);
	if (original.ptr != NULL)
		add_joined(variants, &scratch, SLICE(""), url_path(original), VARIANT_REPORTED);
	while (prefix.len > 0 && prefix.ptr[prefix.len - 1] == '/')
		prefix.len--;
	if (is_visible(prefix, HOST_LEN_MAX) && prefix.ptr[0] == '/')
		add_joined(variants, &scratch, prefix, path, VARIANT_REPORTED);
	add_joined(variants, &scratch, SLICE(""), path, VARIANT_DEVIATION);
	add_shortened(variants, &scratch, own, path);
	add_merged(variants, &scratch, own, path);
	add_doubled(variants, &scratch, own, path);
	for (size_t i = 0; i < sizeof usual_prefixes / sizeof usual_prefixes[0]; i++)
		add_joined(variants, &scratch, usual_prefixes[i], path, VARIANT_GUESS);
	add_toggled_slashes(variants, &scratch);
	buffer_done(&scratch);
}

static struct slice
without_slash(struct slice path)
{
	if (path.len > 0 && path.ptr[path.len - 1] == '/')
		path.len--;
	return path;
}

static bool
ends_with(struct slice text, struct slice end)
{
	return text.len >= end.len && slice_equal(slice_from(text, text.len - end.len), end);
}

/* Compares with each run of slashes as one slash. */
static bool
equal_but_for_slashes(struct slice a, struct slice b)
{
	size_t i = 0, k = 0;

	while (i < a.len && k < b.len && a.ptr[i] == b.ptr[k]) {
		bool slash = a.ptr[i] == '/';
		for (i++; slash && i < a.len && a.ptr[i] == '/';)
			i++;
		for (k++; slash && k < b.len && b.ptr[k] == '/';)
			k++;
	}
	return i == a.len && k == b.len;
}

struct path_difference
url_compare_paths(struct slice signed_path, struct slice base, struct slice path)
{
	struct path_difference found = {.change = PATH_REWRITTEN, .prefix = base};
	struct slice ours = without_slash(path), theirs = without_slash(signed_path);

	found.slash = (ours.len == path.len) != (theirs.len == signed_path.len);
	if (ends_with(theirs, ours)) {
		struct slice prefix = {theirs.ptr, theirs.len - ours.len};
		if (slice_equal(prefix, base))
			found.change = PATH_SAME;
		else if (prefix.len == 0 || prefix.ptr[prefix.len - 1] != '/') {
			/* otherwise a slash is doubled, which no public URL can express */
			found.prefix = prefix;
			found.change =
			    prefix.len >= base.len ? PATH_PREFIX_STRIPPED : PATH_PREFIX_ADDED;
		}
		return found;
	}
	struct slice rest = theirs;
	if (slice_starts_with(theirs, base))
		rest = slice_from(theirs, base.len);
	if (!equal_but_for_slashes(rest, ours) && ends_with(ours, rest)) {
		found.change = PATH_PREFIX_ADDED;
		found.added = (struct slice){ours.ptr, ours.len - rest.len};
	}
	return found;
}
