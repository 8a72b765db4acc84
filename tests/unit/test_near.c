/* near: what a mistyped word is taken to mean. */
#include "testing.h"

#include "dlrd/base/near.h"

static void
assert_near(const char *word, const char *name, size_t distance)
{
	size_t found = SIZE_MAX;
	if (!near_is(slice_of(word), slice_of(name), &found))
		fail_msg("\"%s\" is not near \"%s\"", word, name);
	assert_int_equal(found, distance);
}

static void
assert_far(const char *word, const char *name)
{
	size_t found;
	if (near_is(slice_of(word), slice_of(name), &found))
		fail_msg("\"%s\" is near \"%s\"", word, name);
}

static void
a_few_wrong_letters_are_near(void **state)
{
	(void)state;
	assert_near("spring-sale", "spring-sale", 0);
	assert_near("sprnig-sale", "spring-sale", 1); /* two letters changed places */
	assert_near("sprnig-sale", "spring-sale-2", 3);
	assert_near("sprng", "spring", 1);
	assert_near("30070", "30007", 1);
	assert_near("SPRING", "spring", 0);
	assert_far("spring", "autumn");
	assert_far("x", "stats");
}

static void
the_beginning_of_a_name_is_near(void **state)
{
	(void)state;
	assert_near("spring", "spring-sale-2026", 2);
	assert_near("SPR", "spring-sale-2026", 2);
	assert_far("sp", "spring-sale-2026");
}

static void
an_empty_or_a_long_word_is_near_nothing(void **state)
{
	(void)state;
	char word[NEAR_NAME_MAX + 2];
	memset(word, 'x', sizeof word - 1);
	word[sizeof word - 1] = '\0';
	assert_far(word, word);
	assert_far("", "");
	assert_far("", "a");
	word[NEAR_NAME_MAX] = '\0';
	assert_near(word, word, 0);
	assert_far("xxx", "");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_few_wrong_letters_are_near),
	    cmocka_unit_test(the_beginning_of_a_name_is_near),
	    cmocka_unit_test(an_empty_or_a_long_word_is_near_nothing),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
