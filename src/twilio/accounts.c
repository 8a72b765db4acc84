#include "accounts.h"

#include <stdlib.h>
#include <string.h>

struct account *
accounts_find(const struct accounts *accounts, struct slice sid, size_t *out_index)
{
	size_t low = 0, high = accounts->count;
	while (low < high) {
		size_t middle = (low + high) / 2;
		int order = slice_compare(accounts->items[middle].sid, sid);
		if (order == 0) {
			*out_index = middle;
			return &accounts->items[middle];
		}
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}

	*out_index = low;
	return NULL;
}

static struct account *
insert(struct accounts *accounts, struct slice sid, size_t index)
{
	size_t count = accounts->count;
	struct account *more = realloc(accounts->items, (count + 1) * sizeof *more);
	if (more == NULL)
		return NULL;
	accounts->items = more;

	char *text = malloc(sid.len + 1);
	if (text == NULL)
		return NULL;
	memcpy(text, sid.ptr, sid.len);
	text[sid.len] = '\0';

	memmove(more + index + 1, more + index, (count - index) * sizeof *more);
	more[index] = (struct account){.sid = {text, sid.len}};
	accounts->count++;
	return &more[index];
}

enum result
accounts_add(struct accounts *accounts, struct slice sid)
{
	size_t index;
	if (accounts_find(accounts, sid, &index) != NULL)
		return RESULT_OK;
	return insert(accounts, sid, index) == NULL ? RESULT_NO_MEMORY : RESULT_OK;
}

enum result
accounts_set_token(
    struct accounts *accounts, struct slice sid, unsigned which, struct secret *token)
{
	size_t index;
	struct account *account = accounts_find(accounts, sid, &index);
	if (account == NULL)
		account = insert(accounts, sid, index);
	if (account == NULL) {
		secret_free(token);
		return RESULT_NO_MEMORY;
	}

	secret_free(account->tokens[which]);
	account->tokens[which] = token;
	return RESULT_OK;
}

bool
accounts_hold_token(const struct accounts *accounts, struct slice text)
{
	for (size_t i = 0; i < accounts->count; i++)
		for (unsigned which = 0; which < ACCOUNT_TOKENS; which++) {
			const struct secret *token = accounts->items[i].tokens[which];
			if (token != NULL && secret_equal(token, text))
				return true;
		}
	return false;
}

bool
accounts_are_locked(const struct accounts *accounts)
{
	for (size_t i = 0; i < accounts->count; i++)
		for (unsigned which = 0; which < ACCOUNT_TOKENS; which++) {
			const struct secret *token = accounts->items[i].tokens[which];
			if (token != NULL && !secret_is_locked(token))
				return false;
		}
	return true;
}

void
accounts_done(struct accounts *accounts)
{
	for (size_t i = 0; i < accounts->count; i++) {
		free((char *)accounts->items[i].sid.ptr);
		for (unsigned which = 0; which < ACCOUNT_TOKENS; which++)
			secret_free(accounts->items[i].tokens[which]);
	}
	free(accounts->items);
	*accounts = (struct accounts){.count = 0};
}
