/* openapi: the table of questions as OpenAPI 3.1: a path, two schemas and an example for each row.
 *
 * Routes that are not questions are described by hand in src/api/openapi.json. Pure. */
#pragma once

#include "dlrd/query/table.h"

/* Appends by_hand, which is an OpenAPI document, with the paths and schemas of the table as the
 * first ones of "paths" and "schemas". */
void query_openapi(struct slice by_hand, struct buffer *out);
