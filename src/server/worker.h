/* SPDX-License-Identifier: ISC */
#ifndef SERVER_WORKER_H
#define SERVER_WORKER_H

#include <sys/types.h>

#include <stdint.h>

#include "base/privilege.h"
#include "net/mailbox.h"
#include "server/pools.h"
#include "server/server.h"
#include "shm/scoreboard.h"

/* What a worker is given at its fork. */
struct worker_start {
	struct prong_server *server;
	struct scoreboard *scoreboard;
	const struct privilege *privilege;
	const struct mailbox *mailboxes;	/* by slot */
	uint32_t slot;
	uint32_t share;		/* of the threads: the slot's, or another's */
	bool (*serves)(const struct prong_service *);	/* of what it serves */
	const char *name;	/* "worker 3" */
	bool forks;		/* it has a process for each connection */
	struct pool *pool;	/* whose tasks it runs; NULL: a worker */
	struct pools_end predecessor;
	int channel;
	int report;		/* of a fatal signal */
	pid_t master;
	/* Of one without a master, in a loop that is another's; or NULL. */
	struct loop *loop;
	void (*drained)(void *);
};

/* Exit code of one that cannot serve as configured: EX_CONFIG of sysexits. */
#define WORKER_HOPELESS	78

/* The whole life of a worker, from just after the fork. */
void worker_main(const struct worker_start *) __attribute__((noreturn));

/*
 * The same without a process of its own, a master and a channel: serves in
 * start->loop from worker_begin() to worker_end(); one at a time.  drained is
 * called when a drain has come to its end.  After a failure, worker_end() too.
 */
int worker_begin(const struct worker_start *);
/* From a listening socket, which is the worker's from now on. */
int worker_accept(uint32_t service, uint32_t key, int fd);
void worker_drain(bool unlimited);
void worker_end(void);

/*
 * How many threads of a service a share is: it has the number of a slot, and is
 * never less than one with a higher number.
 */
uint32_t worker_threads(const struct prong_service *, uint32_t share);

#endif
