#include "setting_checks.h"

#include "dlrd/base/socket.h"
#include "dlrd/daemon/token_file.h"
#include "dlrd/twilio/url.h"
#include "port_holder.h"
#include "service_user.h"

#include <errno.h>
#include <libgen.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define SERVER SLICE("server")
#define STORE SLICE("store")

/* --- public URLs --- */

/* A whole callback URL as public URL: the path would be signed twice. */
static void
check_route_path(
    const struct setting_checks *settings, struct url_parts parts, struct setting_lines *lines)
{
	struct buffer origin = BUFFER_EMPTY;
	while (parts.path.len > 0 && parts.path.ptr[parts.path.len - 1] == '/')
		parts.path.len--;
	if (routes_find(settings->routes, parts.path) == NULL)
		return;
	url_append_origin(&parts, &origin);
	setting_lines_warn(lines, SERVER, "public_url",
	    "ends with the path of [callback %.*s]; write only the part before it, %.*s",
	    SLICE_ARG(parts.path), SLICE_ARG(buffer_slice(&origin)));
	buffer_done(&origin);
}

static void
check_public_urls(const struct setting_checks *settings, struct setting_lines *lines)
{
	struct url_parts parts;
	for (size_t i = 0; i < settings->public_url->count; i++) {
		const char *url = settings->public_url->items[i];
		if (url_read_parts(slice_of(url), &parts) != RESULT_OK)
			continue;
		if (!parts.secure && !socket_host_is_loopback(parts.host))
			setting_lines_warn(lines, SERVER, "public_url",
			    "http sends phone numbers and texts unencrypted, and a signature for "
			    "https does not verify; write https://%.*s if Twilio was given that",
			    SLICE_ARG(parts.host));
		check_route_path(settings, parts, lines);
	}

	if (settings->public_url->count == 0 && settings->trusted_proxies->count > 0)
		setting_lines_warn(lines, SERVER, "public_url",
		    "is missing; with trusted_proxies alone, signatures verify only if each proxy "
		    "sets X-Forwarded-Proto and X-Forwarded-Host; write the URL that Twilio was "
		    "given, up to the path, such as https://callbacks.example.com");
}

/* --- secrets --- */

static void
check_secret(const struct setting_checks *settings, struct setting_lines *lines, const char *key,
    const char *file)
{
	if (file[0] != '\0' && token_file_is_exposed(slice_of(file), settings->path))
		setting_lines_warn(lines, SLICE("api"), key, TOKEN_FILE_EXPOSED);
}

static void
check_secrets(const struct setting_checks *settings, struct setting_lines *lines)
{
	check_secret(settings, lines, "token_file", settings->api_token_file);
	check_secret(settings, lines, "reader_token_file", settings->api_reader_token_file);
}

/* --- the store --- */

static void
check_directory(const struct setting_checks *settings, struct setting_lines *lines)
{
	struct stat status;
	struct service_user user;
	struct failure why;
	char path[4096];
	service_user_find(&user);

	snprintf(path, sizeof path, "%s", settings->directory);
	if (!service_user_keeps(&user, path)) {
		setting_lines_warn(lines, STORE, "directory",
		    "dlrd.service may write only %s; write that, or name User= and "
		    "ReadWritePaths=%s in a drop-in of the unit",
		    user.state_directory, settings->directory);
		return;
	}
	if (user.is_dynamic)
		return; /* systemd creates it, and gives it to the user */

	int error = stat(path, &status) == 0 ? 0 : errno;
	bool missing = error == ENOENT;
	const char *place = missing ? dirname(path) : path;
	if (error == ENOTDIR || (error == 0 && !S_ISDIR(status.st_mode))) {
		setting_lines_warn(lines, STORE, "directory", "%s is not a directory", path);
		return;
	}
	if (missing && stat(place, &status) != 0 && errno == ENOENT) {
		setting_lines_warn(lines, STORE, "directory",
		    "neither %s nor %s exists; create it, and give it to the user that runs dlrd",
		    settings->directory, place);
		return;
	}
	if (!service_user_may_write(&user, place, &why))
		setting_lines_warn(lines, STORE, "directory",
		    "%s%s: the user %s cannot write to it (%s); give it to the user that runs dlrd",
		    missing ? "does not exist, and cannot be created in " : "", place, user.name,
		    why.text);
}

/* --- addresses --- */

static void
check_addresses(const struct setting_checks *settings, struct slice section,
    const struct settings_list *addresses, struct setting_lines *lines)
{
	struct failure why;
	for (size_t i = 0; i < addresses->count; i++) {
		const char *address = addresses->items[i];
		enum result result = socket_try(slice_of(address), &why);
		if (result == RESULT_OK ||
		    (result == RESULT_BUSY && port_holder_is_ours(address, settings->directory)))
			continue;
		setting_lines_warn(lines, section, "listen", "%s", why.text);
	}
}

void
setting_checks_warn(const struct setting_checks *settings, struct setting_lines *lines)
{
	check_public_urls(settings, lines);
	check_addresses(settings, SERVER, settings->listen, lines);
	check_addresses(settings, SLICE("api"), settings->api_listen, lines);
	check_directory(settings, lines);
	check_secrets(settings, lines);
}
