/* SPDX-License-Identifier: ISC */
#ifndef SHM_LOCKS_H
#define SHM_LOCKS_H

#include "prong.h"
#include "shm/rlock.h"
#include "shm/segment.h"

/*
 * The locks of a server that handlers ask for by name: struct prong_rlock of
 * <prong.h>, where its calls are described.
 *
 * Their memory is made before any fork and all of them are locks from then on;
 * who first asks for a name writes it beside the next one that has none.  So a
 * lock needs no line in a configuration, and all processes agree on it.
 */

#define LOCKS_LAYOUT	1
#define LOCKS_MAX	256
#define LOCKS_NAME	65	/* bytes of a name, its NUL included */

/* A lock is known to handlers by its place in shared memory. */
struct prong_rlock {
	struct rlock lock;
};

struct locks {
	struct segment segment;
	void *guards;			/* NULL: not made */
};

/* -1 with ENOMEM, ENOSPC. */
int locks_create(struct locks *);
/* Those that another process has made: segment_adopt(). */
int locks_adopt(struct locks *, int fd);
void locks_close(struct locks *);

/*
 * The lock of this name, made if there is none.  NULL: EINVAL, not a name;
 * ENOSPC, there are LOCKS_MAX others.
 */
struct prong_rlock *locks_open(struct locks *, const char *name);

/* How often the holder of one was gone. */
uint64_t locks_recovered(const struct locks *);

#endif
