/* SPDX-License-Identifier: ISC */
#ifndef LOOP_SIGNALS_H
#define LOOP_SIGNALS_H

#include <signal.h>

#include "loop/loop.h"

/*
 * Signals as events of the loop, by signalfd(2): nothing runs in a handler.
 */

typedef void signals_fn(int signo, void *arg);

struct signals {
	struct watch watch;
	struct loop *loop;
	signals_fn *fn;
	void *arg;
	sigset_t before;		/* the mask to go back to */
};

/* Blocks the signals of a list that ends with 0 and has fn called for each. */
int signals_open(struct signals *, struct loop *, const int *list,
    signals_fn *, void *arg);
void signals_close(struct signals *);

/*
 * For a new process: restores the defaults but for the list, which ends with 0
 * and is ignored, and only then unblocks everything.
 */
void signals_reset(const int *ignored);

#endif
