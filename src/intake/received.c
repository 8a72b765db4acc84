/* received: shows first_bytes what libmicrohttpd reads from its sockets.
 *
 * The library has no function for that, and it reads all bytes with its own call of recv.
 * Dynamic linking lets the executable have that name first, as for error_pages.c. A test sends each
 * kind of wrong opening and looks for its log line, so a library that reads in another way is
 * noticed. */
#define _GNU_SOURCE
/* A fortified header defines recv itself, inline. */
#undef _FORTIFY_SOURCE
#include "first_bytes.h"

#include <sys/socket.h>

__attribute__((visibility("default"), used)) ssize_t recv(
    int fd, void *buffer, size_t size, int flags);

ssize_t
recv(int fd, void *buffer, size_t size, int flags)
{
	ssize_t got = recvfrom(fd, buffer, size, flags, NULL, NULL);
	if (got > 0 && !first_bytes_see(fd, (struct slice){buffer, (size_t)got}))
		return 0; /* the end of what the peer sends */
	return got;
}
