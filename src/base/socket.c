#define _DEFAULT_SOURCE
#include "dlrd/base/socket.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define UNIX_PREFIX SLICE("unix:")

static enum result
bad_address(struct slice text, struct failure *failure)
{
	return failure_set(failure, RESULT_INVALID,
	    "\"%.*s\" is not an address; write 127.0.0.1:8080, [::1]:8080, localhost:8080 or "
	    "unix:/path",
	    SLICE_ARG(text));
}

static enum result
read_unix(struct slice path, struct slice text, struct socket_address *out, struct failure *failure)
{
	struct sockaddr_un *address = (struct sockaddr_un *)&out->address;
	if (path.len == 0 || path.ptr[0] != '/')
		return bad_address(text, failure);
	if (path.len >= sizeof address->sun_path)
		return failure_set(failure, RESULT_LIMIT,
		    "\"%.*s\": the path of a unix socket has at most %zu bytes", SLICE_ARG(text),
		    sizeof address->sun_path - 1);
	address->sun_family = AF_UNIX;
	memcpy(address->sun_path, path.ptr, path.len);
	out->len = sizeof *address;
	return RESULT_OK;
}

static bool
copy_text(struct slice text, char *out, size_t out_size)
{
	if (text.len >= out_size)
		return false;
	memcpy(out, text.ptr, text.len);
	out[text.len] = '\0';
	return true;
}

static enum result
read_inet(struct slice text, struct socket_address *out, struct failure *failure)
{
	bool v6 = text.len > 0 && text.ptr[0] == '[';
	size_t host_end = v6 ? slice_find(text, ']') : slice_find(text, ':');
	size_t colon = host_end + (v6 ? 1 : 0);
	char host[INET6_ADDRSTRLEN];
	int64_t port;
	if (colon >= text.len || text.ptr[colon] != ':' ||
	    slice_to_int(slice_from(text, colon + 1), &port) != RESULT_OK || port < 0 ||
	    port > 65535)
		return bad_address(text, failure);
	struct slice name = {text.ptr + (v6 ? 1 : 0), host_end - (v6 ? 1 : 0)};
	if (!v6 && (name.len == 0 || slice_equal_nocase(name, SLICE("localhost"))))
		name = SLICE("127.0.0.1");
	if (!copy_text(name, host, sizeof host))
		return bad_address(text, failure);
	struct sockaddr_in *in = (struct sockaddr_in *)&out->address;
	struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)&out->address;
	if (!v6 && inet_pton(AF_INET, host, &in->sin_addr) == 1) {
		in->sin_family = AF_INET;
		in->sin_port = htons((uint16_t)port);
		out->len = sizeof *in;
		return RESULT_OK;
	}
	if (v6 && inet_pton(AF_INET6, host, &in6->sin6_addr) == 1) {
		in6->sin6_family = AF_INET6;
		in6->sin6_port = htons((uint16_t)port);
		out->len = sizeof *in6;
		return RESULT_OK;
	}
	return bad_address(text, failure);
}

enum result
socket_address_read(struct slice text, struct socket_address *out_address, struct failure *failure)
{
	struct socket_address address = {0};
	enum result result =
	    slice_starts_with(text, UNIX_PREFIX)
		? read_unix(slice_from(text, UNIX_PREFIX.len), text, &address, failure)
		: read_inet(text, &address, failure);
	if (result == RESULT_OK)
		*out_address = address;
	return result;
}

/* Connects to a unix socket. Returns 0, or why not: a socket file refuses connections
 * (ECONNREFUSED) if its owner was killed. If it accepts one, it is in use. */
static int
try_connection(const struct socket_address *address)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return errno;
	int code = connect(fd, (const struct sockaddr *)&address->address, address->len);
	int error = code == 0 ? 0 : errno;
	close(fd);
	return error;
}

static int
bind_inet(int fd, const struct socket_address *address)
{
	int on = 1;
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
	if (address->address.ss_family == AF_INET6)
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
	return bind(fd, (const struct sockaddr *)&address->address, address->len);
}

static int
bind_and_listen(int fd, const struct socket_address *address)
{
	const struct sockaddr *name = (const struct sockaddr *)&address->address;
	if (name->sa_family == AF_UNIX) {
		if (try_connection(address) == ECONNREFUSED)
			unlink(((const struct sockaddr_un *)name)->sun_path);
		mode_t old =
		    umask(0117); /* read and write for owner and group, which is the proxy's */
		int code = bind(fd, name, address->len);
		umask(old);
		return code != 0 ? code : listen(fd, SOCKET_BACKLOG);
	}
	return bind_inet(fd, address) != 0 ? -1 : listen(fd, SOCKET_BACKLOG);
}

static enum result
cannot_listen(struct slice text, int error, struct failure *failure)
{
	return failure_set(failure, error == EADDRINUSE ? RESULT_BUSY : RESULT_IO,
	    "cannot listen on %.*s: %s%s", SLICE_ARG(text), strerror(error),
	    error == EADDRINUSE ? "; another process listens there" : "");
}

enum result
socket_listen(struct slice text, int *out_fd, struct failure *failure)
{
	struct socket_address address;
	enum result result = socket_address_read(text, &address, failure);
	if (result != RESULT_OK)
		return result;
	int fd = socket(address.address.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0 || bind_and_listen(fd, &address) != 0) {
		int error = errno;
		if (fd >= 0)
			close(fd);
		return cannot_listen(text, error, failure);
	}
	*out_fd = fd;
	return RESULT_OK;
}

enum result
socket_try(struct slice text, struct failure *failure)
{
	struct socket_address address;
	int error = 0;
	enum result result = socket_address_read(text, &address, failure);
	if (result != RESULT_OK)
		return result;
	if (address.address.ss_family == AF_UNIX) {
		error = try_connection(&address) == 0 ? EADDRINUSE : 0;
	} else {
		int fd = socket(address.address.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
		error = fd < 0 || bind_inet(fd, &address) != 0 ? errno : 0;
		if (fd >= 0)
			close(fd);
	}
	return error == 0 ? RESULT_OK : cannot_listen(text, error, failure);
}

bool
socket_addresses_clash(const struct socket_address *a, const struct socket_address *b)
{
	struct sockaddr_in in[2];
	struct sockaddr_in6 in6[2];
	static const struct in6_addr any6 = IN6ADDR_ANY_INIT;
	if (a->address.ss_family != b->address.ss_family)
		return false;
	if (a->address.ss_family == AF_UNIX)
		return strcmp(((const struct sockaddr_un *)&a->address)->sun_path,
			   ((const struct sockaddr_un *)&b->address)->sun_path) == 0;
	if (a->address.ss_family == AF_INET6) {
		memcpy(&in6[0], &a->address, sizeof in6[0]);
		memcpy(&in6[1], &b->address, sizeof in6[1]);
		const struct in6_addr *x = &in6[0].sin6_addr, *y = &in6[1].sin6_addr;
		return in6[0].sin6_port != 0 && in6[0].sin6_port == in6[1].sin6_port &&
		       (IN6_ARE_ADDR_EQUAL(x, y) || IN6_ARE_ADDR_EQUAL(x, &any6) ||
			   IN6_ARE_ADDR_EQUAL(y, &any6));
	}
	memcpy(&in[0], &a->address, sizeof in[0]);
	memcpy(&in[1], &b->address, sizeof in[1]);
	in_addr_t x = in[0].sin_addr.s_addr, y = in[1].sin_addr.s_addr;
	return in[0].sin_port != 0 && in[0].sin_port == in[1].sin_port &&
	       (x == y || x == INADDR_ANY || y == INADDR_ANY);
}

void
socket_unlink(struct slice text)
{
	struct socket_address address;
	if (socket_address_read(text, &address, NULL) == RESULT_OK &&
	    address.address.ss_family == AF_UNIX)
		unlink(((const struct sockaddr_un *)&address.address)->sun_path);
}

static const unsigned char mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

bool
socket_is_loopback(const struct sockaddr *address)
{
	struct sockaddr_in6 in6;
	if (address->sa_family == AF_UNIX)
		return true;
	if (address->sa_family == AF_INET) {
		struct sockaddr_in in;
		memcpy(&in, address, sizeof in);
		return ntohl(in.sin_addr.s_addr) >> 24 == IN_LOOPBACKNET;
	}
	if (address->sa_family != AF_INET6)
		return false;
	memcpy(&in6, address, sizeof in6);
	const unsigned char *bytes = in6.sin6_addr.s6_addr;
	if (memcmp(bytes, mapped, sizeof mapped) == 0)
		return bytes[sizeof mapped] == IN_LOOPBACKNET;
	return IN6_IS_ADDR_LOOPBACK(&in6.sin6_addr);
}

/* A port, or no digits after the colon, as RFC 3986 allows. */
static bool
is_port(struct slice text)
{
	int64_t port;
	return text.len == 0 || (slice_to_int(text, &port) == RESULT_OK && text.len <= 5 &&
				    port >= 0 && port <= 65535);
}

bool
socket_host_is_loopback(struct slice host)
{
	char text[INET6_ADDRSTRLEN];
	struct socket_address address = {.address = {.ss_family = AF_INET}};
	struct sockaddr_in *in = (struct sockaddr_in *)&address.address;
	struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)&address.address;
	bool v6 = host.len > 0 && host.ptr[0] == '[';
	size_t end = slice_find(host, v6 ? ']' : ':');
	struct slice name = {host.ptr + (v6 ? 1 : 0), end - (v6 ? 1 : 0)};
	struct slice port = slice_from(host, end + (v6 ? 1 : 0));
	if ((v6 && end == host.len) || (port.len > 0 && port.ptr[0] != ':') ||
	    !is_port(slice_from(port, port.len > 0 ? 1 : 0)))
		return false;
	if (!v6 && (slice_equal_nocase(name, SLICE("localhost")) ||
		       slice_equal_nocase(name, SLICE("localhost."))))
		return true;
	if (!copy_text(name, text, sizeof text))
		return false;
	if (v6)
		address.address.ss_family = AF_INET6;
	int read = v6 ? inet_pton(AF_INET6, text, &in6->sin6_addr)
		      : inet_pton(AF_INET, text, &in->sin_addr);
	return read == 1 && socket_is_loopback((const struct sockaddr *)&address.address);
}

enum result
socket_peer_read(struct slice text, struct socket_peer *out_peer, struct failure *failure)
{
	struct socket_peer peer = {.bits = 128};
	char host[INET6_ADDRSTRLEN];
	size_t slash = slice_find(text, '/');
	struct in_addr in;
	int64_t bits = -1;
	if (slice_equal(text, SLICE("unix"))) {
		*out_peer = (struct socket_peer){.bits = SOCKET_PEER_UNIX};
		return RESULT_OK;
	}
	bool ok =
	    copy_text((struct slice){text.ptr, slash}, host, sizeof host) &&
	    (slash == text.len || slice_to_int(slice_from(text, slash + 1), &bits) == RESULT_OK);
	if (ok && inet_pton(AF_INET, host, &in) == 1 && bits <= 32) {
		memcpy(peer.bytes, mapped, sizeof mapped);
		memcpy(peer.bytes + sizeof mapped, &in, sizeof in);
		peer.bits = bits < 0 ? 128 : 96 + (unsigned)bits;
	} else if (ok && inet_pton(AF_INET6, host, peer.bytes) == 1 && bits <= 128)
		peer.bits = bits < 0 ? 128 : (unsigned)bits;
	else
		return failure_set(failure, RESULT_INVALID,
		    "\"%.*s\" is not an address; write 127.0.0.1, 10.0.0.0/8, ::1 or unix",
		    SLICE_ARG(text));
	*out_peer = peer;
	return RESULT_OK;
}

struct socket_peer
socket_peer_of(const struct sockaddr *address)
{
	struct socket_peer peer = {.bits = 128};
	if (address == NULL || address->sa_family == AF_UNIX)
		peer.bits = SOCKET_PEER_UNIX;
	else if (address->sa_family == AF_INET) {
		struct sockaddr_in in;
		memcpy(&in, address, sizeof in);
		memcpy(peer.bytes, mapped, sizeof mapped);
		memcpy(peer.bytes + sizeof mapped, &in.sin_addr, sizeof in.sin_addr);
	} else if (address->sa_family == AF_INET6) {
		struct sockaddr_in6 in6;
		memcpy(&in6, address, sizeof in6);
		memcpy(peer.bytes, &in6.sin6_addr, sizeof in6.sin6_addr);
	} else
		peer.bits = SOCKET_PEER_NONE;
	return peer;
}

void
socket_peer_write(const struct socket_peer *peer, char out_text[SOCKET_PEER_TEXT_SIZE])
{
	bool is_4 = memcmp(peer->bytes, mapped, sizeof mapped) == 0;
	out_text[0] = '\0';
	if (peer->bits == SOCKET_PEER_UNIX)
		memcpy(out_text, "unix", sizeof "unix");
	else if (peer->bits != SOCKET_PEER_NONE)
		inet_ntop(is_4 ? AF_INET : AF_INET6, peer->bytes + (is_4 ? sizeof mapped : 0),
		    out_text, SOCKET_PEER_TEXT_SIZE);
}

static bool
covers(const struct socket_peer *network, const struct socket_peer *peer)
{
	if (peer->bits == SOCKET_PEER_NONE)
		return false;
	if (network->bits == SOCKET_PEER_UNIX || peer->bits == SOCKET_PEER_UNIX)
		return network->bits == peer->bits;
	unsigned whole = network->bits / 8, rest = network->bits % 8;
	if (memcmp(peer->bytes, network->bytes, whole) != 0)
		return false;
	return rest == 0 || ((peer->bytes[whole] ^ network->bytes[whole]) >> (8 - rest)) == 0;
}

bool
socket_peers_cover(const struct socket_peer *networks, size_t count, const struct socket_peer *peer)
{
	for (size_t i = 0; i < count; i++)
		if (covers(&networks[i], peer))
			return true;
	return false;
}
