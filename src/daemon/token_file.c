#include "dlrd/daemon/token_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define TOKEN_MAX 1024 /* bytes; Twilio's have 32 */

static void
find_path(struct slice name, const char *config_path, char *out_path, size_t size)
{
	const char *credentials = getenv("CREDENTIALS_DIRECTORY");
	const char *slash = strrchr(config_path, '/');
	if (name.len > 0 && name.ptr[0] == '/')
		snprintf(out_path, size, "%.*s", SLICE_ARG(name));
	else if (credentials != NULL)
		snprintf(out_path, size, "%s/%.*s", credentials, SLICE_ARG(name));
	else
		snprintf(out_path, size, "%.*s%.*s",
		    slash == NULL ? 0 : (int)(slash - config_path + 1), config_path,
		    SLICE_ARG(name));
}

enum result
token_file_read(
    struct slice name, const char *config_path, struct secret **out_secret, struct failure *failure)
{
	char path[4096], text[4 * TOKEN_MAX];
	find_path(name, config_path, path, sizeof path);
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	ssize_t len = fd < 0 ? -1 : read(fd, text, sizeof text);
	int error = errno;
	if (fd >= 0)
		close(fd);
	if (len < 0)
		return failure_set(failure, RESULT_IO, "cannot read %s: %s", path, strerror(error));
	struct slice token = slice_trim((struct slice){text, (size_t)len});
	enum result result = RESULT_INVALID;
	if (token.len > 0 && token.len <= TOKEN_MAX && slice_find(token, '\n') == token.len)
		result = secret_new(token, out_secret);
	if (result == RESULT_INVALID)
		failure_set(failure, result, "%s must hold the token alone, on one line", path);
	else if (result != RESULT_OK)
		failure_set(failure, result, "no locked memory for the token");
	secret_wipe(text, sizeof text);
	return result;
}
