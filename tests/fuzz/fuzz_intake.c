/* intake: bytes over a socket into the real intake, with the real writer and a journal in memory.
 * Every acknowledged request must be committed, and every committed one can be decoded.
 *
 * The input is one or more requests, separated by lines "%%" and sent one by one. In a request,
 * @HASH@ becomes the SHA-256 of its body and @SIGN@ its signature, so that requests of any content
 * pass the check. */
#include "dlrd/base/clock.h"
#include "dlrd/intake/intake.h"
#include "dlrd/journal/writer.h"

#include "events.h"
#include "verifiers.h"

#include <poll.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include <sys/un.h>

#define ANSWERS_MAX (64 * 1024) /* bytes: more requests than fit into an input */
#define SILENCE_MS 30
#define HANG_US (20 * CLOCK_SECOND_US)

static struct {
	struct routes routes;
	struct verifier *verifier;
	struct metrics *metrics;
	struct handler *handler;
	struct journal *journal;
	struct writer *writer;
	struct intake *intake;
	struct decoder decoder; /* the writer's thread alone */
	struct sockaddr_un address;
	_Atomic uint64_t committed, last_seq;
} at;

/* --- the parts, as the daemon puts them together --- */

static enum result
on_event(void *context, const struct event *event)
{
	fuzz_check_event(event, context);
	return RESULT_OK;
}

static void
on_done(void *context, struct journal_write *list)
{
	(void)context;
	for (struct journal_write *write = list; write != NULL; write = write->next) {
		CHECK_OK(write->result);
		CHECK_OK(decoder_decode(&at.decoder, &write->entry, on_event, &write->entry));
		atomic_fetch_add(&at.committed, 1);
	}
	intake_done(at.intake, list);
}

static void
on_committed(void *context, uint64_t last_seq)
{
	(void)context;
	atomic_store(&at.last_seq, last_seq);
}

static void
on_health(void *context, bool healthy, const char *why)
{
	(void)context;
	if (!healthy)
		fprintf(stderr, "the journal is unhealthy: %s\n", why);
	CHECK(healthy);
}

static bool
release_readers(void *context, bool release)
{
	(void)context, (void)release;
	return true;
}

static void
on_lost(void *context, uint64_t first, uint64_t last)
{
	(void)context, (void)first, (void)last;
	FAIL("entries were lost");
}

static void
on_trim(void *context, bool trimmed, const char *why)
{
	(void)context, (void)why;
	CHECK(trimmed);
}

static void
on_checkpoint_failed(void *context, const char *why)
{
	(void)context, (void)why;
	FAIL("a checkpoint failed");
}

static void
start_writer(void)
{
	struct failure failure;
	const struct journal_options journal = {.path = fuzz_path(JOURNAL_FILE)};
	CHECK_OK(journal_new(&journal, &at.journal, &failure));
	CHECK_OK(journal_reopen(at.journal, &failure));
	const struct writer_options writer = {.journal = at.journal,
	    .metrics = at.metrics,
	    .keep_us = 0,
	    .keep_bytes = 1024 * 1024,
	    .on_done = on_done,
	    .on_committed = on_committed,
	    .on_health = on_health,
	    .release_readers = release_readers,
	    .on_lost = on_lost,
	    .on_trim = on_trim,
	    .on_checkpoint_failed = on_checkpoint_failed};
	CHECK_OK(writer_start(&writer, &at.writer, &failure));
}

static void
start_intake(void)
{
	struct failure failure;
	char listen[600];
	const struct handler_options handler = {.routes = &at.routes,
	    .verifier = at.verifier,
	    .limits = {.target_max = 8192,
		.headers_max = 16384,
		.body_max = 65536,
		.fields_max = 512},
	    .metrics = at.metrics};
	struct intake_options options = {.writer = at.writer,
	    .metrics = at.metrics,
	    .listen_count = 1,
	    .head_max = 8192 + 16384,
	    .connections_max = 64};
	CHECK_OK(handler_new(&handler, &at.handler));
	options.config = (struct intake_config){.handler = at.handler,
	    .body_max = 65536,
	    .memory_max = 16 * 1024 * 1024,
	    .request_timeout_us = 5 * CLOCK_SECOND_US,
	    .keepalive_timeout_us = 2 * CLOCK_SECOND_US,
	    .commit_timeout_us = 5 * CLOCK_SECOND_US};
	snprintf(listen, sizeof listen, "unix:%s", fuzz_path("socket"));
	CHECK_OK(socket_listen(slice_of(listen), &options.listen_fds[0], &failure));
	CHECK_OK(intake_open(&options, &at.intake, &failure));
	CHECK_OK(intake_start(at.intake, &failure));
	at.address.sun_family = AF_UNIX;
	snprintf(at.address.sun_path, sizeof at.address.sun_path, "%s", fuzz_path("socket"));
}

static void
stop(void)
{
	intake_drain(at.intake, CLOCK_SECOND_US);
	writer_stop(at.writer);
	intake_free(at.intake);
	writer_free(at.writer);
	journal_close(at.journal);
	handler_free(at.handler);
	decoder_done(&at.decoder);
	metrics_free(at.metrics);
	verifier_free(at.verifier);
	routes_done(&at.routes);
	fuzz_remove_folder();
}

static void
start(void)
{
	log_set_level(LOG_ERROR);
	fuzz_make_routes(&at.routes);
	at.verifier = fuzz_verifier(FUZZ_URL);
	at.metrics = metrics_new();
	CHECK(at.metrics != NULL);
	decoder_init(&at.decoder, &at.routes, NULL, NULL);
	start_writer();
	start_intake();
	atexit(stop);
}

/* --- one request --- */

static size_t
find(struct slice text, struct slice part)
{
	for (size_t i = 0; i + part.len <= text.len; i++)
		if (memcmp(text.ptr + i, part.ptr, part.len) == 0)
			return i;
	return text.len;
}

static void
replace(struct buffer *text, struct slice mark, struct slice with)
{
	struct buffer made = BUFFER_EMPTY;
	struct slice whole = buffer_slice(text);
	size_t place = find(whole, mark);
	if (place == whole.len)
		return;
	buffer_append(&made, (struct slice){whole.ptr, place});
	buffer_append(&made, with);
	buffer_append(&made, slice_from(whole, place + mark.len));
	buffer_done(text);
	*text = made;
}

/* The target of the request line, and the body. */
static void
take_apart(struct slice request, struct slice *out_target, struct slice *out_body)
{
	struct slice line = {request.ptr, slice_find(request, '\r')};
	size_t end = find(request, SLICE("\r\n\r\n"));
	slice_take(&line, ' ');
	*out_target = line.ptr == NULL ? SLICE("") : slice_take(&line, ' ');
	*out_body = slice_from(request, end + 4 < request.len ? end + 4 : request.len);
}

static void
complete(struct buffer *request)
{
	char hash[SIGNATURE_BODY_HASH_SIZE], signature[SIGNATURE_TEXT_MAX];
	struct slice target, body;
	struct buffer url = BUFFER_EMPTY;
	struct form form = FORM_EMPTY;
	take_apart(buffer_slice(request), &target, &body);
	signature_body_hash(body, hash);
	replace(request, SLICE("@HASH@"), slice_of(hash));
	take_apart(buffer_slice(request), &target, &body);
	bool is_form = find(buffer_slice(request), SLICE("urlencoded")) < request->len;
	buffer_append(&url, SLICE(FUZZ_URL));
	buffer_append(&url, target);
	CHECK_OK(form_decode(&form, is_form ? body : SLICE(""), 65536));
	fuzz_sign(buffer_slice(&url), &form, FUZZ_TOKEN, signature);
	replace(request, SLICE("@SIGN@"), slice_of(signature));
	form_done(&form);
	buffer_done(&url);
}

static void
send_all(int fd, struct slice bytes)
{
	while (bytes.len > 0) {
		ssize_t sent = send(fd, bytes.ptr, bytes.len, MSG_NOSIGNAL);
		if (sent <= 0)
			return; /* it has refused the rest */
		bytes = slice_from(bytes, (size_t)sent);
	}
}

static void
send_requests(int fd, struct slice rest)
{
	static const struct slice division = SLICE_INIT("\n%%\n");
	while (rest.ptr != NULL) {
		size_t end = find(rest, division);
		struct buffer request = BUFFER_EMPTY;
		buffer_append(&request, (struct slice){rest.ptr, end});
		complete(&request);
		send_all(fd, buffer_slice(&request));
		buffer_done(&request);
		rest = end == rest.len ? SLICE_NONE : slice_from(rest, end + division.len);
	}
	shutdown(fd, SHUT_WR);
}

/* --- the answers --- */

/* The length of an answer's body by its head. */
static size_t
length_of(struct slice head)
{
	static const struct slice name = SLICE_INIT("\r\nContent-Length: ");
	size_t place = find(head, name);
	int64_t length = 0;
	if (place == head.len)
		return 0;
	struct slice rest = slice_from(head, place + name.len);
	CHECK_OK(slice_to_int((struct slice){rest.ptr, slice_find(rest, '\r')}, &length));
	return (size_t)length;
}

/* Returns how many requests were acknowledged. */
static uint64_t
check_answers(struct slice rest)
{
	static const unsigned allowed[] = {
	    100, 200, 204, 400, 403, 404, 405, 413, 414, 431, 501, 503, 505};
	uint64_t acknowledged = 0;
	while (rest.len > 0) {
		struct slice head = {rest.ptr, find(rest, SLICE("\r\n\r\n"))};
		if (head.len == rest.len)
			break; /* it was cut by the silence */
		CHECK(head.len > 12);
		CHECK(slice_starts_with(head, SLICE("HTTP/1.1 ")) ||
		      slice_starts_with(head, SLICE("HTTP/1.0 ")));
		int64_t status = 0;
		CHECK_OK(slice_to_int((struct slice){head.ptr + 9, 3}, &status));
		bool known = false;
		for (size_t i = 0; i < sizeof allowed / sizeof allowed[0]; i++)
			known |= status == allowed[i];
		CHECK(known);
		struct slice fields = {head.ptr, head.len + 2};
		size_t length = length_of(fields);
		CHECK(length == 0 || status == 200);
		acknowledged += status == 200 || status == 204;
		if (head.len + 4 + length > rest.len)
			break;
		rest = slice_from(rest, head.len + 4 + length);
	}
	return acknowledged;
}

/* Everything up to the end, or until nothing comes any more: the input may end in the middle of a
 * request, for which the intake waits. */
static size_t
receive_all(int fd, char *out)
{
	struct pollfd polled = {.fd = fd, .events = POLLIN};
	size_t len = 0;
	while (poll(&polled, 1, SILENCE_MS) > 0) {
		ssize_t got = recv(fd, out + len, ANSWERS_MAX - len, 0);
		if (got <= 0)
			break;
		len += (size_t)got;
		CHECK(len < ANSWERS_MAX);
	}
	return len;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static char answers[ANSWERS_MAX];
	struct fuzz_input input = fuzz_begin(data, size);
	if (at.intake == NULL)
		start();
	uint64_t before = atomic_load(&at.committed);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	CHECK(fd >= 0);
	CHECK(connect(fd, (struct sockaddr *)&at.address, sizeof at.address) == 0);
	send_requests(fd, fuzz_rest(&input));
	size_t len = receive_all(fd, answers);
	close(fd);
	CHECK(clock_monotonic_us() - intake_heartbeat_us(at.intake) < HANG_US);
	uint64_t acknowledged = check_answers((struct slice){answers, len});
	CHECK(atomic_load(&at.committed) - before >= acknowledged);
	writer_release(at.writer, atomic_load(&at.last_seq));
	fuzz_end(&input);
	return 0;
}
