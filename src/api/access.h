/* access: who may ask, and who may act.
 *
 * Programs send the bearer token of [api] token_file, which asks and acts, or that of
 * reader_token_file, which asks. A page in a browser logs in with one of them once, and is known by
 * a cookie from then on (a session). A request that acts and comes from a page also needs the text
 * that the page was given for that: other pages can have the browser send the cookie, but cannot
 * read that text. Without a token everyone who reaches the listener asks and acts.
 *
 * Sessions are in memory: they end after ACCESS_SESSION_US, at a logout, at a restart, and when a
 * token changes. Thread-safe. */
#pragma once

#include "dlrd/api/caller.h"
#include "dlrd/base/clock.h"

#define ACCESS_ID_SIZE 65 /* of the texts of a session, with a NUL */
#define ACCESS_COOKIE "dlrd_session"
#define ACCESS_SESSION_US (12 * CLOCK_HOUR_US)
#define ACCESS_SESSIONS_MAX 64 /* one more ends the oldest */
/* Wrong tokens at the login in ACCESS_FAILURES_US, after which it refuses any for a while. */
#define ACCESS_FAILURES_MAX 10
#define ACCESS_FAILURES_US (60 * CLOCK_SECOND_US)

struct access;

must_check enum result access_new(const struct api_tokens *tokens, struct access **out_access);

/* Sessions end if a token is another one. When this has returned, the old ones are not in use. */
void access_set_tokens(struct access *access, const struct api_tokens *tokens);

bool access_needs_token(struct access *access);

/* Headers of a request; absent if not sent. */
struct access_headers {
	struct slice authorization, cookie, csrf;
};

/* Returns whether the caller may ask, and who it is. */
bool access_check(
    struct access *access, const struct access_headers *headers, struct caller *out_caller);

/* access_note_failure counts a login with a wrong token; access_is_slowed returns whether there
 * were too many of late, so that logins are refused. It stops people who try words. Against
 * programs a token is protected by its length. */
bool access_is_slowed(struct access *access);
void access_note_failure(struct access *access);

/* Begins a session of the caller, and writes what its cookie says. RESULT_NOT_FOUND if the token
 * that the caller gave was withdrawn meanwhile. */
must_check enum result access_login(
    struct access *access, const struct caller *caller, char out_id[ACCESS_ID_SIZE]);

/* A number that grows whenever somebody may no longer ask, or sees less. Streams of an older
 * generation end. */
uint64_t access_generation(struct access *access);

/* Ends sessions that are over. */
void access_tick(struct access *access);

/* Ends the cookie's session, if there is one. */
void access_logout(struct access *access, struct slice cookie);

/* Writes the text that the page of the cookie sends when it acts; "" if it has no session. Without
 * a token every page has the same. */
void access_csrf(struct access *access, struct slice cookie, char out_text[ACCESS_ID_SIZE]);

/* Accepts NULL. */
void access_free(struct access *access);
