#include "request_changes.h"

#include "dlrd/refused/diagnosis_cause.h"
#include "dlrd/twilio/form.h"
#include "dlrd/twilio/url.h"
#include "parameter_variants.h"
#include "query_variants.h"

#include <stdlib.h>

#define FIELDS_MAX 65536 /* the highest limit of dlrd */

static int
compare_fields(const void *a, const void *b)
{
	const struct form_field *x = a, *y = b;
	int order = slice_compare(x->name, y->name);
	return order != 0 ? order : slice_compare(x->value, y->value);
}

static bool
fields_equal(const struct form *a, const struct form *b)
{
	for (size_t i = 0; i < a->count; i++)
		if (compare_fields(&a->fields[i], &b->fields[i]) != 0)
			return false;
	return true;
}

/* Returns whether each piece of a is in b, byte for byte. */
static bool
same_spelling(struct slice a, struct slice b)
{
	while (a.ptr != NULL) {
		struct slice piece = slice_take(&a, '&'), rest = b;
		bool found = false;
		while (rest.ptr != NULL && !found)
			found = slice_equal(slice_take(&rest, '&'), piece);
		if (!found)
			return false;
	}
	return true;
}

static unsigned
compare_forms(struct form *received, struct form *signed_form, struct slice a, struct slice b)
{
	if (received->count != signed_form->count)
		return DIAGNOSIS_BIT(received->count < signed_form->count ? DIAGNOSIS_QUERY_LOST
									  : DIAGNOSIS_QUERY_ADDED);
	if (fields_equal(received, signed_form))
		return DIAGNOSIS_BIT(DIAGNOSIS_QUERY_ENCODING);
	qsort(received->fields, received->count, sizeof *received->fields, compare_fields);
	qsort(signed_form->fields, signed_form->count, sizeof *received->fields, compare_fields);
	if (!fields_equal(received, signed_form))
		return DIAGNOSIS_BIT(DIAGNOSIS_QUERY_ADDED);
	return DIAGNOSIS_BIT(DIAGNOSIS_QUERY_ORDER) |
	       (same_spelling(a, b) ? 0 : DIAGNOSIS_BIT(DIAGNOSIS_QUERY_ENCODING));
}

/* signed_query has its question mark, or is empty. */
static unsigned
compare_queries(const struct reading *reading, struct slice signed_query)
{
	unsigned causes = DIAGNOSIS_BIT(DIAGNOSIS_QUERY_ENCODING); /* if memory is short */
	struct slice target = reading->incoming->target;
	struct slice a = url_query(target), b = SLICE("");
	struct form received = FORM_EMPTY, signed_form = FORM_EMPTY;

	if (slice_equal(slice_from(target, url_path(target).len), signed_query))
		return 0;
	if (a.ptr == NULL)
		a = SLICE("");
	if (signed_query.len > 0)
		b = slice_from(signed_query, 1);
	if (form_decode(&received, a, FIELDS_MAX) == RESULT_OK &&
	    form_decode(&signed_form, b, FIELDS_MAX) == RESULT_OK)
		causes = compare_forms(&received, &signed_form, a, b);
	form_done(&received);
	form_done(&signed_form);
	return causes;
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
