/* SPDX-License-Identifier: ISC */
/*
 * A worker: claims its slot, starts its handlers, tells the master that it is
 * ready, and turns its loop until it is told to stop.
 */
#include "server/worker.h"

#include "config.h"

#include <sys/prctl.h>

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/compiler.h"
#include "base/error.h"
#include "base/log.h"
#include "base/process.h"
#include "base/rlimits.h"
#include "base/units.h"
#include "dispatch/crew.h"
#include "dispatch/dispatch.h"
#include "dispatch/fork.h"
#include "loop/loop.h"
#include "loop/signals.h"
#include "loop/task.h"
#include "net/conn.h"
#include "net/listener.h"
#include "net/net.h"
#include "net/post.h"
#include "server/channel.h"
#include "server/crash.h"
#include "server/watchdog.h"

/* How long to wait for a neighbour that holds the scoreboard's lock. */
#define WORKER_CLAIM_MS		10000
/* Threads of a pool for each CPU, where nothing else is said. */
#define WORKER_POOL_THREADS	5
/* Lines about single connections that a worker logs in a second at most. */
#define WORKER_REPORTS		20

/* One worker a process, so this is the process's own. */
static struct worker {
	const struct worker_start *start;
	struct loop *loop;
	struct net *net;
	struct tasks tasks;
	struct slot *slot;
	struct watch channel;
	struct timer beat;
	uint64_t beat_ms;
	uint64_t titled;	/* the load that the title shows */
	int reserve;		/* a descriptor, to be able to take another */
	bool draining;
	bool abandons;		/* threads are at work when it ends */
	bool hopeless;		/* it cannot serve as configured */
	size_t services_up;	/* whose init has run */
} worker;

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
static void
worker_report(enum prong_level level, const struct prong_conn *c,
    const char *text)
{
	static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

	pthread_mutex_lock(&lock);
	worker_report_one(level, c, text);
	pthread_mutex_unlock(&lock);
}

static void USUAL
worker_turn(void *arg)
{
	struct slot *s = worker.slot;

	__atomic_store_n(&s->last_beat, *worker.net->now, __ATOMIC_RELAXED);
	__atomic_store_n(&s->loops, s->loops + 1, __ATOMIC_RELAXED);
	__atomic_store_n(&s->serving, SLOT_NONE, __ATOMIC_RELAXED);
	net_end_turn(worker.net);
	/* A handler that fails without saying why must not be given a reason
	 * of another's. */
	error_clear();
}

/* Role, slot and load, for ps(1). */
static void
worker_title(void)
{
	worker.titled = worker.slot->live;
	process_title("%s%s (%llu)", worker.start->name,
	    worker.draining ? " draining" : "",
	    (unsigned long long)worker.titled);
}

/* Turning is the beat; this makes an idle worker turn. */
static void
worker_beat(struct timer *t)
{
	if (worker.slot->live != worker.titled)
		worker_title();
	loop_timer(worker.loop, t, worker.beat_ms);
}

static void
worker_tell(enum channel_kind kind, uint32_t key, uint64_t number)
{
	const struct channel_message m = {
		.kind = kind, .key = key, .number = number
	};

	if (worker.start->loop != NULL)
		return;
	/* It has room for many; and if not, it is told at another time. */
	channel_send(worker.start->channel, &m, -1);
}

static void
worker_full(bool full)
{
	worker_tell(CHANNEL_FULL, full, 0);
}

static const char *
worker_outcome(enum counter how)
{
	const char *name = counter_table[how].name;

	return strchr(name, '_') + 1;
}

/* For the access log: one that has ended, or was refused. */
static void
worker_record(const struct prong_service *s, const struct conn_entry *e,
    enum counter how)
{
	bool closed = COUNTER_IS_CLOSED(how);
	char peer[ADDRESS_MAX];

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
	});
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

	counter_add(s->home->counters, COUNTER_SLOW_HANDLERS, 1);
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

static void
worker_watch_slow(const struct server_settings *set)
{
	uint64_t ms = (uint64_t)units_milliseconds(set->slow_handler);

	worker.net->ended.fd = -1;
	if (ms == 0)
		return;
	loop_on_slow(worker.loop, ms, worker_slow);
	tasks_on_slow(tasks_here(), ms, worker_slow_task);
}

static void
worker_set_level(enum prong_level level)
{
	log_set_level(level);
	worker.net->trace = level == PRONG_DEBUG ? worker_trace : NULL;
}

/* Of the connections that it finds, the one with this number. */
static void
worker_close_one(struct watch *w, void *arg)
{
	struct prong_conn *c = conn_of_watch(w);
	const uint64_t *id = arg;

	if (c == NULL || (c->flags & CONN_DIALED) != 0 || c->entry->id != *id)
		return;
	/* Whoever asks again does not want to wait for a slow reader. */
	if ((c->flags & CONN_CLOSING) != 0)
		conn_end(c, COUNTER_CLOSED_SERVER);
	else
		conn_close(c, COUNTER_CLOSED_SERVER);
}

static void
worker_drained(void *arg)
{
	loop_stop(worker.loop);
}

void
worker_drain(void)
{
	worker.draining = true;
	net_drain(worker.net, worker.start->drained != NULL ?
	    worker.start->drained : worker_drained, NULL);
	dispatch_drain();
}

static void
worker_take_socket(const struct channel_message *m, int fd)
{
	struct prong_server *server = worker.start->server;

	if (m->service >= server->service_count)
		return;
	if (fd == -1) {
		/* It comes again when the shortage is over. */
		log_warning("%s: no descriptor left for a listening "
		    "socket", worker.start->name);
		worker_full(true);
		return;
	}
	if (listener_add(server->services[m->service], m->key, m->shared != 0,
	    fd) == -1)
		log_error("%s: %s", worker.start->name, error_text());
}

/* One who is dead has left it: more threads, at once. */
static void
worker_set_share(uint32_t share)
{
	struct prong_server *server = worker.start->server;
	struct prong_service *s;
	size_t i;

	for (i = 0; i < server->service_count; i++) {
		s = server->services[i];
		if (s->crew == NULL)
			continue;
		s->threads = worker_threads(s, share);
		crew_resize(s);
	}
}

static void
worker_log(uint32_t stream, int fd)
{
	if (fd != -1 && stream < LOG_STREAMS)
		log_set_descriptor((enum log_stream)stream, fd);
}

static void
worker_add_mailbox(uint32_t slot, int fd)
{
	if (fd != -1)
		post_add(slot, fd);
	else
		log_warning("%s: no descriptor left for a mailbox",
		    worker.start->name);
}

static void
worker_obey(const struct channel_message *m, int fd)
{
	uint64_t id = m->id;

	switch (m->kind) {
	case CHANNEL_ACCEPT:
		worker_take_socket(m, fd);
		break;
	case CHANNEL_RELEASE:
		listener_del(worker.net, m->key);
		break;
	case CHANNEL_CLOSE:
		loop_each(worker.loop, worker_close_one, &id);
		dispatch_close(id);
		break;
	case CHANNEL_DRAIN:
		worker_drain();
		worker_title();
		break;
	case CHANNEL_STOP:
		loop_stop(worker.loop);
		break;
	case CHANNEL_LEVEL:
		worker_set_level((enum prong_level)m->key);
		break;
	case CHANNEL_LOG:
		worker_log(m->key, fd);
		break;
	case CHANNEL_MAILBOX:
		worker_add_mailbox(m->key, fd);
		break;
	case CHANNEL_SHARE:
		worker_set_share(m->key);
		break;
	}
	if (m->number != 0)
		worker_tell(CHANNEL_DONE, 0, m->number);
}

static void
worker_channel_event(struct watch *w, unsigned int events)
{
	struct channel_message m;
	int fd, r;

	/* Without a descriptor left, one that comes here would be lost. */
	if (worker.reserve != -1)
		close(worker.reserve);
	worker.reserve = -1;
	while ((r = channel_receive(w->fd, &m, &fd)) == 1)
		worker_obey(&m, fd);
	worker.reserve = fcntl(w->fd, F_DUPFD_CLOEXEC, 0);
	/* The master has gone; the kernel is about to tell us with SIGKILL. */
	if (r == -1)
		loop_stop(worker.loop);
}

/* Everything that the master had open and a worker has no business with. */
static int
worker_close_others(void)
{
	const struct worker_start *start = worker.start;
	const int own[] = {
		start->channel,
		start->report,
		start->scoreboard->connections.fd,
		log_descriptor(LOG_MAIN),
		log_descriptor(LOG_ACCESS),
		start->mailboxes[start->slot].out,
	};
	size_t count = sizeof(own) / sizeof(own[0]);
	uint32_t i;
	int *keep;

	keep = calloc(count + start->scoreboard->slots, sizeof(*keep));
	if (keep == NULL)
		return error_errno("descriptors");
	memcpy(keep, own, sizeof(own));
	for (i = 0; i < start->scoreboard->slots; i++)
		keep[count++] = start->mailboxes[i].in;
	process_close_others(keep, count);
	free(keep);
	return 0;
}

static void
worker_set_signals(void)
{
	/*
	 * A terminal sends these to the whole group, and so do service
	 * managers: the master decides.
	 */
	static const int ignored[] = { SIGPIPE, SIGXFSZ, SIGTERM, SIGINT, SIGQUIT,
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

static int
worker_start_service(struct prong_service *s)
{
	const struct worker_start *start = worker.start;
	const struct dispatch_mode *mode =
	    dispatch_modes[s->settings.dispatch];

	s->net = worker.net;
	s->home = s;
	s->read_size = (size_t)s->settings.read_size;
	s->threads = worker_threads(s, start->share);
	s->counters = scoreboard_row(start->scoreboard, start->slot, s->index);
	s->shown = scoreboard_threads(start->scoreboard, start->slot, s->index);
	if (server_attach(s) == -1) {
		worker.hopeless = true;
		return -1;
	}
	if (worker_join_counters(s) == -1)
		return -1;
	mode->bind(s);
	if (s->handler->init != NULL && s->handler->init(s) == -1) {
		worker.hopeless = true;
		return -1;
	}
	worker.services_up = s->index + 1;
	return mode->start == NULL ? 0 : mode->start(s);
}

static int
worker_init_services(void)
{
	struct prong_server *server = worker.start->server;
	size_t i;

	for (i = 0; i < server->service_count; i++)
		if (worker.start->serves(server->services[i]) &&
		    worker_start_service(server->services[i]) == -1)
			return error_prefix("service \"%s\"",
			    server->services[i]->name);
	return 0;
}

/* Its way to the master, and its beat. */
static int
worker_init_channel(void)
{
	worker.reserve = fcntl(worker.start->channel, F_DUPFD_CLOEXEC, 0);
	worker.channel = (struct watch){ worker_channel_event,
	    worker.start->channel, PRONG_READ };
	if (loop_add(worker.loop, &worker.channel) == -1)
		return -1;
	worker.beat.fn = worker_beat;
	worker.beat_ms = watchdog_beat(&worker.start->server->settings);
	return loop_timer(worker.loop, &worker.beat, worker.beat_ms);
}

static int
worker_init_loop(void)
{
	const struct server_settings *set = &worker.start->server->settings;

	worker.loop = loop_new((enum loop_mechanism)set->events,
	    set->busy_poll);
	if (worker.loop == NULL)
		return -1;
	tasks_init(&worker.tasks, worker.loop, 0);
	tasks_set_here(&worker.tasks);
	return 0;
}

static int
worker_init_net(void)
{
	const struct server_settings *set = &worker.start->server->settings;

	worker.net = net_new(worker.loop,
	    worker_read_size(worker.start->server), worker_report);
	if (worker.net == NULL)
		return -1;
	net_set_here(worker.net);
	worker.net->live = &worker.slot->live;
	worker.net->serving_entry = &worker.slot->serving;
	worker.net->memory_max = (size_t)set->worker_memory;
	worker.net->full = worker_full;
	if (log_has_access())
		worker.net->record = worker_record;
	worker_set_level(log_level());
	loop_on_turn(worker.loop, worker_turn, NULL);
	worker_watch_slow(set);
	return 0;
}

static int
worker_drop_privileges(void)
{
	const struct server_settings *set = &worker.start->server->settings;

	const struct rlimits limits = { set->rlimit_nofile, set->rlimit_core,
	    set->rlimit_as };

	if (rlimits_apply(&limits) == -1 ||
	    privilege_drop(worker.start->privilege, set->chroot) == -1) {
		worker.hopeless = true;
		return -1;
	}
	/* A change of user has made it impossible; leaks are found so, too. */
#ifdef PRONG_SANITIZED
	prctl(PR_SET_DUMPABLE, 1);
#else
	if (rlimits_wants_core(set->rlimit_core))
		prctl(PR_SET_DUMPABLE, 1);
#endif
	return 0;
}

/* In a child of the forker: its connection is all that it has of ours. */
static void
worker_forked(void)
{
	close(worker.start->channel);
	close(worker.start->scoreboard->connections.fd);
	if (worker.reserve != -1)
		close(worker.reserve);
	listener_forget_all(worker.net);
	loop_forget(worker.loop);
}

static void
worker_child_died(pid_t pid, bool told)
{
	/* Who it was has been left out, if there are so many. */
	crash_take_child(worker.start->report, pid, told &&
	    worker.slot->reports <= WORKER_REPORTS);
}

static int
worker_init(void)
{
	const struct worker_start *start = worker.start;
	struct conntable table;

	worker_set_signals();
	process_title("%s", start->name);
	log_after_fork();
	if (worker_close_others() == -1)
		return -1;
	/* In a chroot there is no way to it. */
	log_connect();
	crash_report_to(start->report);
	if (worker_drop_privileges() == -1)
		return -1;
	/* Not earlier: a change of user takes the request back. */
	if (process_die_with_parent(start->master) == -1)
		return error_errno("the master has gone");
	process_raise_descriptors();
	if (scoreboard_claim(start->scoreboard, start->slot, WORKER_CLAIM_MS,
	    &table) == -1)
		return -1;
	worker.slot = scoreboard_slot(start->scoreboard, start->slot);
	crash_serving(&worker.slot->serving);
	forks_on_fork(worker_forked);
	forks_on_death(worker_child_died);
	if (worker_init_loop() == -1 || worker_init_net() == -1 ||
	    worker_init_channel() == -1)
		return -1;
	worker.net->table = table;
	if (post_open(worker.net, start->scoreboard, start->mailboxes) == -1)
		return -1;
	worker_title();
	return worker_init_services();
}

static void
worker_fini_services(void)
{
	struct prong_service *s;

	while (worker.services_up > 0) {
		s = worker.start->server->services[--worker.services_up];
		/* Abandoned threads still use what it would release. */
		if (worker.start->serves(s) && s->crew == NULL &&
		    s->handler->exit != NULL)
			s->handler->exit(s);
	}
}

static void
worker_fini(void)
{
	worker.abandons = !dispatch_stop();
	if (worker.net != NULL) {
		net_close_all(worker.net);
		tasks_end(&worker.tasks);
		loop_end_deferred(worker.loop);
	}
	/* What was said at the end goes out, too. */
	post_close();
	net_free(worker.net);
	worker_fini_services();
	if (worker.loop != NULL)
		loop_timer_stop(worker.loop, &worker.beat);
	tasks_fini(&worker.tasks);
	loop_free(worker.loop);
}

/* A sanitizer looks for leaks when a process ends by exit(3). */
static void __attribute__((noreturn))
worker_leave(int status)
{
#ifdef PRONG_SANITIZED
	if (!worker.abandons)
		exit(status);
#endif
	_exit(status);
}

void
worker_main(const struct worker_start *start)
{
	struct channel_message ready = { .kind = CHANNEL_READY };
	int status = 1;

	worker = (struct worker){ .start = start };
	if (worker_init() == -1 ||
	    channel_send(start->channel, &ready, -1) == -1)
		log_error("%s: %s", start->name, error_text());
	else if (loop_run(worker.loop) == -1)
		log_error("%s: %s", start->name, error_text());
	else
		status = 0;
	if (worker.hopeless)
		status = WORKER_HOPELESS;
	worker_fini();
	worker_leave(status);
}

/* --- without a process of its own ----------------------------------------- */

int
worker_begin(const struct worker_start *start)
{
	struct conntable table;

	worker = (struct worker){ .start = start, .loop = start->loop,
	    .reserve = -1 };
	if (scoreboard_claim(start->scoreboard, start->slot, WORKER_CLAIM_MS,
	    &table) == -1)
		return -1;
	worker.slot = scoreboard_slot(start->scoreboard, start->slot);
	if (worker_init_net() == -1)
		return -1;
	worker.net->table = table;
	if (post_open(worker.net, start->scoreboard, NULL) == -1)
		return -1;
	return worker_init_services();
}

int
worker_accept(uint32_t service, uint32_t key, int fd)
{
	return listener_add(worker.start->server->services[service], key,
	    false, fd);
}

void
worker_end(void)
{
	if (worker.net != NULL)
		net_close_all(worker.net);
	loop_end_deferred(worker.loop);
	post_close();
	net_free(worker.net);
	worker_fini_services();
	loop_begin_deferred(worker.loop);
	loop_on_turn(worker.loop, NULL, NULL);
	loop_on_slow(worker.loop, UINT64_MAX, NULL);
	tasks_on_slow(tasks_here(), UINT64_MAX, NULL);
	worker = (struct worker){ .start = NULL };
}
