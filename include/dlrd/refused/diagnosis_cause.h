/* diagnosis_cause: the reasons why a signature does not verify, and their names.
 *
 * Several causes may apply to one request; a set of them is a bit mask of DIAGNOSIS_BIT. Pure; any
 * thread. */
#pragma once

enum diagnosis_cause {
	DIAGNOSIS_UNEXPLAINED,     /* nothing fits, and not every likely variant could be tried */
	DIAGNOSIS_SCHEME,          /* http for https, or the other way round */
	DIAGNOSIS_HOST,            /* another host name */
	DIAGNOSIS_PORT,            /* another port, or one that should not be there */
	DIAGNOSIS_PREFIX_STRIPPED, /* the signed path begins with more */
	DIAGNOSIS_PREFIX_ADDED,    /* the signed path begins with less */
	DIAGNOSIS_TRAILING_SLASH,
	DIAGNOSIS_PATH, /* rewritten in another way: a double slash merged, another path */
	DIAGNOSIS_QUERY_ORDER,
	DIAGNOSIS_QUERY_ENCODING,
	DIAGNOSIS_QUERY_LOST,  /* some of it, or all */
	DIAGNOSIS_QUERY_ADDED, /* there was none, or less */
	DIAGNOSIS_METHOD,      /* a GET became a POST, or the other way round */
	DIAGNOSIS_BODY_CHANGED,
	DIAGNOSIS_OTHER_ACCOUNT, /* the token of another account than the named one */
	DIAGNOSIS_TOKEN,      /* nothing fits although every likely variant was tried: most probably
				 another token. An inference: a forged signature looks the same */
	DIAGNOSIS_SHARED_KEY, /* the request claims a shared key that is not configured */
	DIAGNOSIS_ALGORITHM,  /* the request claims an algorithm that dlrd does not know */
	DIAGNOSIS_SIGNATURE,  /* a header that is not as Twilio writes it */
	DIAGNOSIS_NO_ROUTE,   /* no [callback] section has the request's path */
	DIAGNOSIS_CAUSE_COUNT,
};

#define DIAGNOSIS_BIT(cause) (1u << (cause))

/* "prefix-stripped" ...: for metrics and messages; in static memory. */
const char *diagnosis_cause_name(enum diagnosis_cause cause);

/* Returns the cause to fix first, the one that loses the most callbacks; DIAGNOSIS_UNEXPLAINED for
 * an empty set. */
enum diagnosis_cause diagnosis_cause_first(unsigned causes);
