/* terminal: the whole window of a terminal, for a view that is drawn again and again.
 *
 * While it is open, the terminal shows its second screen, keys are not echoed, and the signals that
 * matter are delivered only in terminal_wait. It is given back as it was when the program ends, by
 * itself or by a signal, and while it is stopped (^Z). One for the process, one thread. */
#pragma once

#include "dlrd/base/slice.h"

/* Returns false if stdin and stdout are not a terminal that can do that. */
bool terminal_open(void);

enum terminal_event {
	TERMINAL_TIME,   /* nothing happened until then */
	TERMINAL_KEY,    /* *out_key */
	TERMINAL_REDRAW, /* the window has another size, or was taken away for a while */
	TERMINAL_END,    /* a signal asks to end, or the terminal is gone */
};

/* Waits for an event until the monotonic time until_us. */
enum terminal_event terminal_wait(int64_t until_us, char *out_key);

/* The size of the window. */
void terminal_size(int *out_columns, int *out_rows);

/* Writes to the terminal. Returns false if it is gone. */
bool terminal_write(struct slice text);

void terminal_close(void);
