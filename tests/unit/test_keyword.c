/* keyword: the whole message and nothing else; Twilio's reserved words, and configured ones. */
#include "testing.h"

#include "dlrd/twilio/keyword.h"

#include <locale.h>
#include <time.h>

static struct slice
reply_of(struct keyword_match match)
{
	return match.answer == NULL ? SLICE_NONE : match.answer->reply;
}

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

static enum keyword
keyword_of(struct slice body)
{
	return keywords_match(NULL, &(struct keyword_message){.body = body}).keyword;
}

/* Each word with something before and behind it. */
static void
assert_each_word(const char *before, const char *after, enum keyword_rule rule)
{
	static const char *const names[] = {
	    [KEYWORD_STOP] = "stop", [KEYWORD_START] = "start", [KEYWORD_HELP] = "help"};
	for (size_t i = 0; i < COUNT_OF(words); i++) {
		char body[64];
		snprintf(body, sizeof body, "%s%s%s", before, words[i].word, after);
		struct keyword_match match =
		    keywords_match(NULL, &(struct keyword_message){.body = slice_of(body)});
		assert_int_equal(match.keyword, words[i].keyword);
		assert_int_equal(match.rule, rule);
		assert_slice(match.name, names[words[i].keyword]);
		assert_slice(match.word, words[i].word);
		assert_slice(reply_of(match), NULL);
		assert_false(match.configured);
		assert_slice(
		    keywords_near_miss(NULL, &(struct keyword_message){.body = slice_of(body)}),
		    NULL);
	}
}

static void
each_word_is_known_exactly(void **state)
{
	(void)state;
	assert_each_word("", "", KEYWORD_RULE_EXACT);
}

static void
case_does_not_matter(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(words); i++)
		for (int round = 0; round < 8; round++) {
			char body[32];
			size_t len = strlen(words[i].word);
			for (size_t k = 0; k <= len; k++) {
				char byte = words[i].word[k];
				body[k] =
				    byte != '\0' && random_below(2) ? (char)(byte | 0x20) : byte;
			}
			struct keyword_match match =
			    keywords_match(NULL, &(struct keyword_message){.body = slice_of(body)});
			assert_int_equal(match.keyword, words[i].keyword);
			assert_int_equal(match.rule, KEYWORD_RULE_EXACT);
		}
}

static void
white_space_around_and_punctuation_behind_are_forgiven_but_reported(void **state)
{
	(void)state;
	assert_each_word(" \t\r\n", "", KEYWORD_RULE_TOLERATED);
	assert_each_word("", " \r\n", KEYWORD_RULE_TOLERATED);
	assert_each_word("", ".", KEYWORD_RULE_TOLERATED);
	assert_each_word("", "!!!", KEYWORD_RULE_TOLERATED);
	assert_each_word(" ", " . ? ", KEYWORD_RULE_TOLERATED);
	assert_each_word("", "\"", KEYWORD_RULE_TOLERATED);
	assert_each_word("\xc2\xa0", " \xc2\xa0\xc2\xa0", KEYWORD_RULE_TOLERATED);
	assert_each_word(" \xc2\xa0 ", "\xc2\xa0.", KEYWORD_RULE_TOLERATED);
}

static void
what_is_more_than_the_word_is_none(void **state)
{
	(void)state;
	static const char *const bodies[] = {"", " ", ".", "STOP PLEASE", "PLEASE STOP", "STOP ALL",
	    "OPT OUT", "OPT-OUT", "STOPP", "STO", "ST OP", "STOP.PLEASE", ".STOP", "\"STOP",
	    "STOP1", "1STOP", "ARRET", "NO", "Y", "YESS", "ENDE", "STOP\xc2", "\xa0STOP",
	    "S\xc5\xa4OP", "STOP\xe2\x80\xa6", "\xe2\x80\x8bSTOP"};
	for (size_t i = 0; i < COUNT_OF(bodies); i++) {
		if (keyword_of(slice_of(bodies[i])) != KEYWORD_NONE)
			print_error("\"%s\" is a keyword\n", bodies[i]);
		assert_int_equal(keyword_of(slice_of(bodies[i])), KEYWORD_NONE);
	}
	assert_int_equal(keyword_of(SLICE("STOP\0")), KEYWORD_NONE);
	assert_int_equal(keyword_of(SLICE("\0STOP")), KEYWORD_NONE);
	assert_int_equal(keyword_of(SLICE_NONE), KEYWORD_NONE);
	struct keyword_match match =
	    keywords_match(NULL, &(struct keyword_message){.body = SLICE("hello")});
	assert_slice(match.name, NULL);
	assert_slice(match.word, NULL);
	assert_slice(reply_of(match), NULL);
}

static void
what_twilio_says_wins_over_the_body(void **state)
{
	(void)state;
	static const struct {
		struct slice type;
		enum keyword keyword;
		const char *name;
	} rows[] = {
	    {SLICE_INIT("STOP"), KEYWORD_STOP, "stop"},
	    {SLICE_INIT("start"), KEYWORD_START, "start"},
	    {SLICE_INIT("HELP"), KEYWORD_HELP, "help"},
	};
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct keyword_match match = keywords_match(NULL,
		    &(struct keyword_message){.body = SLICE("info"), .opt_out_type = rows[i].type});
		assert_int_equal(match.keyword, rows[i].keyword);
		assert_slice(match.name, rows[i].name);
		assert_slice(match.word, NULL);
		assert_int_equal(match.rule, KEYWORD_RULE_OPT_OUT_TYPE);
		assert_false(match.configured);
	}
	/* what it is not known to say says nothing */
	static const char *const others[] = {"QUIT", "", " STOP", "OTHER", NULL};
	for (size_t i = 0; i < COUNT_OF(others); i++)
		assert_int_equal(
		    keywords_match(NULL, &(struct keyword_message){.body = SLICE("info"),
					     .opt_out_type = slice_of(others[i])})
			.keyword,
		    KEYWORD_HELP);
}

/* --- configured words --- */

static void
add(struct keywords *keywords, const char *name, const char *word)
{
	struct failure failure = {""};
	enum result result = keywords_add_word(keywords, slice_of(name), slice_of(word), &failure);
	if (result != RESULT_OK)
		print_error("\"%s\": %s\n", word, failure.text);
	assert_ok(result);
}

static struct keywords *
make(void)
{
	struct keywords *keywords;
	assert_ok(keywords_new(&keywords));
	add(keywords, "stop", "arr\xc3\xaat");
	add(keywords, "start", "oui");
	add(keywords, "join", "Join");
	add(keywords, "join", "join now");
	add(keywords, "join", "?");
	add(keywords, "Stop", "\xce\x94\xce\x99\xce\x91\xce\x9a\xce\x9f\xce\xa0\xce\x97\xce\xa3");
	add(keywords, "odos", "\xd1\x81\xd1\x82\xd0\xbe\xd0\xbf");
	add(keywords, "street", "stra\xc3\x9f\x65");
	assert_ok(
	    keywords_set_reply(keywords, SLICE("join"), SLICE("Welcome & \xf0\x9f\x8e\x89"), NULL));
	assert_ok(keywords_set_reply(keywords, SLICE("help"), SLICE("Call us"), NULL));
	return keywords;
}

static void
configured_words_are_known_in_any_case_of_unicode(void **state)
{
	(void)state;
	struct keywords *keywords = make();
	static const struct {
		const char *body;
		enum keyword keyword;
		const char *name, *word, *reply;
		enum keyword_rule rule;
	} rows[] = {
	    {"arr\xc3\xaat", KEYWORD_STOP, "stop", "arr\xc3\xaat", NULL, KEYWORD_RULE_EXACT},
	    {"ARR\xc3\x8aT", KEYWORD_STOP, "stop", "arr\xc3\xaat", NULL, KEYWORD_RULE_EXACT},
	    {" Arr\xc3\xaat! ", KEYWORD_STOP, "stop", "arr\xc3\xaat", NULL, KEYWORD_RULE_TOLERATED},
	    {"STOP", KEYWORD_STOP, "stop", "STOP", NULL, KEYWORD_RULE_EXACT},
	    /* small, with the sigma that ends words */
	    {"\xce\xb4\xce\xb9\xce\xb1\xce\xba\xce\xbf\xcf\x80\xce\xb7\xcf\x82", KEYWORD_STOP,
		"stop", "\xce\x94\xce\x99\xce\x91\xce\x9a\xce\x9f\xce\xa0\xce\x97\xce\xa3", NULL,
		KEYWORD_RULE_EXACT},
	    {"OUI", KEYWORD_START, "start", "oui", NULL, KEYWORD_RULE_EXACT},
	    {"JOIN", KEYWORD_OTHER, "join", "Join", "Welcome & \xf0\x9f\x8e\x89",
		KEYWORD_RULE_EXACT},
	    {"Join Now.", KEYWORD_OTHER, "join", "join now", "Welcome & \xf0\x9f\x8e\x89",
		KEYWORD_RULE_TOLERATED},
	    {" ? ", KEYWORD_OTHER, "join", "?", "Welcome & \xf0\x9f\x8e\x89",
		KEYWORD_RULE_TOLERATED},
	    {"\xd0\xa1\xd0\xa2\xd0\x9e\xd0\x9f", KEYWORD_OTHER, "odos",
		"\xd1\x81\xd1\x82\xd0\xbe\xd0\xbf", NULL, KEYWORD_RULE_EXACT},
	    {"STRA\xe1\xba\x9e\x45", KEYWORD_OTHER, "street", "stra\xc3\x9f\x65", NULL,
		KEYWORD_RULE_EXACT},
	    {"info", KEYWORD_HELP, "help", "INFO", "Call us", KEYWORD_RULE_EXACT},
	    {"joint", KEYWORD_NONE, NULL, NULL, NULL, KEYWORD_RULE_EXACT},
	    {"join  now", KEYWORD_NONE, NULL, NULL, NULL, KEYWORD_RULE_EXACT},
	    {"arret", KEYWORD_NONE, NULL, NULL, NULL, KEYWORD_RULE_EXACT},
	    {"!", KEYWORD_NONE, NULL, NULL, NULL, KEYWORD_RULE_EXACT},
	    {"", KEYWORD_NONE, NULL, NULL, NULL, KEYWORD_RULE_EXACT},
	};
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct keyword_match match = keywords_match(
		    keywords, &(struct keyword_message){.body = slice_of(rows[i].body)});
		assert_int_equal(match.keyword, rows[i].keyword);
		assert_slice(match.name, rows[i].name);
		assert_slice(match.word, rows[i].word);
		assert_slice(reply_of(match), rows[i].reply);
		assert_int_equal(match.rule, rows[i].rule);
		assert_int_equal(match.configured, match.word.ptr != NULL &&
						       strcmp(rows[i].word, "STOP") != 0 &&
						       strcmp(rows[i].word, "INFO") != 0);
	}
	keywords_free(keywords);
	keywords_free(NULL);
}

static void
the_locale_of_the_process_does_not_matter(void **state)
{
	(void)state;
	static const char *const locales[] = {"C", "POSIX", "C.UTF-8"};
	struct keywords *keywords = make();
	for (size_t i = 0; i < COUNT_OF(locales); i++) {
		setlocale(LC_ALL, locales[i]);
		assert_int_equal(keywords_match(keywords,
				     &(struct keyword_message){.body = SLICE("ARR\xc3\x8aT")})
				     .keyword,
		    KEYWORD_STOP);
	}
	setlocale(LC_ALL, "C");
	keywords_free(keywords);
}

static void
the_two_i_of_turkish_are_no_i(void **state)
{
	(void)state;
	assert_int_equal(keyword_of(SLICE("\xc4\xb0NFO")), KEYWORD_NONE);
	assert_int_equal(keyword_of(SLICE("\xc4\xb1nfo")), KEYWORD_NONE);
}

static void
an_opt_out_is_never_replied_to(void **state)
{
	(void)state;
	struct keywords *keywords = make();
	static const struct {
		const char *body, *type, *reply;
	} rows[] = {{"join", "STOP", NULL}, {"join", "stop", NULL}, {"HELP", "STOP", NULL},
	    {"STOP", "HELP", NULL}, {"arr\xc3\xaat", "HELP", NULL}, {"Stop.", "START", NULL},
	    {"STOP", NULL, NULL}, {"join", "HELP", "Call us"}, {"aide", "HELP", "Call us"},
	    {"join", "START", NULL}, {"join", "", "Welcome & \xf0\x9f\x8e\x89"}};
	for (size_t i = 0; i < COUNT_OF(rows); i++)
		assert_slice(reply_of(keywords_match(
				 keywords, &(struct keyword_message){.body = slice_of(rows[i].body),
					       .opt_out_type = slice_of(rows[i].type)})),
		    rows[i].reply);
	keywords_free(keywords);
}

static void
assert_word_refused(struct keywords *keywords, struct slice word, const char *why)
{
	struct failure failure = {""};
	assert_int_equal(
	    keywords_add_word(keywords, SLICE("join"), word, &failure), RESULT_INVALID);
	assert_contains(slice_of(failure.text), why);
}

static void
a_word_that_could_never_match_or_matches_twice_is_refused(void **state)
{
	(void)state;
	struct keywords *keywords = make();
	char long_word[KEYWORD_WORD_MAX + 2];
	memset(long_word, 'x', sizeof long_word);
	assert_word_refused(keywords, SLICE(""), "empty");
	assert_word_refused(keywords, SLICE_NONE, "empty");
	assert_word_refused(
	    keywords, (struct slice){long_word, KEYWORD_WORD_MAX + 1}, "longer than 64");
	assert_word_refused(keywords, SLICE("a\xff"), "UTF-8");
	assert_word_refused(keywords, SLICE("\xed\xb0\x80"), "UTF-8");
	assert_word_refused(keywords, SLICE("a\0b"), "control");
	assert_word_refused(keywords, SLICE("a\nb"), "control");
	assert_word_refused(keywords, SLICE(" a"), "white space");
	assert_word_refused(keywords, SLICE("a\xc2\xa0"), "white space");
	assert_word_refused(keywords, SLICE("STOP!"), "punctuation");
	assert_word_refused(keywords, SLICE("stop"), "already listed by Twilio, for stop");
	assert_word_refused(keywords, SLICE("JOIN"), "already listed, for join");
	assert_ok(keywords_add_word(
	    keywords, SLICE("join"), (struct slice){long_word, KEYWORD_WORD_MAX}, NULL));
	assert_int_equal(
	    keywords_match(keywords,
		&(struct keyword_message){.body = (struct slice){long_word, KEYWORD_WORD_MAX}})
		.keyword,
	    KEYWORD_OTHER);
	assert_int_equal(
	    keywords_match(keywords,
		&(struct keyword_message){.body = (struct slice){long_word, KEYWORD_WORD_MAX + 1}})
		.keyword,
	    KEYWORD_NONE);
	keywords_free(keywords);
}

static void
words_are_bounded(void **state)
{
	(void)state;
	struct keywords *keywords;
	char word[16];
	assert_ok(keywords_new(&keywords));
	for (int i = 0; i < KEYWORD_WORDS_MAX; i++) {
		snprintf(word, sizeof word, "w%d", i);
		add(keywords, "many", word);
	}
	struct failure failure;
	assert_int_equal(
	    keywords_add_word(keywords, SLICE("many"), SLICE("x"), &failure), RESULT_LIMIT);
	assert_contains(slice_of(failure.text), "1024");
	assert_slice(
	    keywords_match(keywords, &(struct keyword_message){.body = SLICE("W777")}).word,
	    "w777");
	keywords_free(keywords);
}

static void
a_reply_that_cannot_be_sent_is_refused(void **state)
{
	(void)state;
	struct keywords *keywords = make();
	struct failure failure = {""};
	struct buffer text = BUFFER_EMPTY;
	assert_int_equal(
	    keywords_set_reply(keywords, SLICE("Stop"), SLICE("bye"), &failure), RESULT_INVALID);
	assert_contains(slice_of(failure.text), "Twilio itself replies");
	for (int i = 0; i < 1600; i++)
		buffer_append(&text, SLICE("\xf0\x9f\x8e\x89"));
	assert_ok(keywords_set_reply(keywords, SLICE("join"), buffer_slice(&text), &failure));
	assert_true(slice_equal(
	    reply_of(keywords_match(keywords, &(struct keyword_message){.body = SLICE("join")})),
	    buffer_slice(&text)));
	buffer_append(&text, SLICE("x"));
	assert_int_equal(keywords_set_reply(keywords, SLICE("join"), buffer_slice(&text), &failure),
	    RESULT_INVALID);
	assert_contains(slice_of(failure.text), "1600");
	assert_int_equal(keywords_set_reply(keywords, SLICE("join"), SLICE("\xe9t\xe9"), &failure),
	    RESULT_INVALID);
	assert_ok(keywords_set_reply(keywords, SLICE("join"), SLICE(""), &failure));
	assert_slice(
	    reply_of(keywords_match(keywords, &(struct keyword_message){.body = SLICE("join")})),
	    NULL);
	buffer_done(&text);
	keywords_free(keywords);
}

static void
note(void *context, const struct keyword_section *section, struct slice listed)
{
	buffer_appendf(context, "%.*s(%.*s|%.*s)", SLICE_ARG(section->name), SLICE_ARG(listed),
	    SLICE_ARG(section->reply));
}

static void
what_was_added_is_reported(void **state)
{
	(void)state;
	struct keywords *keywords;
	struct buffer out = BUFFER_EMPTY;
	assert_ok(keywords_new(&keywords));
	assert_ok(keywords_each(keywords, note, &out));
	assert_int_equal(out.len, 0);
	add(keywords, "join", "a");
	add(keywords, "JOIN", "b");
	add(keywords, "STOP", "c");
	assert_ok(keywords_set_reply(keywords, SLICE("help"), SLICE("r"), NULL));
	assert_ok(keywords_each(keywords, note, &out));
	assert_slice(buffer_slice(&out), "stop(c|)help(|r)join(a, b|)");
	buffer_done(&out);
	keywords_free(keywords);
}

/* --- near misses --- */

static void
assert_near_miss(const struct keywords *keywords, const char *body, const char *phrase)
{
	struct slice found =
	    keywords_near_miss(keywords, &(struct keyword_message){.body = slice_of(body)});
	if (phrase == NULL ? found.ptr != NULL : !slice_equal(found, slice_of(phrase)))
		print_error("in \"%s\":\n", body);
	assert_slice(found, phrase);
}

static void
what_sounds_like_an_opt_out_is_a_near_miss(void **state)
{
	(void)state;
	static const struct {
		const char *body, *phrase;
	} rows[] = {
	    {"please stop", "please stop"},
	    {"PLEASE, STOP!!", "please stop"},
	    {"Stop please", "stop please"},
	    {"stop\ntexting me", "stop texting"},
	    {"Stop. Thank you", "STOP"},
	    {"STOP 12345", "STOP"},
	    {"stop all", "stop all"},
	    {"Opt out", "opt out"},
	    {"opt-out", "opt-out"},
	    {"Opt\xe2\x80\x91out", "opt-out"},
	    {"opt - out", "opt out"},
	    {"Unsubscribe me!", "unsubscribe me"},
	    {"remove me from this list", "remove me"},
	    {"Take me off your list", "take me off"},
	    {"Sorry, wrong number.", "wrong number"},
	    {"do not text me", "do not text"},
	    {"Don't text me", "don't text"},
	    {"Don\xe2\x80\x99t text me", "don't text"},
	    {"dont text", "don't text"},
	    {"LEAVE ME ALONE", "leave me alone"},
	    {"no more messages", "no more messages"},
	    {"no more texts", "no more texts"},
	    {"'stop' I say", "STOP"},
	    {"\xe2\x80\x9cstop\xe2\x80\x9d", "STOP"},
	    {"STOP\xe2\x80\xa6", "STOP"},
	    {"STOP \xf0\x9f\x9b\x91", "STOP"},
	    {"\xe2\x80\x8bstop", "STOP"},
	    {"stop--now", "STOP"},
	    {"#stop", "STOP"},
	    {"I said unsubscribe a week ago, and yet here we are", "UNSUBSCRIBE"},
	    {"stop\xff", "STOP"},
	    {"(stopall)", "STOPALL"},
	    {"I revoke my consent", "REVOKE"},
	    {"please optout", "OPTOUT"},
	    {"please end this now", "END"},
	    {"cancel it", "CANCEL"},
	    {"I want to quit", "QUIT"},
	};
	for (size_t i = 0; i < COUNT_OF(rows); i++)
		assert_near_miss(NULL, rows[i].body, rows[i].phrase);
	assert_slice(
	    keywords_near_miss(NULL, &(struct keyword_message){.body = SLICE("\0stop\0")}), "STOP");
}

static void
what_only_looks_like_one_is_none(void **state)
{
	(void)state;
	static const char *const bodies[] = {"", " ", "hello", "nonstop", "stopwatch", "weekend",
	    "non-stop", "non\xe2\x80\x90stop fun", "week-end", "stopped", "unstoppable", "stop1",
	    "START please", "unstop please", "\xc3\xa9stop", "s t o p",
	    "is this the end of the road", "can I cancel my order today", "I quit my job last week",
	    "optional", "adopt outdoor cats", "best operator", "removed me", "wrong numbers",
	    "friend",
	    /* those that are keywords themselves */
	    "STOP", "stop.", " stop ", "START", "help", "end"};
	for (size_t i = 0; i < COUNT_OF(bodies); i++)
		assert_near_miss(NULL, bodies[i], NULL);
	assert_slice(keywords_near_miss(NULL, &(struct keyword_message){.body = SLICE_NONE}), NULL);
}

static void
an_opt_out_in_another_language_is_a_near_miss(void **state)
{
	(void)state;
	static const char *const bodies[] = {"ARRET", "Arrêt", "arrêtez !", "Stopp", "BAJA",
	    "Baja por favor", "PARAR", "désabonner svp", "De\xcc\x81sabonner", "DESABONNER",
	    "Je veux me désinscrire de cette liste", "REMOVE", "remove pls", "unsub", "UNSUB ME",
	    "Unsubcribe", "quiero darme de baja de esta lista", "No más mensajes",
	    "pare de me enviar isso", "SAIR", "não quero mais receber", "Cancellami", "Abmelden",
	    "bitte keine SMS mehr", "Löschen", "afmelden aub", "Avregistrera", "Afmeld", "LOPETA",
	    "Rezygnuję", "Odhlásit", "Leiratkozás", "Dezabonare", "İPTAL", "iptal", "СТОП",
	    "Отписаться", "ВІДПИСАТИСЯ", "ΣΤΟΠ", "Διαγραφή", "إيقاف", "הסר", "बंद", "रोकें",
	    "Berhenti", "TỪ CHỐI", "Dừng", "退订", "请退订谢谢", "停止してください",
	    "수신거부 부탁", "หยุดส่ง", "Take me off the list", "not interested",
	    "don't send me these", "please st op", "no more", "No más", "no me manden más mensajes",
	    "PARA", "chega", "smettila", "bitte nicht mehr schreiben", "Stoppa", "SLUT", "отпишись",
	    "TD"};
	for (size_t i = 0; i < COUNT_OF(bodies); i++) {
		struct slice found = keywords_near_miss(
		    NULL, &(struct keyword_message){.body = slice_of(bodies[i])});
		if (found.len == 0)
			print_error("no near miss: \"%s\"\n", bodies[i]);
		assert_true(found.len > 0);
	}
}

static void
an_ordinary_text_in_another_language_is_none(void **state)
{
	(void)state;
	static const char *const bodies[] = {"oui merci", "c'est dur de choisir aujourd'hui",
	    "Vivo en Baja California y me gusta mucho", "mi pare una buona idea",
	    "Palo Alto is where I live", "vamos parar em casa depois do trabalho", "ja bitte",
	    "Ich komme um acht", "да, спасибо", "はい、お願いします", "好的谢谢", "네 감사합니다",
	    "نعم شكرا", "how do I remove the cover from it", "subscribe me", "parade", "stoppage",
	    "arretons", "is there no more of it in the shop", "para mi hermana y para mí",
	    "no mas de dos por favor, una azul", "chega que horas o pedido"};
	for (size_t i = 0; i < COUNT_OF(bodies); i++)
		assert_near_miss(NULL, bodies[i], NULL);
}

#define OURS "Sale ends today! Reply STOP to opt out"

static void
a_quoted_reaction_is_no_near_miss(void **state)
{
	(void)state;
	static const char *const bodies[] = {"Liked “" OURS "”", "Loved \"" OURS "\"",
	    "Disliked “" OURS "”", "Laughed at “" OURS "”", "Emphasized “" OURS "”",
	    "Questioned “" OURS "”", "Liked “STOP to end”", "Reacted 👍 to “" OURS "”",
	    "Removed a like from “" OURS "”", "Removed an exclamation mark from “" OURS "”",
	    "👍 to “" OURS "”", "\u200b👍\u200b to “\u200a" OURS "\u200a”", "❤️ to \"" OURS "\"",
	    "Liked “" OURS "", "Liked “" OURS "…", "Liked “He said “" OURS "””.",
	    "Le gustó “" OURS "”", "A Ana le encantó “" OURS "”", "Le encantó «STOP»",
	    "A aimé « " OURS " »", "J’aime “" OURS "”", "A ri de « " OURS " »",
	    "A réagi avec 👍 à « " OURS " »", "Gefällt „" OURS "“",
	    "Hat „" OURS "“ mit „Gefällt mir“ markiert", "„" OURS "“ gefällt mir",
	    "Curtiu “" OURS "”", "Adorou “" OURS "”", "Ha messo “Mi piace” a “" OURS "”",
	    "Piace “STOP”", "Vindt “" OURS "” leuk", "Gillade ”" OURS "”", "Polubiono „" OURS "”",
	    "Понравилось «" OURS "»", "赞了“" OURS "”", "“" OURS "”に「いいね」しました",
	    "“" OURS "”을(를) 좋아함", "Zkusil neco “" OURS "”"};
	for (size_t i = 0; i < COUNT_OF(bodies); i++)
		assert_near_miss(NULL, bodies[i], NULL);
	assert_near_miss(NULL, "Liked '" OURS "'", NULL);
	assert_near_miss(NULL, "Loved ‘" OURS "’", NULL);
	assert_near_miss(NULL, "Reacted to “" OURS "” with 😂", NULL);
	assert_near_miss(NULL, "😂 to “STOP to end”", NULL);
	struct keywords *keywords = make();
	assert_near_miss(keywords, "Liked “Envoyez arr\xc3\xaat”", NULL);
	keywords_free(keywords);
}

static void
what_a_person_says_around_a_quotation_is_a_near_miss(void **state)
{
	(void)state;
	assert_near_miss(NULL, "I said “please stop texting me”", "please stop");
	assert_near_miss(NULL, "\"stop\"", "STOP");
	assert_near_miss(NULL, "“" OURS "” stop texting me", "stop texting");
	assert_near_miss(NULL, "Liked “" OURS "” but unsubscribe me", "unsubscribe me");
	assert_near_miss(NULL, "You told me “" OURS "” and I did so", "opt out");
	assert_near_miss(NULL, "STOP “thanks”", "STOP");
	assert_slice(
	    keywords_near_miss(NULL,
		&(struct keyword_message){.body = SLICE("Call \0 stop sending this to me now")}),
	    "stop sending");
	assert_near_miss(NULL, "Hey “stop sending these messages to my phone”", "stop sending");
	assert_near_miss(NULL, "“please stop all of these messages now” thanks", "please stop");
	assert_near_miss(NULL, "🛑 “stop”", "STOP");
	assert_near_miss(NULL, "I said 'please stop'", "please stop");
	assert_near_miss(NULL, "Liked stop", "STOP");
}

static void
a_configured_stop_word_counts_as_one_of_twilios(void **state)
{
	(void)state;
	struct keywords *keywords = make();
	add(keywords, "stop", "ne plus");
	add(keywords, "stop", ":-(");
	assert_near_miss(keywords, "ARR\xc3\x8aT svp", "arr\xc3\xaat");
	assert_near_miss(keywords, "ne  plus jamais", "ne plus");
	assert_near_miss(keywords, "l'arr\xc3\xaat", NULL);
	assert_near_miss(keywords, "arr\xc3\xaats", NULL);
	assert_near_miss(keywords, "join please", NULL);
	assert_near_miss(keywords, "oui merci", NULL);
	assert_near_miss(keywords, "arr\xc3\xaat", NULL);
	assert_near_miss(keywords, "so sad :-( today", NULL);
	assert_near_miss(NULL, "arr\xc3\xaat svp", "arret");
	keywords_free(keywords);
}

static void
each_of_twilios_stop_words_is_one_in_a_short_text(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(words); i++) {
		char body[64];
		snprintf(body, sizeof body, "well, %s now", words[i].word);
		assert_near_miss(
		    NULL, body, words[i].keyword == KEYWORD_STOP ? words[i].word : NULL);
	}
}

static void
a_long_body_is_read_to_its_1600th_character_and_no_further(void **state)
{
	(void)state;
	struct buffer body = BUFFER_EMPTY;
	for (int i = 0; i < 1595; i++)
		buffer_append(&body, SLICE("\xc3\xa9"));
	buffer_append(&body, SLICE(" stop"));
	assert_slice(
	    keywords_near_miss(NULL, &(struct keyword_message){.body = buffer_slice(&body)}),
	    "STOP");
	buffer_clear(&body);
	for (int i = 0; i < 1600; i++)
		buffer_append(&body, SLICE("\xc3\xa9"));
	buffer_append(&body, SLICE(" stop"));
	assert_slice(
	    keywords_near_miss(NULL, &(struct keyword_message){.body = buffer_slice(&body)}), NULL);
	buffer_done(&body);
}

static void
any_megabyte_is_read_in_no_time(void **state)
{
	(void)state;
	static const char *const pieces[] = {"!", " ", "\xc2\xa0 ", "\xc2\xa0.", "-", "stop",
	    "sto ", "please ", "'", "\xff", "\xf0\x9f", "a", "a-"};
	struct keywords *keywords = make();
	struct timespec start, end;
	clock_gettime(CLOCK_MONOTONIC, &start);
	for (size_t i = 0; i < COUNT_OF(pieces); i++) {
		struct buffer body = BUFFER_EMPTY;
		while (body.len < 1 << 20)
			buffer_append(&body, slice_of(pieces[i]));
		assert_int_equal(
		    keywords_match(keywords, &(struct keyword_message){.body = buffer_slice(&body)})
			.keyword,
		    KEYWORD_NONE);
		assert_slice(keywords_near_miss(
				 keywords, &(struct keyword_message){.body = buffer_slice(&body)}),
		    NULL);
		buffer_done(&body);
	}
	clock_gettime(CLOCK_MONOTONIC, &end);
	assert_true(end.tv_sec - start.tv_sec < 10); /* quadratic would be hours */
	keywords_free(keywords);
}

static void
any_bytes_are_harmless(void **state)
{
	(void)state;
	struct keywords *keywords = make();
	for (int round = 0; round < 20000; round++) {
		size_t len = random_below(80);
		char *body = malloc(len + 1); /* its own block, for the sanitizer */
		assert_non_null(body);
		for (size_t i = 0; i < len; i++)
			body[i] = random_below(3) ? (char)random_below(256)
						  : "stop '-\xc2"[random_below(8)];
		struct slice text = {body, len};
		struct keyword_match match = keywords_match(
		    keywords, &(struct keyword_message){.body = text, .opt_out_type = text});
		struct slice miss =
		    keywords_near_miss(keywords, &(struct keyword_message){.body = text});
		assert_true(miss.ptr == NULL || match.keyword == KEYWORD_NONE);
		free(body);
	}
	keywords_free(keywords);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(each_word_is_known_exactly),
	    cmocka_unit_test(case_does_not_matter),
	    cmocka_unit_test(white_space_around_and_punctuation_behind_are_forgiven_but_reported),
	    cmocka_unit_test(what_is_more_than_the_word_is_none),
	    cmocka_unit_test(what_twilio_says_wins_over_the_body),
	    cmocka_unit_test(configured_words_are_known_in_any_case_of_unicode),
	    cmocka_unit_test(the_locale_of_the_process_does_not_matter),
	    cmocka_unit_test(the_two_i_of_turkish_are_no_i),
	    cmocka_unit_test(an_opt_out_is_never_replied_to),
	    cmocka_unit_test(a_word_that_could_never_match_or_matches_twice_is_refused),
	    cmocka_unit_test(words_are_bounded),
	    cmocka_unit_test(a_reply_that_cannot_be_sent_is_refused),
	    cmocka_unit_test(what_was_added_is_reported),
	    cmocka_unit_test(what_sounds_like_an_opt_out_is_a_near_miss),
	    cmocka_unit_test(what_only_looks_like_one_is_none),
	    cmocka_unit_test(an_opt_out_in_another_language_is_a_near_miss),
	    cmocka_unit_test(an_ordinary_text_in_another_language_is_none),
	    cmocka_unit_test(a_quoted_reaction_is_no_near_miss),
	    cmocka_unit_test(what_a_person_says_around_a_quotation_is_a_near_miss),
	    cmocka_unit_test(a_configured_stop_word_counts_as_one_of_twilios),
	    cmocka_unit_test(each_of_twilios_stop_words_is_one_in_a_short_text),
	    cmocka_unit_test(a_long_body_is_read_to_its_1600th_character_and_no_further),
	    cmocka_unit_test(any_megabyte_is_read_in_no_time),
	    cmocka_unit_test(any_bytes_are_harmless),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
