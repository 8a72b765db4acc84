/* provider_names: who is named, once. */
#include "testing.h"

#include "dlrd/model/provider_names.h"

static struct provider_names names;

static enum result
add(const char *nickname, enum provider_kind kind, const char *value, struct failure *failure)
{
	return provider_names_add(&names, slice_of(nickname), kind, slice_of(value), failure);
}

static int
drop(void **state)
{
	(void)state;
	provider_names_done(&names);
	return 0;
}

static void
what_was_added_is_found_by_kind_and_value(void **state)
{
	(void)state;
	assert_null(provider_names_find(&names, PROVIDER_DEFAULT, SLICE_NONE));
	assert_ok(add("One", PROVIDER_ACCOUNT, "x", NULL));
	assert_ok(add("One", PROVIDER_SENDER, "+1", NULL));
	assert_ok(add("Two \xe2\x82\xac", PROVIDER_SENDER, "x", NULL));
	assert_ok(add("Two \xe2\x82\xac", PROVIDER_DEFAULT, NULL, NULL));
	assert_int_equal(names.count, 4);
	assert_string_equal(
	    provider_names_find(&names, PROVIDER_ACCOUNT, SLICE("x"))->nickname, "One");
	assert_string_equal(
	    provider_names_find(&names, PROVIDER_SENDER, SLICE("x"))->nickname, "Two \xe2\x82\xac");
	const struct provider_name *other =
	    provider_names_find(&names, PROVIDER_DEFAULT, SLICE_NONE);
	assert_string_equal(other->nickname, "Two \xe2\x82\xac");
	assert_string_equal(other->value, "");
	assert_null(provider_names_find(&names, PROVIDER_SERVICE, SLICE("x")));
	assert_null(provider_names_find(&names, PROVIDER_SENDER, SLICE("X")));
	assert_int_equal(provider_names_count(&names, SLICE("One")), 2);
	assert_int_equal(provider_names_count(&names, SLICE("Two \xe2\x82\xac")), 1);
	assert_int_equal(provider_names_count(&names, SLICE("Three")), 0);
}

static void
what_is_named_already_is_refused(void **state)
{
	(void)state;
	struct failure failure;
	assert_ok(add("One", PROVIDER_SENDER, "+1", NULL));
	assert_ok(add("One", PROVIDER_DEFAULT, "", NULL));
	assert_int_equal(add("Two", PROVIDER_SENDER, "+1", &failure), RESULT_INVALID);
	assert_contains(slice_of(failure.text), "\"+1\" is named already, for One");
	assert_int_equal(add("One", PROVIDER_SENDER, "+1", &failure), RESULT_INVALID);
	assert_int_equal(add("Two", PROVIDER_DEFAULT, "", &failure), RESULT_INVALID);
	assert_contains(slice_of(failure.text), "One is the default already");
	assert_int_equal(names.count, 2);
}

static void
a_nickname_is_printable_and_short(void **state)
{
	(void)state;
	char text[PROVIDER_NICKNAME_MAX + 1];
	memset(text, 'n', sizeof text);
	static const char *const bad[] = {"", "a\nb", "\x1b[1m", "\xff", "a\xe2\x80\xa8", NULL};
	for (size_t i = 0; i < COUNT_OF(bad); i++) {
		assert_int_equal(provider_nickname_check(slice_of(bad[i]), NULL), RESULT_INVALID);
		assert_int_equal(add(bad[i], PROVIDER_SENDER, "x", NULL), RESULT_INVALID);
	}
	assert_ok(provider_nickname_check((struct slice){text, PROVIDER_NICKNAME_MAX}, NULL));
	assert_int_equal(
	    provider_nickname_check((struct slice){text, sizeof text}, NULL), RESULT_INVALID);
	assert_int_equal(add("a", PROVIDER_SENDER, "", NULL), RESULT_INVALID);
	assert_int_equal(add("a", PROVIDER_SENDER, "a\tb", NULL), RESULT_INVALID);
	assert_int_equal(names.count, 0);
}

static void
their_number_is_bounded(void **state)
{
	(void)state;
	struct failure failure;
	char nickname[32], value[32];
	for (int i = 0; i < PROVIDER_NAMES_MAX; i++) {
		snprintf(nickname, sizeof nickname, "n%d", i / PROVIDER_NAMES_OF_ONE_MAX);
		snprintf(value, sizeof value, "v%d", i);
		if (i == PROVIDER_NAMES_OF_ONE_MAX) {
			assert_int_equal(
			    add("n0", PROVIDER_ACCOUNT, "more", &failure), RESULT_LIMIT);
			assert_contains(slice_of(failure.text), "more than 64");
		}
		assert_ok(add(nickname, PROVIDER_SENDER, value, NULL));
	}
	assert_int_equal(add("new", PROVIDER_SENDER, "x", &failure), RESULT_LIMIT);
	assert_contains(slice_of(failure.text), "more than 1024");
}

#define EACH(test) cmocka_unit_test_teardown(test, drop)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    EACH(what_was_added_is_found_by_kind_and_value),
	    EACH(what_is_named_already_is_refused),
	    EACH(a_nickname_is_printable_and_short),
	    EACH(their_number_is_bounded),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
