/* admitted: what the journal stores of an admitted request. Pure; any thread. */
#pragma once

#include "dlrd/journal/journal.h"
#include "dlrd/request/admission.h"

/* Returns the entry of a request with ADMISSION_ADMITTED. Borrows from both. */
struct journal_entry admitted_entry(
    const struct incoming *incoming, const struct admission_decision *decision);
