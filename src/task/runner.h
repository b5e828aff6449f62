/* SPDX-License-Identifier: ISC */
#ifndef TASK_RUNNER_H
#define TASK_RUNNER_H

#include <stdint.h>

#include "loop/loop.h"
#include "prong.h"
#include "shm/pool.h"

/*
 * A process of a pool: takes tasks and runs them, one after the other, in its
 * loop.  A job may block: nothing else waits for that loop but the master's
 * orders, and for those there is a limit.
 */

/* Of a service's number, or NULL: the handler that may have the job. */
typedef struct prong_service *runner_find_fn(uint32_t service);

/* beat: where the time is written when a task begins. */
int runner_open(struct pool *, struct loop *, uint32_t slot, int bell,
    uint64_t *beat, runner_find_fn *);
/* Looks whether there is work, in case nobody was alive to ring. */
void runner_look(void);
/* Takes no more. */
void runner_close(void);

/* The table of a handler's jobs: -1 with EINVAL and a text. */
int runner_check_jobs(const struct prong_job *);

#endif
