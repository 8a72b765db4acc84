/* simulate_undo: removes what a simulation added to the store. One thread. */
#pragma once

#include "dlrd/cli/cli.h"

/* Removes the receipts of the ledger's run, once the projector has counted all that the journal
 * holds (waits wait_us at most), and prints how many they were. Returns the exit status. */
int simulate_undo(const struct cli_command *command, const struct settings *settings,
    const char *ledger_path, int64_t wait_us, bool json);
