/* provider_names: nicknames for those who send: accounts, messaging services and senders.
 *
 * A nickname may stand for any number of them, and one nickname may be for whatever has none. Which
 * of them counts where several fit is for who shows the figures to say. The list is filled while
 * the configuration is read and read-only then: any thread. It owns its texts. */
#ifndef DLRD_MODEL_PROVIDER_NAMES_H
#define DLRD_MODEL_PROVIDER_NAMES_H

#include "dlrd/base/slice.h"

#define PROVIDER_NICKNAME_MAX 64     /* bytes */
#define PROVIDER_NAMES_MAX 1024      /* entries */
#define PROVIDER_NAMES_OF_ONE_MAX 64 /* entries of one nickname, the default aside */

enum provider_kind {
	PROVIDER_ACCOUNT, /* AC... */
	PROVIDER_SERVICE, /* MG... */
	PROVIDER_SENDER,  /* a number, a short code or a name, as it stands in From or To */
	PROVIDER_DEFAULT, /* whatever no other entry names */
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
 * already, and for a second default; RESULT_LIMIT for too many. value is passed over for
 * PROVIDER_DEFAULT. */
must_check enum result provider_names_add(struct provider_names *names, struct slice nickname,
    enum provider_kind kind, struct slice value, struct failure *failure);

/* The entry of that kind and value, compared byte for byte; NULL for none. value is passed over for
 * PROVIDER_DEFAULT. */
const struct provider_name *provider_names_find(
    const struct provider_names *names, enum provider_kind kind, struct slice value);

/* How many entries the nickname has, the default aside. */
size_t provider_names_count(const struct provider_names *names, struct slice nickname);

void provider_names_done(struct provider_names *names);

#endif
