/* SPDX-License-Identifier: ISC */
#ifndef DISPATCH_FORK_H
#define DISPATCH_FORK_H

#include <sys/types.h>

#include <stdbool.h>
#include <stdint.h>

#include "net/net.h"

/*
 * A process for each connection: dispatch fork.  They are children of the
 * forker, a process that serves such services alone and has a single thread,
 * so that a fork beside threads cannot go wrong.
 */

/* Starts a service in the forker. */
int fork_start(struct prong_service *);

/* Closes the connection with this number, if a child has it. */
void forks_close(uint64_t id);

/* Ends all; waits for those of services that do not abandon theirs. */
void forks_stop(void);

/*
 * Called in each child, to close what is open for the forker alone.  What
 * handlers have opened stays.
 */
void forks_on_fork(void (*fn)(void));

/*
 * Who is told of a child that was killed by a signal; told: the log has been
 * before, since it was not we who ended it.
 */
void forks_on_death(void (*fn)(pid_t, bool told));

#endif
