/* SPDX-License-Identifier: ISC */
/*
 * The calls of <prong.h> about the loop of a worker, for descriptors and
 * timers of the handler's own.
 */
#include <errno.h>
#include <stdlib.h>

#include "base/error.h"
#include "loop/task.h"
#include "prong.h"

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
	free(p);
}

static void
loopapi_timer(struct timer *t)
{
	struct prong_timer *p = (struct prong_timer *)t;
	prong_timer_fn *fn = p->fn;
	void *arg = p->arg;

	free(p);
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
	return p;
}

void
prong_timer_cancel(struct prong_timer *p)
{
	if (p == NULL)
		return;
	loop_timer_stop(tasks_here()->loop, &p->timer);
	free(p);
}
