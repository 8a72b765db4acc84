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
	assert_int_equal(catalogue.count, 747);
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
	assert_refused(SLICE(HEAD "1,a,b,c,d\n2,a,b,c\n3,a,b,c,d\n"), "row 3");
	assert_refused(SLICE(HEAD "1,a,b,c,d,e\n"), "row 2");
	assert_refused(SLICE(HEAD "1,a,b,c,d\n\n"), "row 3");
	assert_refused(SLICE(HEAD "1,a,b,c,d\nx5,a,b,c,d\n"), "row 3: \"x5\"");
	assert_refused(SLICE(HEAD "-1,a,b,c,d\n"), "row 2: \"-1\"");
	assert_refused(SLICE(HEAD "1,a,b,c,\"d\n"), "row 2");
}

static void
a_code_that_stands_twice_is_named(void **state)
{
	(void)state;
	assert_refused(SLICE(HEAD "1,a,b,c,d\n5,a,b,c,d\n1,x,b,c,d\n"), "1 stands twice");
}

static void
a_code_that_stands_twice_is_named_with_its_row(void **state)
{
	(void)state;
	assert_refused(SLICE(HEAD "1,a,b,c,d\n5,a,b,c,d\n1,x,b,c,d\n"), "row 4");
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
	};
	return cmocka_run_group_tests(tests, make_directory, drop_directory);
}
