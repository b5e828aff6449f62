/* SPDX-License-Identifier: ISC */
/*
 * The pools of the configuration.
 */
#include "server/pools.h"

#include <sys/eventfd.h>

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/error.h"
#include "dispatch/conversation.h"
#include "server/objects.h"
#include "task/caller.h"

/* One eventfd, whoever rings, so nobody waits for it to be heard. */
#define POOLS_BELL	(EFD_CLOEXEC | EFD_NONBLOCK)
#define POOLS_PROCESSES	1024
#define POOLS_MEMORY	(1LL << 30)

static const struct prong_option pools_members[] = {
	{ "processes", PRONG_INT, "1", NULL, NULL,
	    "that run its jobs, one task at a time each" },
	{ "queue", PRONG_INT, "1024", NULL, NULL,
	    "tasks that may wait, run, or have a result to be fetched" },
	{ "size", PRONG_SIZE, "4K", NULL, NULL,
	    "the longest argument, and the longest result" },
	{ "task-timeout", PRONG_TIME, "0", NULL, NULL,
	    "how long a task may run before its process is killed; 0: for "
	    "ever" },
	{ .name = NULL }
};

static int
pools_range(const struct prong_section *section, const char *key, int64_t min,
    int64_t max)
{
	int64_t n = section_number(section, key);

	if (n >= min && n <= max)
		return 0;
	return error_set(EINVAL, "a pool's %s is %lld to %lld", key,
	    (long long)min, (long long)max);
}

static int
pools_check(const struct prong_section *section, const char **key)
{
	*key = "processes";
	if (pools_range(section, *key, 1, POOLS_PROCESSES) == -1)
		return -1;
	*key = "size";
	if (pools_range(section, *key, POOL_SIZE_MIN, POOL_SIZE_MAX) == -1)
		return -1;
	*key = "queue";
	if (pools_range(section, *key, POOL_CELLS_MIN, POOL_CELLS_MAX) == -1)
		return -1;
	if (section_number(section, "queue") * section_number(section,
	    "size") > POOLS_MEMORY)
		return error_set(EINVAL, "queue times size is more than 1G");
	return 0;
}

static void *
pools_make(const struct prong_section *section, bool reserve)
{
	struct pool *p = pool_new(section->title,
	    (uint32_t)section_number(section, "processes"),
	    (uint32_t)section_number(section, "queue"),
	    (size_t)section_number(section, "size"), reserve);

	callers_set_pause(conversation_pause, conversation_go_on);
	if (p != NULL)
		p->timeout = (uint64_t)section_number(section, "task-timeout");
	return p;
}

static void
pools_free(void *pool)
{
	pool_free(pool);
}

const struct object_kind object_pool = {
	.name = "pool",
	.members = pools_members,
	.check = pools_check,
	.make = pools_make,
	.free = pools_free,
};

struct prong_pool *
prong_pool_open(struct prong_service *service, const char *name)
{
	struct pool *p = objects_find(service->server, PRONG_TASK_POOL, name);

	return p == NULL ? NULL : caller_open(p, service);
}

uint32_t
pools_processes(const struct prong_server *s)
{
	const struct prong_section *section;
	int64_t n, sum = 0;

	for (section = s->objects[PRONG_TASK_POOL].sections; section != NULL;
	    section = section->next)
		if ((n = section_number(section, "processes")) > 0 &&
		    n <= POOLS_PROCESSES)
			sum += n;
	return (uint32_t)(sum < POOL_SLOTS ? sum : POOL_SLOTS);
}

struct pool *
pools_at(const struct prong_server *s, size_t number)
{
	const struct object_list *list = &s->objects[PRONG_TASK_POOL];

	return number < list->count ? list->items[number] : NULL;
}

int
pools_open_bells(struct prong_server *s, uint32_t slots, int **bells)
{
	struct pool *p;
	uint32_t i;
	size_t n;

	*bells = NULL;
	if (pools_at(s, 0) == NULL)
		return 0;
	if ((*bells = calloc(slots, sizeof(**bells))) == NULL)
		return error_errno("bells of pools");
	for (i = 0; i < slots; i++)
		(*bells)[i] = -1;
	for (i = 0; i < slots; i++)
		if (((*bells)[i] = eventfd(0, POOLS_BELL)) == -1)
			return error_errno("bells of pools");
	for (n = 0; (p = pools_at(s, n)) != NULL; n++)
		pool_set_bells(p, *bells, slots);
	return 0;
}

void
pools_close_bells(int *bells, uint32_t slots)
{
	uint32_t i;

	for (i = 0; bells != NULL && i < slots; i++)
		if (bells[i] != -1)
			close(bells[i]);
	free(bells);
}

int
pools_bell(const struct prong_server *s, uint32_t slot)
{
	const struct pool *p = pools_at(s, 0);

	return p == NULL || p->bells == NULL || slot >= p->slots ? -1 :
	    p->bells[slot];
}

void
pools_bury(const struct prong_server *s, uint32_t slot,
    const struct pools_end *end)
{
	struct pool *p;
	size_t n;

	for (n = 0; (p = pools_at(s, n)) != NULL; n++)
		pool_bury(p, slot, end->pid, end->late ? POOL_TIMED_OUT :
		    POOL_DIED, end->signo);
}
