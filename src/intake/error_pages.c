/* error_pages: replaces libmicrohttpd's error pages by empty responses.
 *
 * Every error response of the intake is empty, since Twilio may send the body of a response to a
 * person as a text message. The library itself refuses some requests: an unreadable header line, a
 * request that outgrows its memory, a Content-Length that is not a number. It answers those with a
 * page of HTML, the last one even with two heads, and no option changes that.
 *
 * The library makes such a page, and queues it, through its own exported functions. Dynamic linking
 * resolves those names in the executable first. dlrd makes its own responses with
 * ..._with_free_callback, so every response made through MHD_create_response_from_buffer (0.9.75)
 * or MHD_create_response_from_buffer_static (1.0) is an error page. This file then writes an empty
 * refusal to the socket and reports to the library that the page could not be queued. The library
 * closes the connection upon that. Both functions are replaced with either version of the headers,
 * because both versions of the library have the same soname. A test sends requests that only the
 * library can refuse and compares the responses byte by byte.
 *
 * One of its refusals must never happen: a query with more parameters than its memory holds. 0.9.75
 * continues with such a request after it has closed the connection, and crashes. dlrd does not use
 * the library's parameters, so MHD_set_connection_value_n stores none. */
#define _GNU_SOURCE /* RTLD_NEXT */
#include <dlfcn.h>
#include <microhttpd.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#define EXPORTED __attribute__((visibility("default"), used))

/* Bytes that are read and dropped before the connection is closed. If bytes were left unread, the
 * kernel would reset the connection and the client might never read the refusal. */
#define READ_AWAY_MAX (256 * 1024)

static _Thread_local struct MHD_Response *page; /* made by the library, not queued yet */

static struct MHD_Response *
make_page(void)
{
	page = MHD_create_response_from_buffer_with_free_callback(0, (void *)"", NULL);
	return page;
}

EXPORTED struct MHD_Response *
MHD_create_response_from_buffer(size_t size, void *buffer, enum MHD_ResponseMemoryMode mode)
{
	(void)size, (void)buffer, (void)mode;
	return make_page();
}

#if MHD_VERSION < 0x00097701
struct MHD_Response *MHD_create_response_from_buffer_static(size_t size, const void *buffer);
#endif

EXPORTED struct MHD_Response *
MHD_create_response_from_buffer_static(size_t size, const void *buffer)
{
	(void)size, (void)buffer;
	return make_page();
}

static void
refuse(struct MHD_Connection *connection, unsigned status)
{
	char head[128], away[16 * 1024];
	const union MHD_ConnectionInfo *info =
	    MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
	if (info == NULL)
		return;
	int len = snprintf(head, sizeof head,
	    "HTTP/1.1 %u %s\r\nConnection: close\r\nContent-Length: 0\r\n\r\n", status,
	    MHD_get_reason_phrase_for(status));
	if (send(info->connect_fd, head, (size_t)len, MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
		return; /* the peer is gone */
	for (size_t total = 0; total < READ_AWAY_MAX; total += sizeof away)
		if (recv(info->connect_fd, away, sizeof away, MSG_DONTWAIT) <= 0)
			return;
}

EXPORTED enum MHD_Result
MHD_queue_response(
    struct MHD_Connection *connection, unsigned status, struct MHD_Response *response)
{
	static enum MHD_Result (*_Atomic library)(
	    struct MHD_Connection *, unsigned, struct MHD_Response *);
	if (page != NULL && response == page) {
		page = NULL;
		refuse(connection, status);
		return MHD_NO;
	}
	if (library == NULL) {
		void *found = dlsym(RTLD_NEXT, "MHD_queue_response");
		enum MHD_Result (*function)(
		    struct MHD_Connection *, unsigned, struct MHD_Response *) = NULL;
		memcpy(&function, &found, sizeof function);
		library = function;
	}
	return library == NULL ? MHD_NO : library(connection, status, response);
}

EXPORTED enum MHD_Result
MHD_set_connection_value_n(struct MHD_Connection *connection, enum MHD_ValueKind kind,
    const char *name, size_t name_len, const char *value, size_t value_len)
{
	static enum MHD_Result (*_Atomic library)(struct MHD_Connection *, enum MHD_ValueKind,
	    const char *, size_t, const char *, size_t);
	if (kind == MHD_GET_ARGUMENT_KIND)
		return MHD_YES;
	if (library == NULL) {
		void *found = dlsym(RTLD_NEXT, "MHD_set_connection_value_n");
		enum MHD_Result (*function)(struct MHD_Connection *, enum MHD_ValueKind,
		    const char *, size_t, const char *, size_t) = NULL;
		memcpy(&function, &found, sizeof function);
		library = function;
	}
	return library == NULL ? MHD_NO
			       : library(connection, kind, name, name_len, value, value_len);
}
