/* SPDX-License-Identifier: ISC */
/*
 * What a worker says of its connections: lines of the log, of the access log,
 * and of who holds up its loop.
 */
#include <pthread.h>
#include <string.h>

#include "base/address.h"
#include "base/log.h"
#include "base/process.h"
#include "base/sample.h"
#include "base/units.h"
#include "loop/task.h"
#include "net/conn.h"
#include "server/crash.h"
#include "server/worker_state.h"

/* Lines about single connections that a worker logs in a second at most. */
#define WORKER_REPORTS		20

/*
 * A hostile client can cause many lines: only so many a second are written, by
 * the process and its children together.
 */
static bool
worker_may_report(void)
{
	struct slot *s = worker.slot;
	/* Not by the loop's clock: a thread reports too. */
	uint64_t second = process_milliseconds() / 1000, left;
	uint64_t last = __atomic_load_n(&s->report_second, __ATOMIC_RELAXED);

	if (last != second && __atomic_compare_exchange_n(&s->report_second,
	    &last, second, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED)) {
		left = __atomic_exchange_n(&s->reports, 0, __ATOMIC_RELAXED);
		if (left > WORKER_REPORTS)
			log_warning("%llu more line%s like this %s left out",
			    (unsigned long long)(left - WORKER_REPORTS),
			    left - WORKER_REPORTS == 1 ? "" : "s",
			    left - WORKER_REPORTS == 1 ? "was" : "were");
	}
	return __atomic_add_fetch(&s->reports, 1, __ATOMIC_RELAXED) <=
	    WORKER_REPORTS;
}

static void
worker_report_one(enum prong_level level, const struct prong_conn *c,
    const char *text)
{
	char peer[ADDRESS_MAX];

	/* What is not written takes nobody's place. */
	if (level > log_level() || !worker_may_report())
		return;
	if (c == NULL)
		log_write(level, "%s: %s", worker.start->name, text);
	else if (c->service->net->lane != NULL &&
	    c->service->net->lane[0] != '\0')
		log_write(level, "service=%s peer=%s thread=%s: %s",
		    c->service->name, prong_peer(c, peer, sizeof(peer)),
		    c->service->net->lane, text);
	else
		log_write(level, "service=%s peer=%s: %s", c->service->name,
		    prong_peer(c, peer, sizeof(peer)), text);
}

/* Threads report too, under the name that ps(1) shows. */
void
worker_report(enum prong_level level, const struct prong_conn *c,
    const char *text)
{
	static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

	pthread_mutex_lock(&lock);
	worker_report_one(level, c, text);
	pthread_mutex_unlock(&lock);
}

static const char *
worker_outcome(enum counter how)
{
	const char *name = counter_table[how].name;

	return strchr(name, '_') + 1;
}

/* Those that were served, and those that were not: a flood of the latter. */
static struct sample worker_samples[2];

/*
 * What the line of this one stands for; 0: it gets none.  An error concerns
 * one client, who may ask about it, so each is there.
 */
static unsigned int
worker_sample(enum counter how)
{
	struct sample *s = &worker_samples[COUNTER_IS_CLOSED(how)];

	if (how == COUNTER_CLOSED_ERROR)
		return 1;
	return sample_takes(s) ? s->of : 0;
}

/* For the access log: one that has ended, or was refused. */
static void
worker_record(const struct prong_service *s, const struct conn_entry *e,
    enum counter how)
{
	unsigned int sample = worker_sample(how);
	bool closed = COUNTER_IS_CLOSED(how);
	char peer[ADDRESS_MAX];

	if (sample == 0)
		return;

	log_access(&(struct log_access){
		.service = s->name,
		.peer = conntable_peer(e, peer, sizeof(peer)),
		.id = e->id,
		.worker = worker.start->slot,
		.milliseconds = loop_now(worker.loop) - e->opened,
		.bytes_in = e->bytes_in,
		.bytes_out = e->bytes_out,
		.end = closed ? worker_outcome(how) : NULL,
		.refused = closed ? NULL : worker_outcome(how),
		.sample = worker_samples[0].of > 1 ? sample : 0,
	});
}

void
worker_record_sample(const struct server_settings *set)
{
	size_t i;

	if (!log_has_access())
		return;
	for (i = 0; i < 2; i++)
		sample_init(&worker_samples[i],
		    (uint32_t)set->log_access_sample);
	worker.net->record = worker_record;
}

/*
 * For whoever wants to know why a client was or was not let in, and for the
 * test that does the sums again.
 */
static void
worker_trace(const struct prong_service *s, const struct conn_entry *e,
    enum counter how, uint64_t now)
{
	struct conn_entry source = *e;
	char text[ADDRESS_MAX];

	/* Of an IPv6 address, the network; of none, the port. */
	memset(source.address + 8, 0, sizeof(source.address) - 8);
	source.port = 0;
	conntable_peer(&source, text, sizeof(text));
	log_debug("%s service=%s source=%s now=%llu verdict=%s",
	    COUNTER_IS_CLOSED(how) ? "released" : "admission", s->name, text,
	    (unsigned long long)now,
	    how == COUNTER_ACCEPTED ? "admitted" : worker_outcome(how));
}

/* How often a handler that holds up the loop is told of, for each service. */
#define WORKER_SLOW_TELL_MS	60000

static void
worker_blame(struct prong_service *s, const struct conn_entry *e, uint64_t ms)
{
	uint64_t now = *worker.net->now;
	char peer[ADDRESS_MAX];

	counter_add(s->home->row, COUNTER_SLOW_HANDLERS, 1);
	if (s->slow_told != 0 && now - s->slow_told < WORKER_SLOW_TELL_MS)
		return;
	s->slow_told = now;
	log_warning("service=%s peer=%s: handler %s has held up the loop for "
	    "%llu ms, and every other connection of %s with it; thread, "
	    "pool or fork may be better for it", s->name,
	    conntable_peer(e, peer, sizeof(peer)), s->handler->name,
	    (unsigned long long)ms, worker.start->name);
}

/* An event of a connection, or of a watch, which is nobody's. */
static void
worker_slow(struct watch *w, int fd, uint64_t ms, uint64_t then)
{
	const struct net *net = worker.net;
	const struct prong_conn *c = w == NULL ? NULL : conn_of_watch(w);

	/* What a task has dialed only woke it. */
	if (c != NULL && !c->is_held)
		worker_blame(c->service, c->entry, ms);
	/* It may have closed the connection over it. */
	else if (w == NULL && net->ended.fd == fd && net->ended.ms == then)
		worker_blame(net->ended.service, &net->ended.entry, ms);
}

/* A task that went on from waiting for something else. */
static void
worker_slow_task(void *owner, uint64_t ms)
{
	const struct prong_conn *c = owner;

	/* One that has ended is there until the turn is over. */
	if (c != NULL)
		worker_blame(c->service, c->entry, ms);
}

void
worker_watch_slow(const struct server_settings *set)
{
	uint64_t ms = (uint64_t)units_milliseconds(set->slow_handler);

	worker.net->ended.fd = -1;
	if (ms == 0)
		return;
	loop_on_slow(worker.loop, ms, worker_slow);
	tasks_on_slow(tasks_here(), ms, worker_slow_task);
}

void
worker_cut(struct prong_service *s, uint32_t connections)
{
	struct slot_threads *t = s->shown;

	__atomic_store_n(&t->cut, t->cut + connections, __ATOMIC_RELAXED);
	log_warning("%s: service=%s: drain-timeout is over: closing %u "
	    "connection%s", worker.start->name, s->name, connections,
	    connections == 1 ? "" : "s");
}

void
worker_set_level(enum prong_level level)
{
	log_set_level(level);
	worker.net->trace = level == PRONG_DEBUG ? worker_trace : NULL;
}

void
worker_child_died(pid_t pid, bool told)
{
	/* Who it was has been left out, if there are so many. */
	crash_take_child(worker.start->report, pid, told &&
	    worker.slot->reports <= WORKER_REPORTS);
}
