/* SPDX-License-Identifier: ISC */
/*
 * Waiting by select(2): descriptors from FD_SETSIZE on are refused, because
 * setting their bit would write beyond the set.
 */
#include <sys/select.h>

#include <errno.h>
#include <stdlib.h>

#include "loop/backend.h"
#include "loop/loop.h"
#include "prong.h"

struct loop_select {
	fd_set watched, readers, writers;
	int highest;
	int next;		/* where to look first, so that none starves */
	uint32_t generations[FD_SETSIZE];
};

static int
loop_select_init(void **state)
{
	struct loop_select *s;

	if ((s = calloc(1, sizeof(*s))) == NULL)
		return -1;
	s->highest = -1;
	*state = s;
	return 0;
}

static void
loop_select_fini(void *state)
{
	free(state);
}

static int
loop_select_modify(void *state, int fd, uint32_t generation,
    unsigned int events)
{
	struct loop_select *s = state;

	if ((events & PRONG_READ) != 0)
		FD_SET(fd, &s->readers);
	else
		FD_CLR(fd, &s->readers);
	if ((events & PRONG_WRITE) != 0)
		FD_SET(fd, &s->writers);
	else
		FD_CLR(fd, &s->writers);
	return 0;
}

static int
loop_select_add(void *state, int fd, uint32_t generation, unsigned int events)
{
	struct loop_select *s = state;

	if (fd >= FD_SETSIZE) {
		errno = ERANGE;
		return -1;
	}
	if (loop_check(fd) == -1)
		return -1;
	FD_SET(fd, &s->watched);
	s->generations[fd] = generation;
	if (fd > s->highest)
		s->highest = fd;
	return loop_select_modify(state, fd, generation, events);
}

static void
loop_select_del(void *state, int fd)
{
	struct loop_select *s = state;

	loop_select_modify(state, fd, 0, 0);
	FD_CLR(fd, &s->watched);
	while (s->highest >= 0 && !FD_ISSET(s->highest, &s->watched))
		s->highest--;
}

static int
loop_select_wait(void *state, int ms, struct epoll_event *ready)
{
	struct loop_select *s = state;
	fd_set readers = s->readers, writers = s->writers;
	struct timeval tv = { ms / 1000, ms % 1000 * 1000 };
	int fd, left, seen, n = 0, size = s->highest + 1;
	unsigned int events;

	left = select(size, &readers, &writers, NULL, ms < 0 ? NULL : &tv);
	if (left <= 0)
		return left;
	fd = s->next < size ? s->next : 0;
	for (seen = 0; seen < size && left > 0 && n < LOOP_EVENTS; seen++) {
		events = 0;
		if (FD_ISSET(fd, &readers))
			events |= PRONG_READ, left--;
		if (FD_ISSET(fd, &writers))
			events |= PRONG_WRITE, left--;
		if (events != 0) {
			ready[n].data.u64 = loop_key(fd,
			    s->generations[fd]);
			ready[n++].events = events;
		}
		if (++fd == size)
			fd = 0;
	}
	s->next = fd;
	return n;
}

const struct loop_backend loop_backend_select = {
	.name = "select",
	.init = loop_select_init,
	.fini = loop_select_fini,
	.add = loop_select_add,
	.modify = loop_select_modify,
	.del = loop_select_del,
	.wait = loop_select_wait,
};
