/* mask: hides telephone numbers in an answer, but for their last four digits. Pure.
 *
 * Numbers are found by how Twilio writes them, a plus sign and digits, or the digits of the
 * parameter WaId, wherever they are: in a column, in the text of a reply, in the raw bytes of a
 * request, in an error. So a new column needs no thought. What a person wrote otherwise ("555
 * 0100") is text, and stays. */
#pragma once

#include "dlrd/base/buffer.h"

/* Replaces digits by asterisks from the offset `from` on; the length stays. */
void mask_numbers(struct buffer *text, size_t from);
