/* SPDX-License-Identifier: ISC */
#ifndef DISPATCH_FORK_CHILD_H
#define DISPATCH_FORK_CHILD_H

#include <sys/types.h>

#include <signal.h>

#include "net/net.h"

/* A child of the forker, for dispatch/fork. */

/* What it is told, by signals that nobody else sends. */
#define FORK_DRAIN	(SIGRTMIN)	/* its value is the phase */
#define FORK_CLOSE	(SIGRTMIN + 1)
#define FORK_END	(SIGRTMIN + 2)
#define FORK_MAIL	(SIGRTMIN + 3)
#define FORK_OVERFLOW	(SIGRTMIN + 4)

/*
 * In the forker: makes the lane of all who are forked from now on, which read
 * what they are told from that signalfd.  ENOMEM, EMFILE.
 */
int fork_child_prepare(struct prong_service *, int signals);
void fork_child_unprepare(void);

/* Serves a connection, and ends the process. */
void fork_child_serve(struct prong_conn *) __attribute__((noreturn));

/* In the order in which they are told, as signals of one number are. */
void fork_child_tell_phase(pid_t, enum drain_phase);

#endif
