#include "dlrd/refused/diagnoser.h"

#include "dlrd/base/clock.h"
#include "dlrd/base/log.h"
#include "parameter_variants.h"
#include "query_variants.h"
#include "url_variants.h"

#include <stdlib.h>
#include <string.h>

/* Diagnoses may use 1/TIME_SHARE of one CPU; unused time accumulates up to TIME_MAX_US. */
#define TIME_SHARE 20
#define TIME_MAX_US (CLOCK_SECOND_US / 10)

/* Earlier results that are tried first on a request. Each costs one signature, for forged requests,
 * too. */
#define PRECEDENTS_MAX 4

/* Bytes of a log line about a refusal: with the time and the level, a line has at most 200. */
#define LOGGED_MAX 165
#define ROUTE_SHOWN_MAX 40

/* A larger body is not examined: variants.h has no room for it, and Twilio's have a few KiB. */
#define DIAGNOSED_BODY_MAX VARIANTS_FIRST_MAX

/* The verification results of requests that the handler offers to the quarantine. */
static const enum verification_result diagnosed[] = {VERIFICATION_MALFORMED_SIGNATURE,
    VERIFICATION_MALFORMED_SETTINGS, VERIFICATION_UNKNOWN_ALGORITHM, VERIFICATION_UNKNOWN_KEY,
    VERIFICATION_MISMATCH, VERIFICATION_BODY_MISMATCH, VERIFICATION_BODY_UNBOUND,
    VERIFICATION_UNKNOWN_ACCOUNT};

#define DIAGNOSED_COUNT (sizeof diagnosed / sizeof diagnosed[0])

struct precedent {
	struct buffer path, account; /* of the request */
	struct diagnosis diagnosis;
	bool inherited; /* from before a reload: a proof, but its cause may be fixed by now */
};

struct diagnoser {
	struct diagnoser_options options;
	struct metric *causes[DIAGNOSIS_CAUSE_COUNT];
	struct metric *refused[DIAGNOSED_COUNT]; /* that the handler counts */
	double refused_at_last_log;              /* their sum when the last line was logged */
	struct log_limit
	    logs[2];     /* of unproven and of proven requests: no flood hides the latter */
	int64_t time_us; /* that diagnoses may take now */
	int64_t seen_us; /* when time_us was computed; monotonic clock */
	struct precedent *precedents[PRECEDENTS_MAX]; /* the most recently confirmed first */
	struct admission admission;
};

/* One request under examination. */
struct examination {
	struct incoming incoming; /* with trust in the current proxies */
	struct reading reading;   /* of incoming */
};

/* Counts all refusals since the start that could be examined. */
static double
count_refused(const struct diagnoser *diagnoser)
{
	double count = 0;
	for (size_t i = 0; i < DIAGNOSED_COUNT; i++)
		count += metric_value(diagnoser->refused[i]);
	return count;
}

enum result
diagnoser_new(const struct diagnoser_options *options, struct diagnoser **out_diagnoser)
{
	struct diagnoser *diagnoser = calloc(1, sizeof *diagnoser);

	if (diagnoser == NULL)
		return RESULT_NO_MEMORY;
	diagnoser->options = *options;
	admission_init(
	    &diagnoser->admission, options->routes, options->verifier, NULL, options->fields_max);
	for (int i = 0; i < DIAGNOSIS_CAUSE_COUNT; i++)
		diagnoser->causes[i] =
		    metrics_add_labelled(options->metrics, METRIC_SIGNATURE_CAUSES, "cause",
			slice_of(diagnosis_cause_name((enum diagnosis_cause)i)), NULL, SLICE_NONE);
	for (size_t i = 0; i < DIAGNOSED_COUNT; i++)
		diagnoser->refused[i] =
		    metrics_add_labelled(options->metrics, METRIC_SIGNATURE_FAILURES, "cause",
			slice_of(verification_result_name(diagnosed[i])), NULL, SLICE_NONE);
	diagnoser->refused_at_last_log = count_refused(diagnoser);
	diagnoser->time_us = TIME_MAX_US;
	diagnoser->seen_us = clock_monotonic_us();
	*out_diagnoser = diagnoser;
	return RESULT_OK;
}

/* Returns the request with trust in the current proxies. */
static struct incoming
incoming_now(const struct diagnoser *diagnoser, const struct incoming *incoming)
{
	const struct diagnoser_options *options = &diagnoser->options;
	struct incoming now = *incoming;

	now.from_trusted_proxy =
	    incoming_is_trusted(incoming, options->proxies, options->proxy_count);
	return now;
}

/* A form with too many fields is read like another body: its accounts are those in its bytes. */
static void
read_request(
    struct diagnoser *diagnoser, const struct quarantined *quarantined, struct examination *out)
{
	struct reading *reading = &out->reading;

	out->incoming = incoming_now(diagnoser, &quarantined->incoming);
	if (admission_read(&diagnoser->admission, &out->incoming, reading) != RESULT_OK)
		reading->account = verifier_name_accounts(
		    diagnoser->options.verifier, incoming_form(&out->incoming), &reading->named);
}

/* --- precedents --- */

/* The first one is tried first. */
static void
move_to_front(struct diagnoser *diagnoser, size_t index)
{
	struct precedent *moved = diagnoser->precedents[index];
	memmove(&diagnoser->precedents[1], &diagnoser->precedents[0],
	    index * sizeof diagnoser->precedents[0]);
	diagnoser->precedents[0] = moved;
}

/* If another account's token signed, the diagnosis names the account whose token was expected. */
static bool
is_of_account(const struct precedent *precedent, const struct examination *examination)
{
	return (precedent->diagnosis.causes & DIAGNOSIS_BIT(DIAGNOSIS_OTHER_ACCOUNT)) == 0 ||
	       slice_equal(buffer_slice(&precedent->account), examination->reading.account);
}

static struct precedent *
find_precedent(struct diagnoser *diagnoser, const struct examination *examination)
{
	for (size_t i = 0; i < PRECEDENTS_MAX && diagnoser->precedents[i] != NULL; i++) {
		struct precedent *precedent = diagnoser->precedents[i];
		if (!slice_equal(
			buffer_slice(&precedent->path), url_path(examination->incoming.target)) ||
		    !is_of_account(precedent, examination) ||
		    !diagnosis_repeats(&precedent->diagnosis, diagnoser->options.verifier,
			&examination->reading, &diagnoser->admission.scratch))
			continue;
		move_to_front(diagnoser, i);
		return precedent;
	}
	return NULL;
}

/* Replaces the one whose last confirmation is the oldest. */
static void
add_precedent(struct diagnoser *diagnoser, struct slice path, struct slice account,
    const struct diagnosis *found)
{
	size_t last = 0;

	while (last < PRECEDENTS_MAX - 1 && diagnoser->precedents[last] != NULL)
		last++;
	if (diagnoser->precedents[last] == NULL)
		diagnoser->precedents[last] = calloc(1, sizeof *diagnoser->precedents[last]);
	struct precedent *precedent = diagnoser->precedents[last];
	if (precedent == NULL)
		return;
	buffer_clear(&precedent->path);
	buffer_append(&precedent->path, path);
	buffer_clear(&precedent->account);
	buffer_append(&precedent->account, account);
	precedent->diagnosis = *found;
	precedent->inherited = false;
	move_to_front(diagnoser, last);
}

void
diagnoser_inherit(struct diagnoser *diagnoser, const struct diagnoser *before)
{
	size_t count = 0;

	diagnoser->time_us = before->time_us;
	diagnoser->seen_us = before->seen_us;
	diagnoser->refused_at_last_log = before->refused_at_last_log;
	for (size_t i = 0; i < sizeof diagnoser->logs / sizeof diagnoser->logs[0]; i++) {
		diagnoser->logs[i].second = before->logs[i].second;
		diagnoser->logs[i].count = before->logs[i].count;
	}
	while (count < PRECEDENTS_MAX && before->precedents[count] != NULL)
		count++;
	while (count-- > 0) {
		const struct precedent *old = before->precedents[count];
		/* The index may be another account's now, or unused. */
		if ((old->diagnosis.causes & DIAGNOSIS_BIT(DIAGNOSIS_OTHER_ACCOUNT)) != 0)
			continue;
		add_precedent(diagnoser, buffer_slice(&old->path), buffer_slice(&old->account),
		    &old->diagnosis);
		if (diagnoser->precedents[0] != NULL)
			diagnoser->precedents[0]->inherited = true;
	}
}

/* --- diagnoses --- */

static bool
has_time(struct diagnoser *diagnoser)
{
	/* The remainder below one microsecond counts the next time. */
	int64_t more_us = (clock_monotonic_us() - diagnoser->seen_us) / TIME_SHARE;
	diagnoser->time_us += more_us;
	diagnoser->seen_us += more_us * TIME_SHARE;
	if (diagnoser->time_us > TIME_MAX_US)
		diagnoser->time_us = TIME_MAX_US;
	return diagnoser->time_us > 0;
}

/* A diagnosis that fits becomes a precedent; it replaces the inherited one that fits as well, if
 * any.
 */
static void
make_diagnosis(struct diagnoser *diagnoser, const struct examination *examination,
    struct precedent *inherited, struct diagnosis *out_diagnosis)
{
	const struct diagnoser_options *options = &diagnoser->options;
	const struct reading *reading = &examination->reading;
	const struct diagnosis_hints hints = {.listen_port = options->listen_port,
	    .account_verified_before = options->has_verified(options->context, reading->account)};

	diagnosis_make(options->verifier, reading, &hints, out_diagnosis);
	if (out_diagnosis->fits && inherited != NULL) {
		inherited->diagnosis = *out_diagnosis;
		inherited->inherited = false;
	} else if (out_diagnosis->fits)
		add_precedent(diagnoser, url_path(examination->incoming.target), reading->account,
		    out_diagnosis);
}

/* Returns false if there is no time for a diagnosis. */
static bool
diagnose(struct diagnoser *diagnoser, const struct examination *examination,
    struct precedent *inherited, struct diagnosis *out_diagnosis)
{
	int64_t start_us = clock_processor_us();

	if (!has_time(diagnoser))
		return false;
	make_diagnosis(diagnoser, examination, inherited, out_diagnosis);
	diagnoser->time_us -= clock_processor_us() - start_us;
	return true;
}

/* --- reporting --- */

/* The first clause of the advice; all of it is in /v1/signature-failures and 'dlrd explain'. */
static struct slice
first_clause(const char *advice)
{
	struct slice clause = slice_of(advice);
	for (size_t i = 0; i + 1 < clause.len; i++)
		if ((clause.ptr[i] == ';' || clause.ptr[i] == ':') && clause.ptr[i + 1] == ' ')
			clause.len = i;
	return clause;
}

/* The first section that the advice names, behind words: "[account AC...]". Absent if none is. */
static struct slice
section_behind(const char *advice, struct slice words)
{
	struct slice rest = slice_of(advice);
	while (rest.len > 0 && !slice_starts_with(rest, words))
		rest = slice_from(rest, 1);
	if (rest.len == 0)
		return SLICE_NONE;
	rest = slice_from(rest, words.len - 1);
	size_t end = slice_find(rest, ']');
	return end < rest.len ? (struct slice){rest.ptr, end + 1} : SLICE_NONE;
}

static void
append_summary(
    const struct diagnoser *diagnoser, const struct diagnosis *diagnosis, struct buffer *out)
{
	const char *advice = diagnosis->advice;
	struct slice added = section_behind(advice, SLICE("add ["));
	struct slice key = section_behind(advice, SLICE("no variant of the request fits ["));
	if (slice_starts_with(
		slice_of(advice), SLICE("no variant of the request fits a token of ")))
		buffer_append(out, SLICE("no token of its account fits; check auth_token_file"));
	else if (diagnosis->cause == DIAGNOSIS_OTHER_ACCOUNT && diagnosis->fits) {
		buffer_append(out, SLICE("signed with the token of "));
		buffer_append(
		    out, verifier_account(diagnoser->options.verifier, diagnosis->account_index));
	} else if (key.ptr != NULL)
		buffer_appendf(out, "%.*s does not fit", SLICE_ARG(key));
	else if (added.ptr != NULL)
		buffer_appendf(out, "add %.*s", SLICE_ARG(added));
	else
		buffer_append(out, first_clause(advice));
}

/* Writes a short line: the cause, and the command to run after the fix. */
static void
log_refusal(const struct diagnoser *diagnoser, const struct quarantined *request,
    const struct diagnosis *diagnosis, double others)
{
	struct buffer start = BUFFER_EMPTY, summary = BUFFER_EMPTY, end = BUFFER_EMPTY;
	struct slice route = request->route;
	if (route.len > ROUTE_SHOWN_MAX)
		route.len = ROUTE_SHOWN_MAX;
	buffer_appendf(&start, "refused a request on %.*s (%s): ", SLICE_ARG(route),
	    diagnosis_cause_name(diagnosis->cause));
	append_summary(diagnoser, diagnosis, &summary);
	buffer_append(&end, SLICE("; kept: fix, then 'dlrd quarantine reverify'"));
	if (others > 0)
		buffer_appendf(&end, " (%.0f more)", others);

	struct slice shown = buffer_slice(&summary);
	size_t room = LOGGED_MAX - start.len - end.len;
	if (shown.len > room) {
		shown.len = room - strlen("...");
		while (shown.len > 0 && ((unsigned char)shown.ptr[shown.len] & 0xc0) == 0x80)
			shown.len--;
	}
	log_line(LOG_WARNING, "%.*s%.*s%s%.*s", SLICE_ARG(buffer_slice(&start)), SLICE_ARG(shown),
	    shown.len < summary.len ? "..." : "", SLICE_ARG(buffer_slice(&end)));
	buffer_done(&start);
	buffer_done(&summary);
	buffer_done(&end);
}

static void
report(struct diagnoser *diagnoser, const struct quarantined *request,
    const struct diagnosis *diagnosis)
{
	uint64_t swallowed;

	metric_add(diagnoser->causes[diagnosis->cause], 1);
	if (diagnoser->options.failures != NULL)
		signature_failures_note(diagnoser->options.failures, request->route,
		    request->account, diagnosis, request->incoming.arrived_us);
	/* The handler has logged a path without a section. */
	if (request->route.len == 0 ||
	    !log_limit_allows(&diagnoser->logs[diagnosis->fits], 1, &swallowed))
		return;
	double refused = count_refused(diagnoser),
	       others = refused - diagnoser->refused_at_last_log - 1;
	diagnoser->refused_at_last_log = refused;
	log_refusal(diagnoser, request, diagnosis, others);
}

/* Returns whether one of the configured tokens signed the request with its body: it was not forged.
 */
static bool
is_proven(const struct reading *reading, const struct diagnosis *diagnosis)
{
	const struct incoming *incoming = reading->incoming;

	if (!diagnosis->fits || incoming_is_get(incoming))
		return diagnosis->fits;
	if (reading->form != NULL ? diagnosis_signs_form(diagnosis)
				  : parameter_variants_body(diagnosis->parameters_rule) ==
					VARIANT_BODY_CHANGED) /* a form whose type was lost */
		return true;
	return signature_check_body(url_query(incoming->target), incoming->body) ==
	       SIGNATURE_BODY_MATCHES;
}

/* Returns whether the request would be accepted if its path had a section. */
static bool
verifies(struct diagnoser *diagnoser, const struct examination *examination)
{
	struct verification verification;
	verifier_verify(diagnoser->options.verifier, &examination->reading,
	    &diagnoser->admission.scratch, &verification);
	return verification.result == VERIFICATION_VALID;
}

/* A request for a path without a section. Its signature may be valid, or invalid for a reason that
 * a diagnosis finds; otherwise the path is the cause. */
static void
examine_unrouted(struct diagnoser *diagnoser, struct quarantined *request)
{
	struct examination examination;
	struct diagnosis made = {.fits = false};
	int64_t start_us = clock_processor_us();

	if (!has_time(diagnoser))
		return;
	read_request(diagnoser, request, &examination);
	bool verified = verifies(diagnoser, &examination);
	diagnoser->time_us -= clock_processor_us() - start_us;
	if (!verified)
		diagnose(diagnoser, &examination, NULL, &made);
	request->proven = verified || is_proven(&examination.reading, &made);
	if (!made.fits)
		diagnosis_of_no_route(url_path(request->incoming.target), verified, &made);
	request->cause = slice_of(diagnosis_cause_name(made.cause));
	report(diagnoser, request, &made);
	reading_done(&examination.reading);
}

static void
examine(struct diagnoser *diagnoser, struct quarantined *request)
{
	struct examination examination;
	struct diagnosis made;

	read_request(diagnoser, request, &examination);
	struct precedent *precedent = find_precedent(diagnoser, &examination);
	const struct diagnosis *diagnosis = precedent != NULL ? &precedent->diagnosis : NULL;
	if ((precedent == NULL || precedent->inherited) &&
	    diagnose(diagnoser, &examination, precedent, &made) && precedent == NULL)
		diagnosis = &made;
	if (diagnosis != NULL) {
		request->cause = slice_of(diagnosis_cause_name(diagnosis->cause));
		request->proven = is_proven(&examination.reading, diagnosis);
		report(diagnoser, request, diagnosis);
	}
	reading_done(&examination.reading);
}

bool
diagnoser_examine(void *context, struct quarantined *request)
{
	struct diagnoser *diagnoser = context;
	size_t index;

	request->cause = SLICE("undiagnosed");
	request->proven = false;
	if (request->incoming.body.len <= DIAGNOSED_BODY_MAX && request->route.len == 0)
		examine_unrouted(diagnoser, request);
	else if (request->incoming.body.len <= DIAGNOSED_BODY_MAX &&
		 (diagnoser->precedents[0] != NULL || has_time(diagnoser)))
		examine(diagnoser, request);
	admission_release(&diagnoser->admission);

	bool is_known =
	    request->account.ptr == NULL ||
	    verifier_find_account(diagnoser->options.verifier, request->account, &index);
	request->stray = request->route.len == 0 || (!is_known && !request->proven);
	return true;
}

void
diagnoser_release(struct diagnoser *diagnoser)
{
	admission_release(&diagnoser->admission);
}

void
diagnoser_check(struct diagnoser *diagnoser, const struct incoming *incoming,
    struct admission_decision *out_decision)
{
	struct incoming now = incoming_now(diagnoser, incoming);

	admission_release(&diagnoser->admission);
	admission_check(&diagnoser->admission, &now, out_decision);
}

/* --- the signed URL --- */

static bool
write_signed_target(const struct diagnoser *diagnoser, const struct examination *examination,
    const struct diagnosis *diagnosis, struct buffer *out_target)
{
	const struct verifier *verifier = diagnoser->options.verifier;
	struct buffer url = BUFFER_EMPTY, parameters = BUFFER_EMPTY;
	struct slice base, target = SLICE_NONE;

	buffer_append(&url, slice_of(diagnosis->url));
	bool found = !query_variants_is_split(diagnosis->query_rule);
	if (found) {
		struct buffer query = BUFFER_EMPTY;
		found = query_variants_write(&query, &parameters,
		    url_query(examination->incoming.target),
		    url_original_target(&examination->incoming), diagnosis->query_rule);
		buffer_append(&url, buffer_slice(&query));
		buffer_done(&query);
	}
	if (found && verifier_url_count(verifier) > 0)
		found = verifier_find_target(verifier, buffer_slice(&url), &target);
	else if (found)
		found = url_split(buffer_slice(&url), &base, &target) == RESULT_OK;
	buffer_clear(out_target);
	if (found)
		buffer_append(out_target, target);
	found = found && !url.failed && !out_target->failed;
	buffer_done(&url);
	buffer_done(&parameters);
	return found;
}

bool
diagnoser_signed_target(
    struct diagnoser *diagnoser, const struct quarantined *request, struct buffer *out_target)
{
	struct examination examination;
	struct diagnosis made;

	read_request(diagnoser, request, &examination);
	const struct precedent *precedent = find_precedent(diagnoser, &examination);
	const struct diagnosis *diagnosis = precedent != NULL ? &precedent->diagnosis : &made;
	if (precedent == NULL)
		make_diagnosis(diagnoser, &examination, NULL, &made);
	bool found =
	    diagnosis->fits && write_signed_target(diagnoser, &examination, diagnosis, out_target);
	reading_done(&examination.reading);
	return found;
}

void
diagnoser_free(struct diagnoser *diagnoser)
{
	if (diagnoser == NULL)
		return;
	for (size_t i = 0; i < PRECEDENTS_MAX; i++) {
		if (diagnoser->precedents[i] != NULL) {
			buffer_done(&diagnoser->precedents[i]->path);
			buffer_done(&diagnoser->precedents[i]->account);
		}
		free(diagnoser->precedents[i]);
	}
	admission_done(&diagnoser->admission);
	free(diagnoser);
}
