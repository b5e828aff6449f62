/* SPDX-License-Identifier: ISC */
#ifndef LOOP_BACKEND_H
#define LOOP_BACKEND_H

#include <sys/epoll.h>

#include <stdint.h>

/*
 * What a mechanism of waiting brings: one file each, one table of functions.
 * It knows descriptors and events; the loop knows whom they belong to.
 */

#define LOOP_EVENTS	256	/* handled in one turn at most */

/*
 * Every mechanism reports in the form of epoll, whose values poll(2) shares;
 * data.u64 is the descriptor and the generation that was given to add.
 */
static inline uint64_t
loop_key(int fd, uint32_t generation)
{
	return (uint64_t)generation << 32 | (uint32_t)fd;
}

struct loop_backend {
	const char *name;
	int (*init)(void **state);
	void (*fini)(void *state);
	/* In a child: closes what it has open, and writes nothing; or NULL. */
	void (*forget)(void *state);
	/* 0 or -1 with errno, as loop_add(); the loop has checked the events. */
	int (*add)(void *state, int fd, uint32_t generation,
	    unsigned int events);
	int (*modify)(void *state, int fd, uint32_t generation,
	    unsigned int events);
	void (*del)(void *state, int fd);
	/* Waits ms (-1 forever); how many of ready[LOOP_EVENTS] are set. */
	int (*wait)(void *state, int ms, struct epoll_event *ready);
	/* What was told ready was not; NULL: nothing comes of that. */
	void (*dry)(void *state);
	/* A descriptor that is readable when wait has something; or NULL. */
	int (*fd)(void *state);
	int has_edge;
};

extern const struct loop_backend loop_backend_epoll;
extern const struct loop_backend loop_backend_lane;
extern const struct loop_backend loop_backend_poll;
extern const struct loop_backend loop_backend_select;

#endif
