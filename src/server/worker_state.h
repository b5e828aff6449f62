/* SPDX-License-Identifier: ISC */
#ifndef SERVER_WORKER_STATE_H
#define SERVER_WORKER_STATE_H

#include "loop/loop.h"
#include "loop/task.h"
#include "net/net.h"
#include "server/worker.h"

/* How long to wait for a neighbour that holds the scoreboard's lock. */
#define WORKER_CLAIM_MS		10000

/* What the files worker*.c share, and nobody else sees. */
struct worker {
	const struct worker_start *start;
	struct loop *loop;
	struct net *net;
	struct tasks tasks;
	struct slot *slot;
	struct watch channel;
	struct timer beat;
	uint64_t beat_ms;
	uint64_t titled;	/* the load that the title shows */
	int reserve;		/* a descriptor, to be able to take another */
	bool full_untold;	/* the channel had no room for it */
	bool draining;
	bool has_crews;		/* threads of its services */
	bool abandons;		/* threads are at work when it ends */
	bool hopeless;		/* it cannot serve as configured */
	uint32_t sandbox;	/* what it has entered */
	size_t services_up;	/* whose init has run */
};

/* One worker a process, so this is the process's own. */
extern struct worker worker;

/* worker.c: role, slot and load, for ps(1). */
void worker_title(void);

/* worker_services.c: all that it serves; -1 with a text. */
int worker_init_services(void);
void worker_fini_services(void);
/* What has failed will not be better the next time, unless it was a shortage. */
int worker_despair(void);

/* worker_report.c: a line of the log; threads report too. */
void worker_report(enum prong_level, const struct prong_conn *,
    const char *text);
/* Has connections that end or are refused put into the access log. */
void worker_record_sample(const struct server_settings *);
/* Has what holds up the loop told, once the loop and its net are there. */
void worker_watch_slow(const struct server_settings *);
void worker_set_level(enum prong_level);
/* A forked process has died: what it has said of it. */
void worker_child_died(pid_t, bool told);

/* worker_report.c: what is still open at the end of a drain's limit. */
void worker_cut(struct prong_service *, uint32_t connections);

/* worker.c: one service drains, or does so no more. */
void worker_empty(uint32_t service, bool begin);

/* worker_orders.c: the channel is readable. */
void worker_channel_event(struct watch *, unsigned int events);
/* Tells the master that no descriptor is left, or that some are again. */
void worker_full(bool full);
/* The same, if that could not be told. */
void worker_full_again(void);

#endif
