/* form: decodes application/x-www-form-urlencoded, from a body or from a query.
 *
 * The signature covers the decoded pairs exactly, so decoding is lossless: order, empty values,
 * repeated names and bytes of any value (NUL, CR, LF, invalid UTF-8) are preserved. + is a space,
 * %XX a byte, and a malformed escape is unchanged, as in Python's and Node's decoders. A piece
 * without = is a name with an empty value; an empty piece (&&) is skipped.
 *
 * A struct form owns its memory and can be reused for any number of texts; its content is valid
 * until the next form_decode or form_done. One thread at a time. */
#pragma once

#include "dlrd/base/slice.h"

#define FORM_MEDIA_TYPE "application/x-www-form-urlencoded"

struct form_field {
	struct slice name, value; /* decoded bytes, in the form's own memory */
};

struct form {
	struct form_field *fields; /* in the order of the text */
	size_t count;
	size_t capacity; /* fields allocated */
	char *text;      /* the decoded bytes of all names and values */
	size_t text_capacity;
};

#define FORM_EMPTY ((struct form){NULL, 0, 0, NULL, 0})

/* Decodes text into form, replacing its content. RESULT_LIMIT for more than fields_max
 * fields (the form is then empty), RESULT_NO_MEMORY. */
must_check enum result form_decode(struct form *form, struct slice text, size_t fields_max);

/* Returns the value of the first field of that name, or an absent slice. */
struct slice form_get(const struct form *form, struct slice name);

/* Decodes the percent escapes of raw (not its plus signs) into out, which has room for raw.len
 * bytes: for the segments of a path. */
struct slice form_unescape(struct slice raw, char *out);

/* Returns whether a body with this Content-Type is read as a form: the type is a form's, with any
 * parameters ("; charset=UTF-8"), or both type and body are missing. */
bool form_is_body(struct slice media_type, struct slice body);

void form_done(struct form *form);
