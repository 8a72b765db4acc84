/* status and event type: names, ranks, and the event of each status. */
#include "testing.h"

#include "dlrd/model/event.h"

/* In rank order. */
static const struct {
	const char *name;
	enum message_status status;
	enum event_type type;
} rows[] = {
    {"accepted", STATUS_ACCEPTED, EVENT_PROGRESS},
    {"scheduled", STATUS_SCHEDULED, EVENT_PROGRESS},
    {"queued", STATUS_QUEUED, EVENT_PROGRESS},
    {"sending", STATUS_SENDING, EVENT_PROGRESS},
    {"sent", STATUS_SENT, EVENT_SENT},
    {"canceled", STATUS_CANCELED, EVENT_PROGRESS},
    {"failed", STATUS_FAILED, EVENT_FAILED},
    {"undelivered", STATUS_UNDELIVERED, EVENT_FAILED},
    {"delivered", STATUS_DELIVERED, EVENT_DELIVERED},
    {"read", STATUS_READ, EVENT_READ},
    {"received", STATUS_RECEIVED, EVENT_REPLIED},
};

static void
every_status_has_its_name_and_its_event(void **state)
{
	(void)state;
	assert_int_equal(COUNT_OF(rows), STATUS_COUNT - 1);
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		assert_slice(status_name(rows[i].status), rows[i].name);
		assert_int_equal(status_from_name(slice_of(rows[i].name)), rows[i].status);
		assert_int_equal(event_type_of_status(rows[i].status), rows[i].type);
	}
	assert_slice(status_name(STATUS_UNKNOWN), NULL);
	assert_int_equal(event_type_of_status(STATUS_UNKNOWN), EVENT_UNRECOGNISED);
}

static void
the_table_is_in_rank_order(void **state)
{
	(void)state;
	for (size_t i = 1; i < COUNT_OF(rows); i++)
		assert_true(rows[i - 1].status < rows[i].status);
}

static void
event_streams_writes_upper_case(void **state)
{
	(void)state;
	assert_int_equal(status_from_name(SLICE("DELIVERED")), STATUS_DELIVERED);
	assert_int_equal(status_from_name(SLICE("Undelivered")), STATUS_UNDELIVERED);
}

static void
partially_delivered_is_sent_and_keeps_its_name(void **state)
{
	(void)state;
	assert_int_equal(status_from_name(SLICE("partially_delivered")), STATUS_SENT);
	assert_int_equal(status_from_name(SLICE("PARTIALLY_DELIVERED")), STATUS_SENT);
	assert_slice(status_spelling(SLICE("PARTIALLY_DELIVERED")), "partially_delivered");
	assert_slice(status_spelling(SLICE("SENT")), "sent");
	assert_slice(status_spelling(SLICE("teleported")), NULL);
}

static void
any_other_text_is_unknown(void **state)
{
	(void)state;
	static const char *const texts[] = {"", "unknown", "delivered ", " sent", "partially",
	    "receiving", "cancelled", "sen", "sents", "1"};
	for (size_t i = 0; i < COUNT_OF(texts); i++)
		assert_int_equal(status_from_name(slice_of(texts[i])), STATUS_UNKNOWN);
	assert_int_equal(status_from_name(SLICE("sent\0")), STATUS_UNKNOWN);
	assert_int_equal(status_from_name(SLICE_NONE), STATUS_UNKNOWN);
}

static void
sets_hold_what_they_say(void **state)
{
	(void)state;
	for (int i = STATUS_UNKNOWN; i < STATUS_COUNT; i++) {
		enum message_status status = (enum message_status)i;
		bool failure = status == STATUS_FAILED || status == STATUS_UNDELIVERED;
		bool final = failure || status == STATUS_DELIVERED || status == STATUS_CANCELED;
		bool left = status == STATUS_SENT || status == STATUS_DELIVERED ||
			    status == STATUS_UNDELIVERED || status == STATUS_READ;
		assert_int_equal((STATUS_BIT(status) & STATUS_FAILURES) != 0, failure);
		assert_int_equal((STATUS_BIT(status) & STATUS_FINALS) != 0, final);
		assert_int_equal((STATUS_BIT(status) & STATUS_LEFT) != 0, left);
	}
}

static void
event_types_are_known_by_exact_name(void **state)
{
	(void)state;
	static const char *const names[] = {"Progress", "Sent", "Delivered", "Failed", "Read",
	    "Replied", "Clicked", "Unrecognised"};
	assert_int_equal(COUNT_OF(names), EVENT_TYPE_COUNT);
	for (int i = 0; i < EVENT_TYPE_COUNT; i++) {
		enum event_type type;
		assert_slice(event_type_name((enum event_type)i), names[i]);
		assert_true(event_type_from_name(slice_of(names[i]), &type));
		assert_int_equal(type, i);
	}
	enum event_type untouched = EVENT_CLICKED;
	assert_false(event_type_from_name(SLICE("delivered"), &untouched));
	assert_false(event_type_from_name(SLICE(""), &untouched));
	assert_int_equal(untouched, EVENT_CLICKED);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(every_status_has_its_name_and_its_event),
	    cmocka_unit_test(the_table_is_in_rank_order),
	    cmocka_unit_test(event_streams_writes_upper_case),
	    cmocka_unit_test(partially_delivered_is_sent_and_keeps_its_name),
	    cmocka_unit_test(any_other_text_is_unknown),
	    cmocka_unit_test(sets_hold_what_they_say),
	    cmocka_unit_test(event_types_are_known_by_exact_name),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
