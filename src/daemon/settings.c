#include "dlrd/daemon/settings.h"

#include "dlrd/api/api.h"
#include "dlrd/base/clock.h"
#include "dlrd/base/ini.h"
#include "dlrd/daemon/setting_lines.h"
#include "dlrd/daemon/token_file.h"
#include "dlrd/intake/intake.h"
#include "dlrd/twilio/address.h"
#include "dlrd/twilio/error_catalogue.h"
#include "dlrd/twilio/keyword_conflicts.h"
#include "setting_accounts.h"
#include "setting_api.h"
#include "setting_checks.h"
#include "setting_keywords.h"
#include "setting_sections.h"
#include "setting_types.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define KIB INT64_C(1024)
#define MIB (1024 * KIB)
#define GIB (1024 * MIB)
#define FIELD(name) offsetof(struct settings, name)

_Static_assert(
    INTAKE_LISTENERS_MAX <= SETTINGS_LIST_MAX && API_LISTENERS_MAX <= SETTINGS_LIST_MAX &&
	INTAKE_PROXIES_MAX <= SETTINGS_LIST_MAX && VERIFIER_PUBLIC_URLS_MAX <= SETTINGS_LIST_MAX,
    "a list has room for the most values of its setting");

static const struct setting settings_rows[] = {
    {"server", "listen", SETTING_ADDRESSES, FIELD(listen), "127.0.0.1:8080", 1,
	INTAKE_LISTENERS_MAX, true},
    {"server", "public_url", SETTING_URLS, FIELD(public_url), "", 0, VERIFIER_PUBLIC_URLS_MAX},
    {"server", "trusted_proxies", SETTING_PEERS, FIELD(trusted_proxies), "", 0, INTAKE_PROXIES_MAX},
    /* Twilio's URLs have up to 4,000 characters, and bodySHA256 may be added. */
    {"server", "request_line_limit", SETTING_BYTES, FIELD(request_line_max), "8k", KIB, 64 * KIB,
	true},
    {"server", "header_limit", SETTING_BYTES, FIELD(headers_max), "8k", KIB, 64 * KIB, true},
    {"server", "body_limit", SETTING_BYTES, FIELD(body_max), "256k", 4 * KIB, 16 * MIB},
    {"server", "field_limit", SETTING_COUNT, FIELD(fields_max), "512", 16, 65536},
    {"server", "memory_limit", SETTING_BYTES, FIELD(memory_max), "32M", MIB, 16 * GIB},
    {"server", "connection_limit", SETTING_COUNT, FIELD(connections_max), "2048", 1, 65536, true},
    {"server", "connection_limit_per_address", SETTING_COUNT, FIELD(connections_per_address), "0",
	0, 65536, true},
    {"server", "request_timeout", SETTING_DURATION, FIELD(request_timeout_us), "10s",
	CLOCK_SECOND_US / 10, CLOCK_HOUR_US},
    /* Longer than a proxy keeps its side open (nginx: 60 s), or it may send into a connection
     * that is being closed. */
    {"server", "keepalive_timeout", SETTING_DURATION, FIELD(keepalive_timeout_us), "75s",
	CLOCK_SECOND_US / 10, CLOCK_HOUR_US},
    /* Twilio gives up after 15 s; a 503 before that may be tried again, if its URL says so. */
    {"server", "commit_timeout", SETTING_DURATION, FIELD(commit_timeout_us), "10s",
	CLOCK_SECOND_US / 10, CLOCK_HOUR_US},
    {"server", "drain_timeout", SETTING_DURATION, FIELD(drain_timeout_us), "15s",
	CLOCK_SECOND_US / 10, CLOCK_HOUR_US},
    {"api", "listen", SETTING_ADDRESSES, FIELD(api_listen), "127.0.0.1:8081", 1, API_LISTENERS_MAX,
	true},
    {"api", "token_file", SETTING_TEXT, FIELD(api_token_file), "", 0, 0},
    {"api", "reader_token_file", SETTING_TEXT, FIELD(api_reader_token_file), "", 0, 0},
    {"api", "mask_numbers", SETTING_FLAG, FIELD(api_mask_numbers), "no", 0, 0},
    {"api", "threads", SETTING_COUNT, FIELD(api_threads), "2", 1, WORKERS_MAX, true},
    {"api", "request_timeout", SETTING_DURATION, FIELD(api_request_timeout_us), "2m",
	CLOCK_SECOND_US, 24 * CLOCK_HOUR_US, true},
    {"store", "directory", SETTING_PATH, FIELD(directory), "/var/lib/dlrd", 0, 0, true},
    {"store", "journal_keep", SETTING_DURATION, FIELD(journal_keep_us), "7d", 0,
	3650 * CLOCK_DAY_US},
    {"store", "log_limit", SETTING_BYTES, FIELD(log_limit), "1G", 8 * MIB, 1024 * GIB, true},
    {"store", "journal_size", SETTING_BYTES, FIELD(journal_size), "4G", MIB, 1024 * GIB},
    {"store", "quarantine_keep", SETTING_DURATION, FIELD(quarantine_keep_us), "7d", CLOCK_HOUR_US,
	3650 * CLOCK_DAY_US, true},
    {"store", "quarantine_size", SETTING_BYTES, FIELD(quarantine_size), "64M", MIB, 64 * GIB, true},
    {"store", "quarantine_rate", SETTING_COUNT, FIELD(quarantine_rate), "100", 1, 10000, true},
    {"store", "conflicts", SETTING_POLICY, FIELD(conflicts), "delivered-wins", 0, 0},
    {"store", "error_codes", SETTING_TEXT, FIELD(error_codes), "", 0, 0},
    {"store", "error_codes_site", SETTING_TEXT, FIELD(error_codes_site), "", 0, 0},
    {"replies", "window", SETTING_DURATION, FIELD(reply_window_us), "7d", 60 * CLOCK_SECOND_US,
	90 * CLOCK_DAY_US},
    {"replies", "late", SETTING_DURATION, FIELD(reply_late_us), "15m", 0, 7 * CLOCK_DAY_US},
    {"numbers", "country_code", SETTING_COUNTRY, FIELD(country_code), "", 0, 0},
    {"log", "level", SETTING_LEVEL, FIELD(log_level), "info", 0, 0},
};

#define ROW_COUNT (sizeof settings_rows / sizeof settings_rows[0])

struct loading {
	struct settings *settings;
	struct setting_lines lines;
	struct setting_secrets secrets;
};

static void *
field_of(struct settings *settings, const struct setting *row)
{
	return (char *)settings + row->offset;
}

/* --- one key after the other --- */

static enum result
take_plain_key(struct loading *loading, struct slice section, struct slice key, struct slice value,
    struct failure *failure)
{
	bool known_section = false;
	struct buffer keys = BUFFER_EMPTY;
	for (size_t i = 0; i < ROW_COUNT; i++) {
		const struct setting *row = &settings_rows[i];
		if (!slice_equal(section, slice_of(row->section)))
			continue;
		if (slice_equal(key, slice_of(row->key))) {
			buffer_done(&keys);
			return setting_read(row, value, field_of(loading->settings, row), failure);
		}
		buffer_appendf(&keys, "%s%s", known_section ? ", " : "", row->key);
		known_section = true;
	}
	bool begun = section.len > 0; /* else a key comes before the first section */
	if (begun && known_section == (key.ptr == NULL)) { /* correct, or reported when it began */
		buffer_done(&keys);
		return RESULT_OK;
	}
	if (known_section)
		failure_set(failure, RESULT_INVALID, "unknown key; this section has %.*s",
		    SLICE_ARG(buffer_slice(&keys)));
	else if (!begun)
		failure_set(failure, RESULT_INVALID,
		    "no section; write the key below its section, such as [server]");
	else
		failure_set(failure, RESULT_INVALID,
		    "unknown section; there are [server], [api], [store], [replies], [numbers], "
		    "[log], [account SID], [shared_key ID], [callback /path], [keyword NAME] and "
		    "[provider NAME]");
	buffer_done(&keys);
	return RESULT_INVALID;
}

/* The sections whose heading is a word and a name. */
enum named {
	NAMED_ACCOUNT,
	NAMED_SHARED_KEY,
	NAMED_CALLBACK,
	NAMED_KEYWORD,
	NAMED_PROVIDER,
	NAMED_NONE
};

static enum named
named_of(struct slice word)
{
	static const struct slice words[NAMED_NONE] = {[NAMED_ACCOUNT] = SLICE_INIT("account"),
	    [NAMED_SHARED_KEY] = SLICE_INIT("shared_key"),
	    [NAMED_CALLBACK] = SLICE_INIT("callback"),
	    [NAMED_KEYWORD] = SLICE_INIT("keyword"),
	    [NAMED_PROVIDER] = SLICE_INIT("provider")};
	int kind = 0;
	while (kind < NAMED_NONE && !slice_equal(word, words[kind]))
		kind++;
	return (enum named)kind;
}

static enum result
take_named_key(struct loading *loading, enum named kind, struct slice name, struct slice key,
    struct slice value, struct failure *failure)
{
	struct settings *settings = loading->settings;
	struct setting_secrets *secrets = &loading->secrets;
	switch (kind) {
	case NAMED_ACCOUNT:
		return setting_account_key(settings->verifier, secrets, name, key, value, failure);
	case NAMED_SHARED_KEY:
		return setting_shared_key_key(
		    &settings->shared_keys, secrets, name, key, value, failure);
	case NAMED_CALLBACK:
		return setting_callback_key(&settings->routes, name, key, value, failure);
	case NAMED_KEYWORD:
		return setting_keyword_key(settings->keywords, name, key, value, failure);
	case NAMED_PROVIDER:
		return setting_provider_key(&settings->providers, name, key, value, failure);
	case NAMED_NONE: break;
	}
	return RESULT_INVALID;
}

/* The section as it is noted: one space between the word and the name. */
static void
write_section(char out[INI_LINE_MAX + 1], struct slice word, struct slice name, bool any_case)
{
	snprintf(out, INI_LINE_MAX + 1, "%.*s%s%.*s", SLICE_ARG(word), name.len > 0 ? " " : "",
	    SLICE_ARG(name));
	for (char *byte = out; any_case && *byte != '\0'; byte++)
		if (*byte >= 'A' && *byte <= 'Z')
			*byte = (char)(*byte + ('a' - 'A'));
}

static void
report_repeated(struct loading *loading, struct slice section, struct slice normal, int line)
{
	struct failure why;
	const struct setting_line *first = setting_lines_find(&loading->lines, normal, "");
	if (first == NULL)
		return;
	failure_set(&why, RESULT_INVALID,
	    "duplicate section; write all its keys in the one of line %d", first->line);
	setting_lines_doubt_at(&loading->lines, line, section, SLICE_NONE, &why);
}

static void
take_key(void *context, struct slice section, struct slice key, struct slice value, int line)
{
	struct loading *loading = context;
	struct slice name = section;
	struct slice word = slice_take(&name, ' ');
	struct failure why = {"no memory"};
	char normal[INI_LINE_MAX + 1];
	enum named kind = named_of(word);
	if (loading->lines.ended)
		return;
	name = name.ptr == NULL ? SLICE("") : slice_trim(name);
	/* Names of keywords that differ in case alone are the same. */
	write_section(normal, word, name, kind == NAMED_KEYWORD);
	if (key.ptr == NULL)
		report_repeated(loading, section, slice_of(normal), line);
	enum result result = setting_lines_note(&loading->lines, slice_of(normal), key, line, &why);
	bool over_limit = result == RESULT_LIMIT;
	/* --print would write it as a comment. */
	if (result == RESULT_OK && key.ptr != NULL && slice_starts_with(value, SLICE(";")))
		result = failure_set(&why, RESULT_INVALID,
		    "a value cannot begin with \";\", which begins a comment");
	loading->secrets.exposed.text[0] = loading->secrets.doubt.text[0] = '\0';
	if (result == RESULT_OK)
		result = kind != NAMED_NONE ? take_named_key(loading, kind, name, key, value, &why)
					    : take_plain_key(loading, section, key, value, &why);
	if (loading->secrets.exposed.text[0] != '\0')
		setting_lines_warn_at(
		    &loading->lines, line, section, key, &loading->secrets.exposed);
	if (loading->secrets.doubt.text[0] != '\0')
		setting_lines_doubt_at(
		    &loading->lines, line, section, key, &loading->secrets.doubt);
	struct setting_line *begun = setting_lines_find(&loading->lines, slice_of(normal), "");
	if (begun != NULL)
		begun->has_problem |= result != RESULT_OK;
	if (result != RESULT_OK)
		setting_lines_add_problem(&loading->lines, line, section, key, &why);
	/* After one key or section too many, the rest of the file exceeds the limit, too. */
	over_limit |= result == RESULT_LIMIT && key.ptr == NULL;
	loading->lines.ended = over_limit;
}

/* --- the whole --- */

static enum result
set_defaults(struct settings *settings)
{
	for (size_t i = 0; i < ROW_COUNT; i++) {
		const struct setting *row = &settings_rows[i];
		enum result result =
		    setting_read(row, slice_of(row->fallback), field_of(settings, row), NULL);
		if (result != RESULT_OK)
			return result;
	}
	enum result result = keywords_new(&settings->keywords);
	return result == RESULT_OK ? verifier_new(&settings->verifier) : result;
}

static enum result
add_urls(struct settings *settings)
{
	enum result result = RESULT_OK;
	for (size_t i = 0; result == RESULT_OK && i < settings->public_url.count; i++) {
		struct url_base base;
		result = url_base_init(&base, slice_of(settings->public_url.items[i]), NULL);
		if (result == RESULT_OK)
			result = verifier_add_url(settings->verifier, &base);
	}
	return result;
}

/* Checks that concern more than one key: one function for each kind of section. */

static void
check_callbacks(struct loading *loading)
{
	const struct routes *routes = &loading->settings->routes;
	char section[INI_LINE_MAX + 1];
	size_t index;
	for (size_t i = 0; i < routes->count; i++) {
		const char *account = routes->items[i].account;
		if (account == NULL ||
		    verifier_find_account(loading->settings->verifier, slice_of(account), &index))
			continue;
		snprintf(section, sizeof section, "callback %s", routes->items[i].path);
		setting_lines_report(&loading->lines, slice_of(section), "account",
		    "there is no section [account %s]", account);
	}
}

static void
check_keyword(struct loading *loading, struct slice section)
{
	const struct keywords *keywords = loading->settings->keywords;
	struct slice heading = slice_from(section, sizeof "keyword"), rest = heading;
	bool reserved = keyword_of_name(slice_take(&rest, ' ')) != KEYWORD_OTHER;
	bool has_words = setting_lines_find(&loading->lines, section, "words") != NULL;
	struct failure why;

	if (!reserved && !has_words)
		setting_lines_report(&loading->lines, section, "words",
		    "is missing; write the words of this keyword, comma-separated");
	else if (keywords_check(keywords, heading, &why) != RESULT_OK)
		setting_lines_report(
		    &loading->lines, section, has_words ? "words" : "reply", "%s", why.text);

	/* Names of senders cannot receive. */
	const struct keyword_section *found = keywords_find(keywords, heading);
	for (size_t i = 0; found != NULL && i < found->scope.lists[KEYWORD_SENDERS].count; i++) {
		const char *sender = found->scope.lists[KEYWORD_SENDERS].items[i];
		if (address_kind(slice_of(sender)) == ADDRESS_ALPHANUMERIC)
			setting_lines_warn(&loading->lines, section, "senders",
			    "people cannot text back to %s, so the section never applies to it; "
			    "leave it out",
			    sender);
	}
}

static void
check_keywords(struct loading *loading)
{
	struct slice section;
	for (size_t i = 0;
	     (section = setting_lines_next_sound(&loading->lines, SLICE("keyword"), &i)).ptr !=
	     NULL;)
		check_keyword(loading, section);
}

static void
check_providers(struct loading *loading)
{
	const struct provider_names *providers = &loading->settings->providers;
	const struct provider_name *other =
	    provider_names_find(providers, PROVIDER_DEFAULT, SLICE_NONE);
	struct slice section;
	for (size_t i = 0;
	     (section = setting_lines_next_sound(&loading->lines, SLICE("provider"), &i)).ptr !=
	     NULL;) {
		struct slice name = slice_from(section, sizeof "provider");
		bool is_default = other != NULL && slice_equal(slice_of(other->nickname), name);
		if (!is_default && provider_names_count(providers, name) == 0)
			setting_lines_report(&loading->lines, section, NULL,
			    "is empty; add accounts, services or senders, or default = yes");
	}
}

/* The catalogue is read once more when the daemon opens its store. */
static void
check_error_codes(struct loading *loading, const char *path, const char *key)
{
	struct error_catalogue catalogue;
	struct failure why;
	if (path[0] == '\0')
		return;
	if (error_catalogue_load(path, &catalogue, &why) == RESULT_OK)
		error_catalogue_done(&catalogue);
	else
		setting_lines_report(&loading->lines, SLICE("store"), key, "%s", why.text);
}

static void
check_files(struct loading *loading)
{
	struct settings *settings = loading->settings;
	struct stat status;
	check_error_codes(loading, settings->error_codes, "error_codes");
	check_error_codes(loading, settings->error_codes_site, "error_codes_site");
	settings->secrets_exposed = loading->secrets.in_configuration &&
				    stat(settings->path, &status) == 0 &&
				    (status.st_mode & S_IROTH) != 0;
}

static void
check_api(struct loading *loading)
{
	struct settings *settings = loading->settings;
	setting_api_check(&(struct setting_api){.path = settings->path,
			      .listen = &settings->api_listen,
			      .token_file = settings->api_token_file,
			      .reader_token_file = settings->api_reader_token_file,
			      .mask_numbers = settings->api_mask_numbers,
			      .skip_secrets = loading->secrets.skipped},
	    &loading->lines, &settings->api_token, &settings->api_reader_token);
}

/* Addresses of which only one could be opened, such as the same one for callbacks and the api. */
static void
check_addresses(struct loading *loading)
{
	const struct settings *settings = loading->settings;
	const struct settings_list *lists[] = {&settings->listen, &settings->api_listen};
	static const char *const sections[] = {"server", "api"};
	struct socket_address seen[2 * SETTINGS_LIST_MAX];
	const char *sections_seen[2 * SETTINGS_LIST_MAX];
	size_t count = 0;
	for (size_t list = 0; list < 2; list++)
		for (size_t i = 0; i < lists[list]->count; i++) {
			const char *text = lists[list]->items[i];
			size_t other = 0;
			if (socket_address_read(slice_of(text), &seen[count], NULL) != RESULT_OK)
				return; /* no memory: it was read before */
			while (other < count && !socket_addresses_clash(&seen[other], &seen[count]))
				other++;
			if (other < count)
				setting_lines_doubt(&loading->lines, slice_of(sections[list]),
				    "listen",
				    "%s is in [%s] listen, too; each needs a port of its own, such "
				    "as "
				    "127.0.0.1:8080 for callbacks and 127.0.0.1:8081 for the api",
				    text, sections_seen[other]);
			sections_seen[count++] = sections[list];
		}
}

static void
warn(struct loading *loading)
{
	const struct settings *settings = loading->settings;
	setting_checks_warn(&(struct setting_checks){.path = settings->path,
				.listen = &settings->listen,
				.api_listen = &settings->api_listen,
				.public_url = &settings->public_url,
				.trusted_proxies = &settings->trusted_proxies,
				.routes = &settings->routes,
				.directory = settings->directory,
				.api_token_file = settings->api_token_file,
				.api_reader_token_file = settings->api_reader_token_file},
	    &loading->lines);
}

static enum result
load(struct loading *loading)
{
	struct settings *settings = loading->settings;
	struct failure failure;
	enum result result = set_defaults(settings);
	if (result == RESULT_OK) {
		result = ini_read_file(settings->path, take_key, loading, &failure);
		if (result != RESULT_OK)
			buffer_appendf(loading->lines.problems, "%s\n", failure.text);
	}
	if (result == RESULT_OK && settings->routes.count == 0)
		result = setting_default_callbacks(&settings->routes);
	if (result == RESULT_OK) {
		setting_accounts_check(settings->verifier, &loading->secrets, &loading->lines);
		setting_shared_keys_check(&settings->shared_keys, settings->verifier,
		    loading->secrets.skipped, &loading->lines);
		check_callbacks(loading);
		check_keywords(loading);
		check_providers(loading);
		check_files(loading);
		check_api(loading);
		check_addresses(loading);
		warn(loading);
	}
	if (result == RESULT_OK && !loading->lines.failed)
		result = add_urls(settings);
	if (result == RESULT_OK && !loading->lines.failed)
		result = setting_shared_keys_add(&settings->shared_keys, settings->verifier);
	return result == RESULT_OK && loading->lines.failed ? RESULT_INVALID : result;
}

enum result
settings_load(const char *path, enum settings_use use, struct settings **out_settings,
    struct buffer *problems)
{
	struct loading *loading = calloc(1, sizeof *loading);
	struct settings *settings = calloc(1, sizeof *settings);
	enum result result = RESULT_NO_MEMORY;
	if (loading != NULL && settings != NULL && signature_init() == RESULT_OK) {
		settings->path = strdup(path);
		loading->secrets.config_path = settings->path;
		loading->settings = settings;
		loading->lines.path = settings->path;
		loading->lines.problems = problems;
		loading->lines.checks = use == SETTINGS_CHECK;
		loading->secrets.skipped = use == SETTINGS_QUERY;
		result = settings->path == NULL ? RESULT_NO_MEMORY : load(loading);
	}
	if (result != RESULT_OK && problems->len == 0)
		buffer_appendf(problems, "%s: %s\n", path, result_text(result));
	if (loading != NULL) {
		setting_lines_end_problems(&loading->lines);
		setting_lines_done(&loading->lines);
	}
	free(loading);
	if (result != RESULT_OK) {
		settings_free(settings);
		return result;
	}
	*out_settings = settings;
	return RESULT_OK;
}

void
settings_print(const struct settings *settings, struct buffer *out)
{
	const char *section = "";
	for (size_t i = 0; i < ROW_COUNT; i++) {
		const struct setting *row = &settings_rows[i];
		if (strcmp(section, row->section) != 0)
			buffer_appendf(out, "%s[%s]\n", i > 0 ? "\n" : "", row->section);
		section = row->section;
		buffer_appendf(out, "%s = ", row->key);
		setting_write(row, (const char *)settings + row->offset, out);
		buffer_append_byte(out, '\n');
	}
	setting_accounts_print(settings->verifier, out);
	setting_shared_keys_print(&settings->shared_keys, out);
	setting_callbacks_print(&settings->routes, out);
	setting_keywords_print(settings->keywords, out);
	setting_providers_print(&settings->providers, out);
}

void
settings_keep_fixed(struct settings *settings, const struct settings *old,
    void (*on_change)(void *context, const char *section, const char *key), void *context)
{
	struct buffer now = BUFFER_EMPTY, before = BUFFER_EMPTY;
	for (size_t i = 0; i < ROW_COUNT; i++) {
		const struct setting *row = &settings_rows[i];
		if (!row->fixed)
			continue;
		buffer_clear(&now);
		buffer_clear(&before);
		setting_write(row, (const char *)settings + row->offset, &now);
		setting_write(row, (const char *)old + row->offset, &before);
		if (slice_equal(buffer_slice(&now), buffer_slice(&before)))
			continue;
		on_change(context, row->section, row->key);
		if (setting_read(row, buffer_slice(&before), field_of(settings, row), NULL) !=
		    RESULT_OK)
			break; /* no memory */
	}
	buffer_done(&now);
	buffer_done(&before);
}

unsigned
settings_listen_port(const struct settings *settings)
{
	struct slice address =
	    settings->listen.count > 0 ? slice_of(settings->listen.items[0]) : SLICE("");
	int64_t port;
	for (size_t at; (at = slice_find(address, ':')) < address.len;)
		address = slice_from(address, at + 1);
	return slice_to_int(address, &port) == RESULT_OK && port <= 65535 ? (unsigned)port : 0;
}

void
settings_free(struct settings *settings)
{
	if (settings == NULL)
		return;
	for (size_t i = 0; i < ROW_COUNT; i++)
		setting_done(&settings_rows[i], field_of(settings, &settings_rows[i]));
	setting_shared_keys_done(&settings->shared_keys);
	routes_done(&settings->routes);
	keywords_free(settings->keywords);
	provider_names_done(&settings->providers);
	verifier_free(settings->verifier);
	secret_free(settings->api_token);
	secret_free(settings->api_reader_token);
	free(settings->path);
	free(settings);
}
