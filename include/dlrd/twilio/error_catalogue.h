/* error_catalogue: Twilio's error codes with their meaning and advice, read from a CSV file.
 *
 * The shipped conf/error-codes.csv has the columns code, name, kind, permanence, action (name is
 * Twilio's short title; the others are this project's classification). An unknown code is shown as
 * a number and is not an error. A copy of the shipped file is built into the program, so it can
 * start without the file. The struct owns its text and is read-only after loading; any thread. */
#pragma once

#include "dlrd/base/slice.h"

struct error_entry {
	int64_t code;
	struct slice name;       /* "Unknown destination handset" */
	struct slice kind;       /* handset, consent, carrier, webhook ... */
	struct slice permanence; /* permanent, transient, unknown */
	struct slice action;     /* a sentence for the campaign's owner */
};

struct error_catalogue {
	struct error_entry *entries; /* sorted by code */
	size_t count;
	char *text; /* memory of the slices */
};

/* Loads the built-in catalogue. */
must_check enum result error_catalogue_load_built_in(
    struct error_catalogue *out_catalogue, struct failure *failure);

/* Reads the file. On failure (a missing file, a row without five cells, a code that is not a number
 * or a duplicate) failure names file and line. */
must_check enum result error_catalogue_load(
    const char *path, struct error_catalogue *out_catalogue, struct failure *failure);

/* Merges a second file into the catalogue: adds new codes, and replaces the cells of known codes
 * except with empty cells. Format and failures are those of error_catalogue_load. On failure the
 * catalogue is unchanged. */
must_check enum result error_catalogue_overlay(
    struct error_catalogue *catalogue, const char *path, struct failure *failure);

/* Returns NULL for an unknown code. */
const struct error_entry *error_catalogue_find(
    const struct error_catalogue *catalogue, int64_t code);

void error_catalogue_done(struct error_catalogue *catalogue);
