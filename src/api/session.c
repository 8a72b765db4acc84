#include "session.h"

#include "access.h"
#include "dlrd/base/clock.h"
#include "dlrd/base/wipe.h"

static void
answer_state(struct question *question, const struct caller *caller, const char *csrf)
{
	struct access *access = question->state->access;
	bool known = csrf[0] != '\0';
	struct json_t *object = json_new_object();
	json_put_bool(object, "token_needed", access_needs_token(access));
	json_put_text(object, "role",
	    !known           ? SLICE_NONE
	    : caller->reader ? SLICE("reader")
			     : SLICE("operator"));
	json_put_bool(object, "masked", caller->masked);
	json_put_text(object, "csrf", known ? slice_of(csrf) : SLICE_NONE);
	question_answer(question, object);
}

void
session_show(struct question *question)
{
	char csrf[ACCESS_ID_SIZE];
	access_csrf(question->state->access, question->request->cookie, csrf);
	answer_state(question, &question->request->caller, csrf);
	wipe(csrf, sizeof csrf);
}

/* Secure if the page came over TLS, which ends at a proxy. */
static void
set_cookie(struct question *question, const char *id, int64_t seconds)
{
	bool secure = slice_starts_with(question->request->origin, SLICE("https://"));
	buffer_appendf(&question->answer.cookie,
	    ACCESS_COOKIE "=%s; Path=/; Max-Age=%lld; HttpOnly; SameSite=Strict%s", id,
	    (long long)seconds, secure ? "; Secure" : "");
}

void
session_begin(struct question *question)
{
	const struct caller *caller = &question->request->caller;
	char id[ACCESS_ID_SIZE];
	if (!access_needs_token(question->state->access)) {
		question_refuse(question, 400, "no token is configured, and none is needed");
		return;
	}
	if (caller->has_session) {
		question_refuse(question, 400,
		    "send the header Authorization: Bearer TOKEN to begin a session");
		return;
	}
	if (access_login(question->state->access, caller, id) != RESULT_OK) {
		question_refuse(question, 503, "the session could not begin; try again");
		return;
	}
	set_cookie(question, id, ACCESS_SESSION_US / CLOCK_SECOND_US);
	buffer_append(&question->answer.body, SLICE("{}"));
	wipe(id, sizeof id);
}

void
session_end(struct question *question)
{
	const struct caller *caller = &question->request->caller;
	if (!caller->has_session || !caller->has_csrf) {
		question_refuse(question, 403, "only a page that has logged in can log out");
		return;
	}
	access_logout(question->state->access, question->request->cookie);
	set_cookie(question, "", 0);
	buffer_append(&question->answer.body, SLICE("{}"));
}
