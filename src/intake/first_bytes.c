#define _DEFAULT_SOURCE /* NI_MAXHOST */
#include "first_bytes.h"

#include "dlrd/base/log.h"

#include <netdb.h>
#include <netinet/in.h>
#include <stdatomic.h>
#include <string.h>

static const struct {
	const char *name;
	struct slice start; /* of the first bytes; absent if opening_of decides in another way */
	const char *remedy; /* NULL: not a mistake that is logged */
} openings[OPENING_COUNT] = {
    [OPENING_SILENT] = {.name = "silent"},
    [OPENING_HTTP] = {.name = "http"},
    [OPENING_PROXY_V1] = {"proxy_v1", SLICE_INIT("PROXY "),
	"sends a PROXY header, which dlrd does not accept: remove send-proxy (HAProxy) or "
	"\"proxy_protocol on\" (nginx)"},
    /* Two empty lines and a NUL begin nothing else. */
    [OPENING_PROXY_V2] = {"proxy_v2", SLICE_INIT("\r\n\r\n\0"),
	"sends a PROXY header, version 2, which dlrd does not accept: remove send-proxy-v2 "
	"(HAProxy), or proxy protocol from the target group (AWS)"},
    [OPENING_TLS] = {"tls", SLICE_INIT("\x16\x03"),
	"starts TLS, but dlrd expects plain HTTP: write http:// instead of https:// in the "
	"proxy's upstream (proxy_pass in nginx), or remove ssl from its server line (HAProxy)"},
    [OPENING_HTTP2] = {"http2", SLICE_INIT("PRI * HTTP/2.0"),
	"sends HTTP/2, but dlrd expects HTTP/1.1: remove proto h2 (HAProxy), versions h2c "
	"(Caddy) or h2c:// (Apache) from the proxy's upstream"},
    [OPENING_SSH] = {"ssh", SLICE_INIT("SSH-"),
	"sends SSH, but dlrd expects HTTP: it connects to the wrong port"},
    [OPENING_SMTP] = {.name = "smtp",
	.remedy = "sends SMTP, but dlrd expects HTTP: it connects to the wrong port"},
    [OPENING_OTHER] = {.name = "other",
	.remedy =
	    "sends bytes that are not HTTP: it connects to the wrong port, or is not a proxy"},
    [OPENING_UNWATCHED] = {.name = "unwatched"},
};

struct watch {
	_Atomic bool on; /* the other fields belong to the thread that serves the descriptor */
	const struct sockaddr *peer;
	unsigned char len;
	unsigned char opening; /* enum opening, by the bytes so far */
	char bytes[FIRST_BYTES_MAX];
};

static struct watch watches[FIRST_BYTES_DESCRIPTORS];
static struct log_limit log_limits[OPENING_COUNT];

const char *
opening_name(enum opening opening)
{
	return openings[opening].name;
}

static bool
is_smtp(struct slice bytes)
{
	struct slice verb = {bytes.ptr, bytes.len < 5 ? 0 : 5};
	return slice_equal_nocase(verb, SLICE("EHLO ")) || slice_equal_nocase(verb, SLICE("HELO "));
}

/* Empty lines before a request are skipped (RFC 9112, section 2.2); then comes a method. */
static bool
is_http(struct slice bytes)
{
	size_t at = 0;
	while (at < bytes.len && (bytes.ptr[at] == '\r' || bytes.ptr[at] == '\n'))
		at++;
	size_t start = at;
	while (at < bytes.len && ((bytes.ptr[at] >= 'A' && bytes.ptr[at] <= 'Z') ||
				     (bytes.ptr[at] >= 'a' && bytes.ptr[at] <= 'z') ||
				     bytes.ptr[at] == '-' || bytes.ptr[at] == '_'))
		at++;
	return at == bytes.len || (at > start && bytes.ptr[at] == ' ');
}

enum opening
opening_of(struct slice bytes)
{
	if (bytes.len == 0)
		return OPENING_SILENT;
	for (int i = 0; i < OPENING_COUNT; i++)
		if (openings[i].start.len > 0 && slice_starts_with(bytes, openings[i].start))
			return (enum opening)i;
	if (is_smtp(bytes))
		return OPENING_SMTP;
	return is_http(bytes) ? OPENING_HTTP : OPENING_OTHER;
}

bool
opening_is_mistake(enum opening opening)
{
	return openings[opening].remedy != NULL;
}

/* Writes the peer's address without its port, which would be another one each time. */
static void
write_peer(const struct sockaddr *peer, char out[NI_MAXHOST])
{
	socklen_t len = peer == NULL || peer->sa_family == AF_UNIX ? 0
			: peer->sa_family == AF_INET6              ? sizeof(struct sockaddr_in6)
								   : sizeof(struct sockaddr_in);
	if (len == 0 || getnameinfo(peer, len, out, NI_MAXHOST, NULL, 0, NI_NUMERICHOST) != 0)
		strcpy(out, "a client on a unix socket");
}

/* The bytes themselves are not shown: a client that is not a proxy may send anything. */
static void
log_mistake(const struct watch *watch, enum opening opening)
{
	char peer[NI_MAXHOST];
	uint64_t swallowed;
	if (openings[opening].remedy == NULL ||
	    !log_limit_allows(&log_limits[opening], 1, &swallowed))
		return;
	write_peer(watch->peer, peer);
	log_line(LOG_WARNING, "%s %s (%llu more such connections since the last such line)", peer,
	    openings[opening].remedy, (unsigned long long)swallowed);
}

static struct watch *
watch_of(int fd)
{
	return fd >= 0 && fd < FIRST_BYTES_DESCRIPTORS ? &watches[fd] : NULL;
}

void
first_bytes_watch(int fd, const struct sockaddr *peer)
{
	struct watch *watch = watch_of(fd);
	if (watch == NULL)
		return;
	watch->peer = peer;
	watch->len = 0;
	watch->opening = OPENING_SILENT;
	atomic_store_explicit(&watch->on, true, memory_order_release);
}

bool
first_bytes_see(int fd, struct slice bytes)
{
	struct watch *watch = watch_of(fd);
	if (watch == NULL || !atomic_load_explicit(&watch->on, memory_order_acquire) ||
	    watch->len == FIRST_BYTES_MAX)
		return true;
	size_t room = FIRST_BYTES_MAX - watch->len, len = bytes.len < room ? bytes.len : room;
	enum opening before = (enum opening)watch->opening;
	if (len == 0 || (before != OPENING_OTHER && opening_is_mistake(before)))
		return true;
	memcpy(watch->bytes + watch->len, bytes.ptr, len);
	watch->len = (unsigned char)(watch->len + len);
	enum opening opening = opening_of((struct slice){watch->bytes, watch->len});
	watch->opening = (unsigned char)opening;
	if (opening != before && opening != OPENING_OTHER)
		log_mistake(watch, opening);
	return opening != OPENING_TLS;
}

enum opening
first_bytes_forget(int fd)
{
	struct watch *watch = watch_of(fd);
	if (watch == NULL)
		return OPENING_UNWATCHED;
	atomic_store_explicit(&watch->on, false, memory_order_release);
	enum opening opening = (enum opening)watch->opening;
	if (opening == OPENING_OTHER) /* more bytes might have shown what it is */
		log_mistake(watch, opening);
	return opening;
}
