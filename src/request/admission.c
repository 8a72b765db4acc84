#include "dlrd/request/admission.h"

#include "dlrd/twilio/callback.h"
#include "dlrd/twilio/query_respelling.h"

/* The form and its signed text keep their memory for the next request up to this size each. */
#define KEEP_BYTES 65536

void
admission_init(struct admission *admission, const struct routes *routes,
    const struct verifier *verifier, const struct keywords *keywords, size_t fields_max)
{
	*admission = (struct admission){.routes = routes,
	    .verifier = verifier,
	    .keywords = keywords,
	    .fields_max = fields_max,
	    .form = FORM_EMPTY,
	    .scratch = BUFFER_EMPTY};
}

static enum result
read_on_route(struct admission *admission, const struct incoming *incoming,
    const struct route *route, struct reading *out_reading)
{
	struct slice account = route == NULL ? SLICE_NONE : slice_of(route->account);

	return verifier_read(admission->verifier, incoming, account, admission->fields_max,
	    &admission->form, out_reading);
}

enum result
admission_read(
    struct admission *admission, const struct incoming *incoming, struct reading *out_reading)
{
	const struct route *route = routes_find(admission->routes, url_path(incoming->target));

	return read_on_route(admission, incoming, route, out_reading);
}

/* The same message gets the same answer each time, until a keyword's time ends: dlrd does not know
 * which delivery of it reaches Twilio. */
static void
decide_answer(const struct admission *admission, const struct incoming *incoming,
    const struct reading *reading, struct admission_decision *decision)
{
	enum route_kind kind = decision->route->kind;

	decision->status = kind == ROUTE_INBOUND ? 200 : 204;
	if (reading->form == NULL || (kind != ROUTE_INBOUND && kind != ROUTE_AUTO))
		return;

	struct callback callback = callback_read(reading->form, kind);
	if (callback.kind != CALLBACK_INBOUND)
		return;
	decision->status = 200;
	struct keyword_message message = keyword_message_of(&callback, incoming->arrived_us);
	decision->answer = keywords_match(admission->keywords, &message).answer;
}

static void
verify(struct admission *admission, const struct incoming *incoming, const struct reading *reading,
    struct admission_decision *decision)
{
	verifier_verify(admission->verifier, reading, &admission->scratch, &decision->verification);
	decision->account = reading->account;

	if (decision->verification.result == VERIFICATION_VALID) {
		decision->result = ADMISSION_ADMITTED;
		decide_answer(admission, incoming, reading, decision);
	} else
		decision->result = decision->verification.result == VERIFICATION_UNDECIDED
				       ? ADMISSION_UNDECIDED
				       : ADMISSION_UNVERIFIED;
}

/* Its account is only looked for in its bytes: nothing verifies it. */
static void
decide_without_route(const struct admission *admission, const struct incoming *incoming,
    struct admission_decision *decision)
{
	struct named_accounts named;

	decision->result = ADMISSION_NO_ROUTE;
	decision->account =
	    verifier_name_accounts(admission->verifier, incoming_form(incoming), &named);
}

void
admission_check(struct admission *admission, const struct incoming *incoming,
    struct admission_decision *out_decision)
{
	struct reading reading;
	const struct route *route = routes_find(admission->routes, url_path(incoming->target));

	*out_decision = (struct admission_decision){
	    .route = route, .verification = {.result = VERIFICATION_MISMATCH}};
	if (route == NULL) {
		decide_without_route(admission, incoming, out_decision);
		return;
	}

	enum result result = read_on_route(admission, incoming, route, &reading);
	if (result == RESULT_OK)
		verify(admission, incoming, &reading, out_decision);
	else
		out_decision->result =
		    result == RESULT_LIMIT ? ADMISSION_TOO_MANY_FIELDS : ADMISSION_UNDECIDED;
	reading_done(&reading);
}

/* The decoded form has at most the text's bytes, and so has what is signed of it, whose order may
 * need a list (signature.h). A query that is signed alone is spelled in other ways, too. */
size_t
admission_work(const struct admission *admission, const struct incoming *incoming)
{
	bool is_get = incoming_is_get(incoming);
	struct slice text = incoming_form(incoming);
	size_t fields = text.len / 2 + 1;
	size_t spelled = query_respellings_bytes(incoming->target, QUERY_RESPELLINGS_MAX);

	if (!incoming_has_form(incoming))
		return spelled; /* the body is not copied */

	if (fields > admission->fields_max)
		fields = admission->fields_max;
	return 2 * text.len + fields * (sizeof(struct form_field) + sizeof(void *)) +
	       (is_get ? spelled : 0);
}

static size_t
fields_bytes(const struct form *form)
{
	return form->capacity * sizeof(struct form_field);
}

size_t
admission_memory(const struct admission *admission)
{
	return admission->form.text_capacity + fields_bytes(&admission->form) +
	       admission->scratch.cap;
}

void
admission_release(struct admission *admission)
{
	if (admission->form.text_capacity > KEEP_BYTES ||
	    fields_bytes(&admission->form) > KEEP_BYTES)
		form_done(&admission->form);
	if (admission->scratch.cap > KEEP_BYTES)
		buffer_done(&admission->scratch);
}

void
admission_done(struct admission *admission)
{
	form_done(&admission->form);
	buffer_done(&admission->scratch);
}
