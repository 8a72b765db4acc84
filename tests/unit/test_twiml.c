/* twiml: for any text, the answer is well-formed XML with that text. */
#include "testing.h"

#include "dlrd/twilio/twiml.h"

#define HEAD "<?xml version=\"1.0\" encoding=\"UTF-8\"?><Response><Message>"
#define TAIL "</Message></Response>"

static void
assert_written(struct slice text, const char *between)
{
	struct buffer out = BUFFER_EMPTY, wanted = BUFFER_EMPTY;
	twiml_message(text, SLICE_NONE, &out);
	buffer_appendf(&wanted, HEAD "%s" TAIL, between);
	buffer_append_byte(&wanted, '\0');
	assert_false(out.failed);
	assert_slice(buffer_slice(&out), wanted.ptr);
	buffer_done(&out);
	buffer_done(&wanted);
}

static void
plain_text_is_written_as_it_is(void **state)
{
	(void)state;
	assert_written(SLICE("Welcome"), "Welcome");
	assert_written(SLICE(""), "");
	assert_written(SLICE_NONE, "");
	assert_written(SLICE(" two\n\tlines "), " two\n\tlines ");
	assert_written(SLICE("\xc3\xa9 \xe2\x82\xac \xf0\x9f\x8e\x89 \x7f"),
	    "\xc3\xa9 \xe2\x82\xac \xf0\x9f\x8e\x89 \x7f");
}

static void
a_file_is_an_element_next_to_the_text(void **state)
{
	(void)state;
	static const struct {
		const char *text, *media, *between;
	} rows[] = {
	    {"Hi", "https://a.example/x.jpg",
		"<Body>Hi</Body><Media>https://a.example/x.jpg</Media>"},
	    {NULL, "https://a.example/?a=1&b=<c>",
		"<Media>https://a.example/?a=1&amp;b=&lt;c&gt;</Media>"},
	    {"", "h://x", "<Media>h://x</Media>"},
	    {"</Body><Media>x", "h://]]>",
		"<Body>&lt;/Body&gt;&lt;Media&gt;x</Body>"
		"<Media>h://]]&gt;</Media>"},
	};
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct buffer out = BUFFER_EMPTY, wanted = BUFFER_EMPTY;
		twiml_message(slice_of(rows[i].text), slice_of(rows[i].media), &out);
		buffer_appendf(&wanted, HEAD "%s" TAIL, rows[i].between);
		buffer_append_byte(&wanted, '\0');
		assert_slice(buffer_slice(&out), wanted.ptr);
		buffer_done(&out);
		buffer_done(&wanted);
	}
}

static void
markup_is_escaped(void **state)
{
	(void)state;
	assert_written(SLICE("<Media>x</Media> & \"y\" 'z' ]]> &amp;"),
	    "&lt;Media&gt;x&lt;/Media&gt; &amp; \"y\" 'z' ]]&gt; &amp;amp;");
	assert_written(SLICE("a\r\nb"), "a&#13;\nb");
}

static void
what_xml_cannot_carry_is_replaced(void **state)
{
	(void)state;
	assert_written(SLICE("a\0b\x01\x1b\x1f"), "a\xef\xbf\xbd"
						  "b\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd");
	assert_written(SLICE("\xff"
			     "a\xc3"),
	    "\xef\xbf\xbd"
	    "a\xef\xbf\xbd");
	assert_written(SLICE("\xef\xbf\xbe\xef\xbf\xbf"), "\xef\xbf\xbd\xef\xbf\xbd");
	assert_written(
	    SLICE("\xed\xa0\x80"), "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"); /* a surrogate */
}

static void
a_document_is_appended(void **state)
{
	(void)state;
	struct buffer out = BUFFER_EMPTY;
	buffer_append(&out, SLICE("before"));
	twiml_message(SLICE("x"), SLICE_NONE, &out);
	assert_slice(buffer_slice(&out), "before" HEAD "x" TAIL);
	buffer_done(&out);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(plain_text_is_written_as_it_is),
	    cmocka_unit_test(a_file_is_an_element_next_to_the_text),
	    cmocka_unit_test(markup_is_escaped),
	    cmocka_unit_test(what_xml_cannot_carry_is_replaced),
	    cmocka_unit_test(a_document_is_appended),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
