/* service_user: the user that runs dlrd, and where that user may write.
 *
 * For root that is the user of dlrd.service, as systemd knows it; for other users, and without the
 * unit, it is the caller. One thread. */
#pragma once

#include "dlrd/base/result.h"

#include <stdbool.h>

struct service_user {
	char name[64];
	bool is_dynamic;           /* systemd makes a user while the service runs */
	bool is_confined;          /* the unit may write only the paths below */
	char state_directory[256]; /* "/var/lib/dlrd"; "" for none */
	char writable_paths[1024]; /* ReadWritePaths=, separated by blanks */
};

/* Asks systemctl, if the caller is root and systemd runs. */
void service_user_find(struct service_user *out_user);

/* Whether the unit's sandbox lets the user write path and files below it. */
bool service_user_keeps(const struct service_user *user, const char *path);

/* Whether the user may create files in the directory. failure says why not. */
bool service_user_may_write(
    const struct service_user *user, const char *directory, struct failure *failure);
