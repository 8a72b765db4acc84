/* parameters: parameters that several questions have. Included by the files of questions. */
#pragma once

#define CAMPAIGN                                                                         \
	{                                                                                \
		"campaign", QUERY_TAG,                                                   \
		    .names = QUERY_NAMES_CAMPAIGN, .value = "C",                         \
		    .help = "only this campaign's (\"\" for those that belong to none)", \
		    .description = "Only this campaign."                                 \
	}
#define WORKSPACE_OF(HELP)                                                                  \
	{                                                                                   \
		"workspace", QUERY_TAG, .names = QUERY_NAMES_WORKSPACE, .value = "W",       \
					.help = HELP, .description = "Only this workspace." \
	}
#define WORKSPACE WORKSPACE_OF("only this workspace's")
/* Figures are counted by the hour, other rows by their time. */
#define FROM_OF(KIND, DESCRIPTION)                                            \
	{                                                                     \
		"from", KIND, .value = "T", .help = "only from this time on", \
			      .description = DESCRIPTION                      \
	}
#define TO_OF(KIND)                                                                   \
	{                                                                             \
		"to", KIND, .value = "T", .help = "only before this time",            \
			    .description = "Only what happened before; as with from." \
	}
#define HOURS_FROM                                                                             \
	"Only what happened then or later; figures are kept by the hour, and the hour that a " \
	"time falls in counts whole. A day means the hours that begin in it in tz."
#define FROM_HOUR FROM_OF(QUERY_FROM_HOUR, HOURS_FROM)
#define TO_HOUR TO_OF(QUERY_TO_HOUR)
#define OPEN_FROM FROM_OF(QUERY_OPEN_FROM, HOURS_FROM)
#define OPEN_TO TO_OF(QUERY_OPEN_TO)
#define FROM_TIME                                                                               \
	FROM_OF(QUERY_FROM, "Only what arrived then or later. A day means its first moment in " \
			    "tz.")
#define TO_TIME TO_OF(QUERY_TO)
#define FORMAT                                            \
	{                                                 \
		"format", QUERY_FORMAT, .http_only = true \
	}
#define LIMIT                                                                                 \
	{                                                                                     \
		"limit", QUERY_LIMIT, .value = "N", .help = "at most so many (default: all)", \
				      .description = "Rows of a page."                        \
	}
#define NEXT_HELP "The value of next in the previous page."
#define NEXT                                                                          \
	{                                                                             \
		"next", QUERY_AFTER,                                                  \
		    .option = "after", .value = "N",                                  \
		    .help = "only those after \"next\" of an earlier answer in JSON", \
		    .description = NEXT_HELP, .example = "1"                          \
	}

#define HTTP_NEXT                                      \
	{                                              \
		"next", QUERY_AFTER, .http_only = true \
	}

/* Of a list that is always whole: the program alone reads it in pages. */
#define OWN_NEXT                                                             \
	{                                                                    \
		"next", QUERY_AFTER, .http_only = true, .command_only = true \
	}
#define OWN_LIMIT                                                             \
	{                                                                     \
		"limit", QUERY_LIMIT, .http_only = true, .command_only = true \
	}

#define VARIANT(HELP)                                                                        \
	{                                                                                    \
		"variant", QUERY_TAG, .value = "V", .help = HELP,                            \
				      .description = "Only this variant; empty is one, too." \
	}
#define CAMPAIGN_OF_PATH(HELP, REQUIRED)                                                  \
	{                                                                                 \
		"campaign", QUERY_CAMPAIGN,                                               \
		    .names = QUERY_NAMES_CAMPAIGN, .value = "C", .help = HELP,            \
		    .required = REQUIRED,                                                 \
		    .description = "The campaign's name, escaped as a segment of a path." \
	}
#define PROVIDER_OF(HELP)                                                              \
	{                                                                              \
		"provider", QUERY_TEXT,                                                \
		    .names = QUERY_NAMES_PROVIDER, .value = "P", .help = HELP,         \
		    .description = "A nickname, an account, a messaging service or a " \
				   "sender."                                           \
	}
#define PROVIDER \
	PROVIDER_OF("only those sent by this nickname, account, messaging service or sender")
/* Behind the parameters of the SQL, which has no zone. */
#define TZ                                                                                   \
	{                                                                                    \
		"tz", QUERY_ZONE,                                                            \
		    .usual = "UTC", .value = "ZONE",                                         \
		    .help = "the time zone of days and times: UTC, +05:30, "                 \
			    "Europe/Berlin (default: the machine's in a table, "             \
			    "UTC in JSON and CSV)",                                          \
		    .description = "The time zone of the days of from and to, and of the "   \
				   "times in the answer: UTC, an offset like +05:30, or an " \
				   "IANA name.",                                             \
		    .example = "Europe/Berlin"                                               \
	}
