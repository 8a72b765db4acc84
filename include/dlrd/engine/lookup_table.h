/* lookup_table: configuration that answers use with the receipts: the error catalogue, the
 * nicknames of providers, and the keywords.
 *
 * One thread, inside a transaction. */
#pragma once

#include "dlrd/model/provider_names.h"
#include "dlrd/twilio/error_catalogue.h"
#include "dlrd/twilio/keyword_sections.h"

struct lookup_table;

must_check enum result lookup_table_knows_code(
    struct lookup_table *table, int64_t error_code, bool *out_knows);

/* Replaces all of them. keywords: NULL for Twilio's alone. */
must_check enum result lookup_table_set(struct lookup_table *table,
    const struct error_catalogue *catalogue, const struct provider_names *names,
    const struct keywords *keywords);
