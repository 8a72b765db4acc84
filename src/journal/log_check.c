#define _DEFAULT_SOURCE /* be32toh */
#include "log_check.h"

#include "dlrd/base/disk.h"

#include <endian.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define HEADER_LEN 32
#define FRAME_HEADER_LEN 24
#define CHECKSUMMED_HEADER_LEN 24
#define CHECKSUMMED_FRAME_LEN 8
#define MAGIC 0x377f0682u /* with 1 added if checksums read words as big-endian */
#define PAGE_SIZE_MAX 65536u
#define COPIES_MAX 9 /* of damaged logs, so that they do not fill the disk */

struct log {
	FILE *file;
	bool big_endian;
	size_t page_size;
	unsigned char salts[8];
	uint32_t sums[2]; /* up to here */
	unsigned char *page;
};

static uint32_t
number_at(const unsigned char *bytes)
{
	uint32_t number;
	memcpy(&number, bytes, sizeof number);
	return be32toh(number);
}

/* Continues the checksum, which the format computes over pairs of words. */
static void
add_to_sums(struct log *log, const unsigned char *bytes, size_t len)
{
	for (size_t at = 0; at < len; at += 8) {
		uint32_t words[2];
		memcpy(words, bytes + at, sizeof words);
		for (size_t i = 0; i < 2; i++) {
			uint32_t word = log->big_endian ? be32toh(words[i]) : le32toh(words[i]);
			log->sums[i] += word + log->sums[1 - i];
		}
	}
}

static bool
is_zero(const unsigned char *bytes, size_t len)
{
	while (len > 0 && bytes[len - 1] == 0)
		len--;
	return len == 0;
}

/* SQLite syncs the header before the frames after it, so frames after zeros are damage. */
static bool
rest_is_zero(FILE *file)
{
	unsigned char bytes[65536];
	for (size_t len; (len = fread(bytes, 1, sizeof bytes, file)) > 0;)
		if (!is_zero(bytes, len))
			return false;
	return true;
}

/* Reads the header into log. Returns whether it is valid. */
static bool
take_header(struct log *log, const unsigned char *header)
{
	uint32_t magic = number_at(header);
	log->page_size = number_at(header + 8);
	log->big_endian = (magic & 1) != 0;
	memcpy(log->salts, header + 16, sizeof log->salts);
	if ((magic & ~1u) != MAGIC || log->page_size < 512 || log->page_size > PAGE_SIZE_MAX ||
	    (log->page_size & (log->page_size - 1)) != 0)
		return false;
	add_to_sums(log, header, CHECKSUMMED_HEADER_LEN);
	return log->sums[0] == number_at(header + 24) && log->sums[1] == number_at(header + 28);
}

static bool
is_valid(struct log *log, const unsigned char *frame)
{
	if (number_at(frame) == 0)
		return false;
	add_to_sums(log, frame, CHECKSUMMED_FRAME_LEN);
	add_to_sums(log, log->page, log->page_size);
	return log->sums[0] == number_at(frame + 16) && log->sums[1] == number_at(frame + 20);
}

/* Counts valid frames and lost transactions. Frames from before the last reset of the log have
 * other salts; they are no loss. */
static void
walk(struct log *log, struct log_check *check)
{
	unsigned char frame[FRAME_HEADER_LEN];
	bool valid = true;
	while (fread(frame, 1, sizeof frame, log->file) == sizeof frame &&
	       fread(log->page, 1, log->page_size, log->file) == log->page_size) {
		bool same_round = memcmp(frame + 8, log->salts, sizeof log->salts) == 0;
		valid = valid && same_round && is_valid(log, frame);
		bool commits = number_at(frame + 4) != 0;
		if (valid)
			check->valid_frames++;
		else if (same_round && commits)
			check->commits_behind++;
	}

	/* One is the torn end: a transaction begins only after the one before it was synced, so a
	 * power cut leaves at most one incomplete. */
	check->damaged = check->commits_behind > 1;
}

static enum result
check_file(FILE *file, struct log_check *out_check)
{
	unsigned char header[HEADER_LEN] = {0};
	struct log log = {.file = file};
	struct log_check check = {.damaged = false};
	size_t len = fread(header, 1, sizeof header, file);
	if (ferror(file))
		return RESULT_IO;
	if (is_zero(header, len)) {
		check.damaged = !rest_is_zero(file);
	} else {
		check.damaged = len == sizeof header && !take_header(&log, header);
		log.page = check.damaged || len < sizeof header ? NULL : malloc(log.page_size);
		if (log.page != NULL)
			walk(&log, &check);
		free(log.page);
	}
	if (ferror(file))
		return RESULT_IO;

	*out_check = check;
	return RESULT_OK;
}

enum result
log_check(const char *path, struct log_check *out_check)
{
	FILE *file = disk_open_file(path);
	if (file == NULL && errno == ENOENT) {
		*out_check = (struct log_check){.damaged = false};
		return RESULT_OK;
	}
	if (file == NULL)
		return RESULT_IO;

	enum result result = check_file(file, out_check);
	fclose(file);
	return result;
}

/* PATH.damaged, PATH.damaged.2 and so on: the first that is free. */
static FILE *
open_copy(const char *path, char *out_name, size_t size)
{
	FILE *to = NULL;
	for (int number = 1; to == NULL && number <= COPIES_MAX; number++) {
		if (number == 1)
			snprintf(out_name, size, "%s.damaged", path);
		else
			snprintf(out_name, size, "%s.damaged.%d", path, number);
		to = fopen(out_name, "wxe");
		if (to == NULL && errno != EEXIST)
			break;
	}

	return to;
}

enum result
log_check_keep(const char *path)
{
	char name[4096 + 16], bytes[65536];
	FILE *from = disk_open_file(path);
	FILE *to = from == NULL ? NULL : open_copy(path, name, sizeof name);
	bool whole = to != NULL;
	for (size_t len; whole && (len = fread(bytes, 1, sizeof bytes, from)) > 0;)
		whole = fwrite(bytes, 1, len, to) == len;
	whole = whole && !ferror(from) && fflush(to) == 0 && fsync(fileno(to)) == 0;
	if (from != NULL)
		fclose(from);
	if (to != NULL)
		fclose(to);
	if (to != NULL && !whole)
		unlink(name);

	return whole ? RESULT_OK : RESULT_IO;
}
