#include "account_sids.h"

/* For a loop that sees each byte of a body: a table is quicker than comparisons. */
static const bool is_digit[256] = {
    ['0'] = true,
    ['1'] = true,
    ['2'] = true,
    ['3'] = true,
    ['4'] = true,
    ['5'] = true,
    ['6'] = true,
    ['7'] = true,
    ['8'] = true,
    ['9'] = true,
    ['a'] = true,
    ['b'] = true,
    ['c'] = true,
    ['d'] = true,
    ['e'] = true,
    ['f'] = true,
    ['A'] = true,
    ['B'] = true,
    ['C'] = true,
    ['D'] = true,
    ['E'] = true,
    ['F'] = true,
};

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
		bool digit = is_digit[(unsigned char)text[sids->at++]];
		sids->digits = digit ? sids->digits + 1 : 0;
		if (sids->digits < ACCOUNT_SID_LEN)
			continue;

		const char *start = text + sids->at - ACCOUNT_SID_LEN;
		if (start[0] == 'A' && start[1] == 'C')
			return (struct slice){start, ACCOUNT_SID_LEN};
	}
	return SLICE_NONE;
}
