/* tags: workspace, campaign and variant out of a callback's query. */
#include "testing.h"

#include "dlrd/model/tags.h"

/* The sample callback's query. */
static struct slice
look_up(const void *context, struct slice name)
{
	(void)context;
	static char long_text[TAGS_VALUE_MAX + 1];
	memset(long_text, 'x', sizeof long_text);
	static const struct {
		const char *name, *value;
	} parameters[] = {{"account", "ABC-123"},
	    {"meta", "000000000.1200000000.1691686363.20230810.0.wzrk_default.-4930006"},
	    {"empty", ""}, {"dots", ".a..b."}, {"one", "1"}, {"line", "a\nb"}, {"del", "\x7f"},
	    {"umlaut", "\xc3\xa4"},
	    {"bad", "a\x80"
		    "b"},
	    {"half", "\xe2\x82"}, {"bad_fields", "\xc3.\xa4"}};
	for (size_t i = 0; i < COUNT_OF(parameters); i++)
		if (slice_equal(name, slice_of(parameters[i].name)))
			return slice_of(parameters[i].value);
	if (slice_equal(name, SLICE("long")))
		return (struct slice){long_text, sizeof long_text};
	static char bad_text[TAGS_VALUE_MAX / 3 + 1];
	memset(bad_text, '\x80', sizeof bad_text);
	if (slice_equal(name, SLICE("bad_long")))
		return (struct slice){bad_text, sizeof bad_text};
	if (slice_equal(name, SLICE("bad_longest")))
		return (struct slice){bad_text, TAGS_VALUE_MAX / 3};
	if (slice_equal(name, SLICE("longest")))
		return (struct slice){long_text, TAGS_VALUE_MAX};
	return SLICE_NONE;
}

/* expected NULL: the template does not fit. */
static void
assert_filled(const char *text, const char *expected)
{
	struct tags_template template;
	struct buffer out = BUFFER_EMPTY;
	struct failure failure = {""};
	buffer_append(&out, SLICE("before:"));
	enum result result = tags_template_init(&template, slice_of(text), &failure);
	if (result != RESULT_OK)
		print_error("%s: %s\n", text, failure.text);
	assert_ok(result);
	bool fits = tags_template_fill(&template, look_up, NULL, &out) == TAGS_FIT;
	assert_int_equal(fits, expected != NULL);
	assert_slice(slice_from(buffer_slice(&out), 7), expected == NULL ? "" : expected);
	tags_template_done(&template);
	buffer_done(&out);
}

static void
the_sample_callback_is_read(void **state)
{
	(void)state;
	assert_filled("{account}", "ABC-123");
	assert_filled("{meta.3}_{meta.4}", "1691686363_20230810");
	assert_filled("{meta.6}", "wzrk_default");
}

static void
literals_and_parameters_mix(void **state)
{
	(void)state;
	assert_filled("plain", "plain");
	assert_filled("a{one}b{one}c", "a1b1c");
	assert_filled("{one}{one}", "11");
	assert_filled("{umlaut}", "\xc3\xa4");
	assert_filled("{one.1}", "1");
	assert_filled("{meta.7}", "-4930006");
}

static void
an_empty_template_fits_and_is_empty(void **state)
{
	(void)state;
	assert_filled("", "");
}

static void
what_is_missing_or_empty_does_not_fit(void **state)
{
	(void)state;
	assert_filled("{none}", NULL);
	assert_filled("x{empty}", NULL);
	assert_filled("{one}{none}", NULL);
	assert_filled("{one.2}", NULL);
	assert_filled("{meta.8}", NULL);
	assert_filled("{dots.1}", NULL);
	assert_filled("{dots.2}", "a");
	assert_filled("{dots.3}", NULL);
	assert_filled("{dots.5}", NULL);
	assert_filled("{dots.999}", NULL);
}

static void
control_bytes_and_long_values_do_not_fit(void **state)
{
	(void)state;
	assert_filled("{line}", NULL);
	assert_filled("{del}", NULL);
	assert_filled("{long}", NULL);
	assert_filled("{longest}x", NULL);
	struct tags_template template;
	struct buffer out = BUFFER_EMPTY;
	assert_ok(tags_template_init(&template, SLICE("{longest}"), NULL));
	assert_int_equal(tags_template_fill(&template, look_up, NULL, &out), TAGS_FIT);
	assert_int_equal(out.len, TAGS_VALUE_MAX);
	tags_template_done(&template);
	buffer_done(&out);
}

#define BAD "\xef\xbf\xbd"

static void
a_name_that_is_not_utf8_is_repaired_when_it_is_read(void **state)
{
	(void)state;
	assert_filled("{bad}", "a" BAD "b");
	assert_filled("{half}", BAD BAD);
	assert_filled("{bad_fields.1}", BAD);
	assert_filled("{umlaut}{bad}", "\xc3\xa4"
				       "a" BAD "b");
	assert_filled("{bad_fields}", BAD "." BAD);
	/* Twice BAD if each field were repaired by itself. */
	assert_filled("{bad_fields.1}{bad_fields.2}", "\xc3\xa4");
}

static void
why_a_tag_does_not_fit_is_returned(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		enum tags_fit fit;
	} rows[] = {{"{none}", TAGS_MISSING}, {"{long}", TAGS_TOO_LONG}, {"{longest}", TAGS_FIT},
	    {"{line}", TAGS_UNPRINTABLE}, {"{none} | {line} | {one}", TAGS_UNPRINTABLE},
	    {"{bad_long}", TAGS_TOO_LONG}, {"{bad_longest}", TAGS_FIT}};
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct tags_template template;
		struct buffer out = BUFFER_EMPTY;
		assert_ok(tags_template_init(&template, slice_of(rows[i].text), NULL));
		assert_int_equal(tags_template_fill(&template, look_up, NULL, &out), rows[i].fit);
		assert_true(rows[i].fit == TAGS_FIT || out.len == 0);
		tags_template_done(&template);
		buffer_done(&out);
	}
}

static void
a_bad_template_is_refused_with_why(void **state)
{
	(void)state;
	static const struct {
		const char *text, *why;
	} rows[] = {{"{", "without its }"}, {"{a", "without its }"}, {"a}", "without its {"},
	    {"}", "without its {"}, {"{a}}", "without its {"}, {"{}", "{} names no"},
	    {"{.1}", "{} names no"}, {"{a.}", "{a.}: write a field number"},
	    {"{a.0}", "counted from 1"}, {"{a.x}", "counted from 1"}, {"{a.-1}", "counted from 1"},
	    {"{a.1.2}", "counted from 1"}, {"{a.1000}", "counted from 1"},
	    {"{a} |", "alternative is empty"}, {"| {a}", "alternative is empty"},
	    {"{a} | | {b}", "alternative is empty"}, {"|", "alternative is empty"},
	    {"{a} | {b", "without its }"}, {"{a|b}", "without its }"}};
	struct tags_template template = {.count = 77};
	struct failure failure;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		if (tags_template_init(&template, slice_of(rows[i].text), &failure) !=
		    RESULT_INVALID)
			print_error("\"%s\" was read\n", rows[i].text);
		assert_int_equal(tags_template_init(&template, slice_of(rows[i].text), &failure),
		    RESULT_INVALID);
		assert_contains(slice_of(failure.text), rows[i].why);
	}
	assert_int_equal(template.count, 77);
}

static void
a_template_has_a_bounded_number_of_pieces_and_alternatives(void **state)
{
	(void)state;
	struct tags_template template;
	struct failure failure;
	struct buffer text = BUFFER_EMPTY;
	for (int i = 0; i < TAGS_PIECES_MAX; i++)
		buffer_append(&text, SLICE("{one}"));
	assert_ok(tags_template_init(&template, buffer_slice(&text), &failure));
	tags_template_done(&template);
	buffer_append(&text, SLICE("x"));
	assert_int_equal(
	    tags_template_init(&template, buffer_slice(&text), &failure), RESULT_LIMIT);
	buffer_done(&text);
	assert_filled("{n}|{n}|{n}|{n}|{n}|{n}|{n}|h", "h");
	assert_int_equal(
	    tags_template_init(&template, SLICE("a|b|c|d|e|f|g|h|i"), &failure), RESULT_LIMIT);
}

static void
the_text_of_a_template_can_be_printed(void **state)
{
	(void)state;
	struct tags_template template;
	for (int i = 0; i < 32; i++) {
		char text[] = "{meta.3}_{meta.4}";
		char *volatile before =
		    malloc(sizeof text); /* something else stood in that memory */
		memset(before, 'x', sizeof text);
		free(before);
		assert_ok(tags_template_init(&template, slice_of(text), NULL));
		assert_string_equal(template.text, text);
		tags_template_done(&template);
	}
	assert_null(template.text);
}

/* expected: the texts of all pieces, separated by |; NULL if the result is not RESULT_OK. */
static void
assert_divided(const char *text, const char *value, enum result wanted, const char *expected)
{
	struct tags_template template;
	struct slice texts[TAGS_PIECES_MAX];
	struct buffer out = BUFFER_EMPTY;
	struct failure failure;
	assert_ok(tags_template_init(&template, slice_of(text), NULL));
	assert_int_equal(template.count, 1);
	const struct tags_alternative *alternative = &template.alternatives[0];
	assert_int_equal(
	    tags_alternative_divide(alternative, slice_of(value), texts, &failure), wanted);
	for (size_t i = 0; wanted == RESULT_OK && i < alternative->count; i++) {
		buffer_append(&out, texts[i]);
		buffer_append_byte(&out, '|');
	}
	if (wanted == RESULT_OK)
		assert_slice(buffer_slice(&out), expected);
	tags_template_done(&template);
	buffer_done(&out);
}

static void
a_tag_is_divided_into_what_gives_it(void **state)
{
	(void)state;
	assert_divided(
	    "{meta.3}_{meta.4}", "1691686363_20230810", RESULT_OK, "1691686363|_|20230810|");
	assert_divided("{a}", "x.y_z", RESULT_OK, "x.y_z|");
	assert_divided("{a}_{b}_{c}", "1_2_3", RESULT_OK, "1|_|2|_|3|");
	assert_divided("v{a.1}-{b.2}", "vx-y", RESULT_OK, "v|x|-|y|");
	assert_divided("{a.1}.{b}", "x.y.z", RESULT_OK, "x|.|y.z|");
}

static void
a_tag_that_no_values_give_is_refused(void **state)
{
	(void)state;
	char longest[TAGS_VALUE_MAX + 2];
	memset(longest, 'x', sizeof longest);
	longest[TAGS_VALUE_MAX + 1] = '\0';
	assert_divided("{meta.3}_{meta.4}", "summer", RESULT_INVALID, NULL);
	assert_divided("{meta.3}_{meta.4}", "_x", RESULT_INVALID, NULL);
	assert_divided("{meta.6}", "a.b", RESULT_INVALID, NULL);
	assert_divided("{a}", "", RESULT_INVALID, NULL);
	assert_divided("{a}", "a\nb", RESULT_INVALID, NULL);
	assert_divided("{a}", longest, RESULT_INVALID, NULL);
	assert_divided("{meta.3}_{meta.4}", "a_b_c", RESULT_LIMIT, NULL);
	assert_divided("{a}{b}", "xyz", RESULT_LIMIT, NULL);
}

static void
the_first_alternative_that_is_all_there_counts(void **state)
{
	(void)state;
	assert_filled("{campaign} | {meta.3}_{meta.4}", "1691686363_20230810");
	assert_filled("{meta.3}_{meta.99}|{account}|{meta.6}", "ABC-123");
	assert_filled("  {none} | no campaign  ", "no campaign");
	assert_filled("{account} | {none}", "ABC-123");
	assert_filled("{none} | {meta.99} | {account}{none}", NULL);
}

/* Otherwise a campaign could be counted as another one. */
static void
an_alternative_that_is_there_and_unfit_is_not_replaced(void **state)
{
	(void)state;
	assert_filled("{line} | {account}", NULL);
	assert_filled("{long} | {account}", NULL);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(the_sample_callback_is_read),
	    cmocka_unit_test(literals_and_parameters_mix),
	    cmocka_unit_test(an_empty_template_fits_and_is_empty),
	    cmocka_unit_test(what_is_missing_or_empty_does_not_fit),
	    cmocka_unit_test(control_bytes_and_long_values_do_not_fit),
	    cmocka_unit_test(a_name_that_is_not_utf8_is_repaired_when_it_is_read),
	    cmocka_unit_test(why_a_tag_does_not_fit_is_returned),
	    cmocka_unit_test(a_bad_template_is_refused_with_why),
	    cmocka_unit_test(a_template_has_a_bounded_number_of_pieces_and_alternatives),
	    cmocka_unit_test(the_text_of_a_template_can_be_printed),
	    cmocka_unit_test(a_tag_is_divided_into_what_gives_it),
	    cmocka_unit_test(a_tag_that_no_values_give_is_refused),
	    cmocka_unit_test(the_first_alternative_that_is_all_there_counts),
	    cmocka_unit_test(an_alternative_that_is_there_and_unfit_is_not_replaced),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
