/* audit: recomputes all figures from the stored receipts and compares.
 *
 * Each message is refolded from its events in the order of arrival, and its contributions are
 * summed. Both are compared with the stored rows, as are each campaign's first and last times. The
 * audit reads one snapshot of the store and changes nothing, so it may run next to the daemon.
 * Until it ends, the write-ahead log cannot be reset. Memory: one row an hour and tagset or
 * provider. */
#pragma once

#include "dlrd/engine/reader.h"
#include "dlrd/model/fold.h"

struct audit {
	uint64_t events, messages, figures, replies, optouts; /* numbers of compared rows */
	uint64_t differences;
};

/* Receives each difference as a line of text, valid during the call. */
typedef void (*audit_difference_fn)(void *context, const char *line);

must_check enum result store_audit(struct store_reader *reader, enum conflict_policy policy,
    audit_difference_fn on_difference, void *context, struct audit *out_audit);

/* Reads the policy that the stored figures follow. */
must_check enum result store_read_policy(
    struct store_reader *reader, enum conflict_policy *out_policy);
