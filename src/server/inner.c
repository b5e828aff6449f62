/* SPDX-License-Identifier: ISC */
/*
 * A server in a loop that the program's own drives: one process, which is the
 * program's, with what a worker has and nothing of a master.  So there is
 * nobody to supervise it, to answer on a control socket or to take over; and
 * the process itself, its signals, user and limits, stays the program's.
 */
#include <sys/resource.h>

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/log.h"
#include "base/process.h"
#include "base/units.h"
#include "dispatch/dispatch.h"
#include "server/declare.h"
#include "server/draining.h"
#include "server/listening.h"
#include "server/loopapi.h"
#include "server/prepare.h"
#include "server/worker.h"

/* One a process, as a worker is. */
static struct inner {
	struct prong_loop *host;	/* NULL: there is none */
	struct prong_server *server;
	struct worker_start start;
	struct scoreboard scoreboard;
	struct listening listening;
	struct watch stop;		/* asked for by the program */
	struct timer timer;		/* of the drain, then of the end */
	bool begun;			/* there is something to end */
	bool draining;
	void (*stopped)(void *);
	void *arg;
} inner;

static bool
inner_serves(const struct prong_service *s)
{
	return true;
}

static void
inner_close(void)
{
	struct loop *loop = inner.host->loop;

	if (inner.begun)
		worker_end();
	listening_close(&inner.listening, true);
	if (inner.stop.fd != -1)
		loop_del(loop, &inner.stop);
	loop_timer_stop(loop, &inner.timer);
	scoreboard_close(&inner.scoreboard);
	inner.host->end = NULL;
	inner.host = NULL;
}

/* The program may free the server, or begin another, when it hears of it. */
static void
inner_end(void)
{
	inner_close();
	log_info("stopped");
	prepare_log_end();
	if (inner.stopped != NULL)
		inner.stopped(inner.arg);
}

static void
inner_end_timer(struct timer *t)
{
	inner_end();
}

/* After all the events of this turn; it is armed already, so it can be. */
static void
inner_end_soon(void)
{
	inner.timer.fn = inner_end_timer;
	loop_timer(inner.host->loop, &inner.timer, 0);
}

static void
inner_drained(void *arg)
{
	inner_end_soon();
}

static void
inner_drained_long_enough(struct timer *t)
{
	log_warning("drain-timeout is over: closing what is still open");
	inner_end();
}

static void
inner_drain(void)
{
	uint64_t ms = draining_longest(inner.server);

	inner.draining = true;
	log_info("draining");
	inner.timer.fn = inner_drained_long_enough;
	if (ms > 0)
		loop_timer_exact(inner.host->loop, &inner.timer, ms);
	worker_drain(false);
	/* Who comes now is refused at once, and not left waiting. */
	listening_close(&inner.listening, true);
}

static void
inner_asked_to_stop(struct watch *w, unsigned int events)
{
	uint64_t value;

	if (read(w->fd, &value, sizeof(value)) != sizeof(value))
		return;
	if (value < SERVER_STOP_FAST && !inner.draining) {
		inner_drain();
		return;
	}
	log_info("stopping");
	inner_end_soon();
}

/* A thread or a process that outlives the server would outlive its memory. */
static int
inner_check(const struct prong_server *server)
{
	const struct prong_section *dict = server->objects[PRONG_DICT].sections;
	const struct prong_service *s;
	const char *name;
	size_t i;

	for (; dict != NULL; dict = dict->next)
		if (section_text(dict, "save")[0] != '\0')
			return error_set(ENOTSUP, "dict \"%s\": a server in the "
			    "program's own loop saves none", dict->title);

	for (i = 0; i < server->service_count; i++) {
		s = server->services[i];
		name = dispatch_names[s->settings.dispatch];
		if (strcmp(name, "inline") != 0 &&
		    strcmp(name, "coroutine") != 0)
			return error_set(ENOTSUP, "service \"%s\": dispatch "
			    "in the program's own loop is inline or coroutine,"
			    " not %s", s->name, name);
	}
	return 0;
}

/* As many as there may be descriptors, whose limit is the program's. */
static uint32_t
inner_capacity(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) == -1 ||
	    limit.rlim_cur > PROCESS_DESCRIPTORS_MAX)
		return PROCESS_DESCRIPTORS_MAX;
	return (uint32_t)limit.rlim_cur;
}

static int
inner_accept(void)
{
	const struct listening_socket *s;
	uint32_t i;
	int fd;

	for (i = 0; i < inner.listening.count; i++) {
		s = &inner.listening.sockets[i];
		if ((fd = fcntl(s->fd, F_DUPFD_CLOEXEC, 0)) == -1)
			return error_errno("listening socket");
		if (worker_accept(s->service->index, i, fd) == -1)
			return -1;
	}
	return 0;
}

/* As long as there can be: the end must not need memory. */
#define INNER_FOR_EVER	((uint64_t)INT64_MAX)

static int
inner_open(struct prong_server *server)
{
	struct loop *loop = inner.host->loop;
	int r;

	if (prepare_services(server) == -1 ||
	    declare_here(server) == -1 ||
	    listening_open(&inner.listening, server, 1, NULL) == -1 ||
	    prepare_memory(server, &inner.scoreboard, 1, inner_capacity()) ==
	    -1 || prepare_counters(server, &inner.scoreboard) == -1 ||
	    objects_make(server) == -1)
		return -1;
	inner.stop = (struct watch){ inner_asked_to_stop, server->stop,
	    PRONG_READ };
	if ((r = loop_add(loop, &inner.stop)) == -1)
		inner.stop.fd = -1;
	if (r == -1 || loop_timer(loop, &inner.timer, INNER_FOR_EVER) == -1)
		return -1;
	inner.begun = true;
	if (worker_begin(&inner.start) == -1 ||
	    listening_start(&inner.listening) == -1 || inner_accept() == -1)
		return -1;
	return 0;
}

/* Takes everything back, but not the reason. */
static void
inner_fail(void)
{
	char why[ERROR_MAX];
	int error = errno;

	strlcpy(why, error_text(), sizeof(why));
	inner_close();
	prepare_log_end();
	error_set(error, "%s", why);
}

static int
inner_begin(struct prong_loop *host, struct prong_server *server)
{
	inner = (struct inner){
		.host = host,
		.server = server,
		.start = {
			.server = server,
			.scoreboard = &inner.scoreboard,
			.serves = inner_serves,
			.name = "server",
			.channel = -1,
			.loop = host->loop,
			.drained = inner_drained,
		},
		.scoreboard.segment.fd = -1,
		.scoreboard.connections.fd = -1,
		.scoreboard.ledger.segment.fd = -1,
		.stop.fd = -1,
		.timer.fn = inner_end_timer,
	};
	host->end = inner_end;
	if (prepare_log(server) == -1 || inner_open(server) == -1) {
		inner_fail();
		return -1;
	}
	listening_log(&inner.listening);
	log_info("ready services=%zu", server->service_count);
	return 0;
}

int
prong_loop_serve(struct prong_loop *host, struct prong_server *server,
    void (*stopped)(void *), void *arg)
{
	if (loopapi_is_here(host) == -1)
		return -1;
	if (inner.host != NULL)
		return error_set(EBUSY, "this process serves already");
	if (inner_check(server) == -1 || inner_begin(host, server) == -1)
		return -1;
	inner.stopped = stopped;
	inner.arg = arg;
	return 0;
}
