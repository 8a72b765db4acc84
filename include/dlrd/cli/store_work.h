/* store_work: has work done on the store (projector/work.h): by the daemon that has it open, over
 * its api, or in this process while none runs. One thread. */
#pragma once

#include "dlrd/cli/cli.h"
#include "dlrd/projector/work.h"

/* Waits until the work is done. Returns the exit status, after reporting a failure. The caller
 * gives *out_result to work_done either way. */
int store_work_do(const struct cli_command *command, const struct settings *settings,
    const struct work_order *order, struct work_result *out_result);

typedef void (*store_work_fn)(const struct work_result *result);

/* Prints the result as the api's JSON, or with `print` for a person. Returns the exit status. */
int store_work_print(const struct cli_command *command, enum work_kind kind,
    const struct work_result *result, bool json, store_work_fn print);
