#define _GNU_SOURCE
#include "secrets.h"

#include "dlrd/base/wipe.h"

#include <sys/resource.h>
#include <unistd.h>

/* The name under which Twilio's own programs look for it. */
#define USUAL_VARIABLE SLICE("TWILIO_AUTH_TOKEN")

static bool
is_token(const struct settings *settings, struct slice text)
{
	return verifier_holds_token(settings->verifier, text) ||
	       (settings->api_token != NULL && secret_equal(settings->api_token, text)) ||
	       (settings->api_reader_token != NULL &&
		   secret_equal(settings->api_reader_token, text));
}

static void
look_into_environment(const struct settings *settings)
{
	for (char **variable = environ; variable != NULL && *variable != NULL; variable++) {
		struct slice value = slice_of(*variable), name = slice_take(&value, '=');
		if (value.len == 0 ||
		    (!slice_equal(name, USUAL_VARIABLE) && !is_token(settings, value)))
			continue;
		wipe((char *)value.ptr, value.len);
		log_line(LOG_WARNING,
		    "the environment contains a token in %.*s: dlrd does not read it, and has "
		    "overwritten it; remove it from the service's environment, which others can "
		    "read, and use auth_token_file",
		    SLICE_ARG(name));
	}
}

static void
look_into_memory(const struct settings *settings)
{
	struct rlimit limit = {.rlim_cur = 0};
	if (verifier_is_locked(settings->verifier) &&
	    (settings->api_token == NULL || secret_is_locked(settings->api_token)) &&
	    (settings->api_reader_token == NULL || secret_is_locked(settings->api_reader_token)))
		return;
	getrlimit(RLIMIT_MEMLOCK, &limit);
	log_line(LOG_WARNING,
	    "tokens could not be locked in memory, and may be swapped to disk: the limit "
	    "is %llu bytes, and each token takes a page; raise it (LimitMEMLOCK=8M, ulimit -l)",
	    (unsigned long long)limit.rlim_cur);
}

void
secrets_warn(const struct settings *settings)
{
	if (settings->secrets_exposed)
		log_line(LOG_WARNING,
		    "%s contains a token or secret and is readable by all users; run chmod o-r, or "
		    "use auth_token_file and secret_file",
		    settings->path);
	look_into_memory(settings);
	look_into_environment(settings);
}
