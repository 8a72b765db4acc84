/* lookup_table: configuration that answers use with the receipts: the error catalogue and the
 * nicknames of providers.
 *
 * One thread, inside a transaction. */
#pragma once

#include "dlrd/model/provider_names.h"
#include "dlrd/twilio/error_catalogue.h"

struct lookup_table;

must_check enum result lookup_table_knows_code(
    struct lookup_table *table, int64_t error_code, bool *out_knows);

/* Replaces both. */
must_check enum result lookup_table_set(struct lookup_table *table,
    const struct error_catalogue *catalogue, const struct provider_names *names);
