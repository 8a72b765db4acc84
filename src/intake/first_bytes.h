/* first_bytes: recognises the protocol that a client speaks by the first bytes it sends.
 *
 * A proxy that is set up to send a PROXY header, TLS or HTTP/2 reaches dlrd, and no request ever
 * does. libmicrohttpd reads from its sockets itself and reports nothing of such a connection, so
 * received.c passes on what the library reads. Mistakes are logged with the setting to change, at
 * most one line a second for each kind. A connection that begins with TLS is ended at once, since
 * its client waits for an answer that never comes.
 *
 * Connections are known by their descriptor. Each call is made by the thread that serves that
 * descriptor; several threads may serve different ones. Nothing here waits or allocates. */
#pragma once

#include "dlrd/base/slice.h"

struct sockaddr;

enum opening {
	OPENING_SILENT,    /* not a byte: also a health check that only connects */
	OPENING_HTTP,      /* the beginning of an HTTP/1 request */
	OPENING_PROXY_V1,  /* HAProxy's PROXY protocol, as a line of text */
	OPENING_PROXY_V2,  /* the same, binary */
	OPENING_TLS,       /* a TLS handshake */
	OPENING_HTTP2,     /* HTTP/2 without TLS (RFC 9113, section 3.4) */
	OPENING_SSH,       /* RFC 4253, section 4.2 */
	OPENING_SMTP,      /* EHLO or HELO */
	OPENING_OTHER,     /* anything else, or less than it takes to recognise one of the above */
	OPENING_UNWATCHED, /* its descriptor is FIRST_BYTES_DESCRIPTORS or higher */
	OPENING_COUNT,
};

/* Bytes that are looked at: as many as "PRI * HTTP/2.0" has. */
#define FIRST_BYTES_MAX 14

/* Descriptors that are watched: four times what the supplied unit allows the process. */
#define FIRST_BYTES_DESCRIPTORS 65536

/* A word for metrics: "silent", "http", "proxy_v1" ... */
const char *opening_name(enum opening opening);

/* bytes: the first FIRST_BYTES_MAX of a connection, or as many as have arrived. */
enum opening opening_of(struct slice bytes);

/* Whether no request that dlrd takes begins like this. libmicrohttpd may make one of it all the
 * same, and it is refused. */
bool opening_is_mistake(enum opening opening);

/* Begins to look at what descriptor fd receives. peer is borrowed until first_bytes_forget; NULL or
 * an address of AF_UNIX for a unix socket. */
void first_bytes_watch(int fd, const struct sockaddr *peer);

/* Looks at bytes that fd received. Returns false if the connection should end here. */
bool first_bytes_see(int fd, struct slice bytes);

/* Ends the watch before fd is closed, and returns what the connection began with. */
enum opening first_bytes_forget(int fd);
