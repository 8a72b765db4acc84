/* receipts: adding one event: the event table, and everything that one event changes.
 *
 * Inside the store only. One thread, one connection, inside a transaction. */
#pragma once

#include "store_handle.h"

must_check enum result receipts_add(
    struct store *store, const struct event *event, struct store_added *out_added);
