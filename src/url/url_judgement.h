/* url_judgement: the meaning of a callback URL under a configuration, and its findings.
 *
 * Does not use the network. One thread. */
#pragma once

#include "dlrd/daemon/settings.h"
#include "dlrd/twilio/callback_url.h"
#include "dlrd/twilio/connection_overrides.h"

struct url_judgement {
	struct callback_url url;   /* borrowed from the judged text */
	const char *public_url;    /* the one that it is below; NULL for none */
	const struct route *route; /* the route that it leads to; NULL for none */
	struct connection_overrides overrides;
	bool tags_fit;                              /* the query fits the campaign's template */
	struct buffer workspace, campaign, variant; /* empty if the query does not fit */
	struct url_findings findings;
};

/* Judges a URL against bases, which are public URLs. kind is the purpose of the URL; ROUTE_AUTO
 * uses the kind of its route. Release with url_judgement_done. */
void url_judgement_make(const struct settings *settings, const struct settings_list *bases,
    struct slice text, enum route_kind kind, struct url_judgement *out_judgement);

/* Returns whether Twilio accepts connection overrides on such a URL. Event Streams do not. For
 * clicks and the debugger this is not documented. */
bool url_judgement_takes_overrides(enum route_kind kind);

void url_judgement_done(struct url_judgement *judgement);
