/* route_url: builds the query that a route's templates need from known values.
 *
 * A value belongs to a parameter or to one of its dot-separated fields, named as in a template:
 * "account", "meta.3". If a template needs an unknown value, the query has its placeholder,
 * {meta.3}. A field that no template reads is 0. One thread. */
#pragma once

#include "dlrd/request/route.h"

#define ROUTE_VALUES_MAX 96

struct route_value {
	struct slice name; /* borrowed, as is text */
	int field;         /* from 1, 0 for the whole parameter */
	struct slice text; /* not escaped; absent if a template needs it and it is unknown */
};

/* Zero-initialize. */
struct route_values {
	struct route_value items[ROUTE_VALUES_MAX];
	size_t count;
};

/* Adds a value from "name=value" or "name.N=value". Returns RESULT_INVALID for other text or a
 * contradiction to an earlier value, or RESULT_LIMIT if there are too many. Fills failure. */
must_check enum result route_values_read(
    struct route_values *values, struct slice pair, struct failure *failure);

/* Adds the values with which the template produces tag: those of its first alternative that can,
 * and none if the values so far do already. Same results as above. */
must_check enum result route_values_take_tag(struct route_values *values,
    const struct tags_template *template, struct slice tag, struct failure *failure);

/* Adds the unknown values that the route's templates need, unless an alternative is known: those of
 * the first alternative of which something is known, or else of the first. A workspace or variant
 * that has several alternatives, none of which is known in part, is not needed. Returns
 * RESULT_LIMIT if there are too many. */
must_check enum result route_values_want(struct route_values *values, const struct route *route);

/* Appends a question mark and the query, escaped and sorted by name; nothing if there are no
 * values. */
void route_values_query(const struct route_values *values, struct buffer *out);

/* Appends the names of the unknown values, separated by spaces. */
void route_values_missing(const struct route_values *values, struct buffer *out);

/* Appends the tag that the template produces from these values. If it produces none, appends what
 * it would produce with the wanted values, with a placeholder for each, and returns false. */
bool route_values_tag(
    const struct route_values *values, const struct tags_template *template, struct buffer *out);
