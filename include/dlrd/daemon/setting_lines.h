/* setting_lines: the line of each key of the configuration, and the list of mistakes in it. Part of
 * settings. One thread. */
#pragma once

#include "dlrd/base/buffer.h"
#include "dlrd/base/result.h"

#define SETTING_LINES_MAX 4096  /* keys and sections in a file */
#define SETTING_PROBLEMS_MAX 50 /* more are not useful at once */

struct setting_line {
	char *name; /* "section\nkey"; "section\n" for a section's first line */
	int line;
	bool has_problem; /* of a section: a mistake in it was reported */
};

/* Zero-initialise but for path and problems, which are borrowed. */
struct setting_lines {
	const char *path;        /* the file's */
	struct buffer *problems; /* a line for each */
	bool checks;             /* for check-config: warns, and each doubt is a mistake */
	bool failed;             /* there is a mistake */
	size_t problem_count;    /* how many; the first SETTING_PROBLEMS_MAX are in problems */
	struct buffer warnings;  /* a line for each; they follow the problems */
	size_t warning_count;
	bool ended; /* a limit of the configuration was reached: nothing more is read */
	struct setting_line seen[SETTING_LINES_MAX];
	size_t seen_count;
};

/* Returns the line of a key, or of its section (key ""); NULL if it is not noted. Valid until the
 * next setting_lines_note. */
struct setting_line *setting_lines_find(
    struct setting_lines *lines, struct slice section, const char *key);

/* Notes a key, or if key is absent the beginning of its section. RESULT_INVALID for a duplicate
 * key. */
must_check enum result setting_lines_note(struct setting_lines *lines, struct slice section,
    struct slice key, int line, struct failure *failure);

/* Appends a line FILE:LINE: [section] key: failure. Line 0, an absent section and an absent key are
 * left out. */
void setting_lines_add_problem(struct setting_lines *lines, int line, struct slice section,
    struct slice key, const struct failure *failure);

/* The same for the formatted text, and the line of the key, or of its section if the key is not
 * noted or NULL. */
void setting_lines_report(struct setting_lines *lines, struct slice section, const char *key,
    const char *format, ...) printf_like(4, 5);

/* A setting that is probably a mistake: "warning: " precedes the text, and the configuration can be
 * loaded. For check-config alone: does nothing unless checks is set. */
void setting_lines_warn(struct setting_lines *lines, struct slice section, const char *key,
    const char *format, ...) printf_like(4, 5);
void setting_lines_warn_at(struct setting_lines *lines, int line, struct slice section,
    struct slice key, const struct failure *text);

/* A setting that is wrong, and with which dlrd can run all the same: a daemon that does not start
 * loses callbacks. A mistake for check-config, and a warning for the daemon, which logs it. */
void setting_lines_doubt(struct setting_lines *lines, struct slice section, const char *key,
    const char *format, ...) printf_like(4, 5);
void setting_lines_doubt_at(struct setting_lines *lines, int line, struct slice section,
    struct slice key, const struct failure *text);

/* Adds how many problems were left out, if any were, and the warnings. */
void setting_lines_end_problems(struct setting_lines *lines);

/* Returns the next section of that kind without a mistake, from *i on; absent after the last. */
struct slice setting_lines_next_sound(
    const struct setting_lines *lines, struct slice word, size_t *i);

void setting_lines_done(struct setting_lines *lines);
