#include "dlrd/twilio/incoming.h"

#include "dlrd/twilio/form.h"
#include "dlrd/twilio/shared_keys.h"

#include <stddef.h>

static const struct {
	struct slice name;
	size_t offset; /* of its field in struct incoming */
} headers[] = {
    {SLICE_INIT("X-Twilio-Signature"), offsetof(struct incoming, signature)},
    {SLICE_INIT(SHARED_KEYS_HEADER), offsetof(struct incoming, settings)},
    {SLICE_INIT("Host"), offsetof(struct incoming, host)},
    {SLICE_INIT("Content-Type"), offsetof(struct incoming, media_type)},
    {SLICE_INIT("X-Forwarded-Proto"), offsetof(struct incoming, forwarded_proto)},
    {SLICE_INIT("X-Forwarded-Host"), offsetof(struct incoming, forwarded_host)},
    {SLICE_INIT("X-Forwarded-Port"), offsetof(struct incoming, forwarded_port)},
    {SLICE_INIT("X-Forwarded-Prefix"), offsetof(struct incoming, forwarded_prefix)},
    {SLICE_INIT("X-Original-URI"), offsetof(struct incoming, original_uri)},
    {SLICE_INIT("X-Original-URL"), offsetof(struct incoming, original_uri)},
};

bool
incoming_take_header(struct incoming *incoming, struct slice name, struct slice value)
{
	for (size_t i = 0; i < sizeof headers / sizeof headers[0]; i++) {
		struct slice *field =
		    (struct slice *)(void *)((char *)incoming + headers[i].offset);
		if (!slice_equal_nocase(name, headers[i].name))
			continue;

		incoming->signatures += field == &incoming->signature;
		incoming->settings_count += field == &incoming->settings;
		if (field->ptr == NULL)
			*field = value;
		return true;
	}
	return false;
}

bool
incoming_is_get(const struct incoming *incoming)
{
	return slice_equal(incoming->method, SLICE("GET"));
}

bool
incoming_has_form(const struct incoming *incoming)
{
	return incoming_is_get(incoming) || form_is_body(incoming->media_type, incoming->body);
}

struct slice
incoming_form(const struct incoming *incoming)
{
	return incoming_is_get(incoming) ? url_query(incoming->target) : incoming->body;
}

bool
incoming_target_is_readable(const struct incoming *incoming)
{
	struct slice target = incoming->target;

	for (size_t i = 0; i < target.len; i++)
		if ((unsigned char)target.ptr[i] <= ' ' || target.ptr[i] == 0x7f)
			return false;

	return target.len > 0 && target.ptr[0] == '/';
}

struct slice
incoming_signature(const struct incoming *incoming)
{
	return incoming->signatures > 1 ? SLICE("two headers") : incoming->signature;
}

struct slice
incoming_settings(const struct incoming *incoming)
{
	return incoming->settings_count > 1 ? SLICE("two headers") : incoming->settings;
}

bool
incoming_is_trusted(
    const struct incoming *incoming, const struct socket_peer *proxies, size_t count)
{
	struct socket_peer peer;

	if (incoming->peer.len == 0 || socket_peer_read(incoming->peer, &peer, NULL) != RESULT_OK)
		return incoming->from_trusted_proxy;
	return socket_peers_cover(proxies, count, &peer);
}

static struct slice
first_value(struct slice list)
{
	return slice_trim((struct slice){list.ptr, slice_find(list, ',')});
}

enum result
incoming_base(const struct incoming *incoming, struct url_base *out_base)
{
	struct slice scheme = SLICE("http"), host = incoming->host;

	if (incoming->from_trusted_proxy) {
		struct slice forwarded_scheme = first_value(incoming->forwarded_proto);
		struct slice forwarded_host = first_value(incoming->forwarded_host);
		if (slice_equal_nocase(forwarded_scheme, SLICE("https")))
			scheme = SLICE("https");
		else if (forwarded_scheme.len > 0 &&
			 !slice_equal_nocase(forwarded_scheme, SLICE("http")))
			scheme = forwarded_scheme; /* not a valid URL, so the request is refused */
		if (forwarded_host.len > 0)
			host = forwarded_host;
	}

	if (!url_is_authority(host))
		return RESULT_INVALID;
	return url_base_derive(out_base, scheme, host);
}
