#define _DEFAULT_SOURCE
#include "dlrd/base/wipe.h"

#include <string.h>

#define STACK_BYTES 32768 /* deeper than the stack of any function that handles a secret */

void
wipe(void *bytes, size_t len)
{
	explicit_bzero(bytes, len);
}

/* Not inlined: the array must be below the caller's frame, where the called functions had theirs.
 */
__attribute__((noinline)) void
wipe_stack(void)
{
	/* memmove uses different registers for each of these lengths. The compiler must not know
	 * them, or it would not call memmove. */
	static const volatile size_t sizes[] = {16, 32, 64, 128, 256, 512};
	char below[STACK_BYTES];
	explicit_bzero(below, sizeof below);
	for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++)
		memmove(below, below + sizeof below / 2, sizes[i]);
	explicit_bzero(below, sizeof below);
}
