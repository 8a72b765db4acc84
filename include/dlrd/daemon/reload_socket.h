/* reload_socket: how `dlrd reload` asks the running daemon to re-read its configuration, and learns
 * whether it did.
 *
 * The daemon listens on a unix socket in Linux's abstract namespace (unix(7)), whose name is made
 * of the device and inode of the store's directory: no file, nothing to remove after a crash, no
 * limit on the length of a path. To connect is to ask: the daemon reads nothing from the
 * connection. It answers with one line, "reloaded" or "refused", followed by the lines that explain
 * it, and closes the connection. A signal could ask as well, but it brings no answer, and
 * `systemctl reload` must fail when the configuration is not valid.
 *
 * Any local process can connect to such a socket or take its name. So the daemon answers only its
 * own user and root, and the caller believes only the process that holds the directory's lock.
 *
 * The functions of the daemon are for its main thread; none of them waits for the client. */
#pragma once

#include "dlrd/base/buffer.h"
#include "dlrd/base/result.h"

/* Calls of `dlrd reload` that wait, and that one reload answers. */
#define RELOAD_CLIENTS_MAX 16

/* Opens the non-blocking listening socket of directory. The caller closes *out_fd. */
must_check enum result reload_socket_open(
    const char *directory, int *out_fd, struct failure *failure);

/* The next connection of a process that may ask, for reload_socket_answer; -1 if none waits. */
int reload_socket_accept(int fd);

/* Answers and closes client_fd. text: lines, each ended by '\n', borrowed for the call. */
void reload_socket_answer(int client_fd, bool reloaded, struct slice text);

/* Asks the daemon that works in directory, and waits until it has answered, timeout_us microseconds
 * at most. On RESULT_OK *out_reloaded says what it did and the lines that explain it are appended
 * to out_text. RESULT_NOT_FOUND if no daemon works there. */
must_check enum result reload_socket_ask(const char *directory, int64_t timeout_us,
    bool *out_reloaded, struct buffer *out_text, struct failure *failure);
