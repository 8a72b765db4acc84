/* audit: counts everything again from the stored receipts and compares.
 *
 * Each message is folded anew from its events in the order they arrived, its contributions are
 * added up, and both are held against what the store says; so are each campaign's first and last
 * times. It reads one moment of the store and changes nothing, so it may run beside the daemon;
 * until it ends, the write-ahead log cannot be reset. Memory: one row an hour and tagset or
 * provider. */
#ifndef DLRD_STORE_AUDIT_H
#define DLRD_STORE_AUDIT_H

#include "dlrd/store/reader.h"

struct audit {
	uint64_t events, messages, figures, replies, optouts; /* how much was compared */
	uint64_t differences;
};

/* Told each difference as a line of text, good during the call. */
typedef void (*audit_difference_fn)(void *context, const char *line);

must_check enum result store_audit(struct store_reader *reader, enum conflict_policy policy,
    audit_difference_fn on_difference, void *context, struct audit *out_audit);

/* The policy that the stored figures follow. */
must_check enum result store_read_policy(
    struct store_reader *reader, enum conflict_policy *out_policy);

#endif
