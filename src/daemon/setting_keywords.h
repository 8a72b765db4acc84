/* setting_keywords: the keys of [keyword NAME] and [keyword NAME LABEL]. Part of settings. One
 * thread.
 */
#pragma once

#include "dlrd/base/buffer.h"
#include "dlrd/twilio/keyword_sections.h"

/* Takes a key of the section with that heading: NAME, or NAME, a space and LABEL. Called with an
 * absent key and value when the section begins. */
must_check enum result setting_keyword_key(struct keywords *keywords, struct slice heading,
    struct slice key, struct slice value, struct failure *failure);

/* Appends the sections as they would be written. */
void setting_keywords_print(const struct keywords *keywords, struct buffer *out);
