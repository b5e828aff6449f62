/* SPDX-License-Identifier: ISC */
/*
 * Tasks.
 *
 * Waking is a switch, and nests: a task that wakes another goes on when that
 * one parks.  So what a task has to do next is on its stack and in no queue,
 * and a message that wakes a handler is answered within its event.
 */
#include "loop/task.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "base/coroutine.h"
#include "base/error.h"
#include "base/holder.h"
#include "base/process.h"

struct task {
	struct context context;		/* where it stands when parked */
	struct context waker;		/* who goes on when it parks */
	struct tasks *tasks;
	struct stack *stack;
	task_fn *fn;
	void *arg;
	void *owner;			/* whose business it is about */
	void *mine;			/* of whoever began it */
	struct holder holder;
	int value;			/* what it is woken with */
	bool parked;
	bool over;
	struct task *next;		/* while it is spare */
	LIST_ENTRY(task) all;
};

static __thread struct tasks *tasks_of_thread;

struct tasks *
tasks_here(void)
{
	return tasks_of_thread;
}

void
tasks_set_here(struct tasks *t)
{
	tasks_of_thread = t;
}

void
tasks_init(struct tasks *t, struct loop *loop, size_t stack_size)
{
	*t = (struct tasks){ .loop = loop };
	t->stacks.size = stack_size == 0 ? STACK_SIZE : stack_size;
	LIST_INIT(&t->all);
}

int
tasks_reserve(struct tasks *t)
{
	struct stack *s = stack_take(&t->stacks);

	if (s == NULL)
		return -1;
	stack_give(&t->stacks, s);
	return 0;
}

static void
task_free(struct task *t)
{
	LIST_REMOVE(t, all);
	holder_end(&t->holder);
	context_forget(&t->context);
	stack_give(&t->tasks->stacks, t->stack);
	free(t);
}

void
tasks_end(struct tasks *tasks)
{
	struct task *t;

	tasks->ending = true;
	/* One that goes on may end others: from the beginning each time. */
	do {
		LIST_FOREACH(t, &tasks->all, all)
			if (t->parked) {
				task_wake(t, ECANCELED);
				break;
			}
	} while (t != NULL);
}

void
tasks_fini(struct tasks *tasks)
{
	while (!LIST_EMPTY(&tasks->all))
		task_free(LIST_FIRST(&tasks->all));
	tasks->spare = NULL;
	tasks->spare_count = 0;
	if (tasks->bells != NULL)
		tasks->free_bells(tasks->bells);
	stack_pool_free(&tasks->stacks);
}

/* --- their life ---------------------------------------------------------- */

/* Of those that have ended, so many keep their stacks to be used again. */
#define TASKS_SPARE_MAX	64

/* What a task runs: one function after another, for as long as it is kept. */
static void
task_run(void *arg)
{
	struct task *t = arg;

	while (!t->over) {
		t->fn(t->arg);
		holder_end(&t->holder);
		t->over = t->tasks->spare_count >= TASKS_SPARE_MAX;
		if (!t->over) {
			t->next = t->tasks->spare;
			t->tasks->spare = t;
			t->tasks->spare_count++;
			context_switch(&t->context, &t->waker);
		}
	}
	context_leave(&t->context, &t->waker);
}

static struct task *
task_new(struct tasks *tasks)
{
	struct task *t;

	if ((t = calloc(1, sizeof(*t))) == NULL) {
		error_errno("a task");
		return NULL;
	}
	if ((t->stack = stack_take(&tasks->stacks)) == NULL) {
		free(t);
		return NULL;
	}
	t->tasks = tasks;
	LIST_INSERT_HEAD(&tasks->all, t, all);
	context_make(&t->context, t->stack->bottom, t->stack->size, task_run,
	    t);
	return t;
}

/* Lets it run, until it parks or has ended. */
static inline void
task_enter(struct task *t)
{
	struct tasks *tasks = t->tasks;
	struct task *self = tasks->current;
	struct holder *holder = holder_current;

	tasks->current = t;
	holder_enter(&t->holder);
	context_switch(&t->waker, &t->context);
	holder_enter(holder);
	tasks->current = self;
	if (__builtin_expect(t->over, 0))
		task_free(t);
}

int
task_start(struct tasks *tasks, task_fn *fn, void *arg, void *owner)
{
	struct task *t = tasks->spare;

	if (t != NULL) {
		tasks->spare = t->next;
		tasks->spare_count--;
	} else if ((t = task_new(tasks)) == NULL)
		return -1;
	t->fn = fn;
	t->arg = arg;
	t->owner = owner;
	task_enter(t);
	return 0;
}

struct task *
task_self(void)
{
	return tasks_of_thread == NULL ? NULL : tasks_of_thread->current;
}

void *
task_owner(const struct task *t)
{
	return t->owner;
}

void *
task_mine(const struct task *t)
{
	return t->mine;
}

void
task_set_mine(struct task *t, void *mine)
{
	t->mine = mine;
}

int
task_park(void)
{
	struct task *t = tasks_of_thread->current;
	struct holder *holder = holder_current;
	struct coroutine_place place;

	if (t->tasks->ending)
		return ECANCELED;
	/* One by hand that waits is its task's alone. */
	coroutine_leave(&place);
	t->parked = true;
	context_switch(&t->context, &t->waker);
	coroutine_return(&place);
	holder_enter(holder);
	return t->value;
}

void
task_wake(struct task *t, int value)
{
	assert(t->parked);
	t->parked = false;
	t->value = value;
	task_enter(t);
}

void
tasks_on_slow(struct tasks *t, uint64_t ms,
    void (*slow)(void *owner, uint64_t ms))
{
	t->slow_ms = ms;
	t->slow = slow;
}

/* The loop sees how long an event took; what that was about is seen here. */
void
task_wake_timed(struct task *t, int value)
{
	const struct tasks *tasks = t->tasks;
	void *owner = t->owner;
	uint64_t began, ms;

	if (tasks->slow == NULL) {
		task_wake(t, value);
		return;
	}
	began = process_milliseconds();
	task_wake(t, value);
	ms = process_milliseconds() - began;
	if (ms >= tasks->slow_ms)
		tasks->slow(owner, ms);
}

bool
task_is_parked(const struct task *t)
{
	return t->parked;
}

/* --- waiting ------------------------------------------------------------- */

struct task_timer {
	struct timer timer;
	struct task *task;
};

static void
task_timer_due(struct timer *t)
{
	task_wake_timed(((struct task_timer *)t)->task, ETIMEDOUT);
}

int
task_park_for(int64_t ms, task_before_fn *before)
{
	struct tasks *tasks = tasks_of_thread;
	struct task_timer timer = {
		.timer.fn = task_timer_due,
		.task = tasks->current,
	};
	int value;

	if (ms >= 0 &&
	    loop_timer_exact(tasks->loop, &timer.timer, (uint64_t)ms) == -1)
		return ENOMEM;
	value = before() == -1 ? errno : task_park();
	if (ms >= 0)
		loop_timer_stop(tasks->loop, &timer.timer);
	return value;
}

struct task_watch {
	struct watch watch;
	struct task *task;
	unsigned int events;
};

static void
task_watch_event(struct watch *w, unsigned int events)
{
	struct task_watch *mine = (struct task_watch *)w;

	mine->events = events;
	task_wake_timed(mine->task, 0);
}

int
task_wait(int fd, unsigned int events, int64_t ms, task_before_fn *before)
{
	struct tasks *tasks = tasks_of_thread;
	struct task_watch w = {
		.watch = { task_watch_event, fd, events },
		.task = tasks->current,
	};
	int value;

	if (loop_add(tasks->loop, &w.watch) == -1)
		return -1;
	value = task_park_for(ms, before);
	loop_del(tasks->loop, &w.watch);
	if (value == ETIMEDOUT)
		return 0;
	if (value != 0)
		return error_set(value, "waiting for a descriptor was given up");
	return (int)w.events;
}
