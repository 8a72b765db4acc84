#include "dlrd/base/json.h"
#include "dlrd/cli/cli.h"
#include "dlrd/cli/output.h"
#include "dlrd/daemon/settings.h"
#include "dlrd/refused/diagnosis.h"
#include "dlrd/request/admission.h"
#include "saved_request.h"

#include <stdio.h>
#include <stdlib.h>

/* A request, and the results of its verification and diagnosis. */
struct explanation {
	const struct settings *settings;
	const struct saved_request *saved;
	struct admission admission;
	struct incoming incoming; /* with trusted proxies, as if it came through one */
	struct reading reading;
	struct verification verification;
	struct diagnosis diagnosis;
	struct buffer url; /* the whole URL that was signed; empty if unknown */
};

/* Reads the request as the intake does. If trusted proxies are configured, assumes that it came
 * through one of them. */
static enum result
prepare(struct explanation *explanation)
{
	const struct settings *settings = explanation->settings;

	explanation->incoming = explanation->saved->incoming;
	explanation->incoming.from_trusted_proxy = settings->trusted_proxies.count > 0;
	admission_init(&explanation->admission, &settings->routes, settings->verifier, NULL,
	    (size_t)settings->fields_max);
	return admission_read(
	    &explanation->admission, &explanation->incoming, &explanation->reading);
}

static bool
is_routed(const struct explanation *explanation)
{
	return routes_find(
		   &explanation->settings->routes, url_path(explanation->incoming.target)) != NULL;
}

/* Finds the spelling of base with which the valid request was signed. */
static void
find_url(struct explanation *explanation, const struct url_base *base, struct slice parameters)
{
	const struct verification *found = &explanation->verification;
	struct verifier_key key = {.index = found->account_index, .which = (unsigned)found->label};
	if (found->shared_key.ptr != NULL)
		key =
		    (struct verifier_key){true, found->shared_key_index, (unsigned)found->reading};

	for (size_t i = 0; i < URL_SPELLINGS && explanation->url.len == 0; i++) {
		buffer_append(&explanation->url, slice_of(base->spelling[i]));
		buffer_append(&explanation->url, found->target);
		struct slice url = buffer_slice(&explanation->url);
		const struct verifier *verifier = explanation->settings->verifier;
		if (!verifier_key_signs(verifier, &key, url, parameters, &found->signature) &&
		    !verifier_key_signs(verifier, &key, url, SLICE_NONE, &found->signature))
			buffer_clear(&explanation->url);
	}
}

/* Finds the URL with which the valid request was signed, among all configured ones. */
static void
find_valid_url(struct explanation *explanation)
{
	const struct reading *reading = &explanation->reading;
	const struct verifier *verifier = explanation->settings->verifier;
	struct buffer parameters = BUFFER_EMPTY;
	size_t count = verifier_url_count(verifier);

	if (!incoming_is_get(reading->incoming) && reading->form != NULL &&
	    signature_append_parameters(&parameters, reading->form) != RESULT_OK)
		count = 0;
	else if (reading->base.spelling[0] != NULL)
		find_url(explanation, &reading->base, buffer_slice(&parameters));
	for (size_t i = 0; i < count && explanation->url.len == 0; i++) {
		struct url_base base;
		if (url_base_init(&base, verifier_public_url(verifier, i), NULL) != RESULT_OK)
			continue;
		find_url(explanation, &base, buffer_slice(&parameters));
		url_base_done(&base);
	}
	buffer_done(&parameters);
}

/* Records the shared key of the variant that fits, if it was signed with one. */
static void
note_shared_key(struct explanation *explanation)
{
	const struct verifier_key *key = &explanation->diagnosis.key;
	if (!key->shared)
		return;
	explanation->verification.shared_key =
	    verifier_shared_key(explanation->settings->verifier, key->index);
	explanation->verification.reading = (enum secret_reading)key->which;
}

/* Verifies the request. If it is invalid, finds the reason. */
static void
verify_or_diagnose(struct explanation *explanation, unsigned listen_port)
{
	const struct diagnosis_hints hints = {.listen_port = listen_port};
	const struct verifier *verifier = explanation->settings->verifier;
	verifier_verify(verifier, &explanation->reading, &explanation->admission.scratch,
	    &explanation->verification);
	if (explanation->verification.result == VERIFICATION_VALID) {
		find_valid_url(explanation);
		return;
	}
	diagnosis_make(verifier, &explanation->reading, &hints, &explanation->diagnosis);
	if (explanation->diagnosis.fits) {
		explanation->verification.account =
		    verifier_account(verifier, explanation->diagnosis.account_index);
		explanation->verification.label = explanation->diagnosis.label;
		note_shared_key(explanation);
		buffer_append(&explanation->url, slice_of(explanation->diagnosis.url));
		buffer_append(&explanation->url, slice_of(explanation->diagnosis.query));
	}
}

static void
print_signer(const struct explanation *explanation)
{
	const struct verification *found = &explanation->verification;
	struct buffer shown = BUFFER_EMPTY;
	buffer_append_visible(&shown, buffer_slice(&explanation->url));
	printf("account: %.*s\n", SLICE_ARG(found->account));
	if (found->shared_key.ptr != NULL)
		printf("shared key: %.*s, its secret used as %s\n", SLICE_ARG(found->shared_key),
		    secret_reading_name(found->reading));
	else
		printf("token: %s\n", token_label_name(found->label));
	if (shown.len > 0)
		printf("signed URL: %.*s\n", SLICE_ARG(buffer_slice(&shown)));
	buffer_done(&shown);
}

static void
print_text(const struct explanation *explanation)
{
	struct buffer causes = BUFFER_EMPTY;
	if (explanation->verification.result == VERIFICATION_VALID) {
		puts("valid");
		print_signer(explanation);
		return;
	}

	diagnosis_append_causes(&explanation->diagnosis, &causes);
	printf("invalid: %s\n", verification_result_name(explanation->verification.result));
	printf("cause: %.*s\n", SLICE_ARG(buffer_slice(&causes)));
	if (explanation->diagnosis.fits)
		print_signer(explanation);
	printf("advice: %s\n", explanation->diagnosis.advice);
	buffer_done(&causes);
}

static void
put_diagnosis(struct json_t *object, const struct diagnosis *diagnosis)
{
	struct json_t *causes = json_new_array();
	json_put_text(object, "cause", slice_of(diagnosis_cause_name(diagnosis->cause)));
	for (int cause = 0; cause < DIAGNOSIS_CAUSE_COUNT; cause++)
		if ((diagnosis->causes & DIAGNOSIS_BIT(cause)) != 0)
			json_push_text(
			    causes, slice_of(diagnosis_cause_name((enum diagnosis_cause)cause)));
	json_put(object, "causes", causes);
	json_put_text(object, "advice", slice_of(diagnosis->advice));
}

static bool
print_json(const struct explanation *explanation)
{
	bool valid = explanation->verification.result == VERIFICATION_VALID;
	bool signer = valid || explanation->diagnosis.fits;
	struct json_t *object = json_new_object();
	json_put_bool(object, "valid", valid);
	json_put_text(object, "verdict",
	    slice_of(verification_result_name(explanation->verification.result)));
	json_put_text(object, "account", signer ? explanation->verification.account : SLICE_NONE);

	bool shared = explanation->verification.shared_key.ptr != NULL;
	json_put_text(object, "token",
	    signer && !shared ? slice_of(token_label_name(explanation->verification.label))
			      : SLICE_NONE);
	if (signer && shared) {
		json_put_text(object, "shared_key", explanation->verification.shared_key);
		json_put_text(object, "secret",
		    slice_of(secret_reading_name(explanation->verification.reading)));
	}
	json_put_text(
	    object, "url", explanation->url.len > 0 ? buffer_slice(&explanation->url) : SLICE_NONE);
	json_put_bool(object, "routed", is_routed(explanation));
	if (!valid)
		put_diagnosis(object, &explanation->diagnosis);

	return output_json(object);
}

/* Prints problems other than the signature. */
static void
print_notes(const struct cli_command *command, const struct explanation *explanation)
{
	if (explanation->saved->body_is_short)
		cli_failure(command, "the body is shorter than its Content-Length");
	if (explanation->saved->incoming.body.len == 0 &&
	    slice_equal(explanation->saved->incoming.method, SLICE("POST")))
		cli_failure(command, "a POST without a body: was only the head saved?");
	if (!is_routed(explanation))
		cli_failure(command, "no [callback] section has this path: it is answered 404");
}

static int
explain(const struct cli_command *command, const struct settings *settings,
    const struct saved_request *saved, int64_t listen_port, bool json)
{
	struct explanation explanation = {
	    .settings = settings, .saved = saved, .url = BUFFER_EMPTY};
	int status = CLI_FAILED;
	enum result result = prepare(&explanation);
	if (result == RESULT_LIMIT)
		status = cli_failure(
		    command, "the form has more than %lld fields", (long long)settings->fields_max);
	else if (result != RESULT_OK)
		status = cli_failure(command, "no memory");
	else {
		verify_or_diagnose(&explanation,
		    listen_port > 0 ? (unsigned)listen_port : settings_listen_port(settings));
		print_notes(command, &explanation);
		if (!json)
			print_text(&explanation);
		else if (!print_json(&explanation))
			cli_failure(command, "no memory");
		if (explanation.verification.result == VERIFICATION_VALID)
			status = CLI_OK;
	}
	reading_done(&explanation.reading);
	admission_done(&explanation.admission);
	buffer_done(&explanation.url);
	return status;
}

static int
explain_file(const struct cli_command *command, const struct settings *settings, const char *path,
    int64_t listen_port, bool json)
{
	struct saved_request saved;
	struct failure failure;
	char *text;
	size_t len;
	if (cli_read_file(path, &text, &len, &failure) != RESULT_OK)
		return cli_usage_error(command, "%s", failure.text);

	int status = CLI_USAGE;
	if (saved_request_read((struct slice){text, len}, &saved, &failure) != RESULT_OK)
		cli_usage_error(command, "%s: %s", path, failure.text);
	else
		status = explain(command, settings, &saved, listen_port, json);
	free(text);
	return status;
}

static int
run(const struct cli_command *command, int count, char **words)
{
	const char *path = SETTINGS_DEFAULT_PATH;
	bool json = false;
	int64_t listen_port = 0;
	const struct cli_option options[] = {{"config", 'c', .text = &path},
	    {"json", 0, .flag = &json}, {"listen-port", 0, .number = &listen_port}};
	int operands, status;
	if (!cli_read_options(command, count, words, options, 3, 1, &operands, &status))
		return status;

	if (listen_port < 0 || listen_port > 65535)
		return cli_usage_error(command, "--listen-port is 1 to 65535");
	struct settings *settings = cli_load_settings(command, path, SETTINGS_SERVE);
	if (settings == NULL)
		return CLI_USAGE;

	status = explain_file(
	    command, settings, operands < count ? words[operands] : "-", listen_port, json);
	settings_free(settings);
	return status;
}

const struct cli_command cli_explain = {
    .name = "explain",
    .summary = "check a saved request, and say what to change",
    .usage =
	"Usage: dlrd explain [-c FILE] [--json] [--listen-port N] [REQUEST-FILE|-]\n"
	"\n"
	"Reads one raw HTTP request: request line, headers, empty line, body. Prints whether its\n"
	"signature verifies with the configuration, and with which account, token and URL. If\n"
	"not, prints the reason, and the setting or proxy directive to change. Nothing is stored.\n"
	"Ends with 0 for a valid signature, 1 for an invalid one, and 2 for a wrong command line,\n"
	"or for a configuration or request that cannot be read.\n"
	"\n"
	"  -c, --config FILE    the configuration (default " SETTINGS_DEFAULT_PATH ")\n"
	"      --json           answer in JSON\n"
	"      --listen-port N  port of its arrival (default: that of [server] listen)\n"
	"  -h, --help           show this\n",
    .run = run,
};
