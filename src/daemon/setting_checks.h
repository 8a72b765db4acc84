/* setting_checks: the warnings of check-config, about settings that can be loaded and are
 * probably mistakes on this machine, for the user that runs dlrd.
 *
 * Reads files, binds addresses for a moment, and asks systemd about its unit. Part of settings. One
 * thread. */
#pragma once

#include "dlrd/daemon/setting_lines.h"
#include "dlrd/daemon/setting_list.h"
#include "dlrd/request/route.h"

/* The settings that are checked; all borrowed. */
struct setting_checks {
	const char *path; /* of the configuration */
	const struct settings_list *listen, *api_listen, *public_url, *trusted_proxies;
	const struct routes *routes;
	const char *directory;
	const char *api_token_file, *api_reader_token_file; /* "" for none */
};

void setting_checks_warn(const struct setting_checks *settings, struct setting_lines *lines);
