/* SPDX-License-Identifier: ISC */
#ifndef SERVER_POOLS_H
#define SERVER_POOLS_H

#include <sys/types.h>

#include <stdint.h>

#include "server/server.h"
#include "shm/pool.h"

/* The pools of the configuration, and what all processes share of them. */

/* How many processes they want together; as configured, made or not. */
uint32_t pools_processes(const struct prong_server *);

/* The pool of a number, once they are made; NULL behind the last. */
struct pool *pools_at(const struct prong_server *, size_t number);

/*
 * Makes a bell for each slot, if there are pools, before any fork: *bells is
 * NULL or has so many descriptors.
 */
int pools_open_bells(struct prong_server *, uint32_t slots, int **bells);
void pools_close_bells(int *bells, uint32_t slots);
/* The bell of a slot; -1: there is none. */
int pools_bell(const struct prong_server *, uint32_t slot);

/* How the process that was in a slot has ended, for its task. */
struct pools_end {
	pid_t pid;		/* 0: any but this process */
	int signo;		/* 0: it has exited */
	bool late;		/* killed for its task's time-out */
};
void pools_bury(const struct prong_server *, uint32_t slot,
    const struct pools_end *);

#endif
