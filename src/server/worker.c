/* SPDX-License-Identifier: ISC */
/*
 * A worker: claims its slot, starts what it serves, tells the master that it is
 * ready, and turns its loop until it is told to stop.
 */
#include "server/worker.h"

#include "config.h"

#include <sys/prctl.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/compiler.h"
#include "base/error.h"
#include "base/log.h"
#include "base/process.h"
#include "base/rlimits.h"
#include "dispatch/crew.h"
#include "dispatch/dispatch.h"
#include "dispatch/fork.h"
#include "loop/loop.h"
#include "loop/signals.h"
#include "loop/task.h"
#include "net/listener.h"
#include "net/net.h"
#include "net/post.h"
#include "server/channel.h"
#include "server/crash.h"
#include "server/draining.h"
#include "server/watchdog.h"
#include "server/worker_state.h"
#include "task/caller.h"
#include "task/runner.h"

struct worker worker;

static void USUAL
worker_turn(void *arg)
{
	struct slot *s = worker.slot;

	__atomic_store_n(&s->loops, s->loops + 1, __ATOMIC_RELAXED);
	__atomic_store_n(&s->serving, SLOT_NONE, __ATOMIC_RELAXED);
	net_end_turn(worker.net);
	if (worker.has_crews)
		crews_turn();
	/* A handler that fails without saying why must not be given a reason
	 * of another's. */
	error_clear();
}

/* Role, slot and load, for ps(1). */
void
worker_title(void)
{
	worker.titled = worker.slot->live;
	if (worker.start->pool != NULL)
		process_title("%s", worker.start->name);
	else
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
	worker_full_again();
	/* Should one have been stopped who was about to ring a bell. */
	callers_look();
	runner_look();
	loop_timer(worker.loop, t, worker.beat_ms);
}

/* Connections have ended, but their handlers may have begun tasks. */
static void
worker_drained(void *arg)
{
	if (!callers_are_busy(worker_drained))
		loop_stop(worker.loop);
}

static bool
worker_has_up(const struct prong_service *s)
{
	return worker.start->pool == NULL && worker.start->serves(s) &&
	    s->net != NULL;
}

void
worker_drain(bool unlimited)
{
	struct prong_server *server = worker.start->server;
	struct prong_service *s;
	size_t i;

	worker.draining = true;
	net_drain(worker.net, worker.start->drained != NULL ?
	    worker.start->drained : worker_drained, NULL);
	for (i = 0; i < server->service_count; i++) {
		s = server->services[i];
		if (worker_has_up(s))
			drain_begin(s, unlimited ? 0 : draining_limit(s));
	}
}

void
worker_empty(uint32_t service, bool begin)
{
	struct prong_service *s = server_by_row(worker.start->server, service);

	if (s == NULL || !worker_has_up(s))
		return;
	if (begin)
		drain_begin(s, draining_limit(s));
	else if (!worker.draining)
		drain_end(s);
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
	const struct prong_server *server = start->server;
	size_t count = sizeof(own) / sizeof(own[0]);
	uint32_t i;
	int *keep;

	keep = calloc(count + start->scoreboard->slots +
	    objects_descriptors(server, NULL), sizeof(*keep));
	if (keep == NULL)
		return error_errno("descriptors");
	memcpy(keep, own, sizeof(own));
	for (i = 0; i < start->scoreboard->slots; i++)
		keep[count++] = start->mailboxes[i].in;
	count += objects_descriptors(server, keep + count);
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

/* --- its life ------------------------------------------------------------- */

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
	worker_record_sample(set);
	worker_set_level(log_level());
	loop_on_turn(worker.loop, worker_turn, NULL);
	loop_show_beat(worker.loop, &worker.slot->last_beat);
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
	    privilege_drop(worker.start->privilege, set->chroot) == -1)
		return worker_despair();
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
	callers_forked();
	close(worker.start->channel);
	close(worker.start->scoreboard->connections.fd);
	if (worker.reserve != -1)
		close(worker.reserve);
	listener_forget_all(worker.net);
	loop_forget(worker.loop);
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
	pools_bury(start->server, start->slot, &start->predecessor);
	worker.slot = scoreboard_slot(start->scoreboard, start->slot);
	crash_serving(&worker.slot->serving);
	forks_on_fork(worker_forked);
	forks_on_death(worker_child_died);
	if (worker_init_loop() == -1 || worker_init_net() == -1 ||
	    worker_init_channel() == -1 || callers_open(worker.loop,
	    start->slot, start->pool != NULL ? -1 :
	    pools_bell(start->server, start->slot)) == -1)
		return -1;
	worker.net->table = table;
	if (post_open(worker.net, start->scoreboard, start->mailboxes) == -1)
		return -1;
	worker_title();
	return worker_init_services();
}

static void
worker_fini(void)
{
	worker.abandons = !dispatch_stop();
	runner_close();
	if (worker.net != NULL) {
		net_close_all(worker.net);
		tasks_end(&worker.tasks);
		callers_end();
		loop_end_deferred(worker.loop);
	}
	/* What was said at the end goes out, too. */
	post_close();
	net_free(worker.net);
	worker_fini_services();
	callers_close();
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
	server_set_log_name(start->name);
	if (worker_init() == -1)
		log_error("%s: %s", start->name, error_text());
	else if (ready.key = worker.sandbox,
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
	return listener_add(server_by_row(worker.start->server, service), key,
	    false, fd);
}

/* The loop goes on without them. */
static void
worker_stop_drains(void)
{
	const struct prong_server *server = worker.start->server;
	size_t i;

	for (i = 0; i < server->service_count; i++)
		loop_timer_stop(worker.loop,
		    &server->services[i]->drain.timer);
}

void
worker_end(void)
{
	worker_stop_drains();
	if (worker.net != NULL)
		net_close_all(worker.net);
	loop_end_deferred(worker.loop);
	post_close();
	net_free(worker.net);
	worker_fini_services();
	callers_close();
	loop_begin_deferred(worker.loop);
	loop_on_turn(worker.loop, NULL, NULL);
	loop_show_beat(worker.loop, NULL);
	loop_on_slow(worker.loop, UINT64_MAX, NULL);
	tasks_on_slow(tasks_here(), UINT64_MAX, NULL);
	worker = (struct worker){ .start = NULL };
}
