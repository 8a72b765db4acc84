#include "dlrd/model/provider_names.h"

#include "dlrd/base/buffer.h"

#include <stdlib.h>
#include <string.h>

static bool
is_printable(struct slice text)
{
	struct buffer visible = BUFFER_EMPTY;
	buffer_append_visible(&visible, text);
	bool same = !visible.failed && slice_equal(buffer_slice(&visible), text);
	buffer_done(&visible);
	return same;
}

enum result
provider_nickname_check(struct slice nickname, struct failure *failure)
{
	if (nickname.len > 0 && nickname.len <= PROVIDER_NICKNAME_MAX && is_printable(nickname))
		return RESULT_OK;
	return failure_set(failure, RESULT_INVALID,
	    "\"%.*s\" is not a nickname; write 1 to %d bytes of printable text",
	    SLICE_ARG(nickname), PROVIDER_NICKNAME_MAX);
}

static enum result
check_value(const struct provider_names *names, enum provider_kind kind, struct slice value,
    struct failure *failure)
{
	const struct provider_name *found = provider_names_find(names, kind, value);
	if (found != NULL && kind == PROVIDER_DEFAULT)
		return failure_set(failure, RESULT_INVALID,
		    "%s is the default already; there can be one only", found->nickname);
	if (found != NULL)
		return failure_set(failure, RESULT_INVALID,
		    "\"%.*s\" is named already, for %s; keep one of the two", SLICE_ARG(value),
		    found->nickname);
	if (kind != PROVIDER_DEFAULT && (value.len == 0 || !is_printable(value)))
		return failure_set(
		    failure, RESULT_INVALID, "\"%.*s\" is not printable text", SLICE_ARG(value));
	return RESULT_OK;
}

static enum result
append(struct provider_names *names, struct provider_name made)
{
	struct provider_name *more = NULL;
	if (made.nickname != NULL && made.value != NULL)
		more = realloc(names->items, (names->count + 1) * sizeof *more);
	if (more == NULL) {
		free(made.nickname);
		free(made.value);
		return RESULT_NO_MEMORY;
	}

	names->items = more;
	names->items[names->count++] = made;
	return RESULT_OK;
}

enum result
provider_names_add(struct provider_names *names, struct slice nickname, enum provider_kind kind,
    struct slice value, struct failure *failure)
{
	value = kind == PROVIDER_DEFAULT ? SLICE("") : value;
	enum result result = provider_nickname_check(nickname, failure);
	if (result == RESULT_OK)
		result = check_value(names, kind, value, failure);
	if (result != RESULT_OK)
		return result;
	if (kind != PROVIDER_DEFAULT &&
	    provider_names_count(names, nickname) == PROVIDER_NAMES_OF_ONE_MAX)
		return failure_set(failure, RESULT_LIMIT,
		    "more than %d accounts, services and senders; use a second nickname",
		    PROVIDER_NAMES_OF_ONE_MAX);
	if (names->count == PROVIDER_NAMES_MAX)
		return failure_set(failure, RESULT_LIMIT, "more than %d entries in all sections",
		    PROVIDER_NAMES_MAX);
	result =
	    append(names, (struct provider_name){.nickname = strndup(nickname.ptr, nickname.len),
			      .kind = kind,
			      .value = strndup(value.ptr, value.len)});
	return result == RESULT_OK ? result : failure_set(failure, result, "no memory");
}

const struct provider_name *
provider_names_find(const struct provider_names *names, enum provider_kind kind, struct slice value)
{
	for (size_t i = 0; i < names->count; i++)
		if (names->items[i].kind == kind &&
		    (kind == PROVIDER_DEFAULT ||
			slice_equal(slice_of(names->items[i].value), value)))
			return &names->items[i];
	return NULL;
}

size_t
provider_names_count(const struct provider_names *names, struct slice nickname)
{
	size_t count = 0;
	for (size_t i = 0; i < names->count; i++)
		count += names->items[i].kind != PROVIDER_DEFAULT &&
			 slice_equal(slice_of(names->items[i].nickname), nickname);
	return count;
}

void
provider_names_done(struct provider_names *names)
{
	for (size_t i = 0; i < names->count; i++) {
		free(names->items[i].nickname);
		free(names->items[i].value);
	}
	free(names->items);
	*names = (struct provider_names){NULL, 0};
}
