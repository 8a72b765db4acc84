#define _DEFAULT_SOURCE /* usleep */
/* log: one event, one line, and nothing in it that a terminal would obey. */
#include "testing.h"

#include "dlrd/base/clock.h"
#include "dlrd/base/log.h"

static int saved_stderr, pipe_end;

static void
capture(void)
{
	int ends[2];
	fflush(stderr);
	assert_int_equal(pipe(ends), 0);
	saved_stderr = dup(STDERR_FILENO);
	dup2(ends[1], STDERR_FILENO);
	close(ends[1]);
	pipe_end = ends[0];
}

/* What has been written to stderr since capture. */
static struct buffer
captured(void)
{
	struct buffer text = BUFFER_EMPTY;
	char piece[4096];
	dup2(saved_stderr, STDERR_FILENO);
	close(saved_stderr);
	for (ssize_t len; (len = read(pipe_end, piece, sizeof piece)) > 0;)
		buffer_append(&text, (struct slice){piece, (size_t)len});
	close(pipe_end);
	return text;
}

static void
a_line_holds_time_level_and_text(void **state)
{
	(void)state;
	int64_t time_us;
	unsetenv("JOURNAL_STREAM");
	capture();
	log_line(LOG_WARNING, "%s %d", "low", 7);
	struct buffer text = captured();
	struct slice rest = buffer_slice(&text), time = slice_take(&rest, ' ');
	assert_ok(clock_parse(time, &time_us));
	assert_slice(rest, "warning: low 7\n");
	buffer_done(&text);
}

static void
under_systemd_a_line_carries_its_level(void **state)
{
	(void)state;
	setenv("JOURNAL_STREAM", "1:2", 1);
	capture();
	log_line(LOG_ERROR, "a");
	log_line(LOG_WARNING, "b");
	log_line(LOG_INFO, "c");
	struct buffer text = captured();
	assert_slice(buffer_slice(&text), "<3>a\n<4>b\n<6>c\n");
	buffer_done(&text);
}

static void
lines_above_the_level_are_dropped(void **state)
{
	(void)state;
	setenv("JOURNAL_STREAM", "1:2", 1);
	capture();
	log_line(LOG_DEBUG, "no");
	log_set_level(LOG_DEBUG);
	log_line(LOG_DEBUG, "yes");
	log_set_level(LOG_ERROR);
	log_line(LOG_WARNING, "no");
	log_set_level(LOG_INFO);
	struct buffer text = captured();
	assert_slice(buffer_slice(&text), "<7>yes\n");
	buffer_done(&text);
}

static void
control_bytes_are_escaped(void **state)
{
	(void)state;
	setenv("JOURNAL_STREAM", "1:2", 1);
	capture();
	log_line(LOG_INFO, "a\r\nb\x1b[31m\t\x7f %%n \xc3\xa4");
	struct buffer text = captured();
	assert_slice(buffer_slice(&text), "<6>a\\x0d\\x0a"
					  "b\\x1b[31m\\x09\\x7f %n \xc3\xa4\n");
	buffer_done(&text);
}

/* U+009B is a control sequence's start to a terminal, as is the bare byte 0x9b to some. */
static void
nothing_of_a_c1_control_or_line_separator_is_left(void **state)
{
	(void)state;
	static const char *const texts[] = {"\xc2\x85",
	    "\xc2\x9b"
	    "31m",
	    "\xe2\x80\xa8", "\xe2\x80\xa9",
	    "\x9b"
	    "31m",
	    "\x85"};
	setenv("JOURNAL_STREAM", "1:2", 1);
	for (size_t i = 0; i < COUNT_OF(texts); i++) {
		capture();
		log_line(LOG_INFO, "x%sy", texts[i]);
		struct buffer text = captured();
		for (size_t at = 0; at < text.len; at++)
			if ((unsigned char)text.ptr[at] >= 0x80)
				print_error("text %zu: byte %02x is left\n", i,
				    (unsigned char)text.ptr[at]);
		for (size_t at = 0; at < text.len; at++)
			assert_true((unsigned char)text.ptr[at] < 0x80);
		buffer_done(&text);
	}
}

static void
a_long_line_is_cut(void **state)
{
	(void)state;
	char text[4 * LOG_LINE_MAX];
	memset(text, 'a', sizeof text);
	text[sizeof text - 1] = '\0';
	setenv("JOURNAL_STREAM", "1:2", 1);
	capture();
	log_line(LOG_INFO, "%s", text);
	struct buffer line = captured();
	assert_in_range(line.len, 100, LOG_LINE_MAX + 4); /* "<6>" and the line break */
	assert_int_equal(slice_find(buffer_slice(&line), '\n'), line.len - 1);
	buffer_done(&line);
}

static void
a_line_of_control_bytes_is_cut_too(void **state)
{
	(void)state;
	char text[LOG_LINE_MAX];
	memset(text, '\x01', sizeof text);
	text[sizeof text - 1] = '\0';
	setenv("JOURNAL_STREAM", "1:2", 1);
	capture();
	log_line(LOG_INFO, "%s", text);
	struct buffer line = captured();
	assert_int_equal(slice_find(buffer_slice(&line), '\n'), line.len - 1);
	assert_in_range(line.len, 100, LOG_LINE_MAX + 4);
	buffer_done(&line);
}

static void
levels_are_known_by_name(void **state)
{
	(void)state;
	enum log_level level = LOG_DEBUG;
	for (int i = LOG_ERROR; i <= LOG_DEBUG; i++) {
		assert_true(log_level_from_name(log_level_name((enum log_level)i), &level));
		assert_int_equal(level, i);
	}
	assert_false(log_level_from_name(SLICE("INFO"), &level));
	assert_false(log_level_from_name(SLICE(""), &level));
}

/* The test waits for a fresh second, so that the clock's tick does not fall between. */
static void
wait_for_second(void)
{
	int64_t second = clock_monotonic_us() / CLOCK_SECOND_US;
	while (clock_monotonic_us() / CLOCK_SECOND_US == second)
		usleep(1000);
}

static void
a_limit_lets_some_lines_through_each_second_and_counts_the_rest(void **state)
{
	(void)state;
	struct log_limit limit = {0};
	uint64_t swallowed = 99;
	unsigned allowed = 0;
	wait_for_second();
	for (int i = 0; i < 10; i++)
		allowed += log_limit_allows(&limit, 3, &swallowed);
	assert_int_equal(allowed, 3);
	assert_int_equal(swallowed, 0);
	wait_for_second();
	assert_true(log_limit_allows(&limit, 3, &swallowed));
	assert_int_equal(swallowed, 7);
	assert_true(log_limit_allows(&limit, 3, &swallowed));
	assert_int_equal(swallowed, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_line_holds_time_level_and_text),
	    cmocka_unit_test(under_systemd_a_line_carries_its_level),
	    cmocka_unit_test(lines_above_the_level_are_dropped),
	    cmocka_unit_test(control_bytes_are_escaped),
	    cmocka_unit_test(nothing_of_a_c1_control_or_line_separator_is_left),
	    cmocka_unit_test(a_long_line_is_cut),
	    cmocka_unit_test(a_line_of_control_bytes_is_cut_too),
	    cmocka_unit_test(levels_are_known_by_name),
	    cmocka_unit_test(a_limit_lets_some_lines_through_each_second_and_counts_the_rest),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
