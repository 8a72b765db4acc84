/* setting_types: how one value of the configuration is read, checked and written.
 *
 * A row's field is the place in struct settings that the value goes to; its C type is the type's.
 */
#pragma once

#include "dlrd/base/buffer.h"

enum setting_type {
	SETTING_ADDRESSES, /* struct settings_list of addresses to listen on */
	SETTING_URLS,      /* struct settings_list of public URLs */
	SETTING_PEERS,     /* struct settings_list of addresses and networks */
	SETTING_TEXT,      /* char *, any text */
	SETTING_PATH,      /* char *, an absolute path */
	SETTING_COUNT,     /* int64_t */
	SETTING_BYTES,     /* int64_t; "256k", "16M", "4G" */
	SETTING_DURATION,  /* int64_t microseconds; "500ms", "10s", "5m", "12h", "7d" */
	SETTING_POLICY,    /* enum conflict_policy */
	SETTING_LEVEL,     /* enum log_level */
	SETTING_FLAG,      /* bool; yes or no */
	SETTING_COUNTRY,   /* int64_t, a telephone country code; "" is 0 */
};

struct setting {
	const char *section, *key;
	enum setting_type type;
	size_t offset;        /* of the field in struct settings */
	const char *fallback; /* the default, as it would be written */
	int64_t min, max;     /* for numbers, in the field's unit */
	bool fixed;           /* taken at the start alone, not at a reload */
};

/* Reads text into field, freeing what it held. failure says what is wrong and what would be right.
 */
must_check enum result setting_read(
    const struct setting *setting, struct slice text, void *field, struct failure *failure);

/* Appends the field's value as it would be written. */
void setting_write(const struct setting *setting, const void *field, struct buffer *out);

/* Whether text is a SID of that prefix: AC, MG, and 32 hexadecimal digits. */
bool setting_is_sid(struct slice text, struct slice prefix);

/* Frees what the field holds. */
void setting_done(const struct setting *setting, void *field);
