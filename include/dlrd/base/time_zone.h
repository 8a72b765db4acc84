/* time_zone: the offset of local time from UTC, for a zone named by an IANA name or an offset.
 *
 * glibc knows only the zone of the process, and changing that is not thread-safe. So this module
 * reads the system's zone files (RFC 9636, "TZif") itself. A struct time_zone is read-only once it
 * is open, so any thread may use it. */
#pragma once

#include "dlrd/base/slice.h"

struct time_zone;

/* Opens "UTC", "Z", an offset ("+05:30", "-08:00"), or an IANA name ("Europe/Berlin") below
 * /usr/share/zoneinfo. Fills failure and returns
 *  - RESULT_NOT_FOUND for a name that is not a zone's: also a folder, and a name that could lead
 * out of /usr/share/zoneinfo;
 *  - RESULT_CORRUPT for a file that is not a zone, is larger than 1 MiB, or counts leap seconds
 *    (those below right/);
 *  - RESULT_IO, RESULT_NO_MEMORY. */
must_check enum result time_zone_open(
    struct slice name, struct time_zone **out_zone, struct failure *failure);

/* Opens the zone of this machine: that of the variable TZ, an IANA name, an offset or a POSIX rule
 * ("CET-1CEST,M3.5.0,M10.5.0/3"), else that of /etc/localtime, else UTC. Returns
 * RESULT_NO_MEMORY. */
must_check enum result time_zone_open_local(struct time_zone **out_zone);

/* Whether its offset has always been 0. */
bool time_zone_is_utc(const struct time_zone *zone);

/* Opens a zone from the content of a zone file. Returns RESULT_CORRUPT or RESULT_NO_MEMORY on
 * failure. */
must_check enum result time_zone_read(struct slice file, struct time_zone **out_zone);

/* Returns the seconds to add to UTC to get local time at wall_us. After the file's last transition
 * its rule (the POSIX TZ text at its end) applies; zic's slim files have little more than that
 * rule.
 */
int64_t time_zone_offset_s(const struct time_zone *zone, int64_t wall_us);

/* Accepts NULL. */
void time_zone_close(struct time_zone *zone);
