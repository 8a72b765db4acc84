/* figures: SQL of the figures and rates, and the columns of figures. Included by the files of
 * questions. */
#pragma once

/* A figure of which nothing was ever received, on any route, is not measured: null. Figure 8 of
 * hour_block are clicks (enum figure). */
#define REPLIES_ARE_MEASURED "EXISTS (SELECT 1 FROM reply)"
#define CLICKS_ARE_MEASURED "EXISTS (SELECT 1 FROM hour_block b WHERE b.figure = 8)"
#define MEASURED(condition, name) \
	", CASE WHEN " condition " THEN coalesce(sum(h." name "), 0) END AS " name

/* Sums over campaign_hour or provider_hour, which is h. */
#define FIGURES                                                                        \
	"coalesce(sum(h.messages), 0) AS messages"                                     \
	", coalesce(sum(h.sent), 0) AS sent"                                           \
	", coalesce(sum(h.delivered), 0) AS delivered"                                 \
	", coalesce(sum(h.failed), 0) AS failed"                                       \
	", coalesce(sum(h.canceled), 0) AS canceled"                                   \
	", coalesce(sum(h.pending), 0) AS pending"                                     \
	", coalesce(sum(h.read), 0) AS read" MEASURED(REPLIES_ARE_MEASURED, "replied") \
	    MEASURED(CLICKS_ARE_MEASURED, "clicked") MEASURED(CLICKS_ARE_MEASURED,     \
		"clicked_messages") ", coalesce(sum(h.opted_out), 0) AS opted_out"     \
				    ", coalesce(sum(h.conflicts), 0) AS conflicts"

#define ANY_FIGURE                                                                           \
	"sum(h.messages + h.sent + h.delivered + h.failed + h.canceled + h.pending + h.read" \
	" + h.replied + h.clicked + h.opted_out + h.conflicts) > 0"

/* Shares of FIGURES; null if there is nothing to divide by. */
#define RATIO(part, whole, name) \
	", CAST(" part " AS DOUBLE PRECISION) / nullif(" whole ", 0) AS " name
#define RATES                                                                              \
	RATIO("delivered", "delivered + failed", "delivery_rate")                          \
	RATIO("delivered", "delivered + failed + pending", "delivery_rate_low")            \
	RATIO("delivered + pending", "delivered + failed + pending", "delivery_rate_high") \
	RATIO("clicked_messages", "delivered", "click_rate")

/* A column of a figure; SHOWN: in a table on a terminal, too; RANK: struct report_column,
 * dispensable. */
#define COLUMN_OF_RANK(NAME, SHOWN, RANK, TEXT)                                      \
	{                                                                            \
		NAME, CELL_INT, .counts = true, .shown = SHOWN, .dispensable = RANK, \
				.description = TEXT                                  \
	}
/* One that may not be measured. */
#define COLUMN_OF_MEASURE(NAME, SHOWN, RANK, TEXT)                                         \
	{                                                                                  \
		NAME, CELL_INT, .counts = true, .nullable = true, .shown = SHOWN,          \
				.dispensable = RANK,                                       \
				.description = TEXT " Null if no route ever received any." \
	}
#define COLUMN_OF_FIGURE(NAME, SHOWN, TEXT) COLUMN_OF_RANK(NAME, SHOWN, 0, TEXT)
#define COLUMN_MESSAGES(SHOWN) COLUMN_OF_RANK("messages", SHOWN, 3, "Different messages.")
#define COLUMN_SENT(SHOWN) COLUMN_OF_FIGURE("sent", SHOWN, "Messages known to have left.")
#define COLUMN_DELIVERED(SHOWN) COLUMN_OF_FIGURE("delivered", SHOWN, NULL)
#define COLUMN_FAILED(SHOWN) \
	COLUMN_OF_FIGURE("failed", SHOWN, "Failed or undelivered, by status alone.")
#define COLUMN_READ(SHOWN) COLUMN_OF_RANK("read", SHOWN, 5, NULL)
#define COLUMN_REPLIED(SHOWN) COLUMN_OF_MEASURE("replied", SHOWN, 2, "Replies.")
#define COLUMN_CLICKED(SHOWN)                  \
	COLUMN_OF_MEASURE("clicked", SHOWN, 4, \
	    "Different links of each message that were clicked; previews not at all.")
#define COLUMN_OPTED_OUT(SHOWN) COLUMN_OF_RANK("opted_out", SHOWN, 1, "Replies that say STOP.")
#define COLUMN_PENDING(SHOWN) COLUMN_OF_FIGURE("pending", SHOWN, "Sent, without a final word.")
#define COLUMN_CANCELED(SHOWN) COLUMN_OF_FIGURE("canceled", SHOWN, NULL)
#define COLUMN_CONFLICTS(SHOWN) \
	COLUMN_OF_FIGURE("conflicts", SHOWN, "Messages with two different final statuses.")
#define COLUMN_CLICKED_MESSAGES(SHOWN) \
	COLUMN_OF_MEASURE("clicked_messages", SHOWN, 0, "Messages of which any link was clicked.")

/* The class of delays (model/rollup.h) that so great a share of the deliveries does not exceed, in
 * seconds: of tagsets y for which the condition holds. */
#define DELAY(share, condition, name)                                                            \
	", (SELECT CAST(min(z.ms) AS DOUBLE PRECISION) * 1.0117 / 1000 FROM (SELECT d.ms AS ms," \
	" sum(sum(d.messages)) OVER (ORDER BY d.ms) AS upto, sum(sum(d.messages)) OVER ()"       \
	" AS total FROM campaign_delay d JOIN tagset y ON y.id = d.tagset_id WHERE " condition   \
	" GROUP BY d.ms) z WHERE z.total > 0 AND z.upto >= " share " * z.total) AS " name
#define DELAYS(condition) \
	DELAY("0.5", condition, "median_seconds") DELAY("0.95", condition, "p95_seconds")
#define COLUMNS_OF_DELAYS(SHOWN)                                                                 \
	{"median_seconds", CELL_REAL, .nullable = true, .shown = SHOWN, .dispensable = 7,        \
	    .description = "From sent to delivered, of half of the messages for which both are " \
			   "known, within 2 %; null without one, and with from or to."},         \
	{                                                                                        \
		"p95_seconds", CELL_REAL, .nullable = true, .shown = SHOWN, .dispensable = 6,    \
					  .description = "The same of 95 % of them."             \
	}
