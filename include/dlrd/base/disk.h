/* disk: files that are read, and the system's reason why those of a database cannot be opened or
 * written.
 *
 * SQLite reports only "disk I/O error" or "unable to open database file" for most reasons. */
#pragma once

#include <stdbool.h>
#include <stdio.h>

#define DISK_TROUBLE_SIZE 256

/* Looks for a reason why the database at path, its log or the index of its log cannot be opened for
 * writing now: "No space left on device", "Read-only file system", "NAME: Permission denied" …
 * Returns false if it finds no reason. */
bool disk_trouble(const char *path, char out_text[DISK_TROUBLE_SIZE]);

/* Opens a regular file for reading. Returns NULL, with errno set, for anything else: opening a FIFO
 * would wait for its other end. */
FILE *disk_open_file(const char *path);
