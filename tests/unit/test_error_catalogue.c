/* error_catalogue: the shipped file, and what is refused in one that was edited. */
#include "testing.h"

#include "dlrd/twilio/error_catalogue.h"

#define HEAD "code,name,kind,permanence,action\n"

static char *directory;

static int
make_directory(void **state)
{
	(void)state;
	directory = private_directory();
	return 0;
}

static int
drop_directory(void **state)
{
	(void)state;
	remove_directory(directory);
	return 0;
}

static enum result
load(struct slice text, struct error_catalogue *out_catalogue, struct failure *failure)
{
	write_file(path_in(directory, "codes.csv"), text);
	failure->text[0] = '\0';
	return error_catalogue_load(path_in(directory, "codes.csv"), out_catalogue, failure);
}

static void
assert_refused(struct slice text, const char *part)
{
	struct error_catalogue catalogue = {.count = 77};
	struct failure failure;
	assert_int_equal(load(text, &catalogue, &failure), RESULT_INVALID);
	assert_contains(slice_of(failure.text), "/codes.csv");
	assert_contains(slice_of(failure.text), part);
	assert_int_equal(catalogue.count, 77);
}

static void
the_shipped_catalogue_is_whole(void **state)
{
	(void)state;
	struct error_catalogue catalogue;
	struct failure failure;
	assert_ok(error_catalogue_load(TEST_SOURCE "/conf/error-codes.csv", &catalogue, &failure));
	assert_int_equal(catalogue.count, 761);
	const struct error_entry *entry = error_catalogue_find(&catalogue, 30005);
	assert_non_null(entry);
	assert_slice(entry->name, "Unknown destination handset");
	assert_slice(entry->permanence, "permanent");
	/* this one's action is a quoted cell, with a comma in it */
	entry = error_catalogue_find(&catalogue, 10001);
	assert_non_null(entry);
	assert_slice(entry->action, "Reactivate the Twilio account, then send again.");
	static const int64_t frequent[] = {30001, 30002, 30003, 30004, 30006, 30007, 30008, 30009,
	    30010, 30034, 30410, 30450, 21610, 21614, 63016, 63018, 63024};
	for (size_t i = 0; i < COUNT_OF(frequent); i++)
		assert_non_null(error_catalogue_find(&catalogue, frequent[i]));
	for (size_t i = 0; i < catalogue.count; i++) {
		const struct error_entry *each = &catalogue.entries[i];
		assert_true(i == 0 || each[-1].code < each->code);
		assert_true(each->name.len > 0 && each->kind.len > 0 && each->action.len > 0);
		assert_true(slice_equal(each->permanence, SLICE("permanent")) ||
			    slice_equal(each->permanence, SLICE("transient")) ||
			    slice_equal(each->permanence, SLICE("unknown")));
	}
	assert_null(error_catalogue_find(&catalogue, 0));
	assert_null(error_catalogue_find(&catalogue, -1));
	assert_null(error_catalogue_find(&catalogue, 999999));
	error_catalogue_done(&catalogue);
	assert_null(error_catalogue_find(&catalogue, 30005));
}

static void
cells_may_be_quoted(void **state)
{
	(void)state;
	struct error_catalogue catalogue;
	struct failure failure;
	assert_ok(load(SLICE(HEAD "2,\"a \"\"b\"\", c\",\"\",x,\"two\nlines\"\r\n"
				  "1,,,,\r\n3,\"\"\"\",b,c,d"),
	    &catalogue, &failure));
	assert_int_equal(catalogue.count, 3);
	assert_slice(catalogue.entries[0].action, "");
	assert_slice(catalogue.entries[1].name, "a \"b\", c");
	assert_slice(catalogue.entries[1].kind, "");
	assert_slice(catalogue.entries[1].action, "two\nlines");
	assert_slice(catalogue.entries[2].name, "\"");
	assert_slice(catalogue.entries[2].action, "d");
	error_catalogue_done(&catalogue);
}

static void
many_rows_in_any_order_are_found(void **state)
{
	(void)state;
	struct error_catalogue catalogue;
	struct failure failure;
	struct buffer text = BUFFER_EMPTY;
	buffer_append(&text, SLICE(HEAD));
	for (int i = 0; i < 1000; i++)
		buffer_appendf(&text, "%d,n%d,k,p,a\n", (i * 7919) % 1000 + 1, i);
	assert_ok(load(buffer_slice(&text), &catalogue, &failure));
	for (int i = 0; i < 1000; i++) {
		char name[16];
		snprintf(name, sizeof name, "n%d", i);
		const struct error_entry *entry =
		    error_catalogue_find(&catalogue, (i * 7919) % 1000 + 1);
		assert_non_null(entry);
		assert_slice(entry->name, name);
	}
	error_catalogue_done(&catalogue);
	buffer_done(&text);
}

static void
an_empty_catalogue_is_one(void **state)
{
	(void)state;
	struct error_catalogue catalogue;
	struct failure failure;
	assert_ok(load(SLICE(HEAD), &catalogue, &failure));
	assert_int_equal(catalogue.count, 0);
	assert_null(error_catalogue_find(&catalogue, 1));
	error_catalogue_done(&catalogue);
}

static void
a_bad_row_is_named(void **state)
{
	(void)state;
	assert_refused(SLICE(""), ":1:");
	assert_refused(SLICE("30005,a,b,c,d\n"), ":1:");
	assert_refused(SLICE(HEAD "1,a,b,c,d\n2,a,b,c\n3,a,b,c,d\n"), ":3");
	assert_refused(SLICE(HEAD "1,a,b,c,d,e\n"), ":2");
	assert_refused(SLICE(HEAD "1,a,b,c,d\n\n"), ":3");
	assert_refused(SLICE(HEAD "1,a,b,c,d\nx5,a,b,c,d\n"), ":3: \"x5\"");
	assert_refused(SLICE(HEAD "-1,a,b,c,d\n"), ":2: \"-1\"");
	assert_refused(SLICE(HEAD "1,a,b,c,\"d\n"), ":2");
}

static void
a_code_that_stands_twice_is_named(void **state)
{
	(void)state;
	assert_refused(SLICE(HEAD "1,a,b,c,d\n5,a,b,c,d\n1,x,b,c,d\n"), "duplicate code 1");
}

static void
a_code_that_stands_twice_is_named_with_its_row(void **state)
{
	(void)state;
	assert_refused(SLICE(HEAD "1,a,b,c,d\n5,a,b,c,d\n1,x,b,c,d\n"), ":4");
}

static void
a_missing_file_is_named(void **state)
{
	(void)state;
	struct error_catalogue catalogue;
	struct failure failure;
	assert_int_equal(error_catalogue_load(path_in(directory, "no.csv"), &catalogue, &failure),
	    RESULT_NOT_FOUND);
	assert_contains(slice_of(failure.text), "/no.csv: No such file");
	assert_int_equal(error_catalogue_load(directory, &catalogue, &failure), RESULT_IO);
}

/* --- a second file over it --- */

static void
rows_of_a_second_file_add_and_override(void **state)
{
	(void)state;
	struct error_catalogue catalogue;
	struct failure failure;
	const char *site = path_in(directory, "site.csv");
	assert_ok(load(
	    SLICE(HEAD "5,n5,k5,p5,a5\n9,n9,k9,p9,a9\n1,n1,k1,p1,a1\n"), &catalogue, &failure));
	write_file(site, SLICE(HEAD "7,n7,,,a7\n9,,K9,,\"A, 9\"\n0,n0,k0,p0,a0\n"));
	assert_ok(error_catalogue_overlay(&catalogue, site, &failure));
	write_file(site, SLICE(HEAD "7,,k7,p7,\n"));
	assert_ok(error_catalogue_overlay(&catalogue, site, &failure));
	static const struct {
		int64_t code;
		const char *name, *kind, *permanence, *action;
	} rows[] = {{0, "n0", "k0", "p0", "a0"}, {1, "n1", "k1", "p1", "a1"},
	    {5, "n5", "k5", "p5", "a5"}, {7, "n7", "k7", "p7", "a7"},
	    {9, "n9", "K9", "p9", "A, 9"}};
	assert_int_equal(catalogue.count, COUNT_OF(rows));
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		const struct error_entry *entry = error_catalogue_find(&catalogue, rows[i].code);
		assert_ptr_equal(entry, &catalogue.entries[i]); /* sorted */
		assert_slice(entry->name, rows[i].name);
		assert_slice(entry->kind, rows[i].kind);
		assert_slice(entry->permanence, rows[i].permanence);
		assert_slice(entry->action, rows[i].action);
	}
	error_catalogue_done(&catalogue);
}

static void
a_second_file_lies_over_the_built_in_one(void **state)
{
	(void)state;
	struct error_catalogue catalogue;
	struct failure failure;
	const char *site = path_in(directory, "site.csv");
	write_file(site, SLICE(HEAD "30005,,,,Ask the list's owner.\n"));
	assert_ok(error_catalogue_load_built_in(&catalogue, &failure));
	assert_ok(error_catalogue_overlay(&catalogue, site, &failure));
	assert_int_equal(catalogue.count, 761);
	const struct error_entry *entry = error_catalogue_find(&catalogue, 30005);
	assert_slice(entry->name, "Unknown destination handset");
	assert_slice(entry->action, "Ask the list's owner.");
	error_catalogue_done(&catalogue);
}

static void
an_empty_file_changes_nothing_on_either_side(void **state)
{
	(void)state;
	struct error_catalogue catalogue;
	struct failure failure;
	const char *site = path_in(directory, "site.csv");
	write_file(site, SLICE(HEAD));
	assert_ok(load(SLICE(HEAD), &catalogue, &failure));
	assert_ok(error_catalogue_overlay(&catalogue, site, &failure));
	assert_int_equal(catalogue.count, 0);
	write_file(site, SLICE(HEAD "1,a,b,c,d\n"));
	assert_ok(error_catalogue_overlay(&catalogue, site, &failure));
	write_file(site, SLICE(HEAD));
	assert_ok(error_catalogue_overlay(&catalogue, site, &failure));
	assert_int_equal(catalogue.count, 1);
	assert_slice(error_catalogue_find(&catalogue, 1)->action, "d");
	error_catalogue_done(&catalogue);
}

static void
a_bad_second_file_leaves_the_catalogue_as_it_was(void **state)
{
	(void)state;
	struct error_catalogue catalogue;
	struct failure failure;
	const char *site = path_in(directory, "site.csv");
	assert_ok(load(SLICE(HEAD "1,a,b,c,d\n"), &catalogue, &failure));
	write_file(site, SLICE(HEAD "1,x,x,x,x\n1,y,y,y,y\n"));
	assert_int_equal(error_catalogue_overlay(&catalogue, site, &failure), RESULT_INVALID);
	assert_contains(slice_of(failure.text), "/site.csv:3: duplicate code 1");
	assert_int_equal(
	    error_catalogue_overlay(&catalogue, path_in(directory, "no.csv"), &failure),
	    RESULT_NOT_FOUND);
	assert_int_equal(catalogue.count, 1);
	assert_slice(error_catalogue_find(&catalogue, 1)->name, "a");
	error_catalogue_done(&catalogue);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(the_shipped_catalogue_is_whole),
	    cmocka_unit_test(cells_may_be_quoted),
	    cmocka_unit_test(many_rows_in_any_order_are_found),
	    cmocka_unit_test(an_empty_catalogue_is_one),
	    cmocka_unit_test(a_bad_row_is_named),
	    cmocka_unit_test(a_code_that_stands_twice_is_named),
	    cmocka_unit_test(a_code_that_stands_twice_is_named_with_its_row),
	    cmocka_unit_test(a_missing_file_is_named),
	    cmocka_unit_test(rows_of_a_second_file_add_and_override),
	    cmocka_unit_test(a_second_file_lies_over_the_built_in_one),
	    cmocka_unit_test(an_empty_file_changes_nothing_on_either_side),
	    cmocka_unit_test(a_bad_second_file_leaves_the_catalogue_as_it_was),
	};
	return cmocka_run_group_tests(tests, make_directory, drop_directory);
}
