/* SPDX-License-Identifier: ISC */
/*
 * The calls of <prong.h> about the loop of this thread: for descriptors and
 * timers of the handler's own, and what it puts off.
 */
#include "server/loopapi.h"

#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>

#include "base/error.h"

struct prong_watch {
	struct watch watch;
	prong_watch_fn *fn;
	void *arg;
};

struct prong_timer {
	struct timer timer;
	prong_timer_fn *fn;
	void *arg;
};

/* Of this thread. */
static struct loop *
loopapi_loop(void)
{
	if (tasks_here() == NULL) {
		error_set(EPERM, "there is no loop in this thread");
		return NULL;
	}
	return tasks_here()->loop;
}

/* What goes on keeps a thread that was lent: its loop must turn for it. */
static void
loopapi_began(void)
{
	tasks_here()->begun++;
}

static void
loopapi_over(void)
{
	tasks_here()->begun--;
}

static void
loopapi_event(struct watch *w, unsigned int events)
{
	struct prong_watch *p = (struct prong_watch *)w;

	p->fn(w->fd, events, p->arg);
}

struct prong_watch *
prong_watch(int fd, unsigned int events, prong_watch_fn *fn, void *arg)
{
	struct loop *loop = loopapi_loop();
	struct prong_watch *p;

	if (loop == NULL)
		return NULL;
	if ((p = calloc(1, sizeof(*p))) == NULL) {
		error_errno("watch");
		return NULL;
	}
	p->watch = (struct watch){ loopapi_event, fd, events };
	p->fn = fn;
	p->arg = arg;
	if (loop_add(loop, &p->watch) == -1) {
		free(p);
		return NULL;
	}
	loopapi_began();
	return p;
}

int
prong_watch_modify(struct prong_watch *p, unsigned int events)
{
	return loop_modify(tasks_here()->loop, &p->watch, events);
}

void
prong_unwatch(struct prong_watch *p)
{
	if (p == NULL)
		return;
	loop_del(tasks_here()->loop, &p->watch);
	loopapi_over();
	free(p);
}

static void
loopapi_timer(struct timer *t)
{
	struct prong_timer *p = (struct prong_timer *)t;
	prong_timer_fn *fn = p->fn;
	void *arg = p->arg;

	free(p);
	loopapi_over();
	fn(arg);
}

struct prong_timer *
prong_timer(int64_t ms, prong_timer_fn *fn, void *arg)
{
	struct loop *loop = loopapi_loop();
	struct prong_timer *p;

	if (loop == NULL)
		return NULL;
	if (ms < 0) {
		error_set(EINVAL, "a timer cannot be %lld ms from now",
		    (long long)ms);
		return NULL;
	}
	if ((p = calloc(1, sizeof(*p))) == NULL) {
		error_errno("timer");
		return NULL;
	}
	p->timer.fn = loopapi_timer;
	p->fn = fn;
	p->arg = arg;
	if (loop_timer(loop, &p->timer, (uint64_t)ms) == -1) {
		free(p);
		return NULL;
	}
	loopapi_began();
	return p;
}

void
prong_timer_cancel(struct prong_timer *p)
{
	if (p == NULL)
		return;
	loop_timer_stop(tasks_here()->loop, &p->timer);
	loopapi_over();
	free(p);
}

int
prong_defer(prong_defer_fn *fn, void *arg)
{
	struct loop *loop = loopapi_loop();

	return loop == NULL ? -1 : loop_defer(loop, fn, arg);
}

/* --- a loop inside another's ---------------------------------------------- */

struct prong_loop *
prong_loop_new(void)
{
	struct prong_loop *l;

	if (tasks_here() != NULL) {
		error_set(EEXIST, "this thread has a loop already");
		return NULL;
	}
	if ((l = calloc(1, sizeof(*l))) == NULL) {
		error_errno("event loop");
		return NULL;
	}
	if ((l->loop = loop_new(LOOP_EPOLL, 0)) == NULL ||
	    (l->fd = loop_fd(l->loop)) == -1) {
		loop_free(l->loop);
		free(l);
		return NULL;
	}
	tasks_init(&l->tasks, l->loop, 0);
	tasks_set_here(&l->tasks);
	return l;
}

int
prong_loop_fd(const struct prong_loop *l)
{
	return l->fd;
}

int
loopapi_is_here(const struct prong_loop *l)
{
	if (tasks_here() != &l->tasks)
		return error_set(EPERM, "the loop is another thread's");
	return 0;
}

int
prong_loop_turn(struct prong_loop *l, int64_t ms)
{
	int r;

	if (loopapi_is_here(l) == -1)
		return -1;
	if (l->turning)
		return error_set(EBUSY, "the loop is turning already");
	l->turning = true;
	r = loop_turn(l->loop, ms < 0 ? -1 : ms > INT_MAX ? INT_MAX :
	    (int)ms);
	l->turning = false;
	return r;
}

void
prong_loop_free(struct prong_loop *l)
{
	if (l == NULL)
		return;
	assert(!l->turning && tasks_here() == &l->tasks);
	if (l->end != NULL)
		l->end();
	tasks_end(&l->tasks);
	loop_end_deferred(l->loop);
	tasks_set_here(NULL);
	tasks_fini(&l->tasks);
	loop_free(l->loop);
	free(l);
}
