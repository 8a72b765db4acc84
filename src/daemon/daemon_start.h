/* daemon_start: starts the parts of the daemon, in order.
 *
 * All metrics are added before the api starts to show them, and every socket is open before the
 * first callback is accepted. Callbacks do not wait for the store. Main thread. */
#pragma once

#include "daemon_parts.h"

/* Takes settings over. On failure, failure says why and the parts that were started are in daemon,
 * to be stopped. Changes the process's file mode mask and its limit of open files. */
must_check enum result daemon_start(
    struct daemon *daemon, struct settings *settings, struct failure *failure);
