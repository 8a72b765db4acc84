/* json: building, writing and reading JSON; the project's only door to jansson.
 *
 * A struct json_t is a value with one owner. json_put and json_push take over their child, also
 * when they fail. The caller that created the outermost value frees it with json_free. Text may
 * have any bytes: those that are not UTF-8 become U+FFFD, since JSON cannot carry them. Building
 * does not report failures (no memory); json_write reports them at the end. A value belongs to one
 * thread at a time. */
#pragma once

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
void json_push_int(struct json_t *array, int64_t number);
void json_push_text(struct json_t *array, struct slice text); /* absent: null */

/* Puts text under a key (cut at its first NUL byte). If the key exists already, it becomes an array
 * of its values. */
void json_add_text(struct json_t *object, struct slice key, struct slice text);

/* Appends the value as compact JSON in insertion order, with every control character escaped.
 * Returns RESULT_NO_MEMORY if memory is short, or was while this thread built values since its last
 * call. */
must_check enum result json_write(const struct json_t *value, struct buffer *out);

/* The same, with a line for each member, indented: for people. */
must_check enum result json_write_indented(const struct json_t *value, struct buffer *out);

/* Reads one JSON object or array. text must have nothing else, except a byte order mark. Invalid
 * values in it are repaired (json_repair.h). If an object has a key twice, the last value counts.
 * Returns RESULT_INVALID for other text, or RESULT_NO_MEMORY. */
must_check enum result json_parse(struct slice text, struct json_t **out_value);

/* Reads the part of a cut or damaged text before the damage (json_repair_start). */
must_check enum result json_parse_start(struct slice text, struct json_t **out_value);

/* Reads a value of any kind that json_repair.h has written. */
must_check enum result json_load(struct slice text, struct json_t **out_value);

/* Returns an object's value for key, borrowed; NULL if it has none or value is not an object. */
struct json_t *json_get(const struct json_t *value, const char *key);

/* Returns an array's value at index, borrowed; NULL beyond its end, or if value is not an array. */
struct json_t *json_at(const struct json_t *value, size_t index);

/* Iterates over an object's members in their order: start with *cursor NULL and call it as long as
 * it returns true. Key and value are borrowed; the object must not change meanwhile. A value that
 * is not an object has no members. */
bool json_next(
    const struct json_t *object, void **cursor, const char **out_key, struct json_t **out_value);

/* The number of elements of an array, and the one at index, borrowed. A value that is not an array
 * has no elements; NULL beyond the last one. */
size_t json_count(const struct json_t *value);
struct json_t *json_item(const struct json_t *value, size_t index);

/* Returns the text of a string, borrowed; absent if value is not a string, or NULL. */
struct slice json_text(const struct json_t *value);

/* Returns false unless value is a whole number of 64 bits (5.0 is one; a text of digits is not). */
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
