/* attribution: the message, and so the campaign, that a reply answers.
 *
 * A reply names its person and our sender, and seldom more. These are tried in order: the message
 * that Twilio names as answered (OriginalRepliedMessageSid); the tags of the reply's own URL; the
 * latest message known to that person from that sender or messaging service within a window before
 * the reply. If there is no such message, the first that became known within a shorter time after
 * the reply counts, since receipts may be slower than people.
 *
 * A message cannot be answered before it was sent. One that became known after the reply is a
 * candidate only if a time by Twilio or the carrier shows that it had left by then (event_left_us).
 * Among the messages before the reply, one that failed, or is not known to have left, is chosen
 * only if there is no other; likewise among those after it. Pure. */
#pragma once

#include "dlrd/base/slice.h"

enum attribution_rule {
	ATTRIBUTION_NONE,
	ATTRIBUTION_ORIGINAL, /* named by Twilio */
	ATTRIBUTION_TAGS,     /* tags of the reply's own URL */
	ATTRIBUTION_LATEST,   /* the latest message before it */
	ATTRIBUTION_LATE,     /* the first message whose receipts came after it */
};

#define CANDIDATE_SID_MAX 64 /* Twilio's have 34 characters; a longer one is cut */

/* A message that a reply may answer. */
struct candidate {
	int64_t message_id, tagset_id, campaign_id;
	char sid[CANDIDATE_SID_MAX];
	size_t sid_len;
	int64_t first_us; /* its earliest receipt */
	bool failed;      /* it failed, or is not known to have left */
};

struct attribution {
	enum attribution_rule rule;
	int64_t message_id, tagset_id; /* 0 if no message was found */
	int64_t campaigns;             /* different campaigns among the candidates */
};

/* Returns LATEST, LATE or NONE. The candidates are all messages within the window before and after
 * time_us, in any order. */
struct attribution attribution_choose(
    const struct candidate *candidates, size_t count, int64_t time_us);

#define ATTRIBUTION_RULES "none|original|tags|latest|late"

/* One of ATTRIBUTION_RULES. */
struct slice attribution_rule_name(enum attribution_rule rule);
