/* disk: why files in a folder cannot be written, in the words of the system.
 *
 * SQLite reports "disk I/O error" or "unable to open database file" for most of them. */
#ifndef DLRD_BASE_DISK_H
#define DLRD_BASE_DISK_H

/* The reason that can be seen now why the file at path, or a new file next to it, cannot be
 * written: "No space left on device", "Read-only file system", "Permission denied" …; NULL if there
 * is none. Static text. */
const char *disk_trouble(const char *path);

#endif
