/* error_catalogue: Twilio's error codes, what they mean and what to do, read from a CSV file.
 *
 * The catalogue is data: the shipped conf/error-codes.csv holds the columns code, name, kind,
 * permanence, action (name is Twilio's short title; the others are this project's classification).
 * A code that is not in it is shown as itself and never is an error. A copy of the shipped file
 * is built into the program, so that it needs none to start. The struct owns its text; read only
 * after loading, so any thread may use it. */
#ifndef DLRD_TWILIO_ERROR_CATALOGUE_H
#define DLRD_TWILIO_ERROR_CATALOGUE_H

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
	char *text; /* what the slices point into */
};

/* The catalogue that was built in. */
must_check enum result error_catalogue_load_built_in(
    struct error_catalogue *out_catalogue, struct failure *failure);

/* Reads the file. On failure (a missing file, a row without five cells, a code that is no number or
 * stands twice) failure names file and line. */
must_check enum result error_catalogue_load(
    const char *path, struct error_catalogue *out_catalogue, struct failure *failure);

/* Lays the rows of a second file over the catalogue: a new code is added, a cell that is not empty
 * takes the place of what is there. The same file format and the same failures as of
 * error_catalogue_load; the catalogue is then as it was. */
must_check enum result error_catalogue_overlay(
    struct error_catalogue *catalogue, const char *path, struct failure *failure);

/* NULL for an unknown code. */
const struct error_entry *error_catalogue_find(
    const struct error_catalogue *catalogue, int64_t code);

void error_catalogue_done(struct error_catalogue *catalogue);

#endif
