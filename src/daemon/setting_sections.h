/* setting_sections: the keys of [callback /path] and [provider NAME]. There may be any number of
 * such sections.
 *
 * settings.c records the line of each key and rejects duplicates. Each function that takes a key is
 * called with an absent key and value when the section begins. One thread. */
#pragma once

#include "dlrd/base/buffer.h"
#include "dlrd/model/provider_names.h"
#include "dlrd/request/route.h"

/* AC and 32 hexadecimal digits; the message is for any other text. */
bool setting_is_account_sid(struct slice sid);
#define SETTING_BAD_ACCOUNT "\"%.*s\" is not an account SID; write AC and 32 hexadecimal digits"

must_check enum result setting_callback_key(struct routes *routes, struct slice path,
    struct slice key, struct slice value, struct failure *failure);

/* Adds the routes of a configuration without a [callback ...] section. */
must_check enum result setting_default_callbacks(struct routes *routes);

must_check enum result setting_provider_key(struct provider_names *providers, struct slice name,
    struct slice key, struct slice value, struct failure *failure);

/* Append the sections as they would be written. */
void setting_callbacks_print(const struct routes *routes, struct buffer *out);
void setting_providers_print(const struct provider_names *providers, struct buffer *out);
