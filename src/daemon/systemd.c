#include "systemd.h"

#include "dlrd/base/clock.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-daemon.h>

void
systemd_notify(const char *state)
{
	sd_notify(0, state);
}

void
systemd_notify_reloading(void)
{
	sd_notifyf(0, "RELOADING=1\nMONOTONIC_USEC=%lld", (long long)clock_monotonic_us());
}

int64_t
systemd_watchdog_us(void)
{
	uint64_t us;
	return sd_watchdog_enabled(0, &us) > 0 ? (int64_t)(us / 2) : 0;
}

size_t
systemd_sockets(const char *name, int *out_fds, size_t fds_max)
{
	char **names = NULL;
	int count = sd_listen_fds_with_names(0, &names);
	size_t taken = 0;
	bool want_intake = strcmp(name, "intake") == 0;
	for (int i = 0; i < count; i++) {
		bool api = strcmp(names[i], "api") == 0;
		if (api != want_intake && taken < fds_max) {
			int fd = SD_LISTEN_FDS_START + i;
			fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
			out_fds[taken++] = fd;
		}
	}
	for (int i = 0; i < count; i++)
		free(names[i]);
	free(names);
	return taken;
}

size_t
systemd_socket_count(void)
{
	int count = sd_listen_fds(0);
	return count > 0 ? (size_t)count : 0;
}
