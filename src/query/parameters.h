/* parameters: rows of parameters that several questions have. Included by the files of questions.
 */
#ifndef DLRD_QUERY_PARAMETERS_H
#define DLRD_QUERY_PARAMETERS_H

#define CAMPAIGN                                                                         \
	{                                                                                \
		"campaign", QUERY_TAG,                                                   \
		    .value = "C",                                                        \
		    .help = "only this campaign's (\"\" for those that belong to none)", \
		    .description = "Only this campaign."                                 \
	}
#define WORKSPACE                                                                      \
	{                                                                              \
		"workspace", QUERY_TAG, .value = "W", .help = "only this workspace's", \
					.description = "Only this workspace."          \
	}
#define FROM_HELP                                                                            \
	"Only what happened then or later; figures are kept by the hour, and the hour that " \
	"it falls in counts whole. A day means its first moment in UTC."
#define FROM(KIND)                                                            \
	{                                                                     \
		"from", KIND, .value = "T", .help = "only from this time on", \
			      .description = FROM_HELP                        \
	}
#define TO(KIND)                                                                      \
	{                                                                             \
		"to", KIND, .value = "T", .help = "only before this time",            \
			    .description = "Only what happened before; as with from." \
	}
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

#define VARIANT                                                                              \
	{                                                                                    \
		"variant", QUERY_TAG, .value = "V", .help = "only messages of this variant", \
				      .description = "Only this variant; empty is one, too." \
	}
#define CAMPAIGN_OF_PATH(HELP)                                                            \
	{                                                                                 \
		"campaign", QUERY_CAMPAIGN,                                               \
		    .value = "C", .help = HELP,                                           \
		    .description = "The campaign's name, escaped as a segment of a path." \
	}

#endif
