/* signature: the arithmetic of X-Twilio-Signature, and the secrets. */
#include "testing.h"

#include "dlrd/twilio/signature.h"

static struct secret *token;

static int
make_token(void **state)
{
	(void)state;
	assert_ok(signature_init());
	assert_ok(signature_init()); /* safe to call again */
	assert_ok(secret_new(SLICE("12345"), &token));
	return 0;
}

static int
drop_token(void **state)
{
	(void)state;
	secret_free(token);
	secret_free(NULL);
	return 0;
}

static void
assert_parameters(struct slice text, const char *expected)
{
	struct form form = FORM_EMPTY;
	struct buffer out = BUFFER_EMPTY;
	assert_ok(form_decode(&form, text, 100));
	assert_ok(signature_append_parameters(&out, &form));
	assert_slice(buffer_slice(&out), expected);
	form_done(&form);
	buffer_done(&out);
}

static void
parameters_are_sorted_by_name_in_byte_order(void **state)
{
	(void)state;
	assert_parameters(SLICE("To=1&CallSid=2&callSid=3&CALLSID=4&A1=5&A=6&AB=7&a=8"),
	    "A6A15AB7CALLSID4CallSid2To1a8callSid3");
	assert_parameters(SLICE(""), "");
	assert_parameters(SLICE("b=&a"), "ab");
}

static void
the_value_takes_no_part_in_the_order_of_names(void **state)
{
	(void)state;
	/* by name and value together, ReasonConferenceEnded would come first */
	assert_parameters(SLICE("ReasonConferenceEnded=test&Reason=Participant"),
	    "ReasonParticipantReasonConferenceEndedtest");
}

static void
repeated_names_are_sorted_unique_and_named_each_time(void **state)
{
	(void)state;
	assert_parameters(SLICE("Digits=5678&Sid=CA123&Digits=1234&SidAccount=AC123&Digits=1234"),
	    "Digits1234Digits5678SidCA123SidAccountAC123");
	assert_parameters(SLICE("A=b&A=B&A=a&A=&A=a&a=x&AB=&A1=y"), "AABAaAbA1yABax");
}

static void
bytes_are_signed_as_decoded(void **state)
{
	(void)state;
	struct form form = FORM_EMPTY;
	struct buffer out = BUFFER_EMPTY;
	assert_ok(form_decode(&form, SLICE("b=%00%0d%0a&a=+%2B"), 10));
	assert_ok(signature_append_parameters(&out, &form));
	assert_true(slice_equal(buffer_slice(&out), SLICE("a +b\0\r\n")));
	form_done(&form);
	buffer_done(&out);
}

static void
more_fields_than_are_sorted_in_place_are_sorted_all_the_same(void **state)
{
	(void)state;
	for (int count = 45; count <= 52; count++) {
		struct buffer text = BUFFER_EMPTY, expected = BUFFER_EMPTY;
		for (int i = count; i-- > 0;)
			buffer_appendf(&text, "n%02d=v%d&", i, i);
		for (int i = 0; i < count; i++)
			buffer_appendf(&expected, "n%02dv%d", i, i);
		buffer_append_byte(&expected, '\0');
		assert_parameters(buffer_slice(&text), expected.ptr);
		buffer_done(&text);
		buffer_done(&expected);
	}
}

static void
the_documented_example_gives_the_documented_signature(void **state)
{
	(void)state;
	struct signature digest;
	char text[SIGNATURE_TEXT_MAX];
	digest = signature_make(token, SIGNATURE_DIGEST_SIZE, SLICE("https://mycompany.com"),
	    SLICE("/myapp.php?foo=1&bar=2"),
	    SLICE("CallSidCA1234567890ABCDECaller+12349013030Digits1234From+12349013030"
		  "To+18005551212"));
	signature_write(&digest, text);
	assert_string_equal(text, "0/KCTR6DLpKmkAf8muzZqo1nDgQ=");
}

/* RFC 2202, section 3: keys shorter than, as long as and longer than SHA-1's block. */
static void
the_digest_is_hmac_sha1(void **state)
{
	(void)state;
	static const struct {
		int key_byte;
		size_t key_len;
		const char *data;
	} rows[] = {
	    {0x0b, 20, "Hi There"},
	    {0xaa, 80, "Test Using Larger Than Block-Size Key - Hash Key First"},
	};
	static const uint8_t digests[][SIGNATURE_DIGEST_SIZE] = {
	    {0xb6, 0x17, 0x31, 0x86, 0x55, 0x05, 0x72, 0x64, 0xe2, 0x8b, 0xc0, 0xb6, 0xfb, 0x37,
		0x8c, 0x8e, 0xf1, 0x46, 0xbe, 0x00},
	    {0xaa, 0x4a, 0xe5, 0xe1, 0x52, 0x72, 0xd0, 0x0e, 0x95, 0x70, 0x56, 0x37, 0xce, 0x8a,
		0x3b, 0x55, 0xed, 0x40, 0x21, 0x12},
	};
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		char key[80];
		struct signature digest;
		struct secret *secret;
		memset(key, rows[i].key_byte, sizeof key);
		assert_ok(secret_new((struct slice){key, rows[i].key_len}, &secret));
		digest = signature_make(
		    secret, SIGNATURE_DIGEST_SIZE, SLICE_NONE, slice_of(rows[i].data), SLICE_NONE);
		assert_memory_equal(digest.digest, digests[i], SIGNATURE_DIGEST_SIZE);
		secret_free(secret);
	}
}

static void
where_the_text_is_divided_does_not_matter(void **state)
{
	(void)state;
	struct signature a, b;
	a = signature_make(token, SIGNATURE_DIGEST_SIZE, SLICE("abc"), SLICE("def"), SLICE("ghi"));
	b = signature_make(token, SIGNATURE_DIGEST_SIZE, SLICE(""), SLICE_NONE, SLICE("abcdefghi"));
	assert_true(signature_same(&a, &b));
	b = signature_make(token, SIGNATURE_DIGEST_SIZE, SLICE("abc"), SLICE("def"), SLICE("ghj"));
	assert_false(signature_same(&a, &b));
}

static void
a_signature_is_28_characters_of_canonical_base64(void **state)
{
	(void)state;
	static const char *const bad[] = {"", "RSOYDt4T1cUTdK1PDd93/VVr8B8",
	    "RSOYDt4T1cUTdK1PDd93_VVr8B8=", "RSOYDt4T1cUTdK1PDd93/VVr8B9=",
	    "RSOYDt4T1cUTdK1PDd93/VVr8B8= ", " RSOYDt4T1cUTdK1PDd93/VVr8B8=",
	    "RSOYDt4T1cUT K1PDd93/VVr8B8=", "RSOYDt4T1cUTdK1PDd93/VVr8B==",
	    "RSOYDt4T1cUTdK1PDd93/VVr8B88",
	    "RSOYDt4T1cUTdK1PDd93/VVr8B8=RSOYDt4T1cUTdK1PDd93/VVr8B8=",
	    "=RSOYDt4T1cUTdK1PDd93/VVr8B8", "RSOYDt4T1cUTdK1PDd93/VVr8B8\n"};
	struct signature digest, again;
	char text[SIGNATURE_TEXT_MAX];
	memset(&digest, 7, sizeof digest);
	memset(&again, 7, sizeof again);
	for (size_t i = 0; i < COUNT_OF(bad); i++) {
		if (signature_read(slice_of(bad[i]), &digest) != RESULT_INVALID)
			print_error("\"%s\" was read\n", bad[i]);
		assert_int_equal(signature_read(slice_of(bad[i]), &digest), RESULT_INVALID);
	}
	assert_int_equal(
	    signature_read(SLICE("RSOYDt4T1cUTdK1PDd93/VVr8B8\0"), &digest), RESULT_INVALID);
	assert_memory_equal(&digest, &again, sizeof digest);
	assert_ok(signature_read(SLICE("RSOYDt4T1cUTdK1PDd93/VVr8B8="), &digest));
	signature_write(&digest, text);
	assert_string_equal(text, "RSOYDt4T1cUTdK1PDd93/VVr8B8=");
}

/* Of the 64 last characters before the =, only the 16 without stray bits are one. */
static void
each_digest_has_one_text(void **state)
{
	(void)state;
	static const char alphabet[] =
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	char text[] = "RSOYDt4T1cUTdK1PDd93/VVr8B8=";
	struct signature digest;
	for (int i = 0; i < 64; i++) {
		text[26] = alphabet[i];
		assert_int_equal(signature_read(slice_of(text), &digest),
		    i % 4 == 0 ? RESULT_OK : RESULT_INVALID);
	}
}

/* libsodium's decoder takes any byte from 0x80 on for a slash. */
static void
bytes_that_are_no_ascii_are_no_base64(void **state)
{
	(void)state;
	struct signature digest;
	for (int byte = 0x80; byte < 0x100; byte++)
		for (size_t at = 0; at < 28; at++) {
			char text[] = "RSOYDt4T1cUTdK1PDd93/VVr8B8=";
			text[at] = (char)byte;
			assert_int_equal(signature_read(slice_of(text), &digest), RESULT_INVALID);
		}
}

#define EMPTY_OBJECT_HASH "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"
#define EMPTY_HASH "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

static void
a_bodys_hash_is_lower_case_sha256(void **state)
{
	(void)state;
	char text[SIGNATURE_BODY_HASH_SIZE];
	signature_body_hash(SLICE("{}"), text);
	assert_string_equal(text, EMPTY_OBJECT_HASH);
	signature_body_hash(SLICE_NONE, text);
	assert_string_equal(text, EMPTY_HASH);
}

static void
a_fingerprint_reports_where_each_piece_ends_and_whether_it_was_there(void **state)
{
	(void)state;
	static const struct slice lists[][3] = {
	    {SLICE_INIT("ab"), SLICE_INIT("c"), SLICE_INIT("")},
	    {SLICE_INIT("a"), SLICE_INIT("bc"), SLICE_INIT("")},
	    {SLICE_INIT("ab"), SLICE_INIT("c"), {NULL, 0}},
	    {SLICE_INIT("ab"), SLICE_INIT(""), SLICE_INIT("c")},
	    {SLICE_INIT("abc"), {NULL, 0}, {NULL, 0}},
	    {{NULL, 0}, SLICE_INIT("abc"), {NULL, 0}},
	};
	uint8_t prints[COUNT_OF(lists)][SIGNATURE_FINGERPRINT_SIZE], again[sizeof prints[0]];
	for (size_t i = 0; i < COUNT_OF(lists); i++) {
		signature_fingerprint(lists[i], 3, prints[i]);
		signature_fingerprint(lists[i], 3, again);
		assert_memory_equal(prints[i], again, sizeof again);
		for (size_t k = 0; k < i; k++)
			assert_memory_not_equal(prints[i], prints[k], sizeof again);
	}
}

static void
a_secret_may_be_hexadecimal_or_any_base64(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		enum secret_reading reading;
		struct slice decoded; /* absent: it has no such reading */
	} rows[] = {
	    {"fffe0001", SECRET_FROM_HEX, SLICE_INIT("\xff\xfe\0\1")},
	    {"FFFE0001", SECRET_FROM_HEX, SLICE_INIT("\xff\xfe\0\1")},
	    {"fffe000", SECRET_FROM_HEX, {NULL, 0}},
	    {"fffe000x", SECRET_FROM_HEX, {NULL, 0}},
	    {"", SECRET_FROM_HEX, {NULL, 0}},
	    {"//4AAQ==", SECRET_FROM_BASE64, SLICE_INIT("\xff\xfe\0\1")},
	    {"//4AAQ", SECRET_FROM_BASE64, SLICE_INIT("\xff\xfe\0\1")},
	    {"__4AAQ==", SECRET_FROM_BASE64, SLICE_INIT("\xff\xfe\0\1")},
	    {"__4AAQ", SECRET_FROM_BASE64, SLICE_INIT("\xff\xfe\0\1")},
	    {"_/4AAQ", SECRET_FROM_BASE64, {NULL, 0}},
	    {"//4AAQ=", SECRET_FROM_BASE64, {NULL, 0}},
	    {"", SECRET_FROM_BASE64, {NULL, 0}},
	    {"fffe0001", SECRET_AS_TEXT, {NULL, 0}},
	};
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct secret *text, *decoded = NULL;
		assert_ok(secret_new(slice_of(rows[i].text), &text));
		enum result result = secret_decode(text, rows[i].reading, &decoded);
		assert_int_equal(result, rows[i].decoded.ptr != NULL ? RESULT_OK : RESULT_INVALID);
		if (result == RESULT_OK)
			assert_true(secret_equal(decoded, rows[i].decoded));
		secret_free(text);
		secret_free(decoded);
	}
}

static void
every_body_hash_in_the_query_must_hold(void **state)
{
	(void)state;
	static const struct {
		const char *query;
		enum signature_body_check check;
	} rows[] = {
	    {NULL, SIGNATURE_BODY_UNBOUND},
	    {"", SIGNATURE_BODY_UNBOUND},
	    {"a=bodySHA256&bodySHA25=1&xbodySHA256=1&bodysha256=2", SIGNATURE_BODY_UNBOUND},
	    {"bodySHA256=" EMPTY_OBJECT_HASH, SIGNATURE_BODY_MATCHES},
	    {"a=1&bodySHA256=" EMPTY_OBJECT_HASH "&b=2", SIGNATURE_BODY_MATCHES},
	    {"bodySHA256=" EMPTY_OBJECT_HASH "&bodySHA256=" EMPTY_OBJECT_HASH,
		SIGNATURE_BODY_MATCHES},
	    {"bodySHA256=" EMPTY_OBJECT_HASH "&bodySHA256=" EMPTY_HASH, SIGNATURE_BODY_DIFFERS},
	    {"bodySHA256=" EMPTY_HASH "&bodySHA256=" EMPTY_OBJECT_HASH, SIGNATURE_BODY_DIFFERS},
	    {"bodySHA256=", SIGNATURE_BODY_DIFFERS},
	    {"bodySHA256", SIGNATURE_BODY_DIFFERS},
	    {"bodySHA256=44136FA355B3678A1146AD16F7E8649E94FB4FC21FE77E8310C060F61CAAFF8A",
		SIGNATURE_BODY_DIFFERS},
	    {"bodySHA256=" EMPTY_OBJECT_HASH "0", SIGNATURE_BODY_DIFFERS},
	};
	for (size_t i = 0; i < COUNT_OF(rows); i++)
		assert_int_equal(
		    signature_check_body(slice_of(rows[i].query), SLICE("{}")), rows[i].check);
}

static void
secrets_are_compared_whole(void **state)
{
	(void)state;
	struct secret *empty, *one, *other;
	assert_true(secret_equal(token, SLICE("12345")));
	assert_false(secret_equal(token, SLICE("1234")));
	assert_false(secret_equal(token, SLICE("123456")));
	assert_false(secret_equal(token, SLICE("12346")));
	assert_false(secret_equal(token, SLICE("")));
	assert_ok(secret_new(SLICE(""), &empty));
	assert_true(secret_equal(empty, SLICE("")));
	assert_ok(secret_new_random(&one));
	assert_ok(secret_new_random(&other));
	struct signature a, b;
	a = signature_make(one, SIGNATURE_DIGEST_SIZE, SLICE("x"), SLICE(""), SLICE(""));
	b = signature_make(other, SIGNATURE_DIGEST_SIZE, SLICE("x"), SLICE(""), SLICE(""));
	assert_false(signature_same(&a, &b));
	secret_free(empty);
	secret_free(one);
	secret_free(other);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(parameters_are_sorted_by_name_in_byte_order),
	    cmocka_unit_test(the_value_takes_no_part_in_the_order_of_names),
	    cmocka_unit_test(repeated_names_are_sorted_unique_and_named_each_time),
	    cmocka_unit_test(bytes_are_signed_as_decoded),
	    cmocka_unit_test(more_fields_than_are_sorted_in_place_are_sorted_all_the_same),
	    cmocka_unit_test(the_documented_example_gives_the_documented_signature),
	    cmocka_unit_test(the_digest_is_hmac_sha1),
	    cmocka_unit_test(where_the_text_is_divided_does_not_matter),
	    cmocka_unit_test(a_signature_is_28_characters_of_canonical_base64),
	    cmocka_unit_test(each_digest_has_one_text),
	    cmocka_unit_test(bytes_that_are_no_ascii_are_no_base64),
	    cmocka_unit_test(a_bodys_hash_is_lower_case_sha256),
	    cmocka_unit_test(a_fingerprint_reports_where_each_piece_ends_and_whether_it_was_there),
	    cmocka_unit_test(a_secret_may_be_hexadecimal_or_any_base64),
	    cmocka_unit_test(every_body_hash_in_the_query_must_hold),
	    cmocka_unit_test(secrets_are_compared_whole),
	};
	return cmocka_run_group_tests(tests, make_token, drop_token);
}
