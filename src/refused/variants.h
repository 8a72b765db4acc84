/* variants: texts that a request may have had when it was signed, for diagnosis.h.
 *
 * A request has four parts: the origin, the path, the query, and the parameters of its body. Each
 * part has a list of candidates. The weight of a candidate is its distance from the request as
 * received. url_variants.h, query_variants.h and parameter_variants.h make them.
 * Untrusted clients choose the content of a request, so number and size are bounded. The caller's
 * memory; one thread at a time. */
#pragma once

#include "dlrd/base/buffer.h"

#define VARIANTS_MAX 192               /* of a part: five hosts with their ports */
#define VARIANTS_TEXT_MAX (128 * 1024) /* bytes of all candidates but the first of each part */
/* Bytes of a first candidate: a form over the body limit. */
#define VARIANTS_FIRST_MAX (512 * 1024)

enum variant_part {
	VARIANT_ORIGIN, /* "https://callbacks.example.com:8443" */
	VARIANT_PATH,
	VARIANT_QUERY,      /* with its question mark, or empty */
	VARIANT_PARAMETERS, /* in the order and spelling that is signed, or empty */
	VARIANT_PARTS,
};

/* The distance of a candidate from the request as received. Weights of several parts are added. */
enum variant_weight {
	VARIANT_AS_RECEIVED = 0,
	VARIANT_REPORTED = 1,  /* a header of a proxy has it */
	VARIANT_DEVIATION = 2, /* one thing is different */
	VARIANT_GUESS = 3,     /* one thing, an unlikely one */
	VARIANT_PAIR = 4,      /* two things */
	VARIANT_TRIPLE = 6,
	VARIANT_WEIGHTS,
};

/* The change of the body that a candidate for the parameters assumes, or the change of the query
 * for a candidate with its own parameters. */
enum variant_body {
	VARIANT_BODY_AS_RECEIVED,
	VARIANT_BODY_ALONE,   /* the URL alone was signed, no parameters */
	VARIANT_BODY_CHANGED, /* the parameters were different */
	VARIANT_BODY_IN_QUERY /* the signed parameters arrived in the query */
};

struct variant {
	size_t start, len; /* its text, in the buffer of struct variants */
	enum variant_weight weight;
	enum variant_body body;
	unsigned rule;       /* by which it was made from the request: query_variants.h,
				parameter_variants.h; 0 in the other parts */
	bool has_parameters; /* a query that replaces the parameters, too */
	size_t parameters_start, parameters_len; /* these */
};

struct variant_list {
	struct variant items[VARIANTS_MAX]; /* by weight after variants_sort */
	size_t count;
	size_t first[VARIANT_WEIGHTS + 1]; /* the index at which each weight begins */
};

/* Zero-initialise. */
struct variants {
	struct buffer text;
	struct variant_list lists[VARIANT_PARTS];
	bool cut; /* a candidate was left out for lack of room */
};

/* Adds a candidate unless its text was added before. text must not be in the variants' own buffer.
 * Candidates without room, and all after a failed allocation, are left out. */
void variants_add(struct variants *variants, enum variant_part part, struct slice text,
    enum variant_weight weight, enum variant_body body, unsigned rule);

/* Adds a query of which a part was signed as parameters. */
void variants_add_split_query(struct variants *variants, struct slice query,
    struct slice parameters, enum variant_weight weight, unsigned rule);

/* Sorts the lists by weight; equal ones stay in the order in which they were added. */
void variants_sort(struct variants *variants);

/* Return the text of a candidate, and the parameters of a query that has its own; valid until the
 * next candidate is added. */
struct slice variant_text(const struct variants *variants, const struct variant *variant);
struct slice variant_parameters(const struct variants *variants, const struct variant *variant);

void variants_done(struct variants *variants);
