/* ini: reads an INI file, line by line, through inih; the project's only door to it.
 *
 * It knows nothing of what sections and keys mean. Comments start with ; or # at the start of a
 * line, or with ; after white space behind a value. It is stricter than inih alone, which silently
 * cuts what is too long: a line of more than INI_LINE_MAX bytes, a NUL byte or a line that is
 * neither section, comment nor key = value is an error with its line number. A value may be a
 * secret, so no copy of one is left behind. One thread. */
#ifndef DLRD_BASE_INI_H
#define DLRD_BASE_INI_H

#include "dlrd/base/slice.h"

/* Debian's inih reads lines into 200 bytes, line break and NUL included. */
#define INI_LINE_MAX 197

/* Called for each [section] line, with an absent key and value, and for each key, in the file's
 * order. All three slices are good only during the call. Not RESULT_OK stops the reading; the
 * callback has then filled failure, without file and line. */
typedef enum result (*ini_key_fn)(void *context, struct slice section, struct slice key,
    struct slice value, int line, struct failure *failure);

/* Reads the file at path. failure->text comes back as "PATH:LINE: what is wrong", or "PATH: ..."
 * where the file cannot be read (RESULT_NOT_FOUND or RESULT_IO). */
must_check enum result ini_read_file(
    const char *path, ini_key_fn on_key, void *context, struct failure *failure);

#endif
