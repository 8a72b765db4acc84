/* query_respelling: which other spellings of a query are verified, and that they are few. */
#include "testing.h"

#include "dlrd/twilio/query_respelling.h"

static struct buffer out;
static struct query_respellings found;

static int
tear_down(void **state)
{
	(void)state;
	buffer_done(&out);
	return 0;
}

static bool
finds(const char *target, const char *wanted)
{
	buffer_clear(&out);
	query_respellings_write(slice_of(target), QUERY_RESPELLINGS_MAX, &out, &found);
	for (size_t i = 0; i < found.count; i++)
		if (slice_equal(
			(struct slice){out.ptr + found.starts[i], found.lens[i]}, slice_of(wanted)))
			return true;
	return false;
}

static void
every_combination_of_three_characters_is_found(void **state)
{
	(void)state;
	static const char *const parts[][2] = {{":", "%3A"}, {"@", "%40"}, {"'", "%27"}};
	for (int came = 0; came < 8; came++)
		for (int wanted = 0; wanted < 8; wanted++) {
			char texts[2][64];
			const int masks[] = {came, wanted};
			for (int i = 0; i < 2; i++)
				snprintf(texts[i], sizeof texts[i],
				    "/p%%3A?a=%s&b=%s%%2B%s=", parts[0][masks[i] & 1],
				    parts[1][masks[i] >> 1 & 1], parts[2][masks[i] >> 2 & 1]);
			assert_int_equal(finds(texts[0], texts[1]), came != wanted);
			assert_true(found.count <= QUERY_RESPELLINGS_MAX);
		}
}

static void
the_other_case_of_hexadecimal_digits_is_found(void **state)
{
	(void)state;
	assert_true(finds("/p?a=%3a", "/p?a=%3A"));
	assert_true(finds("/p?a=%3A&b=%2c&c=%2b", "/p?a=%3a&b=%2C&c=%2b"));
	assert_true(finds("/p?a=@'%2c%3A", "/p?a=@'%2C%3a"));
	assert_false(finds("/p?a=%c3%a9", "/p?a=%C3%A9"));
}

static void
a_query_without_such_characters_has_no_other_spelling(void **state)
{
	(void)state;
	static const char *const targets[] = {"/p", "/p?", "/p?a=1&b=-._x",
	    "/p?a=%26%3D%2B%25%23%20%c3%A9&b=+", "/p:@?a=1", "/p?%", "/p?%3", "/p?%zz", ""};
	for (size_t i = 0; i < COUNT_OF(targets); i++) {
		finds(targets[i], "");
		assert_int_equal(found.count, 0);
	}
}

/* "%%32%36" is a percent sign and "26"; without their escapes it would read as an ampersand. */
static void
no_spelling_makes_an_escape_of_a_lone_percent_sign(void **state)
{
	(void)state;
	static const char *const targets[][2] = {{"/p?a=%%32%36b", "/p?a=%26b"},
	    {"/p?a=%2%36b", "/p?a=%26b"}, {"/p?a=%%326b", "/p?a=%26b"},
	    {"/p?a=%%32%36:", "/p?a=%26:"}, {"/p?a=%%32%36:", "/p?a=%26%3A"},
	    {"/p?a=:@,'!%%33%44", "/p?a=:@,'!%3D"}};
	for (size_t i = 0; i < COUNT_OF(targets); i++)
		assert_false(finds(targets[i][0], targets[i][1]));
	assert_true(finds("/p?a=100%&b=%3A", "/p?a=100%&b=:"));
	assert_true(finds("/p?a=%41", "/p?a=A"));
}

static void
never_more_than_asked_for_and_none_twice(void **state)
{
	(void)state;
	const char *target = "/p?a=:@',/!();*?$&b=%3A%40%27%2c%2F%21%28%29%3b%2A%3F%24%7e%2d%41";
	for (size_t most = 0; most <= QUERY_RESPELLINGS_MAX + 1; most++) {
		buffer_clear(&out);
		query_respellings_write(slice_of(target), most, &out, &found);
		assert_int_equal(
		    found.count, most <= QUERY_RESPELLINGS_MAX ? most : QUERY_RESPELLINGS_MAX);
		for (size_t i = 0; i < found.count; i++)
			for (size_t k = 0; k < i; k++)
				assert_false(slice_equal(
				    (struct slice){out.ptr + found.starts[i], found.lens[i]},
				    (struct slice){out.ptr + found.starts[k], found.lens[k]}));
	}
}

/* All the memory that the intake counts for them. */
static void
they_take_no_more_bytes_than_reported(void **state)
{
	(void)state;
	struct slice target = SLICE("/p?a=:@',/!();*?$::::::::::::::::::::::::::::::::::::::::::::"
				    "@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@");
	for (size_t most = 1; most <= QUERY_RESPELLINGS_MAX; most++) {
		buffer_done(&out);
		query_respellings_write(target, most, &out, &found);
		assert_int_equal(found.count, most);
		assert_true(out.cap <= query_respellings_bytes(target, most));
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(every_combination_of_three_characters_is_found),
	    cmocka_unit_test(the_other_case_of_hexadecimal_digits_is_found),
	    cmocka_unit_test(a_query_without_such_characters_has_no_other_spelling),
	    cmocka_unit_test(no_spelling_makes_an_escape_of_a_lone_percent_sign),
	    cmocka_unit_test(never_more_than_asked_for_and_none_twice),
	    cmocka_unit_test(they_take_no_more_bytes_than_reported),
	};
	return cmocka_run_group_tests(tests, NULL, tear_down);
}
