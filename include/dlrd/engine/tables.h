/* tables: all tables of a store, on one connection. The engine opens and closes them. */
#pragma once

#include "dlrd/engine/block_table.h"
#include "dlrd/engine/consent_table.h"
#include "dlrd/engine/figure_table.h"
#include "dlrd/engine/lookup_table.h"
#include "dlrd/engine/messages.h"
#include "dlrd/engine/names.h"
#include "dlrd/engine/person_table.h"
#include "dlrd/engine/receipt_table.h"
#include "dlrd/engine/reply_table.h"
#include "dlrd/engine/signature_table.h"
#include "dlrd/engine/upkeep_table.h"

struct tables {
	struct names *names;
	struct messages *messages;
	struct receipt_table *receipts;
	struct reply_table *replies;
	struct consent_table *consents;
	struct person_table *persons;
	struct signature_table *signatures;
	struct figure_table *figures;
	struct lookup_table *lookups;
	struct block_table *blocks;
	struct upkeep_table *upkeep;
};
