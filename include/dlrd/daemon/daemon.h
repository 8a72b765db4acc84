/* daemon: starts the parts in order, waits for a signal, and stops them in reverse order.
 *
 * Order of life: lock, journal, writer, projector, quarantine worker, intake, api; then READY. The
 * projector opens the store, and callbacks do not wait for that. On SIGTERM, SIGINT or SIGQUIT the
 * intake stops accepting, requests in flight are committed and answered, the projector catches up
 * for a few seconds, and all files are closed. On SIGHUP or `dlrd reload` the configuration is
 * re-read: all of it takes effect or, if any part of it is wrong, nothing. */
#pragma once

#include "dlrd/daemon/settings.h"

/* Runs until a signal ends it; signals_block must have been called. Takes settings over. RESULT_OK
 * for an orderly end; on failure, which can only be at the start, nothing listens and failure says
 * why. Changes the process's file mode mask and resource limits, and does to its environment what
 * secrets.h says. */
must_check enum result daemon_run(struct settings *settings, struct failure *failure);
