/* keyword_conflicts: ambiguous [keyword] sections. For each message one section must count, in
 * whatever order the sections are written. Pure; any thread. */
#pragma once

#include "dlrd/twilio/keyword_sections.h"

/* Compares the section with those that were added before: call it for each section once all are
 * filled. RESULT_INVALID, with failure, if a message
 * may be a word of both and neither counts before the other, or if the word is one of stop, start
 * or help in one of them alone. */
must_check enum result keywords_check(
    const struct keywords *keywords, struct slice heading, struct failure *failure);
