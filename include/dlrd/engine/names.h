/* names: the small tables that events and messages point into: campaigns, tagsets, providers,
 * and the URLs that tags were read from.
 *
 * Ids of names seen lately are cached, since a thousand receipts in a row
 * name the same campaign and sender. The cache is bounded; names_forget empties it, and must be
 * called when a transaction is rolled back, for the rows may be gone. One thread. */
#pragma once

#include "dlrd/base/arena.h"

struct names;

struct tagset {
	int64_t id;
	int64_t campaign_id;
};

/* Finds the tagset with these texts (absent counts as empty), and creates it if it is missing. A
 * new campaign has no first and last time (0) yet. */
must_check enum result names_tagset(struct names *names, struct slice workspace,
    struct slice campaign, struct slice variant, struct tagset *out_tagset);

/* Chooses the tagset of a message whose receipts disagree: the one with a campaign, else the least
 * in byte order of which anything is known. The order of arrival does not matter. */
must_check enum result names_choose_tagset(
    struct names *names, int64_t a_id, int64_t b_id, int64_t *out_id);

/* The campaign that a tagset belongs to. */
must_check enum result names_campaign_of(
    struct names *names, int64_t tagset_id, int64_t *out_campaign_id);

must_check enum result names_provider(struct names *names, struct slice account,
    struct slice service, struct slice sender, int64_t *out_id);

/* Merges two providers: takes each part that only one of them has, and of two different ones the
 * least. */
must_check enum result names_merge_providers(
    struct names *names, int64_t a_id, int64_t b_id, int64_t *out_id);

/* The provider merged from all stored receipts of a message. *out_id is 0 if it is not in the table
 * and the connection only reads. */
must_check enum result names_message_provider(
    struct names *names, int64_t message_id, int64_t *out_id);

struct provider {
	struct slice account, service, sender;
};

/* Reads a provider. Its texts are copied to the arena; all are absent if it is not in the table. */
must_check enum result names_read_provider(
    struct names *names, int64_t id, struct arena *arena, struct provider *out_provider);

/* Finds or adds the path and query of a URL. A query that is absent or empty is not stored. */
must_check enum result names_source(
    struct names *names, struct slice path, struct slice query, int64_t *out_id);

void names_forget(struct names *names);
