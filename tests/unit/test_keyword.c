/* keyword: Twilio's reserved words, the whole message and nothing else. */
#include "testing.h"

#include "dlrd/twilio/keyword.h"

static const struct {
	const char *word;
	enum keyword keyword;
} words[] = {
    {"STOP", KEYWORD_STOP},
    {"STOPALL", KEYWORD_STOP},
    {"UNSUBSCRIBE", KEYWORD_STOP},
    {"CANCEL", KEYWORD_STOP},
    {"END", KEYWORD_STOP},
    {"QUIT", KEYWORD_STOP},
    {"REVOKE", KEYWORD_STOP},
    {"OPTOUT", KEYWORD_STOP},
    {"START", KEYWORD_START},
    {"YES", KEYWORD_START},
    {"UNSTOP", KEYWORD_START},
    {"HELP", KEYWORD_HELP},
    {"INFO", KEYWORD_HELP},
};

/* Each word with something before and behind it. */
static void
assert_each_word(const char *before, const char *after, bool exact)
{
	for (size_t i = 0; i < COUNT_OF(words); i++) {
		char body[64];
		bool is_exact = !exact;
		snprintf(body, sizeof body, "%s%s%s", before, words[i].word, after);
		assert_int_equal(keyword_of_body(slice_of(body), &is_exact), words[i].keyword);
		assert_int_equal(is_exact, exact);
		assert_int_equal(keyword_of_body(slice_of(body), NULL), words[i].keyword);
	}
}

static void
each_word_is_known_exactly(void **state)
{
	(void)state;
	assert_each_word("", "", true);
}

static void
case_does_not_matter(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(words); i++)
		for (int round = 0; round < 8; round++) {
			char body[32];
			bool exact = false;
			size_t len = strlen(words[i].word);
			for (size_t k = 0; k <= len; k++) {
				char byte = words[i].word[k];
				body[k] =
				    byte != '\0' && random_below(2) ? (char)(byte | 0x20) : byte;
			}
			assert_int_equal(keyword_of_body(slice_of(body), &exact), words[i].keyword);
			assert_true(exact);
		}
}

static void
white_space_around_and_punctuation_behind_are_forgiven_but_told(void **state)
{
	(void)state;
	assert_each_word(" \t\r\n", "", false);
	assert_each_word("", " \r\n", false);
	assert_each_word("", ".", false);
	assert_each_word("", "!!!", false);
	assert_each_word(" ", " . ? ", false);
	assert_each_word("", "\"", false);
}

static void
near_misses_are_none(void **state)
{
	(void)state;
	static const char *const bodies[] = {"", " ", ".", "STOP PLEASE", "PLEASE STOP", "STOP ALL",
	    "OPT OUT", "OPT-OUT", "STOPP", "STO", "ST OP", "STOP.PLEASE", ".STOP", "\"STOP",
	    "STOP1", "1STOP", "ARRET", "NO", "Y", "YESS", "ENDE", "STOP\xc2\xa0", "S\xc5\xa4OP",
	    "STOP\xe2\x80\xa6"};
	for (size_t i = 0; i < COUNT_OF(bodies); i++) {
		if (keyword_of_body(slice_of(bodies[i]), NULL) != KEYWORD_NONE)
			print_error("\"%s\" is a keyword\n", bodies[i]);
		assert_int_equal(keyword_of_body(slice_of(bodies[i]), NULL), KEYWORD_NONE);
	}
	assert_int_equal(keyword_of_body(SLICE("STOP\0"), NULL), KEYWORD_NONE);
	assert_int_equal(keyword_of_body(SLICE("\0STOP"), NULL), KEYWORD_NONE);
	assert_int_equal(keyword_of_body(SLICE_NONE, NULL), KEYWORD_NONE);
}

static void
opt_out_types_are_three(void **state)
{
	(void)state;
	assert_int_equal(keyword_of_opt_out_type(SLICE("STOP")), KEYWORD_STOP);
	assert_int_equal(keyword_of_opt_out_type(SLICE("start")), KEYWORD_START);
	assert_int_equal(keyword_of_opt_out_type(SLICE("HELP")), KEYWORD_HELP);
	assert_int_equal(keyword_of_opt_out_type(SLICE("QUIT")), KEYWORD_NONE);
	assert_int_equal(keyword_of_opt_out_type(SLICE("")), KEYWORD_NONE);
	assert_int_equal(keyword_of_opt_out_type(SLICE_NONE), KEYWORD_NONE);
}

static void
names_are_lower_case(void **state)
{
	(void)state;
	assert_slice(keyword_name(KEYWORD_STOP), "stop");
	assert_slice(keyword_name(KEYWORD_START), "start");
	assert_slice(keyword_name(KEYWORD_HELP), "help");
	assert_slice(keyword_name(KEYWORD_NONE), NULL);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(each_word_is_known_exactly),
	    cmocka_unit_test(case_does_not_matter),
	    cmocka_unit_test(white_space_around_and_punctuation_behind_are_forgiven_but_told),
	    cmocka_unit_test(near_misses_are_none),
	    cmocka_unit_test(opt_out_types_are_three),
	    cmocka_unit_test(names_are_lower_case),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
