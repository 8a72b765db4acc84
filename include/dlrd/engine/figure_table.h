/* figure_table: the hourly figures of campaigns and providers, and the errors of campaigns; the
 * times and duplicates of campaigns.
 *
 * The engine knows no meaning: it adds differences and reads rows. One thread, inside a
 * transaction. */
#pragma once

#include "dlrd/model/rollup.h"

struct figure_table;

enum figure_kind { FIGURES_OF_CAMPAIGN, FIGURES_OF_PROVIDER, FIGURES_OF_ERROR, FIGURES_OF_DELAY };

/* A row of campaign_hour (id: tagset), provider_hour (id: provider), campaign_error (id: tagset,
 * code: error code; its count is in figures[FIGURE_FAILED]) or campaign_delay (id: tagset, code:
 * the class; its count is in figures[FIGURE_DELIVERED]). */
struct figure_row {
	enum figure_kind kind;
	int64_t id, code, hour;
	int64_t figures[FIGURE_COUNT];
};

/* What changes in a campaign's own row. */
struct campaign_change {
	int64_t campaign_id;
	int64_t first_us, last_us;             /* of events; 0: only duplicates */
	int64_t moved_first_us, moved_last_us; /* earliest and latest time that one of its events
						  does not have any more; 0: none */
	int64_t duplicates;
};

/* Adds the row's figures to those that are stored. */
must_check enum result figure_table_add(struct figure_table *table, const struct figure_row *row);

typedef enum result (*figure_row_fn)(void *context, const struct figure_row *row);

/* Passes all rows. */
must_check enum result figure_table_each(
    struct figure_table *table, figure_row_fn on_row, void *context);

/* Changes a campaign's row. If an event has no longer a time that may have been the first or last,
 * both are read from the events, which must be written. */
must_check enum result figure_table_change_campaign(
    struct figure_table *table, const struct campaign_change *change);

/* Corrects first and last of all campaigns by their events. */
must_check enum result figure_table_correct_campaigns(
    struct figure_table *table, uint64_t *out_corrected);

typedef void (*campaign_name_fn)(void *context, struct slice name);

/* Passes the campaigns whose first or last is not that of their events. */
must_check enum result figure_table_wrong_campaigns(
    struct figure_table *table, campaign_name_fn on_name, void *context);
