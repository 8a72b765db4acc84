/* settings: the configuration file, read, checked and ready to build the daemon from.
 *
 * Each key of [server], [api], [store], [replies], [numbers] and [log] is a row of one table in
 * settings.c: its type, default and bounds, and whether it needs a restart. From the row come the
 * parser, the words of an error, and --print; a test compares conf/dlrd.ini with the table.
 * [account SID], [shared_key ID], [callback /path], [keyword NAME] and [provider NAME] may be there
 * any number of times, one for each account, key, path and name.
 *
 * Reading continues after a mistake, so that all of them are reported at once, each as
 * "FILE:LINE: [section] key: the mistake; the correct form". One thread. */
#pragma once

#include "dlrd/base/buffer.h"
#include "dlrd/base/log.h"
#include "dlrd/daemon/setting_list.h"
#include "dlrd/daemon/setting_shared_keys.h"
#include "dlrd/model/fold.h"
#include "dlrd/model/provider_names.h"
#include "dlrd/request/route.h"
#include "dlrd/twilio/keyword.h"
#include "dlrd/twilio/verifier.h"

#define SETTINGS_DEFAULT_PATH "/etc/dlrd/dlrd.ini"

struct settings {
	char *path; /* the file it was read from */

	/* [server] */
	struct settings_list listen, public_url, trusted_proxies;
	int64_t request_line_max, headers_max, body_max, memory_max; /* bytes */
	int64_t fields_max, connections_max, connections_per_address;
	int64_t request_timeout_us, keepalive_timeout_us, commit_timeout_us, drain_timeout_us;

	/* [api] */
	struct settings_list api_listen;
	char *api_token_file, *api_reader_token_file; /* "" for none */
	bool api_mask_numbers;                        /* for the reader's token */
	int64_t api_threads, api_request_timeout_us;

	/* [store] */
	char *directory;
	char *error_codes;      /* "" for the catalogue that is built in */
	char *error_codes_site; /* its rows are added to, or replace, those; "" for none */
	int64_t journal_keep_us, journal_size; /* microseconds, bytes */
	int64_t log_limit;                     /* bytes of dlrd.db-wal */
	int64_t quarantine_keep_us, quarantine_size, quarantine_rate;
	enum conflict_policy conflicts;

	/* [replies] */
	int64_t reply_window_us; /* how long after a message an answer is one to it */
	int64_t reply_late_us; /* how much later than its answer a message's first receipt may be */

	/* [numbers] */
	int64_t country_code; /* of numbers that are typed without one; 0: none */

	/* [log] */
	enum log_level log_level;

	/* [account ...], [shared_key ...], [callback ...] */
	struct verifier *verifier; /* tokens of all accounts, shared keys, and the public URLs */
	struct setting_shared_keys shared_keys;
	struct secret *api_token, *api_reader_token; /* from those files; NULL for none */
	struct routes routes;

	/* [keyword ...], [provider ...] */
	struct keywords *keywords;
	struct provider_names providers;

	bool secrets_exposed; /* every user may read a file that holds a secret */
};

/* The daemon needs the tokens. A question to the store does not, and its user may have no
 * permission to read their files. A check is as for the daemon, with warnings. */
enum settings_use { SETTINGS_SERVE, SETTINGS_QUERY, SETTINGS_CHECK };

/* Reads and checks the file. On failure problems holds one line for each mistake, each ended by a
 * line break; out_settings is untouched. On success it has the warnings: for the daemon, mistakes
 * with which it runs all the same; with SETTINGS_CHECK, which takes those as mistakes, settings
 * that are probably mistakes. */
must_check enum result settings_load(const char *path, enum settings_use use,
    struct settings **out_settings, struct buffer *problems);

/* Appends the settings in force as an INI file, with secrets left out. */
void settings_print(const struct settings *settings, struct buffer *out);

/* For settings that only a restart changes: copies each different value of *old* to *settings* and
 * calls on_change. */
void settings_keep_fixed(struct settings *settings, const struct settings *old,
    void (*on_change)(void *context, const char *section, const char *key), void *context);

/* The port of the first address in [server] listen; 0 for a unix socket. */
unsigned settings_listen_port(const struct settings *settings);

/* Accepts NULL; wipes the secrets. */
void settings_free(struct settings *settings);
