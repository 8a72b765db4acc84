/* lock: one daemon to a store.
 *
 * Two processes that write the same SQLite files could corrupt them (and count twice), so whoever
 * writes holds a lock on the file dlrd.lock in the store's directory. The kernel drops it with the
 * process, however that ends. */
#ifndef DLRD_DAEMON_LOCK_H
#define DLRD_DAEMON_LOCK_H

#include "dlrd/base/result.h"

#include <sys/types.h>

/* Locks the directory. RESULT_BUSY, with the holder's process id in failure, when somebody else has
 * it. *out_fd is to be closed to let go. */
must_check enum result lock_acquire(const char *directory, int *out_fd, struct failure *failure);

/* The process that wrote its id into the lock's file last; 0 if there is none or it cannot be read.
 */
pid_t lock_holder(const char *directory);

#endif
