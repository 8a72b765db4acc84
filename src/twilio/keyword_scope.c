#include "dlrd/twilio/keyword_scope.h"

#include "dlrd/twilio/address.h"
#include "dlrd/twilio/callback.h"

#include <stdlib.h>
#include <string.h>

/* Digits of a country: calling codes have up to 3, and countries that share one have more, such as
 * 1242 (Bahamas). */
#define COUNTRY_MAX 7

static const char *const keys[KEYWORD_LIST_COUNT] = {
    [KEYWORD_SENDERS] = "senders",
    [KEYWORD_SERVICES] = "services",
    [KEYWORD_COUNTRIES] = "countries",
};

const char *
keyword_list_key(enum keyword_list list)
{
	return keys[list];
}

/* --- values --- */

static bool
is_sender(struct slice value)
{
	switch (address_kind(value)) {
	case ADDRESS_LONG_CODE:
	case ADDRESS_SHORT_CODE:
	case ADDRESS_TOLL_FREE:
	case ADDRESS_ALPHANUMERIC:
	case ADDRESS_WHATSAPP:
	case ADDRESS_RCS: return true;
	case ADDRESS_OTHER: return slice_find(value, ':') < value.len; /* another channel */
	case ADDRESS_NONE:
	case ADDRESS_SERVICE:
	case ADDRESS_KIND_COUNT: return false;
	}
	return false;
}

static bool
is_country(struct slice value)
{
	for (size_t i = 0; i < value.len; i++)
		if (value.ptr[i] < '0' || value.ptr[i] > '9')
			return false;
	return value.len > 0 && value.len <= COUNTRY_MAX && value.ptr[0] != '0';
}

static enum result
check(enum keyword_list list, struct slice value, struct failure *failure)
{
	switch (list) {
	case KEYWORD_SENDERS:
		if (is_sender(value))
			return RESULT_OK;
		return failure_set(failure, RESULT_INVALID,
		    "\"%.*s\" is not a sender; write a number with + and its country code, a short "
		    "code, or a channel's address (whatsapp:+15550100)",
		    SLICE_ARG(value));
	case KEYWORD_SERVICES:
		if (callback_is_sid(value) && slice_starts_with(value, SLICE("MG")))
			return RESULT_OK;
		return failure_set(failure, RESULT_INVALID,
		    "\"%.*s\" is not a messaging service; write MG and 32 hexadecimal digits",
		    SLICE_ARG(value));
	case KEYWORD_COUNTRIES:
		if (is_country(value))
			return RESULT_OK;
		return failure_set(failure, RESULT_INVALID,
		    "\"%.*s\" is not a calling code; write the first digits of the country's "
		    "numbers, such as 49 for Germany or 1242 for the Bahamas",
		    SLICE_ARG(value));
	case KEYWORD_LIST_COUNT: break;
	}
	return RESULT_INVALID;
}

static bool
has_value(const struct keyword_values *values, struct slice value)
{
	for (size_t i = 0; i < values->count; i++)
		if (slice_equal(slice_of(values->items[i]), value))
			return true;
	return false;
}

enum result
keyword_scope_add(struct keyword_scope *scope, enum keyword_list list, struct slice value,
    struct failure *failure)
{
	struct keyword_values *values = &scope->lists[list];
	if (list == KEYWORD_COUNTRIES && slice_starts_with(value, SLICE("+")))
		value = slice_from(value, 1);
	enum result result = check(list, value, failure);
	if (result != RESULT_OK || has_value(values, value))
		return result;

	char **more = realloc(values->items, (values->count + 1) * sizeof *more);
	if (more != NULL)
		values->items = more;
	char *copy = more == NULL ? NULL : strndup(value.ptr, value.len);
	if (copy == NULL)
		return failure_set(failure, RESULT_NO_MEMORY, "no memory");
	values->items[values->count++] = copy;
	return RESULT_OK;
}

void
keyword_scope_write(const struct keyword_scope *scope, enum keyword_list list, struct buffer *out)
{
	const struct keyword_values *values = &scope->lists[list];
	for (size_t i = 0; i < values->count; i++)
		buffer_appendf(out, "%s%s", i > 0 ? ", " : "", values->items[i]);
}

/* --- messages --- */

/* Returns the digits of a telephone number, which may be that of a channel; else empty. */
static struct slice
digits_of(struct slice address)
{
	size_t colon = slice_find(address, ':');
	if (colon < address.len)
		address = slice_from(address, colon + 1);
	return slice_starts_with(address, SLICE("+")) ? slice_from(address, 1) : SLICE("");
}

/* Returns the length of the longest country that the number begins with; 0 for none. */
static size_t
country_length(const struct keyword_values *countries, struct slice from)
{
	struct slice digits = digits_of(from);
	size_t longest = 0;
	for (size_t i = 0; i < countries->count; i++) {
		struct slice country = slice_of(countries->items[i]);
		if (country.len > longest && slice_starts_with(digits, country))
			longest = country.len;
	}
	return longest;
}

enum keyword_limit
keyword_scope_limit(const struct keyword_scope *scope, const struct keyword_message *message)
{
	const struct keyword_values *senders = &scope->lists[KEYWORD_SENDERS];
	const struct keyword_values *services = &scope->lists[KEYWORD_SERVICES];
	const struct keyword_values *countries = &scope->lists[KEYWORD_COUNTRIES];
	if (senders->count > 0 && !has_value(senders, message->to))
		return KEYWORD_OTHER_SENDER;
	if (services->count > 0 && !has_value(services, message->service))
		return KEYWORD_OTHER_SERVICE;
	if (countries->count > 0 && country_length(countries, message->from) == 0)
		return KEYWORD_OTHER_COUNTRY;
	if (message->arrived_us < scope->from_us)
		return KEYWORD_TOO_EARLY;
	return message->arrived_us >= scope->until_us ? KEYWORD_TOO_LATE : KEYWORD_WITHIN;
}

static bool
has_window(const struct keyword_scope *scope)
{
	return scope->from_us != 0 || scope->until_us != INT64_MAX;
}

/* Each place is worth more than all that follow it. */
unsigned
keyword_scope_rank(const struct keyword_scope *scope, const struct keyword_message *message)
{
	const struct keyword_values *lists = scope->lists;
	unsigned rank = lists[KEYWORD_SENDERS].count > 0;
	rank = rank * 2 + (lists[KEYWORD_SERVICES].count > 0);
	rank = rank * (COUNTRY_MAX + 1) +
	       (unsigned)country_length(&lists[KEYWORD_COUNTRIES], message->from);
	return rank * 2 + has_window(scope);
}

/* --- two scopes --- */

static bool
share_value(const struct keyword_values *a, const struct keyword_values *b)
{
	for (size_t i = 0; i < a->count; i++)
		if (has_value(b, slice_of(a->items[i])))
			return true;
	return false;
}

static bool
share_number(const struct keyword_values *a, const struct keyword_values *b)
{
	for (size_t i = 0; i < a->count; i++)
		for (size_t k = 0; k < b->count; k++) {
			struct slice one = slice_of(a->items[i]), other = slice_of(b->items[k]);
			if (slice_starts_with(one, other) || slice_starts_with(other, one))
				return true;
		}
	return false;
}

bool
keyword_scopes_meet(const struct keyword_scope *a, const struct keyword_scope *b)
{
	for (int list = 0; list < KEYWORD_LIST_COUNT; list++) {
		const struct keyword_values *one = &a->lists[list], *other = &b->lists[list];
		bool open = one->count == 0 || other->count == 0;
		if (!open && !(list == KEYWORD_COUNTRIES ? share_number(one, other)
							 : share_value(one, other)))
			return false;
	}
	return a->from_us < b->until_us && b->from_us < a->until_us;
}

bool
keyword_scopes_tie(const struct keyword_scope *a, const struct keyword_scope *b)
{
	for (int list = 0; list < KEYWORD_LIST_COUNT; list++) {
		const struct keyword_values *one = &a->lists[list], *other = &b->lists[list];
		bool open = one->count == 0 && other->count == 0;
		if (!open && !share_value(one, other))
			return false;
	}
	return has_window(a) == has_window(b) && keyword_scopes_meet(a, b);
}

void
keyword_scope_done(struct keyword_scope *scope)
{
	for (int list = 0; list < KEYWORD_LIST_COUNT; list++) {
		for (size_t i = 0; i < scope->lists[list].count; i++)
			free(scope->lists[list].items[i]);
		free(scope->lists[list].items);
	}
}
