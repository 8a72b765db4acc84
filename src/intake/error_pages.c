/* error_pages: makes libmicrohttpd's own error answers empty.
 *
 * Every error answer of the intake is empty, since the body of an answer may end up as a text
 * message. What the library refuses by itself (an unreadable header line, a request that outgrows
 * its memory) it answers with a page of HTML, and it has no option against that. It builds the page
 * with its own exported MHD_create_response_from_buffer; dynamic linking lets the executable have
 * that name first. dlrd never calls that function (it uses ..._with_free_callback), so each call is
 * such a page. A test sends requests that only the library can refuse and looks at the answers. */
#include <microhttpd.h>

struct MHD_Response *
MHD_create_response_from_buffer(size_t size, void *buffer, enum MHD_ResponseMemoryMode mode)
{
	(void)size, (void)buffer, (void)mode;
	return MHD_create_response_from_buffer_with_free_callback(0, (void *)"", NULL);
}
