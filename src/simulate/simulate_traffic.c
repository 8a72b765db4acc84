#include "simulate_traffic.h"

#include <string.h>

#define RUN_DIGITS 12

static const char digits[] = "0123456789abcdef";

/* Each decision about a message uses a separate random number. */
enum dice { DICE_OUTCOME, DICE_SHUFFLE, DICE_REPLY, DICE_FORGED, DICE_REPEAT, DICE_TEXT };

/* splitmix64 (Steele, Lea, Flood: "Fast Splittable Pseudorandom Number Generators", 2014). */
static uint64_t
mix_bits(uint64_t bits)
{
	bits += UINT64_C(0x9e3779b97f4a7c15);
	bits = (bits ^ (bits >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	bits = (bits ^ (bits >> 27)) * UINT64_C(0x94d049bb133111eb);
	return bits ^ (bits >> 31);
}

static uint64_t
throw_dice(const struct simulate_plan *plan, enum dice dice, uint64_t number)
{
	return mix_bits(mix_bits(plan->seed * 8 + (uint64_t)dice) ^ number);
}

static bool
happens(const struct simulate_plan *plan, enum dice dice, uint64_t number, int64_t percent)
{
	return percent > 0 && throw_dice(plan, dice, number) % 100 < (uint64_t)percent;
}

/* Returns whether text is a status name that needs no escaping in a form. */
static bool
read_word(struct slice text, char out_word[SIMULATE_WORD_SIZE])
{
	if (text.len == 0 || text.len >= SIMULATE_WORD_SIZE)
		return false;
	for (size_t i = 0; i < text.len; i++)
		if (!((text.ptr[i] >= 'a' && text.ptr[i] <= 'z') || text.ptr[i] == '_'))
			return false;
	memcpy(out_word, text.ptr, text.len);
	out_word[text.len] = '\0';
	return true;
}

/* "undelivered:30003=6" */
static bool
read_outcome(struct slice text, struct simulate_outcome *out_outcome)
{
	struct simulate_outcome outcome = {.error_code = -1};
	struct slice code = slice_take(&text, '=');
	struct slice status = slice_take(&code, ':');
	if (!read_word(status, outcome.status) ||
	    slice_to_int(text, &outcome.weight) != RESULT_OK || outcome.weight < 1 ||
	    outcome.weight > 1000000)
		return false;
	if (code.ptr != NULL && (slice_to_int(code, &outcome.error_code) != RESULT_OK ||
				    outcome.error_code < 1 || outcome.error_code > 999999999))
		return false;

	*out_outcome = outcome;
	return true;
}

enum result
simulate_plan_read_mix(struct simulate_plan *plan, struct slice text, struct failure *failure)
{
	plan->outcome_count = 0;
	plan->weights = 0;
	while (text.ptr != NULL) {
		struct slice piece = slice_trim(slice_take(&text, ','));
		struct simulate_outcome outcome;
		if (plan->outcome_count == SIMULATE_OUTCOMES_MAX || !read_outcome(piece, &outcome))
			return failure_set(failure, RESULT_INVALID,
			    "\"%.*s\" is not an outcome; write STATUS=WEIGHT or "
			    "STATUS:ERRORCODE=WEIGHT, at most %d of them, separated by commas",
			    SLICE_ARG(piece), SIMULATE_OUTCOMES_MAX);
		plan->outcomes[plan->outcome_count++] = outcome;
		plan->weights += outcome.weight;
	}

	return RESULT_OK;
}

static const struct simulate_outcome *
outcome_of(const struct simulate_plan *plan, uint64_t number)
{
	int64_t at = (int64_t)(throw_dice(plan, DICE_OUTCOME, number) % (uint64_t)plan->weights);
	size_t i = 0;
	while (i + 1 < plan->outcome_count && at >= plan->outcomes[i].weight)
		at -= plan->outcomes[i++].weight;
	return &plan->outcomes[i];
}

struct slice
simulate_item_status(const struct simulate_plan *plan, const struct simulate_item *item)
{
	if (item->kind == SIMULATE_REPLY)
		return SLICE("received");
	if (simulate_item_is_final(item))
		return slice_of(outcome_of(plan, item->number)->status);
	return SLICE("sent");
}

int64_t
simulate_item_error_code(const struct simulate_plan *plan, const struct simulate_item *item)
{
	return simulate_item_is_final(item) ? outcome_of(plan, item->number)->error_code : -1;
}

bool
simulate_item_is_final(const struct simulate_item *item)
{
	return item->stage == SIMULATE_FINAL;
}

static void
write_hex(uint64_t value, size_t count, char *out)
{
	for (size_t i = count; i-- > 0; value >>= 4)
		out[i] = digits[value & 15];
}

static bool
read_hex(const char *text, size_t count, uint64_t *out_value)
{
	uint64_t value = 0;
	for (size_t i = 0; i < count; i++) {
		int digit = slice_hex_digit(text[i]);
		if (digit < 0)
			return false;
		value = value << 4 | (uint64_t)digit;
	}
	*out_value = value;
	return true;
}

void
simulate_item_sid(const struct simulate_plan *plan, const struct simulate_item *item,
    char out_sid[SIMULATE_SID_SIZE])
{
	memcpy(out_sid, "SM", 2);
	write_hex(plan->run, RUN_DIGITS, out_sid + 2);
	write_hex((uint64_t)item->kind, 4, out_sid + 14);
	write_hex(item->number, 16, out_sid + 18);
	out_sid[SIMULATE_SID_SIZE - 1] = '\0';
}

uint64_t
simulate_item_dice(const struct simulate_plan *plan, const struct simulate_item *item)
{
	return throw_dice(plan, DICE_TEXT, item->number);
}

bool
simulate_run_read(struct slice text, uint64_t *out_run)
{
	return text.len == RUN_DIGITS && read_hex(text.ptr, RUN_DIGITS, out_run);
}

bool
simulate_sid_read(struct slice sid, uint64_t run, enum simulate_kind *out_kind)
{
	uint64_t its_run, kind;
	if (sid.len != SIMULATE_SID_SIZE - 1 || memcmp(sid.ptr, "SM", 2) != 0 ||
	    !read_hex(sid.ptr + 2, RUN_DIGITS, &its_run) || its_run != run ||
	    !read_hex(sid.ptr + 14, 4, &kind) || kind >= SIMULATE_KIND_COUNT)
		return false;
	*out_kind = (enum simulate_kind)kind;
	return true;
}

/* Returns whether the message has a request at this stage. The callbacks of a shuffled message
 * change places. */
static bool
take_stage(const struct simulate_plan *plan, uint64_t number, unsigned stage,
    struct simulate_item *out_item)
{
	if (stage == SIMULATE_ANSWER) {
		*out_item = (struct simulate_item){SIMULATE_REPLY, number, stage};
		return happens(plan, DICE_REPLY, number, plan->replies);
	}
	if (happens(plan, DICE_SHUFFLE, number, plan->shuffle))
		stage = stage == SIMULATE_SENT ? SIMULATE_FINAL : SIMULATE_SENT;
	*out_item = (struct simulate_item){SIMULATE_STATUS, number, stage};
	return true;
}

static struct simulate_item
next_genuine(struct simulate_traffic *traffic)
{
	const struct simulate_plan *plan = traffic->plan;
	struct simulate_item item;
	bool found;
	do {
		found =
		    take_stage(plan, traffic->block_start + traffic->at++, traffic->stage, &item);
		if (traffic->at == (uint64_t)plan->block) {
			traffic->at = 0;
			traffic->stage++;
		}
		if (traffic->stage == SIMULATE_STAGE_COUNT) {
			traffic->stage = SIMULATE_SENT;
			traffic->block_start += (uint64_t)plan->block;
		}
	} while (!found);

	return item;
}

struct simulate_item
simulate_traffic_next(struct simulate_traffic *traffic)
{
	const struct simulate_plan *plan = traffic->plan;
	uint64_t turn = traffic->issued++;
	struct simulate_item *earliest =
	    &traffic->earlier[traffic->earlier_count % SIMULATE_REPEAT_DISTANCE];
	if (happens(plan, DICE_FORGED, turn, plan->forged))
		return (struct simulate_item){SIMULATE_FORGED, traffic->forged++, SIMULATE_FINAL};
	if (traffic->earlier_count >= SIMULATE_REPEAT_DISTANCE &&
	    happens(plan, DICE_REPEAT, turn, plan->duplicates))
		return *earliest;

	traffic->earlier_count++;
	return *earliest = next_genuine(traffic);
}
