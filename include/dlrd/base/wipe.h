/* wipe: takes secrets out of memory for good.
 *
 * Freed memory and left stack frames keep their bytes, and a compiler omits writes to memory that
 * is not read again. Any thread. */
#pragma once

#include <stddef.h>

/* Overwrites len bytes; the compiler cannot omit it. */
void wipe(void *bytes, size_t len);

/* Overwrites the stack below the caller and the registers that copy bytes. Libraries leave keys
 * there, and so does the dynamic linker, which saves all registers at the first call of a library's
 * function. Costs some microseconds. */
void wipe_stack(void);
