/* simulate_traffic: the requests of a simulation and their order: a plan, and the stream derived
 * from it.
 *
 * Everything about a message (its outcome, whether it is answered, whether its callbacks are out of
 * order) is computed from the plan and the message's number. So the stream needs no memory.
 * Messages are sent in blocks, each stage of all messages before the next stage. The callbacks of
 * one message are thus far enough apart to stay in order on many connections.
 *
 * A SID is "SM", the run's 12 hexadecimal digits, 4 digits for the kind, 16 for the number. Pure:
 * no sockets, no clock, no files. */
#pragma once

#include "dlrd/base/buffer.h"

#define SIMULATE_OUTCOMES_MAX 16 /* of a mix */
#define SIMULATE_WORD_SIZE 24    /* a status name with its NUL */
#define SIMULATE_SID_SIZE 35     /* with its NUL */
#define SIMULATE_COUNT_MAX INT64_C(1000000000)

#define SIMULATE_MIX_DEFAULT \
	"delivered=80,undelivered:30003=6,undelivered:30005=5,failed:30007=5,undelivered:30006=4"

/* A possible outcome of a message. */
struct simulate_outcome {
	char status[SIMULATE_WORD_SIZE];
	int64_t error_code; /* -1 for none */
	int64_t weight;     /* its share of the sum of all weights */
};

/* Zero-initialize, then set or read each field. */
struct simulate_plan {
	uint64_t run;       /* the number of this run, 48 bits */
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
};

/* Reads "delivered=80,undelivered:30003=6". failure describes the expected form. */
must_check enum result simulate_plan_read_mix(
    struct simulate_plan *plan, struct slice text, struct failure *failure);

enum simulate_kind {
	SIMULATE_STATUS, /* a status callback */
	SIMULATE_REPLY,  /* an inbound message; number: the message that it answers */
	SIMULATE_FORGED, /* a status callback with a wrong signature, of a separate message */
	SIMULATE_KIND_COUNT,
};

/* The callbacks of a message, in order, and its answer. */
enum simulate_stage { SIMULATE_SENT, SIMULATE_FINAL, SIMULATE_ANSWER, SIMULATE_STAGE_COUNT };

/* One request. Equal items are the same receipt. */
struct simulate_item {
	enum simulate_kind kind;
	uint64_t number; /* of the message, from 0 */
	unsigned stage;  /* enum simulate_stage */
};

/* Contents of the request; the status is borrowed from the plan. */
struct slice simulate_item_status(
    const struct simulate_plan *plan, const struct simulate_item *item);
int64_t simulate_item_error_code(
    const struct simulate_plan *plan, const struct simulate_item *item); /* -1 for none */
bool simulate_item_is_final(const struct simulate_item *item);
void simulate_item_sid(const struct simulate_plan *plan, const struct simulate_item *item,
    char out_sid[SIMULATE_SID_SIZE]);

/* Returns a number that only the item's message has, for telephone numbers and texts. */
uint64_t simulate_item_dice(const struct simulate_plan *plan, const struct simulate_item *item);

/* The 12 hexadecimal digits of a run, for printf and back. */
#define SIMULATE_RUN_FORMAT "%012llx"
bool simulate_run_read(struct slice text, uint64_t *out_run);

/* Returns whether a SID belongs to the run, and sets its kind. */
bool simulate_sid_read(struct slice sid, uint64_t run, enum simulate_kind *out_kind);

/* Genuine requests between the first and the second sending of a duplicate. */
#define SIMULATE_REPEAT_DISTANCE 32

/* The stream. Zero-initialize and set the plan; a plain value. */
struct simulate_traffic {
	const struct simulate_plan *plan; /* borrowed */
	uint64_t issued;                  /* items returned so far */
	uint64_t forged;                  /* forged ones among them */
	uint64_t block_start;             /* number of the first message of the block */
	uint64_t at;                      /* the next message in the block */
	unsigned stage;                   /* the current stage */
	struct simulate_item earlier[SIMULATE_REPEAT_DISTANCE]; /* a ring of genuine ones */
	uint64_t earlier_count;
};

/* Returns the next request. The stream has no end; the caller stops at the plan's count. */
struct simulate_item simulate_traffic_next(struct simulate_traffic *traffic);
