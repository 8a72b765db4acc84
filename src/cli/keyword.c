#include "dlrd/base/json.h"
#include "dlrd/base/local_time.h"
#include "dlrd/cli/cli.h"
#include "dlrd/cli/output.h"
#include "dlrd/projector/decoder.h"
#include "dlrd/twilio/address.h"

#include <stdio.h>

/* An inbound message that is made up, and what dlrd would make of it. */
struct reading_of_text {
	struct callback callback;
	struct keyword_message message;
	struct keyword_match match;
	struct event event;
	const struct keywords *keywords;
};

static void
read_text(struct reading_of_text *reading, const struct keywords *keywords, int64_t at_us)
{
	reading->keywords = keywords;
	reading->message = keyword_message_of(&reading->callback, at_us);
	reading->match = keywords_match(keywords, &reading->message);
	reading->event = (struct event){.time_us = at_us};
	decoder_fill_reply(&reading->event, &reading->callback, keywords);
}

/* --- words --- */

static void
append_section(struct buffer *out, const struct keyword_section *section)
{
	buffer_appendf(out, "[keyword %.*s%s%.*s]", SLICE_ARG(section->name),
	    section->label.len > 0 ? " " : "", SLICE_ARG(section->label));
}

static const char *
rule_name(const struct keyword_match *match)
{
	if (match->keyword == KEYWORD_NONE)
		return "none";
	switch (match->rule) {
	case KEYWORD_RULE_EXACT: return "exact";
	case KEYWORD_RULE_TOLERATED: return "tolerated";
	case KEYWORD_RULE_OPT_OUT_TYPE: return "opt-out-type";
	}
	return "none";
}

static const char *
reason_of(const struct reading_of_text *reading, const struct keyword_section *section,
    enum keyword_limit limit)
{
	switch (limit) {
	case KEYWORD_WITHIN: break;
	case KEYWORD_OTHER_SENDER: return "not for this sender";
	case KEYWORD_OTHER_SERVICE: return "not for this service";
	case KEYWORD_OTHER_COUNTRY: return "not for the country of this number";
	case KEYWORD_TOO_EARLY: return "begins later";
	case KEYWORD_TOO_LATE: return "has ended";
	}
	if (section == reading->match.section)
		return section == reading->match.answer ? "counts, and answers" : "counts";
	if (section == reading->match.answer)
		return "answers";
	if (reading->match.keyword == KEYWORD_NONE)
		return address_is_number(reading->message.from)
			   ? reading->event.near_miss.len > 0 ? "does not answer near misses"
							      : "less specific"
			   : "answers telephone numbers only";
	return reading->match.rule == KEYWORD_RULE_OPT_OUT_TYPE ? "Twilio's OptOutType counts"
								: "less specific";
}

/* --- for people --- */

static void
print_line(const char *name, struct slice text)
{
	struct buffer shown = BUFFER_EMPTY;
	buffer_append_visible(&shown, text);
	printf("%-11s %.*s\n", name, SLICE_ARG(buffer_slice(&shown)));
	buffer_done(&shown);
}

static void
append_recognition(struct buffer *out, const struct keyword_match *match)
{
	if (match->keyword == KEYWORD_NONE) {
		buffer_append(out, SLICE("no keyword"));
		return;
	}
	buffer_appendf(out, "%.*s, ", SLICE_ARG(match->name));
	if (match->rule == KEYWORD_RULE_OPT_OUT_TYPE) {
		buffer_append(out, SLICE("as Twilio's OptOutType says"));
		return;
	}
	buffer_appendf(out, "by the word %.*s of ", SLICE_ARG(match->word));
	if (match->section == NULL)
		buffer_append(out, SLICE("Twilio"));
	else
		append_section(out, match->section);
	if (match->rule == KEYWORD_RULE_TOLERATED)
		buffer_append(out, SLICE(", without the white space or punctuation around it"));
}

static void
append_record(struct buffer *out, const struct event *event)
{
	if (event->keyword.len > 0)
		buffer_appendf(out, "keyword %.*s", SLICE_ARG(event->keyword));
	else
		buffer_append(out, SLICE("without a keyword"));
	if (event->consent != CONSENT_SILENT)
		buffer_appendf(out, "; %s, cause %.*s",
		    event->consent == CONSENT_OUT ? "opt-out" : "opt-in", SLICE_ARG(event->cause));
	if (event->near_miss.len > 0)
		buffer_appendf(
		    out, "; near miss, for a person to read: %.*s", SLICE_ARG(event->near_miss));
}

static void
print_candidate(void *context, const struct keyword_section *section, enum keyword_limit limit)
{
	struct buffer line = BUFFER_EMPTY;
	append_section(&line, section);
	buffer_appendf(&line, ": %s", reason_of(context, section, limit));
	print_line("section", buffer_slice(&line));
	buffer_done(&line);
}

/* Returns false if it could not be written. */
static bool
print_reading(struct reading_of_text *reading)
{
	const struct keyword_section *answer = reading->match.answer;
	struct buffer line = BUFFER_EMPTY;
	append_recognition(&line, &reading->match);
	print_line("recognised", buffer_slice(&line));
	buffer_clear(&line);
	append_record(&line, &reading->event);
	print_line("recorded", buffer_slice(&line));
	buffer_done(&line);

	if (answer == NULL)
		print_line("answered", SLICE("not by dlrd"));
	else if (answer->reply.len > 0)
		print_line("answered", answer->reply);
	if (answer != NULL && answer->media.len > 0)
		print_line("media", answer->media);
	keywords_candidates(reading->keywords, &reading->message, print_candidate, reading);
	return fflush(stdout) == 0 && !ferror(stdout);
}

/* --- for programs --- */

static void
put_section(struct json_t *object, const char *key, const struct keyword_section *section)
{
	struct buffer name = BUFFER_EMPTY;
	if (section != NULL)
		append_section(&name, section);
	json_put_text(object, key, section == NULL ? SLICE_NONE : buffer_slice(&name));
	buffer_done(&name);
}

struct candidate_list {
	const struct reading_of_text *reading;
	struct json_t *array;
};

static void
push_candidate(void *context, const struct keyword_section *section, enum keyword_limit limit)
{
	struct candidate_list *list = context;
	struct json_t *object = json_new_object();
	put_section(object, "section", section);
	json_put_text(object, "reason", slice_of(reason_of(list->reading, section, limit)));
	json_push(list->array, object);
}

static struct slice
present(struct slice text)
{
	return text.len == 0 ? SLICE_NONE : text;
}

static struct json_t *
to_json(const struct reading_of_text *reading)
{
	const struct keyword_section *answer = reading->match.answer;
	const struct event *event = &reading->event;
	struct json_t *object = json_new_object();
	struct candidate_list list = {reading, json_new_array()};
	json_put_text(object, "keyword", present(event->keyword));
	json_put_text(object, "word", present(reading->match.word));
	json_put_text(object, "rule", slice_of(rule_name(&reading->match)));
	put_section(object, "section", reading->match.section);
	json_put_text(object, "consent", consent_name(event->consent));
	json_put_text(object, "cause", present(event->cause));
	json_put_text(object, "near_miss", present(event->near_miss));
	json_put_text(object, "reply", answer == NULL ? SLICE_NONE : present(answer->reply));
	json_put_text(object, "media", answer == NULL ? SLICE_NONE : present(answer->media));
	put_section(object, "answered_by", answer);
	keywords_candidates(reading->keywords, &reading->message, push_candidate, &list);
	json_put(object, "sections", list.array);
	return object;
}

/* --- the command --- */

struct wanted {
	const char *config, *to, *from, *service, *at, *type;
	bool json;
};

/* Reads an address as people write it. Returns false after reporting that it is not one. */
static bool
read_address(const struct cli_command *command, const char *option, const char *text,
    int64_t country_code, struct address_spellings *spellings, struct slice *out_address)
{
	if (text == NULL) {
		cli_usage_error(command, "%s is missing", option);
		return false;
	}
	address_spell(slice_of(text), country_code, spellings);
	if (!spellings->is_address) {
		cli_usage_error(command, "\"%s\" is not an address; write " ADDRESS_EXPECTED, text);
		return false;
	}
	*out_address = spellings->items[spellings->count > 1 ? 1 : 0];
	return true;
}

static bool
read_options(const struct cli_command *command, const struct wanted *wanted, int64_t *out_at_us)
{
	int64_t now_us = clock_wall_us();
	bool is_day;
	*out_at_us = now_us;
	if (wanted->at != NULL && local_time_parse_spoken(NULL, slice_of(wanted->at), now_us,
				      out_at_us, &is_day) != RESULT_OK) {
		cli_usage_error(command,
		    "\"%s\" is not a time; write 2026-12-24T18:00:00Z, 2026-12-24 or -24h",
		    wanted->at);
		return false;
	}
	if (wanted->type != NULL && keyword_of_name(slice_of(wanted->type)) == KEYWORD_OTHER) {
		cli_usage_error(command, "\"%s\" is not an OptOutType; write STOP, START or HELP",
		    wanted->type);
		return false;
	}
	bool service = wanted->service == NULL ||
		       (callback_is_sid(slice_of(wanted->service)) &&
			   slice_starts_with(slice_of(wanted->service), SLICE("MG")));
	if (!service)
		cli_usage_error(command,
		    "\"%s\" is not a messaging service; write MG and 32 hexadecimal digits",
		    wanted->service);
	return service;
}

static int
show(const struct cli_command *command, const struct wanted *wanted, const char *text,
    const struct settings *settings, int64_t at_us)
{
	struct address_spellings to, from;
	struct reading_of_text reading = {.callback = {.kind = CALLBACK_INBOUND,
					      .body = slice_of(text),
					      .service = slice_of(wanted->service),
					      .opt_out = slice_of(wanted->type)}};
	if (!read_address(
		command, "--to", wanted->to, settings->country_code, &to, &reading.callback.to) ||
	    !read_address(command, "--from", wanted->from, settings->country_code, &from,
		&reading.callback.from))
		return CLI_USAGE;

	read_text(&reading, settings->keywords, at_us);
	if (wanted->json ? output_json(to_json(&reading)) : print_reading(&reading))
		return CLI_OK;
	return cli_failure(command, "cannot write the answer");
}

static int
run(const struct cli_command *command, int count, char **words)
{
	struct wanted wanted = {.config = SETTINGS_DEFAULT_PATH};
	const struct cli_option options[] = {{"config", 'c', .text = &wanted.config},
	    {"to", 0, .text = &wanted.to}, {"from", 0, .text = &wanted.from},
	    {"service", 0, .text = &wanted.service}, {"at", 0, .text = &wanted.at},
	    {"opt-out-type", 0, .text = &wanted.type}, {"json", 0, .flag = &wanted.json}};
	int operands, status;
	int64_t at_us;
	if (!cli_read_options(command, count, words, options, sizeof options / sizeof options[0], 1,
		&operands, &status))
		return status;
	if (operands == count)
		return cli_usage_error(command, "the text of the message is missing");
	if (wanted.to == NULL || wanted.from == NULL)
		return cli_usage_error(
		    command, "%s is missing", wanted.to == NULL ? "--to" : "--from");
	if (!read_options(command, &wanted, &at_us))
		return CLI_USAGE;

	struct settings *settings = cli_load_settings(command, wanted.config, SETTINGS_QUERY);
	if (settings == NULL)
		return CLI_FAILED;
	status = show(command, &wanted, words[operands], settings, at_us);
	settings_free(settings);
	return status;
}

const struct cli_command cli_keyword = {
    .name = "keyword",
    .summary = "explain the keyword of a text and the answer to it",
    .usage =
	"Usage: dlrd keyword TEXT --to SENDER --from NUMBER [--service MG...] [--at T]\n"
	"                    [--opt-out-type STOP|START|HELP] [--json] [-c FILE]\n"
	"\n"
	"Shows how dlrd reads a message that a person texts: the keyword, the word, the section\n"
	"that lists it, the recorded keyword and the answer. Then each section that was\n"
	"considered, and why it counts or not. Reads the configuration alone; a running daemon\n"
	"is not asked. Quote the text.\n"
	"\n"
	"      --to SENDER       our number, short code or other sender that was texted\n"
	"      --from NUMBER     the person's number\n"
	"      --service MG...   the sender's messaging service\n"
	"      --at T            when the message arrives (default: now), 2026-12-24T18:00:00Z,\n"
	"                        2026-12-24 or -24h\n"
	"      --opt-out-type STOP|START|HELP\n"
	"                        Twilio's OptOutType, if Advanced Opt-Out classifies the text\n"
	"      --json            answer in JSON\n"
	"  -c, --config FILE     the configuration (default " SETTINGS_DEFAULT_PATH ")\n"
	"  -h, --help            show this\n",
    .run = run,
};
