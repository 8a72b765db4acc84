/* store_work: has work done on the store (projector/work.h): by the daemon that has it open, over
 * its api, or in this process while none runs. One thread. */
#pragma once

#include "dlrd/cli/cli.h"
#include "dlrd/projector/work.h"

typedef void (*store_work_fn)(const struct work_result *result);

/* Waits until the work is done, and prints its result as the api's JSON, or with `print` for a
 * person. Returns the exit status, after reporting a failure. */
int store_work_run(const struct cli_command *command, const struct settings *settings,
    const struct work_order *order, bool json, store_work_fn print);
