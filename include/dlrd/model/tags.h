/* tags: reads workspace, campaign and variant out of a callback's query.
 *
 * Twilio returns the query of the callback URL unchanged, so senders put their own identifiers
 * there. A template says how to find them: literal text, {name} for a query parameter, {name.N} for
 * its Nth field (from 1) between dots. "{meta.3}_{meta.4}" over meta=0.1.1691686363.20230810 gives
 * "1691686363_20230810". "{campaign} | {meta.3}_{meta.4}" has two alternatives; the first one whose
 * parameters are all there counts. A compiled template is read-only and may be shared by threads.
 */
#pragma once

#include "dlrd/base/buffer.h"

/* Pieces of an alternative, and alternatives: more than any reasonable template has. */
#define TAGS_PIECES_MAX 16
#define TAGS_ALTERNATIVES_MAX 8

/* Bytes of a tag: several times the longest names in use. A longer one does not fit its template.
 * The store keeps each name once, but answers repeat them in every row. */
#define TAGS_VALUE_MAX 256

enum tags_fit {
	TAGS_FIT,
	TAGS_MISSING, /* in each alternative a parameter or a field is missing or empty */
	TAGS_TOO_LONG,
	TAGS_UNPRINTABLE, /* it has control bytes */
};

struct tags_piece {
	struct slice text; /* a literal, or a parameter's name; points into the template's text */
	bool is_parameter;
	int field; /* 0 for the whole parameter, N for its Nth field */
};

struct tags_alternative {
	struct slice text; /* its part of the template's text */
	struct tags_piece pieces[TAGS_PIECES_MAX];
	size_t count;
};

struct tags_template {
	char *text;                            /* owned, ended by a NUL */
	struct tags_alternative *alternatives; /* owned */
	size_t count; /* of alternatives; 0: a template that is always empty */
};

/* What templates gave: "" each that was not filled. */
struct tags {
	struct slice workspace, campaign, variant;
};

/* Finds a parameter's decoded value; absent if there is no such parameter. */
typedef struct slice (*tags_lookup_fn)(const void *context, struct slice name);

/* Reads a template. Blanks around an alternative do not belong to it, and there is no way to write
 * a literal |. failure names the error in it. */
must_check enum result tags_template_init(
    struct tags_template *template, struct slice text, struct failure *failure);

/* Appends the filled template to out. If it does not fit, out is unchanged; an alternative whose
 * parameters are there and that is too long or unprintable is not replaced by the next one. Bytes
 * that are not UTF-8 become U+FFFD here and nowhere else, so that a name is the same in the store,
 * in lists and in filters. TAGS_VALUE_MAX applies before and after that. An empty template fits and
 * adds nothing. */
enum tags_fit tags_template_fill(const struct tags_template *template, tags_lookup_fn lookup,
    const void *context, struct buffer *out);

/* Divides a value into the texts of an alternative's pieces; a literal has its own text, and texts
 * after alternative->count are left unchanged. The texts are borrowed from value. Untouched, with
 * the reason in failure, if the alternative cannot produce value (RESULT_INVALID) or value could be
 * divided in several ways (RESULT_LIMIT). */
must_check enum result tags_alternative_divide(const struct tags_alternative *alternative,
    struct slice value, struct slice out_texts[TAGS_PIECES_MAX], struct failure *failure);

void tags_template_done(struct tags_template *template);
