/* secrets: logs a warning for each unsafe place of a token in use: a configuration that every user
 * may read, memory that may be swapped out, and the environment, from which dlrd reads no token.
 *
 * A token in the environment is overwritten there, so that /proc/PID/environ no longer shows it;
 * its variable is then empty. For the daemon's main thread, while no other thread reads the
 * environment's values. */
#pragma once

#include "dlrd/daemon/settings.h"

/* Logs a line for each such place. No line holds a token. */
void secrets_warn(const struct settings *settings);
