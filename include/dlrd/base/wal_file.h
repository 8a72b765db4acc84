/* wal_file: looks at the write-ahead log of a SQLite database for changes by another program.
 *
 * SQLite does not notice that its log was removed, truncated or overwritten while it is open: what
 * it appends then is lost with the process. The caller looks before it relies on the log. Source of
 * the layout: sqlite.org/fileformat2.html, "The Write-Ahead Log".
 *
 * SQLite locks no log, so the descriptor of this module takes no lock away when it is closed.
 * Belongs to the thread that owns the connection. Nothing here logs. */
#ifndef DLRD_BASE_WAL_FILE_H
#define DLRD_BASE_WAL_FILE_H

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
	int fd; /* for reading and for reserving room; -1: there was no log at wal_file_open */
	struct stat opened;
};

enum wal_state {
	WAL_SOUND,
	WAL_REMOVED, /* or another file has its name: the connection still has all of it */
	WAL_CUT,     /* truncated or overwritten: what only the log had is lost */
};

/* database_path is copied. */
must_check enum result wal_file_init(
    struct wal_file *wal, const char *database_path, size_t page_size);

/* Remembers the log that the connection has open; to be called after its first write. */
void wal_file_open(struct wal_file *wal);

/* pages: frames that the log must hold; 0 if that is not known. Costs a stat(2). closely: also
 * reads the log's header and its last frame, which show that the log was overwritten. */
enum wal_state wal_file_look(const struct wal_file *wal, size_t pages, bool closely);

/* Bytes that the file of the log has now, however many frames are in use; 0 if there is none. */
uint64_t wal_file_bytes(const struct wal_file *wal);

/* Forgets the log; wal_file_open remembers another one. */
void wal_file_close(struct wal_file *wal);

/* Accepts a struct of zeros. */
void wal_file_done(struct wal_file *wal);

/* Bytes of a log with that many frames. */
off_t wal_file_size(const struct wal_file *wal, size_t pages);

#endif
