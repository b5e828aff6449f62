/* SPDX-License-Identifier: ISC */
#ifndef NET_NET_H
#define NET_NET_H

#include <sys/queue.h>

#include <stdbool.h>
#include <stdint.h>

#include "loop/loop.h"
#include "net/output.h"
#include "net/roster.h"
#include "net/service.h"
#include "shm/conntable.h"

/*
 * What the connections of one process share: its loop, its buffers, its table
 * of connections, its listeners.
 */

struct listener;
struct prong_conn;

/* Connections that were dialed, of one net or of one owner (net/dial.h). */
struct dialed;
LIST_HEAD(dialed_list, dialed);

/* Tells whoever logs what happened to a connection. */
typedef void net_report_fn(enum prong_level, const struct prong_conn *,
    const char *text);

/*
 * Keeps a record of a connection that was refused, or has ended: the counter
 * says how.
 */
typedef void net_record_fn(const struct prong_service *,
    const struct conn_entry *, enum counter);

/* The same of each decision of the limits and each end, at a time in ns. */
typedef void net_trace_fn(const struct prong_service *,
    const struct conn_entry *, enum counter, uint64_t now);

struct net {
	const uint64_t *now;		/* the loop's clock */
	char *receive;			/* one read of any connection */
	struct prong_conn *serving;	/* whose the outbox is now */
	struct prong_conn *dead;	/* freed at the end of the turn */
	size_t burst;			/* written in the midst of this event */
	uint64_t *serving_entry;	/* its place in the table, for others */
	bool draining;
	bool paused;
	struct outbox outbox;

	struct loop *loop;
	struct conntable table;
	uint64_t *live;			/* connections, in the scoreboard */
	net_report_fn *report;
	net_record_fn *record;		/* NULL: none is kept */
	net_trace_fn *trace;		/* NULL: nobody looks */
	const char *lane;		/* its name; what ends here is booked at home */
	void (*full)(bool);		/* no descriptors left, or again */
	bool full_told;
	size_t memory_max;		/* of this process; 0: no limit */
	size_t memory;			/* when it was last looked at */
	uint64_t memory_at;
	int64_t load;			/* of the machine, in thousandths */
	uint64_t load_at;
	size_t receive_size;
	struct listener *listeners;
	struct {
		struct prong_service *service;	/* of the one that ended last */
		struct conn_entry entry;
		int fd;
		uint64_t ms;			/* loop_now() then */
	} ended;
	struct timer resume;		/* accept again after a shortage */
	uint64_t shortage_told;		/* when it was last logged */
	struct roster roster;		/* connections that are booked here */
	void (*drained)(void *);	/* once, when the last one has gone */
	void *drained_arg;
	struct dialed_list dialed;	/* that have not ended */
	uint64_t uncounted[COUNTERS];	/* what those count */
	bool closing;			/* nobody dials any more */
};

/* Returns NULL with ENOMEM.  read_size: the largest of any service. */
struct net *net_new(struct loop *, size_t read_size, net_report_fn *);
void net_free(struct net *);

/* Of this thread; NULL where there are no connections. */
struct net *net_here(void);
void net_set_here(struct net *);

/* The buffer of the read, for the caller to free(3); NULL with ENOMEM. */
void *net_take_receive(struct net *);

void net_bury(struct net *);
/* The same of those that were dialed, where others are freed elsewhere. */
void net_bury_dialed(struct net *);

/* At the end of every turn of the loop: frees what died in it. */
static inline void
net_end_turn(struct net *net)
{
	if (net->dead != NULL || net->draining)
		net_bury(net);
}

/*
 * Stops accepting, after taking what waits in the queues; tells the handlers.
 * fn is called when no connection is left, at once if there is none.
 */
void net_drain(struct net *, void (*fn)(void *), void *arg);

/* Ends every connection now. */
void net_close_all(struct net *);

#endif
