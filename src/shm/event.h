/* SPDX-License-Identifier: ISC */
#ifndef SHM_EVENT_H
#define SHM_EVENT_H

#include "prong.h"
#include "shm/segment.h"

/*
 * An event in shared memory: struct prong_event of <prong.h>, where its calls
 * are described.
 *
 * All of it is one word: whether it is set, how often it has been, and who has
 * to be woken.  It is set, and who waits is taken from it, by one instruction;
 * there is nothing that a kill could leave half done but the waking, and for
 * that whoever waits looks at the word again after EVENT_LOOK_MS.
 */

#define EVENT_LAYOUT	1

/* In the word; above them it counts how often the event was set. */
#define EVENT_IS_SET	(1ULL << 0)
#define EVENT_SLEEPERS	(1ULL << 1)	/* threads, asleep in the kernel */
#define EVENT_LOOPS	(1ULL << 2)	/* loops, that watch the bell */
#define EVENT_ONCE	(1ULL << 3)

#define EVENT_LOOK_MS	100

/* In shared memory. */
struct event_layout {
	struct segment_header header;
	uint64_t word __attribute__((aligned(64)));
	int cpu;		/* where it was set last; a hint */
};

struct prong_event {
	char *name;
	struct segment segment;
	struct event_layout *layout;
	/*
	 * An eventfd(2) that rings with each set that loops wait for.  Nobody
	 * ever reads it: they watch its edges, each in an epoll(7) of its own.
	 */
	int bell;
	uint64_t serial;	/* no two in a process have had the same */
};

/* Makes an event.  Before any fork. */
struct prong_event *event_new(const char *name, bool set);
/* One that another process has made, by its descriptors: segment_adopt(). */
struct prong_event *event_adopt(const char *name, int fd, int bell);
void event_free(struct prong_event *);

static inline uint64_t
event_word(const struct prong_event *e)
{
	return __atomic_load_n(&e->layout->word, __ATOMIC_ACQUIRE);
}

/* Whether it is set, or has been since it was found to be as it was then. */
static inline bool
event_has_come(const struct prong_event *e, uint64_t since)
{
	uint64_t word = event_word(e);

	return (word & EVENT_IS_SET) != 0 ||
	    word / EVENT_ONCE != since / EVENT_ONCE;
}

/*
 * Has the next set wake these, EVENT_SLEEPERS or EVENT_LOOPS; what the word is
 * then.  Not of one that has come.
 */
uint64_t event_announce(struct prong_event *, uint64_t since, uint64_t whom);

/*
 * Waits with the thread, ms at most (-1: for ever): 0, or -1 with ETIMEDOUT.
 * since: as it was found not to be set.
 */
int event_sleep(struct prong_event *, uint64_t since, int64_t ms);

/*
 * Looks at it for a few microseconds, if that was long enough for this thread
 * the last time: whether it has come.  Whoever waits longer then says how long
 * it took since a time of process_nanoseconds().
 */
bool event_spin(const struct prong_event *, uint64_t since);
void event_waited(uint64_t begin);

/* -1 with ETIMEDOUT and its text. */
int event_is_late(const struct prong_event *);

#endif
