#include "request_changes.h"

#include "dlrd/twilio/diagnosis_cause.h"
#include "dlrd/twilio/parameter_variants.h"
#include "dlrd/twilio/query_variants.h"

static unsigned
compare_queries(const struct verify_request *request, struct slice signed_query)
{
	struct slice received = slice_from(request->target, url_path(request->target).len);
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

/* Only the URL was signed: compares the body with the hash in the URL. */
static unsigned
compare_bound_body(const struct verify_request *request, struct slice signed_query)
{
	switch (signature_check_body(
	    signed_query.len > 0 ? slice_from(signed_query, 1) : SLICE_NONE, request->body)) {
	case SIGNATURE_BODY_MATCHES: return 0;
	case SIGNATURE_BODY_DIFFERS: return DIAGNOSIS_BIT(DIAGNOSIS_BODY_CHANGED);
	case SIGNATURE_BODY_UNBOUND: break;
	}
	return DIAGNOSIS_BIT(request->form != NULL ? DIAGNOSIS_METHOD : DIAGNOSIS_BODY_CHANGED);
}

static unsigned
compare_bodies(
    const struct verify_request *request, struct slice signed_query, enum variant_body body)
{
	if (request->is_get)
		return 0;
	switch (body) {
	case VARIANT_BODY_AS_CAME:
		return request->form != NULL ? 0 : compare_bound_body(request, signed_query);
	case VARIANT_BODY_ALONE: return compare_bound_body(request, signed_query);
	case VARIANT_BODY_CHANGED: return DIAGNOSIS_BIT(DIAGNOSIS_BODY_CHANGED);
	case VARIANT_BODY_IN_QUERY: return DIAGNOSIS_BIT(DIAGNOSIS_METHOD);
	}
	return 0;
}

unsigned
request_changes(const struct verify_request *request, struct slice signed_query,
    unsigned query_rule, unsigned parameters_rule)
{
	if (query_variants_is_split(query_rule))
		return DIAGNOSIS_BIT(DIAGNOSIS_METHOD);
	return compare_queries(request, signed_query) |
	       compare_bodies(request, signed_query, parameter_variants_body(parameters_rule));
}
