/* simulate_guard: finds receipts that no simulation made.
 *
 * Each simulated request has the parameter DlrdSimulated with the number of its run, which is
 * signed and stored with the receipt. One thread. */
#pragma once

#include "dlrd/projector/work.h"

#include <stdbool.h>

#define SIMULATE_PARAMETER WORK_SIMULATED

/* Sets *out_found if the store in directory has a receipt without the parameter. A store that does
 * not exist has none. Receipts that only the journal has are not seen. */
must_check enum result simulate_guard_look(
    const char *directory, bool *out_found, struct failure *failure);
