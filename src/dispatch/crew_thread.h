/* SPDX-License-Identifier: ISC */
#ifndef DISPATCH_CREW_THREAD_H
#define DISPATCH_CREW_THREAD_H

#include <pthread.h>
#include <unistd.h>

#include "dispatch/crew.h"
#include "dispatch/lane.h"
#include "net/conn.h"

/* For crew.c alone: a crew as its threads and the worker's own see it. */

enum crew_command {
	CREW_DRAIN = 1 << 0,
	CREW_CLOSE = 1 << 1,
	CREW_END = 1 << 2,
	CREW_OVERFLOW = 1 << 3,	/* it does not take what is posted to it */
};

struct crew_queue {
	struct prong_conn *first, **end;
};

struct crew_thread {
	struct crew *crew;
	struct crew_thread *next;
	pthread_t id;
	struct lane lane;
	struct watch wake;		/* an eventfd; -1 */
	struct prong_conn *conn;	/* under the lock */
	unsigned int commands;		/* under the lock */
	struct mails *mails;		/* for conn; under the lock */
	bool left;			/* to be joined */
	char signal_stack[32 * 1024] __attribute__((aligned(16)));
};

struct crew {
	struct conn_away away;		/* first */
	struct prong_service *service;
	enum crew_kind kind;
	pthread_mutex_t lock;
	pthread_cond_t work;
	struct crew_queue queue;
	struct crew_thread *threads;
	uint64_t counters[COUNTERS];	/* of the loop's turn */
	uint32_t queued;
	uint32_t running;		/* threads */
	uint32_t busy;			/* of those, have a connection */
	uint32_t max;
	uint32_t number;		/* of the last one */
	enum drain_phase phase;		/* of its service's drain */
	bool stopping;
	bool some_left;
	struct timer retry;		/* armed: none can be started now */
	uint64_t told;			/* when that was told last */
	struct crew *next;
};

/* --- the worker's own thread's, of a crew ---------------------------------- */

/* One more; -1: ENOMEM, EAGAIN. */
int crew_thread_add(struct crew *);
/* Whose a connection is; NULL: nobody's.  Under the lock. */
struct crew_thread *crew_thread_of(const struct crew *,
    const struct prong_conn *);
/* Has it do so.  Under the lock. */
void crew_thread_tell(struct crew_thread *, enum crew_command);
/* Joins those of a growing crew that have left. */
void crew_thread_join_left(struct crew *);
void crew_thread_free(struct crew_thread *);

/* --- for the threads, from crew.c ------------------------------------------ */

/* Puts a connection into the box of the process.  Under the lock. */
void crew_give_back(struct prong_conn *);
/* Has the worker's loop look at its crews. */
void crew_call(void);

/* --- between the two ------------------------------------------------------- */

static inline void
crew_append(struct crew_queue *q, struct prong_conn *c)
{
	c->next_dead = NULL;
	*q->end = c;
	q->end = &c->next_dead;
}

static inline struct prong_conn *
crew_take_first(struct crew_queue *q)
{
	struct prong_conn *c = q->first;

	if ((q->first = c->next_dead) == NULL)
		q->end = &q->first;
	return c;
}

/* An eventfd. */
static inline void
crew_signal(int fd)
{
	const uint64_t one = 1;
	ssize_t n = write(fd, &one, sizeof(one));

	/* It cannot be full: it is read as a whole. */
	(void)n;
}

static inline void
crew_clear(int fd)
{
	uint64_t count;
	ssize_t n = read(fd, &count, sizeof(count));

	(void)n;
}

#endif
