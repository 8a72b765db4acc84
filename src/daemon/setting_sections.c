#include "dlrd/daemon/setting_sections.h"

#include "dlrd/daemon/setting_types.h"

#define KEYWORD_NAME_MAX 32

/* --- keywords --- */

bool
setting_is_keyword_name(struct slice name)
{
	for (size_t i = 0; i < name.len; i++) {
		char byte = name.ptr[i];
		if (!((byte >= '0' && byte <= '9') || (byte >= 'A' && byte <= 'Z') ||
			(byte >= 'a' && byte <= 'z') || byte == '-' || byte == '_'))
			return false;
	}
	return name.len >= 1 && name.len <= KEYWORD_NAME_MAX;
}

static enum result
add_words(struct keywords *keywords, struct slice name, struct slice words, struct failure *failure)
{
	bool any = keyword_of_name(name) != KEYWORD_OTHER;
	while (words.ptr != NULL) {
		struct slice word = slice_trim(slice_take(&words, ','));
		if (word.len == 0)
			continue;
		enum result result = keywords_add_word(keywords, name, word, failure);
		if (result != RESULT_OK)
			return result;
		any = true;
	}
	return any ? RESULT_OK
		   : failure_set(failure, RESULT_INVALID,
			 "is empty; write the words that this keyword is, comma-separated");
}

enum result
setting_keyword_key(struct keywords *keywords, struct slice name, struct slice key,
    struct slice value, struct failure *failure)
{
	if (key.ptr == NULL && !setting_is_keyword_name(name))
		return failure_set(failure, RESULT_INVALID,
		    "\"%.*s\" is no name; write [keyword join], with 1 to %d letters, digits, - or "
		    "_",
		    SLICE_ARG(name), KEYWORD_NAME_MAX);
	if (key.ptr == NULL || !setting_is_keyword_name(name))
		return RESULT_OK; /* the section begins, or told where it began */
	if (slice_equal(key, SLICE("words")))
		return add_words(keywords, name, value, failure);
	if (slice_equal(key, SLICE("reply")))
		return value.len == 0 ? RESULT_OK
				      : keywords_set_reply(keywords, name, value, failure);
	return failure_set(failure, RESULT_INVALID, "unknown key; a keyword has words and reply");
}

static void
print_keyword(void *context, struct slice name, struct slice words, struct slice reply)
{
	struct buffer *out = context;
	buffer_appendf(out, "\n[keyword %.*s]\nwords = %.*s\n", SLICE_ARG(name), SLICE_ARG(words));
	buffer_appendf(out, "reply = %.*s\n", SLICE_ARG(reply));
}

void
setting_keywords_print(const struct keywords *keywords, struct buffer *out)
{
	if (keywords_each(keywords, print_keyword, out) != RESULT_OK)
		out->failed = true;
}

/* --- providers --- */

static const struct {
	const char *key;
	enum provider_kind kind;
	const char *prefix; /* of its SIDs; NULL for any text */
} provider_lists[] = {
    {"accounts", PROVIDER_ACCOUNT, "AC"},
    {"services", PROVIDER_SERVICE, "MG"},
    {"senders", PROVIDER_SENDER, NULL},
};

#define LIST_COUNT (sizeof provider_lists / sizeof provider_lists[0])

static enum result
add_providers(struct provider_names *providers, struct slice name, size_t list, struct slice values,
    struct failure *failure)
{
	const char *prefix = provider_lists[list].prefix;
	while (values.ptr != NULL) {
		struct slice value = slice_trim(slice_take(&values, ','));
		if (value.len == 0)
			continue;
		if (prefix != NULL && !setting_is_sid(value, slice_of(prefix)))
			return failure_set(failure, RESULT_INVALID,
			    "\"%.*s\" is no SID of one; that is %s and 32 hexadecimal digits",
			    SLICE_ARG(value), prefix);
		enum result result =
		    provider_names_add(providers, name, provider_lists[list].kind, value, failure);
		if (result != RESULT_OK)
			return result;
	}
	return RESULT_OK;
}

enum result
setting_provider_key(struct provider_names *providers, struct slice name, struct slice key,
    struct slice value, struct failure *failure)
{
	if (key.ptr == NULL)
		return provider_nickname_check(name, failure);
	if (provider_nickname_check(name, NULL) != RESULT_OK)
		return RESULT_OK; /* told where the section began */
	for (size_t i = 0; i < LIST_COUNT; i++)
		if (slice_equal(key, slice_of(provider_lists[i].key)))
			return add_providers(providers, name, i, value, failure);
	if (!slice_equal(key, SLICE("default")))
		return failure_set(failure, RESULT_INVALID,
		    "unknown key; a provider has accounts, services, senders and default");
	if (slice_equal(value, SLICE("yes")))
		return provider_names_add(providers, name, PROVIDER_DEFAULT, SLICE_NONE, failure);
	if (slice_equal(value, SLICE("no")))
		return RESULT_OK;
	return failure_set(
	    failure, RESULT_INVALID, "\"%.*s\" is neither yes nor no", SLICE_ARG(value));
}

static void
print_provider(const struct provider_names *providers, struct slice nickname, struct buffer *out)
{
	const struct provider_name *other =
	    provider_names_find(providers, PROVIDER_DEFAULT, SLICE_NONE);
	buffer_appendf(out, "\n[provider %.*s]\n", SLICE_ARG(nickname));
	for (size_t list = 0; list < LIST_COUNT; list++) {
		const char *before = "";
		buffer_appendf(out, "%s = ", provider_lists[list].key);
		for (size_t i = 0; i < providers->count; i++) {
			const struct provider_name *item = &providers->items[i];
			if (item->kind != provider_lists[list].kind ||
			    !slice_equal(slice_of(item->nickname), nickname))
				continue;
			buffer_appendf(out, "%s%s", before, item->value);
			before = ", ";
		}
		buffer_append_byte(out, '\n');
	}
	bool is_default = other != NULL && slice_equal(slice_of(other->nickname), nickname);
	buffer_appendf(out, "default = %s\n", is_default ? "yes" : "no");
}

void
setting_providers_print(const struct provider_names *providers, struct buffer *out)
{
	for (size_t i = 0; i < providers->count; i++) {
		struct slice nickname = slice_of(providers->items[i].nickname);
		size_t first = 0;
		while (!slice_equal(slice_of(providers->items[first].nickname), nickname))
			first++;
		if (first == i)
			print_provider(providers, nickname, out);
	}
}

/* --- all of them --- */

void
setting_sections_each_key(
    void (*on_key)(void *context, const char *section, const char *key, const char *fallback),
    void *context)
{
	on_key(context, "keyword", "words", NULL);
	on_key(context, "keyword", "reply", "");
	for (size_t i = 0; i < LIST_COUNT; i++)
		on_key(context, "provider", provider_lists[i].key, "");
	on_key(context, "provider", "default", "no");
}
