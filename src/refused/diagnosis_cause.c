#include "dlrd/refused/diagnosis_cause.h"

#include <stddef.h>

static const char *const cause_names[DIAGNOSIS_CAUSE_COUNT] = {
    [DIAGNOSIS_UNEXPLAINED] = "unexplained",
    [DIAGNOSIS_SCHEME] = "scheme",
    [DIAGNOSIS_HOST] = "host",
    [DIAGNOSIS_PORT] = "port",
    [DIAGNOSIS_PREFIX_STRIPPED] = "prefix-stripped",
    [DIAGNOSIS_PREFIX_ADDED] = "prefix-added",
    [DIAGNOSIS_TRAILING_SLASH] = "trailing-slash",
    [DIAGNOSIS_PATH] = "path",
    [DIAGNOSIS_QUERY_ORDER] = "query-order",
    [DIAGNOSIS_QUERY_ENCODING] = "query-encoding",
    [DIAGNOSIS_QUERY_LOST] = "query-lost",
    [DIAGNOSIS_QUERY_ADDED] = "query-added",
    [DIAGNOSIS_METHOD] = "method",
    [DIAGNOSIS_BODY_CHANGED] = "body-changed",
    [DIAGNOSIS_OTHER_ACCOUNT] = "other-account",
    [DIAGNOSIS_TOKEN] = "token",
    [DIAGNOSIS_SHARED_KEY] = "unknown-shared-key",
    [DIAGNOSIS_ALGORITHM] = "unknown-algorithm",
    [DIAGNOSIS_SIGNATURE] = "malformed-signature",
    [DIAGNOSIS_NO_ROUTE] = "no-route",
};

/* Causes by how many callbacks they lose, the worst first. */
static const enum diagnosis_cause by_importance[] = {DIAGNOSIS_OTHER_ACCOUNT, DIAGNOSIS_METHOD,
    DIAGNOSIS_BODY_CHANGED, DIAGNOSIS_PREFIX_STRIPPED, DIAGNOSIS_PREFIX_ADDED, DIAGNOSIS_HOST,
    DIAGNOSIS_SCHEME, DIAGNOSIS_PORT, DIAGNOSIS_PATH, DIAGNOSIS_TRAILING_SLASH,
    DIAGNOSIS_QUERY_LOST, DIAGNOSIS_QUERY_ADDED, DIAGNOSIS_QUERY_ENCODING, DIAGNOSIS_QUERY_ORDER};

#define IMPORTANCE_COUNT (sizeof by_importance / sizeof by_importance[0])

const char *
diagnosis_cause_name(enum diagnosis_cause cause)
{
	return cause_names[cause];
}

enum diagnosis_cause
diagnosis_cause_first(unsigned causes)
{
	for (size_t i = 0; i < IMPORTANCE_COUNT; i++)
		if ((causes & DIAGNOSIS_BIT(by_importance[i])) != 0)
			return by_importance[i];
	return DIAGNOSIS_UNEXPLAINED;
}
