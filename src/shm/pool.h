/* SPDX-License-Identifier: ISC */
#ifndef SHM_POOL_H
#define SHM_POOL_H

#include <sys/types.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "shm/segment.h"

/*
 * The tasks of a pool, in shared memory: a fixed table of cells, one for each
 * task that waits, runs, or is over and has not been fetched.
 *
 * There is no lock.  What a task is at stands in one word of its cell, together
 * with the number of its use (its generation) and the process that must see to
 * it.  Each step of a task is one change of that word, which has happened or has
 * not, whoever is killed over it.  The queue is a ring of cells, in which a place
 * too is one word.  All else is a hint that speeds up the looking and may be
 * wrong: head and tail of the ring, which anybody may push on, the bits of free
 * cells and of those that are over, and who sleeps.
 *
 * What a dead process leaves is put right by pool_bury(), which may die too.
 */

#define POOL_LAYOUT		1
#define POOL_CELLS_MIN		1
#define POOL_CELLS_MAX		32768
#define POOL_SIZE_MIN		64
#define POOL_SIZE_MAX		(1024 * 1024)
#define POOL_SLOTS		4096	/* processes of a server, at most */
#define POOL_JOB		28	/* bytes of a job's name, its NUL included */

enum pool_state {
	POOL_FREE,
	POOL_FILLING,		/* its caller writes it */
	POOL_QUEUED,
	POOL_DROPPED,		/* in the queue for nobody: who passes it frees it */
	POOL_RUNNING,
	POOL_ORPHAN,		/* runs for nobody: who runs it frees it */
	POOL_DONE,		/* these are over, and wait for their caller */
	POOL_FAILED,
	POOL_DIED,
	POOL_TIMED_OUT,
	POOL_STATES
};

static inline bool
pool_is_over(enum pool_state state)
{
	return state >= POOL_DONE;
}

/* A cell, but for its argument and then its result, which have a room apart. */
struct pool_cell {
	uint64_t state;		/* see pool_word() */
	uint64_t owner;		/* its caller: pool_me(), and POOL_RINGS */
	uint32_t length;	/* of what is in its room */
	uint32_t waiting;	/* a thread sleeps until it is over */
	int32_t error;		/* errno of the job */
	uint32_t service;	/* whose job it is */
	uint32_t handle;	/* its caller's own */
	char job[POOL_JOB];
} __attribute__((aligned(64)));

struct pool_layout;

struct pool {
	char *name;
	struct segment segment;
	struct pool_layout *shared;
	uint32_t cells;
	uint32_t processes;	/* that are to run its tasks */
	size_t size;		/* of an argument, of a result */
	uint64_t ring_mask;
	uint64_t *ring;
	uint64_t *free_bits;
	uint64_t *done_bits;
	struct pool_cell *cell;
	char *rooms;
	const int *bells;	/* an eventfd by slot; NULL: nobody is rung */
	uint32_t slots;
	uint32_t hint;		/* where this process looks for a free cell */
	uint64_t timeout;	/* of a task, for the master: ms; 0: none */
};

/* Who a process is, for the words of a cell. */
static inline uint64_t
pool_me(uint32_t slot, pid_t pid)
{
	return (uint64_t)(slot & 0xfff) << 4 |
	    (uint64_t)((uint32_t)pid & 0x3fffff) << 16;
}

/* In an owner: the loop of its slot is to be told. */
#define POOL_RINGS	1

/* Before any fork.  reserve: as for segment_create().  NULL with a text. */
struct pool *pool_new(const char *name, uint32_t processes, uint32_t cells,
    size_t size, bool reserve);
void pool_free(struct pool *);
/* The descriptors that wake the loops of so many slots. */
void pool_set_bells(struct pool *, const int *bells, uint32_t slots);

/* --- callers ---------------------------------------------------------------- */

/*
 * A cell to be filled, by its id, which no other task has had for long; false:
 * all are taken.
 */
bool pool_claim(struct pool *, uint64_t me, uint64_t *id);
struct pool_cell *pool_cell(const struct pool *, uint64_t id);
/* The task that has a cell now, or had it last. */
uint64_t pool_id_of(const struct pool *, uint32_t cell);
char *pool_room(const struct pool *, uint64_t id);
/* Puts it into the queue; owner is me, perhaps with POOL_RINGS. */
void pool_submit(struct pool *, uint64_t id, uint64_t owner);
/* Wakes so many of those who run tasks, if they sleep. */
void pool_wake(struct pool *, uint32_t count);

/* POOL_FREE: there is no such task any more. */
enum pool_state pool_look(const struct pool *, uint64_t id);
/* What killed the process of one that has died. */
int pool_signal(const struct pool *, uint64_t id);
/*
 * Gives a task up: 1, it never began; 0, it runs and its result is dropped; -1,
 * it is over, and is still to be released.
 */
int pool_cancel(struct pool *, uint64_t id);
/* Of one that is over: its cell is free. */
void pool_release(struct pool *, uint64_t id);
/* Sleeps until it is over, for ms milliseconds at most; may be too early. */
void pool_wait(struct pool *, uint64_t id, int64_t ms);

/*
 * For a loop.  pool_arm(): from now on the next task of this slot that is over
 * rings its bell, once.  What is over already is looked for after that, by
 * pool_over(): 64 cells from number 64 * word, as bits; pool_seen() when one of
 * them was this process's.
 */
void pool_arm(struct pool *, uint32_t slot);
uint64_t pool_over(const struct pool *, uint32_t word);
void pool_seen(struct pool *, uint32_t cell);

/* --- who runs tasks ------------------------------------------------------------- */

struct pool_taken {
	uint64_t id;
	uint64_t word;		/* its state while it is ours */
};

/* The next task of the queue; false: there is none. */
bool pool_take(struct pool *, uint64_t me, struct pool_taken *);
/*
 * It is over; its result, if it has one, has been written to its room.  false:
 * nobody wants it any more.
 */
bool pool_finish(struct pool *, const struct pool_taken *, enum pool_state,
    int error, uint32_t length);
/*
 * Whether this one may sleep until its bell rings: false, there is work, and it
 * is not to be rung.
 */
bool pool_rest(struct pool *, uint32_t slot);

/* --- after a death --------------------------------------------------------------- */

/*
 * A process is dead: the task that it ran has ended so, with this signal; those
 * that it had submitted are dropped; all others are looked at again by whoever
 * it may not have told.  pid 0: all that were in the slot before this process.
 * From any process, also twice or by two at once.
 */
void pool_bury(struct pool *, uint32_t slot, pid_t, enum pool_state how,
    int signo);

/* --- who only looks -------------------------------------------------------------- */

/* How many cells are in each state, as it was while they were counted. */
void pool_count(const struct pool *, uint32_t counts[POOL_STATES]);
/*
 * How many tasks have ended so: POOL_DONE to POOL_TIMED_OUT; POOL_DROPPED and
 * POOL_ORPHAN: given up, or their caller died, while they waited or ran.
 */
uint64_t pool_ended(const struct pool *, enum pool_state how);

struct pool_process {
	uint32_t slot;
	pid_t pid;
};

struct pool_view {
	uint64_t id;
	enum pool_state state;
	struct pool_process caller, runner;	/* runner: once it runs */
	uint32_t service;
	size_t length;		/* of its argument */
	char job[POOL_JOB];	/* any bytes up to a NUL */
};

/* A cell's task that waits or runs, also for nobody; false: it has none. */
bool pool_view(const struct pool *, uint32_t cell, struct pool_view *);
/* The tasks that wait, as far as anybody can tell. */
uint64_t pool_queued(const struct pool *);

#endif
