/* keyword_scope: which section counts for a message, and that none takes an opt-out away. */
#include "testing.h"

#include "dlrd/base/clock.h"
#include "dlrd/twilio/keyword.h"
#include "dlrd/twilio/keyword_conflicts.h"

#define SENDER "+15550100"
#define OTHER_SENDER "+15550199"
#define SERVICE "MG0123456789abcdef0123456789abcdef"
#define NOON INT64_C(1798200000000000) /* 2026-12-25T12:00:00Z */

static struct keywords *
make(void)
{
	struct keywords *keywords;
	assert_ok(keywords_new(&keywords));
	return keywords;
}

static void
add(struct keywords *keywords, const char *heading, const char *word, const char *reply)
{
	struct failure failure = {""};
	if (word != NULL)
		assert_ok(keywords_add_word(keywords, slice_of(heading), slice_of(word), &failure));
	if (reply != NULL)
		assert_ok(
		    keywords_set_reply(keywords, slice_of(heading), slice_of(reply), &failure));
}

static void
limit(struct keywords *keywords, const char *heading, enum keyword_list list, const char *value)
{
	struct failure failure = {""};
	assert_ok(keywords_limit(keywords, slice_of(heading), list, slice_of(value), &failure));
}

static void
limit_time(struct keywords *keywords, const char *heading, int64_t from_us, int64_t until_us)
{
	struct failure failure = {""};
	assert_ok(keywords_limit_time(keywords, slice_of(heading), from_us, until_us, &failure));
}

static struct keyword_message
message_of(const char *body)
{
	return (struct keyword_message){.body = slice_of(body),
	    .from = SLICE("+4915550001"),
	    .to = SLICE(SENDER),
	    .service = SLICE(SERVICE),
	    .arrived_us = NOON};
}

static struct slice
reply_to(const struct keywords *keywords, const struct keyword_message *message)
{
	const struct keyword_section *answer = keywords_match(keywords, message).answer;
	return answer == NULL ? SLICE_NONE : answer->reply;
}

static void
assert_reply(const struct keywords *keywords, const char *body, const char *reply)
{
	struct keyword_message message = message_of(body);
	assert_slice(reply_to(keywords, &message), reply);
}

static void
each_limit_excludes_other_messages(void **state)
{
	(void)state;
	static const struct {
		const char *from, *to, *service;
		int64_t arrived_us;
		bool applies;
	} rows[] = {
	    {"+4915550001", SENDER, SERVICE, NOON, true},
	    {"whatsapp:+4915550001", SENDER, SERVICE, NOON, true},
	    {"+4315550001", SENDER, SERVICE, NOON, false},
	    {"4915550001", SENDER, SERVICE, NOON, false}, /* a short code */
	    {"", SENDER, SERVICE, NOON, false},
	    {NULL, SENDER, SERVICE, NOON, false},
	    {"+4915550001", OTHER_SENDER, SERVICE, NOON, false},
	    {"+4915550001", "whatsapp:" SENDER, SERVICE, NOON, false},
	    {"+4915550001", NULL, SERVICE, NOON, false},
	    {"+4915550001", SENDER, NULL, NOON, false},
	    {"+4915550001", SENDER, "MG0123456789abcdef0123456789abcdee", NOON, false},
	    {"+4915550001", SENDER, SERVICE, NOON - 1, false},
	    {"+4915550001", SENDER, SERVICE, NOON + 9, true},
	    {"+4915550001", SENDER, SERVICE, NOON + 10, false},
	};
	struct keywords *keywords = make();
	add(keywords, "join", "join", "Hallo");
	limit(keywords, "join", KEYWORD_SENDERS, "12345");
	limit(keywords, "join", KEYWORD_SENDERS, SENDER);
	limit(keywords, "join", KEYWORD_SERVICES, SERVICE);
	limit(keywords, "join", KEYWORD_COUNTRIES, "+49");
	limit_time(keywords, "join", NOON, NOON + 10);
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		const struct keyword_message message = {.body = SLICE("Join!"),
		    .from = slice_of(rows[i].from),
		    .to = slice_of(rows[i].to),
		    .service = slice_of(rows[i].service),
		    .arrived_us = rows[i].arrived_us};
		assert_slice(reply_to(keywords, &message), rows[i].applies ? "Hallo" : NULL);
		assert_slice(
		    keywords_match(keywords, &message).name, rows[i].applies ? "join" : NULL);
	}
	keywords_free(keywords);
}

/* Removes the most specific limit in each round. */
static void
the_most_specific_section_wins_in_any_order_of_the_file(void **state)
{
	(void)state;
	static const char *const headings[] = {
	    "join sender", "join service", "join long", "join country", "join time", "join"};
	for (size_t first = 0; first < COUNT_OF(headings); first++)
		for (int backwards = 0; backwards < 2; backwards++) {
			struct keywords *keywords = make();
			size_t count = COUNT_OF(headings) - first;
			for (size_t i = 0; i < count; i++) {
				const char *heading =
				    headings[backwards ? COUNT_OF(headings) - 1 - i : first + i];
				add(keywords, heading, "join", heading);
				if (strcmp(heading, "join sender") == 0)
					limit(keywords, heading, KEYWORD_SENDERS, SENDER);
				if (strcmp(heading, "join service") == 0)
					limit(keywords, heading, KEYWORD_SERVICES, SERVICE);
				if (strcmp(heading, "join long") == 0)
					limit(keywords, heading, KEYWORD_COUNTRIES, "4915");
				if (strcmp(heading, "join country") == 0)
					limit(keywords, heading, KEYWORD_COUNTRIES, "49");
				if (strcmp(heading, "join time") == 0)
					limit_time(keywords, heading, NOON, INT64_MAX);
			}
			for (size_t i = 0; i < count; i++)
				assert_ok(
				    keywords_check(keywords, slice_of(headings[first + i]), NULL));
			assert_reply(keywords, "JOIN", headings[first]);
			keywords_free(keywords);
		}
}

static void
a_second_limit_decides_between_sections_with_the_same_first_one(void **state)
{
	(void)state;
	struct keywords *keywords = make();
	add(keywords, "join a", "join", "a");
	limit(keywords, "join a", KEYWORD_SENDERS, SENDER);
	add(keywords, "join b", "join", "b");
	limit(keywords, "join b", KEYWORD_SENDERS, SENDER);
	limit(keywords, "join b", KEYWORD_COUNTRIES, "49");
	add(keywords, "join c", "join", "c");
	limit(keywords, "join c", KEYWORD_SERVICES, SERVICE);
	limit(keywords, "join c", KEYWORD_COUNTRIES, "49");
	limit_time(keywords, "join c", NOON, NOON + 1);
	assert_ok(keywords_check(keywords, SLICE("join b"), NULL));
	assert_ok(keywords_check(keywords, SLICE("join c"), NULL));
	assert_reply(keywords, "join", "b");
	keywords_free(keywords);
}

static void
words_of_twilio_are_answered_by_the_most_specific_section_that_answers(void **state)
{
	(void)state;
	struct keywords *keywords = make();
	struct keyword_message message = message_of("HELP");
	add(keywords, "help", NULL, "Call us");
	add(keywords, "help de", "hilfe", "Ruf an");
	limit(keywords, "help de", KEYWORD_COUNTRIES, "49");
	add(keywords, "help fr", "aide", NULL);
	limit(keywords, "help fr", KEYWORD_SENDERS, SENDER);
	assert_reply(keywords, "Info", "Ruf an");
	assert_reply(keywords, "Hilfe", "Ruf an");
	assert_reply(keywords, "aide", "Ruf an"); /* the section adds a word alone */
	message.from = SLICE("+15550001");
	assert_slice(reply_to(keywords, &message), "Call us");
	message.body = SLICE("x");
	message.opt_out_type = SLICE("HELP");
	assert_slice(reply_to(keywords, &message), "Call us");
	keywords_free(keywords);
}

static void
a_section_adds_opt_out_words_only_where_it_applies(void **state)
{
	(void)state;
	struct keywords *keywords = make();
	struct keyword_message message = message_of("Ende der Nachrichten");
	add(keywords, "stop de", "ende der nachrichten", NULL);
	limit(keywords, "stop de", KEYWORD_SENDERS, SENDER);
	add(keywords, "other", "*", "What?");
	assert_int_equal(keywords_match(keywords, &message).keyword, KEYWORD_STOP);
	assert_slice(reply_to(keywords, &message), NULL);

	/* For another sender it sounds like one, and is not answered either. */
	message.to = SLICE(OTHER_SENDER);
	assert_int_equal(keywords_match(keywords, &message).keyword, KEYWORD_NONE);
	assert_slice(keywords_near_miss(keywords, &message), "ende der nachrichten");
	assert_slice(reply_to(keywords, &message), NULL);

	message.body = SLICE("stop");
	assert_int_equal(keywords_match(keywords, &message).keyword, KEYWORD_STOP);
	keywords_free(keywords);
}

static void
a_catch_all_answers_people_who_wrote_no_keyword(void **state)
{
	(void)state;
	static const struct {
		const char *body, *type, *from, *reply;
	} rows[] = {
	    {"what?", NULL, "+15550001", "all"},
	    {"", NULL, "+15550001", "all"},
	    {NULL, NULL, "whatsapp:+15550001", "all"},
	    {"*", NULL, "+15550001", "all"},
	    {"what?", NULL, "+4915550001", "de"},
	    {"STOP", NULL, "+15550001", NULL},
	    {"stop.", NULL, "+15550001", NULL},
	    {"HELP", NULL, "+15550001", NULL},
	    {"quiet", NULL, "+15550001", NULL},
	    {"what?", "STOP", "+15550001", NULL},
	    {"what?", "HELP", "+15550001", NULL},
	    {"please stop texting me", NULL, "+15550001", NULL}, /* a near miss */
	    {"what?", NULL, "12345", NULL}, /* programs, with which it would talk without end */
	    {"what?", NULL, "EXAMPLE", NULL},
	    {"what?", NULL, "", NULL},
	    {"what?", NULL, NULL, NULL},
	};
	struct keywords *keywords = make();
	add(keywords, "quiet", "quiet", NULL);
	add(keywords, "other", "*", "all");
	add(keywords, "other de", "*", "de");
	limit(keywords, "other de", KEYWORD_COUNTRIES, "49");
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct keyword_message message = message_of(rows[i].body);
		message.opt_out_type = slice_of(rows[i].type);
		message.from = slice_of(rows[i].from);
		assert_slice(reply_to(keywords, &message), rows[i].reply);
		if (rows[i].reply != NULL)
			assert_int_equal(keywords_match(keywords, &message).keyword, KEYWORD_NONE);
	}
	keywords_free(keywords);
}

static void
assert_conflict(const struct keywords *keywords, const char *heading, const char *why)
{
	struct failure failure = {""};
	if (why == NULL) {
		assert_ok(keywords_check(keywords, slice_of(heading), &failure));
		return;
	}
	assert_int_equal(keywords_check(keywords, slice_of(heading), &failure), RESULT_INVALID);
	assert_contains(slice_of(failure.text), why);
}

static void
sections_that_cannot_be_told_apart_are_reported(void **state)
{
	(void)state;
	struct keywords *keywords = make();
	add(keywords, "join", "join", NULL);
	add(keywords, "other", "JOIN", NULL);
	assert_conflict(keywords, "join", NULL);
	assert_conflict(
	    keywords, "other", "\"JOIN\" is already listed, for join in [keyword join], which may");
	limit(keywords, "other", KEYWORD_SENDERS, SENDER);
	assert_conflict(keywords, "other", NULL);

	add(keywords, "other x", "join", NULL);
	limit(keywords, "other x", KEYWORD_SENDERS, OTHER_SENDER);
	assert_conflict(keywords, "other x", NULL);
	limit(keywords, "other x", KEYWORD_SENDERS, SENDER);
	assert_conflict(keywords, "other x", "for other in [keyword other], which may");
	limit(keywords, "other x", KEYWORD_COUNTRIES, "1");
	assert_conflict(keywords, "other x", NULL);

	add(keywords, "far", "join", NULL);
	limit(keywords, "far", KEYWORD_COUNTRIES, "1");
	add(keywords, "near", "join", NULL);
	limit(keywords, "near", KEYWORD_COUNTRIES, "1242");
	assert_conflict(keywords, "near", NULL);
	limit(keywords, "near", KEYWORD_COUNTRIES, "1");
	assert_conflict(keywords, "near", "[keyword far]");

	add(keywords, "early", "now", NULL);
	limit_time(keywords, "early", 0, NOON);
	add(keywords, "late", "now", NULL);
	limit_time(keywords, "late", NOON, INT64_MAX);
	assert_conflict(keywords, "late", NULL);
	limit_time(keywords, "late", NOON - 1, INT64_MAX);
	assert_conflict(keywords, "late", "[keyword early]");
	keywords_free(keywords);
}

static void
no_section_takes_a_word_of_stop_start_or_help_for_another_keyword(void **state)
{
	(void)state;
	static const char *const names[] = {"stop", "start", "help"};
	for (size_t i = 0; i < COUNT_OF(names); i++)
		for (int turn = 0; turn < 2; turn++) {
			const char *general = turn == 0 ? names[i] : "join";
			const char *special = turn == 0 ? "join" : names[i];
			struct keywords *keywords = make();
			add(keywords, general, "ja", NULL);
			add(keywords, special, "ja", NULL);
			limit(keywords, special, KEYWORD_SENDERS, SENDER);
			/* The reserved name has the first place. */
			assert_conflict(keywords, "join",
			    "; a word of stop, start or help cannot be one of another keyword");
			limit(keywords, general, KEYWORD_SENDERS, OTHER_SENDER);
			assert_conflict(keywords, "join", NULL);
			keywords_free(keywords);
		}
}

static void
answers_to_the_same_messages_are_reported(void **state)
{
	(void)state;
	struct keywords *keywords = make();
	add(keywords, "help", NULL, "a");
	add(keywords, "help b", "b", "b");
	assert_conflict(keywords, "help b", "HELP is already answered by [keyword help], which");
	limit(keywords, "help b", KEYWORD_COUNTRIES, "1");
	assert_conflict(keywords, "help b", NULL);

	add(keywords, "a", "*", "a");
	add(keywords, "b", "*", "b");
	assert_conflict(keywords, "b", "no keyword is already answered by [keyword a], which");
	add(keywords, "c", "*", NULL);
	assert_conflict(keywords, "c", "only answers; add a reply or media");
	keywords_free(keywords);
}

static void
a_catch_all_is_the_only_word_of_a_section_and_no_opt_out(void **state)
{
	(void)state;
	struct keywords *keywords = make();
	static const char *const reserved[] = {"stop", "start x", "HELP"};
	struct failure failure = {""};
	for (size_t i = 0; i < COUNT_OF(reserved); i++) {
		assert_int_equal(
		    keywords_add_word(keywords, slice_of(reserved[i]), SLICE("*"), &failure),
		    RESULT_INVALID);
		assert_contains(slice_of(failure.text), "of every message");
	}
	add(keywords, "a", "a", NULL);
	assert_int_equal(
	    keywords_add_word(keywords, SLICE("a"), SLICE("*"), &failure), RESULT_INVALID);
	assert_contains(slice_of(failure.text), "only word of its section");
	add(keywords, "b", "*", NULL);
	assert_int_equal(
	    keywords_add_word(keywords, SLICE("b"), SLICE("c"), &failure), RESULT_INVALID);
	assert_contains(slice_of(failure.text), "only word of its section");
	keywords_free(keywords);
}

static void
values_that_no_message_has_are_refused(void **state)
{
	(void)state;
	static const struct {
		enum keyword_list list;
		const char *value, *why;
	} rows[] = {
	    {KEYWORD_SENDERS, "15550100222", "write a number with +"},
	    {KEYWORD_SENDERS, "", "is not a sender"},
	    {KEYWORD_SENDERS, SERVICE, "is not a sender"},
	    {KEYWORD_SENDERS, "a\x1b[31m", "is not a sender"},
	    {KEYWORD_SERVICES, "MG1", "write MG and 32 hexadecimal digits"},
	    {KEYWORD_SERVICES, "AC0123456789abcdef0123456789abcdef", "is not a messaging service"},
	    {KEYWORD_COUNTRIES, "DE", "is not a calling code; write the first digits"},
	    {KEYWORD_COUNTRIES, "0049", "is not a calling code"},
	    {KEYWORD_COUNTRIES, "++49", "is not a calling code"},
	    {KEYWORD_COUNTRIES, "+", "is not a calling code"},
	    {KEYWORD_COUNTRIES, "12345678", "is not a calling code"},
	};
	struct keywords *keywords = make();
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct failure failure = {""};
		assert_int_equal(keywords_limit(keywords, SLICE("a"), rows[i].list,
				     slice_of(rows[i].value), &failure),
		    RESULT_INVALID);
		assert_contains(slice_of(failure.text), rows[i].why);
	}
	keywords_free(keywords);
}

static void
a_link_is_one_url(void **state)
{
	(void)state;
	static const char *const bad[] = {"x", "ftp://a.example/x", "https://",
	    "https://a.example/ b", "https://a.example/\xc3\xa9", "https://a.example/\x07",
	    "/x.jpg"};
	struct keywords *keywords = make();
	struct failure failure = {""};
	for (size_t i = 0; i < COUNT_OF(bad); i++) {
		assert_int_equal(
		    keywords_set_media(keywords, SLICE("a"), slice_of(bad[i]), &failure),
		    RESULT_INVALID);
		assert_contains(slice_of(failure.text), "https://example.com/welcome.jpg");
	}
	assert_int_equal(
	    keywords_set_media(keywords, SLICE("Stop x"), SLICE("https://a.example/x"), &failure),
	    RESULT_INVALID);
	assert_contains(slice_of(failure.text), "Twilio itself replies");

	assert_ok(keywords_set_media(keywords, SLICE("a"), SLICE("https://a.example/x"), &failure));
	add(keywords, "a", "a", NULL);
	struct keyword_message message = message_of("a");
	assert_slice(keywords_match(keywords, &message).answer->media, "https://a.example/x");
	keywords_free(keywords);
}

static void
a_name_is_stored_as_it_is_written_first(void **state)
{
	(void)state;
	struct keywords *keywords = make();
	struct keyword_message message = message_of("b");
	add(keywords, "Join A", "a", NULL);
	add(keywords, "JOIN B", "b", NULL);
	assert_slice(keywords_match(keywords, &message).name, "Join");
	assert_slice(keywords_find(keywords, SLICE("join b"))->label, "B");
	assert_null(keywords_find(keywords, SLICE("join")));
	keywords_free(keywords);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(each_limit_excludes_other_messages),
	    cmocka_unit_test(the_most_specific_section_wins_in_any_order_of_the_file),
	    cmocka_unit_test(a_second_limit_decides_between_sections_with_the_same_first_one),
	    cmocka_unit_test(
		words_of_twilio_are_answered_by_the_most_specific_section_that_answers),
	    cmocka_unit_test(a_section_adds_opt_out_words_only_where_it_applies),
	    cmocka_unit_test(a_catch_all_answers_people_who_wrote_no_keyword),
	    cmocka_unit_test(sections_that_cannot_be_told_apart_are_reported),
	    cmocka_unit_test(no_section_takes_a_word_of_stop_start_or_help_for_another_keyword),
	    cmocka_unit_test(answers_to_the_same_messages_are_reported),
	    cmocka_unit_test(a_catch_all_is_the_only_word_of_a_section_and_no_opt_out),
	    cmocka_unit_test(values_that_no_message_has_are_refused),
	    cmocka_unit_test(a_link_is_one_url),
	    cmocka_unit_test(a_name_is_stored_as_it_is_written_first),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
