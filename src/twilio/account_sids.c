#include "account_sids.h"

/* Without branches, for a loop that sees each byte of a body. */
static bool
is_digit(unsigned char byte)
{
	unsigned decimal = byte - (unsigned)'0', letter = (byte | 0x20u) - (unsigned)'a';
	return (decimal < 10) | (letter < 6);
}

struct account_sids
account_sids_begin(struct slice text)
{
	return (struct account_sids){.text = text};
}

/* A and C are hexadecimal digits too, so a SID ends at the 34th consecutive digit or later. The
 * count continues after a SID, so each byte is read once. */
struct slice
account_sids_next(struct account_sids *sids)
{
	const char *text = sids->text.ptr;
	while (sids->at < sids->text.len) {
		bool digit = is_digit((unsigned char)text[sids->at++]);
		sids->digits = digit ? sids->digits + 1 : 0;
		if (sids->digits < ACCOUNT_SID_LEN)
			continue;

		const char *start = text + sids->at - ACCOUNT_SID_LEN;
		if (start[0] == 'A' && start[1] == 'C')
			return (struct slice){start, ACCOUNT_SID_LEN};
	}
	return SLICE_NONE;
}
