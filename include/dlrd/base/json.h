/* json: building, writing and reading JSON; the project's only door to jansson.
 *
 * A struct json_t is a value with one owner. json_put and json_push take over the child that they
 * are given, also when they fail, and whoever made the outermost value frees it with json_free.
 * Text of any bytes may be put: what is not UTF-8 is replaced by U+FFFD, since JSON cannot carry
 * it. Failures while building (no memory) are silent; json_write then reports that memory was
 * short. A value belongs to one thread at a time. */
#ifndef DLRD_BASE_JSON_H
#define DLRD_BASE_JSON_H

#include "dlrd/base/buffer.h"

struct json_t;

struct json_t *json_new_object(void);
struct json_t *json_new_array(void);

void json_put(struct json_t *object, const char *key, struct json_t *child);
void json_put_text(struct json_t *object, const char *key, struct slice text); /* absent: null */
void json_put_int(struct json_t *object, const char *key, int64_t value);
void json_put_real(struct json_t *object, const char *key, double value);
void json_put_bool(struct json_t *object, const char *key, bool value);
void json_put_null(struct json_t *object, const char *key);
void json_put_copy(struct json_t *object, const char *key, const struct json_t *value);
void json_push(struct json_t *array, struct json_t *child);
void json_push_text(struct json_t *array, struct slice text); /* absent: null */

/* Puts text under a key (cut at its first NUL byte); a key that is there already becomes an array
 * of its values.
 */
void json_add_text(struct json_t *object, struct slice key, struct slice text);

/* Appends the value as compact JSON in insertion order. RESULT_NO_MEMORY when it could not. */
must_check enum result json_write(const struct json_t *value, struct buffer *out);

/* Reads one JSON object or array from text, which must be it and nothing else, but for a byte order
 * mark; odd values in it are repaired (json_repair.h). Of a key that an object has twice the last
 * value counts. RESULT_INVALID for anything else; RESULT_NO_MEMORY. */
must_check enum result json_parse(struct slice text, struct json_t **out_value);

/* Reads what a text that is cut or damaged has before the damage (json_repair_start). */
must_check enum result json_parse_start(struct slice text, struct json_t **out_value);

/* Reads a value of any kind that json_repair.h has written. */
must_check enum result json_load(struct slice text, struct json_t **out_value);

/* What an object holds under key, borrowed; NULL where there is none or value is no object. */
struct json_t *json_get(const struct json_t *value, const char *key);

/* The first element of an array, borrowed; NULL where value is no array or is empty. */
struct json_t *json_first(const struct json_t *value);

/* How many elements an array has, 0 for what is no array; and one of them, borrowed, NULL where
 * index is not below that. */
size_t json_count(const struct json_t *value);
struct json_t *json_at(const struct json_t *value, size_t index);

/* Goes through an object's members in their order: start with *cursor NULL, go on while it is true.
 * What it gives is borrowed; the object must not change meanwhile. What is no object has none. */
bool json_next(
    const struct json_t *object, void **cursor, const char **out_key, struct json_t **out_value);

/* The text of a string value, borrowed from it; absent where value is no string or NULL. */
struct slice json_text(const struct json_t *value);

/* false unless value is a whole number of 64 bits (5.0 is one; a text of digits is not). */
bool json_int(const struct json_t *value, int64_t *out_number);

enum json_kind {
	JSON_KIND_ABSENT, /* NULL, no value at all */
	JSON_KIND_NULL,   /* JSON's null */
	JSON_KIND_BOOL,
	JSON_KIND_NUMBER,
	JSON_KIND_TEXT,
	JSON_KIND_ARRAY,
	JSON_KIND_OBJECT,
};

enum json_kind json_kind(const struct json_t *value);

void json_free(struct json_t *value);

#endif
