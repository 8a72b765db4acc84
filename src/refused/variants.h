/* variants: the texts that a request may have had when it was signed, as diagnosis.h tries them.
 *
 * A request is cut into four parts: the origin, the path, the query, and the parameters of its
 * body. Each part has a list of candidates, every one with the weight of how far it is from the
 * request as it came; url_variants.h, query_variants.h and parameter_variants.h make them.
 * Untrusted clients choose the content of a request, so number and size are bounded. The caller's
 * memory; one thread at a time. */
#ifndef DLRD_REFUSED_VARIANTS_H
#define DLRD_REFUSED_VARIANTS_H

#include "dlrd/base/buffer.h"

#define VARIANTS_MAX 192               /* of a part: 120 orders of five parameters, and others */
#define VARIANTS_TEXT_MAX (128 * 1024) /* bytes of all candidates but the first of each part */
#define VARIANTS_FIRST_MAX                                                     \
	(512 * 1024) /* bytes of a first candidate: a form over the body limit \
		      */

enum variant_part {
	VARIANT_ORIGIN, /* "https://callbacks.example.com:8443" */
	VARIANT_PATH,
	VARIANT_QUERY,      /* with its question mark, or empty */
	VARIANT_PARAMETERS, /* in the order and spelling that is signed, or empty */
	VARIANT_PARTS,
};

/* How far a candidate is from what came. Weights of several parts are added up. */
enum variant_weight {
	VARIANT_AS_CAME = 0,
	VARIANT_TOLD = 1,      /* a header of a proxy says so */
	VARIANT_DEVIATION = 2, /* one thing is different */
	VARIANT_GUESS = 3,     /* one thing, and not a likely one */
	VARIANT_PAIR = 4,      /* two things */
	VARIANT_TRIPLE = 6,
	VARIANT_WEIGHTS,
};

/* What became of the body in a candidate for the parameters, or of the query in one that has its
 * own parameters. */
enum variant_body {
	VARIANT_BODY_AS_CAME,
	VARIANT_BODY_ALONE,   /* the URL was signed, and no parameters */
	VARIANT_BODY_CHANGED, /* the parameters were different */
	VARIANT_BODY_IN_QUERY /* what was signed as parameters came in the query */
};

struct variant {
	size_t start, len; /* its text, in the buffer of struct variants */
	enum variant_weight weight;
	enum variant_body body;
	unsigned rule;       /* how its part was made of the request: query_variants.h,
				parameter_variants.h; 0 in the other parts */
	bool has_parameters; /* a query that stands for the parameters, too */
	size_t parameters_start, parameters_len; /* these */
};

struct variant_list {
	struct variant items[VARIANTS_MAX]; /* by weight, once variants_sort was called */
	size_t count;
	size_t first[VARIANT_WEIGHTS + 1]; /* where each weight begins */
};

/* Zero-initialise. */
struct variants {
	struct buffer text;
	struct variant_list lists[VARIANT_PARTS];
	bool cut; /* a candidate did not find room */
};

/* Adds a candidate unless its text is there already. text must not be of the variants' own buffer.
 * Candidates that find no room, and all after a failed allocation, are left out. */
void variants_add(struct variants *variants, enum variant_part part, struct slice text,
    enum variant_weight weight, enum variant_body body, unsigned rule);

/* Adds a query of which a part was signed as parameters. */
void variants_add_split_query(struct variants *variants, struct slice query,
    struct slice parameters, enum variant_weight weight, unsigned rule);

/* Puts the lists in order of weight; among equals the one that was added first. */
void variants_sort(struct variants *variants);

/* The text of a candidate, and the parameters of a query that has some; both are good until the
 * next one is added. */
struct slice variant_text(const struct variants *variants, const struct variant *variant);
struct slice variant_parameters(const struct variants *variants, const struct variant *variant);

void variants_done(struct variants *variants);

#endif
