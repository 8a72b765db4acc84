/* daemon_parts: the parts of a running daemon, and the state that their threads share.
 *
 * daemon.c owns the struct, daemon_start.c fills it in, daemon_events.c, daemon_gaps.c and
 * daemon_answers.c are called by the parts' threads. Fields without a comment about threads are set
 * at the start and do not change. */
#pragma once

#include "descriptors.h"
#include "dlrd/api/api.h"
#include "dlrd/daemon/gap.h"
#include "dlrd/daemon/lock.h"
#include "dlrd/intake/intake.h"
#include "dlrd/journal/writer.h"
#include "dlrd/projector/projector.h"
#include "snapshot.h"

#include <pthread.h>
#include <stdatomic.h>

#define DAEMON_HEARTBEAT_MAX_US (10 * CLOCK_SECOND_US) /* a thread silent for longer is stuck */

struct daemon {
	/* The configuration in use. Only the main thread changes it, which needs state_lock; other
	 * threads read it, and become its users, under the lock. */
	struct snapshot *snapshot;
	char directory[4000], journal_path[4096], store_path[4096], quarantine_path[4096];
	struct descriptors descriptors; /* reserved for connections */
	struct lock lock;               /* of the directory */
	int signal_fd;                  /* the handled signals */
	int reload_fd; /* dlrd reload connects here; -1 if the socket could not be opened */

	/* The parts; NULL before their start. */
	struct metrics *metrics;
	struct signature_failures *failures;
	struct quarantine_worker *quarantine_worker;
	struct journal *journal;
	struct writer *writer;
	struct projector *projector;
	struct intake *intake;
	struct api *api;
	struct metric *ready, *log_dropped, *gap_entries;

	pthread_mutex_t state_lock; /* guards snapshot and the next four; held to copy them */
	char unhealthy_why[256];    /* why the journal cannot be written */
	struct gap_summary gap;     /* of the file, as of the last tick */
	struct journal_found found; /* when the journal was first opened */
	bool journal_opened;        /* found is known */
	bool store_opened;          /* at least once; for the projector's thread */

	struct projector *_Atomic projector_running; /* called by the writer; NULL before */
	struct api *_Atomic api_running;             /* called by the projector; NULL before */
	_Atomic int64_t country_code; /* of the configuration in force, for the api's threads */
	_Atomic bool draining;        /* /readyz answers 503 */

	int api_fds[API_LISTENERS_MAX]; /* until the api takes them over */
	size_t api_fd_count;
	bool own_sockets; /* opened here, not passed by systemd */
};
