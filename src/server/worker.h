/* SPDX-License-Identifier: ISC */
#ifndef SERVER_WORKER_H
#define SERVER_WORKER_H

#include <sys/types.h>

#include <stdint.h>

#include "base/privilege.h"
#include "server/server.h"
#include "shm/scoreboard.h"

/* What a worker is given at its fork. */
struct worker_start {
	struct prong_server *server;
	struct scoreboard *scoreboard;
	const struct privilege *privilege;
	uint32_t slot;
	bool (*serves)(const struct prong_service *);	/* of what it serves */
	const char *name;	/* "worker 3" */
	int channel;
	int report;		/* of a fatal signal */
	pid_t master;
};

/* Exit code of one that cannot serve as configured: EX_CONFIG of sysexits. */
#define WORKER_HOPELESS	78

/* The whole life of a worker, from just after the fork. */
void worker_main(const struct worker_start *) __attribute__((noreturn));

#endif
