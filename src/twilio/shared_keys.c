#include "dlrd/twilio/shared_keys.h"

#include <stdlib.h>
#include <string.h>

enum shared_key_claim
shared_key_read_claim(struct slice header, struct slice *out_id)
{
	struct slice id = SLICE_NONE, algorithm = SLICE_NONE;
	while (header.ptr != NULL) {
		struct slice value = slice_take(&header, ',');
		struct slice name = slice_trim(slice_take(&value, '='));
		struct slice *wanted = slice_equal_nocase(name, SLICE("key"))         ? &id
				       : slice_equal_nocase(name, SLICE("algorithm")) ? &algorithm
										      : NULL;
		if (wanted == NULL)
			continue;
		if (wanted->ptr != NULL || value.ptr == NULL)
			return SHARED_KEY_MALFORMED;
		*wanted = slice_trim(value);
	}
	if (algorithm.len == 0 || !shared_key_is_id(id))
		return SHARED_KEY_MALFORMED;
	*out_id = id;
	return slice_equal_nocase(algorithm, SLICE(SHARED_KEYS_ALGORITHM)) ? SHARED_KEY_CLAIMED
									   : SHARED_KEY_ALGORITHM;
}

bool
shared_key_is_id(struct slice text)
{
	return slice_is_name(text, "-_.", SHARED_KEY_ID_MAX);
}

static void
done(struct shared_key *key)
{
	free(key->id);
	free(key->account);
	for (int reading = 0; reading < SECRET_READING_COUNT; reading++)
		secret_free(key->readings[reading]);
}

enum result
shared_keys_add(
    struct shared_keys *keys, struct slice id, struct slice account, struct secret *secret)
{
	struct shared_key added = {.id = strndup(id.ptr, id.len),
	    .account = strndup(account.ptr, account.len),
	    .readings = {secret}};
	enum result result = keys->count == SHARED_KEYS_MAX ? RESULT_LIMIT : RESULT_OK;
	if (added.id == NULL || added.account == NULL)
		result = RESULT_NO_MEMORY;
	for (int reading = SECRET_AS_TEXT + 1; reading < SECRET_READING_COUNT; reading++)
		if (result == RESULT_OK && secret_decode(secret, (enum secret_reading)reading,
					       &added.readings[reading]) == RESULT_NO_MEMORY)
			result = RESULT_NO_MEMORY;
	if (result == RESULT_OK)
		keys->items[keys->count++] = added;
	else
		done(&added);
	return result;
}

size_t
shared_keys_find(const struct shared_keys *keys, struct slice id)
{
	size_t i = 0;
	while (i < keys->count && !slice_equal(slice_of(keys->items[i].id), id))
		i++;
	return i;
}

void
shared_keys_done(struct shared_keys *keys)
{
	while (keys->count > 0)
		done(&keys->items[--keys->count]);
}
