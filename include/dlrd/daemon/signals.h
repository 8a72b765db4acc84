/* signals: which signals end the daemon, which have it re-read its configuration, and which it
 * ignores.
 *
 * SIGTERM, SIGINT and SIGQUIT are an orderly stop, SIGHUP is a reload. Those whose default would
 * end the process without a word are ignored: SIGXFSZ, since a file larger than its limit is an
 * error of write that is answered 503, and those that mean nothing here. */
#pragma once

#include "dlrd/base/result.h"

/* To be called first, while the process has one thread: all threads inherit the mask. */
void signals_block(void);

/* A descriptor that is readable while one of the blocked signals waits. The caller closes *out_fd.
 */
must_check enum result signals_open(int *out_fd, struct failure *failure);

/* The next signal that waits; 0 if none does. */
int signals_take(int fd);
