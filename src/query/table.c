#include "dlrd/query/table.h"

#include "alerts.h"
#include "dlrd/query/campaigns.h"
#include "dlrd/query/events.h"
#include "dlrd/query/optouts.h"
#include "dlrd/query/refusals.h"
#include "dlrd/query/support.h"
#include "errors.h"
#include "keywords.h"
#include "messages.h"
#include "people.h"
#include "providers.h"

#include <string.h>

/* The first path that fits is taken. */
static const struct query *const queries[] = {&query_campaigns, &query_campaign_errors,
    &query_campaign, &query_variants, &query_series, &query_events, &query_event, &query_messages,
    &query_message, &query_suppressed, &query_failures, &query_support, &query_replies,
    &query_near_misses, &query_keywords, &query_optouts, &query_consent_changes, &query_number,
    &query_providers, &query_alerts, &query_catalogue, &query_signature_failures, &query_quarantine,
    &query_quarantined};

#define QUERY_COUNT (sizeof queries / sizeof queries[0])

static const struct query *added;

void
query_add(const struct query *query)
{
	added = query;
}

const struct query *
query_at(size_t index)
{
	if (index < QUERY_COUNT)
		return queries[index];
	return index == QUERY_COUNT ? added : NULL;
}

const struct query *
query_find(const char *path)
{
	const struct query *query;
	for (size_t i = 0; (query = query_at(i)) != NULL; i++)
		if (strcmp(query->path, path) == 0)
			return query;
	return NULL;
}
