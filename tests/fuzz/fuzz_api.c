/* api: a question. The answer must be valid JSON, CSV or text, as its type declares. Lines: the
 * method; the target; Last-Event-ID; Origin; the headers Cookie and Authorization. */
#include "../unit/windows.h"
#include "api/access.h"
#include "dlrd/api/endpoints.h"
#include "dlrd/store/lookups.h"
#include "dlrd/store/store.h"

#include "fuzz.h"

static struct store_reader *reader;
static struct metrics *metrics;
static struct verifier *verifier;
static struct access *access_of_api;

static bool
is_ready(void *context, const char **out_why)
{
	(void)context;
	*out_why = "keeping";
	return true;
}

static void
add(struct store *store, const char *sid, enum message_status status, int64_t code)
{
	struct store_added added;
	struct event event = {.journal_seq = 1,
	    .time_us = 1795183200 * CLOCK_SECOND_US,
	    .type = event_type_of_status(status),
	    .status = status,
	    .status_text = status_name(status),
	    .error_code = code,
	    .workspace = SLICE("w"),
	    .campaign = SLICE("c"),
	    .variant = SLICE("v"),
	    .tags_fit = true,
	    .folds = true,
	    .message = slice_of(sid),
	    .account = SLICE("AC1"),
	    .from = SLICE("+15005550006"),
	    .to = SLICE("+15005550009")};
	CHECK_OK(store_add(store, &event, &added));
}

static void
make_store(void)
{
	struct store *store;
	struct failure failure;
	char path[600];
	snprintf(path, sizeof path, "%s", fuzz_path(STORE_FILE));
	const struct store_options options = {
	    .path = path, .reply_window_us = REPLY_WINDOW_US, .reply_late_us = REPLY_LATE_US};
	CHECK_OK(store_open(&options, &store, &failure));
	CHECK_OK(store_begin(store));
	add(store, "SM1", STATUS_DELIVERED, -1);
	add(store, "SM2", STATUS_FAILED, 30005);
	add(store, "SM3", STATUS_SENT, -1);
	CHECK_OK(store_commit(store, 1));
	store_close(store);
	CHECK_OK(store_reader_open(path, &reader, &failure));
	metrics = metrics_new();
	CHECK(metrics != NULL);
	CHECK(signature_init() == RESULT_OK && verifier_new(&verifier) == RESULT_OK);
	static const struct api_tokens none = {.operator_token = NULL};
	CHECK_OK(access_new(&none, &access_of_api));
}

static void *
read_setup(void *context, struct endpoints_setup *out_setup)
{
	static const struct routes routes = {.count = 0};
	*out_setup = (struct endpoints_setup){.routes = &routes, .verifier = verifier};
	return context;
}

static void
setup_done(void *held)
{
	(void)held;
}

static void
read_work(struct projector *projector, enum work_kind kind, struct work_result *out_result)
{
	(void)projector, (void)kind;
	*out_result = (struct work_result){.state = WORK_NONE};
}

static void
check_answer(const struct api_answer *answer)
{
	struct slice body = buffer_slice(&answer->body);
	CHECK(answer->status >= 200 && answer->status <= 503);
	CHECK(slice_is_utf8(body));
	if (answer->stream == NULL && slice_of(answer->media_type).len > 0 &&
	    slice_starts_with(slice_of(answer->media_type), SLICE("application/json")))
		fuzz_check_json(body, JSON_KIND_OBJECT);
	for (size_t i = 0; i < answer->link.len; i++)
		CHECK((unsigned char)answer->link.ptr[i] > 0x1f && answer->link.ptr[i] != 0x7f);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input input = fuzz_begin(data, size);
	struct api_request request = {.method = fuzz_line(&input), .target = fuzz_line(&input)};
	if (reader == NULL)
		make_store();
	request.last_event_id = fuzz_optional(&input);
	request.origin = fuzz_optional(&input);
	request.cookie = fuzz_optional(&input);
	const struct access_headers headers = {
	    .authorization = fuzz_optional(&input), .cookie = request.cookie};
	CHECK(access_check(access_of_api, &headers, &request.caller));
	const struct endpoints_state state = {.metrics = metrics,
	    .ready = is_ready,
	    .setup = read_setup,
	    .setup_done = setup_done,
	    .read_work = read_work,
	    .access = access_of_api,
	    .quarantine_path = fuzz_path("none")};
	bool is_question =
	    slice_equal(request.method, SLICE("GET")) || slice_equal(request.method, SLICE("HEAD"));
	if (is_question) {
		struct api_answer answer = endpoints_answer(&state, reader, &request);
		check_answer(&answer);
		endpoints_answer_done(&answer);
	}
	fuzz_end(&input);
	return 0;
}
