/* provider_names: nicknames of accounts, messaging services and senders.
 *
 * A nickname may be given to any number of them, and one nickname may be the default for all
 * others. If several fit, the caller that shows the figures decides. The list is filled while the
 * configuration is read and read-only then: any thread. It owns its texts. */
#pragma once

#include "dlrd/base/slice.h"

#define PROVIDER_NICKNAME_MAX 64     /* bytes */
#define PROVIDER_NAMES_MAX 1024      /* entries */
#define PROVIDER_NAMES_OF_ONE_MAX 64 /* entries of one nickname, the default aside */

enum provider_kind {
	PROVIDER_ACCOUNT, /* AC... */
	PROVIDER_SERVICE, /* MG... */
	PROVIDER_SENDER,  /* a number, a short code or a name, as in From or To */
	PROVIDER_DEFAULT, /* every provider that no other entry names */
};

struct provider_name {
	char *nickname;
	enum provider_kind kind;
	char *value; /* "" for PROVIDER_DEFAULT */
};

struct provider_names {
	struct provider_name *items; /* in the order of adding */
	size_t count;
};

/* RESULT_OK for a nickname of 1 to PROVIDER_NICKNAME_MAX bytes of printable UTF-8, otherwise
 * RESULT_INVALID with failure. */
must_check enum result provider_nickname_check(struct slice nickname, struct failure *failure);

/* Adds an entry. RESULT_INVALID, with failure, for a value that is empty, not printable or named
 * already, and for a second default; RESULT_LIMIT for too many. value is ignored for
 * PROVIDER_DEFAULT. */
must_check enum result provider_names_add(struct provider_names *names, struct slice nickname,
    enum provider_kind kind, struct slice value, struct failure *failure);

/* Returns the entry of that kind and value, compared byte for byte; NULL if there is no such entry.
 * value is ignored for PROVIDER_DEFAULT. */
const struct provider_name *provider_names_find(
    const struct provider_names *names, enum provider_kind kind, struct slice value);

/* Returns the number of entries of the nickname, the default aside. */
size_t provider_names_count(const struct provider_names *names, struct slice nickname);

void provider_names_done(struct provider_names *names);
