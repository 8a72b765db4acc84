/* simulate_traffic: what a simulation sends, in which order: a plan, and the stream that follows
 * from it.
 *
 * Everything about a message (its outcome, whether it is answered, whether its callbacks are sent
 * out of order) is computed from the plan and the message's running number, so the stream needs no
 * memory, and the same plan gives the same stream again: the ledger's check replays it to know what
 * was sent. Messages are sent in blocks, each stage of all of them before the next stage of any, so
 * that the callbacks of one message are far enough apart to keep their order on many connections.
 *
 * A SID is "SM", the run's 12 hexadecimal digits, 4 digits for the kind, 16 for the number. Pure:
 * no sockets, no clock, no files. */
#ifndef DLRD_SIMULATE_SIMULATE_TRAFFIC_H
#define DLRD_SIMULATE_SIMULATE_TRAFFIC_H

#include "dlrd/base/buffer.h"

#define SIMULATE_OUTCOMES_MAX 16 /* of a mix */
#define SIMULATE_STAGES_MAX 8    /* callbacks of one message */
#define SIMULATE_WORD_SIZE 24    /* a status name with its NUL */
#define SIMULATE_SID_SIZE 35     /* with its NUL */
#define SIMULATE_COUNT_MAX INT64_C(1000000000)

#define SIMULATE_MIX_DEFAULT \
	"delivered=80,undelivered:30003=6,undelivered:30005=5,failed:30007=5,undelivered:30006=4"
#define SIMULATE_STATUSES_DEFAULT "sent,final"

/* How a message may end. */
struct simulate_outcome {
	char status[SIMULATE_WORD_SIZE];
	int64_t error_code; /* -1 for none */
	int64_t weight;     /* its share of the sum of all weights */
};

/* A status callback that each message gets, "final" stands for its outcome. */
struct simulate_stage {
	char status[SIMULATE_WORD_SIZE];
	bool is_final;
	bool is_read; /* only delivered messages get it */
};

/* Zero-initialise, then set or read each field. */
struct simulate_plan {
	uint64_t run;       /* the run's own number, 48 bits */
	uint64_t seed;      /* of every choice */
	int64_t count;      /* requests at most */
	int64_t shuffle;    /* percent of messages whose callbacks are out of order */
	int64_t duplicates; /* percent of genuine requests that are sent a second time */
	int64_t replies;    /* percent of messages that are answered */
	int64_t forged;     /* percent of requests with a wrong signature */
	int64_t block;      /* messages in a block, at least 1 */
	struct simulate_outcome outcomes[SIMULATE_OUTCOMES_MAX];
	size_t outcome_count;
	int64_t weights; /* of all outcomes */
	struct simulate_stage stages[SIMULATE_STAGES_MAX];
	size_t stage_count;
};

/* Reads "delivered=80,undelivered:30003=6" and "sent,final". failure says what would be right. */
must_check enum result simulate_plan_read_mix(
    struct simulate_plan *plan, struct slice text, struct failure *failure);
must_check enum result simulate_plan_read_statuses(
    struct simulate_plan *plan, struct slice text, struct failure *failure);

/* Appends the plan as one line's worth of name=value, and reads it again. */
void simulate_plan_write(const struct simulate_plan *plan, struct buffer *out);
must_check enum result simulate_plan_read(struct slice text, struct simulate_plan *out_plan);

enum simulate_kind {
	SIMULATE_STATUS, /* a status callback */
	SIMULATE_REPLY,  /* an inbound message, its number is that of the message it answers */
	SIMULATE_FORGED, /* a status callback with a wrong signature, of a message of its own */
	SIMULATE_KIND_COUNT,
};

/* One request. Two items that are equal are the same receipt. */
struct simulate_item {
	enum simulate_kind kind;
	uint64_t number; /* of the message, from 0 */
	size_t stage;    /* which of the plan's stages; the stage count for a reply */
};

/* What the request says. Borrowed from the plan. */
struct slice simulate_item_status(
    const struct simulate_plan *plan, const struct simulate_item *item);
int64_t simulate_item_error_code(
    const struct simulate_plan *plan, const struct simulate_item *item); /* -1 for none */
bool simulate_item_is_final(const struct simulate_plan *plan, const struct simulate_item *item);
void simulate_item_sid(const struct simulate_plan *plan, const struct simulate_item *item,
    char out_sid[SIMULATE_SID_SIZE]);

/* A number that belongs to the item's message alone, for telephone numbers and texts. */
uint64_t simulate_item_dice(const struct simulate_plan *plan, const struct simulate_item *item);

/* Whether a SID is of this run; then *out_item has its kind and number (stage 0). */
bool simulate_sid_is_ours(
    const struct simulate_plan *plan, struct slice sid, struct simulate_item *out_item);

/* Finds the stage of a SID's item by what was said of it. False when this run's message never says
 * that. Several stages that say the same are known by the first of them. */
bool simulate_item_find_stage(const struct simulate_plan *plan, struct slice status,
    int64_t error_code, struct simulate_item *item);

/* Requests between the first and the second sending of a duplicate. */
#define SIMULATE_REPEAT_DISTANCE 32

/* The stream. Zero-initialise, with the plan; a plain value. */
struct simulate_traffic {
	const struct simulate_plan *plan; /* borrowed */
	uint64_t issued;                  /* items given out */
	uint64_t forged;                  /* of them forged */
	uint64_t block_start;             /* number of the first message of the block */
	uint64_t at;                      /* the next message in the block */
	size_t stage;                     /* the stage in hand; the stage count for replies */
	struct {
		struct simulate_item item;
		uint64_t due; /* issued, when it comes again */
	} repeats[SIMULATE_REPEAT_DISTANCE];
	size_t repeat_first, repeat_count;
};

/* The next request. The stream has no end; the caller keeps to the plan's count. */
struct simulate_item simulate_traffic_next(struct simulate_traffic *traffic);

#endif
