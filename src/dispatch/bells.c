/* SPDX-License-Identifier: ISC */
/*
 * Tasks that wait for events in shared memory, and the bells that wake their
 * loop.
 *
 * The bell of an event is an eventfd that all processes have from the start.
 * It is written to and never read, so each loop needs its edges, whatever
 * mechanism it has: an epoll(7) of the loop's own has those of all bells that
 * tasks wait for, and is a descriptor that is readable like any other.  It is
 * made with the first wait, and closed when for a while there was none.
 *
 * As long as somebody waits a timer has the words looked at without a bell: who
 * was to ring it may have been killed just before.
 */
#include <sys/epoll.h>
#include <sys/queue.h>

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/error.h"
#include "base/process.h"
#include "dispatch/conversation.h"
#include "dispatch/lane.h"
#include "shm/event.h"

/* There was no descriptor for a bell: so often the words are looked at. */
#define BELLS_DEAF_MS	10
#define BELLS_EDGES	16	/* taken at once */

/* On the stack of its task. */
struct bells_waiter {
	LIST_ENTRY(bells_waiter) entries;
	struct task *task;
	uint64_t since;
	bool called;		/* and in no list any more */
};
LIST_HEAD(bells_list, bells_waiter);

struct bells_event {
	LIST_ENTRY(bells_event) entries;
	struct prong_event *event;
	uint64_t serial;	/* without waiters it may be gone */
	struct bells_list waiters;	/* who came last is the first */
};

struct bells {
	struct watch watch;	/* first; of the epoll(7), or -1 */
	struct timer tick;
	struct tasks *tasks;
	LIST_HEAD(bells_events, bells_event) events;
	uint32_t waiting;
	bool is_deaf;		/* to one of them at least */
};

/* --- ringing ---------------------------------------------------------------- */

/* Those whose event has come, in the order in which they have come for it. */
static void
bells_collect(struct bells_event *at, struct bells_list *due)
{
	struct bells_waiter *w, *next;

	for (w = LIST_FIRST(&at->waiters); w != NULL; w = next) {
		next = LIST_NEXT(w, entries);
		if (!event_has_come(at->event, w->since))
			continue;
		LIST_REMOVE(w, entries);
		LIST_INSERT_HEAD(due, w, entries);
	}
}

/* Any of them may wait again, for anything, or have another of them end. */
static void
bells_ring(struct bells *b)
{
	struct bells_list due = LIST_HEAD_INITIALIZER(due);
	struct bells_waiter *w;
	struct bells_event *at;

	LIST_FOREACH(at, &b->events, entries)
		bells_collect(at, &due);
	while ((w = LIST_FIRST(&due)) != NULL) {
		LIST_REMOVE(w, entries);
		w->called = true;
		task_wake_timed(w->task, 0);
	}
}

static void
bells_heard(struct watch *w, unsigned int events)
{
	struct bells *b = (struct bells *)w;
	struct epoll_event edges[BELLS_EDGES];

	if (epoll_wait(w->fd, edges, BELLS_EDGES, 0) > 0)
		bells_ring(b);
	else
		loop_dry(b->tasks->loop);
}

/* --- their life -------------------------------------------------------------- */

static void
bells_free(void *arg)
{
	struct bells *b = arg;
	struct bells_event *at;

	if (b->watch.fd != -1) {
		loop_del(b->tasks->loop, &b->watch);
		close(b->watch.fd);
	}
	loop_timer_stop(b->tasks->loop, &b->tick);
	while ((at = LIST_FIRST(&b->events)) != NULL) {
		LIST_REMOVE(at, entries);
		free(at);
	}
	b->tasks->bells = NULL;
	free(b);
}

static int
bells_arm(struct bells *b)
{
	return loop_timer(b->tasks->loop, &b->tick, b->is_deaf ?
	    BELLS_DEAF_MS : EVENT_LOOK_MS);
}

/* It was armed, so it can be again without memory. */
static void
bells_look(struct timer *t)
{
	struct bells *b = (struct bells *)((char *)t -
	    offsetof(struct bells, tick));

	bells_ring(b);
	if (b->waiting > 0)
		bells_arm(b);
	else
		bells_free(b);
}

static void
bells_open(struct bells *b)
{
	b->watch = (struct watch){ bells_heard, epoll_create1(EPOLL_CLOEXEC),
	    PRONG_READ };
	if (b->watch.fd == -1 || loop_add(b->tasks->loop, &b->watch) == 0)
		return;
	close(b->watch.fd);
	b->watch.fd = -1;
}

static struct bells *
bells_new(struct tasks *tasks)
{
	struct bells *b = calloc(1, sizeof(*b));

	if (b == NULL)
		return NULL;
	b->tasks = tasks;
	b->tick.fn = bells_look;
	LIST_INIT(&b->events);
	if (bells_arm(b) == -1) {
		free(b);
		return NULL;
	}
	bells_open(b);
	tasks->bells = b;
	tasks->free_bells = bells_free;
	return b;
}

static void
bells_watch(struct bells *b, const struct prong_event *e)
{
	struct epoll_event edge = { .events = EPOLLIN | EPOLLET };

	if (b->watch.fd != -1 && epoll_ctl(b->watch.fd, EPOLL_CTL_ADD, e->bell,
	    &edge) == 0)
		return;
	b->is_deaf = true;
	bells_arm(b);
}

/* Where those wait who wait for an event; NULL: no memory. */
static struct bells_event *
bells_event(struct tasks *tasks, struct prong_event *e)
{
	struct bells *b = tasks->bells;
	struct bells_event *at;

	if (b == NULL && (b = bells_new(tasks)) == NULL)
		return NULL;
	LIST_FOREACH(at, &b->events, entries)
		if (at->serial == e->serial)
			return at;
	if ((at = calloc(1, sizeof(*at))) == NULL)
		return NULL;
	at->event = e;
	at->serial = e->serial;
	LIST_INIT(&at->waiters);
	LIST_INSERT_HEAD(&b->events, at, entries);
	bells_watch(b, e);
	return at;
}

/* --- waiting ------------------------------------------------------------------ */

/* Parks until the bell, or the end of the time: what task_park_for() says. */
static int
bells_park(struct bells *b, struct bells_event *at, uint64_t since,
    int64_t ms)
{
	struct bells_waiter w = { .task = task_self(), .since = since };
	int value;

	LIST_INSERT_HEAD(&at->waiters, &w, entries);
	b->waiting++;
	value = task_park_for(ms, conversation_pause);
	b->waiting--;
	if (!w.called)
		LIST_REMOVE(&w, entries);
	conversation_go_on();
	return value;
}

static int
bells_wait(struct prong_event *e, uint64_t since, int64_t ms)
{
	struct tasks *tasks = tasks_here();
	struct bells_event *at = bells_event(tasks, e);
	int value;

	if (at == NULL)
		return error_set(ENOMEM, "event \"%s\": no memory to wait",
		    e->name);
	/* From here on a set rings the bell. */
	event_announce(e, since, EVENT_LOOPS);
	if (event_has_come(e, since))
		return 0;
	value = bells_park(tasks->bells, at, since, ms);
	if (value == 0 || (value == ETIMEDOUT && event_has_come(e, since)))
		return 0;
	if (value == ETIMEDOUT)
		return event_is_late(e);
	return error_set(value, "event \"%s\": %s", e->name, value == ENOMEM ?
	    "no memory to wait" : "the connection has ended");
}

/* A lane has nobody else to serve. */
static int
bells_wait_in_lane(struct prong_event *e, uint64_t since, int64_t ms)
{
	uint64_t begin;
	int result;

	if (event_spin(e, since))
		return 0;
	begin = process_nanoseconds();
	result = bells_wait(e, since, ms);
	event_waited(begin);
	return result;
}

int
prong_event_wait(struct prong_event *e, int64_t ms)
{
	uint64_t since = event_word(e);

	if (event_has_come(e, since))
		return 0;
	if (ms == 0)
		return event_is_late(e);
	if (task_self() == NULL && tasks_here() != NULL)
		return error_set(EDEADLK, "event \"%s\": the loop itself "
		    "cannot wait", e->name);
	if (tasks_here() == NULL)
		return event_sleep(e, since, ms);
	return lane_here() != NULL ? bells_wait_in_lane(e, since, ms) :
	    bells_wait(e, since, ms);
}
