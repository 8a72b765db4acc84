/* tags: a template over a query. Lines: the template; the query. A tag that was read can be divided
 * into the values that give it, unless it could be in several ways. */
#include "dlrd/model/tags.h"
#include "dlrd/twilio/form.h"

#include "fuzz.h"

static struct slice
look_up(const void *context, struct slice name)
{
	return form_get(context, name);
}

static void
check_divided(const struct tags_alternative *alternative, struct slice tag)
{
	struct slice texts[TAGS_PIECES_MAX];
	struct failure failure = {""};
	size_t at = 0;
	if (tags_alternative_divide(alternative, tag, texts, &failure) != RESULT_OK) {
		CHECK(failure.text[0] != '\0');
		return;
	}
	for (size_t i = 0; i < alternative->count; i++) {
		CHECK(texts[i].len <= tag.len - at);
		CHECK(memcmp(texts[i].ptr, tag.ptr + at, texts[i].len) == 0);
		at += texts[i].len;
	}
	CHECK(at == tag.len);
}

static void
check_tag(const struct tags_template *template, const struct form *form)
{
	struct buffer out = BUFFER_EMPTY;
	buffer_append(&out, SLICE("before"));
	if (tags_template_fill(template, look_up, form, &out) == TAGS_FIT) {
		struct slice tag = slice_from(buffer_slice(&out), strlen("before"));
		CHECK(tag.len <= TAGS_VALUE_MAX && slice_is_utf8(tag));
		for (size_t i = 0; i < tag.len; i++)
			CHECK((unsigned char)tag.ptr[i] >= ' ' && tag.ptr[i] != 0x7f);
		for (size_t i = 0; i < template->count; i++)
			check_divided(&template->alternatives[i], tag);
	} else
		CHECK(out.len == strlen("before"));
	buffer_done(&out);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input input = fuzz_begin(data, size);
	struct tags_template template;
	struct failure failure = {""};
	struct form form = FORM_EMPTY;
	struct slice text = fuzz_line(&input), query = fuzz_rest(&input);
	if (tags_template_init(&template, text, &failure) == RESULT_OK) {
		CHECK(template.count <= TAGS_ALTERNATIVES_MAX);
		if (form_decode(&form, query, 512) == RESULT_OK)
			check_tag(&template, &form);
		for (size_t i = 0; i < template.count; i++)
			check_divided(&template.alternatives[i], query);
		tags_template_done(&template);
	} else
		CHECK(failure.text[0] != '\0');
	form_done(&form);
	fuzz_end(&input);
	return 0;
}
