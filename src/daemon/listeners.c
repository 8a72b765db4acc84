#include "listeners.h"

#include "dlrd/api/api.h"
#include "dlrd/base/log.h"
#include "dlrd/base/socket.h"
#include "dlrd/intake/intake.h"
#include "systemd.h"

#include <unistd.h>

_Static_assert(API_LISTENERS_MAX <= INTAKE_LISTENERS_MAX, "the sockets of either name are counted");

size_t
listeners_count(const char *name, const struct settings_list *addresses)
{
	int fds[INTAKE_LISTENERS_MAX];
	size_t passed = systemd_sockets(name, fds, INTAKE_LISTENERS_MAX);
	return passed > 0 ? passed : addresses->count;
}

enum result
listeners_open(const char *name, const struct settings_list *addresses, int *out_fds,
    size_t fds_max, size_t *out_count, struct failure *failure)
{
	size_t count = systemd_sockets(name, out_fds, fds_max);
	if (count > 0) {
		log_line(LOG_INFO, "%s: %zu sockets passed by systemd", name, count);
		*out_count = count;
		return RESULT_OK;
	}

	for (; count < addresses->count && count < fds_max; count++) {
		enum result result =
		    socket_listen(slice_of(addresses->items[count]), &out_fds[count], failure);
		if (result != RESULT_OK) {
			while (count > 0)
				close(out_fds[--count]);
			return result;
		}
		log_line(LOG_INFO, "%s: listening on %s", name, addresses->items[count]);
	}

	*out_count = count;
	return RESULT_OK;
}

void
listeners_unlink(const struct settings_list *addresses)
{
	for (size_t i = 0; i < addresses->count; i++)
		socket_unlink(slice_of(addresses->items[i]));
}
