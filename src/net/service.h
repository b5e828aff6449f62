/* SPDX-License-Identifier: ISC */
#ifndef NET_SERVICE_H
#define NET_SERVICE_H

#include <stdint.h>

#include "base/strings.h"
#include "net/drain.h"
#include "prong.h"
#include "shm/scoreboard.h"

struct admission;
struct net;
struct prong_section;

enum service_pool_unit { POOL_CONNECTION, POOL_MESSAGE };
enum service_at_exit { EXIT_JOIN, EXIT_ABANDON };
enum service_accept { ACCEPT_AUTO, ACCEPT_SHARED, ACCEPT_REUSEPORT };

/* What the configuration says of a service; durations in microseconds. */
struct service_settings {
	struct strings listen;
	char *handler;
	int64_t dispatch;		/* index into dispatch_modes */
	int64_t threads;
	int64_t pool_unit;		/* enum service_pool_unit */
	int64_t at_exit;		/* enum service_at_exit */
	char *framing;			/* "": as the handler prefers */
	int64_t max_message;
	int64_t read_size;
	int64_t backlog;
	int64_t nodelay;
	int64_t keepalive;
	int64_t mode;			/* of unix sockets */
	char *owner;
	char *group;
	int64_t accept;			/* enum service_accept */
	int64_t idle_timeout;
	char *drain_timeout;		/* "": the server's */
	int64_t drain_idle;
	struct strings access;
	int64_t refuse;			/* enum admission_answer */
	char *banner;
	int64_t limit_connections;	/* of all limits, 0 is none */
	int64_t limit_per_source;
	char *limit_rate;
	char *limit_source_rate;
	int64_t limit_load;		/* thousandths */
	int64_t limit_memory;		/* of a connection */
};

/*
 * How a dispatch mode gets what happens on a connection.  Those that return
 * int return -1 when the handler failed.
 */
struct service_ops {
	int (*opened)(struct prong_conn *);
	int (*message)(struct prong_conn *, const void *, size_t);
	int (*writable)(struct prong_conn *);
	int (*malformed)(struct prong_conn *, enum prong_malformed);
	int (*draining)(struct prong_conn *);
	int (*finished)(struct prong_conn *);	/* the peer sends no more */
	int (*full)(struct prong_conn *);	/* above high water: may wait */
	void (*closed)(struct prong_conn *);
};

/*
 * A service: configured in the master, run in every worker.  What a message
 * needs of it stands first and together.
 */
struct prong_service {
	/* in the process that serves it */
	struct net *net;
	const struct service_ops *ops;
	uint64_t *counters;			/* where its loop counts */
	size_t read_size;
	enum prong_framing framing;
	uint32_t index;				/* in the scoreboard */
	size_t extra;				/* bytes behind a connection */
	void *data;				/* the handler's own */
	struct service_ops bound;		/* room for ops of its own */
	uint64_t *row;				/* this process's; who is refused */
	struct prong_service *home;		/* as handlers know it: not a lane's */
	void (*place)(struct prong_conn *);	/* who serves it; NULL: we do */
	void *crew;				/* its threads; NULL: none, or joined */
	uint32_t threads;			/* how many that has here */
	struct slot_threads *shown;		/* who waits for one; or NULL */
	bool full;				/* accepts nothing for now */
	uint64_t slow_told;			/* that it holds up the loop */
	struct tally *tally;			/* counters of the handler's own */
	uint32_t open;				/* connections, wherever they are */
	struct drain drain;

	/* as configured */
	char *name;
	const struct prong_handler *handler;
	struct prong_server *server;
	struct prong_section *options;		/* of the handler */
	bool may_count;				/* its handler may have them */
	bool prefers_framing;			/* that is its handler's choice */
	struct strings found;			/* numeric: what listen stands for */
	struct admission *admission;		/* who is let in */
	struct service_settings settings;
};

#endif
