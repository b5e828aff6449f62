/* SPDX-License-Identifier: ISC */
/*
 * What a worker serves: its services, or the jobs of its pool, started and
 * taken down; and the sandbox, which it enters when their handlers have opened
 * what they need.
 */
#include <errno.h>

#include "base/error.h"
#include "base/log.h"
#include "base/process.h"
#include "dispatch/dispatch.h"
#include "server/confine.h"
#include "server/worker_state.h"
#include "task/runner.h"

/* Threads of a pool for each CPU, where nothing else is said. */
#define WORKER_POOL_THREADS	5

int
worker_despair(void)
{
	worker.hopeless = errno != ENOMEM && errno != EAGAIN &&
	    errno != EMFILE && errno != ENFILE && errno != ENOBUFS;
	return -1;
}

/* One that was added later brings as many as the first ones have at least. */
uint32_t
worker_threads(const struct prong_service *s, uint32_t share)
{
	uint64_t workers = (uint64_t)server_workers(s->server);
	uint64_t threads = (uint64_t)s->settings.threads;
	bool is_pool = dispatch_modes[s->settings.dispatch] == &dispatch_pool;

	if (threads == 0 && !is_pool)
		return UINT32_MAX;
	if (threads == 0)
		threads = WORKER_POOL_THREADS * (uint64_t)process_cpus();
	threads = threads / workers + (share < threads % workers);
	/* Every worker has clients that are to have a thread for a message. */
	if (threads == 0 && s->settings.pool_unit == POOL_MESSAGE)
		threads = 1;
	return (uint32_t)threads;
}

/* Its handler's own; before its init, which may count. */
static int
worker_join_counters(struct prong_service *s)
{
	const struct worker_start *start = worker.start;

	if (s->tally == NULL || scoreboard_tally(start->scoreboard,
	    start->slot, s->index, s->handler->counters, s->tally,
	    WORKER_CLAIM_MS) == 0)
		return 0;
	worker.hopeless = errno == ENOSPC;
	return -1;
}

/* place: in the list of the server's, by which they are taken down again. */
static int
worker_start_service(struct prong_service *s, size_t place)
{
	const struct worker_start *start = worker.start;
	const struct dispatch_mode *mode =
	    dispatch_modes[s->settings.dispatch];

	s->net = worker.net;
	s->home = s;
	s->read_size = (size_t)s->settings.read_size;
	s->threads = worker_threads(s, start->share);
	s->row = scoreboard_row(start->scoreboard, start->slot, s->index);
	s->counters = s->row;
	s->shown = scoreboard_threads(start->scoreboard, start->slot, s->index);
	s->drain.cut = worker_cut;
	if (server_attach(s) == -1)
		return worker_despair();
	if (worker_join_counters(s) == -1)
		return -1;
	mode->bind(s);
	if (s->handler->init != NULL && s->handler->init(s) == -1)
		return worker_despair();
	worker.services_up = place + 1;
	return 0;
}

/* Its threads, which are what the process is from now on. */
static int
worker_start_mode(struct prong_service *s)
{
	const struct dispatch_mode *mode =
	    dispatch_modes[s->settings.dispatch];

	if (mode->start != NULL && mode->start(s) == -1)
		return -1;
	worker.has_crews |= s->crew != NULL;
	return 0;
}

/*
 * When handlers have opened what they need, and before there is anything of a
 * client, or a thread of ours, which files would not be kept from.
 */
static int
worker_confine(void)
{
	const struct worker_start *start = worker.start;

	/* A process that is the program's own stays as it is. */
	if (start->loop != NULL || confine_worker(start->server, start->forks,
	    &worker.sandbox) == 0)
		return 0;
	if (confine_is_required(start->server)) {
		worker.hopeless = true;
		return -1;
	}
	log_warning("%s: serves in a part of the sandbox: %s", start->name,
	    error_text());
	return 0;
}

/* --- of a pool ------------------------------------------------------------ */

static bool
worker_has_jobs(const struct prong_service *s)
{
	return s->handler != NULL && s->handler->jobs != NULL;
}

/* The handler that has a job is as ready as in a worker, but serves nobody. */
static int
worker_start_jobs(struct prong_service *s)
{
	const struct worker_start *start = worker.start;

	s->net = worker.net;
	s->home = s;
	s->row = scoreboard_row(start->scoreboard, start->slot, s->index);
	s->counters = s->row;
	if (server_attach(s) == -1)
		return worker_despair();
	if (!worker_has_jobs(s))
		return 0;
	if (worker_join_counters(s) == -1)
		return -1;
	if (s->handler->init != NULL && s->handler->init(s) == -1)
		return worker_despair();
	return 0;
}

static struct prong_service *
worker_find_jobs(uint32_t service)
{
	struct prong_service *s = server_by_row(worker.start->server, service);

	return s != NULL && worker_has_jobs(s) ? s : NULL;
}

static int
worker_init_pool(void)
{
	struct prong_server *server = worker.start->server;
	size_t i;

	for (i = 0; i < server->service_count; i++) {
		if (worker_start_jobs(server->services[i]) == -1)
			return error_prefix("service \"%s\"",
			    server->services[i]->name);
		worker.services_up = i + 1;
	}
	if (worker_confine() == -1)
		return -1;
	return runner_open(worker.start->pool, worker.loop,
	    worker.start->slot, pools_bell(server, worker.start->slot),
	    &worker.slot->last_beat, worker_find_jobs);
}

/* --- either --------------------------------------------------------------- */

int
worker_init_services(void)
{
	struct prong_server *server = worker.start->server;
	size_t i;

	if (worker.start->pool != NULL)
		return worker_init_pool();

	for (i = 0; i < server->service_count; i++)
		if (worker.start->serves(server->services[i]) &&
		    worker_start_service(server->services[i], i) == -1)
			return error_prefix("service \"%s\"",
			    server->services[i]->name);
	if (worker_confine() == -1)
		return -1;
	for (i = 0; i < server->service_count; i++)
		if (worker.start->serves(server->services[i]) &&
		    worker_start_mode(server->services[i]) == -1)
			return error_prefix("service \"%s\"",
			    server->services[i]->name);
	return 0;
}

static bool
worker_is_up(const struct prong_service *s)
{
	return worker.start->pool != NULL ? worker_has_jobs(s) :
	    worker.start->serves(s);
}

void
worker_fini_services(void)
{
	struct prong_service *s;

	while (worker.services_up > 0) {
		s = worker.start->server->services[--worker.services_up];
		/* Abandoned threads still use what it would release. */
		if (worker_is_up(s) && s->crew == NULL &&
		    s->handler->exit != NULL)
			s->handler->exit(s);
	}
}
