/* table: columns that fit a terminal. */
#include "testing.h"

#include "../../src/cli/table.h"

#include <locale.h>
#include <unistd.h>

#define SID "SM0123456789abcdef0123456789abcdef"
#define OTHER_SID "SMfedcba9876543210fedcba9876543210"

/* Prints to a file in place of stdout, and returns its content; for buffer_done. */
static struct buffer
printed(struct table *table, int width)
{
	struct buffer out = BUFFER_EMPTY;
	char bytes[4096];
	FILE *file = tmpfile();
	assert_non_null(file);
	fflush(stdout);
	int stdout_before = dup(STDOUT_FILENO);
	dup2(fileno(file), STDOUT_FILENO);
	assert_true(table_print(table, width));
	fflush(stdout);
	dup2(stdout_before, STDOUT_FILENO);
	close(stdout_before);
	rewind(file);
	for (size_t len; (len = fread(bytes, 1, sizeof bytes, file)) > 0;)
		buffer_append(&out, (struct slice){bytes, len});
	fclose(file);
	return out;
}

struct grid {
	const struct table_column *columns;
	size_t count;
	const char *const *cells;
	size_t cell_count;
};

static void
assert_prints(const struct grid *grid, int width, const char *expected)
{
	struct table *table = table_new(grid->columns, grid->count);
	for (size_t i = 0; i < grid->cell_count; i++)
		table_add(table, slice_of(grid->cells[i]));
	struct buffer out = printed(table, width);
	assert_slice(buffer_slice(&out), expected);
	buffer_done(&out);
	table_free(table);
}

static const struct table_column few[] = {{.name = "name"}, {.name = "sent_now", .number = true},
    {.name = "sid"}, {.name = "text", .wraps = true}};
static const char *const few_cells[] = {"a", "1234567", SID, "one two three four five six seven",
    "a longer name than that", "-", OTHER_SID, "x"};
static const struct grid few_grid = {few, COUNT_OF(few), few_cells, COUNT_OF(few_cells)};

static void
without_a_limit_each_cell_is_whole_and_columns_are_aligned(void **state)
{
	(void)state;
	assert_prints(&few_grid, 0,
	    "name                     sent_now  sid                                 text\n"
	    "a                         1234567  " SID "  one two three four five six seven\n"
	    "a longer name than that         -  " OTHER_SID "  x\n");
}

static void
what_is_too_wide_is_shortened_step_by_step(void **state)
{
	(void)state;
	/* SIDs and headings */
	assert_prints(&few_grid, 82,
	    "name                        sent  sid           text\n"
	    "                             now                \n"
	    "a                        1234567  SM0123…bcdef  one two three four five six seven\n"
	    "a longer name than that        -  SMfedc…43210  x\n");
	/* the text that wraps */
	assert_prints(&few_grid, 76,
	    "name                        sent  sid           text\n"
	    "                             now                \n"
	    "a                        1234567  SM0123…bcdef  one two three four five six\n"
	    "                                                seven\n"
	    "a longer name than that        -  SMfedc…43210  x\n");
	/* other texts */
	assert_prints(&few_grid, 70,
	    "name                  sent  sid           text\n"
	    "                       now                \n"
	    "a                  1234567  SM0123…bcdef  one two three four five six\n"
	    "                                          seven\n"
	    "a longer name th…        -  SMfedc…43210  x\n");
}

static void
a_time_is_shortened_and_numbers_are_whole(void **state)
{
	(void)state;
	static const struct table_column columns[] = {{.name = "time"}, {.name = "from"},
	    {.name = "count", .number = true}, {.name = "place"}};
	static const char *const cells[] = {"2026-11-20T14:00:00.123Z", "whatsapp:+15550000001",
	    "1234567", "a place with a long name"};
	static const struct grid grid = {columns, 4, cells, 4};
	assert_prints(&grid, 70,
	    "time                  from                     count  place\n"
	    "2026-11-20T14:00:00Z  whatsapp:+15550000001  1234567  a place with a …\n");
}

static void
dispensable_columns_are_left_out_and_named(void **state)
{
	(void)state;
	static const struct table_column columns[] = {{.name = "campaign"},
	    {.name = "sent", .number = true}, {.name = "read", .number = true, .dispensable = 2},
	    {.name = "replied", .number = true, .dispensable = 1},
	    {.name = "rate", .number = true}};
	static const char *const cells[] = {"spring-sale-2026", "1000000", "1000", "10", "99.9%"};
	static const struct grid grid = {columns, 5, cells, 5};
	assert_prints(&grid, 47,
	    "campaign             sent  read  replied   rate\n"
	    "spring-sale-2026  1000000  1000       10  99.9%\n");
	assert_prints(&grid, 46,
	    "campaign             sent  replied   rate\n"
	    "spring-sale-2026  1000000       10  99.9%\n"
	    "not shown here: read; --wide shows all\n");
	assert_prints(&grid, 35,
	    "campaign             sent   rate\n"
	    "spring-sale-2026  1000000  99.9%\n"
	    "not shown here: read,\n  replied; --wide shows all\n");
	assert_prints(&grid, 24,
	    "campaign     sent   rate\n"
	    "spring-…  1000000  99.9%\n"
	    "not shown here: read,\n  replied; --wide shows all\n");
}

static void
characters_take_the_columns_that_they_take_on_a_terminal(void **state)
{
	(void)state;
	static const struct table_column columns[] = {
	    {.name = "name"}, {.name = "n", .number = true}};
	static const char *const cells[] = {"plain", "1", "東京", "2", "e\xcc\x81t\xc3\xa9", "3",
	    "👍🏽", "4", "👩‍👩‍👧", "5", "🇩🇪", "6", "a\xff!", "7"};
	static const struct grid grid = {columns, 2, cells, 14};
	assert_prints(&grid, 0,
	    "name   n\n"
	    "plain  1\n"
	    "東京   2\n"
	    "e\xcc\x81t\xc3\xa9    3\n"
	    "👍🏽     4\n"
	    "👩‍👩‍👧     5\n"
	    "🇩🇪     6\n"
	    "a?!    7\n");
}

static void
no_character_is_cut_in_two(void **state)
{
	(void)state;
	static const struct table_column columns[] = {
	    {.name = "name"}, {.name = "n", .number = true}};
	static const char *const cells[] = {"東京東京東京東京東京", "1",
	    "e\xcc\x81"
	    "e\xcc\x81"
	    "e\xcc\x81"
	    "e\xcc\x81"
	    "e\xcc\x81"
	    "e\xcc\x81"
	    "e\xcc\x81"
	    "e\xcc\x81"
	    "e\xcc\x81",
	    "2"};
	static const struct grid grid = {columns, 2, cells, 4};
	assert_prints(&grid, 11,
	    "name      n\n"
	    "東京東…   1\n"
	    "e\xcc\x81"
	    "e\xcc\x81"
	    "e\xcc\x81"
	    "e\xcc\x81"
	    "e\xcc\x81"
	    "e\xcc\x81"
	    "e\xcc\x81"
	    "…  2\n");
}

static void
a_table_without_rows_has_its_headings(void **state)
{
	(void)state;
	static const struct grid grid = {few, COUNT_OF(few), NULL, 0};
	assert_prints(&grid, 0, "name  sent_now  sid  text\n");
	assert_prints(&grid, 80, "name  sent_now  sid  text\n");
}

/* At any width: no line is longer, unless nothing could be left out, and nothing is endless. */
static void
any_texts_fit_any_width(void **state)
{
	(void)state;
	static const char *const pieces[] = {"a", " ", "東", "e\xcc\x81", "👩‍👩‍👧",
	    "word ", SID, "+15550000001", "\xff", "_", "-", "…"};
	for (int round = 0; round < 400; round++) {
		size_t count = 1 + random_below(8);
		struct table_column columns[8] = {{.name = NULL}};
		for (size_t i = 0; i < count; i++)
			columns[i] = (struct table_column){.name = i % 2 == 0 ? "one_heading" : "h",
			    .wraps = i + 1 == count && count > 1 && random_below(2) == 0,
			    .dispensable = (int)random_below(3)};
		struct table *table = table_new(columns, count);
		for (size_t cell = 0; cell < count * 4; cell++) {
			struct buffer text = BUFFER_EMPTY;
			for (size_t n = random_below(12); n > 0; n--)
				buffer_append(
				    &text, slice_of(pieces[random_below(COUNT_OF(pieces))]));
			table_add(table, buffer_slice(&text));
			buffer_done(&text);
		}
		struct buffer out = printed(table, 1 + (int)random_below(160));
		assert_true(out.len > 0);
		assert_true(slice_is_utf8(buffer_slice(&out)));
		buffer_done(&out);
		table_free(table);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(without_a_limit_each_cell_is_whole_and_columns_are_aligned),
	    cmocka_unit_test(what_is_too_wide_is_shortened_step_by_step),
	    cmocka_unit_test(a_time_is_shortened_and_numbers_are_whole),
	    cmocka_unit_test(dispensable_columns_are_left_out_and_named),
	    cmocka_unit_test(characters_take_the_columns_that_they_take_on_a_terminal),
	    cmocka_unit_test(no_character_is_cut_in_two),
	    cmocka_unit_test(a_table_without_rows_has_its_headings),
	    cmocka_unit_test(any_texts_fit_any_width),
	};
	if (setlocale(LC_CTYPE, "C.UTF-8") == NULL)
		return 77; /* skipped */
	return cmocka_run_group_tests(tests, NULL, NULL);
}
