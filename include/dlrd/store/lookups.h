/* lookups: configuration that the store's answers use with the receipts: the error catalogue, the
 * nicknames of providers, and the keywords. */
#pragma once

#include "dlrd/model/provider_names.h"
#include "dlrd/store/store.h"
#include "dlrd/twilio/error_catalogue.h"
#include "dlrd/twilio/keyword_sections.h"

/* Replaces all of them, history included, in one transaction. For the store's thread, between
 * batches. */
must_check enum result store_set_lookups(struct store *store,
    const struct error_catalogue *catalogue, const struct provider_names *names,
    const struct keywords *keywords);
