/* SPDX-License-Identifier: ISC */
/*
 * A worker: claims its slot, starts its handlers, tells the master that it is
 * ready, and turns its loop until it is told to stop.
 */
#include "server/worker.h"

#include "config.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/compiler.h"
#include "base/error.h"
#include "base/log.h"
#include "base/process.h"
#include "base/units.h"
#include "dispatch/dispatch.h"
#include "loop/loop.h"
#include "loop/signals.h"
#include "net/conn.h"
#include "net/listener.h"
#include "net/net.h"
#include "server/channel.h"
#include "server/loopapi.h"

/* How long to wait for a neighbour that holds the scoreboard's lock. */
#define WORKER_CLAIM_MS		10000
/* Lines about single connections that a worker logs in a second at most. */
#define WORKER_REPORTS		20

/* One worker a process, so this is the process's own. */
static struct worker {
	const struct worker_start *start;
	struct loop *loop;
	struct net *net;
	struct slot *slot;
	struct watch channel;
	struct timer beat;
	uint64_t beat_ms;
	size_t services_up;	/* whose init has run */
	uint64_t report_second;
	unsigned int reports;
} worker;

/* A hostile client can cause many lines: only so many a second are written. */
static void
worker_report(enum prong_level level, const struct prong_conn *c,
    const char *text)
{
	uint64_t second = loop_now(worker.loop) / 1000;
	char peer[ADDRESS_MAX];

	if (second != worker.report_second) {
		if (worker.reports > WORKER_REPORTS)
			log_warning("%u more lines like this were left out",
			    worker.reports - WORKER_REPORTS);
		worker.report_second = second;
		worker.reports = 0;
	}
	if (++worker.reports > WORKER_REPORTS)
		return;
	if (c == NULL)
		log_write(level, "worker %u: %s", worker.start->slot, text);
	else
		log_write(level, "service=%s peer=%s: %s", c->service->name,
		    prong_peer(c, peer, sizeof(peer)), text);
}

static void USUAL
worker_turn(void *arg)
{
	struct slot *s = worker.slot;

	__atomic_store_n(&s->last_beat, *worker.net->now, __ATOMIC_RELAXED);
	__atomic_store_n(&s->loops, s->loops + 1, __ATOMIC_RELAXED);
	net_end_turn(worker.net);
	/* A handler that fails without saying why must not be given a reason
	 * of another's. */
	error_clear();
}

/* Turning is the beat; this makes an idle worker turn. */
static void
worker_beat(struct timer *t)
{
	loop_timer(worker.loop, t, worker.beat_ms);
}

static void
worker_drained(void *arg)
{
	loop_stop(worker.loop);
}

static void
worker_accept(const struct channel_message *m, int fd)
{
	struct prong_server *server = worker.start->server;

	if (fd == -1 || m->service >= server->service_count)
		return;
	if (listener_add(server->services[m->service], m->key, m->shared != 0,
	    fd) == -1)
		log_error("worker %u: %s", worker.start->slot, error_text());
}

static void
worker_obey(const struct channel_message *m, int fd)
{
	switch (m->kind) {
	case CHANNEL_ACCEPT:
		worker_accept(m, fd);
		break;
	case CHANNEL_RELEASE:
		listener_del(worker.net, m->key);
		break;
	case CHANNEL_DRAIN:
		process_title("worker %u draining", worker.start->slot);
		net_drain(worker.net, worker_drained, NULL);
		break;
	case CHANNEL_STOP:
		loop_stop(worker.loop);
		break;
	case CHANNEL_LOG:
		if (fd != -1)
			log_set_descriptor(fd);
		break;
	}
}

static void
worker_channel_event(struct watch *w, unsigned int events)
{
	struct channel_message m;
	int fd, r;

	while ((r = channel_receive(w->fd, &m, &fd)) == 1)
		worker_obey(&m, fd);
	/* The master has gone; the kernel is about to tell us with SIGKILL. */
	if (r == -1)
		loop_stop(worker.loop);
}

/* Everything that the master had open and a worker has no business with. */
static void
worker_close_others(void)
{
	const int keep[] = {
		worker.start->channel,
		worker.start->scoreboard->connections.fd,
		log_descriptor(),
	};

	process_close_others(keep, sizeof(keep) / sizeof(keep[0]));
}

static void
worker_set_signals(void)
{
	/*
	 * A terminal sends these to the whole group, and so do service
	 * managers: the master decides.
	 */
	static const int ignored[] = { SIGPIPE, SIGTERM, SIGINT, SIGQUIT,
	    SIGHUP, SIGUSR1, SIGUSR2, SIGTTIN, SIGTTOU, SIGWINCH, 0 };

	signals_reset(ignored);
}

static size_t
worker_read_size(const struct prong_server *server)
{
	size_t i, size = 0;

	for (i = 0; i < server->service_count; i++)
		if ((size_t)server->services[i]->settings.read_size > size)
			size = (size_t)server->services[i]->settings.read_size;
	return size;
}

static int
worker_init_services(void)
{
	const struct worker_start *start = worker.start;
	struct prong_service *s;
	size_t i;

	for (i = 0; i < start->server->service_count; i++) {
		s = start->server->services[i];
		s->net = worker.net;
		s->read_size = (size_t)s->settings.read_size;
		dispatch_modes[s->settings.dispatch]->bind(s);
		s->counters = scoreboard_row(start->scoreboard, start->slot,
		    s->index);
		if (s->handler->init != NULL && s->handler->init(s) == -1)
			return error_prefix("service \"%s\"", s->name);
		worker.services_up = i + 1;
	}
	return 0;
}

static int
worker_init_loop(void)
{
	const struct server_settings *set = &worker.start->server->settings;

	worker.loop = loop_new((enum loop_mechanism)set->events,
	    set->busy_poll);
	if (worker.loop == NULL)
		return -1;
	loopapi_set(worker.loop);
	worker.net = net_new(worker.loop,
	    worker_read_size(worker.start->server), worker_report);
	if (worker.net == NULL)
		return -1;
	worker.net->live = &worker.slot->live;
	worker.channel = (struct watch){ worker_channel_event,
	    worker.start->channel, PRONG_READ };
	if (loop_add(worker.loop, &worker.channel) == -1)
		return -1;
	loop_on_turn(worker.loop, worker_turn, NULL);
	if (set->stuck_timeout == 0)
		return 0;
	worker.beat.fn = worker_beat;
	worker.beat_ms = units_milliseconds(set->stuck_timeout) / 4 + 1;
	return loop_timer(worker.loop, &worker.beat, worker.beat_ms);
}

static int
worker_init(void)
{
	const struct worker_start *start = worker.start;
	struct conntable table;

	worker_set_signals();
	process_title("worker %u", start->slot);
	log_after_fork();
	worker_close_others();
	if (process_die_with_parent(start->master) == -1)
		return error_errno("the master has gone");
	process_raise_descriptors();
	if (scoreboard_claim(start->scoreboard, start->slot, WORKER_CLAIM_MS,
	    &table) == -1)
		return -1;
	worker.slot = scoreboard_slot(start->scoreboard, start->slot);
	if (worker_init_loop() == -1)
		return -1;
	worker.net->table = table;
	return worker_init_services();
}

static void
worker_fini(void)
{
	struct prong_service *s;

	net_free(worker.net);
	while (worker.services_up > 0) {
		s = worker.start->server->services[--worker.services_up];
		if (s->handler->exit != NULL)
			s->handler->exit(s);
	}
	if (worker.loop != NULL)
		loop_timer_stop(worker.loop, &worker.beat);
	loop_free(worker.loop);
}

/* A sanitizer looks for leaks when a process ends by exit(3). */
static void __attribute__((noreturn))
worker_leave(int status)
{
#ifdef PRONG_SANITIZED
	exit(status);
#else
	_exit(status);
#endif
}

void
worker_main(const struct worker_start *start)
{
	struct channel_message ready = { .kind = CHANNEL_READY };
	int status = 1;

	worker.start = start;
	if (worker_init() == -1 ||
	    channel_send(start->channel, &ready, -1) == -1)
		log_error("worker %u: %s", start->slot, error_text());
	else if (loop_run(worker.loop) == -1)
		log_error("worker %u: %s", start->slot, error_text());
	else
		status = 0;
	worker_fini();
	worker_leave(status);
}
