/* windows: [replies] window and late of the stores in the tests: the defaults of the settings. */
#ifndef DLRD_TESTS_WINDOWS_H
#define DLRD_TESTS_WINDOWS_H

#include "dlrd/base/clock.h"

#define REPLY_WINDOW_US (7 * CLOCK_DAY_US)
#define REPLY_LATE_US (15 * 60 * CLOCK_SECOND_US)

#endif
