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

#include "dlrd/twilio/url_variants.h"
#include "dlrd/twilio/verifier.h"

#define DIAGNOSIS_TRIALS_MAX 400
#define DIAGNOSIS_BYTES_MAX (1024 * 1024)
#define DIAGNOSIS_URL_SIZE 1024 /* with its NUL; longer ones are cut, and end with three dots */
#define DIAGNOSIS_ADVICE_SIZE 1024

enum diagnosis_cause {
	DIAGNOSIS_UNEXPLAINED,     /* nothing fits, and not all that is likely could be tried */
	DIAGNOSIS_SCHEME,          /* http for https, or the other way round */
	DIAGNOSIS_HOST,            /* another host name */
	DIAGNOSIS_PORT,            /* another port, or one that should not be there */
	DIAGNOSIS_PREFIX_STRIPPED, /* the path that was signed begins with more */
	DIAGNOSIS_PREFIX_ADDED,    /* ... with less */
	DIAGNOSIS_TRAILING_SLASH,
	DIAGNOSIS_PATH, /* rewritten in another way: a double slash merged, another path */
	DIAGNOSIS_QUERY_ORDER,
	DIAGNOSIS_QUERY_ENCODING,
	DIAGNOSIS_QUERY_LOST,  /* some of it, or all */
	DIAGNOSIS_QUERY_ADDED, /* there was none, or less */
	DIAGNOSIS_METHOD,      /* a GET became a POST, or the other way round */
	DIAGNOSIS_BODY_CHANGED,
	DIAGNOSIS_OTHER_ACCOUNT, /* the token of another account than the one it names */
	DIAGNOSIS_TOKEN, /* nothing fits though all that is likely was tried: most probably another
			    token. An inference: a made-up signature looks the same */
	DIAGNOSIS_SHARED_KEY, /* it claims a shared key that is not configured */
	DIAGNOSIS_ALGORITHM,  /* it claims an algorithm that dlrd does not know */
	DIAGNOSIS_SIGNATURE,  /* a header that is not as Twilio writes it */
	DIAGNOSIS_NO_ROUTE,   /* no [callback] section has its path */
	DIAGNOSIS_CAUSE_COUNT,
};

#define DIAGNOSIS_BIT(cause) (1u << (cause))

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

/* "prefix-stripped" ...: for metrics and messages. */
const char *diagnosis_cause_name(enum diagnosis_cause cause);

/* Appends the names of all causes, with commas between them; the one to mend first is first. */
void diagnosis_append_causes(const struct diagnosis *diagnosis, struct buffer *out);

#endif
