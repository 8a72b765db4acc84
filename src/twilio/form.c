#include "dlrd/twilio/form.h"

#include <stdlib.h>

static size_t
count_pieces(struct slice text)
{
	size_t pieces = 1;
	for (size_t at = 0; (at += slice_find(slice_from(text, at), '&')) < text.len; at++)
		pieces++;
	return pieces;
}

static enum result
make_room(struct form *form, size_t fields, size_t bytes)
{
	if (fields > form->capacity) {
		struct form_field *more = realloc(form->fields, fields * sizeof *more);
		if (more == NULL)
			return RESULT_NO_MEMORY;
		form->fields = more;
		form->capacity = fields;
	}
	if (bytes > form->text_capacity) {
		char *more = realloc(form->text, bytes);
		if (more == NULL)
			return RESULT_NO_MEMORY;
		form->text = more;
		form->text_capacity = bytes;
	}
	return RESULT_OK;
}

/* Decodes raw to out, which has room for raw.len bytes, and returns the decoded text. */
static struct slice
decode(struct slice raw, bool plus_is_space, char *out)
{
	size_t len = 0;
	for (size_t i = 0; i < raw.len; i++) {
		char byte = raw.ptr[i];
		if (byte == '+' && plus_is_space)
			byte = ' ';
		else if (byte == '%') {
			int escaped = slice_escaped_byte(slice_from(raw, i));
			if (escaped >= 0) {
				byte = (char)escaped;
				i += 2;
			}
		}
		out[len++] = byte;
	}
	return (struct slice){out, len};
}

enum result
form_decode(struct form *form, struct slice text, size_t fields_max)
{
	form->count = 0;
	size_t pieces = count_pieces(text);

	enum result result =
	    make_room(form, pieces < fields_max ? pieces : fields_max, text.len + 1);
	if (result != RESULT_OK)
		return result;

	char *out = form->text;
	for (struct slice rest = text.len > 0 ? text : SLICE_NONE; rest.ptr != NULL;) {
		struct slice value = slice_take(&rest, '&');
		if (value.len == 0)
			continue;
		if (form->count == fields_max) {
			form->count = 0;
			return RESULT_LIMIT;
		}

		struct form_field *field = &form->fields[form->count++];
		struct slice name = slice_take(&value, '=');
		field->name = decode(name, true, out);
		out += field->name.len;
		field->value = decode(value, true, out);
		out += field->value.len;
	}
	return RESULT_OK;
}

struct slice
form_get(const struct form *form, struct slice name)
{
	for (size_t i = 0; i < form->count; i++)
		if (slice_equal(form->fields[i].name, name))
			return form->fields[i].value;
	return SLICE_NONE;
}

struct slice
form_unescape(struct slice raw, char *out)
{
	return decode(raw, false, out);
}

bool
form_is_body(struct slice media_type, struct slice body)
{
	struct slice type = {media_type.ptr, slice_find(media_type, ';')};
	return (body.len == 0 && media_type.ptr == NULL) ||
	       slice_equal_nocase(slice_trim(type), SLICE(FORM_MEDIA_TYPE));
}

void
form_done(struct form *form)
{
	free(form->fields);
	free(form->text);
	*form = FORM_EMPTY;
}
