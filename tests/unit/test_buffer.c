/* buffer: bytes that grow while they are written. */
#include "testing.h"

static void
an_empty_buffer_is_an_empty_text(void **state)
{
	(void)state;
	struct buffer buffer = BUFFER_EMPTY;
	assert_slice(buffer_slice(&buffer), "");
	buffer_append(&buffer, SLICE_NONE);
	assert_slice(buffer_slice(&buffer), "");
	buffer_done(&buffer);
}

static void
what_is_appended_stands_there_in_order(void **state)
{
	(void)state;
	struct buffer buffer = BUFFER_EMPTY;
	buffer_append(&buffer, SLICE("a\0b"));
	buffer_append_byte(&buffer, '\0');
	buffer_appendf(&buffer, "%d-%s", 42, "x");
	assert_true(slice_equal(buffer_slice(&buffer), SLICE("a\0b\00042-x")));
	buffer_done(&buffer);
	assert_int_equal(buffer.len, 0);
	buffer_append(&buffer, SLICE("again")); /* usable after buffer_done */
	assert_slice(buffer_slice(&buffer), "again");
	buffer_done(&buffer);
}

static void
a_formatted_text_may_be_longer_than_the_room_left(void **state)
{
	(void)state;
	struct buffer buffer = BUFFER_EMPTY;
	for (int i = 0; i < 2000; i++)
		buffer_appendf(&buffer, "%0*d,", i % 300 + 1, i);
	size_t expected = 0;
	for (int i = 0; i < 2000; i++) {
		int width = i % 300 + 1, digits = i < 10 ? 1 : i < 100 ? 2 : i < 1000 ? 3 : 4;
		expected += (size_t)(width > digits ? width : digits) + 1;
	}
	assert_false(buffer.failed);
	assert_int_equal(buffer.len, expected);
	buffer_done(&buffer);
}

static void
clearing_keeps_the_memory(void **state)
{
	(void)state;
	struct buffer buffer = BUFFER_EMPTY;
	buffer_append(&buffer, SLICE("hello"));
	char *before = buffer.ptr;
	buffer_clear(&buffer);
	assert_slice(buffer_slice(&buffer), "");
	assert_true(buffer_reserve(&buffer, 5));
	assert_ptr_equal(buffer.ptr, before);
	buffer_done(&buffer);
}

static void
after_a_failure_nothing_is_appended(void **state)
{
	(void)state;
	struct buffer buffer = BUFFER_EMPTY;
	buffer_append(&buffer, SLICE("ab"));
	buffer.failed = true;
	buffer_append(&buffer, SLICE("c"));
	buffer_appendf(&buffer, "%d", 1);
	assert_false(buffer_reserve(&buffer, 1));
	assert_slice(buffer_slice(&buffer), "ab");
	buffer_clear(&buffer);
	assert_false(buffer.failed);
	buffer_done(&buffer);
}

static void
room_that_no_memory_has_is_refused(void **state)
{
	(void)state;
	struct buffer buffer = BUFFER_EMPTY;
	buffer_append(&buffer, SLICE("0123456789"));
	assert_false(buffer_reserve(&buffer, SIZE_MAX - 5)); /* the sum does not fit a size_t */
	buffer_done(&buffer);
}

static void
marks_that_change_the_direction_of_text_are_visible(void **state)
{
	(void)state;
	struct buffer buffer = BUFFER_EMPTY;
	buffer_append_visible(
	    &buffer, SLICE("a\u061c\u200d\u200e\u200f\u2010\u2027\u2028\u202e\u2069"));
	assert_slice(buffer_slice(&buffer),
	    "a\\xd8\\x9c\u200d\\xe2\\x80\\x8e\\xe2\\x80\\x8f\u2010\u2027"
	    "\\xe2\\x80\\xa8\\xe2\\x80\\xae\\xe2\\x81\\xa9");
	buffer_done(&buffer);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(an_empty_buffer_is_an_empty_text),
	    cmocka_unit_test(what_is_appended_stands_there_in_order),
	    cmocka_unit_test(a_formatted_text_may_be_longer_than_the_room_left),
	    cmocka_unit_test(clearing_keeps_the_memory),
	    cmocka_unit_test(after_a_failure_nothing_is_appended),
	    cmocka_unit_test(room_that_no_memory_has_is_refused),
	    cmocka_unit_test(marks_that_change_the_direction_of_text_are_visible),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
