/* catalogue: dlrd catalogue CODE, in prose. One thread. */
#pragma once

#include "dlrd/cli/cli.h"

/* Whether the command line names a code. */
bool catalogue_names_code(int count, char **words);

/* Explains the code. Reads neither configuration nor store. Returns the exit status. */
int catalogue_explain(const struct cli_command *command, int count, char **words);
