/* SPDX-License-Identifier: ISC */
#ifndef SERVER_WORKER_H
#define SERVER_WORKER_H

#include <sys/types.h>

#include <stdint.h>

#include "server/server.h"
#include "shm/scoreboard.h"

/* What a worker is given at its fork. */
struct worker_start {
	struct prong_server *server;
	struct scoreboard *scoreboard;
	uint32_t slot;
	int channel;
	pid_t master;
};

/* The whole life of a worker, from just after the fork. */
void worker_main(const struct worker_start *) __attribute__((noreturn));

#endif
