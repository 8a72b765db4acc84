/* message_states: the words of the parameter state of messages, and what they mean. Pure. */
#pragma once

#include "dlrd/base/slice.h"
#include "dlrd/model/rollup.h"

/* The column facts of a message (schema/6.sql). */
struct message_state {
	struct slice word;
	bool (*has)(int64_t facts);
	enum figure figure; /* whose time counts */
};

/* That of a word; of an absent one: any message, and the time of its first receipt. */
struct message_state message_state_of(struct slice word);
