/* parameter_variants: the parameters that a body may have had when it was signed.
 *
 * A form is signed by its decoded parameters, so any other decoding and any change of its text
 * breaks the signature: a filter that rewrites escapes or line breaks, an editor that adds a
 * line break to a saved request, a lost Content-Type. Pure; any thread. */
#pragma once

#include "dlrd/twilio/verifier.h"
#include "variants.h"

#define PARAMETER_VARIANTS_AS_RECEIVED 0 /* the rule that changes nothing */

/* Adds the parameters of the request, first as received. RESULT_NO_MEMORY; RESULT_LIMIT if not even
 * those fit. */
must_check enum result parameter_variants_add(
    struct variants *variants, const struct reading *reading);

/* Applies variant->rule of an earlier request to this one and writes the parameters. out must be
 * empty. Returns false if the rule does not apply or memory is short. */
bool parameter_variants_write(struct buffer *out, const struct reading *reading, unsigned rule);

/* Returns the change of the body that a rule assumes. */
enum variant_body parameter_variants_body(unsigned rule);
