/* lookups: configuration that the store's answers use with the receipts: the error catalogue and
 * the nicknames of providers. */
#pragma once

#include "dlrd/model/provider_names.h"
#include "dlrd/store/store.h"
#include "dlrd/twilio/error_catalogue.h"

/* Replaces both, history included, in one transaction. For the store's thread, between batches. */
must_check enum result store_set_lookups(struct store *store,
    const struct error_catalogue *catalogue, const struct provider_names *names);
