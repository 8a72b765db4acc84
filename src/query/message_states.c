#include "message_states.h"

/* The column facts of a message. */
#define FACTS_OUTCOME(facts) ((facts) / 32)
#define FACTS_SENT 16
#define FACTS_READ 8
#define FACTS_CLICKED 4
#define FACTS_CONFLICT 2

/* --- states --- */

static bool
is_delivered(int64_t facts)
{
	return FACTS_OUTCOME(facts) == OUTCOME_DELIVERED;
}

static bool
is_failed(int64_t facts)
{
	return FACTS_OUTCOME(facts) == OUTCOME_FAILED;
}

static bool
is_canceled(int64_t facts)
{
	return FACTS_OUTCOME(facts) == OUTCOME_CANCELED;
}

static bool
was_sent(int64_t facts)
{
	return facts >= 0 && (facts & FACTS_SENT) != 0;
}

static bool
is_pending(int64_t facts)
{
	return facts >= 0 && FACTS_OUTCOME(facts) == OUTCOME_NONE && was_sent(facts);
}

static bool
is_waiting(int64_t facts)
{
	return facts >= 0 && FACTS_OUTCOME(facts) == OUTCOME_NONE && !was_sent(facts);
}

static bool
was_read(int64_t facts)
{
	return facts >= 0 && (facts & FACTS_READ) != 0;
}

static bool
was_clicked(int64_t facts)
{
	return facts >= 0 && (facts & FACTS_CLICKED) != 0;
}

static bool
conflicts(int64_t facts)
{
	return facts >= 0 && (facts & FACTS_CONFLICT) != 0;
}

static bool
is_any(int64_t facts)
{
	return facts >= 0;
}

static const struct message_state states[] = {
    {SLICE_INIT("delivered"), is_delivered, FIGURE_DELIVERED},
    {SLICE_INIT("failed"), is_failed, FIGURE_FAILED},
    {SLICE_INIT("canceled"), is_canceled, FIGURE_CANCELED},
    {SLICE_INIT("sent"), was_sent, FIGURE_SENT},
    {SLICE_INIT("pending"), is_pending, FIGURE_PENDING},
    {SLICE_INIT("waiting"), is_waiting, FIGURE_MESSAGES},
    {SLICE_INIT("read"), was_read, FIGURE_READ},
    {SLICE_INIT("clicked_messages"), was_clicked, FIGURE_CLICKED_MESSAGES},
    {SLICE_INIT("conflicts"), conflicts, FIGURE_CONFLICTS},
};

struct message_state
message_state_of(struct slice word)
{
	for (size_t i = 0; i < sizeof states / sizeof states[0]; i++)
		if (slice_equal(word, states[i].word))
			return states[i];
	return (struct message_state){.has = is_any, .figure = FIGURE_MESSAGES};
}
