/* figures: SQL of the figures and rates, and their columns. Included by the files of questions. */
#ifndef DLRD_QUERY_FIGURES_H
#define DLRD_QUERY_FIGURES_H

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

#endif
