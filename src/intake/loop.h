/* loop: the one thread that serves all callback listeners.
 *
 * It polls libmicrohttpd's epoll descriptors and the eventfd that the journal's writer rings, lets
 * the library run, and closes connections that exceeded their deadline. */
#pragma once

/* The thread's function; context is the struct intake. Returns at the end of a drain. */
void *loop_run(void *context);
