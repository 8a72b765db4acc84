/* simulate_options: the command line of "dlrd simulate". Pure. */
#pragma once

#include "dlrd/cli/cli.h"

#include <stdint.h>

/* Texts are borrowed from the command line; NULL for none. */
struct simulate_options {
	const char *config, *target, *account, *path, *query, *campaign, *mix, *ledger, *undo;
	int64_t count, connections, rate, duration_s, reconnect_s, wait_s, seed;
	int64_t shuffle, duplicates, replies, forged; /* percent */
	bool check, check_only, json, yes;
};

/* Reads and checks the words of the command line. Returns false if the command must end with
 * *out_status, after reporting a wrong option. */
bool simulate_options_read(const struct cli_command *command, int count, char **words,
    struct simulate_options *out_options, int *out_status);
