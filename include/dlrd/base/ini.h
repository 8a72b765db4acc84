/* ini: reads an INI file, line by line, through inih; the project's only door to it.
 *
 * The meaning of sections and keys is the caller's. Comments start with ; or # at the start of a
 * line, or with ; after a value and white space. The module is stricter than inih, which silently
 * cuts long lines. A line of more than INI_LINE_MAX bytes, a NUL byte, and a line that is neither
 * section, comment nor key = value are errors, reported with their line number. Values may be
 * secrets, so all copies are wiped. One thread. */
#pragma once

#include "dlrd/base/slice.h"

/* Bytes of a line without white space at its ends: room for long lists of words, and for URLs. */
#define INI_LINE_MAX 4000

/* Called for each [section] line, with an absent key and value, and for each key, in the file's
 * order. All three slices are valid only during the call. */
typedef void (*ini_key_fn)(
    void *context, struct slice section, struct slice key, struct slice value, int line);

/* Reads the file at path. Fills failure with "PATH:LINE: reason", or with "PATH: ..." if the file
 * cannot be read (RESULT_NOT_FOUND or RESULT_IO). */
must_check enum result ini_read_file(
    const char *path, ini_key_fn on_key, void *context, struct failure *failure);
