/* SPDX-License-Identifier: ISC */
#ifndef SERVER_LOOPAPI_H
#define SERVER_LOOPAPI_H

#include <stdbool.h>

#include "loop/task.h"
#include "prong.h"

/* A loop that the program's own drives. */
struct prong_loop {
	struct loop *loop;
	struct tasks tasks;
	int fd;
	bool turning;
	/* Ends at once what is served in it; NULL: nothing is. */
	void (*end)(void);
};

/* Whether the loop is this thread's: -1 with EPERM. */
int loopapi_is_here(const struct prong_loop *);

#endif
