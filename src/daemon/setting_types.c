#include "setting_types.h"

#include "dlrd/base/clock.h"
#include "dlrd/base/log.h"
#include "dlrd/base/socket.h"
#include "dlrd/daemon/setting_list.h"
#include "dlrd/model/fold.h"
#include "dlrd/twilio/callback.h"
#include "dlrd/twilio/url.h"

#include <stdlib.h>
#include <string.h>

struct unit {
	struct slice suffix;
	int64_t factor;
};

/* Largest last: a value is written in the largest unit that divides it. */
static const struct unit byte_units[] = {{SLICE_INIT(""), 1}, {SLICE_INIT("k"), 1 << 10},
    {SLICE_INIT("M"), 1 << 20}, {SLICE_INIT("G"), 1 << 30}};
static const struct unit time_units[] = {{SLICE_INIT("ms"), CLOCK_SECOND_US / 1000},
    {SLICE_INIT("s"), CLOCK_SECOND_US}, {SLICE_INIT("m"), 60 * CLOCK_SECOND_US},
    {SLICE_INIT("h"), CLOCK_HOUR_US}, {SLICE_INIT("d"), CLOCK_DAY_US}};
static const struct unit no_units[] = {{SLICE_INIT(""), 1}};

static const struct unit *
units_of(enum setting_type type, size_t *out_count, const char **out_example)
{
	switch (type) {
	case SETTING_BYTES:
		*out_count = 4;
		*out_example = "a size like 4096, 256k, 16M or 4G";
		return byte_units;
	case SETTING_DURATION:
		*out_count = 5;
		*out_example = "a time like 500ms, 10s, 5m, 12h or 7d";
		return time_units;
	case SETTING_COUNT:
	case SETTING_ADDRESSES:
	case SETTING_URLS:
	case SETTING_PEERS:
	case SETTING_TEXT:
	case SETTING_PATH:
	case SETTING_POLICY:
	case SETTING_LEVEL:
	case SETTING_FLAG:
	case SETTING_COUNTRY: break;
	}
	*out_count = 1;
	*out_example = "a whole number";
	return no_units;
}

static void
write_number(enum setting_type type, int64_t value, struct buffer *out)
{
	size_t count;
	const char *example;
	const struct unit *units = units_of(type, &count, &example);
	while (count > 1 && (value == 0 || value % units[count - 1].factor != 0))
		count--;
	buffer_appendf(out, "%lld%s", (long long)(value / units[count - 1].factor),
	    units[count - 1].suffix.ptr);
}

static enum result
read_number(
    const struct setting *setting, struct slice text, int64_t *out_value, struct failure *failure)
{
	size_t count, digits = 0;
	const char *example;
	const struct unit *units = units_of(setting->type, &count, &example);
	int64_t value = 0;
	while (digits < text.len && text.ptr[digits] >= '0' && text.ptr[digits] <= '9')
		digits++;
	struct slice suffix = slice_from(text, digits);
	if (digits > 18)
		value = INT64_MAX; /* out of any bounds */
	else if (slice_to_int((struct slice){text.ptr, digits}, &value) != RESULT_OK)
		count = 0;
	size_t i = 0;
	while (i < count && !slice_equal(suffix, units[i].suffix))
		i++;
	if (i == count)
		return failure_set(
		    failure, RESULT_INVALID, "\"%.*s\" is not %s", SLICE_ARG(text), example);
	/* Compared before it is multiplied: the product may not fit. */
	if (value <= setting->max / units[i].factor && value * units[i].factor >= setting->min) {
		*out_value = value * units[i].factor;
		return RESULT_OK;
	}
	struct buffer bounds = BUFFER_EMPTY;
	write_number(setting->type, setting->min, &bounds);
	buffer_append(&bounds, SLICE(" to "));
	write_number(setting->type, setting->max, &bounds);
	enum result result =
	    failure_set(failure, RESULT_LIMIT, "\"%.*s\" is out of bounds; it must be %.*s",
		SLICE_ARG(text), SLICE_ARG(buffer_slice(&bounds)));
	buffer_done(&bounds);
	return result;
}

static enum result
check_item(enum setting_type type, struct slice item, struct failure *failure)
{
	struct socket_address address;
	struct socket_peer peer;
	struct url_base base = {{NULL}};
	enum result result = RESULT_OK;
	if (type == SETTING_ADDRESSES)
		result = socket_address_read(item, &address, failure);
	else if (type == SETTING_PEERS)
		result = socket_peer_read(item, &peer, failure);
	else if (type == SETTING_URLS)
		result = url_base_init(&base, item, failure);
	url_base_done(&base);
	return result;
}

static char *
copy(struct slice text)
{
	return strndup(text.ptr == NULL ? "" : text.ptr, text.len);
}

static void
list_done(struct settings_list *list)
{
	while (list->count > 0)
		free(list->items[--list->count]);
}

static enum result
read_list(const struct setting *setting, struct slice text, struct settings_list *list,
    struct failure *failure)
{
	struct settings_list made = {.count = 0};
	enum result result = RESULT_OK;
	for (struct slice rest = slice_trim(text); result == RESULT_OK && rest.len > 0;) {
		struct slice item = slice_trim(slice_take(&rest, ','));
		if (item.len == 0)
			continue;
		if (made.count == (size_t)setting->max)
			result = failure_set(failure, RESULT_LIMIT, "more than %lld values",
			    (long long)setting->max);
		else if ((result = check_item(setting->type, item, failure)) == RESULT_OK &&
			 (made.items[made.count++] = copy(item)) == NULL)
			result = failure_set(failure, RESULT_NO_MEMORY, "no memory");
	}
	if (result == RESULT_OK && made.count < (size_t)setting->min)
		result =
		    failure_set(failure, RESULT_INVALID, "is empty; write %s", setting->fallback);
	if (result != RESULT_OK) {
		list_done(&made);
		return result;
	}
	list_done(list);
	*list = made;
	return RESULT_OK;
}

static enum result
read_text(const struct setting *setting, struct slice text, char **field, struct failure *failure)
{
	if (setting->type == SETTING_PATH && (text.len == 0 || text.ptr[0] != '/'))
		return failure_set(failure, RESULT_INVALID,
		    "\"%.*s\" is not an absolute path; write one that begins with /",
		    SLICE_ARG(text));
	char *made = copy(text);
	if (made == NULL)
		return failure_set(failure, RESULT_NO_MEMORY, "no memory");
	free(*field);
	*field = made;
	return RESULT_OK;
}

/* "+1" and "1" are the same; no country code begins with 0 (ITU-T E.164). */
static enum result
read_country(struct slice text, int64_t *out_code, struct failure *failure)
{
	int64_t code = 0;
	struct slice digits = slice_starts_with(text, SLICE("+")) ? slice_from(text, 1) : text;
	bool is_code = digits.len >= 1 && digits.len <= 3 && digits.ptr[0] >= '1' &&
		       digits.ptr[0] <= '9' && slice_to_int(digits, &code) == RESULT_OK;
	if (!is_code && text.len > 0)
		return failure_set(failure, RESULT_INVALID,
		    "\"%.*s\" is not a country code; write 1 for North America, 44 for the United "
		    "Kingdom, and so on",
		    SLICE_ARG(text));
	*out_code = code;
	return RESULT_OK;
}

enum result
setting_read(const struct setting *setting, struct slice text, void *field, struct failure *failure)
{
	switch (setting->type) {
	case SETTING_ADDRESSES:
	case SETTING_URLS:
	case SETTING_PEERS: return read_list(setting, text, field, failure);
	case SETTING_TEXT:
	case SETTING_PATH: return read_text(setting, text, field, failure);
	case SETTING_COUNT:
	case SETTING_BYTES:
	case SETTING_DURATION: return read_number(setting, text, field, failure);
	case SETTING_POLICY:
		if (conflict_policy_from_name(text, field))
			return RESULT_OK;
		return failure_set(failure, RESULT_INVALID,
		    "\"%.*s\" is not a policy; write delivered-wins, failure-wins or first-final",
		    SLICE_ARG(text));
	case SETTING_LEVEL:
		if (log_level_from_name(text, field))
			return RESULT_OK;
		return failure_set(failure, RESULT_INVALID,
		    "\"%.*s\" is not a level; write error, warning, info or debug",
		    SLICE_ARG(text));
	case SETTING_FLAG:
		*(bool *)field = slice_equal(text, SLICE("yes"));
		if (*(bool *)field || slice_equal(text, SLICE("no")))
			return RESULT_OK;
		return failure_set(failure, RESULT_INVALID,
		    "\"%.*s\" is neither yes nor no; write one of them", SLICE_ARG(text));
	case SETTING_COUNTRY: return read_country(text, field, failure);
	}
	return RESULT_INVALID;
}

void
setting_write(const struct setting *setting, const void *field, struct buffer *out)
{
	const struct settings_list *list = field;
	switch (setting->type) {
	case SETTING_ADDRESSES:
	case SETTING_URLS:
	case SETTING_PEERS:
		for (size_t i = 0; i < list->count; i++)
			buffer_appendf(out, "%s%s", i > 0 ? ", " : "", list->items[i]);
		return;
	case SETTING_TEXT:
	case SETTING_PATH: buffer_appendf(out, "%s", *(char *const *)field); return;
	case SETTING_COUNT:
	case SETTING_BYTES:
	case SETTING_DURATION: write_number(setting->type, *(const int64_t *)field, out); return;
	case SETTING_POLICY:
		buffer_append(out, conflict_policy_name(*(const enum conflict_policy *)field));
		return;
	case SETTING_LEVEL:
		buffer_append(out, log_level_name(*(const enum log_level *)field));
		return;
	case SETTING_FLAG:
		buffer_append(out, *(const bool *)field ? SLICE("yes") : SLICE("no"));
		return;
	case SETTING_COUNTRY:
		if (*(const int64_t *)field > 0)
			buffer_appendf(out, "%lld", (long long)*(const int64_t *)field);
		return;
	}
}

void
setting_done(const struct setting *setting, void *field)
{
	switch (setting->type) {
	case SETTING_ADDRESSES:
	case SETTING_URLS:
	case SETTING_PEERS: list_done(field); return;
	case SETTING_TEXT:
	case SETTING_PATH:
		free(*(char **)field);
		*(char **)field = NULL;
		return;
	case SETTING_COUNT:
	case SETTING_BYTES:
	case SETTING_DURATION:
	case SETTING_POLICY:
	case SETTING_LEVEL:
	case SETTING_FLAG:
	case SETTING_COUNTRY: return;
	}
}

bool
setting_is_sid(struct slice text, struct slice prefix)
{
	return callback_is_sid(text) && slice_starts_with(text, prefix);
}
