#include "access.h"

#include "dlrd/base/clock.h"
#include "dlrd/base/wipe.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

struct session {
	struct secret *id, *csrf; /* NULL: the place is free */
	int64_t end_us;           /* monotonic */
	bool reader;
};

struct access {
	pthread_mutex_t lock; /* guards all below */
	struct api_tokens tokens;
	struct secret *csrf; /* of pages without a session */
	struct session sessions[ACCESS_SESSIONS_MAX];
	unsigned failures;   /* since failures_us */
	int64_t failures_us; /* monotonic */
	uint64_t generation;
};

/* --- texts --- */

static enum result
make_text(char out_text[ACCESS_ID_SIZE])
{
	unsigned char bytes[(ACCESS_ID_SIZE - 1) / 2];
	if (getrandom(bytes, sizeof bytes, 0) != (ssize_t)sizeof bytes)
		return RESULT_IO;
	for (size_t i = 0; i < sizeof bytes; i++)
		snprintf(out_text + 2 * i, 3, "%02x", bytes[i]);
	return RESULT_OK;
}

static enum result
make_secret(struct secret **out_secret)
{
	char text[ACCESS_ID_SIZE];
	enum result result = make_text(text);
	if (result == RESULT_OK)
		result = secret_new((struct slice){text, sizeof text - 1}, out_secret);
	wipe(text, sizeof text);
	return result;
}

static void
write_text(const struct secret *secret, char out_text[ACCESS_ID_SIZE])
{
	struct slice text = secret == NULL ? SLICE("") : secret_text(secret);
	memcpy(out_text, text.ptr, text.len);
	out_text[text.len] = '\0';
}

/* The value of the next cookie of ours in the header Cookie: "a=b; dlrd_session=...". Another
 * service of this host may have set one of that name. */
static struct slice
next_id(struct slice *cookie)
{
	while (cookie->ptr != NULL) {
		struct slice value = slice_trim(slice_take(cookie, ';'));
		struct slice name = slice_take(&value, '=');
		if (slice_equal(name, SLICE(ACCESS_COOKIE)) && value.len == ACCESS_ID_SIZE - 1)
			return value;
	}
	return SLICE_NONE;
}

/* --- sessions; under the lock --- */

static void
end_session(struct session *session)
{
	secret_free(session->id);
	secret_free(session->csrf);
	*session = (struct session){.id = NULL};
}

static void
end_sessions(struct access *access)
{
	for (size_t i = 0; i < ACCESS_SESSIONS_MAX; i++)
		end_session(&access->sessions[i]);
}

static struct session *
session_of(struct access *access, struct slice id)
{
	for (size_t i = 0; i < ACCESS_SESSIONS_MAX; i++) {
		struct session *session = &access->sessions[i];
		if (session->id != NULL && session->end_us > clock_monotonic_us() &&
		    secret_equal(session->id, id))
			return session;
	}
	return NULL;
}

static struct session *
find_session(struct access *access, struct slice cookie)
{
	struct session *session = NULL;
	struct slice id;
	while (session == NULL && (id = next_id(&cookie)).ptr != NULL)
		session = session_of(access, id);
	return session;
}

/* A free place, or that of the oldest session of that role, or of all: readers do not end the
 * session of an operator. */
static struct session *
make_place(struct access *access, bool reader)
{
	struct session *place = NULL, *same = NULL;
	for (size_t i = 0; i < ACCESS_SESSIONS_MAX; i++) {
		struct session *session = &access->sessions[i];
		if (session->id == NULL)
			return session;
		if (place == NULL || session->end_us < place->end_us)
			place = session;
		if (session->reader == reader && (same == NULL || session->end_us < same->end_us))
			same = session;
	}
	place = same != NULL ? same : place;
	end_session(place);
	return place;
}

/* --- tokens --- */

static bool
is_token(const struct secret *token, struct slice header)
{
	struct slice scheme = SLICE("Bearer ");
	return token != NULL && header.len > scheme.len &&
	       slice_equal_nocase((struct slice){header.ptr, scheme.len}, scheme) &&
	       secret_equal(token, slice_from(header, scheme.len));
}

static bool
is_same(const struct secret *a, const struct secret *b)
{
	return a == b || (a != NULL && b != NULL && secret_equal(a, secret_text(b)));
}

enum result
access_new(const struct api_tokens *tokens, struct access **out_access)
{
	struct access *access = calloc(1, sizeof *access);
	if (access == NULL)
		return RESULT_NO_MEMORY;
	enum result result = make_secret(&access->csrf);
	if (result != RESULT_OK) {
		free(access);
		return result;
	}
	access->tokens = *tokens;
	pthread_mutex_init(&access->lock, NULL);
	*out_access = access;
	return RESULT_OK;
}

void
access_set_tokens(struct access *access, const struct api_tokens *tokens)
{
	pthread_mutex_lock(&access->lock);
	bool same = is_same(access->tokens.operator_token, tokens->operator_token) &&
		    is_same(access->tokens.reader_token, tokens->reader_token);
	if (!same)
		end_sessions(access);
	if (!same || access->tokens.mask_numbers != tokens->mask_numbers)
		access->generation++;
	access->tokens = *tokens;
	pthread_mutex_unlock(&access->lock);
}

bool
access_needs_token(struct access *access)
{
	pthread_mutex_lock(&access->lock);
	bool needs = access->tokens.operator_token != NULL;
	pthread_mutex_unlock(&access->lock);
	return needs;
}

/* Under the lock. */
static bool
find_caller(struct access *access, const struct access_headers *headers, struct caller *out_caller)
{
	const struct api_tokens *tokens = &access->tokens;
	const struct session *session;
	const struct secret *csrf = access->csrf;
	bool known = true;
	if (tokens->operator_token == NULL ||
	    is_token(tokens->operator_token, headers->authorization)) {
		out_caller->reader = false;
	} else if (is_token(tokens->reader_token, headers->authorization)) {
		out_caller->reader = true;
	} else if ((session = find_session(access, headers->cookie)) != NULL) {
		out_caller->reader = session->reader;
		out_caller->has_session = true;
		csrf = session->csrf;
	} else {
		known = false;
	}
	out_caller->masked = out_caller->reader && tokens->mask_numbers;
	out_caller->generation = access->generation;
	out_caller->has_csrf = headers->csrf.ptr != NULL && secret_equal(csrf, headers->csrf);
	return known;
}

bool
access_check(struct access *access, const struct access_headers *headers, struct caller *out_caller)
{
	*out_caller = (struct caller){.reader = false};
	pthread_mutex_lock(&access->lock);
	bool known = find_caller(access, headers, out_caller);
	pthread_mutex_unlock(&access->lock);
	return known;
}

/* --- logins --- */

bool
access_is_slowed(struct access *access)
{
	int64_t now_us = clock_monotonic_us();
	pthread_mutex_lock(&access->lock);
	if (now_us - access->failures_us >= ACCESS_FAILURES_US)
		access->failures = 0;
	bool slowed = access->failures >= ACCESS_FAILURES_MAX;
	pthread_mutex_unlock(&access->lock);
	return slowed;
}

void
access_note_failure(struct access *access)
{
	pthread_mutex_lock(&access->lock);
	if (access->failures++ == 0)
		access->failures_us = clock_monotonic_us();
	pthread_mutex_unlock(&access->lock);
}

enum result
access_login(struct access *access, const struct caller *caller, char out_id[ACCESS_ID_SIZE])
{
	struct session made = {
	    .end_us = clock_monotonic_us() + ACCESS_SESSION_US, .reader = caller->reader};
	enum result result = make_secret(&made.id);
	if (result == RESULT_OK)
		result = make_secret(&made.csrf);
	if (result != RESULT_OK) {
		end_session(&made);
		return result;
	}
	write_text(made.id, out_id);
	pthread_mutex_lock(&access->lock);
	bool holds = access->generation == caller->generation;
	if (holds)
		*make_place(access, made.reader) = made;
	pthread_mutex_unlock(&access->lock);
	if (!holds)
		end_session(&made);
	return holds ? RESULT_OK : RESULT_NOT_FOUND;
}

uint64_t
access_generation(struct access *access)
{
	pthread_mutex_lock(&access->lock);
	uint64_t generation = access->generation;
	pthread_mutex_unlock(&access->lock);
	return generation;
}

void
access_tick(struct access *access)
{
	int64_t now_us = clock_monotonic_us();
	pthread_mutex_lock(&access->lock);
	for (size_t i = 0; i < ACCESS_SESSIONS_MAX; i++)
		if (access->sessions[i].id != NULL && access->sessions[i].end_us <= now_us) {
			end_session(&access->sessions[i]);
			access->generation++;
		}
	pthread_mutex_unlock(&access->lock);
}

void
access_logout(struct access *access, struct slice cookie)
{
	pthread_mutex_lock(&access->lock);
	struct session *session = find_session(access, cookie);
	if (session != NULL) {
		end_session(session);
		access->generation++;
	}
	pthread_mutex_unlock(&access->lock);
}

void
access_csrf(struct access *access, struct slice cookie, char out_text[ACCESS_ID_SIZE])
{
	pthread_mutex_lock(&access->lock);
	const struct session *session = find_session(access, cookie);
	bool open = access->tokens.operator_token == NULL;
	write_text(open ? access->csrf : session != NULL ? session->csrf : NULL, out_text);
	pthread_mutex_unlock(&access->lock);
}

void
access_free(struct access *access)
{
	if (access == NULL)
		return;
	end_sessions(access);
	secret_free(access->csrf);
	pthread_mutex_destroy(&access->lock);
	free(access);
}
