/* SPDX-License-Identifier: ISC */
#ifndef TESTS_UNIT_LOOP_PROBE_H
#define TESTS_UNIT_LOOP_PROBE_H

#include "loop/loop.h"
#include "prong.h"

/*
 * A loop by each mechanism in turn, and watches that note what comes to them.
 * A test whose loop would wait for ever fails.
 */

/* A watch and what came to it. */
struct probe {
	struct watch watch;
	int calls;
	unsigned int events;		/* of the last call */
	void (*then)(struct probe *);
};

#define PROBE_MECHANISMS	3
extern const enum loop_mechanism probe_mechanisms[PROBE_MECHANISMS];

/* The loop of the test, between probe_start() and probe_finish(). */
extern struct loop *probe_loop;

void probe_start(int mechanism, int64_t busy_poll);
void probe_finish(void);

/* Runs so many turns; there must be something that makes it turn. */
void probe_turns(int count);
/* One turn that does not sleep. */
void probe_turn(void);

/* Begins to watch; .then stays, the rest starts afresh. */
int probe_add(struct probe *, int fd, unsigned int events);

/* Two connected sockets, and a byte through them. */
void probe_pair(int fd[2]);
void probe_close(const int fd[2]);
void probe_put(int fd);
void probe_get(int fd);

#endif
