/* keyword: an inbound text. Lines: OptOutType; a configured word; its reply; the text. Another
 * section has the reply as its limits and link. */
#include "dlrd/twilio/keyword.h"
#include "dlrd/twilio/keyword_conflicts.h"
#include "dlrd/twilio/twiml.h"

#include "fuzz.h"

static struct keywords *
make_keywords(struct slice word, struct slice reply)
{
	struct keywords *keywords;
	struct failure failure = {""};
	CHECK_OK(keywords_new(&keywords));
	if (keywords_add_word(keywords, SLICE("join"), word, &failure) != RESULT_OK)
		CHECK(failure.text[0] != '\0');
	if (keywords_set_reply(keywords, SLICE("join"), reply, &failure) != RESULT_OK)
		CHECK(failure.text[0] != '\0');
	for (int list = 0; list < KEYWORD_LIST_COUNT; list++)
		if (keywords_limit(keywords, SLICE("join x"), (enum keyword_list)list, reply,
			&failure) != RESULT_OK)
			CHECK(failure.text[0] != '\0');
	if (keywords_add_word(keywords, SLICE("join x"), word, &failure) == RESULT_OK &&
	    keywords_check(keywords, SLICE("join x"), &failure) != RESULT_OK)
		CHECK(failure.text[0] != '\0');
	if (keywords_set_media(keywords, SLICE("join x"), reply, &failure) != RESULT_OK)
		CHECK(failure.text[0] != '\0');
	return keywords;
}

/* A reply is for a person's telephone: it is UTF-8 without controls, and so is its document. */
static void
check_reply(struct slice reply, struct slice media)
{
	struct buffer document = BUFFER_EMPTY;
	CHECK(slice_is_utf8(reply) && slice_is_utf8(media));
	twiml_message(reply, media, &document);
	CHECK(slice_is_utf8(buffer_slice(&document)));
	buffer_done(&document);
}

static void
check_match(const struct keywords *keywords, struct slice body, struct slice opt_out)
{
	struct keyword_message message = {.body = body,
	    .opt_out_type = opt_out,
	    .from = SLICE("+15550001"),
	    .to = body,
	    .service = opt_out};
	struct keyword_match match = keywords_match(keywords, &message);
	CHECK((match.keyword == KEYWORD_NONE) == (match.name.len == 0));
	CHECK(match.keyword != KEYWORD_STOP || match.answer == NULL);
	if (match.answer != NULL)
		check_reply(match.answer->reply, match.answer->media);
	if (match.keyword != KEYWORD_NONE && match.rule != KEYWORD_RULE_OPT_OUT_TYPE)
		CHECK(keywords_near_miss(keywords, &message).ptr == NULL);
}

/* White space around a text changes no more than the rule that it is matched by. */
static void
check_space(const struct keywords *keywords, struct slice body)
{
	struct buffer spaced = BUFFER_EMPTY;
	struct keyword_match plain =
	    keywords_match(keywords, &(struct keyword_message){.body = body});
	buffer_append(&spaced, SLICE(" "));
	buffer_append(&spaced, body);
	buffer_append(&spaced, SLICE("\n"));
	struct keyword_match match =
	    keywords_match(keywords, &(struct keyword_message){.body = buffer_slice(&spaced)});
	CHECK(match.keyword == plain.keyword);
	buffer_done(&spaced);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input input = fuzz_begin(data, size);
	struct slice opt_out = fuzz_optional(&input), word = fuzz_line(&input);
	struct slice reply = fuzz_line(&input), body = fuzz_rest(&input);
	struct keywords *keywords = make_keywords(word, reply);
	check_match(NULL, body, opt_out);
	check_match(keywords, body, opt_out);
	check_match(keywords, word, SLICE_NONE);
	check_space(NULL, body);
	check_space(keywords, body);
	keywords_free(keywords);
	fuzz_end(&input);
	return 0;
}
