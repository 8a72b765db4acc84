/* wipe: takes secrets out of memory for good.
 *
 * What is freed or returned from stays where it was, and a compiler leaves out writes that nobody
 * reads. Any thread. */
#ifndef DLRD_BASE_WIPE_H
#define DLRD_BASE_WIPE_H

#include <stddef.h>

/* Overwrites len bytes, whatever the compiler thinks of it. */
void wipe(void *bytes, size_t len);

/* Overwrites what functions that were called before, and have returned, left on the stack and in
 * the registers that bytes are copied with: libraries leave keys there, and so does the dynamic
 * linker, which saves all registers when a library's function is called for the first time. Costs
 * some microseconds. */
void wipe_stack(void);

#endif
