/* route_url: the query that a route's templates want, from the values that are known.
 *
 * A value is a parameter's, or that of one of its fields between dots, named as in a template:
 * "account", "meta.3". Where a template wants one that is not known, the query holds its
 * placeholder, {meta.3}; a field that no template reads is 0. One thread. */
#ifndef DLRD_URL_ROUTE_URL_H
#define DLRD_URL_ROUTE_URL_H

#include "dlrd/request/route.h"

#define ROUTE_VALUES_MAX 96

struct route_value {
	struct slice name; /* borrowed, as is text */
	int field;         /* from 1, 0 for the whole parameter */
	struct slice text; /* not escaped; absent for what a template wants and nobody gave */
};

/* Zero-initialise. */
struct route_values {
	struct route_value items[ROUTE_VALUES_MAX];
	size_t count;
};

/* Takes "name=value" or "name.N=value". RESULT_INVALID for anything else, and for what contradicts
 * a value that was taken before; RESULT_LIMIT for too many. failure says which. */
must_check enum result route_values_read(
    struct route_values *values, struct slice pair, struct failure *failure);

/* Takes what the template's parameters have to be for it to give tag; the same results. */
must_check enum result route_values_take_tag(struct route_values *values,
    const struct tags_template *template, struct slice tag, struct failure *failure);

/* Adds what the route's templates want. RESULT_LIMIT for too many. */
must_check enum result route_values_want(struct route_values *values, const struct route *route);

/* Appends the query, sorted by name and escaped, with a question mark in front; nothing where there
 * are no values. */
void route_values_query(const struct route_values *values, struct buffer *out);

/* Appends the names of what is not known, with a space between. */
void route_values_missing(const struct route_values *values, struct buffer *out);

/* Appends what the template gives with these values, a placeholder for each that is not known;
 * false where there is one. */
bool route_values_tag(
    const struct route_values *values, const struct tags_template *template, struct buffer *out);

#endif
