#include "dlrd/cli/cli.h"
#include "dlrd/cli/output.h"
#include "route_url.h"
#include "url_judgement.h"

#include <stdio.h>
#include <string.h>

static const struct report report_urls = {
    "urls", REPORT_COLUMNS({"public_url"}, {"route"}, {"kind"}, {"purpose"}, {"url"}, {"missing"},
		{"workspace"}, {"campaign"}, {"variant"}, {"problems"}, {"warnings"})};

static const struct report report_findings = {
    "findings", REPORT_COLUMNS({"severity"}, {"name"}, {"text"})};

/* The purposes of a callback URL, and the setting at Twilio for each. */
static const struct {
	enum route_kind kind;
	const char *purpose, *place;
	bool tagged; /* the URL has a campaign's tags */
} purposes[] = {
    {ROUTE_STATUS, "status", "StatusCallback of a message or a messaging service", true},
    {ROUTE_INBOUND, "inbound", "a number's or messaging service's webhook for incoming messages",
	false},
    {ROUTE_CLICK, "click", "callback URL of the domain that shortens links", false},
    {ROUTE_EVENTS, "events", "destination of an Event Streams webhook sink", false},
    {ROUTE_DEBUGGER, "debugger", "webhook of the console's debugger", false},
};

#define PURPOSE_COUNT (sizeof purposes / sizeof purposes[0])

struct request {
	const struct cli_command *command;
	const char *config, *base, *route, *check, *overrides;
	const char *workspace, *campaign, *variant;
	bool no_overrides, tag_inbound, json, csv;
	enum output_format format;
	struct route_values values;
	struct settings *settings;
	const struct settings_list *bases; /* of base, or [server] public_url */
};

/* --- findings, overrides and tags --- */

static struct cell
list_cell(const struct buffer *words)
{
	struct slice text = words->len == 0 ? SLICE("") : buffer_slice(words);
	return (struct cell){.kind = CELL_LIST, .text = text};
}

/* Returns a tag, absent if the query lacks it. */
static struct slice
tag(const struct buffer *text)
{
	return text->len == 0 ? SLICE_NONE : buffer_slice(text);
}

static void
append_finding_names(const struct url_findings *findings, bool problems, struct buffer *out)
{
	for (size_t i = 0; i < findings->count; i++)
		if (url_finding_is_problem(findings->items[i].kind) == problems)
			buffer_appendf(out, "%s%s", out->len > 0 ? " " : "",
			    url_finding_name(findings->items[i].kind));
}

static const char *
severity(const struct url_finding *finding)
{
	return url_finding_is_problem(finding->kind) ? "problem" : "warning";
}

/* Prints one line, with control characters made visible. */
static void
print_line(const char *name, struct slice text)
{
	struct buffer shown = BUFFER_EMPTY;
	buffer_append_visible(&shown, text);
	printf("  %-10s %.*s\n", name, SLICE_ARG(buffer_slice(&shown)));
	buffer_done(&shown);
}

static void
print_findings(const struct url_findings *findings)
{
	for (int problem = 1; problem >= 0; problem--)
		for (size_t i = 0; i < findings->count; i++)
			if (url_finding_is_problem(findings->items[i].kind) == (problem == 1))
				print_line(severity(&findings->items[i]),
				    slice_of(findings->items[i].text));
}

static void
print_tags(const struct url_judgement *judgement)
{
	struct buffer text = BUFFER_EMPTY;
	const struct {
		const char *name;
		const struct buffer *text;
	} tags[] = {{"workspace", &judgement->workspace}, {", campaign", &judgement->campaign},
	    {", variant", &judgement->variant}};
	for (size_t i = 0; i < 3; i++) {
		buffer_appendf(&text, "%s ", tags[i].name);
		buffer_append(
		    &text, tags[i].text->len > 0 ? buffer_slice(tags[i].text) : SLICE("(none)"));
	}

	print_line("means", buffer_slice(&text));
	buffer_done(&text);
}

static void
print_overrides(const struct connection_overrides *overrides, struct slice fragment)
{
	struct buffer text = BUFFER_EMPTY;
	bool given = false;
	for (int key = 0; key < OVERRIDE_KEY_COUNT; key++)
		given |= overrides->given[key];
	if (!given)
		return;

	buffer_append_visible(&text, fragment);
	printf("\nThe part after # is neither sent nor signed. With #%.*s Twilio:\n",
	    SLICE_ARG(buffer_slice(&text)));
	for (int key = 0; key < OVERRIDE_KEY_COUNT; key++) {
		if (!overrides->given[key])
			continue;
		buffer_clear(&text);
		connection_overrides_explain(overrides, (enum override_key)key, &text);
		print_line(
		    connection_overrides_key_name((enum override_key)key), buffer_slice(&text));
	}

	buffer_done(&text);
}

/* Returns {"rc":"tries up to 3 more times ..."} for the overrides that are set. */
static struct json_t *
overrides_json(const struct connection_overrides *overrides)
{
	struct json_t *object = json_new_object();
	struct buffer text = BUFFER_EMPTY;
	for (int key = 0; key < OVERRIDE_KEY_COUNT; key++) {
		if (!overrides->given[key])
			continue;
		buffer_clear(&text);
		connection_overrides_explain(overrides, (enum override_key)key, &text);
		json_put_text(object, connection_overrides_key_name((enum override_key)key),
		    buffer_slice(&text));
	}

	buffer_done(&text);
	return object;
}

/* --- checking one URL --- */

static void
print_judgement(const struct url_judgement *judgement)
{
	print_line("url", judgement->url.text);
	print_line("public url",
	    judgement->public_url == NULL ? SLICE("(none)") : slice_of(judgement->public_url));
	if (judgement->route != NULL) {
		struct buffer text = BUFFER_EMPTY;
		buffer_appendf(&text, "%s (kind %s)", judgement->route->path,
		    route_kind_name(judgement->route->kind));
		print_line("route", buffer_slice(&text));
		print_tags(judgement);
		buffer_done(&text);
	} else
		print_line("route", SLICE("(none)"));

	print_findings(&judgement->findings);
	if (judgement->findings.count == 0)
		print_line("verdict", SLICE("no problems"));
	print_overrides(&judgement->overrides, judgement->url.fragment);
}

static struct json_t *
judgement_json(const struct url_judgement *judgement)
{
	const struct route *route = judgement->route;
	struct json_t *object = json_new_object();
	json_put_text(object, "url", judgement->url.text);
	json_put_bool(object, "valid", !url_findings_have_problem(&judgement->findings));
	json_put_text(object, "public_url", slice_of(judgement->public_url));
	json_put_text(object, "route", route == NULL ? SLICE_NONE : slice_of(route->path));
	json_put_text(
	    object, "kind", route == NULL ? SLICE_NONE : slice_of(route_kind_name(route->kind)));
	json_put_text(object, "workspace", tag(&judgement->workspace));
	json_put_text(object, "campaign", tag(&judgement->campaign));
	json_put_text(object, "variant", tag(&judgement->variant));
	json_put(object, "overrides", overrides_json(&judgement->overrides));
	return object;
}

static int
check_url(const struct request *request)
{
	struct url_judgement judgement;
	url_judgement_make(
	    request->settings, request->bases, slice_of(request->check), ROUTE_AUTO, &judgement);
	bool valid = !url_findings_have_problem(&judgement.findings), written = true;
	if (request->format == OUTPUT_TABLE)
		print_judgement(&judgement);
	else {
		struct output *output =
		    output_new(request->format, &report_findings, SLICE_NONE, NULL);
		for (size_t i = 0; i < judgement.findings.count; i++) {
			const struct url_finding *finding = &judgement.findings.items[i];
			output_add(
			    output, &(struct report_row){{cell_text(slice_of(severity(finding))),
					cell_text(slice_of(url_finding_name(finding->kind))),
					cell_text(slice_of(finding->text))}});
		}
		written = output_finish(
		    output, request->format == OUTPUT_JSON ? judgement_json(&judgement) : NULL);
	}

	url_judgement_done(&judgement);
	if (!written)
		return cli_failure(request->command, "cannot write the answer");

	return valid ? CLI_OK : CLI_FAILED;
}

/* --- URLs of the routes --- */

struct listing {
	const struct request *request;
	struct output *output;   /* NULL for text */
	struct json_t *findings; /* NULL unless JSON */
	const char *heading;     /* the public URL that was printed last */
	struct connection_overrides overrides;
	size_t count;
	bool problem;
};

/* Collects the values for one route: those of the command line, those that its tags follow from,
 * and the unknown ones that it needs. */
static void
fill_values(const struct request *request, const struct route *route, struct route_values *values,
    struct url_findings *conflicts)
{
	const struct {
		const char *name, *tag;
		const struct tags_template *template;
	} tags[] = {{"workspace", request->workspace, &route->workspace},
	    {"campaign", request->campaign, &route->campaign},
	    {"variant", request->variant, &route->variant}};
	struct failure failure;
	for (size_t i = 0; i < 3; i++)
		if (tags[i].tag != NULL && route_values_take_tag(values, tags[i].template,
					       slice_of(tags[i].tag), &failure) != RESULT_OK)
			url_findings_add(conflicts, URL_TAG_CONFLICT,
			    "--%s %.80s: %s; write its parameters as name=value", tags[i].name,
			    tags[i].tag, failure.text);

	if (route_values_want(values, route) != RESULT_OK)
		url_findings_add(conflicts, URL_TAG_CONFLICT,
		    "its templates need more than %d parameters and fields", ROUTE_VALUES_MAX);
}

static void
add_json_findings(struct listing *listing, const struct url_judgement *judgement)
{
	for (size_t i = 0; listing->findings != NULL && i < judgement->findings.count; i++) {
		const struct url_finding *finding = &judgement->findings.items[i];
		struct json_t *object = json_new_object();
		json_put_text(object, "url", judgement->url.text);
		json_put_text(object, "severity", slice_of(severity(finding)));
		json_put_text(object, "name", slice_of(url_finding_name(finding->kind)));
		json_put_text(object, "text", slice_of(finding->text));
		json_push(listing->findings, object);
	}
}

static void
put_row(struct listing *listing, const char *base, const struct route *route, size_t purpose,
    const struct url_judgement *judgement, const struct buffer *missing)
{
	struct buffer problems = BUFFER_EMPTY, warnings = BUFFER_EMPTY;
	append_finding_names(&judgement->findings, true, &problems);
	append_finding_names(&judgement->findings, false, &warnings);
	output_add(listing->output,
	    &(struct report_row){{cell_text(slice_of(base)), cell_text(slice_of(route->path)),
		cell_text(slice_of(route_kind_name(route->kind))),
		cell_text(slice_of(purposes[purpose].purpose)), cell_text(judgement->url.text),
		list_cell(missing), cell_text(tag(&judgement->workspace)),
		cell_text(tag(&judgement->campaign)), cell_text(tag(&judgement->variant)),
		list_cell(&problems), list_cell(&warnings)}});
	add_json_findings(listing, judgement);
	buffer_done(&problems);
	buffer_done(&warnings);
}

static void
print_row(struct listing *listing, const char *base, const struct route *route, size_t purpose,
    const struct url_judgement *judgement, const struct buffer *missing)
{
	struct buffer shown = BUFFER_EMPTY;
	if (listing->heading != base) {
		buffer_append_visible(&shown, slice_of(base));
		printf("%s%.*s\n", listing->heading == NULL ? "" : "\n",
		    SLICE_ARG(buffer_slice(&shown)));
		listing->heading = base;
		buffer_clear(&shown);
	}

	buffer_append_visible(&shown, slice_of(route->path));
	printf("\n%.*s (kind %s), %s: %s\n", SLICE_ARG(buffer_slice(&shown)),
	    route_kind_name(route->kind), purposes[purpose].purpose, purposes[purpose].place);
	print_line("url", judgement->url.text);
	if (missing->len > 0)
		print_line("to fill in", buffer_slice(missing));
	if (judgement->url.query.ptr != NULL)
		print_tags(judgement);
	print_findings(&judgement->findings);
	buffer_done(&shown);
}

/* In a listing, placeholders are expected. */
static void
drop_placeholders(struct url_findings *findings)
{
	size_t kept = 0;
	for (size_t i = 0; i < findings->count; i++)
		if (findings->items[i].kind != URL_PLACEHOLDER)
			findings->items[kept++] = findings->items[i];
	findings->count = kept;
}

/* If the query has a placeholder, computes the tags from the values. For people, a tag shows the
 * placeholder; for programs, it is absent. */
static void
fill_tags(struct url_judgement *judgement, const struct route *route,
    const struct route_values *values, bool for_people)
{
	const struct {
		const struct tags_template *template;
		struct buffer *text;
	} tags[] = {{&route->workspace, &judgement->workspace},
	    {&route->campaign, &judgement->campaign}, {&route->variant, &judgement->variant}};
	for (size_t i = 0; i < 3; i++) {
		buffer_clear(tags[i].text);
		if (!route_values_tag(values, tags[i].template, tags[i].text) && !for_people)
			buffer_clear(tags[i].text);
	}
}

static void
add_url(struct listing *listing, const char *base, const struct route *route, size_t purpose)
{
	const struct request *request = listing->request;
	enum route_kind kind = purposes[purpose].kind;
	bool tagged = purposes[purpose].tagged || (kind == ROUTE_INBOUND && request->tag_inbound);
	struct route_values values = request->values;
	struct url_findings conflicts = {.count = 0};
	struct buffer url = BUFFER_EMPTY, missing = BUFFER_EMPTY;
	struct url_judgement judgement;
	struct url_base start;
	if (url_base_init(&start, slice_of(base), NULL) != RESULT_OK)
		return; /* no memory: the settings were parsed already */

	buffer_appendf(&url, "%s%s", start.spelling[0], route->path);
	url_base_done(&start);
	if (tagged) {
		fill_values(request, route, &values, &conflicts);
		route_values_query(&values, &url);
		route_values_missing(&values, &missing);
	}
	if (request->overrides[0] != '\0' && url_judgement_takes_overrides(kind))
		buffer_appendf(&url, "#%s", request->overrides);
	url_judgement_make(request->settings, request->bases, buffer_slice(&url), kind, &judgement);
	drop_placeholders(&judgement.findings);
	if (missing.len > 0)
		fill_tags(&judgement, route, &values, listing->output == NULL);
	for (size_t i = 0; i < conflicts.count; i++)
		url_findings_add(
		    &judgement.findings, URL_TAG_CONFLICT, "%s", conflicts.items[i].text);
	if (listing->output != NULL)
		put_row(listing, base, route, purpose, &judgement, &missing);
	else
		print_row(listing, base, route, purpose, &judgement, &missing);
	if (url_judgement_takes_overrides(kind))
		listing->overrides = judgement.overrides;
	listing->problem |= url_findings_have_problem(&judgement.findings);
	listing->count++;
	url_judgement_done(&judgement);
	buffer_done(&url);
	buffer_done(&missing);
}

/* A route of kind auto is listed for its most common purposes. */
static void
add_urls(struct listing *listing)
{
	const struct request *request = listing->request;
	const struct routes *routes = &request->settings->routes;
	for (size_t b = 0; b < request->bases->count; b++)
		for (size_t r = 0; r < routes->count; r++) {
			const struct route *route = &routes->items[r];
			if (request->route != NULL && strcmp(route->path, request->route) != 0)
				continue;
			for (size_t i = 0; i < PURPOSE_COUNT; i++)
				if (purposes[i].kind == route->kind ||
				    (route->kind == ROUTE_AUTO &&
					(purposes[i].kind == ROUTE_STATUS ||
					    purposes[i].kind == ROUTE_INBOUND)))
					add_url(listing, request->bases->items[b], route, i);
		}
}

static int
list_urls(const struct request *request)
{
	struct listing listing = {.request = request};
	struct json_t *object = NULL;
	bool written = true;
	if (request->bases->count == 0)
		return cli_failure(request->command,
		    "[server] public_url is empty: set it to the URL that Twilio calls, without "
		    "the "
		    "path (https://callbacks.example.com), or use --base");
	if (request->format != OUTPUT_TABLE)
		listing.output = output_new(request->format, &report_urls, SLICE_NONE, NULL);
	if (request->format == OUTPUT_JSON)
		listing.findings = json_new_array();
	add_urls(&listing);
	if (request->format == OUTPUT_JSON) {
		object = json_new_object();
		json_put(object, "overrides", overrides_json(&listing.overrides));
		json_put(object, "findings", listing.findings);
	}
	if (listing.output != NULL)
		written = output_finish(listing.output, object);
	else
		print_overrides(&listing.overrides, slice_of(request->overrides));
	if (!written)
		return cli_failure(request->command, "cannot write the answer");
	if (listing.count == 0)
		return cli_failure(
		    request->command, "no [callback] section has the path %s", request->route);

	return listing.problem ? CLI_FAILED : CLI_OK;
}

/* --- the command --- */

static int
check_request(struct request *request, int count, char **words, int operands)
{
	const struct cli_command *command = request->command;
	struct failure failure;
	if (request->json && request->csv)
		return cli_usage_error(command, "use either --json or --csv");
	if (request->overrides != NULL && request->no_overrides)
		return cli_usage_error(command, "use either --overrides or --no-overrides");
	if (request->check != NULL &&
	    (operands < count || request->overrides != NULL || request->no_overrides ||
		request->route != NULL || request->workspace != NULL || request->campaign != NULL ||
		request->variant != NULL || request->tag_inbound))
		return cli_usage_error(
		    command, "--check can be combined only with --base, --json and --csv");
	if (operands < count && strncmp(words[operands], "http", 4) == 0 &&
	    strstr(words[operands], "://") != NULL)
		return cli_usage_error(command, "to check a URL, use --check URL");
	for (int i = operands; i < count; i++)
		if (route_values_read(&request->values, slice_of(words[i]), &failure) != RESULT_OK)
			return cli_usage_error(command, "%s", failure.text);
	if (request->overrides == NULL)
		request->overrides = request->no_overrides ? "" : CONNECTION_OVERRIDES_ADVISED;
	if (request->overrides[0] == '#')
		request->overrides++;
	request->format = request->json ? OUTPUT_JSON : request->csv ? OUTPUT_CSV : OUTPUT_TABLE;

	return CLI_OK;
}

static int
answer(struct request *request)
{
	struct failure failure;
	struct url_base base;
	struct settings_list bases = {.count = 0};
	if (request->base != NULL) {
		if (url_base_init(&base, slice_of(request->base), &failure) != RESULT_OK)
			return cli_usage_error(request->command, "--base: %s", failure.text);
		bases.items[bases.count++] = (char *)request->base;
		url_base_done(&base);
	}
	request->settings = cli_load_settings(request->command, request->config, SETTINGS_QUERY);
	if (request->settings == NULL)
		return CLI_FAILED;

	request->bases = request->base != NULL ? &bases : &request->settings->public_url;
	int status = request->check != NULL ? check_url(request) : list_urls(request);
	settings_free(request->settings);
	return status;
}

static int
run(const struct cli_command *command, int count, char **words)
{
	struct request request = {.command = command, .config = SETTINGS_DEFAULT_PATH};
	const struct cli_option options[] = {{"config", 'c', .text = &request.config},
	    {"base", 0, .text = &request.base}, {"route", 0, .text = &request.route},
	    {"check", 0, .text = &request.check}, {"overrides", 0, .text = &request.overrides},
	    {"no-overrides", 0, .flag = &request.no_overrides},
	    {"workspace", 0, .text = &request.workspace},
	    {"campaign", 0, .text = &request.campaign}, {"variant", 0, .text = &request.variant},
	    {"tag-inbound", 0, .flag = &request.tag_inbound}, {"json", 0, .flag = &request.json},
	    {"csv", 0, .flag = &request.csv}};
	int operands, status;
	if (!cli_read_options(command, count, words, options, sizeof options / sizeof options[0],
		count, &operands, &status))
		return status;

	status = check_request(&request, count, words, operands);
	return status == CLI_OK ? answer(&request) : status;
}

const struct cli_command cli_url = {
    .name = "url",
    .summary = "print the callback URLs for Twilio, or check one",
    .usage =
	"Usage: dlrd url [-c FILE] [--base URL] [--route PATH] [--workspace W] [--campaign C]\n"
	"                [--variant V] [--overrides LIST | --no-overrides] [--tag-inbound]\n"
	"                [--json | --csv] [NAME=VALUE | NAME.N=VALUE]...\n"
	"       dlrd url --check URL [-c FILE] [--base URL] [--json | --csv]\n"
	"\n"
	"Prints the callback URLs for Twilio, for each public_url and route of the configuration,\n"
	"with the parameters that the route's templates need. An unknown parameter has a\n"
	"placeholder like {campaign}. With --check it checks one URL: whether Twilio calls it,\n"
	"whether its signature verifies here, and its tags. Exit status: 0, 1 if there is a\n"
	"problem (not for warnings), 2 for a wrong command line.\n"
	"\n"
	"  -c, --config FILE     configuration file (default " SETTINGS_DEFAULT_PATH ")\n"
	"      --base URL        replaces [server] public_url\n"
	"      --route PATH      only this route\n"
	"      --workspace W, --campaign C, --variant V\n"
	"                        the tags; the parameters are derived from them\n"
	"      NAME=VALUE        a parameter, not escaped; NAME.N=VALUE its Nth field between "
	"dots\n"
	"      --overrides LIST  connection overrides: how Twilio connects and retries\n"
	"                        (default " CONNECTION_OVERRIDES_ADVISED ")\n"
	"      --no-overrides    use Twilio's defaults\n"
	"      --tag-inbound     add the tags to URLs for incoming messages, too: all of them\n"
	"                        then count for that campaign\n"
	"      --check URL       check this URL, including its fragment\n"
	"      --json            print JSON\n"
	"      --csv             print CSV\n"
	"  -h, --help            show this help\n",
    .run = run,
};
