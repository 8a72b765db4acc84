#include "setting_sections.h"

#include "setting_types.h"

#include <stdlib.h>
#include <string.h>

/* --- callbacks --- */

enum callback_key { KEY_KIND, KEY_WORKSPACE, KEY_CAMPAIGN, KEY_VARIANT, KEY_ACCOUNT, KEY_COUNT };

static const struct {
	const char *key, *fallback;
} callback_keys[KEY_COUNT] = {
    [KEY_KIND] = {"kind", "auto"},
    [KEY_WORKSPACE] = {"workspace", "{workspace} | {account}"},
    [KEY_CAMPAIGN] = {"campaign", "{campaign} | {meta.3}_{meta.4}"},
    [KEY_VARIANT] = {"variant", "{variant} | {meta.6}"},
    [KEY_ACCOUNT] = {"account", ""},
};

/* The routes of a configuration without a [callback ...] section. */
static const struct {
	const char *path, *kind;
} default_routes[] = {
    {"/sms/twilio", "auto"},
    {"/sms/dlr/twilio", "status"},
    {"/v1/campaigns/outbound/sms/callbacks/mo/twilio", "inbound"},
};

bool
setting_is_account_sid(struct slice sid)
{
	return setting_is_sid(sid, SLICE("AC"));
}

static enum result
set_callback_key(
    struct route *route, enum callback_key key, struct slice value, struct failure *failure)
{
	struct tags_template *const templates[KEY_COUNT] = {[KEY_WORKSPACE] = &route->workspace,
	    [KEY_CAMPAIGN] = &route->campaign,
	    [KEY_VARIANT] = &route->variant};
	if (key == KEY_KIND) {
		if (route_kind_from_name(value, &route->kind))
			return RESULT_OK;
		return failure_set(failure, RESULT_INVALID,
		    "\"%.*s\" is not a kind; write auto, status, inbound, click, events or "
		    "debugger",
		    SLICE_ARG(value));
	}
	if (key == KEY_ACCOUNT) {
		if (value.len > 0 && !setting_is_account_sid(value))
			return failure_set(
			    failure, RESULT_INVALID, SETTING_BAD_ACCOUNT, SLICE_ARG(value));
		free(route->account);
		route->account = value.len == 0 ? NULL : strndup(value.ptr, value.len);
		return RESULT_OK;
	}
	tags_template_done(templates[key]);
	return tags_template_init(templates[key], value, failure);
}

/* Returns the route of the path; a new one is created with its defaults. NULL with failure set. */
static struct route *
route_for(struct routes *routes, struct slice path, struct failure *failure)
{
	const struct route *found = routes_find(routes, path);
	if (found != NULL)
		return (struct route *)found;
	if (routes->count == ROUTES_MAX) {
		failure_set(failure, RESULT_LIMIT, "more than %d callbacks", ROUTES_MAX);
		return NULL;
	}
	struct route *route = &routes->items[routes->count];
	route->path = strndup(path.ptr, path.len);
	for (int key = 0; key < KEY_COUNT; key++)
		if (set_callback_key(route, (enum callback_key)key,
			slice_of(callback_keys[key].fallback), failure) != RESULT_OK)
			return NULL;
	routes->count++;
	return route;
}

enum result
setting_callback_key(struct routes *routes, struct slice path, struct slice key, struct slice value,
    struct failure *failure)
{
	bool readable = path.len > 0 && path.ptr[0] == '/' && slice_find(path, '?') == path.len;
	if (key.ptr == NULL) { /* the section begins: creates the route with its defaults */
		if (!readable)
			return failure_set(failure, RESULT_INVALID,
			    "\"%.*s\" is not a path; write [callback /sms/twilio], without a query",
			    SLICE_ARG(path));
		return route_for(routes, path, failure) == NULL ? RESULT_LIMIT : RESULT_OK;
	}
	if (!readable)
		return RESULT_OK; /* reported when the section began */
	for (int i = 0; i < KEY_COUNT; i++)
		if (slice_equal(key, slice_of(callback_keys[i].key))) {
			struct route *route = route_for(routes, path, failure);
			if (route == NULL)
				return RESULT_LIMIT;
			return set_callback_key(route, (enum callback_key)i, value, failure);
		}
	return failure_set(failure, RESULT_INVALID,
	    "unknown key; a callback has kind, workspace, campaign, variant and account");
}

enum result
setting_default_callbacks(struct routes *routes)
{
	for (size_t i = 0; i < sizeof default_routes / sizeof default_routes[0]; i++) {
		struct route *route = route_for(routes, slice_of(default_routes[i].path), NULL);
		if (route == NULL)
			return RESULT_NO_MEMORY;
		enum result result =
		    set_callback_key(route, KEY_KIND, slice_of(default_routes[i].kind), NULL);
		if (result != RESULT_OK)
			return result;
	}
	return RESULT_OK;
}

void
setting_callbacks_print(const struct routes *routes, struct buffer *out)
{
	for (size_t i = 0; i < routes->count; i++) {
		const struct route *route = &routes->items[i];
		buffer_appendf(out,
		    "\n[callback %s]\nkind = %s\nworkspace = %s\ncampaign = %s\nvariant = %s\n",
		    route->path, route_kind_name(route->kind), route->workspace.text,
		    route->campaign.text, route->variant.text);
		if (route->account != NULL)
			buffer_appendf(out, "account = %s\n", route->account);
	}
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
			    "\"%.*s\" is not a valid SID; write %s and 32 hexadecimal digits",
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
		return RESULT_OK; /* reported when the section began */
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
