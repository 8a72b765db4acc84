/* error_pages: libmicrohttpd's own refusals, in our words.
 *
 * Every error answer of the intake is empty, since the body of an answer may end up as a text
 * message. What the library refuses by itself (an unreadable header line, a request that outgrows
 * its memory, a Content-Length that is no number) it answers with a page of HTML, the last of these
 * even with two heads, and it has no option against that. It makes the page and queues it through
 * its own exported functions; dynamic linking lets the executable have those names first. dlrd
 * itself makes responses with ..._with_free_callback, so every response that is made through
 * MHD_create_response_from_buffer (0.9.75) or MHD_create_response_from_buffer_static (1.0) is such
 * a page. The refusal is then written here, once and empty, and the library learns that it could
 * not be queued, upon which it closes the connection. Both functions are replaced whatever the
 * version of the headers: the two libraries have one soname. A test sends requests that only the
 * library can refuse and looks at the answers byte by byte.
 *
 * One of its refusals must never come: a query with more parameters than its memory holds. 0.9.75
 * goes on with such a request after it has closed the connection, and crashes. Nobody here asks it
 * for parameters, so in the same way it is kept from noting any. */
#define _GNU_SOURCE /* RTLD_NEXT */
#include <dlfcn.h>
#include <microhttpd.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#define EXPORTED __attribute__((visibility("default"), used))

/* Bytes read away before the connection is closed: closing on unread ones would reset it, and the
 * refusal might never be seen. */
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
