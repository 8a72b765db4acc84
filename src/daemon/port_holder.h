/* port_holder: whether the daemon that uses a store also holds an address. One thread. */
#pragma once

#include <stdbool.h>

/* address: as in the configuration, and in use. Returns whether it is held by the daemon that has
 * the lock of the store's directory, or for it by systemd (dlrd.socket). If the caller may not see
 * that daemon's sockets, it is taken to hold the address. */
bool port_holder_is_ours(const char *address, const char *directory);
