/* setting_api: checks the section [api], and reads its tokens. Part of settings. One thread. */
#pragma once

#include "dlrd/daemon/setting_lines.h"
#include "dlrd/daemon/setting_list.h"
#include "dlrd/twilio/signature.h"

/* The settings that are checked; all borrowed. */
struct setting_api {
	const char *path; /* of the configuration */
	const struct settings_list *listen;
	const char *token_file, *reader_token_file; /* "" for none */
	bool mask_numbers;
	bool skip_secrets; /* the files of the tokens are not read */
};

/* Reads the tokens, NULL for none, and reports what cannot be right. */
void setting_api_check(const struct setting_api *settings, struct setting_lines *lines,
    struct secret **out_token, struct secret **out_reader_token);
