/* token_file: reads a secret from a file, and rejects texts that cannot be a token.
 *
 * An absolute path is taken as it is. A bare name is one of systemd's credentials
 * ($CREDENTIALS_DIRECTORY, systemd.exec(5)), or, for a command that is run by hand, a file next
 * to the configuration. No copy but the secret is left, and no failure contains any part of it.
 * Any thread. */
#pragma once

#include "dlrd/twilio/signature.h"

/* A kind of secret, in the words of a message. */
struct token_words {
	const char *what;     /* "the account's Auth Token, 32 characters" */
	const char *file_key; /* the key that names a file which holds it */
};

/* RESULT_INVALID for a text that cannot be such a secret: a reference to an environment variable,
 * which dlrd does not resolve; quotes; NAME=VALUE; white space; bytes beyond ASCII. Any other text
 * is accepted, since Twilio may change the form of its tokens. failure continues a sentence that
 * begins with the name of a key or file. */
must_check enum result token_check(
    struct slice text, const struct token_words *words, struct failure *failure);

/* The file must hold the token alone; white space around it is cut off. failure names the file. */
must_check enum result token_file_read(struct slice name, const char *config_path,
    struct secret **out_secret, struct failure *failure);

/* Whether each user of the machine may read the file, and what to do then. */
bool token_file_is_exposed(struct slice name, const char *config_path);
#define TOKEN_FILE_EXPOSED "all users can read this file, which holds a secret; chmod o-r it"

/* The same as token_file_read from an open file, to its end; path is its name for failure. */
must_check enum result token_read(
    int fd, const char *path, struct secret **out_secret, struct failure *failure);
