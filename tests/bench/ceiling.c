/* ceiling: the most requests that libmicrohttpd alone can answer on this machine.
 *
 * It reads each request completely, in poll mode, and answers 204 without decoding or storing it.
 * dlrd is compared with it in the same run, since machines differ and are noisy, but ratios carry
 * over.
 *
 *     ceiling PORT */
#include <microhttpd.h>
#include <stdlib.h>
#include <unistd.h>

static struct MHD_Response *no_content;

static enum MHD_Result
answer(void *context, struct MHD_Connection *connection, const char *url, const char *method,
    const char *version, const char *data, size_t *data_size, void **request)
{
	(void)context, (void)url, (void)method, (void)version, (void)data;
	if (*request == NULL) { /* the head; the body comes next */
		*request = &no_content;
		return MHD_YES;
	}
	if (*data_size > 0) {
		*data_size = 0;
		return MHD_YES;
	}
	return MHD_queue_response(connection, MHD_HTTP_NO_CONTENT, no_content);
}

int
main(int count, char **words)
{
	if (count != 2)
		return 2;
	no_content = MHD_create_response_from_buffer(0, "", MHD_RESPMEM_PERSISTENT);
	struct MHD_Daemon *daemon =
	    MHD_start_daemon(MHD_USE_POLL_INTERNAL_THREAD, (uint16_t)atoi(words[1]), NULL, NULL,
		answer, NULL, MHD_OPTION_CONNECTION_LIMIT, 4096, MHD_OPTION_END);
	if (no_content == NULL || daemon == NULL)
		return 1;
	pause();
	return 0;
}
