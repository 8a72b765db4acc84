/* state: the structs that the files of the intake share: request, connection, listener, intake.
 *
 * Everything belongs to the loop's thread unless a comment says otherwise. */
#pragma once

#include "answers.h"
#include "dlrd/intake/intake.h"
#include "first_bytes.h"

#include <pthread.h>
#include <sys/queue.h>

struct MHD_Connection;
struct MHD_Daemon;

enum stage {
	STAGE_HEAD,    /* nothing judged yet */
	STAGE_BODY,    /* reading the body */
	STAGE_REFUSED, /* status is decided; the rest of the body is read away */
	STAGE_COMMIT,  /* waiting until the journal has it */
	STAGE_ANSWER,  /* status is decided; to be answered now */
};

/* A configuration, and how many requests use it. */
struct shared_config {
	struct intake_config config;
	size_t requests;
	bool replaced; /* it is freed with its last request */
};

/* One request in its phases: head, body, commit, answer. It is part of its connection. */
struct request {
	enum stage stage;
	struct shared_config *shared; /* from its first line to its end */
	unsigned status;
	unsigned kept_status;                 /* of the answer once it is stored */
	const struct keyword_section *answer; /* goes with a 200; NULL for none */
	bool close;                           /* the connection ends with the answer */
	struct request_head head;
	struct buffer target, body;
	size_t counted; /* bytes of body in the intake's memory account */
	struct journal_write *write;
	struct request_trace *trace; /* NULL unless the level of the log is debug */
};

TAILQ_HEAD(connections, connection);

/* Each open connection is in one list, in the order of deadlines. */
struct connection {
	TAILQ_ENTRY(connection) entry;
	struct connections *list; /* which, or NULL: it is being closed */
	int64_t since_us;         /* when it came into that list */
	struct listener *listener;
	struct MHD_Connection *mhd;
	int fd;
	struct socket_peer peer;
	char peer_text[SOCKET_PEER_TEXT_SIZE];
	bool served;     /* a request's head has been read whole */
	bool in_request; /* between a request's first line and the end of its answer */
	struct request request;
};

struct listener {
	struct intake *intake;
	struct MHD_Daemon *daemon;
	size_t waiting; /* requests that wait for their commit */
	bool must_run;  /* a request got on: the library has more to do, and no event will say so */
	bool called;    /* in its last run it called us at all */
};

struct intake {
	struct intake_options options;
	struct listener listeners[INTAKE_LISTENERS_MAX];
	struct answers answers;
	struct shared_config *shared;              /* for requests that begin now */
	struct shared_config *_Atomic next_config; /* asked for, and not taken yet; or NULL */
	size_t replaced_configs;                   /* that requests still use */
	struct connections busy, idle, waiting;
	size_t open_connections, in_flight;
	struct journal_write *outbox, **outbox_end; /* waiting, not yet handed over */
	size_t outbox_count;
	size_t memory; /* bytes of bodies in progress and of writes that are out */
	int event_fd;
	pthread_mutex_t done_lock;  /* guards done */
	struct journal_write *done; /* finished writes, handed back by the writer */
	pthread_t thread;
	bool started;
	_Atomic int64_t heartbeat_us;
	_Atomic int64_t drain_start_us, drain_end_us; /* monotonic; 0: not draining */
	int64_t last_whole_us; /* monotonic: when the last byte of a request came in last */
	bool quiesced;
	struct metric *connections_metric, *deadlines_metric;
	struct metric *no_request_metrics[OPENING_COUNT];
};
