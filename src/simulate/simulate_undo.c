#include "simulate_undo.h"

#include "dlrd/cli/store_work.h"
#include "ledger.h"

#include <stdio.h>

static void
print_removed(const struct work_result *result)
{
	printf("receipts removed: %llu, messages: %llu\n", (unsigned long long)result->counts[0],
	    (unsigned long long)result->counts[1]);
}

int
simulate_undo(const struct cli_command *command, const struct settings *settings,
    const char *ledger_path, int64_t wait_us, bool json)
{
	struct work_order order = {.kind = WORK_UNDO};
	struct failure failure;
	uint64_t run = 0;
	if (ledger_read_run(ledger_path, &run, &failure) != RESULT_OK ||
	    ledger_await_counted(settings->directory, wait_us, &failure) != RESULT_OK)
		return cli_failure(command, "%s", failure.text);

	snprintf(order.run, sizeof order.run, SIMULATE_RUN_FORMAT, (unsigned long long)run);
	return store_work_run(command, settings, &order, json, print_removed);
}
