/* url_judgement: what a callback URL means with a configuration, and what is to be said of it.
 *
 * Nothing is asked of the network. One thread. */
#ifndef DLRD_URL_URL_JUDGEMENT_H
#define DLRD_URL_URL_JUDGEMENT_H

#include "dlrd/daemon/settings.h"
#include "dlrd/twilio/callback_url.h"
#include "dlrd/twilio/connection_overrides.h"

struct url_judgement {
	struct callback_url url;   /* borrowed from the text that was judged */
	const char *public_url;    /* it is below this one; NULL for none */
	const struct route *route; /* it leads to this one; NULL for none */
	struct connection_overrides overrides;
	bool tags_fit;                              /* campaign is what the template gives */
	struct buffer workspace, campaign, variant; /* empty where the query does not fit */
	struct url_findings findings;
};

/* Judges a URL below one of bases, which are public URLs. kind says what the URL is for; ROUTE_AUTO
 * leaves that to the route it leads to. Ends with url_judgement_done. */
void url_judgement_make(const struct settings *settings, const struct settings_list *bases,
    struct slice text, enum route_kind kind, struct url_judgement *out_judgement);

/* Whether Twilio takes connection overrides on such a URL. Event Streams do not, and of clicks and
 * the debugger it is not documented. */
bool url_judgement_takes_overrides(enum route_kind kind);

void url_judgement_done(struct url_judgement *judgement);

#endif
