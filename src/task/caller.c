/* SPDX-License-Identifier: ISC */
/*
 * Who submits tasks: where he is, and how his loop hears that they are over.
 *
 * The table of what the process's own loop waits for is that loop's alone.  Of
 * tasks that lanes and threads have submitted nothing is kept but what stands in
 * their cells.
 */
#include "task/caller.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/error.h"

/* What the loop waits for, by cell. */
struct caller_expected {
	uint64_t id;			/* 0: nothing */
	struct prong_pool *handle;
	struct task *task;		/* that waits; or a function to call */
	prong_pool_fn *fn;
	void *arg;
};

/* Of a pool, in this process. */
struct caller_table {
	LIST_ENTRY(caller_table) entries;
	struct pool *pool;
	struct caller_expected *expected;
	uint32_t count;			/* of those that are expected */
};

static struct callers {
	pthread_mutex_t lock;		/* of the lists */
	LIST_HEAD(caller_tables, caller_table) tables;
	LIST_HEAD(caller_handles, prong_pool) handles;
	uint32_t numbers;		/* given out */
	struct loop *home;		/* NULL: none that is told */
	struct watch bell;
	uint32_t slot;
	uint64_t me;
	uint64_t calls;			/* of functions, from the home */
	void (*rest)(void *);		/* when there are none any more */
	const struct pool *running;
} callers = { .lock = PTHREAD_MUTEX_INITIALIZER };

uint64_t
caller_me(void)
{
	return callers.me;
}

void
callers_set_running(const struct pool *p)
{
	callers.running = p;
}

bool
callers_are_running(const struct pool *p)
{
	return callers.running == p;
}

bool
caller_is_home(void)
{
	return callers.home != NULL && tasks_here() != NULL &&
	    tasks_here()->loop == callers.home;
}

enum caller_place
caller_here(void)
{
	if (tasks_here() == NULL)
		return CALLER_THREAD;
	if (task_self() == NULL)
		return CALLER_LOOP;
	return caller_is_home() ? CALLER_TASK : CALLER_LANE;
}

/* --- results ------------------------------------------------------------------ */

static const enum prong_outcome caller_outcomes[POOL_STATES] = {
	[POOL_DONE] = PRONG_TASK_DONE,
	[POOL_FAILED] = PRONG_TASK_FAILED,
	[POOL_DIED] = PRONG_TASK_DIED,
	[POOL_TIMED_OUT] = PRONG_TASK_TIMED_OUT,
};

/* The result, or the text of the job that failed; lengths are not believed. */
static void
caller_fill(const struct prong_pool *h, uint64_t id,
    struct prong_pool_result *r)
{
	const struct pool_cell *cell = pool_cell(h->pool, id);
	size_t length = cell->length;

	if (length > h->pool->size)
		length = h->pool->size;
	r->data = pool_room(h->pool, id);
	r->length = length;
	r->error = cell->error;
}

void
caller_result(const struct prong_pool *h, uint64_t id,
    struct prong_pool_result *r)
{
	enum pool_state state = pool_look(h->pool, id);

	*r = (struct prong_pool_result){ .task = id,
	    .outcome = PRONG_TASK_CANCELLED, .error = ECANCELED };
	if (!pool_is_over(state))
		return;
	r->outcome = caller_outcomes[state];
	switch (r->outcome) {
	case PRONG_TASK_DIED:
		r->error = ECHILD;
		r->signal = pool_signal(h->pool, id);
		break;
	case PRONG_TASK_TIMED_OUT:
		r->error = ETIME;
		break;
	default:
		caller_fill(h, id, r);
		break;
	}
}

void
caller_tell(struct prong_pool *h, uint64_t id, prong_pool_fn *fn, void *arg)
{
	struct prong_pool_result r;

	caller_result(h, id, &r);
	fn(&r, arg);
	pool_release(h->pool, id);
	__atomic_sub_fetch(&h->calls, 1, __ATOMIC_RELEASE);
}

/* --- what the loop expects ---------------------------------------------------- */

static struct caller_expected *
caller_expected(struct prong_pool *h, uint64_t id)
{
	return &h->table->expected[(uint32_t)id % h->pool->cells];
}

static void
caller_note(struct prong_pool *h, uint64_t id, struct caller_expected what)
{
	struct caller_expected *e = caller_expected(h, id);

	h->table->count += e->id == 0;
	*e = what;
	e->id = id;
	e->handle = h;
	pool_arm(h->pool, callers.slot);
}

void
caller_forget(struct prong_pool *h, uint64_t id)
{
	struct caller_expected *e = caller_expected(h, id);

	if (e->id != id)
		return;
	e->id = 0;
	h->table->count--;
}

void
caller_expect(struct prong_pool *h, uint64_t id, prong_pool_fn *fn, void *arg)
{
	caller_note(h, id, (struct caller_expected){ .fn = fn, .arg = arg });
	callers.calls++;
}

void
caller_expect_wake(struct prong_pool *h, uint64_t id, struct task *task)
{
	caller_note(h, id, (struct caller_expected){ .task = task });
}

static void
caller_call(const struct caller_expected *e)
{
	void (*rest)(void *);

	caller_tell(e->handle, e->id, e->fn, e->arg);
	if (--callers.calls > 0 || (rest = callers.rest) == NULL)
		return;
	callers.rest = NULL;
	rest(NULL);
}

/* One that is not waiting or running any more. */
static void
caller_meet(struct caller_table *t, uint32_t cell)
{
	struct caller_expected e = t->expected[cell];
	enum pool_state state;

	if (e.id == 0)
		return;
	pool_seen(t->pool, cell);
	state = pool_look(t->pool, e.id);
	if (state == POOL_QUEUED || state == POOL_RUNNING)
		return;
	caller_forget(e.handle, e.id);
	if (e.task != NULL)
		task_wake_timed(e.task, 0);
	else
		caller_call(&e);
}

/* Armed first: what is over after the look rings. */
static void
caller_look(struct caller_table *t)
{
	uint32_t word, words = (t->pool->cells + 63) / 64;
	uint64_t bits;

	pool_arm(t->pool, callers.slot);
	for (word = 0; word < words; word++)
		for (bits = pool_over(t->pool, word); bits != 0;
		    bits &= bits - 1)
			caller_meet(t, word * 64 +
			    (uint32_t)__builtin_ctzll(bits));
}

/* The tables are added to at the front, and not taken away while it turns. */
void
callers_look(void)
{
	struct caller_table *t;

	LIST_FOREACH(t, &callers.tables, entries)
		if (t->count > 0)
			caller_look(t);
}

static void
callers_hear(struct watch *w, unsigned int events)
{
	uint64_t n;

	if (read(w->fd, &n, sizeof(n)) == sizeof(n))
		callers_look();
}

void
caller_give_up(struct prong_pool *h, uint64_t id)
{
	struct caller_expected e;

	if (!caller_is_home())
		return;
	e = *caller_expected(h, id);
	if (e.id != id)
		return;
	caller_forget(h, id);
	if (e.task != NULL)
		task_wake_timed(e.task, 0);
	else
		caller_call(&e);
}

/* --- the process ------------------------------------------------------------------ */

void
callers_open_quiet(uint32_t slot)
{
	callers.slot = slot;
	callers.me = pool_me(slot, getpid());
	callers.home = NULL;
	callers.bell.fd = -1;
}

int
callers_open(struct loop *loop, uint32_t slot, int bell)
{
	callers_open_quiet(slot);
	if (bell == -1)
		return 0;
	callers.bell = (struct watch){ callers_hear, bell, PRONG_READ };
	if (loop_add(loop, &callers.bell) == -1)
		return -1;
	callers.home = loop;
	return 0;
}

/* The handles are its own copies; what the forker waits for is not its. */
void
callers_forked(void)
{
	callers_open_quiet(callers.slot);
	callers.calls = 0;
	callers.rest = NULL;
}

void
callers_bury(pid_t pid)
{
	struct caller_table *t;

	LIST_FOREACH(t, &callers.tables, entries)
		pool_bury(t->pool, callers.slot, pid, POOL_DIED, 0);
}

bool
callers_are_busy(void (*fn)(void *))
{
	callers.rest = callers.calls > 0 ? fn : NULL;
	return callers.calls > 0;
}

static void
callers_end_table(struct caller_table *t)
{
	uint32_t cell;

	for (cell = 0; cell < t->pool->cells && t->count > 0; cell++)
		if (t->expected[cell].id != 0) {
			pool_cancel(t->pool, t->expected[cell].id);
			caller_give_up(t->expected[cell].handle,
			    t->expected[cell].id);
		}
}

void
callers_end(void)
{
	struct caller_table *t;

	callers.rest = NULL;
	if (callers.home != NULL)
		LIST_FOREACH(t, &callers.tables, entries)
			callers_end_table(t);
}

void
callers_close(void)
{
	struct caller_table *t;
	struct prong_pool *h;

	if (callers.home != NULL)
		loop_del(callers.home, &callers.bell);
	callers.home = NULL;
	while ((h = LIST_FIRST(&callers.handles)) != NULL)
		caller_free(h);
	while ((t = LIST_FIRST(&callers.tables)) != NULL) {
		LIST_REMOVE(t, entries);
		free(t->expected);
		free(t);
	}
}

/* --- handles ------------------------------------------------------------------------ */

/* Under the lock. */
static struct caller_table *
caller_table(struct pool *p)
{
	struct caller_table *t;

	LIST_FOREACH(t, &callers.tables, entries)
		if (t->pool == p)
			return t;
	if ((t = calloc(1, sizeof(*t))) == NULL || (t->expected =
	    calloc(p->cells, sizeof(*t->expected))) == NULL) {
		free(t);
		return NULL;
	}
	t->pool = p;
	LIST_INSERT_HEAD(&callers.tables, t, entries);
	return t;
}

struct prong_pool *
caller_open(struct pool *p, struct prong_service *service)
{
	struct prong_pool *h = calloc(1, sizeof(*h));

	pthread_mutex_lock(&callers.lock);
	if (h != NULL && (h->table = caller_table(p)) != NULL) {
		h->pool = p;
		h->service = service;
		h->number = ++callers.numbers;
		LIST_INSERT_HEAD(&callers.handles, h, entries);
	} else {
		free(h);
		h = NULL;
	}
	pthread_mutex_unlock(&callers.lock);
	if (h == NULL)
		error_errno("pool \"%s\"", p->name);
	return h;
}

void
caller_free(struct prong_pool *h)
{
	pthread_mutex_lock(&callers.lock);
	LIST_REMOVE(h, entries);
	pthread_mutex_unlock(&callers.lock);
	free(h);
}
