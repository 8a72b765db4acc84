/* token_file: reads a secret from the file that a configuration names.
 *
 * An absolute path is taken as it is. A bare name is one of systemd's credentials
 * ($CREDENTIALS_DIRECTORY, systemd.exec(5)), or, for a command that is run by hand, a file beside
 * the configuration. */
#ifndef DLRD_DAEMON_TOKEN_FILE_H
#define DLRD_DAEMON_TOKEN_FILE_H

#include "dlrd/twilio/signature.h"

/* The file must hold the token alone; white space around it is cut off. failure names the file. */
must_check enum result token_file_read(struct slice name, const char *config_path,
    struct secret **out_secret, struct failure *failure);

#endif
