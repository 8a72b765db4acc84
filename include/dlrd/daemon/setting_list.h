/* setting_list: the value of a setting that is a comma-separated list. */
#ifndef DLRD_DAEMON_SETTING_LIST_H
#define DLRD_DAEMON_SETTING_LIST_H

#include <stddef.h>

#define SETTINGS_LIST_MAX 16

struct settings_list {
	char *items[SETTINGS_LIST_MAX]; /* owned; each is checked */
	size_t count;
};

#endif
