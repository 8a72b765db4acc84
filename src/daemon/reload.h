/* reload: replaces the configuration snapshot of a running daemon, on SIGHUP or for `dlrd reload`.
 *
 * All of the new configuration takes effect, or nothing of it: everything that can fail is done
 * before the first part is configured. A setting that only a restart can change keeps its old
 * value, with a warning. For the daemon's main thread. */
#pragma once

#include "daemon_parts.h"

/* Re-reads the configuration if a signal asks for that, or if calls of `dlrd reload` wait
 * (reload_socket.h), each of which connected after its file was written. Logs the result, notifies
 * systemd, and answers the calls with the mistakes and the settings that need a restart. */
void reload_if_asked(struct daemon *daemon, bool by_signal);
