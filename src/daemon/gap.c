#define _DEFAULT_SOURCE /* fchown */
#include "dlrd/daemon/gap.h"

#include "dlrd/base/disk.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* A line of the file: FIRST LAST FOUND ACCEPTED REASON. */
static bool
read_line(const char *line, struct gap *out)
{
	int accepted, start = 0;
	struct gap gap = {.first = 0};
	if (sscanf(line, "%" SCNu64 " %" SCNu64 " %" SCNd64 " %d %n", &gap.first, &gap.last,
		&gap.found_us, &accepted, &start) != 4 ||
	    start == 0 || gap.first == 0 || (accepted != 0 && accepted != 1))
		return false;
	gap.accepted = accepted == 1;
	snprintf(
	    gap.reason, sizeof gap.reason, "%.*s", (int)strcspn(line + start, "\n"), line + start);
	*out = gap;
	return true;
}

enum result
gaps_read(const char *directory, struct gaps *out_gaps, struct failure *failure)
{
	char path[4096], line[512];
	struct gaps gaps = {.count = 0};
	snprintf(path, sizeof path, "%s/" GAPS_FILE, directory);
	FILE *file = disk_open_file(path);
	if (file == NULL && errno == ENOENT) {
		*out_gaps = gaps;
		return RESULT_OK;
	}
	if (file == NULL)
		return failure_set(failure, RESULT_IO, "%s: %s", path, strerror(errno));

	enum result result = RESULT_OK;
	while (
	    result == RESULT_OK && gaps.count < GAPS_MAX && fgets(line, sizeof line, file) != NULL)
		if (!read_line(line, &gaps.items[gaps.count++]))
			result = failure_set(failure, RESULT_CORRUPT,
			    "%s:%zu: is not a gap; move the file away", path, gaps.count);
	if (result == RESULT_OK && ferror(file))
		result = failure_set(failure, RESULT_IO, "%s: %s", path, strerror(errno));
	fclose(file);
	if (result == RESULT_OK)
		*out_gaps = gaps;
	return result;
}

static bool
write_lines(FILE *file, const struct gaps *gaps)
{
	for (size_t i = 0; i < gaps->count; i++) {
		const struct gap *gap = &gaps->items[i];
		if (fprintf(file, "%" PRIu64 " %" PRIu64 " %" PRId64 " %d %s\n", gap->first,
			gap->last, gap->found_us, gap->accepted, gap->reason) < 0)
			return false;
	}
	return fflush(file) == 0 && fsync(fileno(file)) == 0;
}

/* The directory is the daemon's user's, and root writes here as well: nothing that has the name
 * already may be followed or kept. */
static FILE *
create(const char *path)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0640);
	FILE *file = fd < 0 ? NULL : fdopen(fd, "w");
	if (fd >= 0 && file == NULL)
		close(fd);
	return file;
}

/* What root wrote, the daemon's user must be able to read. */
static bool
keep_owner(FILE *file, const char *directory)
{
	struct stat before;
	return geteuid() != 0 || (stat(directory, &before) == 0 &&
				     fchown(fileno(file), before.st_uid, before.st_gid) == 0);
}

enum result
gaps_write(const char *directory, const struct gaps *gaps, struct failure *failure)
{
	char path[4096], new_path[4096 + 32];
	snprintf(path, sizeof path, "%s/" GAPS_FILE, directory);
	snprintf(new_path, sizeof new_path, "%s.%ld", path, (long)getpid());
	unlink(new_path);
	FILE *file = create(new_path);
	bool written = file != NULL && keep_owner(file, directory) && write_lines(file, gaps);
	int error = errno;
	if (file != NULL && fclose(file) != 0 && written) {
		error = errno;
		written = false;
	}
	if (written && rename(new_path, path) != 0) {
		error = errno;
		written = false;
	}
	if (written)
		return RESULT_OK;
	unlink(new_path);
	return failure_set(failure, error == ENOSPC ? RESULT_FULL : RESULT_IO,
	    "cannot write %s: %s", path, strerror(error));
}

/* Makes room by forgetting the oldest gap that was accepted. */
static void
drop_accepted(struct gaps *gaps)
{
	size_t i = 0;
	while (i < gaps->count && !gaps->items[i].accepted)
		i++;
	if (i == gaps->count)
		return;
	gaps->count--;
	memmove(&gaps->items[i], &gaps->items[i + 1], (gaps->count - i) * sizeof gaps->items[0]);
}

bool
gaps_add(struct gaps *gaps, const struct gap *gap)
{
	for (size_t i = 0; i < gaps->count; i++)
		if (!gaps->items[i].accepted && gaps->items[i].first == gap->first &&
		    gaps->items[i].last == gap->last &&
		    strcmp(gaps->items[i].reason, gap->reason) == 0)
			return false;
	if (gaps->count == GAPS_MAX)
		drop_accepted(gaps);
	if (gaps->count < GAPS_MAX)
		gaps->items[gaps->count++] = *gap;
	return true; /* new in any case: the log has it */
}

struct gap_summary
gaps_summarise(const struct gaps *gaps)
{
	struct gap_summary summary = {.count = 0};
	bool open_ended = false;
	for (size_t i = 0; i < gaps->count; i++) {
		const struct gap *gap = &gaps->items[i];
		if (gap->accepted)
			continue;
		if (summary.count++ == 0 || gap->first < summary.first)
			summary.first = gap->first;
		open_ended = open_ended || gap->last == 0;
		summary.last = gap->last > summary.last ? gap->last : summary.last;
		summary.entries += gap->last == 0 ? 0 : gap->last - gap->first + 1;
	}
	if (open_ended)
		summary.last = 0;
	return summary;
}

void
gap_describe(const struct gap *gap, struct buffer *out)
{
	if (gap->last == 0)
		buffer_appendf(
		    out, "journal entries from %" PRIu64 " on may be missing: ", gap->first);
	else
		buffer_appendf(out,
		    "journal entries %" PRIu64 " to %" PRIu64 " (%" PRIu64 ") are missing: ",
		    gap->first, gap->last, gap->last - gap->first + 1);
	buffer_append_visible(out, slice_of(gap->reason));
}
