/* setting_list: the value of a setting that is a comma-separated list. */
#pragma once

#include <stddef.h>

/* Room in each list; the row of a setting may allow fewer values. */
#define SETTINGS_LIST_MAX 16

struct settings_list {
	char *items[SETTINGS_LIST_MAX]; /* owned; each is checked */
	size_t count;
};
