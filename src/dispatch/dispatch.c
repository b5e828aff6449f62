/* SPDX-License-Identifier: ISC */
/*
 * The dispatch modes of this build.
 */
#include "dispatch/dispatch.h"

#include <errno.h>
#include <stddef.h>

#include "base/error.h"
#include "dispatch/crew.h"
#include "dispatch/fork.h"

const struct dispatch_mode *const dispatch_modes[] = {
	&dispatch_inline,
	&dispatch_coroutine,
	&dispatch_thread,
	&dispatch_pool,
	&dispatch_fork,
	NULL
};

const char *const dispatch_names[] = {
	"inline",
	"coroutine",
	"thread",
	"pool",
	"fork",
	NULL
};

static bool
dispatch_lends(const struct prong_service *s)
{
	return dispatch_modes[s->settings.dispatch] == &dispatch_pool &&
	    s->settings.pool_unit == POOL_MESSAGE;
}

bool
dispatch_is_forked(const struct prong_service *s)
{
	return dispatch_modes[s->settings.dispatch]->has_processes;
}

void
dispatch_close(uint64_t id)
{
	crews_close(id);
	forks_close(id);
}

bool
dispatch_stop(void)
{
	forks_stop();
	return crews_stop();
}

bool
dispatch_is_limited(const struct prong_service *s)
{
	const struct dispatch_mode *mode = dispatch_modes[s->settings.dispatch];

	if (mode == &dispatch_thread)
		return s->settings.threads > 0;
	return mode == &dispatch_pool && s->settings.pool_unit !=
	    POOL_MESSAGE;
}

bool
dispatch_converses(const struct prong_service *s)
{
	return s->handler->converse != NULL && !dispatch_lends(s) &&
	    dispatch_modes[s->settings.dispatch]->can_wait;
}

int
dispatch_check(const struct prong_service *s, const char **key)
{
	const struct dispatch_mode *mode = dispatch_modes[s->settings.dispatch];
	const struct prong_handler *h = s->handler;
	bool only_converses = h->converse != NULL && h->message == NULL &&
	    h->opened == NULL;
	const char *name = dispatch_names[s->settings.dispatch];

	*key = "dispatch";
	if (!mode->can_wait && only_converses)
		return error_set(EINVAL, "handler \"%s\" waits in its "
		    "conversations and cannot run %s", h->name, name);
	if (mode->has_threads && (h->flags & PRONG_THREAD_SAFE) == 0)
		return error_set(EINVAL, "handler \"%s\" is not made for "
		    "several threads", h->name);
	if (mode->has_lanes && (h->flags & PRONG_NEEDS_LOOP) != 0)
		return error_set(EINVAL, "handler \"%s\" needs the loop of "
		    "the worker: inline or coroutine", h->name);
	*key = "pool-unit";
	if (dispatch_lends(s) && only_converses)
		return error_set(EINVAL, "handler \"%s\" keeps its thread to "
		    "the end of a conversation: connection", h->name);
	return 0;
}

/* --- without effect -------------------------------------------------------- */

static bool
dispatch_idle_threads(const struct prong_service *s)
{
	return s->settings.threads != 0 &&
	    !dispatch_modes[s->settings.dispatch]->has_threads;
}

static bool
dispatch_idle_unit(const struct prong_service *s)
{
	return s->settings.pool_unit != POOL_CONNECTION &&
	    dispatch_modes[s->settings.dispatch] != &dispatch_pool;
}

static bool
dispatch_idle_exit(const struct prong_service *s)
{
	return s->settings.at_exit != EXIT_JOIN &&
	    !dispatch_modes[s->settings.dispatch]->has_lanes;
}

static const struct {
	const char *key;
	bool (*is)(const struct prong_service *);
	const char *whose;
} dispatch_idle[] = {
	{ "threads", dispatch_idle_threads, "thread and pool" },
	{ "pool-unit", dispatch_idle_unit, "pool" },
	{ "at-exit", dispatch_idle_exit, "thread, pool and fork" },
};

void
dispatch_find_idle(const struct prong_service *s, dispatch_idle_fn *fn,
    void *arg)
{
	size_t i;

	for (i = 0; i < sizeof(dispatch_idle) / sizeof(dispatch_idle[0]); i++) {
		if (!dispatch_idle[i].is(s))
			continue;
		error_set(0, "%s has no effect with dispatch %s: it is for %s",
		    dispatch_idle[i].key, dispatch_names[s->settings.dispatch],
		    dispatch_idle[i].whose);
		fn(s, dispatch_idle[i].key, arg);
	}
}
