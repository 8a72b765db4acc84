/* address: each form of address that Twilio uses has its kind, and consent its one address. */
#include "testing.h"

#include "dlrd/base/buffer.h"
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
an_unknown_address_is_other(void **state)
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
	    /* Mexico, Argentina, Brazil: two forms of each number */
	    {"whatsapp:+5215512345678", "whatsapp:+525512345678"},
	    {"whatsapp:+525512345678", "whatsapp:+525512345678"},
	    {"+5215512345678", "+525512345678"},
	    {"rcs:+5215512345678", "+525512345678"},
	    {"whatsapp:+541123456789", "whatsapp:+5491123456789"},
	    {"whatsapp:+5491123456789", "whatsapp:+5491123456789"},
	    {"+541123456789", "+5491123456789"},
	    {"whatsapp:+551187654321", "whatsapp:+5511987654321"},
	    {"whatsapp:+5511987654321", "whatsapp:+5511987654321"},
	    {"+556191234567", "+5561991234567"},
	    {"+551132345678", "+551132345678"}, /* a landline */
	    {"+52551234567", "+52551234567"},   /* too short, too long */
	    {"+55118765432100", "+55118765432100"},
	    {"messenger:+5215512345678", "messenger:+5215512345678"},
	    {"whatsapp:US.5215512345678", "whatsapp:US.5215512345678"},
	    {"+52155123XXXX", "+52155123XXXX"},
	    {"rcs:+1650380XXXX", "rcs:+1650380XXXX"}, /* a mask is several people's */
	    {"rcs:", "rcs:"},
	    {"rcs", "rcs"},
	    {"", ""},
	    {NULL, NULL},
	};
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		char made[ADDRESS_MAX];
		assert_slice(address_of_person(slice_of(rows[i][0]), made), rows[i][1]);
	}
}

/* All spellings in their order, as "a|b"; "-" in front for what is no address. */
static void
assert_spelled(const char *text, const char *expected)
{
	struct address_spellings spellings;
	struct buffer found = BUFFER_EMPTY;
	address_spell(slice_of(text), 0, &spellings);
	if (!spellings.is_address)
		buffer_append(&found, SLICE("-"));
	assert_in_range(spellings.count, 1, ADDRESS_SPELLINGS_MAX);
	for (size_t i = 0; i < spellings.count; i++)
		buffer_appendf(&found, "%s%.*s", i > 0 ? "|" : "", SLICE_ARG(spellings.items[i]));
	assert_slice(buffer_slice(&found), expected);
	buffer_done(&found);
}

static void
a_number_is_meant_however_it_is_written(void **state)
{
	(void)state;
	static const char *const texts[] = {"15560000000", "+1 556 000 0000", "+1-556-000-0000",
	    "+1 (556) 000-0000", "0015560000000", "001 556 000 0000", "tel:+1-556-000-0000",
	    "TEL:+15560000000;ext=7", "sms:+15560000000?body=STOP", "smsto:15560000000",
	    " 15560000000", "1.556.000.0000", "+1 556/000-0000", "\"+15560000000\"",
	    "'+15560000000",
	    "+1\xc2\xa0"
	    "556\xe2\x80\x91"
	    "0000000",
	    "\xe2\x80\xaa+15560000000\xe2\x80\xac", "RCS:+1 556 0000000", "rcs: 15560000000"};
	for (size_t i = 0; i < COUNT_OF(texts); i++) {
		struct address_spellings spellings;
		address_spell(slice_of(texts[i]), 0, &spellings);
		assert_true(spellings.is_address);
		assert_slice(spellings.items[spellings.count - 1], "+15560000000");
	}
	assert_spelled("+15560000000", "+15560000000");
	assert_spelled("+44 (0)20 7946 0000", "+44 (0)20 7946 0000|+442079460000");
	assert_spelled("whatsapp: 15560000000", "whatsapp: 15560000000|whatsapp:+15560000000");
	assert_spelled(
	    "WhatsApp:+1 556 000 0000", "WhatsApp:+1 556 000 0000|whatsapp:+15560000000");
}

static void
what_is_written_right_is_tried_as_it_is(void **state)
{
	(void)state;
	assert_spelled("12345", "12345");
	assert_spelled("123-45", "123-45|12345");
	assert_spelled("1234567", "1234567|+1234567"); /* a short code, or a number of Niue */
	assert_spelled("ACME", "ACME");
	assert_spelled("+1650380XXXX", "+1650380XXXX");
	assert_spelled("messenger:123", "messenger:123");
	assert_spelled("whatsapp:US.1234", "whatsapp:US.1234");
}

static void
what_is_no_address_is_distinguished(void **state)
{
	(void)state;
	static const char *const texts[] = {"", " ", "+", "+1", "12", "a@b", "+1556x",
	    "02079460000", "+05560000000", "0000000000", "+1234567890123456", "tel:", "tel:ACME",
	    "sms:12", ":15560000000", "whatsapp:", "+1 556 000 0000 extension 7",
	    "MG00000000000000000000000000000001", "15560000000x", "\xff"};
	for (size_t i = 0; i < COUNT_OF(texts); i++) {
		struct address_spellings spellings;
		address_spell(slice_of(texts[i]), 0, &spellings);
		if (spellings.is_address)
			print_error("\"%s\"\n", texts[i]);
		assert_false(spellings.is_address);
		assert_slice(spellings.items[0], texts[i]);
	}
	char *longest = malloc(100000);
	memset(longest, '1', 100000);
	struct address_spellings spellings;
	address_spell((struct slice){longest, 100000}, 0, &spellings);
	assert_false(spellings.is_address);
	assert_int_equal(spellings.count, 1);
	free(longest);
}

/* Nothing that was typed is read or written beyond its ends (with ASan). */
static void
any_text_is_spelled(void **state)
{
	(void)state;
	static const char *const pieces[] = {"+", "1", "0", "00", "(0)", "(", ")", " ", "-",
	    "tel:", "sms:", "rcs:", "whatsapp:", ":", ";", "?", "5560000", "X", "ACME", "\"", "'",
	    "\xff", "\xc2", "\xc2\xa0", "\xe2\x80"};
	for (int round = 0; round < 20000; round++) {
		struct buffer text = BUFFER_EMPTY;
		for (unsigned k = 1 + random_below(12); k > 0; k--)
			buffer_append(&text, slice_of(pieces[random_below(COUNT_OF(pieces))]));
		struct address_spellings spellings;
		address_spell(buffer_slice(&text), random_below(3) * 43, &spellings);
		assert_in_range(spellings.count, 1, ADDRESS_SPELLINGS_MAX);
		buffer_done(&text);
	}
}

static void
only_alphanumeric_senders_cannot_receive(void **state)
{
	(void)state;
	static const char *const others[] = {
	    "+15550100", "12345", "+18005550100", "whatsapp:+15550100", "rcs:agent", NULL, "+"};
	assert_false(address_can_receive(address_kind(SLICE("EXAMPLE"))));
	for (size_t i = 0; i < COUNT_OF(others); i++)
		assert_true(address_can_receive(address_kind(slice_of(others[i]))));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(only_alphanumeric_senders_cannot_receive),
	    cmocka_unit_test(each_form_of_address_has_its_kind),
	    cmocka_unit_test(an_unknown_address_is_other),
	    cmocka_unit_test(a_sender_is_its_own_kind_and_else_its_services),
	    cmocka_unit_test(each_kind_has_a_name_of_its_own),
	    cmocka_unit_test(consent_is_one_for_rcs_and_sms),
	    cmocka_unit_test(a_number_is_meant_however_it_is_written),
	    cmocka_unit_test(what_is_written_right_is_tried_as_it_is),
	    cmocka_unit_test(what_is_no_address_is_distinguished),
	    cmocka_unit_test(any_text_is_spelled),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
