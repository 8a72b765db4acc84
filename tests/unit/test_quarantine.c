/* quarantine: requests that may be genuine wait, all bounds hold, and a flood displaces itself. */
#include "testing.h"

#include "dlrd/refused/quarantine.h"
#include "dlrd/refused/quarantine_reader.h"

#include <pthread.h>
#include <sqlite3.h>
#include <stdatomic.h>
#include <sys/stat.h>
#include <time.h>

#define NOW (INT64_C(1790000000) * CLOCK_SECOND_US) /* the tests' wall clock */
#define PLENTY                                                \
	{                                                     \
		.per_second = 1000000000, .burst = 1000000000 \
	}

static char *directory;
static struct failure failure;

/* --- a disk that fails on demand --- */

static struct {
	sqlite3_vfs layer;
	sqlite3_vfs *original;
	sqlite3_io_methods tables[4];
	const sqlite3_io_methods *originals[4];
	size_t count;
	_Atomic bool full, broken, sync_fails;
	_Atomic size_t syncs;
	void (*on_full)(void); /* called once, in the middle of a write that fails */
} disk;

static const sqlite3_io_methods *
original_of(sqlite3_file *file)
{
	return disk.originals[file->pMethods - disk.tables];
}

static int
write_or_fail(sqlite3_file *file, const void *bytes, int len, sqlite3_int64 offset)
{
	void (*on_full)(void) = disk.on_full;
	if (disk.full && on_full != NULL) {
		disk.on_full = NULL;
		on_full();
	}
	if (disk.full || disk.broken)
		return disk.full ? SQLITE_FULL : SQLITE_IOERR_WRITE;
	return original_of(file)->xWrite(file, bytes, len, offset);
}

static int
sync_or_fail(sqlite3_file *file, int flags)
{
	disk.syncs++;
	return disk.sync_fails ? SQLITE_IOERR_FSYNC : original_of(file)->xSync(file, flags);
}

static int
open_on_disk(sqlite3_vfs *vfs, const char *name, sqlite3_file *file, int flags, int *out_flags)
{
	(void)vfs;
	int code = disk.original->xOpen(disk.original, name, file, flags, out_flags);
	if (code != SQLITE_OK || file->pMethods == NULL)
		return code;
	size_t i = 0;
	while (i < disk.count && disk.originals[i] != file->pMethods)
		i++;
	assert_true(i < COUNT_OF(disk.tables));
	if (i == disk.count) {
		disk.originals[disk.count++] = file->pMethods;
		disk.tables[i] = *file->pMethods;
		disk.tables[i].xWrite = write_or_fail;
		disk.tables[i].xSync = sync_or_fail;
	}
	file->pMethods = &disk.tables[i];
	return code;
}

static int
replace_disk(void **state)
{
	(void)state;
	disk.original = sqlite3_vfs_find(NULL);
	disk.layer = *disk.original;
	disk.layer.zName = "failing";
	disk.layer.xOpen = open_on_disk;
	return sqlite3_vfs_register(&disk.layer, 1) == SQLITE_OK ? 0 : -1;
}

/* --- what the tests share --- */

static int
make_directory(void **state)
{
	(void)state;
	directory = private_directory();
	failure.text[0] = '\0';
	return 0;
}

static int
drop_directory(void **state)
{
	(void)state;
	disk.full = disk.broken = disk.sync_fails = false;
	disk.on_full = NULL;
	remove_directory(directory);
	return 0;
}

static const char *
file_path(void)
{
	return path_in(directory, QUARANTINE_FILE);
}

static struct quarantine_options
options_for(uint64_t entries_max)
{
	return (struct quarantine_options){.path = file_path(),
	    .entries_max = entries_max,
	    .queue_entries_max = 8192,
	    .queue_bytes_max = (size_t)64 << 20,
	    .unproven = PLENTY};
}

/* The options with the daemon's defaults in place of zeros. */
static struct quarantine_options
with_defaults(struct quarantine_options options)
{
	options.path = file_path();
	if (options.bytes_max == 0)
		options.bytes_max = (uint64_t)64 << 20;
	if (options.entries_max == 0)
		options.entries_max = options.bytes_max / 1024;
	if (options.keep_us == 0)
		options.keep_us = 7 * CLOCK_DAY_US;
	if (options.request_max == 0)
		options.request_max = (size_t)512 << 10;
	return options;
}

static enum result
drop(struct quarantine *quarantine, uint64_t id)
{
	size_t removed;
	enum result result = quarantine_remove_all(quarantine, &id, 1, &removed);
	return result == RESULT_OK && removed == 0 ? RESULT_NOT_FOUND : result;
}

static struct quarantine *
open_with(struct quarantine_options options)
{
	struct quarantine *quarantine;
	options = with_defaults(options);
	enum result result = quarantine_open(&options, &quarantine, &failure);
	if (result != RESULT_OK)
		print_error("%s\n", failure.text);
	assert_ok(result);
	return quarantine;
}

static struct quarantine *
open_for(uint64_t entries_max)
{
	return open_with(options_for(entries_max));
}

/* A request that differs from all with another number. Good until the next call. */
static struct quarantined
numbered(unsigned number)
{
	static char body[64], signature[64];
	snprintf(body, sizeof body, "MessageSid=SM%08u", number);
	snprintf(signature, sizeof signature, "AAAAAAAAAAAAAAAAA%010u=", number);
	return (struct quarantined){.incoming.arrived_us = NOW + number,
	    .incoming.method = SLICE("POST"),
	    .incoming.target = SLICE("/sms/twilio?a=1"),
	    .route = SLICE("/sms/twilio"),
	    .incoming.media_type = SLICE("application/x-www-form-urlencoded"),
	    .incoming.body = slice_of(body),
	    .account = SLICE("AC1"),
	    .incoming.signature = slice_of(signature),
	    .incoming.host = SLICE("callbacks.example.com"),
	    .cause = SLICE("token")};
}

static void
offer(struct quarantine *quarantine, struct quarantined request)
{
	assert_int_equal(quarantine_offer(quarantine, &request), QUARANTINE_TAKEN);
}

static struct quarantine_changes
keep_at(struct quarantine *quarantine, int64_t now_us)
{
	struct quarantine_changes changes;
	enum result result = quarantine_keep_offered(quarantine, now_us, NULL, NULL, &changes);
	if (result != RESULT_OK)
		print_error("%s\n", quarantine_error(quarantine));
	assert_ok(result);
	return changes;
}

static struct quarantine_changes
keep(struct quarantine *quarantine)
{
	return keep_at(quarantine, NOW);
}

static struct quarantine_changes
trim(struct quarantine *quarantine, int64_t now_us)
{
	struct quarantine_changes changes;
	assert_ok(quarantine_trim(quarantine, now_us, &changes));
	return changes;
}

/* Keeps the requests first to first + count - 1, which change makes into what is wanted. */
static void
keep_many(struct quarantine *quarantine, unsigned first, unsigned count,
    void (*change)(struct quarantined *request))
{
	for (unsigned i = 0; i < count; i++) {
		struct quarantined request = numbered(first + i);
		if (change != NULL)
			change(&request);
		offer(quarantine, request);
		if (i % 256 == 255)
			keep(quarantine);
	}
	keep(quarantine);
}

static void
prove(struct quarantined *request)
{
	request->proven = true;
	request->cause = SLICE("scheme");
}

struct seen {
	size_t count, proven, low; /* low: numbers below a thousand */
	uint64_t first_id, last_id, arrivals;
	int64_t smallest_us, largest_us;
	size_t stop_after;
};

static enum result
note(void *context, const struct quarantined *request)
{
	struct seen *seen = context;
	if (seen->count++ == 0) {
		seen->first_id = request->id;
		seen->smallest_us = seen->largest_us = request->incoming.arrived_us;
	}
	seen->last_id = request->id;
	seen->arrivals += request->count;
	seen->proven += request->proven;
	seen->low += request->incoming.arrived_us < NOW + 1000;
	if (request->incoming.arrived_us < seen->smallest_us)
		seen->smallest_us = request->incoming.arrived_us;
	if (request->incoming.arrived_us > seen->largest_us)
		seen->largest_us = request->incoming.arrived_us;
	return seen->count == seen->stop_after ? RESULT_LIMIT : RESULT_OK;
}

static struct seen
read_page(struct quarantine_page page)
{
	struct seen seen = {0};
	struct quarantine_reader *reader;
	assert_ok(quarantine_reader_open(file_path(), &reader, &failure));
	assert_ok(quarantine_reader_each(reader, &page, note, &seen));
	quarantine_reader_close(reader);
	return seen;
}

static struct seen
read_all(void)
{
	return read_page((struct quarantine_page){.limit = SIZE_MAX});
}

static uint64_t
file_bytes(const char *name)
{
	struct stat facts;
	return stat(path_in(directory, name), &facts) == 0 ? (uint64_t)facts.st_size : 0;
}

static void
run_sql(const char *path, const char *sql)
{
	sqlite3 *db;
	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(db);
}

/* What the module adds up must be what the file holds. */
static void
assert_adds_up(struct quarantine *quarantine)
{
	struct quarantine_size size = quarantine_size(quarantine);
	struct seen seen = {0};
	struct quarantine_page page = {.limit = SIZE_MAX};
	assert_ok(quarantine_each(quarantine, &page, note, &seen));
	assert_int_equal(size.entries, seen.count);
	assert_int_equal(size.proven, seen.proven);
	assert_true(size.bytes >= seen.count * 512);
}

/* --- keeping and reading --- */

struct expected {
	const struct quarantined *requests;
	size_t count;
};

static enum result
compare(void *context, const struct quarantined *request)
{
	struct expected *expected = context;
	const struct quarantined *wanted = &expected->requests[expected->count++];
	const struct slice pairs[][2] = {
	    {request->incoming.method, wanted->incoming.method},
	    {request->incoming.target, wanted->incoming.target},
	    {request->route, wanted->route},
	    {request->incoming.media_type, wanted->incoming.media_type},
	    {request->incoming.body, wanted->incoming.body},
	    {request->account, wanted->account},
	    {request->incoming.signature, wanted->incoming.signature},
	    {request->incoming.host, wanted->incoming.host},
	    {request->incoming.forwarded_proto, wanted->incoming.forwarded_proto},
	    {request->incoming.forwarded_host, wanted->incoming.forwarded_host},
	    {request->incoming.original_uri, wanted->incoming.original_uri},
	    {request->cause, wanted->cause},
	};
	for (size_t i = 0; i < COUNT_OF(pairs); i++) {
		assert_int_equal(pairs[i][0].ptr == NULL, pairs[i][1].ptr == NULL);
		assert_true(slice_equal(pairs[i][0], pairs[i][1]));
	}
	assert_true(request->incoming.arrived_us == wanted->incoming.arrived_us);
	assert_true(request->last_us == wanted->incoming.arrived_us);
	assert_int_equal(request->count, 1);
	assert_int_equal(request->proven, wanted->proven);
	assert_int_equal(request->incoming.from_trusted_proxy, wanted->incoming.from_trusted_proxy);
	return RESULT_OK;
}

static void
every_byte_comes_back_and_absent_is_not_empty(void **state)
{
	(void)state;
	static char all_bytes[256 * 40];
	for (size_t i = 0; i < sizeof all_bytes; i++)
		all_bytes[i] = (char)i;
	const struct slice all = {all_bytes, sizeof all_bytes}, few = {all_bytes, 256};
	const struct slice empty = SLICE("");
	const struct quarantined requests[] = {
	    {.incoming = {.arrived_us = 5,
		 .method = few,
		 .target = all,
		 .media_type = few,
		 .body = all,
		 .signature = few,
		 .settings = all,
		 .host = few,
		 .forwarded_proto = few,
		 .forwarded_host = few,
		 .forwarded_port = few,
		 .forwarded_prefix = all,
		 .original_uri = all,
		 .peer = few},
		.route = few,
		.account = few,
		.cause = all,
		.proven = true},
	    {.incoming = {.arrived_us = -3,
		 .method = empty,
		 .target = empty,
		 .media_type = empty,
		 .body = empty,
		 .signature = empty,
		 .settings = empty,
		 .host = empty,
		 .forwarded_proto = empty,
		 .forwarded_host = empty,
		 .forwarded_port = empty,
		 .forwarded_prefix = empty,
		 .original_uri = empty,
		 .peer = empty,
		 .from_trusted_proxy = true},
		.route = empty,
		.account = empty,
		.cause = empty},
	    {.incoming = {.arrived_us = INT64_MAX}},
	};
	struct quarantine *quarantine = open_for(0);
	for (size_t i = 0; i < COUNT_OF(requests); i++)
		offer(quarantine, requests[i]);
	struct quarantine_changes changes = keep(quarantine);
	assert_int_equal(changes.fresh, 3);
	assert_int_equal(changes.repeated + changes.evicted + changes.expired, 0);
	struct quarantine_page page = {.limit = 10};
	struct expected expected = {.requests = requests};
	assert_ok(quarantine_each(quarantine, &page, compare, &expected));
	assert_int_equal(expected.count, 3);
	assert_adds_up(quarantine);
	quarantine_close(quarantine);
}

static enum result
copy_plain(void *context, const struct quarantined *request)
{
	struct quarantined *copy = context;
	*copy = *request;
	copy->cause =
	    slice_equal(request->cause, SLICE("scheme")) ? SLICE("scheme") : SLICE("token");
	return RESULT_OK;
}

static struct quarantined
get(struct quarantine *quarantine, uint64_t id)
{
	const struct quarantine_page page = {.beyond_id = id - 1, .limit = 1};
	struct quarantined request = {.id = 0};
	assert_ok(quarantine_each(quarantine, &page, copy_plain, &request));
	assert_int_equal(request.id, id);
	return request;
}

static void
the_same_request_again_only_raises_its_count(void **state)
{
	(void)state;
	struct quarantine *quarantine = open_for(0);
	struct quarantined request = numbered(1);
	request.incoming.arrived_us = 1000;
	offer(quarantine, request);
	request.incoming.arrived_us = 3000;
	offer(quarantine, request); /* in the same transaction, and below in later ones */
	struct quarantine_changes changes = keep(quarantine);
	assert_int_equal(changes.fresh, 1);
	assert_int_equal(changes.repeated, 1);
	request.incoming.arrived_us = 2000; /* the clock went back */
	offer(quarantine, request);
	keep(quarantine);
	struct quarantined kept = get(quarantine, 1);
	assert_true(kept.incoming.arrived_us == 1000 && kept.last_us == 3000 && kept.count == 3);
	assert_int_equal(quarantine_size(quarantine).entries, 1);
	quarantine_close(quarantine);
}

static void
what_was_proven_once_stays_proven(void **state)
{
	(void)state;
	struct quarantine *quarantine = open_for(0);
	struct quarantined request = numbered(1), proven = numbered(1);
	prove(&proven);
	offer(quarantine, request);
	keep(quarantine);
	assert_int_equal(quarantine_size(quarantine).proven, 0);
	offer(quarantine, proven);
	offer(quarantine, proven);
	offer(quarantine, request);
	keep(quarantine);
	assert_true(get(quarantine, 1).proven);
	assert_slice(get(quarantine, 1).cause, "scheme");
	assert_int_equal(quarantine_size(quarantine).proven, 1);
	assert_adds_up(quarantine);
	quarantine_close(quarantine);
}

static void
requests_are_the_same_by_what_was_signed(void **state)
{
	(void)state;
	struct quarantine *quarantine = open_for(0);
	struct quarantined variants[10];
	for (size_t i = 0; i < COUNT_OF(variants); i++)
		variants[i] = numbered(1);
	variants[1].incoming.method = SLICE("GET");
	variants[2].incoming.target = SLICE("/sms/twilio?a=2");
	variants[3].incoming.media_type = SLICE("application/json");
	variants[4].incoming.body = SLICE_NONE;
	variants[5].incoming.signature = SLICE("BBBBBBBBBBBBBBBBBBBBBBBBBBB=");
	variants[6].incoming.target = SLICE("/sms/twilio?a=1a"); /* the same bytes, cut elsewhere */
	variants[6].incoming.media_type = SLICE("pplication/x-www-form-urlencoded");
	variants[7].incoming.host = SLICE("other"); /* from here on as the first */
	variants[8].account = SLICE("AC2");
	variants[9].incoming.from_trusted_proxy = true;
	for (size_t i = 0; i < COUNT_OF(variants); i++)
		offer(quarantine, variants[i]);
	struct quarantine_changes changes = keep(quarantine);
	assert_int_equal(changes.fresh, 7);
	assert_int_equal(changes.repeated, 3);
	quarantine_close(quarantine);
}

static void
lists_go_either_way_and_page_by_page(void **state)
{
	(void)state;
	struct quarantine *quarantine = open_for(0);
	keep_many(quarantine, 1, 20, NULL);
	struct seen seen = read_page((struct quarantine_page){.limit = 5});
	assert_true(seen.count == 5 && seen.first_id == 1 && seen.last_id == 5);
	seen = read_page((struct quarantine_page){.limit = 50, .beyond_id = 15});
	assert_true(seen.count == 5 && seen.first_id == 16 && seen.last_id == 20);
	seen = read_page((struct quarantine_page){.limit = 5, .newest_first = true});
	assert_true(seen.count == 5 && seen.first_id == 20 && seen.last_id == 16);
	seen = read_page(
	    (struct quarantine_page){.limit = SIZE_MAX, .beyond_id = 16, .newest_first = true});
	assert_true(seen.count == 15 && seen.first_id == 15 && seen.last_id == 1);
	assert_int_equal(
	    read_page((struct quarantine_page){.limit = 5, .beyond_id = UINT64_MAX}).count, 0);
	assert_int_equal(read_page((struct quarantine_page){.limit = 0}).count, 0);

	seen = (struct seen){.stop_after = 3};
	struct quarantine_page page = {.limit = 10};
	assert_int_equal(quarantine_each(quarantine, &page, note, &seen), RESULT_LIMIT);
	assert_int_equal(seen.count, 3);
	seen = (struct seen){0};
	assert_ok(quarantine_each(quarantine, &page, note, &seen)); /* and restarts */
	assert_int_equal(seen.count, 10);
	quarantine_close(quarantine);
}

static void
what_is_removed_is_gone_and_its_id_is_not_used_again(void **state)
{
	(void)state;
	struct seen seen = {0};
	struct quarantine *quarantine = open_for(0);
	keep_many(quarantine, 1, 3, NULL);
	assert_ok(drop(quarantine, 3));
	assert_int_equal(drop(quarantine, 3), RESULT_NOT_FOUND);
	assert_int_equal(drop(quarantine, UINT64_MAX), RESULT_NOT_FOUND);
	struct quarantine_reader *reader;
	assert_ok(quarantine_reader_open(file_path(), &reader, &failure));
	assert_int_equal(quarantine_reader_get(reader, 3, note, &seen), RESULT_NOT_FOUND);
	assert_ok(quarantine_reader_get(reader, 2, note, &seen));
	assert_int_equal(seen.first_id, 2);
	seen = (struct seen){.stop_after = 1};
	assert_int_equal(quarantine_reader_get(reader, 2, note, &seen), RESULT_LIMIT);
	quarantine_reader_close(reader);
	keep_many(quarantine, 3, 1, NULL); /* the same request is a new entry */
	assert_int_equal(read_all().last_id, 4);
	assert_adds_up(quarantine);
	quarantine_close(quarantine);
}

static void
a_restart_keeps_what_was_written(void **state)
{
	(void)state;
	struct quarantine *quarantine = open_for(0);
	keep_many(quarantine, 1, 10, NULL);
	keep_many(quarantine, 11, 5, prove);
	struct quarantine_size before = quarantine_size(quarantine);
	offer(quarantine, numbered(99)); /* never written, so lost with the process */
	quarantine_close(quarantine);
	quarantine = open_for(0);
	struct quarantine_size after = quarantine_size(quarantine);
	assert_true(after.entries == 15 && after.proven == 5 && after.bytes == before.bytes);
	offer(quarantine, numbered(3));
	assert_int_equal(keep(quarantine).repeated, 1);
	quarantine_close(quarantine);
}

/* --- bounds --- */

static void
entries_are_bounded(void **state)
{
	(void)state;
	struct quarantine *quarantine = open_for(100);
	keep_many(quarantine, 0, 1000, NULL);
	struct quarantine_size size = quarantine_size(quarantine);
	assert_true(size.entries <= 100 && size.entries >= 98);
	assert_adds_up(quarantine);
	quarantine_close(quarantine);
	quarantine = open_for(10); /* a smaller bound reaches what is there */
	assert_int_equal(trim(quarantine, NOW).evicted, size.entries - 10);
	assert_int_equal(read_all().count, 10);
	quarantine_close(quarantine);
}

static void
bytes_are_bounded(void **state)
{
	(void)state;
	static char large[100000];
	memset(large, 'x', sizeof large);
	struct quarantine_options options = options_for(0);
	options.bytes_max = 1000000;
	struct quarantine *quarantine = open_with(options);
	keep_many(quarantine, 0, 50, NULL);
	for (unsigned i = 0; i < 60; i++) {
		struct quarantined request = numbered(1000 + i);
		request.incoming.body = (struct slice){large, sizeof large - i};
		request.route = SLICE("/other");
		offer(quarantine, request);
		keep(quarantine);
		assert_ok(quarantine_checkpoint(quarantine));
		assert_true(quarantine_size(quarantine).bytes <= 1000000);
		assert_true(file_bytes(QUARANTINE_FILE) <= 2000000);
	}
	assert_true(quarantine_size(quarantine).bytes >= 850000);
	assert_int_equal(read_all().low, 50); /* the flood displaces its own entries */
	assert_adds_up(quarantine);
	quarantine_close(quarantine);
}

static void
a_flood_never_pushes_out_what_is_proven(void **state)
{
	(void)state;
	struct quarantine *quarantine = open_for(200);
	keep_many(quarantine, 0, 150, prove);
	keep_many(quarantine, 10000, 3000, NULL);
	assert_int_equal(read_all().low, 150);
	assert_int_equal(quarantine_size(quarantine).proven, 150);
	keep_many(quarantine, 500, 50, prove); /* now there is nothing else */
	keep_many(quarantine, 20000, 1000, NULL);
	assert_int_equal(read_all().low, 200);
	assert_int_equal(read_all().count, 200);
	assert_adds_up(quarantine);
	quarantine_close(quarantine);
}

static void
proven_ones_give_way_to_newer_proven_ones(void **state)
{
	(void)state;
	struct quarantine *quarantine = open_for(200);
	keep_many(quarantine, 0, 200, prove);
	keep_many(quarantine, 5000, 30, prove);
	struct seen seen = read_all();
	assert_int_equal(seen.count, 200);
	assert_int_equal(seen.first_id, 31);
	assert_int_equal(seen.smallest_us, NOW + 30);
	assert_int_equal(seen.largest_us, NOW + 5029);
	quarantine_close(quarantine);
}

static void
as_other_account(struct quarantined *request)
{
	request->account = SLICE("AC2");
}

static void
without_account(struct quarantined *request)
{
	request->account = SLICE_NONE;
}

static void
as_other_route(struct quarantined *request)
{
	request->route = SLICE("/sms/dlr/twilio");
}

static void
as_other_cause(struct quarantined *request)
{
	request->cause = SLICE("none");
}

static void
through_a_trusted_proxy(struct quarantined *request)
{
	request->incoming.from_trusted_proxy = true;
}

static void
a_flood_pushes_out_its_own_kind(void **state)
{
	(void)state;
	void (*const kinds[])(struct quarantined *) = {as_other_account, without_account,
	    as_other_route, as_other_cause, through_a_trusted_proxy};
	struct quarantine *quarantine = open_for(400);
	for (unsigned i = 0; i < COUNT_OF(kinds); i++)
		keep_many(quarantine, 100 * i, 20, kinds[i]);
	keep_many(quarantine, 10000, 5000, NULL);
	assert_int_equal(read_all().low, 20 * COUNT_OF(kinds));
	assert_true(read_all().count >= 390);
	quarantine_close(quarantine);
}

/* A rotated token: only the arrival times distinguish genuine requests from a flood. */
static void
a_flood_leaves_the_hours_before_it(void **state)
{
	(void)state;
	struct quarantine *quarantine = open_for(400);
	for (unsigned i = 0; i < 60; i++)
		offer(quarantine, numbered(i));
	keep(quarantine);
	for (unsigned hour = 1; hour <= 4; hour++)
		for (unsigned i = 0; i < 1000; i++) {
			offer(quarantine, numbered(10000 * hour + i));
			keep_at(quarantine, NOW + hour * CLOCK_HOUR_US);
			assert_ok(quarantine_checkpoint(quarantine));
		}
	assert_int_equal(read_all().low, 60);
	quarantine_close(quarantine);
}

static void
in_a_flooded_hour_early_and_late_ones_have_the_same_chance(void **state)
{
	(void)state;
	struct quarantine *quarantine = open_for(400);
	keep_many(quarantine, 0, 1000, NULL);
	keep_many(quarantine, 2000, 1000, NULL);
	struct seen seen = read_all();
	/* 200 are expected, give or take 9; the odds against this much are 10^-14 */
	assert_true(seen.low > 120 && seen.low < 280);
	keep_many(quarantine, 4000, 6000, NULL);
	seen = read_all();
	assert_true(seen.count >= 394 && seen.low < 100); /* 50 expected */
	quarantine_close(quarantine);
}

/* Otherwise an untrusted client could improve its odds by repeating its requests. */
static void
sending_the_same_again_draws_no_new_lot(void **state)
{
	(void)state;
	struct quarantine *quarantine = open_for(100);
	keep_many(quarantine, 0, 50, NULL);
	run_sql(file_path(), "UPDATE request SET draw = -9223372036854775808");
	for (unsigned round = 0; round < 5; round++)
		keep_many(quarantine, 0, 50, NULL);
	keep_many(quarantine, 10000, 102, NULL);
	assert_int_equal(read_all().low, 0);
	quarantine_close(quarantine);
}

static enum result
remove_while_reading(void *context, const struct quarantined *request)
{
	enum result result = RESULT_OK;
	for (uint64_t id = request->id; result == RESULT_OK && id < request->id + 1000; id++)
		result = drop(context, id);
	return result;
}

/* Each of them writes some pages. */
static void
removals_grow_the_log_no_further_than_writes(void **state)
{
	(void)state;
	struct quarantine_options options = options_for(0);
	options.bytes_max = (uint64_t)2 << 20;
	struct quarantine *quarantine = open_with(options);
	keep_many(quarantine, 0, 1000, NULL);
	struct quarantine_reader *reader;
	for (uint64_t id = 1; id <= 1000; id++)
		assert_ok(drop(quarantine, id));
	assert_true(file_bytes(QUARANTINE_FILE "-wal") <= (uint64_t)4 << 20);
	keep_many(quarantine, 2000, 1000, NULL); /* no matter who has checkpointed, or has not */
	assert_ok(quarantine_reader_open(file_path(), &reader, &failure));
	struct quarantine_page page = {.limit = 10};
	assert_int_equal(
	    quarantine_reader_each(reader, &page, remove_while_reading, quarantine), RESULT_FULL);
	assert_true(file_bytes(QUARANTINE_FILE "-wal") <= (uint64_t)4 << 20);
	keep_many(quarantine, 4000, 1, NULL); /* the reader has ended */
	quarantine_reader_close(reader);
	quarantine_close(quarantine);
}

static void
a_flood_of_a_hundred_thousand_grows_nothing(void **state)
{
	(void)state;
	struct quarantine_options options = options_for(2000);
	options.bytes_max = (uint64_t)4 << 20;
	struct quarantine *quarantine = open_with(options);
	keep_many(quarantine, 0, 100, prove);
	size_t fresh = 0, evicted = 0;
	uint64_t largest_file = 0, largest_log = 0;
	for (unsigned i = 0; i < 100000; i++) {
		offer(quarantine, numbered(1000 + i));
		if (i % 500 != 499)
			continue;
		struct quarantine_changes changes = keep_at(quarantine, NOW + i);
		fresh += changes.fresh;
		evicted += changes.evicted;
		assert_ok(quarantine_checkpoint(quarantine));
		struct quarantine_size size = quarantine_size(quarantine);
		assert_true(size.entries <= 2000 && size.bytes <= (uint64_t)4 << 20);
		uint64_t file = file_bytes(QUARANTINE_FILE);
		uint64_t log = file_bytes(QUARANTINE_FILE "-wal");
		largest_file = file > largest_file ? file : largest_file;
		largest_log = log > largest_log ? log : largest_log;
	}
	assert_int_equal(fresh, 100000);
	assert_int_equal(evicted, 100100 - quarantine_size(quarantine).entries);
	assert_true(largest_file <= (uint64_t)8 << 20);
	assert_true(largest_log <= (uint64_t)8 << 20);
	assert_int_equal(read_all().proven, 100);
	assert_adds_up(quarantine);
	quarantine_close(quarantine);
}

/* --- age and clocks --- */

static struct quarantine_options
options_for_two_hours(void)
{
	struct quarantine_options options = options_for(0);
	options.keep_us = 2 * CLOCK_HOUR_US;
	return options;
}

static void
old_entries_expire_proven_or_not(void **state)
{
	(void)state;
	struct quarantine *quarantine = open_with(options_for_two_hours());
	offer(quarantine, numbered(1));
	struct quarantined proven = numbered(2);
	prove(&proven);
	offer(quarantine, proven);
	keep_at(quarantine, NOW);
	assert_int_equal(trim(quarantine, NOW + CLOCK_HOUR_US).expired, 0);
	offer(quarantine, numbered(3));
	offer(quarantine, numbered(1)); /* coming again keeps nothing alive */
	keep_at(quarantine, NOW + CLOCK_HOUR_US);
	assert_int_equal(trim(quarantine, NOW + 2 * CLOCK_HOUR_US).expired, 0);
	assert_int_equal(trim(quarantine, NOW + 2 * CLOCK_HOUR_US + 1).expired, 2);
	assert_int_equal(read_all().smallest_us, NOW + 3);
	offer(quarantine, numbered(4));
	assert_int_equal(keep_at(quarantine, NOW + 3 * CLOCK_HOUR_US + 1).expired, 1);
	assert_int_equal(read_all().count, 1);
	assert_adds_up(quarantine);
	quarantine_close(quarantine);
}

static void
entries_age_while_the_file_is_closed(void **state)
{
	(void)state;
	for (int later = 0; later < 2; later++) {
		struct quarantine_options options = options_for_two_hours();
		options.open_later = later == 1;
		for (unsigned start = 0; start < 4; start++) { /* one hour after the other */
			struct quarantine *quarantine = open_with(options);
			struct quarantine_changes changes;
			if (start == 0)
				offer(quarantine, numbered(1));
			assert_ok(quarantine_keep_offered(
			    quarantine, NOW + start * CLOCK_HOUR_US, NULL, NULL, &changes));
			changes = trim(quarantine, NOW + start * CLOCK_HOUR_US);
			assert_int_equal(changes.expired, start == 3);
			quarantine_close(quarantine);
		}
	}
}

static void
a_wall_clock_that_jumps_ahead_expires_nothing_at_once(void **state)
{
	(void)state;
	struct quarantine *quarantine = open_with(options_for_two_hours());
	keep_many(quarantine, 1, 1, NULL);
	assert_int_equal(trim(quarantine, NOW + 365 * CLOCK_DAY_US).expired, 0);
	assert_int_equal(trim(quarantine, INT64_MAX).expired, 0);
	assert_int_equal(read_all().count, 1);
	assert_int_equal(trim(quarantine, NOW).expired, 0);     /* corrected: adds no age */
	assert_int_equal(trim(quarantine, NOW + 1).expired, 1); /* 2 hours and 1 were counted */
	quarantine_close(quarantine);
}

static void
a_wall_clock_that_jumps_back_keeps_nothing_for_ever(void **state)
{
	(void)state;
	struct quarantine *quarantine = open_with(options_for_two_hours());
	keep_many(quarantine, 1, 1, NULL);
	int64_t back = NOW - 1000 * CLOCK_DAY_US;
	assert_int_equal(trim(quarantine, back).expired, 0);
	assert_int_equal(trim(quarantine, INT64_MIN).expired, 0);
	assert_int_equal(trim(quarantine, 0).expired, 0);
	for (int64_t hour = 1; hour <= 2; hour++)
		assert_int_equal(trim(quarantine, hour * CLOCK_HOUR_US).expired, 0);
	assert_int_equal(trim(quarantine, 2 * CLOCK_HOUR_US + 1).expired, 1);
	quarantine_close(quarantine);
}

static void
a_restart_ages_nothing(void **state)
{
	(void)state;
	struct quarantine *quarantine = open_with(options_for_two_hours());
	keep_many(quarantine, 1, 1, NULL);
	for (unsigned restart = 1; restart <= 5; restart++) {
		quarantine_close(quarantine);
		quarantine = open_with(options_for_two_hours());
		assert_int_equal(trim(quarantine, NOW + restart * CLOCK_SECOND_US).expired, 0);
	}
	quarantine_close(quarantine);
}

static void
age_goes_on_after_a_restart(void **state)
{
	(void)state;
	struct quarantine *quarantine = open_with(options_for_two_hours());
	keep_many(quarantine, 1, 1, NULL);
	trim(quarantine, NOW + CLOCK_HOUR_US);
	quarantine_close(quarantine);
	quarantine = open_with(options_for_two_hours());
	/* a week without power may as well be a clock that was set wrong */
	assert_int_equal(trim(quarantine, NOW + 7 * CLOCK_DAY_US).expired, 0);
	assert_int_equal(trim(quarantine, NOW + 7 * CLOCK_DAY_US + 1).expired, 1);
	quarantine_close(quarantine);
}

/* --- the queue --- */

static enum quarantine_offer_result
offer_number(struct quarantine *quarantine, unsigned number, bool proven)
{
	struct quarantined request = numbered(number);
	request.proven = proven;
	return quarantine_offer(quarantine, &request);
}

static void
the_queue_is_bounded_by_entries(void **state)
{
	(void)state;
	struct quarantine_options options = options_for(0);
	options.queue_entries_max = 8;
	struct quarantine *quarantine = open_with(options);
	for (unsigned round = 0; round < 3; round++) {
		for (unsigned i = 0; i < 8; i++)
			assert_int_equal(offer_number(quarantine, i, i % 2 == 0), QUARANTINE_TAKEN);
		assert_int_equal(offer_number(quarantine, 8, true), QUARANTINE_FULL);
		struct quarantine_changes changes = keep(quarantine);
		assert_int_equal(changes.fresh + changes.repeated, 8);
		assert_int_equal(keep(quarantine).fresh, 0);
	}
	quarantine_close(quarantine);
}

static void
the_queue_is_bounded_by_bytes(void **state)
{
	(void)state;
	static char large[30000];
	struct quarantine_options options = options_for(0);
	options.queue_bytes_max = 100000;
	struct quarantine *quarantine = open_with(options);
	struct quarantined request = numbered(1);
	request.incoming.body = (struct slice){large, sizeof large};
	for (unsigned i = 0; i < 3; i++)
		offer(quarantine, request);
	assert_int_equal(quarantine_offer(quarantine, &request), QUARANTINE_FULL);
	assert_int_equal(offer_number(quarantine, 2, false), QUARANTINE_TAKEN);
	keep(quarantine);
	offer(quarantine, request);
	quarantine_close(quarantine); /* with one in the queue */
}

static void
a_request_beyond_its_bound_is_too_large(void **state)
{
	(void)state;
	static char large[1001];
	struct quarantine_options options = options_for(0);
	options.request_max = 1000;
	struct quarantine *quarantine = open_with(options);
	struct quarantined request = {
	    .incoming.body = {large, 600}, .incoming.target = {large, 400}};
	offer(quarantine, request);
	request.cause = SLICE("x");
	assert_int_equal(quarantine_offer(quarantine, &request), QUARANTINE_TOO_LARGE);
	request = (struct quarantined){.incoming.original_uri = {large, 1001}};
	assert_int_equal(quarantine_offer(quarantine, &request), QUARANTINE_TOO_LARGE);
	request =
	    (struct quarantined){.incoming.body = {large, SIZE_MAX}, .incoming.target = {large, 2}};
	assert_int_equal(quarantine_offer(quarantine, &request), QUARANTINE_TOO_LARGE);
	assert_int_equal(keep(quarantine).fresh, 1);
	quarantine_close(quarantine);
}

static void
only_the_rate_of_unproven_requests_is_bounded(void **state)
{
	(void)state;
	struct quarantine_options options = options_for(0);
	options.unproven = (struct quarantine_rate){.per_second = 1, .burst = 5};
	struct quarantine *quarantine = open_with(options);
	for (unsigned i = 0; i < 100; i++)
		assert_int_equal(offer_number(quarantine, i, false), QUARANTINE_TAKEN);
	for (unsigned i = 0; i < 100; i++)
		assert_int_equal(offer_number(quarantine, 100 + i, true), QUARANTINE_TAKEN);
	struct quarantine_changes changes = keep(quarantine);
	assert_int_equal(changes.fresh, 105);
	assert_int_equal(changes.passed, 95);
	assert_int_equal(quarantine_size(quarantine).proven, 100);
	int64_t until_us = clock_monotonic_us() + 10 * CLOCK_SECOND_US;
	do {
		assert_true(clock_monotonic_us() < until_us); /* it fills again */
		nanosleep(&(struct timespec){.tv_nsec = 20000000}, NULL);
		offer(quarantine, numbered(200));
	} while (keep(quarantine).fresh == 0);
	quarantine_close(quarantine);
}

/* An untrusted client that has one genuine request alters the parts that the diagnosis ignores. */
static void
one_signature_proves_a_few_entries_and_no_more(void **state)
{
	(void)state;
	struct quarantine_options options = options_for(0);
	options.unproven = (struct quarantine_rate){.per_second = 1, .burst = 3};
	struct quarantine *quarantine = open_with(options);
	for (unsigned i = 0; i < 100; i++) {
		char target[64];
		snprintf(target, sizeof target, "/sms/twilio?a=1&x=%u", i);
		struct quarantined request = numbered(1);
		request.incoming.target = slice_of(target);
		request.proven = true;
		offer(quarantine, request);
	}
	struct quarantine_changes changes = keep(quarantine);
	assert_int_equal(changes.fresh, QUARANTINE_SAME_SIGNATURE_MAX + 3);
	assert_int_equal(changes.passed, 100 - changes.fresh);
	assert_int_equal(quarantine_size(quarantine).proven, QUARANTINE_SAME_SIGNATURE_MAX);
	assert_adds_up(quarantine);
	quarantine_close(quarantine);
}

static bool
prove_odd_ones(void *context, struct quarantined *request)
{
	++*(unsigned *)context;
	request->proven = request->incoming.arrived_us % 2 != 0;
	request->cause = SLICE("scheme");
	return true;
}

static bool
want_odd_ones(void *context, struct quarantined *request)
{
	(void)context;
	return request->incoming.arrived_us % 2 != 0;
}

static void
what_the_examination_does_not_want_is_not_written(void **state)
{
	(void)state;
	struct quarantine *quarantine = open_for(0);
	struct quarantine_changes changes;
	for (unsigned i = 0; i < 10; i++)
		offer(quarantine, numbered(i));
	assert_ok(quarantine_keep_offered(quarantine, NOW, want_odd_ones, NULL, &changes));
	assert_int_equal(changes.fresh, 5);
	assert_int_equal(changes.passed, 0);
	assert_int_equal(read_all().count, 5);
	assert_int_equal(keep(quarantine).fresh, 0);
	quarantine_close(quarantine);
}

static void
each_request_is_examined_once_before_it_is_written(void **state)
{
	(void)state;
	struct quarantine *quarantine = open_for(0);
	struct quarantine_changes changes;
	unsigned examined = 0;
	for (unsigned i = 0; i < 10; i++)
		offer(quarantine, numbered(i));
	disk.full = true;
	for (unsigned round = 0; round < 2; round++)
		assert_int_equal(
		    quarantine_keep_offered(quarantine, NOW, prove_odd_ones, &examined, &changes),
		    RESULT_FULL);
	disk.full = false;
	assert_ok(quarantine_keep_offered(quarantine, NOW, prove_odd_ones, &examined, &changes));
	assert_int_equal(examined, 10);
	assert_int_equal(changes.fresh, 10);
	assert_int_equal(quarantine_size(quarantine).proven, 5);
	for (uint64_t id = 1; id <= 10; id++) {
		struct quarantined request = get(quarantine, id);
		assert_slice(request.cause, "scheme");
		assert_int_equal(request.proven, request.incoming.arrived_us % 2);
	}
	quarantine_close(quarantine);
}

static void *
call_from_thread(void *context)
{
	struct quarantine *quarantine = context;
	nanosleep(&(struct timespec){.tv_nsec = 50000000}, NULL);
	offer(quarantine, numbered(1));
	return NULL;
}

static void
the_owner_is_woken_by_an_offer_and_by_name(void **state)
{
	(void)state;
	pthread_t thread;
	struct quarantine *quarantine = open_for(0);
	quarantine_wait(quarantine, 1000); /* nothing comes */
	assert_int_equal(pthread_create(&thread, NULL, call_from_thread, quarantine), 0);
	quarantine_wait(quarantine, 600 * CLOCK_SECOND_US);
	assert_int_equal(keep(quarantine).fresh, 1);
	assert_int_equal(pthread_join(thread, NULL), 0);
	quarantine_wake(quarantine);
	quarantine_wait(
	    quarantine, 600 * CLOCK_SECOND_US); /* not forgotten, though it came early */
	offer(quarantine, numbered(2));
	quarantine_wait(quarantine, 600 * CLOCK_SECOND_US);
	assert_int_equal(keep(quarantine).fresh, 1);
	quarantine_close(quarantine);
}

static void
a_file_to_be_opened_later_is_waited_for(void **state)
{
	(void)state;
	struct quarantine_options options = options_for(0);
	struct quarantine_changes changes;
	options.open_later = true;
	disk.broken = true;
	struct quarantine *quarantine = open_with(options);
	unsigned examined = 0;
	offer(quarantine, numbered(1));
	assert_int_equal(
	    quarantine_keep_offered(quarantine, NOW, prove_odd_ones, &examined, &changes),
	    RESULT_IO);
	assert_int_equal(examined, 1);
	assert_contains(slice_of(quarantine_error(quarantine)), file_path());
	disk.broken = false;
	assert_int_equal(keep(quarantine).fresh, 1);
	quarantine_close(quarantine);
}

static void
each_limit_holds_as_it_is_set(void **state)
{
	(void)state;
	struct quarantine *quarantine =
	    open_with((struct quarantine_options){.queue_entries_max = 8192,
		.queue_bytes_max = (size_t)16 << 20,
		.unproven = {100, 5000}});
	static char large[512 * 1024 + 1];
	struct quarantined request = {.incoming.body = {large, sizeof large}};
	assert_int_equal(quarantine_offer(quarantine, &request), QUARANTINE_TOO_LARGE);
	int64_t start_us = clock_monotonic_us();
	for (unsigned i = 0; i < 8192; i++)
		assert_int_equal(offer_number(quarantine, i, false), QUARANTINE_TAKEN);
	assert_int_equal(offer_number(quarantine, 9999, true), QUARANTINE_FULL);
	size_t fresh = keep(quarantine).fresh;
	int64_t seconds = (clock_monotonic_us() - start_us) / CLOCK_SECOND_US + 1;
	assert_true(fresh >= 5000 && fresh <= 5000 + 100 * (size_t)seconds);
	for (int64_t hour = 1; hour <= 7 * 24; hour++)
		assert_int_equal(trim(quarantine, NOW + hour * CLOCK_HOUR_US).expired, 0);
	assert_int_equal(trim(quarantine, NOW + 7 * CLOCK_DAY_US + 1).expired, fresh);
	quarantine_close(quarantine);
}

static void
results_of_offers_have_names(void **state)
{
	(void)state;
	assert_string_equal(quarantine_offer_result_name(QUARANTINE_TAKEN), "taken");
	assert_string_equal(quarantine_offer_result_name(QUARANTINE_FULL), "full");
	assert_string_equal(quarantine_offer_result_name(QUARANTINE_TOO_LARGE), "too-large");
}

/* --- several threads --- */

#define OFFERS 3000 /* of each thread */

static struct {
	struct quarantine *quarantine;
	_Atomic size_t taken, refused;
	_Atomic unsigned running;
} together;

static void *
offer_from_thread(void *context)
{
	unsigned first = *(const unsigned *)context;
	for (unsigned i = 0; i < OFFERS; i++) {
		char body[32];
		snprintf(body, sizeof body, "SM%u", first + i);
		struct quarantined request = {.incoming.arrived_us = NOW,
		    .incoming.body = slice_of(body),
		    .proven = i % 4 == 0};
		enum quarantine_offer_result result =
		    quarantine_offer(together.quarantine, &request);
		if (result == QUARANTINE_TAKEN)
			together.taken++;
		else if (result == QUARANTINE_FULL)
			together.refused++;
	}
	together.running--;
	return NULL;
}

static void *
read_from_thread(void *context)
{
	(void)context;
	struct quarantine_reader *reader;
	struct failure why;
	if (quarantine_reader_open(file_path(), &reader, &why) != RESULT_OK)
		return NULL;
	size_t rounds = 0;
	while (together.running > 0 || rounds == 0) {
		struct seen seen = {0};
		struct quarantine_page page = {.limit = 500, .newest_first = rounds % 2 == 0};
		if (quarantine_reader_each(reader, &page, note, &seen) != RESULT_OK)
			break;
		rounds++;
	}
	quarantine_reader_close(reader);
	return rounds > 0 && together.running == 0 ? &together : NULL;
}

static void
each_offer_of_two_threads_is_kept_or_refused(void **state)
{
	(void)state;
	struct quarantine_options options = options_for(100000);
	options.queue_entries_max = 64;
	together.quarantine = open_with(options);
	together.taken = together.refused = 0;
	together.running = 2;
	pthread_t threads[3];
	unsigned firsts[] = {0, 1000000};
	size_t fresh = 0;
	void *read;
	for (size_t i = 0; i < 2; i++)
		assert_int_equal(
		    pthread_create(&threads[i], NULL, offer_from_thread, &firsts[i]), 0);
	assert_int_equal(pthread_create(&threads[2], NULL, read_from_thread, NULL), 0);
	while (together.running > 0) {
		fresh += keep(together.quarantine).fresh;
		assert_ok(quarantine_checkpoint(together.quarantine));
	}
	for (size_t i = 0; i < 3; i++)
		assert_int_equal(pthread_join(threads[i], &read), 0);
	assert_non_null(read);
	fresh += keep(together.quarantine).fresh;
	assert_int_equal(together.taken + together.refused, 2 * OFFERS);
	assert_int_equal(fresh, together.taken);
	assert_int_equal(read_all().count, fresh);
	quarantine_close(together.quarantine);
}

/* --- a disk that is full, or broken --- */

static struct quarantine *filling;

static void
offer_late(void)
{
	offer(filling, numbered(16));
}

static void
a_full_disk_loses_nothing_that_is_queued(void **state)
{
	(void)state;
	struct quarantine_options options = options_for(0);
	options.queue_entries_max = 10;
	struct quarantine *quarantine = open_with(options);
	struct quarantine_changes changes = {.fresh = 77};
	keep_many(quarantine, 1, 2, NULL);
	for (unsigned i = 10; i < 16; i++)
		offer(quarantine, numbered(i));
	disk.full = true;
	filling = quarantine;
	disk.on_full = offer_late;
	for (unsigned round = 0; round < 3; round++) {
		assert_int_equal(
		    quarantine_keep_offered(quarantine, NOW, NULL, NULL, &changes), RESULT_FULL);
		assert_contains(slice_of(quarantine_error(quarantine)), "full");
		assert_contains(slice_of(quarantine_error(quarantine)), file_path());
		assert_int_equal(changes.fresh, 0);
		assert_int_equal(quarantine_size(quarantine).entries, 2);
		offer(quarantine, numbered(20 + round)); /* behind the others */
	}
	assert_int_equal(offer_number(quarantine, 30, false), QUARANTINE_FULL);
	assert_int_equal(drop(quarantine, 1), RESULT_FULL);
	disk.full = false;
	assert_int_equal(keep(quarantine).fresh, 10);
	struct seen seen = read_all();
	assert_int_equal(seen.count, 12);
	assert_int_equal(seen.arrivals, 12);
	assert_int_equal(get(quarantine, 3).incoming.arrived_us, NOW + 10);
	assert_int_equal(get(quarantine, 9).incoming.arrived_us, NOW + 16);
	assert_int_equal(get(quarantine, 12).incoming.arrived_us, NOW + 22);
	assert_adds_up(quarantine);
	quarantine_close(quarantine);
}

static void
after_an_error_the_file_is_opened_anew(void **state)
{
	(void)state;
	struct quarantine *quarantine = open_for(0);
	struct quarantine_changes changes;
	keep_many(quarantine, 1, 2, NULL);
	offer(quarantine, numbered(3));
	const struct quarantine_page page = {.limit = 1};
	disk.broken = true;
	for (unsigned round = 0; round < 3; round++) {
		struct seen seen = {0};
		assert_int_equal(
		    quarantine_keep_offered(quarantine, NOW, NULL, NULL, &changes), RESULT_IO);
		assert_true(strlen(quarantine_error(quarantine)) > strlen(file_path()) + 2);
		assert_int_equal(drop(quarantine, 1), RESULT_IO);
		assert_int_equal(quarantine_trim(quarantine, NOW, &changes), RESULT_IO);
		assert_int_equal(quarantine_each(quarantine, &page, note, &seen), RESULT_IO);
	}
	disk.broken = false;
	assert_int_equal(keep(quarantine).fresh, 1);
	assert_int_equal(read_all().count, 3);
	assert_adds_up(quarantine);
	quarantine_close(quarantine);
}

static void
commits_are_not_synced(void **state)
{
	(void)state;
	struct quarantine *quarantine = open_for(0);
	keep_many(quarantine, 1, 1, NULL);
	size_t before = disk.syncs;
	keep_many(quarantine, 2, 20, NULL);
	assert_ok(drop(quarantine, 1));
	assert_int_equal(disk.syncs, before);
	quarantine_close(quarantine);
}

/* Writes until the log is as large as the file may be. The handle is reopened, and closing it makes
 * no checkpoint. */
static void
a_failed_checkpoint_is_never_tried_again(void **state)
{
	(void)state;
	struct quarantine_options options = options_for(0);
	options.bytes_max = (uint64_t)3 << 20;
	struct quarantine *quarantine = open_with(options);
	struct quarantine_changes changes;
	unsigned number = 0;
	while (quarantine_size(quarantine).log_bytes < (1u << 20) + 65536)
		keep_many(quarantine, number++, 1, NULL);
	disk.sync_fails = true;
	assert_int_equal(quarantine_checkpoint(quarantine), RESULT_IO);
	size_t syncs = disk.syncs;
	disk.sync_fails = false;
	assert_ok(quarantine_checkpoint(quarantine));
	keep_many(quarantine, number++, 1, NULL);
	assert_ok(quarantine_checkpoint(quarantine));
	assert_int_equal(read_all().count, number);
	enum result result = RESULT_OK;
	for (; result == RESULT_OK && number < 100000; number++) {
		offer(quarantine, numbered(number));
		result = quarantine_keep_offered(quarantine, NOW, NULL, NULL, &changes);
	}
	assert_int_equal(result, RESULT_FULL);
	assert_contains(slice_of(quarantine_error(quarantine)), "-wal");
	assert_true(file_bytes(QUARANTINE_FILE "-wal") <= (uint64_t)5 << 20);
	quarantine_close(quarantine);
	assert_int_equal(disk.syncs, syncs);
	quarantine = open_with(options); /* the next start reads the log */
	assert_int_equal(quarantine_size(quarantine).entries, number - 1);
	assert_ok(quarantine_checkpoint(quarantine));
	keep_many(quarantine, number, 1, NULL);
	quarantine_close(quarantine);
}

static enum result
write_while_reading(void *context, const struct quarantined *request)
{
	struct quarantine *quarantine = context;
	struct quarantine_changes changes;
	enum result result = RESULT_OK;
	for (unsigned number = 10; result == RESULT_OK && number < 100000; number++) {
		offer(quarantine, numbered(number));
		result = quarantine_keep_offered(quarantine, NOW, NULL, NULL, &changes);
		assert_ok(quarantine_checkpoint(quarantine));
	}
	assert_int_equal(request->id, 1);
	return result;
}

static void
a_reader_that_never_ends_does_not_grow_the_log_for_ever(void **state)
{
	(void)state;
	struct quarantine_options options = options_for(0);
	options.bytes_max = (uint64_t)2 << 20;
	struct quarantine *quarantine = open_with(options);
	keep_many(quarantine, 1, 3, NULL);
	struct quarantine_reader *reader;
	struct quarantine_page page = {.limit = 10};
	assert_ok(quarantine_reader_open(file_path(), &reader, &failure));
	assert_int_equal(
	    quarantine_reader_each(reader, &page, write_while_reading, quarantine), RESULT_FULL);
	assert_true(file_bytes(QUARANTINE_FILE "-wal") <= (uint64_t)4 << 20);
	assert_int_equal(keep(quarantine).fresh, 1); /* it has ended */
	keep_many(quarantine, 200000, 1, NULL);
	assert_true(quarantine_size(quarantine).log_bytes < 1u << 20);
	quarantine_reader_close(reader);
	quarantine_close(quarantine);
}

/* --- files of other programs, and damaged ones --- */

static void
assert_refused(const char *path, enum result expected)
{
	struct quarantine *quarantine = NULL;
	struct quarantine_options options = {.path = path};
	assert_int_equal(quarantine_open(&options, &quarantine, &failure), expected);
	assert_null(quarantine);
	assert_contains(slice_of(failure.text), path);
	assert_true(strlen(failure.text) > strlen(path) + 2);
}

static void
assert_reader_refused(enum result expected)
{
	struct quarantine_reader *reader = NULL;
	assert_int_equal(quarantine_reader_open(file_path(), &reader, &failure), expected);
	assert_null(reader);
	assert_contains(slice_of(failure.text), file_path());
}

static void
another_programs_file_is_refused_and_not_touched(void **state)
{
	(void)state;
	static const char *const programs[] = {
	    "PRAGMA application_id = 77; CREATE TABLE notes(text)",
	    "PRAGMA application_id = 1684828778", /* the journal's */
	    "CREATE TABLE notes(text); INSERT INTO notes VALUES('mine')",
	    "PRAGMA application_id = 1684828785; PRAGMA user_version = 99",
	};
	for (size_t i = 0; i < COUNT_OF(programs); i++) {
		run_sql(file_path(), programs[i]);
		struct buffer before = read_whole_file(file_path());
		assert_refused(file_path(), RESULT_CORRUPT);
		assert_reader_refused(RESULT_CORRUPT);
		struct buffer after = read_whole_file(file_path());
		bool same = slice_equal(buffer_slice(&before), buffer_slice(&after));
		buffer_done(&before);
		buffer_done(&after);
		assert_true(same);
		assert_int_equal(unlink(file_path()), 0);
	}
}

static void
a_file_that_is_no_database_is_refused(void **state)
{
	(void)state;
	struct buffer text = BUFFER_EMPTY;
	for (int i = 0; i < 2000; i++)
		buffer_append(&text, SLICE("no database"));
	write_file(file_path(), buffer_slice(&text));
	buffer_done(&text);
	assert_refused(file_path(), RESULT_CORRUPT);
	assert_reader_refused(RESULT_CORRUPT);
}

static void
a_damaged_page_is_an_error_and_not_the_end(void **state)
{
	(void)state;
	struct quarantine *quarantine = open_for(0);
	keep_many(quarantine, 1, 200, NULL);
	quarantine_close(quarantine);
	FILE *file = fopen(file_path(), "r+e");
	assert_non_null(file);
	char junk[4096];
	memset(junk, 0xa5, sizeof junk);
	uint64_t pages = file_bytes(QUARANTINE_FILE) / sizeof junk;
	assert_true(pages > 12);
	for (uint64_t page = 10; page < pages; page++) { /* the roots are before these */
		assert_int_equal(fseek(file, (long)(page * sizeof junk), SEEK_SET), 0);
		assert_int_equal(fwrite(junk, sizeof junk, 1, file), 1);
	}
	fclose(file);

	struct quarantine_options options = with_defaults(options_for(0));
	enum result result = quarantine_open(&options, &quarantine, &failure);
	assert_true(result == RESULT_OK || result == RESULT_CORRUPT);
	if (result != RESULT_OK) {
		assert_contains(slice_of(failure.text), file_path());
		return;
	}
	struct seen seen = {0};
	struct quarantine_page page = {.limit = SIZE_MAX};
	assert_int_equal(quarantine_each(quarantine, &page, note, &seen), RESULT_CORRUPT);
	assert_contains(slice_of(quarantine_error(quarantine)), "malformed");
	struct quarantine_reader *reader;
	assert_ok(quarantine_reader_open(file_path(), &reader, &failure));
	assert_int_equal(quarantine_reader_each(reader, &page, note, &seen), RESULT_CORRUPT);
	assert_contains(slice_of(quarantine_reader_error(reader)), "malformed");
	quarantine_reader_close(reader);
	offer(quarantine, numbered(900));
	struct quarantine_changes changes;
	result = quarantine_keep_offered(quarantine, NOW, NULL, NULL, &changes);
	assert_true(result == RESULT_OK || result == RESULT_CORRUPT);
	quarantine_close(quarantine);
}

static void
a_directory_that_cannot_be_written_is_named(void **state)
{
	(void)state;
	/* Not even root can write in these. */
	assert_refused("/nonexistent/quarantine.db", RESULT_IO);
	assert_refused("/proc/quarantine.db", RESULT_IO);
}

static void
the_files_mode_is_the_processs(void **state)
{
	(void)state;
	struct stat facts;
	mode_t old = umask(0027); /* as the daemon's */
	struct quarantine *quarantine = open_for(0);
	umask(old);
	static const char *const names[] = {QUARANTINE_FILE, QUARANTINE_FILE "-wal"};
	for (size_t i = 0; i < COUNT_OF(names); i++) {
		assert_int_equal(stat(path_in(directory, names[i]), &facts), 0);
		assert_int_equal(facts.st_mode & 0777, 0640);
	}
	quarantine_close(quarantine);
}

static void
a_reader_needs_a_quarantine(void **state)
{
	(void)state;
	assert_reader_refused(RESULT_NOT_FOUND);
	write_file(file_path(), SLICE(""));
	assert_reader_refused(RESULT_NOT_FOUND);
	quarantine_reader_close(NULL);
	quarantine_close(NULL);
}

#define EACH(test) cmocka_unit_test_setup_teardown(test, make_directory, drop_directory)

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    EACH(every_byte_comes_back_and_absent_is_not_empty),
	    EACH(the_same_request_again_only_raises_its_count),
	    EACH(what_was_proven_once_stays_proven),
	    EACH(requests_are_the_same_by_what_was_signed),
	    EACH(lists_go_either_way_and_page_by_page),
	    EACH(what_is_removed_is_gone_and_its_id_is_not_used_again),
	    EACH(a_restart_keeps_what_was_written),
	    EACH(entries_are_bounded),
	    EACH(bytes_are_bounded),
	    EACH(a_flood_never_pushes_out_what_is_proven),
	    EACH(proven_ones_give_way_to_newer_proven_ones),
	    EACH(a_flood_pushes_out_its_own_kind),
	    EACH(a_flood_leaves_the_hours_before_it),
	    EACH(in_a_flooded_hour_early_and_late_ones_have_the_same_chance),
	    EACH(sending_the_same_again_draws_no_new_lot),
	    EACH(removals_grow_the_log_no_further_than_writes),
	    EACH(a_flood_of_a_hundred_thousand_grows_nothing),
	    EACH(old_entries_expire_proven_or_not),
	    EACH(entries_age_while_the_file_is_closed),
	    EACH(a_wall_clock_that_jumps_ahead_expires_nothing_at_once),
	    EACH(a_wall_clock_that_jumps_back_keeps_nothing_for_ever),
	    EACH(a_restart_ages_nothing),
	    EACH(age_goes_on_after_a_restart),
	    EACH(the_queue_is_bounded_by_entries),
	    EACH(the_queue_is_bounded_by_bytes),
	    EACH(a_request_beyond_its_bound_is_too_large),
	    EACH(only_the_rate_of_unproven_requests_is_bounded),
	    EACH(one_signature_proves_a_few_entries_and_no_more),
	    EACH(each_request_is_examined_once_before_it_is_written),
	    EACH(what_the_examination_does_not_want_is_not_written),
	    EACH(the_owner_is_woken_by_an_offer_and_by_name),
	    EACH(a_file_to_be_opened_later_is_waited_for),
	    EACH(each_limit_holds_as_it_is_set),
	    cmocka_unit_test(results_of_offers_have_names),
	    EACH(each_offer_of_two_threads_is_kept_or_refused),
	    EACH(a_full_disk_loses_nothing_that_is_queued),
	    EACH(after_an_error_the_file_is_opened_anew),
	    EACH(commits_are_not_synced),
	    EACH(a_failed_checkpoint_is_never_tried_again),
	    EACH(a_reader_that_never_ends_does_not_grow_the_log_for_ever),
	    EACH(another_programs_file_is_refused_and_not_touched),
	    EACH(a_file_that_is_no_database_is_refused),
	    EACH(a_damaged_page_is_an_error_and_not_the_end),
	    EACH(a_directory_that_cannot_be_written_is_named),
	    EACH(the_files_mode_is_the_processs),
	    EACH(a_reader_needs_a_quarantine),
	};
	return cmocka_run_group_tests(tests, replace_disk, NULL);
}
