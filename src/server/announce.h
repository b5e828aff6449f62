/* SPDX-License-Identifier: ISC */
#ifndef SERVER_ANNOUNCE_H
#define SERVER_ANNOUNCE_H

#include <sys/types.h>

#include "loop/loop.h"

/*
 * What the master tells a service manager, if there is one that asked
 * (prong_manager_init()); else these do nothing.  One for the process, as the
 * environment is.  None of them waits: what the manager does not take is told
 * again later, the newest state of each kind.
 */

/* Takes over what the environment says.  -1: that cannot be. */
int announce_init(void);

/* From here to announce_close() the loop serves the manager's watchdog. */
void announce_open(struct loop *);
void announce_close(void);

/* Serving, at first or again after a reload. */
void announce_ready(void);
/* What follows, be it good or bad, is announced as ready again. */
void announce_reloading(void);
void announce_stopping(void);

/* One line for people. */
void announce_status(const char *fmt, ...)
    __attribute__((format(printf, 1, 2)));

/*
 * Who the master is from now on.  Another than this process: it is the one to
 * speak, and this one says nothing more.  This process: it speaks (again).
 */
void announce_mainpid(pid_t);

/*
 * In a master that is to take over from another: says nothing until it is its
 * turn, announce_mainpid(getpid()).
 */
void announce_hold(void);

/* In a child that is to become another master by execve(2).  -1: ENOMEM. */
int announce_export(void);

#endif
