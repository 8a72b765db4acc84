/* wal_file: checks the write-ahead log of a SQLite database for changes by another program.
 *
 * SQLite does not notice if its log is removed, truncated or overwritten while it is open; commits
 * after that are lost when the process ends. The caller checks before it relies on the log. Source
 * of the layout: sqlite.org/fileformat2.html, "The Write-Ahead Log".
 *
 * SQLite takes no locks on the log, so closing this module's descriptor releases none. A struct
 * wal_file belongs to the thread that owns the connection. Nothing here logs. */
#pragma once

#include "dlrd/base/result.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

#define WAL_HEADER_LEN 32
#define WAL_FRAME_HEADER_LEN 24

struct wal_file {
	char *path;
	size_t page_size;
	int fd; /* to read and to reserve room; -1: wal_file_open found no log */
	struct stat opened;
};

enum wal_state {
	WAL_SOUND,
	WAL_REMOVED, /* or another file has its name; the connection still has the log */
	WAL_CUT,     /* truncated or overwritten; data that only the log had is lost */
};

/* database_path is copied. */
must_check enum result wal_file_init(
    struct wal_file *wal, const char *database_path, size_t page_size);

/* Remembers the connection's log. To be called after the connection's first write. */
void wal_file_open(struct wal_file *wal);

/* Checks the log. pages: frames that the log must have; 0 if that is not known. closely: also reads
 * the header and the last frame, which show whether the log was overwritten. Costs a statx(2) and,
 * if closely, two reads. */
enum wal_state wal_file_look(const struct wal_file *wal, size_t pages, bool closely);

/* Returns the size of the log's file, whether its frames are in use or not; 0 if there is no log.
 */
uint64_t wal_file_bytes(const struct wal_file *wal);

/* Forgets the log. wal_file_open may follow. */
void wal_file_close(struct wal_file *wal);

/* Accepts a struct of zeros. */
void wal_file_done(struct wal_file *wal);

/* Returns the bytes of a log with that many frames. */
off_t wal_file_size(const struct wal_file *wal, size_t pages);
