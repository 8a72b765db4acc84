/* setting_shared_keys: the sections [shared_key ID] of the configuration. Inside settings only. One
 * thread. */
#ifndef DLRD_DAEMON_SETTING_SHARED_KEYS_H
#define DLRD_DAEMON_SETTING_SHARED_KEYS_H

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

/* A section begins. A name that is no ID and a second section of one are told. */
must_check enum result setting_shared_key_begin(
    struct setting_shared_keys *keys, struct slice id, struct failure *failure);

/* The key of that section; NULL: a mistake in its name was told. */
struct setting_shared_key *setting_shared_key_of(struct setting_shared_keys *keys, struct slice id);

must_check enum result setting_shared_key_set_account(
    struct setting_shared_key *key, struct slice account, struct failure *failure);

/* Takes secret over, also on failure: one in the file and one in another file are one too many. */
must_check enum result setting_shared_key_set_secret(
    struct setting_shared_key *key, struct secret *secret, struct failure *failure);

/* Tells what is missing, and of accounts without a section. */
void setting_shared_keys_check(const struct setting_shared_keys *keys,
    const struct verifier *verifier, bool without_secrets, struct setting_lines *lines);

/* Moves the secrets into the verifier. */
must_check enum result setting_shared_keys_add(
    struct setting_shared_keys *keys, struct verifier *verifier);

/* Appends the sections as they would be written, without the secrets. */
void setting_shared_keys_print(const struct setting_shared_keys *keys, struct buffer *out);

void setting_shared_keys_done(struct setting_shared_keys *keys);

#endif
