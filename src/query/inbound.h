/* inbound: columns of questions that show replies: their files, and where their numbers are
 * registered. Included by the files of questions. */
#pragma once

/* clang-format off */
/* SQL, in the order of the columns: i is the row of the table inbound. */
#define INBOUND_SQL                                                                       \
	"i.media_count AS media_count, coalesce(i.media_types, '') AS media_types,"       \
	" coalesce(i.media_links, '') AS media_links, i.from_city AS from_city,"          \
	" i.from_state AS from_state, i.from_zip AS from_zip, i.from_country AS from_country"
/* clang-format on */

/* SHOWN: in a table, too. */
#define INBOUND_COLUMNS(SHOWN)                                                                 \
	{"media_count", CELL_INT, .nullable = true, .counts = true,                            \
	    .description = "NumMedia: files of a reply (MMS, WhatsApp)."},                     \
	    {"media_types", CELL_LIST, .shown = SHOWN, .dispensable = 5,                       \
		.description = "The media types of these, such as image/jpeg."},               \
	    {"media_links", CELL_LIST, .shown = SHOWN, .dispensable = 6,                       \
		.description = "Links to these at Twilio, as Twilio reports them. Whether a "  \
			       "link needs the account's password is a setting of the "        \
			       "account."},                                                    \
	    {"from_city", CELL_TEXT, .nullable = true,                                         \
		.description = "FromCity: where the person's number is registered, which may " \
			       "not be where the person is."},                                 \
	    {"from_state", CELL_TEXT, .nullable = true},                                       \
	    {"from_zip", CELL_TEXT, .nullable = true},                                         \
	{                                                                                      \
		"from_country", CELL_TEXT, .nullable = true, .shown = SHOWN, .dispensable = 4, \
					   .description = "FromCountry, an ISO 3166 code."     \
	}
