/* head_reader: reads libmicrohttpd's headers into a request_head. */
#pragma once

#include "dlrd/intake/handler.h"

struct MHD_Connection;

/* Reads all headers. The slices are the library's, good until the request is completed; target and
 * from_trusted_proxy are the caller's to fill in. */
struct request_head head_read(
    struct MHD_Connection *connection, const char *method, const char *version);
