#include "dlrd/base/json.h"

#include <jansson.h>

#define REPLACEMENT SLICE("\xef\xbf\xbd") /* U+FFFD */

struct json_t *
json_new_object(void)
{
	return json_object();
}

struct json_t *
json_new_array(void)
{
	return json_array();
}

void
json_put(struct json_t *object, const char *key, struct json_t *child)
{
	json_object_set_new(object, key, child);
}

static json_t *
text_value(struct slice text)
{
	if (text.ptr == NULL)
		return json_null();
	json_t *value = json_stringn(text.ptr, text.len);
	if (value != NULL)
		return value;
	struct buffer mended = BUFFER_EMPTY;
	while (text.len > 0) {
		size_t len = slice_utf8_len(text);
		buffer_append(&mended, len == 0 ? REPLACEMENT : (struct slice){text.ptr, len});
		text = slice_from(text, len == 0 ? 1 : len);
	}
	if (!mended.failed)
		value = json_stringn(buffer_slice(&mended).ptr, mended.len);
	buffer_done(&mended);
	return value;
}

void
json_put_text(struct json_t *object, const char *key, struct slice text)
{
	json_object_set_new(object, key, text_value(text));
}

void
json_put_int(struct json_t *object, const char *key, int64_t value)
{
	json_object_set_new(object, key, json_integer(value));
}

void
json_put_real(struct json_t *object, const char *key, double value)
{
	json_object_set_new(object, key, json_real(value));
}

void
json_put_bool(struct json_t *object, const char *key, bool value)
{
	json_object_set_new(object, key, json_boolean(value));
}

void
json_put_null(struct json_t *object, const char *key)
{
	json_object_set_new(object, key, json_null());
}

void
json_push(struct json_t *array, struct json_t *child)
{
	json_array_append_new(array, child);
}

void
json_add_text(struct json_t *object, struct slice key, struct slice text)
{
	/* jansson's keys are C strings of UTF-8. */
	json_t *key_value = text_value(key);
	if (key_value == NULL)
		return;
	const char *name = json_string_value(key_value);
	json_t *there = json_object_get(object, name);
	if (there == NULL)
		json_object_set_new(object, name, text_value(text));
	else if (json_is_array(there))
		json_array_append_new(there, text_value(text));
	else {
		json_t *both = json_array();
		json_array_append(both, there);
		json_array_append_new(both, text_value(text));
		json_object_set_new(object, name, both);
	}
	json_decref(key_value);
}

static int
append_chunk(const char *bytes, size_t len, void *out)
{
	buffer_append(out, (struct slice){bytes, len});
	return ((struct buffer *)out)->failed ? -1 : 0;
}

enum result
json_write(const struct json_t *value, struct buffer *out)
{
	/* 15 digits: what is written is what was meant, 0.93 and not 0.93000000000000005. */
	size_t flags = JSON_COMPACT | JSON_ENCODE_ANY | JSON_REAL_PRECISION(15);
	if (value == NULL || json_dump_callback(value, append_chunk, out, flags) != 0)
		return RESULT_NO_MEMORY;
	return RESULT_OK;
}

enum result
json_parse(struct slice text, struct json_t **out_value)
{
	json_error_t error;
	json_t *value =
	    text.ptr == NULL ? NULL : json_loadb(text.ptr, text.len, JSON_ALLOW_NUL, &error);
	if (value == NULL)
		return RESULT_INVALID;
	*out_value = value;
	return RESULT_OK;
}

struct json_t *
json_get(const struct json_t *value, const char *key)
{
	return json_object_get(value, key);
}

struct json_t *
json_first(const struct json_t *value)
{
	return json_array_get(value, 0);
}

struct slice
json_text(const struct json_t *value)
{
	if (!json_is_string(value))
		return SLICE_NONE;
	return (struct slice){json_string_value(value), json_string_length(value)};
}

void
json_free(struct json_t *value)
{
	json_decref(value);
}
