/* SPDX-License-Identifier: ISC */
/*
 * The event loop: who watches which descriptor.
 */
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <assert.h>
#include <errno.h>

#include "base/error.h"
#include "base/process.h"
#include "loop/loop_state.h"
#include "prong.h"

/*
 * The table of owners is mapped for every descriptor that the process may ever
 * have: only what is touched takes memory, and it never moves.
 */
int
loop_map_owners(struct loop *loop)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) == -1)
		return -1;
	loop->owners_size = limit.rlim_max > PROCESS_DESCRIPTORS_MAX ?
	    PROCESS_DESCRIPTORS_MAX : (uint32_t)limit.rlim_max;
	loop->owners = mmap(NULL, loop->owners_size * sizeof(*loop->owners),
	    PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
	    -1, 0);
	if (loop->owners == MAP_FAILED) {
		loop->owners = NULL;
		return -1;
	}
	return 0;
}

int
loop_check(int fd)
{
	struct stat st;

	if (fstat(fd, &st) == -1)
		return -1;
	if (S_ISREG(st.st_mode) || S_ISDIR(st.st_mode)) {
		errno = EPERM;
		return -1;
	}
	return 0;
}

static int
loop_check_events(const struct loop *loop, unsigned int events)
{
	if ((events & ~(PRONG_READ | PRONG_WRITE | (unsigned int)PRONG_EDGE)) !=
	    0)
		return error_set(EINVAL, "no such events: %#x", events);
	if ((events & PRONG_EDGE) != 0 && !loop->backend->has_edge)
		return error_set(ENOTSUP, "%s has no edge-triggered events",
		    loop->backend->name);
	return 0;
}

int
loop_add(struct loop *loop, struct watch *w)
{
	struct loop_owner *owner;

	if (loop_check_events(loop, w->events) == -1)
		return -1;
	if (w->fd < 0 || (uint32_t)w->fd >= loop->owners_size)
		return error_set(EBADF, "no such descriptor: %d", w->fd);
	owner = &loop->owners[w->fd];
	if (owner->watch != NULL)
		return error_set(EEXIST, "descriptor %d is watched already",
		    w->fd);
	owner->generation++;
	if (loop->backend->add(loop->state, w->fd, owner->generation,
	    w->events) == -1)
		return error_errno("%s cannot watch descriptor %d",
		    loop->backend->name, w->fd);
	owner->watch = w;
	owner->mute = false;
	if ((uint32_t)w->fd >= loop->owners_end)
		loop->owners_end = (uint32_t)w->fd + 1;
	return 0;
}

int
loop_modify(struct loop *loop, struct watch *w, unsigned int events)
{
	struct loop_owner *owner = &loop->owners[w->fd];

	if (w->events == events)
		return 0;
	if (loop_check_events(loop, events) == -1)
		return -1;
	if ((owner->mute ? loop->backend->add : loop->backend->modify)(
	    loop->state, w->fd, owner->generation, events) == -1)
		return error_errno("%s cannot change descriptor %d",
		    loop->backend->name, w->fd);
	owner->mute = false;
	w->events = events;
	return 0;
}

void
loop_mute(struct loop *loop, struct watch *w)
{
	struct loop_owner *owner = &loop->owners[w->fd];

	if (!owner->mute)
		loop->backend->del(loop->state, w->fd);
	owner->mute = true;
	w->events = 0;
}

void
loop_dry(struct loop *loop)
{
	if (loop->backend->dry != NULL)
		loop->backend->dry(loop->state);
}

static void
loop_do_nothing(void *arg)
{
}

void
loop_del(struct loop *loop, struct watch *w)
{
	assert(loop->owners[w->fd].watch == w);
	loop->owners[w->fd].watch = NULL;
	if (!loop->owners[w->fd].mute)
		loop->backend->del(loop->state, w->fd);
	/* What comes of an end comes at the end of a turn: there is to be one. */
	if (loop->resting)
		loop_defer(loop, loop_do_nothing, NULL);
}

void
loop_each(struct loop *loop, void (*fn)(struct watch *, void *), void *arg)
{
	uint32_t fd;

	for (fd = 0; fd < loop->owners_end; fd++)
		if (loop->owners[fd].watch != NULL)
			fn(loop->owners[fd].watch, arg);
}
