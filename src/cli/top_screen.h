/* top_screen: the data of "dlrd top" as lines of text. */
#pragma once

#include "top_data.h"

struct time_zone;

struct top_view {
	int columns, rows;   /* of the window; rows 0: as many as it takes */
	bool styled;         /* headings are bold (ECMA-48, SGR) */
	const char *address; /* of the daemon */
	int64_t interval_s;
	const struct time_zone *zone; /* of times */
};

/* Appends the lines, each ended by CR LF if styled, else by LF; never more than view->rows. Texts
 * from outside are escaped. */
void top_screen_draw(const struct top_data *data, const struct top_view *view, struct buffer *out);
