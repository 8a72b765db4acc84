#include "setting_api.h"

#include "dlrd/base/socket.h"
#include "dlrd/daemon/token_file.h"

#define API SLICE("api")

static void
read_token(const struct setting_api *settings, const char *key, const char *file,
    struct setting_lines *lines, struct secret **out_token)
{
	struct failure why;
	if (file[0] != '\0' && !settings->skip_secrets &&
	    token_file_read(slice_of(file), settings->path, out_token, &why) != RESULT_OK)
		setting_lines_report(lines, API, key, "%s", why.text);
}

static void
check_effects(const struct setting_api *settings, struct setting_lines *lines)
{
	bool has_reader = settings->reader_token_file[0] != '\0';
	if (has_reader && settings->token_file[0] == '\0')
		setting_lines_report(lines, API, "reader_token_file",
		    "has no effect without token_file: everyone may ask and act; add token_file");
	if (settings->mask_numbers && !has_reader)
		setting_lines_report(lines, API, "mask_numbers",
		    "has no effect without reader_token_file: numbers are masked for its token "
		    "only; add reader_token_file");
}

/* The api shows phone numbers and texts, so an address that other machines reach needs a token. */
static void
check_addresses(const struct setting_api *settings, struct setting_lines *lines)
{
	for (size_t i = 0; i < settings->listen->count && settings->token_file[0] == '\0'; i++) {
		const char *address = settings->listen->items[i];
		struct socket_address read;
		if (socket_address_read(slice_of(address), &read, NULL) == RESULT_OK &&
		    !socket_is_loopback((const struct sockaddr *)&read.address))
			setting_lines_report(lines, API, "listen",
			    "%s is not a loopback address, and the api would answer every machine "
			    "that reaches it; add [api] token_file, or listen on 127.0.0.1",
			    address);
	}
}

void
setting_api_check(const struct setting_api *settings, struct setting_lines *lines,
    struct secret **out_token, struct secret **out_reader_token)
{
	*out_token = *out_reader_token = NULL;
	read_token(settings, "token_file", settings->token_file, lines, out_token);
	read_token(
	    settings, "reader_token_file", settings->reader_token_file, lines, out_reader_token);
	if (*out_token != NULL && *out_reader_token != NULL &&
	    secret_equal(*out_token, secret_text(*out_reader_token)))
		setting_lines_report(lines, API, "reader_token_file",
		    "has the same token as token_file, and would act, too; make another one, for "
		    "example with: openssl rand -hex 32");
	check_effects(settings, lines);
	check_addresses(settings, lines);
}
