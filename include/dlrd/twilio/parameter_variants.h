/* parameter_variants: other parameters that a body may have given when it was signed.
 *
 * A form is signed by its decoded parameters, so what decodes it otherwise or changes its text on
 * the way breaks the signature: a filter that rewrites line breaks or the character set, a gateway
 * that puts the query's parameters into the form, an editor that adds a line break to a saved
 * request, a lost Content-Type. Pure; any thread. */
#ifndef DLRD_TWILIO_PARAMETER_VARIANTS_H
#define DLRD_TWILIO_PARAMETER_VARIANTS_H

#include "dlrd/twilio/variants.h"
#include "dlrd/twilio/verifier.h"

#define PARAMETER_VARIANTS_AS_CAME 0 /* the rule that changes nothing */

/* Adds the parameters of the request, as they came first. RESULT_NO_MEMORY, and RESULT_LIMIT where
 * not even those find room. */
must_check enum result parameter_variants_add(
    struct variants *variants, const struct verify_request *request);

/* Writes the parameters that variant->rule of an earlier request makes of this one; out begins
 * empty. False where it makes nothing of it, and where memory is short. */
bool parameter_variants_write(
    struct buffer *out, const struct verify_request *request, unsigned rule);

/* What became of the body by a rule. */
enum variant_body parameter_variants_body(unsigned rule);

#endif
