/* SPDX-License-Identifier: ISC */
/*
 * Waiting by epoll(7).  The instance is made after the fork and belongs to one
 * process: a descriptor that another process still has open goes on reporting
 * here until it is deleted, which is why deletion comes before close.
 */
#include <stdlib.h>
#include <unistd.h>

#include "base/compiler.h"
#include "loop/backend.h"
#include "prong.h"

struct loop_epoll {
	int fd;
};

static int
loop_epoll_init(void **state)
{
	struct loop_epoll *ep;

	if ((ep = calloc(1, sizeof(*ep))) == NULL)
		return -1;
	if ((ep->fd = epoll_create1(EPOLL_CLOEXEC)) == -1) {
		free(ep);
		return -1;
	}
	*state = ep;
	return 0;
}

static void
loop_epoll_fini(void *state)
{
	struct loop_epoll *ep = state;

	close(ep->fd);
	free(ep);
}

static void
loop_epoll_forget(void *state)
{
	struct loop_epoll *ep = state;

	close(ep->fd);
}

static int
loop_epoll_control(struct loop_epoll *ep, int op, int fd, uint32_t generation,
    unsigned int events)
{
	struct epoll_event e;

	/* READ and WRITE are EPOLLIN and EPOLLOUT. */
	e.events = events & (PRONG_READ | PRONG_WRITE);
	if ((events & PRONG_EDGE) != 0)
		e.events |= EPOLLET;
	e.data.u64 = loop_key(fd, generation);
	return epoll_ctl(ep->fd, op, fd, &e);
}

static int
loop_epoll_add(void *state, int fd, uint32_t generation, unsigned int events)
{
	return loop_epoll_control(state, EPOLL_CTL_ADD, fd, generation, events);
}

static int
loop_epoll_modify(void *state, int fd, uint32_t generation,
    unsigned int events)
{
	return loop_epoll_control(state, EPOLL_CTL_MOD, fd, generation, events);
}

static void
loop_epoll_del(void *state, int fd)
{
	struct loop_epoll *ep = state;

	epoll_ctl(ep->fd, EPOLL_CTL_DEL, fd, NULL);
}

static int USUAL
loop_epoll_wait(void *state, int ms, struct epoll_event *ready)
{
	struct loop_epoll *ep = state;

	return epoll_wait(ep->fd, ready, LOOP_EVENTS, ms);
}

static int
loop_epoll_fd(void *state)
{
	return ((struct loop_epoll *)state)->fd;
}

const struct loop_backend loop_backend_epoll = {
	.name = "epoll",
	.init = loop_epoll_init,
	.fini = loop_epoll_fini,
	.forget = loop_epoll_forget,
	.add = loop_epoll_add,
	.modify = loop_epoll_modify,
	.del = loop_epoll_del,
	.wait = loop_epoll_wait,
	.fd = loop_epoll_fd,
	.has_edge = 1,
};
