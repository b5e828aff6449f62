/* SPDX-License-Identifier: ISC */
/*
 * prong_pool_*: tasks are submitted, waited for, fetched and given up.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/process.h"
#include "net/service.h"
#include "task/caller.h"

static const char *
calls_name(const struct prong_pool *h)
{
	return h->pool->name;
}

static int
calls_prefix(const struct prong_pool *h)
{
	return error_prefix("pool \"%s\"", calls_name(h));
}

/* --- submitting ------------------------------------------------------------------ */

static int
calls_check(const struct prong_pool *h, const char *job, size_t length)
{
	if (h->closed)
		return error_set(EPIPE, "pool \"%s\": it is closed",
		    calls_name(h));
	if (h->pool->bells == NULL)
		return error_set(ENOTSUP, "pool \"%s\": it has no processes, "
		    "for this server has none", calls_name(h));
	if (strlen(job) >= POOL_JOB)
		return error_set(ENOENT, "pool \"%s\": there is no job "
		    "\"%.64s\"", calls_name(h), job);
	if (length > h->pool->size)
		return error_set(EMSGSIZE, "pool \"%s\": an argument of %zu "
		    "bytes, and its size is %zu: raise that", calls_name(h),
		    length, h->pool->size);
	return 0;
}

static int
calls_full(const struct prong_pool *h, int error)
{
	return error_set(error, "pool \"%s\": it is full, with %u tasks: raise "
	    "its queue, or give it more processes", calls_name(h),
	    h->pool->cells);
}

/* A cell, now or in time. */
static int
calls_claim(struct prong_pool *h, const struct caller_time *t, uint64_t *id)
{
	while (!pool_claim(h->pool, caller_me(), id)) {
		if (t == NULL)
			return calls_full(h, EAGAIN);
		if (caller_pause(t) == -1)
			return errno == ETIMEDOUT ? calls_full(h, ETIMEDOUT) :
			    calls_prefix(h);
	}
	return 0;
}

static void
calls_fill(struct prong_pool *h, uint64_t id, const char *job,
    const void *argument, size_t length)
{
	struct pool_cell *cell = pool_cell(h->pool, id);

	cell->length = (uint32_t)length;
	cell->service = h->service->index;
	cell->handle = h->number;
	strlcpy(cell->job, job, sizeof(cell->job));
	if (length > 0)
		memcpy(pool_room(h->pool, id), argument, length);
}

static void
calls_submit(struct prong_pool *h, uint64_t id, bool rings)
{
	pool_submit(h->pool, id, caller_me() | (rings ? POOL_RINGS : 0));
}

/* --- results ------------------------------------------------------------------------ */

/* What is not a result is an error. */
static ssize_t
calls_fail(const struct prong_pool *h, const struct prong_pool_result *r)
{
	char name[PROCESS_SIGNAL_NAME];

	switch (r->outcome) {
	case PRONG_TASK_FAILED:
		return error_set(r->error, "%.*s", (int)r->length,
		    (const char *)r->data);
	case PRONG_TASK_DIED:
		if (r->signal == 0)
			return error_set(r->error, "pool \"%s\": the task has "
			    "ended its process", calls_name(h));
		return error_set(r->error, "pool \"%s\": the process of the "
		    "task was killed by %s", calls_name(h),
		    process_signal_name(r->signal, name, sizeof(name)));
	case PRONG_TASK_TIMED_OUT:
		return error_set(r->error, "pool \"%s\": the task has run for "
		    "longer than task-timeout", calls_name(h));
	default:
		return error_set(r->error, "pool \"%s\": the task was given up",
		    calls_name(h));
	}
}

static ssize_t
calls_copy(const struct prong_pool *h, const struct prong_pool_result *r,
    void *result, size_t size)
{
	if (r->outcome != PRONG_TASK_DONE)
		return calls_fail(h, r);
	if (r->length > size)
		return error_set(ERANGE, "pool \"%s\": the result has %zu "
		    "bytes, and there is room for %zu", calls_name(h),
		    r->length, size);
	if (r->length > 0)
		memcpy(result, r->data, r->length);
	return (ssize_t)r->length;
}

/* Of a task that is over, or was given up: its cell is free then. */
static ssize_t
calls_fetch(struct prong_pool *h, uint64_t id, void *result, size_t size)
{
	struct prong_pool_result r;
	ssize_t n;
	int error;

	caller_result(h, id, &r);
	n = calls_copy(h, &r, result, size);
	error = errno;
	pool_release(h->pool, id);
	errno = error;
	return n;
}

/* --- waiting for one ------------------------------------------------------------------ */

ssize_t
prong_pool_apply(struct prong_pool *h, const char *job, const void *argument,
    size_t length, void *result, size_t size, int64_t ms)
{
	struct caller_time t = caller_time(ms);
	enum caller_place here = caller_here();
	uint64_t id;
	int error;

	if (calls_check(h, job, length) == -1)
		return -1;
	if (here == CALLER_LOOP)
		return error_set(EDEADLK, "pool \"%s\": the loop itself cannot "
		    "wait: use prong_pool_apply_async()", calls_name(h));
	if (callers_are_running(h->pool))
		return error_set(EDEADLK, "pool \"%s\": a task of it would "
		    "wait for another", calls_name(h));
	if (calls_claim(h, &t, &id) == -1)
		return -1;
	calls_fill(h, id, job, argument, length);
	calls_submit(h, id, here == CALLER_TASK);
	pool_wake(h->pool, 1);
	/* What is over by now is fetched, however late. */
	if (caller_wait(h, id, &t) == -1) {
		error = errno;
		if (pool_cancel(h->pool, id) != -1) {
			errno = error;
			return calls_prefix(h);
		}
	}
	return calls_fetch(h, id, result, size);
}

/* --- not waiting ------------------------------------------------------------------------- */

/* In a lane, which no bell rings for: a task that waits. */
struct calls_wait {
	struct prong_pool *handle;
	uint64_t id;
	prong_pool_fn *fn;
	void *arg;
};

static void
calls_wait(void *arg)
{
	const struct caller_time ever = caller_time(-1);
	struct calls_wait w = *(struct calls_wait *)arg;

	free(arg);
	/* The loop is about to end. */
	if (caller_wait(w.handle, w.id, &ever) == -1)
		pool_cancel(w.handle->pool, w.id);
	caller_tell(w.handle, w.id, w.fn, w.arg);
	tasks_here()->calls--;
}

static int
calls_expect_lane(struct prong_pool *h, uint64_t id, prong_pool_fn *fn,
    void *arg)
{
	struct calls_wait *w = malloc(sizeof(*w));

	if (w == NULL)
		return error_errno("pool \"%s\"", calls_name(h));
	*w = (struct calls_wait){ h, id, fn, arg };
	/* Until then the loop turns, with a connection or without. */
	tasks_here()->calls++;
	if (task_start(tasks_here(), calls_wait, w, NULL) == 0)
		return 0;
	tasks_here()->calls--;
	free(w);
	return error_errno("pool \"%s\"", calls_name(h));
}

static int
calls_expect(struct prong_pool *h, uint64_t id, prong_pool_fn *fn, void *arg)
{
	if (fn == NULL)
		return 0;
	__atomic_add_fetch(&h->calls, 1, __ATOMIC_RELAXED);
	if (caller_is_home())
		caller_expect(h, id, fn, arg);
	else if (calls_expect_lane(h, id, fn, arg) == -1) {
		__atomic_sub_fetch(&h->calls, 1, __ATOMIC_RELEASE);
		return -1;
	}
	return 0;
}

/* A lane's task runs at once, so the cell must be queued before it is there. */
static int
calls_async(struct prong_pool *h, const char *job, const struct iovec *argument,
    prong_pool_fn *fn, void *arg, uint64_t *task)
{
	bool home = caller_is_home();
	uint64_t id;

	if (calls_check(h, job, argument->iov_len) == -1 ||
	    calls_claim(h, NULL, &id) == -1)
		return -1;
	calls_fill(h, id, job, argument->iov_base, argument->iov_len);
	if (home && calls_expect(h, id, fn, arg) == -1)
		return -1;
	calls_submit(h, id, home);
	if (!home && calls_expect(h, id, fn, arg) == -1) {
		pool_cancel(h->pool, id);
		return -1;
	}
	if (task != NULL)
		*task = id;
	return 0;
}

int
prong_pool_apply_many(struct prong_pool *h, const char *job,
    const struct iovec *arguments, int count, prong_pool_fn *fn, void *arg,
    uint64_t *tasks)
{
	int n;

	if (count < 1)
		return error_set(EINVAL, "pool \"%s\": %d tasks",
		    calls_name(h), count);
	if (fn != NULL && caller_here() == CALLER_THREAD)
		return error_set(EPERM, "pool \"%s\": there is no loop here "
		    "that could call a function", calls_name(h));
	for (n = 0; n < count; n++)
		if (calls_async(h, job, &arguments[n], fn, arg,
		    tasks == NULL ? NULL : &tasks[n]) == -1)
			break;
	if (n > 0)
		pool_wake(h->pool, (uint32_t)n);
	return n > 0 ? n : -1;
}

int
prong_pool_apply_async(struct prong_pool *h, const char *job,
    const void *argument, size_t length, prong_pool_fn *fn, void *arg,
    uint64_t *task)
{
	const struct iovec one = { (void *)(uintptr_t)argument, length };

	return prong_pool_apply_many(h, job, &one, 1, fn, arg, task) == 1 ?
	    0 : -1;
}

static bool
calls_is_mine(const struct prong_pool *h, uint64_t id)
{
	const struct pool_cell *cell = pool_cell(h->pool, id);

	return pool_look(h->pool, id) > POOL_FILLING &&
	    (cell->owner & ~(uint64_t)POOL_RINGS) == caller_me() &&
	    cell->handle == h->number;
}

static int
calls_find(const struct prong_pool *h, uint64_t id)
{
	return calls_is_mine(h, id) ? 0 : error_set(ENOENT, "pool \"%s\": there is no such task, or no "
	    "more", calls_name(h));
}

ssize_t
prong_pool_get(struct prong_pool *h, uint64_t task, void *result, size_t size,
    int64_t ms)
{
	struct caller_time t = caller_time(ms);

	if (calls_find(h, task) == -1)
		return -1;
	if (caller_wait(h, task, &t) == -1)
		return calls_prefix(h);
	return calls_fetch(h, task, result, size);
}

int
prong_pool_cancel(struct prong_pool *h, uint64_t task)
{
	int result;

	if (calls_find(h, task) == -1)
		return -1;
	if ((result = pool_cancel(h->pool, task)) == -1)
		return error_set(ENOENT, "pool \"%s\": the task is over",
		    calls_name(h));
	caller_give_up(h, task);
	return result;
}

/* --- the end ------------------------------------------------------------------------------- */

int
prong_pool_close(struct prong_pool *h)
{
	h->closed = true;
	return 0;
}

/* Calls fn for the cells of this handle; whether there is one in a state. */
static bool
calls_each(const struct prong_pool *h, void (*fn)(struct pool *, uint64_t))
{
	enum pool_state state;
	bool on = false;
	uint32_t cell;
	uint64_t id;

	for (cell = 0; cell < h->pool->cells; cell++) {
		id = pool_id_of(h->pool, cell);
		state = pool_look(h->pool, id);
		if (!calls_is_mine(h, id))
			continue;
		on |= state == POOL_QUEUED || state == POOL_RUNNING;
		if (fn != NULL)
			fn(h->pool, id);
	}
	return on;
}

static bool
calls_are_on(const struct prong_pool *h)
{
	return __atomic_load_n(&h->calls, __ATOMIC_ACQUIRE) > 0 ||
	    calls_each(h, NULL);
}

int
prong_pool_join(struct prong_pool *h, int64_t ms)
{
	struct caller_time t = caller_time(ms);

	if (!h->closed)
		return error_set(EINVAL, "pool \"%s\": it is to be closed "
		    "first", calls_name(h));
	while (calls_are_on(h)) {
		if (caller_here() == CALLER_LOOP)
			return error_set(EDEADLK, "pool \"%s\": the loop "
			    "itself cannot wait", calls_name(h));
		if (caller_pause(&t) == -1)
			return calls_prefix(h);
	}
	/* What nobody has fetched. */
	calls_each(h, pool_release);
	caller_free(h);
	return 0;
}
