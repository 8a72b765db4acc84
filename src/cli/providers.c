#include "query.h"

#define FIGURES "sent", "delivered", "failed", "pending", "delivery_rate", NULL

/* --by and what it tells apart. */
static const struct {
	struct slice name;
	enum provider_grouping by;
	const char *const columns[11]; /* of the table */
} groupings[] = {
    {SLICE_INIT("sender"), BY_SENDER,
	{"provider", "kind", "account", "service", "sender", FIGURES}},
    {SLICE_INIT("service"), BY_SERVICE, {"provider", "account", "service", FIGURES}},
    {SLICE_INIT("account"), BY_ACCOUNT, {"provider", "account", FIGURES}},
    {SLICE_INIT("provider"), BY_NAME, {"provider", "replied", FIGURES}},
};

static void
add_provider(void *context, const struct provider_row *row)
{
	struct report_row cells = report_provider_row(row);
	output_add(context, &cells);
}

static int
show(struct query *query, const struct cli_command *command, const char *by,
    struct provider_filter *filter)
{
	size_t i = 0;
	if (!query_word(command, "by", by, "sender|service|account|provider"))
		return CLI_USAGE;
	while (by != NULL && !slice_equal(groupings[i].name, slice_of(by)))
		i++;
	filter->by = groupings[i].by;
	struct output *output = output_new(query->format, &report_providers, groupings[i].columns);
	enum result result = store_read_providers(query->reader, filter, add_provider, output);
	return query_end(query, command, result, output, NULL);
}

static int
run(const struct cli_command *command, int count, char **words)
{
	struct query query = {0};
	const char *by = NULL, *provider = NULL, *from = NULL, *to = NULL;
	const struct cli_option options[] = {QUERY_OPTIONS(query), {"by", 0, .text = &by},
	    {"provider", 0, .text = &provider}, {"from", 0, .text = &from}, {"to", 0, .text = &to}};
	struct provider_filter filter = {0};
	int operands, status;
	if (!query_begin(&query, command, count, words, options, sizeof options / sizeof options[0],
		0, &operands, &status))
		return status;
	status = CLI_USAGE;
	if (query_times(command, from, to, &filter.from_us, &filter.to_us)) {
		filter.name = slice_of(provider);
		status = show(&query, command, by, &filter);
	}
	store_reader_close(query.reader);
	return status;
}

const struct cli_command cli_providers = {
    .name = "providers",
    .summary = "figures by sender, messaging service, account or nickname",
    .usage =
	"Usage: dlrd providers [--by GROUPING] [--provider N] [--from T] [--to T]\n"
	"                      [--json | --csv] [-c FILE | --store DIR]\n"
	"\n"
	"Shows what became of the messages that each of our senders sent; --json and --csv have\n"
	"more figures than the table. The nickname is that of the sender, else of the messaging\n"
	"service, else of the account, else the default one.\n"
	"\n"
	"      --by GROUPING     sender (the default), service, account, or provider: the\n"
	"                        nicknames of the configuration's [provider ...] sections\n"
	"      --provider N      only what has this nickname\n"
	"      --from T, --to T  only what happened in the hours between\n" QUERY_USAGE,
    .run = run,
};
