/* diagnosis: why a signature does not verify: the variant of the request that has it, and the
 * setting or proxy directive to change.
 *
 * The largest cause of lost receipts is a proxy, a port or a rotated token (twilio-node #321, #924,
 * #1061, #1183, twilio-python #402, codeforamerica/vita-min #5318). A signature that fits a variant
 * of the request proves what Twilio signed, and so what changed on the way.
 *
 * For explanation only: the request stays refused in any case. It discloses no token and no
 * digest. Its work is bounded for every request: DIAGNOSIS_TRIALS_MAX signatures over
 * DIAGNOSIS_BYTES_MAX bytes. Single deviations go first, then two at a time, then three. An unknown
 * account takes as many trials as a known one; but the time depends on the configuration, so answer
 * an untrusted client first. Pure; any thread. */
#pragma once

#include "dlrd/refused/diagnosis_cause.h"
#include "dlrd/twilio/verifier.h"

#define DIAGNOSIS_TRIALS_MAX 400
#define DIAGNOSIS_BYTES_MAX (1024 * 1024)
#define DIAGNOSIS_URL_SIZE 1024 /* with its NUL; longer ones are cut, and end with three dots */
#define DIAGNOSIS_ADVICE_SIZE 1024

/* Facts outside the signed request. Zero-initialise; all may be absent. */
struct diagnosis_hints {
	unsigned listen_port;         /* the port on which the request arrived; 0: unknown */
	bool account_verified_before; /* another request of the account has verified since the start
				       */
};

struct diagnosis {
	enum diagnosis_cause cause; /* the one to fix first */
	unsigned causes;            /* DIAGNOSIS_BIT of all causes together */
	bool fits;                  /* a variant was found: the causes are proven */
	size_t account_index;       /* account whose token fits; only if fits */
	enum token_label label;     /* which token; only if fits, and not a shared key */
	struct verifier_key key;    /* the token, or the shared key */
	unsigned query_rule;        /* how query and parameters were derived from the request, */
	unsigned parameters_rule;   /* for diagnosis_repeats; only if fits */
	unsigned trials;            /* signatures computed */
	size_t hashed;              /* bytes they were computed over */

	/* The signed URL as visible text; "" unless fits. The query holds campaigns, and for a GET
	 * phone numbers and texts: it may be shown to the operator and must never be logged. */
	char url[DIAGNOSIS_URL_SIZE];   /* up to the path */
	char query[DIAGNOSIS_URL_SIZE]; /* with its question mark, or "" */

	/* One line of visible text that names the setting to change and its value; may be logged.
	 */
	char advice[DIAGNOSIS_ADVICE_SIZE];
};

/* Explains why verifier_verify refused the request. If memory is short the cause is
 * DIAGNOSIS_UNEXPLAINED. */
void diagnosis_make(const struct verifier *verifier, const struct reading *reading,
    const struct diagnosis_hints *hints, struct diagnosis *out_diagnosis);

/* Makes the diagnosis of a request for a path without a section. It names the path only if the
 * signature is right, since any client can invent a path. */
void diagnosis_of_no_route(struct slice path, bool verified, struct diagnosis *out_diagnosis);

/* Returns whether a refused request has the same causes as an earlier one for the same path, whose
 * diagnosis fits. This takes one signature instead of hundreds. The earlier diagnosis is then true
 * of this request, except its query and, with DIAGNOSIS_OTHER_ACCOUNT, the account that the request
 * names. scratch is the caller's buffer, cleared and filled here. */
bool diagnosis_repeats(const struct diagnosis *earlier, const struct verifier *verifier,
    const struct reading *reading, struct buffer *scratch);

/* Returns whether the signature covers the parameters of a POST's form. If not, the form is
 * unproven and may hold anything. */
bool diagnosis_signs_form(const struct diagnosis *diagnosis);

/* Appends the names of all causes, with commas between them; the one to fix first comes first. */
void diagnosis_append_causes(const struct diagnosis *diagnosis, struct buffer *out);
