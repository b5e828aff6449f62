/* SPDX-License-Identifier: ISC */
/*
 * What prongctl pool asks for.  In a clerk, though no call waits here: a pool has
 * no lock.
 */
#include <errno.h>
#include <string.h>

#include "base/error.h"
#include "server/inspect.h"
#include "server/pools.h"
#include "server/server.h"

#define INSPECT_TASKS	2000		/* of one answer */

/* A number that JSON has, whatever stands in the memory. */
static json_int_t
inspect_number(uint64_t n)
{
	return (json_int_t)(n & INT64_MAX);
}

/* In seconds; null: a task may run for ever. */
static json_t *
inspect_pool_timeout(const struct pool *p)
{
	return p->timeout == 0 ? json_null() :
	    json_real((double)p->timeout / 1000);
}

static json_t *
inspect_pool_row(const struct prong_section *section, void *item)
{
	const struct pool *p = item;
	uint32_t counts[POOL_STATES], over = 0;
	enum pool_state state;

	pool_count(p, counts);
	for (state = POOL_DONE; state < POOL_STATES; state++)
		over += counts[state];
	return json_pack("{s:s,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,"
	    "s:o}", "name", p->name,
	    "processes", (json_int_t)p->processes,
	    "running", (json_int_t)counts[POOL_RUNNING] + counts[POOL_ORPHAN],
	    "queue", (json_int_t)p->cells,
	    "waiting", (json_int_t)counts[POOL_QUEUED],
	    "over", (json_int_t)over,
	    "done", inspect_number(pool_ended(p, POOL_DONE)),
	    "failed", inspect_number(pool_ended(p, POOL_FAILED)),
	    "died", inspect_number(pool_ended(p, POOL_DIED)),
	    "timed_out", inspect_number(pool_ended(p, POOL_TIMED_OUT)),
	    "cancelled", inspect_number(pool_ended(p, POOL_DROPPED) +
	    pool_ended(p, POOL_ORPHAN)),
	    "size", (json_int_t)p->size,
	    "task_timeout", inspect_pool_timeout(p));
}

json_t *
inspect_pool_list(struct prong_server *s, const json_t *request)
{
	return inspect_list(s, PRONG_TASK_POOL, "pools", inspect_pool_row);
}

/* --- its tasks ----------------------------------------------------------- */

/* One that was given up runs on, and nobody wants its result. */
static const char *
inspect_task_state(enum pool_state state)
{
	return state == POOL_QUEUED ? "waiting" : state == POOL_RUNNING ?
	    "running" : "given up";
}

static json_t *
inspect_task(const struct prong_server *s, const struct pool_view *v)
{
	return json_pack("{s:I,s:o,s:s?,s:s,s:I,s:I,s:o,s:I}",
	    "id", (json_int_t)v->id,
	    "job", inspect_bytes(v->job, strlen(v->job)),
	    "service", v->service < s->service_count ?
	    s->services[v->service]->name : NULL,
	    "state", inspect_task_state(v->state),
	    "caller_slot", (json_int_t)v->caller.slot,
	    "caller_pid", (json_int_t)v->caller.pid,
	    "pid", v->state == POOL_QUEUED ? json_null() :
	    json_integer(v->runner.pid),
	    "length", (json_int_t)v->length);
}

/* From a cell on; returns the one to go on with. */
static uint32_t
inspect_tasks(const struct prong_server *s, const struct pool *p,
    uint32_t cell, json_t *tasks)
{
	struct pool_view v;

	for (; cell < p->cells && json_array_size(tasks) < INSPECT_TASKS;
	    cell++)
		if (pool_view(p, cell, &v))
			json_array_append_new(tasks, inspect_task(s, &v));
	return cell;
}

json_t *
inspect_pool_show(struct prong_server *s, const json_t *request)
{
	struct pool *p = inspect_object(s, PRONG_TASK_POOL, request);
	json_int_t from = json_integer_value(json_object_get(request, "from"));
	json_t *result, *tasks;
	uint32_t next;

	if (p == NULL)
		return NULL;
	if (from < 0 || from >= p->cells) {
		error_set(ERANGE, "pool \"%s\" has room for %u tasks: there is "
		    "nothing from %" JSON_INTEGER_FORMAT " on", p->name,
		    p->cells, from);
		return NULL;
	}
	tasks = json_array();
	result = inspect_pool_row(NULL, p);
	next = inspect_tasks(s, p, (uint32_t)from, tasks);
	json_object_set_new(result, "tasks", tasks);
	json_object_set_new(result, "next", next == p->cells ? json_null() :
	    json_integer(next));
	return result;
}
