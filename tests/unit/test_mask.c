#include "testing.h"

#include "api/mask.h"

static void
assert_masked(const char *text, const char *expected)
{
	struct buffer buffer = BUFFER_EMPTY;
	buffer_append(&buffer, SLICE("+15005550006 "));
	size_t from = buffer.len;
	buffer_append(&buffer, slice_of(text));
	mask_numbers(&buffer, from);
	assert_true(slice_starts_with(buffer_slice(&buffer), SLICE("+15005550006 ")));
	assert_slice(slice_from(buffer_slice(&buffer), from), expected);
	buffer_done(&buffer);
}

static void
a_number_keeps_its_last_four_digits(void **state)
{
	(void)state;
	assert_masked("+15005550006", "+*******0006");
	assert_masked("{\"to\":\"whatsapp:+447700900123\"}", "{\"to\":\"whatsapp:+********0123\"}");
	assert_masked(
	    "To=%2B15005550006&x=%252b15005550006", "To=%2B*******0006&x=%252b*******0006");
	assert_masked("\\u002B15005550006", "\\u002B*******0006");
	assert_masked("+1234567,+12345678", "+***4567,+****5678");
	assert_masked("WaId=15005550006&x=15005550006", "WaId=*******0006&x=15005550006");
	assert_masked("{\"WaId\":[\"15005550006\"]}", "{\"WaId\":[\"*******0006\"]}");
	assert_masked("{\"\"WaId\"\":\"\"15005550006\"\"}", "{\"\"WaId\"\":\"\"*******0006\"\"}");
	assert_masked("{\\\"waId\\\": \\\"15005550006", "{\\\"waId\\\": \\\"*******0006");
	assert_masked("%7B%22WaId%22%3A%2215005550006", "%7B%22WaId%22%3A%22*******0006");
	assert_masked("%2522WaId%2522%253A%252215005550006", "%2522WaId%2522%253A%2522*******0006");
	assert_masked("++15005550006+15005550007", "++*******0006+*******0007");
}

static void
other_digits_stay(void **state)
{
	(void)state;
	static const char *const texts[] = {"", "+", "+123456", "15005550006",
	    "1691686363_20230810", "SM00000000000000000000000000000001", "2026-11-28T12:00:00.000Z",
	    "+x15005550006", "%2B", "B15005550006", "002B15005550006"};
	for (size_t i = 0; i < COUNT_OF(texts); i++)
		assert_masked(texts[i], texts[i]);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_number_keeps_its_last_four_digits),
	    cmocka_unit_test(other_digits_stay),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
