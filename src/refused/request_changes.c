#include "request_changes.h"

#include "dlrd/refused/diagnosis_cause.h"
#include "parameter_variants.h"
#include "query_variants.h"

static unsigned
compare_queries(const struct reading *reading, struct slice signed_query)
{
	struct slice received =
	    slice_from(reading->incoming->target, url_path(reading->incoming->target).len);

	switch (query_compare(received, signed_query)) {
	case QUERY_SAME: return 0;
	case QUERY_ORDER: return DIAGNOSIS_BIT(DIAGNOSIS_QUERY_ORDER);
	case QUERY_ENCODING: return DIAGNOSIS_BIT(DIAGNOSIS_QUERY_ENCODING);
	case QUERY_ORDER_AND_ENCODING:
		return DIAGNOSIS_BIT(DIAGNOSIS_QUERY_ORDER) |
		       DIAGNOSIS_BIT(DIAGNOSIS_QUERY_ENCODING);
	case QUERY_LOST: return DIAGNOSIS_BIT(DIAGNOSIS_QUERY_LOST);
	case QUERY_ADDED: return DIAGNOSIS_BIT(DIAGNOSIS_QUERY_ADDED);
	}
	return 0;
}

/* The URL alone was signed: compares the body with the hash in the query. */
static unsigned
compare_bound_body(const struct reading *reading, struct slice signed_query)
{
	switch (
	    signature_check_body(signed_query.len > 0 ? slice_from(signed_query, 1) : SLICE_NONE,
		reading->incoming->body)) {
	case SIGNATURE_BODY_MATCHES: return 0;
	case SIGNATURE_BODY_DIFFERS: return DIAGNOSIS_BIT(DIAGNOSIS_BODY_CHANGED);
	case SIGNATURE_BODY_UNBOUND: break;
	}
	return DIAGNOSIS_BIT(reading->form != NULL ? DIAGNOSIS_METHOD : DIAGNOSIS_BODY_CHANGED);
}

static unsigned
compare_bodies(const struct reading *reading, struct slice signed_query, enum variant_body body)
{
	if (incoming_is_get(reading->incoming))
		return 0;
	switch (body) {
	case VARIANT_BODY_AS_RECEIVED:
		return reading->form != NULL ? 0 : compare_bound_body(reading, signed_query);
	case VARIANT_BODY_ALONE: return compare_bound_body(reading, signed_query);
	case VARIANT_BODY_CHANGED: return DIAGNOSIS_BIT(DIAGNOSIS_BODY_CHANGED);
	case VARIANT_BODY_IN_QUERY: return DIAGNOSIS_BIT(DIAGNOSIS_METHOD);
	}
	return 0;
}

unsigned
request_changes(const struct reading *reading, struct slice signed_query, unsigned query_rule,
    unsigned parameters_rule)
{
	if (query_variants_is_split(query_rule))
		return DIAGNOSIS_BIT(DIAGNOSIS_METHOD);
	return compare_queries(reading, signed_query) |
	       compare_bodies(reading, signed_query, parameter_variants_body(parameters_rule));
}
