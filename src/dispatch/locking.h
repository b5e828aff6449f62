/* SPDX-License-Identifier: ISC */
#ifndef DISPATCH_LOCKING_H
#define DISPATCH_LOCKING_H

#include "shm/rlock.h"

/* How a task waits for a lock: the loop goes on meanwhile. */
int locking_pause(struct rlock_waiter *, int64_t ms);

#endif
