/* form: a form or query of any bytes. Encoding and re-decoding it must not change it. */
#include "dlrd/twilio/callback_url.h"
#include "dlrd/twilio/form.h"

#include "fuzz.h"

#define FIELDS_MAX 512

static void
write_form(const struct form *form, struct buffer *out)
{
	for (size_t i = 0; i < form->count; i++) {
		if (i > 0)
			buffer_append_byte(out, '&');
		callback_url_escape(form->fields[i].name, out);
		buffer_append_byte(out, '=');
		callback_url_escape(form->fields[i].value, out);
	}
}

static void
check_again(const struct form *form)
{
	struct buffer text = BUFFER_EMPTY;
	struct form again = FORM_EMPTY;
	write_form(form, &text);
	CHECK_OK(form_decode(&again, buffer_slice(&text), FIELDS_MAX));
	CHECK(again.count == form->count);
	for (size_t i = 0; i < form->count; i++) {
		CHECK(slice_equal(again.fields[i].name, form->fields[i].name));
		CHECK(slice_equal(again.fields[i].value, form->fields[i].value));
	}
	buffer_done(&text);
	form_done(&again);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input input = fuzz_begin(data, size);
	struct slice text = fuzz_rest(&input);
	struct form form = FORM_EMPTY;
	size_t bytes = 0;
	enum result result = form_decode(&form, text, FIELDS_MAX);
	CHECK(result == RESULT_OK || (result == RESULT_LIMIT && form.count == 0));
	CHECK(form.count <= FIELDS_MAX);
	for (size_t i = 0; i < form.count; i++) {
		bytes += form.fields[i].name.len + form.fields[i].value.len;
		CHECK(form_get(&form, form.fields[i].name).ptr != NULL);
	}
	CHECK(bytes <= text.len);
	check_again(&form);
	char *segment = malloc(text.len + 1);
	CHECK(segment != NULL && form_unescape(text, segment).len <= text.len);
	free(segment);
	form_done(&form);
	fuzz_end(&input);
	return 0;
}
