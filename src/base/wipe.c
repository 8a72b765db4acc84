#define _DEFAULT_SOURCE
#include "dlrd/base/wipe.h"

#include <string.h>

#define STACK_BYTES 32768 /* deeper than anything goes that handles a secret */

void
wipe(void *bytes, size_t len)
{
	explicit_bzero(bytes, len);
}

/* Of its own frame, which must not be one with the caller's: there nothing was left. */
__attribute__((noinline)) void
wipe_stack(void)
{
	/* memmove takes other registers for each of these; unknown here, so that it is called. */
	static const volatile size_t sizes[] = {16, 32, 64, 128, 256, 512};
	char below[STACK_BYTES];
	explicit_bzero(below, sizeof below);
	for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++)
		memmove(below, below + sizeof below / 2, sizes[i]);
	explicit_bzero(below, sizeof below);
}
