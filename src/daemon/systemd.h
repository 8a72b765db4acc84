/* systemd: readiness, the watchdog and passed sockets; the only module that uses libsystemd.
 *
 * Does nothing if systemd did not start the process. One thread. */
#pragma once

#include "dlrd/base/slice.h"

/* sd_notify(3): "READY=1", "STOPPING=1", "STATUS=...". */
void systemd_notify(const char *state);

/* A reload begins now, and ends with the next "READY=1"; with its time, which Type=notify-reload of
 * systemd 253 asks for. */
void systemd_notify_reloading(void);

/* Half of the watchdog's interval, in microseconds; 0 without a watchdog. */
int64_t systemd_watchdog_us(void);

/* The sockets passed under that name (FileDescriptorName=); those without a name of "intake" or
 * "api" are taken as "intake". They are made non-blocking. Returns how many, at most fds_max. */
size_t systemd_sockets(const char *name, int *out_fds, size_t fds_max);

/* How many sockets were passed, under any name. */
size_t systemd_socket_count(void);
