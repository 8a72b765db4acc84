/* reload_socket: how `dlrd reload` asks the running daemon to re-read its configuration, and learns
 * whether it did.
 *
 * The daemon listens on the unix socket reload.sock in the store's directory. To connect is to ask:
 * the daemon reads nothing from the connection. It answers with one line, "reloaded" or "refused",
 * followed by the lines that explain it, and closes the connection. A signal could ask as well, but it
 * brings no answer, and `systemctl reload` must fail when the configuration is not valid. Only the
 * owner of the socket, and root, may connect.
 *
 * The functions of the daemon are for its main thread; none of them waits for the client. */
#ifndef DLRD_DAEMON_RELOAD_SOCKET_H
#define DLRD_DAEMON_RELOAD_SOCKET_H

#include "dlrd/base/buffer.h"
#include "dlrd/base/result.h"

/* Opens the non-blocking listening socket in directory, in place of one that an earlier daemon left.
 * The caller holds the directory's lock, and closes *out_fd with reload_socket_close. */
must_check enum result reload_socket_open(
    const char *directory, int *out_fd, struct failure *failure);

/* The next connection that waits, for reload_socket_answer; -1 if there is none. */
int reload_socket_accept(int fd);

/* Answers and closes client_fd. text: lines, each ended by '\n', borrowed for the call. */
void reload_socket_answer(int client_fd, bool reloaded, struct slice text);

/* Closes fd, if it is not -1, and removes the socket's file. */
void reload_socket_close(const char *directory, int fd);

/* Asks the daemon that works in directory, and waits until it has answered, timeout_us microseconds at
 * most. On RESULT_OK *out_reloaded says what it did and the lines that explain it are appended to
 * out_text. RESULT_NOT_FOUND if no daemon listens there. */
must_check enum result reload_socket_ask(const char *directory, int64_t timeout_us,
    bool *out_reloaded, struct buffer *out_text, struct failure *failure);

#endif
