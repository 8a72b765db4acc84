/* lock: one process that writes the files of a store.
 *
 * Two processes that write the same SQLite files could corrupt them, and would count twice. So a
 * process that writes holds a lock on the store's directory itself, which cannot be removed while
 * it has files in use; and on the file dlrd.lock in it, which names the process; earlier versions
 * lock that file alone. The kernel drops both with the process, however that ends. */
#pragma once

#include "dlrd/base/result.h"

#include <sys/types.h>

/* The file's name in the store's directory. */
#define LOCK_FILE "dlrd.lock"

struct lock {
	int directory_fd, file_fd; /* -1: not locked */
};

#define LOCK_NONE ((struct lock){-1, -1})

/* Locks the directory. RESULT_BUSY, with the holder's process id in failure if it is known, if
 * another process has it. */
must_check enum result lock_acquire(
    const char *directory, struct lock *out_lock, struct failure *failure);

/* Accepts LOCK_NONE. */
void lock_release(struct lock *lock);

/* The process that wrote its id into the lock's file last; 0 if there is no such file, or it cannot
 * be read.
 */
pid_t lock_holder(const char *directory);
