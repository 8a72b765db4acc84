/* filters: SQL of filters that several questions have. Included by the files of questions. */
#pragma once

#include "providers.h"

/* The tagsets of a campaign, workspace and variant; of a value that is NULL, all. */
#define TAGSETS(campaign, workspace, variant)                                                 \
	"(SELECT t.id FROM tagset t JOIN campaign c ON c.id = t.campaign_id WHERE (" campaign \
	" IS NULL OR c.name = " campaign ") AND (" workspace                                  \
	" IS NULL OR c.workspace = " workspace ") AND (" variant                              \
	" IS NULL OR t.variant = " variant "))"

/* The providers that have this nickname, account, messaging service or sender. */
#define PROVIDERS(word)                                                            \
	"(SELECT x.id FROM provider x WHERE " word " <> '' AND (x.account = " word \
	" OR x.service = " word " OR x.sender = " word " OR " PROVIDER_NAME("x") " = " word "))"

/* The number that is known for an address that is not a number. */
#define PERSON(number) "coalesce((SELECT number FROM person WHERE alias = " number "), " number ")"
