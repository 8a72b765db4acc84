/* socket: listening sockets from their text in the configuration.
 *
 * An address is HOST:PORT with a numeric IPv4 address, [HOST]:PORT with a numeric IPv6 one,
 * localhost:PORT or :PORT for 127.0.0.1, or unix:/path. Names are never looked up. Thread-safe. */
#pragma once

#include "dlrd/base/slice.h"

#include <sys/socket.h>

/* Connections that may wait to be accepted. */
#define SOCKET_BACKLOG 1024

struct socket_address {
	struct sockaddr_storage address;
	socklen_t len;
};

/* Reads an address. failure names the valid forms. */
must_check enum result socket_address_read(
    struct slice text, struct socket_address *out_address, struct failure *failure);

/* Opens a non-blocking listening socket. Removes a unix socket first if no process listens on it;
 * owner and group may connect to the new one. The caller closes *out_fd. */
must_check enum result socket_listen(struct slice text, int *out_fd, struct failure *failure);

/* Whether socket_listen would succeed; nothing listens meanwhile, and no file is made or removed.
 * RESULT_BUSY, with the text in failure, if another process listens there. */
must_check enum result socket_try(struct slice text, struct failure *failure);

/* Whether two addresses cannot both be listened on: the same port on the same address or on all
 * addresses of the machine, or the same path. */
bool socket_addresses_clash(const struct socket_address *a, const struct socket_address *b);

/* Removes the file of a unix socket; does nothing for other addresses. */
void socket_unlink(struct slice text);

/* Returns whether only this machine can connect to the address: 127.0.0.0/8, also as an IPv4-mapped
 * IPv6 address, ::1, or a unix socket. An address of another family is not loopback. */
bool socket_is_loopback(const struct sockaddr *address);

/* Returns whether a host, as in a Host header ("localhost:8081", "127.0.0.1", "[::1]:80"), is
 * localhost or an address for which socket_is_loopback returns true. */
bool socket_host_is_loopback(struct slice host);

/* One address or network ("10.0.0.0/8", "::1", "unix"), to distinguish trusted proxies from
 * untrusted clients. */
struct socket_peer {
	unsigned char bytes[16]; /* IPv4 as ::ffff:a.b.c.d */
	unsigned bits;           /* leading bits that count; SOCKET_PEER_UNIX for unix sockets */
};
#define SOCKET_PEER_UNIX 255u
#define SOCKET_PEER_NONE 254u /* an address of another family: part of no network */
#define SOCKET_PEER_TEXT_SIZE 46

must_check enum result socket_peer_read(
    struct slice text, struct socket_peer *out_peer, struct failure *failure);

/* Returns the address as a network of one address. NULL is the address of a unix socket. */
struct socket_peer socket_peer_of(const struct sockaddr *address);

/* Writes a network of one address as socket_peer_read reads it; "" for SOCKET_PEER_NONE. */
void socket_peer_write(const struct socket_peer *peer, char out_text[SOCKET_PEER_TEXT_SIZE]);

/* Returns whether one of the networks contains the address. */
bool socket_peers_cover(
    const struct socket_peer *networks, size_t count, const struct socket_peer *peer);
