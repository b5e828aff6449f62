/* SPDX-License-Identifier: ISC */
#ifndef DISPATCH_DISPATCH_H
#define DISPATCH_DISPATCH_H

#include <stdbool.h>

#include "net/service.h"

/*
 * The ways in which a handler can be run, one file each behind one interface:
 * a mode sets the ops of a service, in the process that serves it.  The
 * configuration chooses by name.
 */
struct dispatch_mode {
	void (*bind)(struct prong_service *);
	/* After the handler's init; NULL: there is nothing to start. */
	int (*start)(struct prong_service *);
	bool has_threads;	/* handlers must be safe for them */
	bool has_lanes;		/* there is no loop of the worker's own */
	bool has_processes;	/* it is the forker's */
	bool can_wait;		/* conversations are possible */
};

/*
 * Whether a service's handler can be run as it is to be: -1 with the text, and
 * the key of the setting that it is about.
 */
int dispatch_check(const struct prong_service *, const char **key);

/*
 * Settings of a service that its mode has no use for: calls fn for each, with
 * its key and the text in error_text().  They harm nobody, and are there again
 * when the mode is changed back.
 */
typedef void dispatch_idle_fn(const struct prong_service *, const char *key,
    void *arg);
void dispatch_find_idle(const struct prong_service *, dispatch_idle_fn *,
    void *arg);

extern const struct dispatch_mode dispatch_inline;
extern const struct dispatch_mode dispatch_coroutine;
extern const struct dispatch_mode dispatch_thread;
extern const struct dispatch_mode dispatch_pool;
extern const struct dispatch_mode dispatch_fork;

/* What connections elsewhere are to be told: as crew.h and fork.h have it. */
void dispatch_close(uint64_t id);
bool dispatch_stop(void);

/* Whether the forker serves it. */
bool dispatch_is_forked(const struct prong_service *);

/* Whether connections may have to wait for a thread. */
bool dispatch_is_limited(const struct prong_service *);

/* Whether its handler's converse is what runs. */
bool dispatch_converses(const struct prong_service *);

/* The modes and, in the same order, the words for them; both end with NULL. */
extern const struct dispatch_mode *const dispatch_modes[];
extern const char *const dispatch_names[];

#endif
