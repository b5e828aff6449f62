/* SPDX-License-Identifier: ISC */
#ifndef LOOP_ALARM_H
#define LOOP_ALARM_H

#include <stdint.h>

#include "loop/loop.h"

/*
 * A loop that another one waits for shows by its descriptor alone that there
 * is something to do.  A timerfd(2) that it watches says so when a time has
 * come.
 */
struct alarm {
	struct watch watch;	/* fd -1: there is none */
	uint64_t due;		/* what it is set to */
};

/* Watched in the loop from now on; not set.  EMFILE, ENOMEM. */
int alarm_open(struct alarm *, struct loop *);
void alarm_close(struct alarm *, struct loop *);

/* Milliseconds of CLOCK_MONOTONIC; 0: at once; UINT64_MAX: never. */
void alarm_set(struct alarm *, uint64_t due);

#endif
