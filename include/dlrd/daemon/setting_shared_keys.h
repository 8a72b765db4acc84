/* setting_shared_keys: the sections [shared_key ID] of the configuration. Part of settings. One
 * thread. */
#pragma once

#include "dlrd/daemon/setting_lines.h"
#include "dlrd/twilio/verifier.h"

struct setting_shared_key {
	char *id;
	char *account;         /* NULL until its key is read */
	struct secret *secret; /* NULL until its key is read, and again once the verifier has it */
	bool has_secret;
};

/* Zero-initialise. */
struct setting_shared_keys {
	struct setting_shared_key items[SHARED_KEYS_MAX];
	size_t count;
};

struct setting_secrets;

/* Takes one key of a section; with an absent key, begins the section. */
must_check enum result setting_shared_key_key(struct setting_shared_keys *keys,
    struct setting_secrets *secrets, struct slice id, struct slice key, struct slice value,
    struct failure *failure);

/* Reports missing keys, and accounts without a section. */
void setting_shared_keys_check(const struct setting_shared_keys *keys,
    const struct verifier *verifier, bool without_secrets, struct setting_lines *lines);

/* Moves the secrets into the verifier. */
must_check enum result setting_shared_keys_add(
    struct setting_shared_keys *keys, struct verifier *verifier);

/* Appends the sections as they would be written, without the secrets. */
void setting_shared_keys_print(const struct setting_shared_keys *keys, struct buffer *out);

void setting_shared_keys_done(struct setting_shared_keys *keys);
