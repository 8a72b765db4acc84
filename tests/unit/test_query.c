/* query: the table of questions: each row's SQL and columns agree, and a new row is all that a new
 * question needs: HTTP, command, JSON, CSV and OpenAPI come from it. */
#include "stores.h"

#include "cli/ask.h"
#include "dlrd/api/endpoints.h"
#include "dlrd/query/openapi.h"

#include <fcntl.h>
#include <jansson.h>

static void
commit_one(struct store *store, struct event event)
{
	commit(store, &event, 1);
}

static void
pass_over(void *context, const struct report_row *row, int64_t place)
{
	(void)context, (void)row, (void)place;
}

/* There may be nothing of a name that is not given. */
static void
assert_asked(enum result result)
{
	assert_true(result == RESULT_OK || result == RESULT_NOT_FOUND);
}

static void
each_rows_sql_has_the_rows_columns(void **state)
{
	(void)state;
	store_close(open_store());
	struct store_reader *reader = open_reader();
	const struct query *query;
	for (size_t i = 0; (query = query_at(i)) != NULL; i++) {
		struct query_values values = query_values(query);
		struct json_t *object = json_new_object();
		if (query->sql == NULL && query->source == NULL) {
			json_free(object);
			continue;
		}
		assert_asked(query_ask(reader, query, &values, pass_over, NULL));
		assert_ok(query_ask_members(reader, query, &values, object));
		values.past = true;
		assert_asked(query_ask(reader, query, &values, pass_over, NULL));
		json_free(object);
	}
	store_reader_close(reader);
}

/* Format and zone are for the writer, and at for the past alone. */
static void
each_rows_sql_has_the_rows_parameters(void **state)
{
	(void)state;
	const struct query *query;
	for (size_t i = 0; (query = query_at(i)) != NULL; i++) {
		size_t count = query_parameter_count(query);
		for (size_t k = 0; k < count; k++) {
			char name[24], behind[24];
			snprintf(name, sizeof name, "$%zu", k + 1);
			snprintf(behind, sizeof behind, "$%zu", count + 1);
			enum query_kind kind = query->parameters[k].kind;
			const char *sql = kind == QUERY_AT ? query->sql_at : query->sql;
			if (query->sql == NULL)
				break;
			assert_non_null(sql);
			if (query->source == NULL) /* which may choose by a parameter */
				assert_int_equal(strstr(sql, name) != NULL,
				    kind != QUERY_FORMAT && kind != QUERY_ZONE);
			assert_null(strstr(sql, behind));
		}
	}
}

static void
note_rates(void *context, const struct report_row *row, int64_t place)
{
	(void)place;
	note_cells(context, "/v1/campaigns", row,
	    "campaign delivery_rate delivery_rate_low delivery_rate_high click_rate");
}

static void
a_rate_over_nothing_is_null(void **state)
{
	(void)state;
	struct buffer text = BUFFER_EMPTY;
	struct store *store = open_store();
	commit_one(store, receipt_to("SM1", "none", "+9", STATUS_QUEUED, T0));
	commit_one(store, receipt_to("SM2", "half", "+9", STATUS_SENT, T0));
	commit_one(store, receipt_to("SM3", "half", "+9", STATUS_DELIVERED, T0));
	commit_one(store, click_of("SM3", "https://a", "1", T0));
	store_close(store);
	struct store_reader *reader = open_reader();
	ask_given(reader, "/v1/campaigns", NULL, note_rates, &text);
	assert_slice(buffer_slice(&text), "half 1.0000 0.5000 1.0000 1.0000\nnone    \n");
	buffer_done(&text);
	store_reader_close(reader);
}

/* --- a new question --- */

/* All of it. */
static const struct query by_state = {.path = "/v1/message-counts",
    .command = "message-counts",
    .summary = "how many messages there are of each status",
    .help = "Shows the statuses of messages.",
    .operation = "listMessageCounts",
    .title = "Messages by status.",
    .answer = "A page of statuses.",
    .list_schema = "MessageCounts",
    .row_schema = "MessageCount",
    .row_description = "Messages of one status.",
    .parameters = {{"status", QUERY_CHOICE, .words = "sent|delivered", .value = "S",
		       .help = "only this status"},
	{"format", QUERY_FORMAT, .http_only = true},
	{"limit", QUERY_LIMIT, .value = "N", .help = "at most so many"},
	{"next", QUERY_SKIP, .http_only = true}},
    .sql = "SELECT status, count(*) AS messages FROM message WHERE ($1 IS NULL OR status = $1)"
	   " GROUP BY status ORDER BY status LIMIT $3 OFFSET $4",
    .report = {"statuses", REPORT_COLUMNS({"status", CELL_TEXT, .shown = true},
			       {"messages", CELL_INT, .shown = true, .counts = true})}};

static void
assert_answer(const char *target, unsigned status, const char *expected)
{
	static const struct endpoints_state nothing = {0};
	struct store_reader *reader = open_reader();
	struct api_request request = {.method = SLICE("GET"), .target = slice_of(target)};
	struct api_answer answer = endpoints_answer(&nothing, reader, &request);
	assert_int_equal(answer.status, status);
	assert_slice(buffer_slice(&answer.body), expected);
	endpoints_answer_done(&answer);
	store_reader_close(reader);
}

/* The first bytes that the command writes. */
static void
run_command(
    const char *first, const char *second, const char *third, int expected_status, char out[4096])
{
	char *words[] = {(char *)"message-counts", (char *)"--store", directory, (char *)first,
	    (char *)second, (char *)third, NULL};
	int count = 3 + (first != NULL) + (second != NULL) + (third != NULL);
	FILE *file = tmpfile();
	assert_non_null(file);
	fflush(stdout);
	int saved = dup(STDOUT_FILENO);
	dup2(fileno(file), STDOUT_FILENO);
	int status = cli_run_question(cli_find_question("message-counts"), count, words);
	fflush(stdout);
	dup2(saved, STDOUT_FILENO);
	close(saved);
	rewind(file);
	out[fread(out, 1, 4095, file)] = '\0';
	fclose(file);
	assert_int_equal(status, expected_status);
}

static void
a_row_is_a_route(void **state)
{
	(void)state;
	assert_answer("/v1/message-counts", 200,
	    "{\"statuses\":[{\"status\":\"delivered\",\"messages\":1},"
	    "{\"status\":\"sent\",\"messages\":2}],\"next\":null}");
	assert_answer("/v1/message-counts?limit=1", 200,
	    "{\"statuses\":[{\"status\":\"delivered\",\"messages\":1}],\"next\":\"1\"}");
	assert_answer("/v1/message-counts?limit=1&next=1", 200,
	    "{\"statuses\":[{\"status\":\"sent\",\"messages\":2}],\"next\":null}");
	assert_answer(
	    "/v1/message-counts?format=csv&status=sent", 200, "status,messages\r\nsent,2\r\n");
	assert_answer("/v1/message-counts?status=lost", 400,
	    "{\"error\":\"status must be sent or delivered\"}");
	assert_answer("/v1/message-counts?state=x", 400,
	    "{\"error\":\"/v1/message-counts has no parameter \\\"state\\\"; it has status, "
	    "format, "
	    "limit, next\"}");
}

static void
a_row_is_a_command(void **state)
{
	(void)state;
	char out[4096];
	run_command("--help", NULL, NULL, CLI_OK, out);
	assert_non_null(strstr(out, "Usage: dlrd message-counts [--status S] [--limit N]"));
	assert_non_null(strstr(out, "Shows the statuses of messages.\n"));
	assert_non_null(strstr(out, "\n      --status S        only this status\n"));
	run_command(NULL, NULL, NULL, CLI_OK, out);
	assert_string_equal(out, "status     messages\ndelivered         1\nsent              2\n");
	run_command("--json", "--limit", "1", CLI_OK, out);
	assert_string_equal(out, "{\"statuses\":[{\"status\":\"delivered\",\"messages\":1}]}\n");
	run_command("--csv", "--status", "sent", CLI_OK, out);
	assert_string_equal(out, "status,messages\r\nsent,2\r\n");
	run_command("--status", "lost", NULL, CLI_USAGE, out);
}

static void
a_row_is_described(void **state)
{
	(void)state;
	struct buffer text = BUFFER_EMPTY;
	query_openapi(
	    SLICE("{\"paths\": {\"/\":{}},\"components\":{\"schemas\": {\"X\":{}}}}"), &text);
	struct json_t *value;
	assert_ok(json_parse(buffer_slice(&text), &value));
	struct json_t *get =
	    json_get(json_get(json_get(value, "paths"), "/v1/message-counts"), "get");
	assert_slice(json_text(json_get(get, "operationId")), "listMessageCounts");
	assert_int_equal(json_array_size(json_get(get, "parameters")), 4);
	struct json_t *schemas = json_get(json_get(value, "components"), "schemas");
	struct json_t *columns = json_get(json_get(schemas, "MessageCount"), "properties");
	assert_slice(json_text(json_get(json_get(columns, "messages"), "type")), "integer");
	assert_non_null(json_get(schemas, "MessageCounts"));
	json_free(value);
	buffer_done(&text);
}

static int
add_question(void **state)
{
	int failed = make_directory(state);
	struct store *store = open_store();
	commit_one(store, receipt_to("SM1", "c", "+9", STATUS_SENT, T0));
	commit_one(store, receipt_to("SM2", "c", "+9", STATUS_SENT, T0));
	commit_one(store, receipt_to("SM3", "c", "+9", STATUS_DELIVERED, T0));
	store_close(store);
	query_add(&by_state);
	return failed;
}

static int
take_question_away(void **state)
{
	query_add(NULL);
	return drop_directory(state);
}

#define WITH_QUESTION(test) cmocka_unit_test_setup_teardown(test, add_question, take_question_away)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(
		each_rows_sql_has_the_rows_columns, make_directory, drop_directory),
	    cmocka_unit_test(each_rows_sql_has_the_rows_parameters),
	    cmocka_unit_test_setup_teardown(
		a_rate_over_nothing_is_null, make_directory, drop_directory),
	    WITH_QUESTION(a_row_is_a_route),
	    WITH_QUESTION(a_row_is_a_command),
	    WITH_QUESTION(a_row_is_described),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
