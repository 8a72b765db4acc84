/* address: each form of address that Twilio uses has its kind, and consent its one address. */
#include "testing.h"

#include "dlrd/twilio/address.h"

static void
each_form_of_address_has_its_kind(void **state)
{
	(void)state;
	static const struct {
		const char *address;
		enum address_kind kind;
	} rows[] = {
	    {NULL, ADDRESS_NONE},
	    {"", ADDRESS_NONE},
	    {"+15005550006", ADDRESS_LONG_CODE},
	    {"+2904000", ADDRESS_LONG_CODE}, /* St Helena, the shortest there are */
	    {"+123456789012345", ADDRESS_LONG_CODE},
	    {"+1650380XXXX", ADDRESS_LONG_CODE}, /* masked */
	    {"+18005550006", ADDRESS_TOLL_FREE},
	    {"+18335550006", ADDRESS_TOLL_FREE},
	    {"+18445550006", ADDRESS_TOLL_FREE},
	    {"+18555550006", ADDRESS_TOLL_FREE},
	    {"+18665550006", ADDRESS_TOLL_FREE},
	    {"+18775550006", ADDRESS_TOLL_FREE},
	    {"+18885550006", ADDRESS_TOLL_FREE},
	    {"+1800555XXXX", ADDRESS_TOLL_FREE},
	    {"+18225550006", ADDRESS_LONG_CODE},  /* not one of them */
	    {"+180055500061", ADDRESS_LONG_CODE}, /* not of the plan */
	    {"+448005550006", ADDRESS_LONG_CODE},
	    {"123", ADDRESS_SHORT_CODE},
	    {"12345", ADDRESS_SHORT_CODE},
	    {"12345678", ADDRESS_SHORT_CODE},
	    {"Acme", ADDRESS_ALPHANUMERIC},
	    {"ACME-Shop 1", ADDRESS_ALPHANUMERIC},
	    {"1A", ADDRESS_ALPHANUMERIC},
	    {"AZ az_09&", ADDRESS_ALPHANUMERIC},
	    {"whatsapp:+15005550006", ADDRESS_WHATSAPP},
	    {"WhatsApp:US.1234", ADDRESS_WHATSAPP},
	    {"rcs:acme_agent", ADDRESS_RCS},
	    {"rcs:+15005550006", ADDRESS_RCS},
	    {"MG00000000000000000000000000000001", ADDRESS_SERVICE},
	};
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		if (address_kind(slice_of(rows[i].address)) != rows[i].kind)
			print_error("%s\n", rows[i].address);
		assert_int_equal(address_kind(slice_of(rows[i].address)), rows[i].kind);
	}
}

static void
what_nobody_has_seen_is_other(void **state)
{
	(void)state;
	static const char *const odd[] = {"+", "+123456", "+1234567890123456", "+1500555-0006",
	    "+XXXXXXXXXX", "+1650XXX1234", "12", "123456789", "02079460000", "messenger:123", ":",
	    ":x", "whatsapp", "A very long sender", "\xc3\x84rzte", "a@b", "()", "a\nb", " ", "+-_",
	    "MG0000000000000000000000000000000x", "MG000000000000000000000000000000012"};
	for (size_t i = 0; i < COUNT_OF(odd); i++) {
		enum address_kind kind = address_kind(slice_of(odd[i]));
		/* a channel's name alone is a sender like any other */
		bool is_sender = strcmp(odd[i], "whatsapp") == 0;
		if (kind != (is_sender ? ADDRESS_ALPHANUMERIC : ADDRESS_OTHER))
			print_error("%s\n", odd[i]);
		assert_int_equal(kind, is_sender ? ADDRESS_ALPHANUMERIC : ADDRESS_OTHER);
	}
	assert_int_equal(address_kind(SLICE("123\0")), ADDRESS_OTHER);
	assert_int_equal(address_kind(SLICE("ab\0")), ADDRESS_OTHER);
}

static void
a_sender_is_its_own_kind_and_else_its_services(void **state)
{
	(void)state;
	assert_int_equal(address_kind_of_sender(SLICE("12345"), SLICE("MG1")), ADDRESS_SHORT_CODE);
	assert_int_equal(address_kind_of_sender(SLICE(""), SLICE("MG1")), ADDRESS_SERVICE);
	assert_int_equal(address_kind_of_sender(SLICE_NONE, SLICE("MG1")), ADDRESS_SERVICE);
	assert_int_equal(address_kind_of_sender(SLICE_NONE, SLICE("")), ADDRESS_NONE);
	assert_int_equal(address_kind_of_sender(SLICE_NONE, SLICE_NONE), ADDRESS_NONE);
}

static void
each_kind_has_a_name_of_its_own(void **state)
{
	(void)state;
	for (int a = 0; a < ADDRESS_KIND_COUNT; a++) {
		assert_true(address_kind_name((enum address_kind)a).len > 0);
		for (int b = 0; b < a; b++)
			assert_false(slice_equal(address_kind_name((enum address_kind)a),
			    address_kind_name((enum address_kind)b)));
	}
	assert_slice(address_kind_name(ADDRESS_LONG_CODE), "long_code");
	assert_slice(address_kind_name(ADDRESS_SERVICE), "messaging_service");
	assert_slice(address_kind_name(ADDRESS_NONE), "none");
}

static void
consent_is_one_for_rcs_and_sms(void **state)
{
	(void)state;
	static const char *const rows[][2] = {
	    {"rcs:+15005550006", "+15005550006"},
	    {"RCS:+15005550006", "+15005550006"},
	    {"+15005550006", "+15005550006"},
	    {"whatsapp:+15005550006", "whatsapp:+15005550006"},
	    {"rcs:acme_agent", "rcs:acme_agent"},
	    {"rcs:+1650380XXXX", "rcs:+1650380XXXX"}, /* a mask is several people's */
	    {"rcs:", "rcs:"},
	    {"rcs", "rcs"},
	    {"", ""},
	    {NULL, NULL},
	};
	for (size_t i = 0; i < COUNT_OF(rows); i++)
		assert_slice(address_of_person(slice_of(rows[i][0])), rows[i][1]);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(each_form_of_address_has_its_kind),
	    cmocka_unit_test(what_nobody_has_seen_is_other),
	    cmocka_unit_test(a_sender_is_its_own_kind_and_else_its_services),
	    cmocka_unit_test(each_kind_has_a_name_of_its_own),
	    cmocka_unit_test(consent_is_one_for_rcs_and_sms),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
