/* What the first bytes of a connection say about who sends them. */
#include "intake/first_bytes.h"

#include "testing.h"

#include <arpa/inet.h>

static const struct {
	struct slice bytes;
	enum opening opening;
} samples[] = {
    {SLICE_INIT("POST /sms/twilio HTTP/1.1\r\n"), OPENING_HTTP},
    {SLICE_INIT("GET / HTTP/1.1\r\n"), OPENING_HTTP},
    {SLICE_INIT("\r\n\r\nPOST / HTTP/1.1\r\n"), OPENING_HTTP},
    {SLICE_INIT("M-SEARCH * HTTP/1.1\r\n"), OPENING_HTTP},
    {SLICE_INIT("PRIVATE / HTTP/1.1\r\n"), OPENING_HTTP},
    {SLICE_INIT("PROXYING / HTTP/1.1\r\n"), OPENING_HTTP},
    {SLICE_INIT("PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n"), OPENING_PROXY_V1},
    {SLICE_INIT("PROXY UNKNOWN\r\n"), OPENING_PROXY_V1},
    {SLICE_INIT("\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c"), OPENING_PROXY_V2},
    {SLICE_INIT("\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03"), OPENING_TLS},
    {SLICE_INIT("\x16\x03\x03\0\x80\x01\0\0\x7c\x03\x03"), OPENING_TLS},
    {SLICE_INIT("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), OPENING_HTTP2},
    {SLICE_INIT("SSH-2.0-OpenSSH_9.2\r\n"), OPENING_SSH},
    {SLICE_INIT("EHLO mail.example.com\r\n"), OPENING_SMTP},
    {SLICE_INIT("helo mail.example.com\r\n"), OPENING_SMTP},
    {SLICE_INIT("\0\0\0\x0c"), OPENING_OTHER},
    {SLICE_INIT("\x80\x2e\x01\x03\x01"), OPENING_OTHER},
    {SLICE_INIT("{\"a\":1}"), OPENING_OTHER},
    {SLICE_INIT(""), OPENING_SILENT},
};

static void
test_each_opening_is_recognised(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof samples / sizeof samples[0]; i++)
		assert_int_equal(opening_of(samples[i].bytes), samples[i].opening);
}

static void
test_the_pieces_that_bytes_arrive_in_do_not_matter(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof samples / sizeof samples[0]; i++)
		for (size_t piece = 1; piece < 20; piece++) {
			first_bytes_watch(7, NULL);
			bool more = true;
			for (size_t at = 0; at < samples[i].bytes.len && more; at += piece) {
				struct slice rest = slice_from(samples[i].bytes, at);
				more = first_bytes_see(7,
				    (struct slice){rest.ptr, rest.len < piece ? rest.len : piece});
			}
			assert_int_equal(more, samples[i].opening != OPENING_TLS);
			assert_int_equal(first_bytes_forget(7), samples[i].opening);
		}
}

static void
test_a_descriptor_that_is_not_watched_is_left_alone(void **state)
{
	(void)state;
	first_bytes_watch(FIRST_BYTES_DESCRIPTORS, NULL);
	assert_true(first_bytes_see(FIRST_BYTES_DESCRIPTORS, SLICE("\x16\x03\x01")));
	assert_int_equal(first_bytes_forget(FIRST_BYTES_DESCRIPTORS), OPENING_UNWATCHED);
	assert_true(first_bytes_see(8, SLICE("\x16\x03\x01")));
	assert_true(first_bytes_see(-1, SLICE("\x16\x03\x01")));
}

static void
test_a_descriptor_that_is_used_again_starts_anew(void **state)
{
	struct sockaddr_in peer = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(0x7f000001)};
	(void)state;
	first_bytes_watch(9, (const struct sockaddr *)&peer);
	assert_true(first_bytes_see(9, SLICE("PROXY UNKNOWN\r\n")));
	assert_int_equal(first_bytes_forget(9), OPENING_PROXY_V1);
	first_bytes_watch(9, (const struct sockaddr *)&peer);
	assert_true(first_bytes_see(9, SLICE("POST / HTTP/1.1\r\n")));
	assert_int_equal(first_bytes_forget(9), OPENING_HTTP);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_each_opening_is_recognised),
	    cmocka_unit_test(test_the_pieces_that_bytes_arrive_in_do_not_matter),
	    cmocka_unit_test(test_a_descriptor_that_is_not_watched_is_left_alone),
	    cmocka_unit_test(test_a_descriptor_that_is_used_again_starts_anew),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
