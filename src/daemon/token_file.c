#include "dlrd/daemon/token_file.h"

#include "dlrd/base/wipe.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define TOKEN_MAX 1024 /* bytes; Twilio's have 32 */

/* --- what is no token --- */

static bool
starts_with_nocase(struct slice text, struct slice start)
{
	return text.len >= start.len &&
	       slice_equal_nocase((struct slice){text.ptr, start.len}, start);
}

static bool
contains(struct slice text, struct slice part)
{
	for (; text.len >= part.len; text = slice_from(text, 1))
		if (slice_starts_with(text, part))
			return true;
	return false;
}

/* In the spelling of some program that puts a variable's value in its place. */
static bool
is_reference(struct slice text)
{
	static const struct slice starts[] = {SLICE_INIT("$"), SLICE_INIT("%"), SLICE_INIT("env:"),
	    SLICE_INIT("env."), SLICE_INIT("env("), SLICE_INIT("getenv("), SLICE_INIT("!env"),
	    SLICE_INIT("@env")};
	static const struct slice parts[] = {SLICE_INIT("${"), SLICE_INIT("%("), SLICE_INIT("{{")};
	for (size_t i = 0; i < sizeof starts / sizeof starts[0]; i++)
		if (starts_with_nocase(text, starts[i]))
			return true;
	for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++)
		if (contains(text, parts[i]))
			return true;
	return false;
}

/* As in NAME=VALUE; base64 has it at the end alone. */
static bool
has_inner_equals(struct slice text)
{
	struct slice rest = slice_from(text, slice_find(text, '='));
	while (rest.len > 0 && rest.ptr[0] == '=')
		rest = slice_from(rest, 1);
	return rest.len > 0;
}

/* White space, a byte order mark, a letter of another script. */
static bool
has_strange_byte(struct slice text)
{
	for (size_t i = 0; i < text.len; i++)
		if (text.ptr[i] <= ' ' || text.ptr[i] > '~')
			return true;
	return false;
}

enum result
token_check(struct slice text, const struct token_words *words, struct failure *failure)
{
	if (is_reference(text))
		return failure_set(failure, RESULT_INVALID,
		    "refers to the environment, which every process of the user can read; write "
		    "the token to a file that %s names, or pass it with systemd's LoadCredential=",
		    words->file_key);
	if (text.len > 0 && (text.ptr[0] == '"' || text.ptr[0] == '\''))
		return failure_set(failure, RESULT_INVALID,
		    "is in quotes, which would be part of the token; remove them");
	if (has_strange_byte(text) || has_inner_equals(text))
		return failure_set(
		    failure, RESULT_INVALID, "has more than a token; write only %s", words->what);
	return RESULT_OK;
}

/* --- files --- */

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

static bool
looks_like_token(struct slice name)
{
	for (size_t i = 0; i < name.len; i++)
		if (slice_hex_digit(name.ptr[i]) < 0)
			return false;
	return name.len == 32;
}

/* Sets failure to the reason why the file cannot be opened. A name that may be a token is left out.
 */
static enum result
fail_closed(struct slice name, const char *path, int error, struct failure *failure)
{
	if (looks_like_token(name))
		return failure_set(failure, RESULT_IO,
		    "cannot read the file (%s), whose name looks like a token; write the token to "
		    "a file, and the file's path here",
		    strerror(error));
	if (is_reference(name))
		return failure_set(failure, RESULT_IO,
		    "\"%.*s\" is not expanded, and cannot be read (%s); write an absolute "
		    "path, or the bare name of a credential (LoadCredential=NAME:PATH)",
		    SLICE_ARG(name), strerror(error));
	if (error == ENOENT && getenv("CREDENTIALS_DIRECTORY") != NULL &&
	    slice_find(name, '/') == name.len)
		return failure_set(failure, RESULT_IO,
		    "cannot read %s: %s; systemd passes no such credential: add "
		    "LoadCredential=%.*s:PATH to a drop-in of the unit, and restart",
		    path, strerror(error), SLICE_ARG(name));
	return failure_set(failure, RESULT_IO, "cannot read %s: %s", path, strerror(error));
}

/* Reads until text is full or the file ends. -1 with errno set. */
static ssize_t
read_all(int fd, char *text, size_t size)
{
	size_t len = 0;
	while (len < size) {
		ssize_t more = read(fd, text + len, size - len);
		if (more < 0 && errno == EINTR)
			continue;
		if (more < 0)
			return -1;
		if (more == 0)
			break;
		len += (size_t)more;
	}
	return (ssize_t)len;
}

enum result
token_read(int fd, const char *path, struct secret **out_secret, struct failure *failure)
{
	char text[4 * TOKEN_MAX];
	ssize_t len = read_all(fd, text, sizeof text);
	enum result result = RESULT_IO;
	if (len < 0)
		failure_set(failure, result, "cannot read %s: %s", path, strerror(errno));
	else {
		struct slice token = slice_trim((struct slice){text, (size_t)len});
		bool alone =
		    token.len > 0 && token.len <= TOKEN_MAX && slice_find(token, '\n') == token.len;
		result = alone ? secret_new(token, out_secret) : RESULT_INVALID;
		if (!alone)
			failure_set(
			    failure, result, "%s must contain only the token, on one line", path);
		else if (result != RESULT_OK)
			failure_set(failure, result, "no memory for the token");
	}
	wipe(text, sizeof text);
	wipe_stack();
	return result;
}

enum result
token_file_read(
    struct slice name, const char *config_path, struct secret **out_secret, struct failure *failure)
{
	char path[4096];
	find_path(name, config_path, path, sizeof path);
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* a FIFO would hang the start */
	if (fd < 0)
		return fail_closed(name, path, errno, failure);
	enum result result = token_read(fd, path, out_secret, failure);
	close(fd);
	return result;
}

bool
token_file_is_exposed(struct slice name, const char *config_path)
{
	char path[4096];
	struct stat status;
	find_path(name, config_path, path, sizeof path);
	return stat(path, &status) == 0 && (status.st_mode & S_IROTH) != 0;
}
