/* diagnosis: why a signature does not verify: which other request would have had it, and which
 * setting or proxy directive is to be changed.
 *
 * The largest cause of lost receipts is a proxy, a port or a rotated token (twilio-node #321, #924,
 * #1061, #1183, twilio-python #402, codeforamerica/vita-min #5318). A signature that fits a variant
 * of the request is proof of what Twilio signed, and so of what happened on the way.
 *
 * Explanation only: whatever it finds, the request stays refused. It gives no token and no digest
 * away. Its work is bounded whatever a stranger sends: DIAGNOSIS_TRIALS_MAX signatures over
 * DIAGNOSIS_BYTES_MAX bytes. Single deviations go first, then two at a time, then three. An
 * unknown account is looked into for as long as a known one; but how long that is depends on what
 * is configured, so a stranger should not be kept waiting for it. Pure; any thread. */
#ifndef DLRD_TWILIO_DIAGNOSIS_H
#define DLRD_TWILIO_DIAGNOSIS_H

#include "dlrd/twilio/diagnosis_cause.h"
#include "dlrd/twilio/url_variants.h"
#include "dlrd/twilio/verifier.h"

#define DIAGNOSIS_TRIALS_MAX 400
#define DIAGNOSIS_BYTES_MAX (1024 * 1024)
#define DIAGNOSIS_URL_SIZE 1024 /* with its NUL; longer ones are cut, and end with three dots */
#define DIAGNOSIS_ADVICE_SIZE 1024

/* What is known beside the request. Zero-initialise; all may be absent. */
struct diagnosis_hints {
	struct url_hints url;
	bool account_verified_before; /* another request of the account did, since the start */
};

struct diagnosis {
	enum diagnosis_cause cause; /* the one to mend first */
	unsigned causes;            /* DIAGNOSIS_BIT of all that had to be put together */
	bool fits;                  /* a variant was found: the causes are proven */
	size_t account_index;       /* whose token fits; only where fits */
	enum token_label label;     /* which one; only where fits, and not a shared key's secret */
	struct verifier_key key;    /* the same, or the shared key */
	unsigned query_rule;        /* how query and parameters were made of the request, */
	unsigned parameters_rule;   /* for diagnosis_repeats; only where fits */
	unsigned trials;            /* signatures computed */
	size_t hashed;              /* bytes they were computed over */

	/* What was signed, as visible text; "" unless fits. The query holds campaigns, and that of
	 * a GET phone numbers and texts: it is for the operator's eyes, and never for a log. */
	char url[DIAGNOSIS_URL_SIZE];   /* up to the path */
	char query[DIAGNOSIS_URL_SIZE]; /* with its question mark, or "" */

	/* One line of visible text that names what is to be changed, and to what; fit for a log. */
	char advice[DIAGNOSIS_ADVICE_SIZE];
};

/* Explains why verifier_verify refused the request. Where memory is short it is unexplained. */
void diagnosis_make(const struct verifier *verifier, const struct verify_request *request,
    const struct diagnosis_hints *hints, struct diagnosis *out_diagnosis);

/* The diagnosis of a request for a path without a section; names the path only if the signature is
 * right, since anybody can make one up. */
void diagnosis_of_no_route(struct slice path, bool verified, struct diagnosis *out_diagnosis);

/* Whether the request, which verifier_verify refused, too, has a signature for the same reasons as
 * an earlier one for the same path, whose diagnosis fits: one signature tells, instead of hundreds.
 * All that the earlier one says but the query is then true of this one, and of its account where
 * that is not the one that signed. scratch is the caller's, cleared and filled here. */
bool diagnosis_repeats(const struct diagnosis *earlier, const struct verifier *verifier,
    const struct verify_request *request, const struct diagnosis_hints *hints,
    struct buffer *scratch);

/* Whether what was signed has the parameters of a POST's form in it, where there is one; otherwise
 * the form may hold anything. */
bool diagnosis_signs_form(const struct diagnosis *diagnosis);

/* Appends the names of all causes, with commas between them; the one to mend first is first. */
void diagnosis_append_causes(const struct diagnosis *diagnosis, struct buffer *out);

#endif
