/* listeners: the listening sockets of the intake and the api.
 *
 * Sockets that systemd passes under the name "intake" or "api" take precedence over the configured
 * addresses. For the daemon's main thread. */
#pragma once

#include "dlrd/base/result.h"
#include "dlrd/daemon/setting_list.h"

/* Returns how many sockets listeners_open would open. */
size_t listeners_count(const char *name, const struct settings_list *addresses);

/* Takes the sockets passed under name, or else opens one for each address; at most fds_max. Logs
 * them. The caller closes them. */
must_check enum result listeners_open(const char *name, const struct settings_list *addresses,
    int *out_fds, size_t fds_max, size_t *out_count, struct failure *failure);

/* Removes the files of unix sockets that listeners_open opened. */
void listeners_unlink(const struct settings_list *addresses);
