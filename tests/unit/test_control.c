/* How an answer of the daemon's is read, or not at all. */
#include "testing.h"

#include "cli/control.h"

#include <poll.h>
#include <pthread.h>
#include <sys/socket.h>

#define HEAD "HTTP/1.1 202 Accepted\r\nContent-Type: application/json\r\n"
#define GOOD HEAD "Content-Length: 2\r\n\r\n{}"

static bool
reads(const char *text)
{
	unsigned status = 0;
	struct slice body;
	return control_read(slice_of(text), &status, &body);
}

static void
an_answer_is_read(void **state)
{
	unsigned status = 0;
	struct slice body = SLICE_NONE;
	(void)state;
	assert_true(control_read(SLICE(GOOD), &status, &body));
	assert_int_equal(status, 202);
	assert_slice(body, "{}");
	assert_true(
	    control_read(SLICE("HTTP/1.0 404 Not Found\r\n\r\n{\"error\":1}"), &status, &body));
	assert_int_equal(status, 404);
	assert_slice(body, "{\"error\":1}");
	assert_true(reads("HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n"));
	assert_true(reads("HTTP/1.1 200 \r\nContent-Length: 0\r\n\r\n"));
}

static void
a_piece_of_an_answer_is_not_read(void **state)
{
	unsigned status = 77;
	struct slice body = SLICE("untouched");
	(void)state;
	for (size_t len = 0; len < sizeof GOOD - 1; len++)
		assert_false(control_read((struct slice){GOOD, len}, &status, &body));
	assert_false(control_read(SLICE_NONE, &status, &body));
	assert_int_equal(status, 77);
	assert_slice(body, "untouched");
}

static void
what_is_no_answer_of_ours_is_not_read(void **state)
{
	const char *const bad[] = {
	    "SSH-2.0-OpenSSH_9.2",
	    "HTTP/2 200\r\n\r\n",
	    "\r\n\r\n",
	    "HTTP/1.2 200 OK\r\n\r\n",
	    "HTTP/1.1 20 OK\r\n\r\n",
	    "HTTP/1.1 2000 OK\r\n\r\n",
	    "HTTP/1.1 2x0 OK\r\n\r\n",
	    "HTTP/1.1  200 OK\r\n\r\n",
	    "HTTP/1.1 100 Continue\r\n\r\n" GOOD,
	    "HTTP/1.1 600 More\r\n\r\n",
	    "HTTP/1.1\r\n\r\n",
	    HEAD "Content-Length: 2\r\ncontent-length: 3\r\n\r\n{}",
	    HEAD "Content-Length: -1\r\n\r\n{}",
	    HEAD "Content-Length: 2, 2\r\n\r\n{}",
	    HEAD "Content-Length:\r\n\r\n",
	    HEAD "Content-Length: 99999999999999999999\r\n\r\n",
	    HEAD "Content-Length: 2\r\n\r\n{}x",
	    HEAD "Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
	    HEAD "transfer-encoding: identity\r\nContent-Length: 2\r\n\r\n{}",
	    HEAD "no colon\r\n\r\n",
	};
	(void)state;
	for (size_t i = 0; i < COUNT_OF(bad); i++)
		if (reads(bad[i]))
			fail_msg("taken: %s", bad[i]);
}

static void
arbitrary_bytes_do_no_harm(void **state)
{
	uint64_t dice = 1;
	(void)state;
	for (int round = 0; round < 20000; round++) {
		char text[] = GOOD;
		unsigned status = 0;
		struct slice body = SLICE_NONE;
		for (int change = 0; change <= round % 3; change++) {
			dice = dice * 6364136223846793005u + 1442695040888963407u;
			text[(dice >> 33) % (sizeof text - 1)] = (char)(dice >> 25);
		}
		struct slice bytes = {text, sizeof text - 1};
		if (!control_read(bytes, &status, &body))
			continue;
		assert_in_range(status, 200, 599);
		assert_true(body.ptr >= text && body.ptr + body.len <= text + bytes.len);
	}
}

/* --- over a socket --- */

struct peer {
	int fd; /* listening */
	const char *answer;
	char request[4096];
};

static void *
serve(void *context)
{
	struct peer *peer = context;
	size_t len = 0;
	struct pollfd caller = {.fd = peer->fd, .events = POLLIN};
	int fd = poll(&caller, 1, 10000) == 1 ? accept(peer->fd, NULL, NULL) : -1;
	while (len < sizeof peer->request - 1 && strstr(peer->request, "\r\n\r\n") == NULL) {
		ssize_t more = read(fd, peer->request + len, sizeof peer->request - 1 - len);
		if (more <= 0)
			break;
		len += (size_t)more;
	}
	/* Byte by byte, as a network may. */
	for (const char *at = peer->answer; *at != '\0'; at++)
		if (send(fd, at, 1, MSG_NOSIGNAL) != 1)
			break;
	close(fd);
	return NULL;
}

static struct settings
settings_at(const char *directory, const char *token_file, char address[300])
{
	snprintf(address, 300, "unix:%s/socket", directory);
	struct settings settings = {
	    .path = (char *)"dlrd.ini", .api_token_file = (char *)token_file};
	settings.api_listen.items[0] = address;
	settings.api_listen.count = 1;
	return settings;
}

static enum result
exchange(const char *answer, struct peer *peer, struct control_answer *out, struct failure *failure)
{
	char *directory = private_directory(), address[300], token[300];
	pthread_t thread;
	snprintf(token, sizeof token, "%s/token", directory);
	FILE *file = fopen(token, "w");
	assert_non_null(file);
	fputs("a secret\n", file);
	fclose(file);
	struct settings settings = settings_at(directory, token, address);
	*peer = (struct peer){.answer = answer};
	assert_ok(socket_listen(slice_of(address), &peer->fd, failure));
	assert_int_equal(pthread_create(&thread, NULL, serve, peer), 0);
	enum result result = control_ask(&settings, "POST", "/v1/x", out, failure);
	pthread_join(thread, NULL);
	close(peer->fd);
	socket_unlink(slice_of(address));
	remove_directory(directory);
	return result;
}

static void
a_question_is_asked_with_the_token(void **state)
{
	struct peer peer;
	struct control_answer answer;
	struct failure failure;
	int64_t n = 0;
	(void)state;
	assert_ok(exchange("HTTP/1.1 409 Conflict\r\nContent-Length: 7\r\n\r\n{\"n\":5}", &peer,
	    &answer, &failure));
	assert_int_equal(answer.status, 409);
	assert_true(json_int(json_get(answer.body, "n"), &n));
	assert_int_equal(n, 5);
	json_free(answer.body);
	assert_string_equal(peer.request,
	    "POST /v1/x HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
	    "Content-Length: 0\r\nAuthorization: Bearer a secret\r\n\r\n");
}

static void
an_answer_that_is_none_is_an_error_that_keeps_the_secret(void **state)
{
	static const char *const answers[] = {"", "HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\n{}",
	    "220 smtp.example.com ESMTP\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n<p/>"};
	(void)state;
	for (size_t i = 0; i < COUNT_OF(answers); i++) {
		struct peer peer;
		struct control_answer answer;
		struct failure failure = {""};
		assert_int_equal(exchange(answers[i], &peer, &answer, &failure), RESULT_INVALID);
		assert_contains(slice_of(failure.text), "/socket");
		assert_lacks(slice_of(failure.text), "secret");
	}
}

static void
an_empty_body_is_no_body(void **state)
{
	struct peer peer;
	struct control_answer answer;
	struct failure failure;
	(void)state;
	assert_ok(
	    exchange("HTTP/1.1 503 No\r\nContent-Length: 0\r\n\r\n", &peer, &answer, &failure));
	assert_int_equal(answer.status, 503);
	assert_null(answer.body);
}

static void
a_missing_daemon_is_reported_with_the_address(void **state)
{
	char address[300];
	struct control_answer answer;
	struct failure failure;
	(void)state;
	struct settings settings = settings_at("/nonexistent", "", address);
	assert_int_equal(
	    control_ask(&settings, "GET", "/v1/x", &answer, &failure), RESULT_NOT_FOUND);
	assert_contains(slice_of(failure.text), "unix:/nonexistent/socket");
	settings.api_listen.count = 0;
	assert_int_equal(
	    control_ask(&settings, "GET", "/v1/x", &answer, &failure), RESULT_NOT_FOUND);
}

static void
a_token_that_cannot_be_read_is_reported_with_its_file(void **state)
{
	char address[300];
	struct control_answer answer;
	struct failure failure;
	(void)state;
	struct settings settings = settings_at("/nonexistent", "/nonexistent/token", address);
	assert_int_equal(control_ask(&settings, "GET", "/v1/x", &answer, &failure), RESULT_IO);
	assert_contains(slice_of(failure.text), "/nonexistent/token");
}

static int
set_up(void **state)
{
	(void)state;
	return signature_init() == RESULT_OK ? 0 : -1;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(an_answer_is_read),
	    cmocka_unit_test(a_piece_of_an_answer_is_not_read),
	    cmocka_unit_test(what_is_no_answer_of_ours_is_not_read),
	    cmocka_unit_test(arbitrary_bytes_do_no_harm),
	    cmocka_unit_test(a_question_is_asked_with_the_token),
	    cmocka_unit_test(an_answer_that_is_none_is_an_error_that_keeps_the_secret),
	    cmocka_unit_test(an_empty_body_is_no_body),
	    cmocka_unit_test(a_missing_daemon_is_reported_with_the_address),
	    cmocka_unit_test(a_token_that_cannot_be_read_is_reported_with_its_file),
	};
	return cmocka_run_group_tests(tests, set_up, NULL);
}
