#include "dlrd/base/json.h"

#include "dlrd/base/json_repair.h"

#include <jansson.h>

#include <stdlib.h>

#define BYTE_ORDER_MARK "\xef\xbb\xbf"

/* jansson's parser reports an invalid token if memory is short, and a value that is built lacks the
 * member whose allocation failed. A valid text must not be taken for an invalid one, nor an
 * incomplete value for a complete one, so this file notes whether an allocation failed. */
static _Thread_local bool memory_was_short;

static void *
allocate(size_t size)
{
	void *memory = malloc(size);
	if (memory == NULL)
		memory_was_short = true;
	return memory;
}

__attribute__((constructor)) static void
watch_memory(void)
{
	json_set_alloc_funcs(allocate, free);
}

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
	struct buffer repaired = BUFFER_EMPTY;
	buffer_append_repaired(&repaired, text);
	if (repaired.failed)
		memory_was_short = true;
	else
		value = json_stringn(buffer_slice(&repaired).ptr, repaired.len);
	buffer_done(&repaired);
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
json_put_copy(struct json_t *object, const char *key, const struct json_t *value)
{
	json_object_set_new(object, key, json_deep_copy(value));
}

void
json_push(struct json_t *array, struct json_t *child)
{
	json_array_append_new(array, child);
}

void
json_push_int(struct json_t *array, int64_t number)
{
	json_array_append_new(array, json_integer(number));
}

void
json_push_text(struct json_t *array, struct slice text)
{
	json_array_append_new(array, text_value(text));
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

/* Returns the length of the DEL or C1 control at the start of text, 0 for another character.
 * Terminals act on some of them, and jansson escapes only those below U+0020. */
static size_t
control_len(struct slice text, unsigned *out_code)
{
	const unsigned char *at = (const unsigned char *)text.ptr;
	bool is_c1 = text.len > 1 && at[0] == 0xc2 && at[1] < 0xa0;

	*out_code = is_c1 ? at[1] : at[0];
	return is_c1 ? 2 : at[0] == 0x7f ? 1 : 0;
}

/* Such bytes occur only in strings, and jansson splits no character. */
static int
append_chunk(const char *bytes, size_t len, void *out)
{
	struct slice text = {bytes, len};
	size_t plain = 0;
	unsigned code;

	while (plain < text.len) {
		size_t control = control_len(slice_from(text, plain), &code);
		if (control == 0) {
			plain++;
			continue;
		}
		buffer_append(out, (struct slice){text.ptr, plain});
		buffer_appendf(out, "\\u%04X", code);
		text = slice_from(text, plain + control);
		plain = 0;
	}
	buffer_append(out, text);
	return ((struct buffer *)out)->failed ? -1 : 0;
}

static enum result
write_form(const struct json_t *value, struct buffer *out, size_t form)
{
	/* 15 digits, so that 0.93 is written as 0.93 and not as 0.93000000000000005. */
	size_t flags = form | JSON_ENCODE_ANY | JSON_REAL_PRECISION(15);
	bool is_incomplete = memory_was_short || value == NULL;

	memory_was_short = false;
	if (is_incomplete || json_dump_callback(value, append_chunk, out, flags) != 0)
		return RESULT_NO_MEMORY;
	return RESULT_OK;
}

enum result
json_write(const struct json_t *value, struct buffer *out)
{
	return write_form(value, out, JSON_COMPACT);
}

enum result
json_write_indented(const struct json_t *value, struct buffer *out)
{
	return write_form(value, out, JSON_INDENT(2));
}

enum result
json_load(struct slice text, struct json_t **out_value)
{
	json_error_t error;
	bool was_short_before = memory_was_short;

	memory_was_short = false;
	json_t *value = text.ptr == NULL ? NULL
					 : json_loadb(text.ptr, text.len,
					       JSON_ALLOW_NUL | JSON_DECODE_ANY, &error);
	bool is_short = memory_was_short;
	memory_was_short = was_short_before; /* for the next json_write */
	if (value == NULL)
		return is_short ? RESULT_NO_MEMORY : RESULT_INVALID;
	*out_value = value;
	return RESULT_OK;
}

static enum result
load_container(struct slice text, struct json_t **out_value)
{
	struct json_t *value = NULL;
	enum result result = json_load(text, &value);
	if (result == RESULT_OK && !json_is_object(value) && !json_is_array(value)) {
		json_free(value);
		return RESULT_INVALID;
	}
	if (result == RESULT_OK)
		*out_value = value;
	return result;
}

enum result
json_parse(struct slice text, struct json_t **out_value)
{
	struct buffer repaired = BUFFER_EMPTY;
	size_t len;
	if (slice_starts_with(text, SLICE(BYTE_ORDER_MARK)))
		text = slice_from(text, sizeof BYTE_ORDER_MARK - 1);
	enum result result = json_repair(text, &repaired, &len);
	if (result == RESULT_OK)
		result = len < text.len ? RESULT_INVALID
					: load_container(buffer_slice(&repaired), out_value);
	buffer_done(&repaired);
	return result;
}

enum result
json_parse_start(struct slice text, struct json_t **out_value)
{
	struct buffer repaired = BUFFER_EMPTY;
	if (slice_starts_with(text, SLICE(BYTE_ORDER_MARK)))
		text = slice_from(text, sizeof BYTE_ORDER_MARK - 1);
	enum result result = json_repair_start(text, &repaired);
	if (result == RESULT_OK)
		result = load_container(buffer_slice(&repaired), out_value);
	buffer_done(&repaired);
	return result;
}

struct json_t *
json_at(const struct json_t *value, size_t index)
{
	return json_array_get(value, index);
}

struct json_t *
json_get(const struct json_t *value, const char *key)
{
	return json_object_get(value, key);
}

bool
json_next(
    const struct json_t *object, void **cursor, const char **out_key, struct json_t **out_value)
{
	/* jansson's iterators can also change an object, so they take one that is not const. */
	json_t *changeable = (json_t *)object;
	*cursor = *cursor == NULL ? json_object_iter(changeable)
				  : json_object_iter_next(changeable, *cursor);
	if (*cursor == NULL)
		return false;
	*out_key = json_object_iter_key(*cursor);
	*out_value = json_object_iter_value(*cursor);
	return true;
}

size_t
json_count(const struct json_t *value)
{
	return json_array_size(value);
}

struct json_t *
json_item(const struct json_t *value, size_t index)
{
	return json_array_get(value, index);
}

struct slice
json_text(const struct json_t *value)
{
	if (!json_is_string(value))
		return SLICE_NONE;
	return (struct slice){json_string_value(value), json_string_length(value)};
}

bool
json_int(const struct json_t *value, int64_t *out_number)
{
	if (!json_is_integer(value))
		return false;
	*out_number = json_integer_value(value);
	return true;
}

enum json_kind
json_kind(const struct json_t *value)
{
	if (value == NULL)
		return JSON_KIND_ABSENT;
	switch (json_typeof(value)) {
	case JSON_OBJECT: return JSON_KIND_OBJECT;
	case JSON_ARRAY: return JSON_KIND_ARRAY;
	case JSON_STRING: return JSON_KIND_TEXT;
	case JSON_INTEGER:
	case JSON_REAL: return JSON_KIND_NUMBER;
	case JSON_TRUE:
	case JSON_FALSE: return JSON_KIND_BOOL;
	case JSON_NULL: return JSON_KIND_NULL;
	}
	return JSON_KIND_ABSENT;
}

void
json_free(struct json_t *value)
{
	json_decref(value);
}
