/* figures: SQL of the figures and rates, and the columns of figures. Included by the files of
 * questions. */
#pragma once

/* Sums over campaign_hour or provider_hour, which is h. */
#define FIGURES                                                      \
	"coalesce(sum(h.messages), 0) AS messages"                   \
	", coalesce(sum(h.sent), 0) AS sent"                         \
	", coalesce(sum(h.delivered), 0) AS delivered"               \
	", coalesce(sum(h.failed), 0) AS failed"                     \
	", coalesce(sum(h.canceled), 0) AS canceled"                 \
	", coalesce(sum(h.pending), 0) AS pending"                   \
	", coalesce(sum(h.read), 0) AS read"                         \
	", coalesce(sum(h.replied), 0) AS replied"                   \
	", coalesce(sum(h.clicked), 0) AS clicked"                   \
	", coalesce(sum(h.clicked_messages), 0) AS clicked_messages" \
	", coalesce(sum(h.opted_out), 0) AS opted_out"               \
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
#define COLUMN_OF_FIGURE(NAME, SHOWN, TEXT) COLUMN_OF_RANK(NAME, SHOWN, 0, TEXT)
#define COLUMN_MESSAGES(SHOWN) COLUMN_OF_RANK("messages", SHOWN, 3, "Different messages.")
#define COLUMN_SENT(SHOWN) COLUMN_OF_FIGURE("sent", SHOWN, "Messages known to have left.")
#define COLUMN_DELIVERED(SHOWN) COLUMN_OF_FIGURE("delivered", SHOWN, NULL)
#define COLUMN_FAILED(SHOWN) \
	COLUMN_OF_FIGURE("failed", SHOWN, "Failed or undelivered, by status alone.")
#define COLUMN_READ(SHOWN) COLUMN_OF_RANK("read", SHOWN, 5, NULL)
#define COLUMN_REPLIED(SHOWN) COLUMN_OF_RANK("replied", SHOWN, 2, "Replies.")
#define COLUMN_CLICKED(SHOWN)               \
	COLUMN_OF_RANK("clicked", SHOWN, 4, \
	    "Different links of each message that were clicked; previews not at all.")
#define COLUMN_OPTED_OUT(SHOWN) COLUMN_OF_RANK("opted_out", SHOWN, 1, "Replies that say STOP.")
#define COLUMN_PENDING(SHOWN) COLUMN_OF_FIGURE("pending", SHOWN, "Sent, without a final word.")
#define COLUMN_CANCELED(SHOWN) COLUMN_OF_FIGURE("canceled", SHOWN, NULL)
#define COLUMN_CONFLICTS(SHOWN) \
	COLUMN_OF_FIGURE("conflicts", SHOWN, "Messages with two different final statuses.")
#define COLUMN_CLICKED_MESSAGES(SHOWN) \
	COLUMN_OF_FIGURE("clicked_messages", SHOWN, "Messages of which any link was clicked.")
