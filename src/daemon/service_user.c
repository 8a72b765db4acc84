#define _GNU_SOURCE /* initgroups */
#include "service_user.h"

#include "dlrd/base/slice.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define UNIT_COMMAND                                                                             \
	"systemctl show -p LoadState -p User -p DynamicUser -p ProtectSystem -p StateDirectory " \
	"-p ReadWritePaths dlrd.service 2>/dev/null"

static void
read_unit(FILE *lines, struct service_user *user)
{
	char line[2048];
	bool loaded = false;
	while (fgets(line, sizeof line, lines) != NULL) {
		struct slice value = slice_trim(slice_of(line));
		struct slice key = slice_take(&value, '=');
		if (slice_equal(key, SLICE("LoadState")))
			loaded = slice_equal(value, SLICE("loaded"));
		else if (slice_equal(key, SLICE("User")) && value.len > 0)
			snprintf(user->name, sizeof user->name, "%.*s", SLICE_ARG(value));
		else if (slice_equal(key, SLICE("DynamicUser")))
			user->is_dynamic = slice_equal(value, SLICE("yes"));
		else if (slice_equal(key, SLICE("ProtectSystem")))
			user->is_confined = slice_equal(value, SLICE("strict"));
		else if (slice_equal(key, SLICE("StateDirectory")) && value.len > 0) {
			struct slice first = slice_take(&value, ' ');
			snprintf(user->state_directory, sizeof user->state_directory,
			    "/var/lib/%.*s", SLICE_ARG(first));
		} else if (slice_equal(key, SLICE("ReadWritePaths")))
			snprintf(user->writable_paths, sizeof user->writable_paths, "%.*s",
			    SLICE_ARG(value));
	}

	if (!loaded)
		*user = (struct service_user){.name = "root"};
}

void
service_user_find(struct service_user *out_user)
{
	struct service_user user = {.name = "root"};
	const struct passwd *known = getpwuid(geteuid());
	if (geteuid() != 0)
		snprintf(user.name, sizeof user.name, "%s", known == NULL ? "" : known->pw_name);
	else if (access("/run/systemd/system", F_OK) == 0) {
		FILE *lines = popen(UNIT_COMMAND, "re"); /* NOLINT(cert-env33-c): a constant */
		if (lines != NULL) {
			read_unit(lines, &user);
			pclose(lines);
		}
	}
	*out_user = user;
}

/* Whether path is directory, or below it. */
static bool
is_below(struct slice path, struct slice directory)
{
	while (directory.len > 0 && directory.ptr[directory.len - 1] == '/')
		directory.len--;
	return slice_starts_with(path, directory) &&
	       (path.len == directory.len || path.ptr[directory.len] == '/');
}

bool
service_user_keeps(const struct service_user *user, const char *path)
{
	struct slice rest = slice_of(user->writable_paths);
	if (!user->is_confined)
		return true;
	if (user->state_directory[0] != '\0' &&
	    is_below(slice_of(path), slice_of(user->state_directory)))
		return true;
	while (rest.ptr != NULL) {
		struct slice place = slice_take(&rest, ' ');
		while (place.len > 0 && place.ptr[0] != '/') /* its prefixes are -, + and ! */
			place = slice_from(place, 1);
		if (place.len > 0 && is_below(slice_of(path), place))
			return true;
	}
	return false;
}

/* As the user, in a process of its own: returns 0, or an errno. */
static int
try_as_user(const struct passwd *known, const char *directory)
{
	if (geteuid() == 0 && known->pw_uid != 0 &&
	    (initgroups(known->pw_name, known->pw_gid) != 0 || setgid(known->pw_gid) != 0 ||
		setuid(known->pw_uid) != 0))
		return errno;
	return access(directory, W_OK | X_OK) == 0 ? 0 : errno;
}

bool
service_user_may_write(
    const struct service_user *user, const char *directory, struct failure *failure)
{
	int status = 0;
	const struct passwd *known = getpwnam(user->name);
	if (known == NULL) { /* a user without a name is the caller */
		status = access(directory, W_OK | X_OK) == 0 ? 0 : errno;
	} else {
		pid_t child = fork();
		if (child == 0)
			_exit(try_as_user(known, directory));
		if (child < 0 || waitpid(child, &status, 0) != child || !WIFEXITED(status))
			return true; /* unknown */
		status = WEXITSTATUS(status);
	}

	if (status != 0)
		failure_set(failure, RESULT_IO, "%s", strerror(status));
	return status == 0;
}
