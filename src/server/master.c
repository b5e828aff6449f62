/* SPDX-License-Identifier: ISC */
/*
 * The master's run: from the sockets to the last worker's end.
 */
#include "server/master.h"

#include <sys/prctl.h>
#include <sys/stat.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/log.h"
#include "base/oom.h"
#include "base/pidlock.h"
#include "base/process.h"
#include "base/units.h"
#include "server/announce.h"
#include "server/clerk.h"
#include "server/control.h"
#include "server/former.h"
#include "server/jsonmem.h"
#include "server/prepare.h"
#include "server/reading.h"
#include "server/reaper.h"
#include "server/reload.h"
#include "server/saving.h"
#include "server/takeover.h"
#include "server/upgrade.h"
#include "server/watchdog.h"

/* A former master that is to end at once may be silent as long as it kills. */
#define MASTER_SILENCE_MS	(2 * GENERATION_STOP_MS)

/* Two for each slot, and more than all others there are. */
#define MASTER_TIMERS(slots)	(2 * (slots) + 256)

const char *
master_state_name(enum master_state state)
{
	static const char *const names[] = {
		[MASTER_STARTING] = "starting",
		[MASTER_RUNNING] = "running",
		[MASTER_DRAINING] = "draining",
		[MASTER_STOPPING] = "stopping",
	};

	return names[state];
}

static bool
master_has_processes(const struct master *m)
{
	uint32_t i;

	for (i = 0; i < m->slots; i++)
		if (m->processes[i].pid != 0)
			return true;
	return false;
}

void
master_finish(struct master *m)
{
	/* Who drains before this one may change what is to be saved. */
	if (m->state < MASTER_DRAINING || master_has_processes(m) ||
	    takeover_is_waited_for(m) || saving_finish(m) ||
	    upgrade_finish(m))
		return;
	loop_stop(m->loop);
}

/* The slots of one that is gone are anybody's. */
static void
master_forget(struct master *m, struct generation *g)
{
	uint32_t i;

	for (i = 0; i < m->slots; i++)
		if (m->processes[i].generation == g)
			m->processes[i].generation = NULL;
	generation_free(g);
}

void
master_generation_gone(struct master *m, struct generation *g)
{
	struct generation *other;

	if (m->state >= MASTER_DRAINING) {
		master_finish(m);
		return;
	}
	log_info("generation %u has ended", g->number);
	/* Older ones may go on for long, and start processes that use them. */
	for (other = m->generations; other != NULL; other = other->before)
		if (other != g)
			objects_pass_on(g->server, other->server);
	saving_drop(m, g->server);
	master_forget(m, g);
}

void
master_stop(struct master *m)
{
	struct generation *g, *before;

	if (m->state == MASTER_STOPPING)
		return;
	m->state = MASTER_STOPPING;
	reload_cancel(m);
	upgrade_cancel(m);
	takeover_stop(m, true);
	takeover_limit(m, MASTER_SILENCE_MS);
	announce_stopping();
	for (g = m->generations; g != NULL; g = before) {
		before = g->before;
		generation_end(g);
	}
	master_finish(m);
}

void
master_drain(struct master *m, bool unlimited)
{
	struct generation *g;

	if (m->state >= MASTER_DRAINING)
		return;
	m->state = MASTER_DRAINING;
	log_info("draining");
	for (g = m->generations; g != NULL; g = g->before)
		if (g->state < GENERATION_DRAINING)
			g->unlimited = unlimited;
	reload_cancel(m);
	upgrade_cancel(m);
	takeover_limit(m, unlimited ? 0 : draining_longest(m->server));
	announce_status("draining: waiting for connections to end");
	announce_stopping();
	for (g = m->generations; g != NULL; g = g->before) {
		generation_drain(g);
		/* Who comes now is refused at once, and not left waiting. */
		listening_close(&g->listening, true);
	}
	master_finish(m);
}

void
master_blame(struct master *m, const char *why)
{
	if (m->result == 0) {
		m->error = errno;
		strlcpy(m->why, why, sizeof(m->why));
	}
	m->result = -1;
}

void
master_fail(struct master *m, const char *why)
{
	master_blame(m, why);
	master_stop(m);
}

void
master_ask_all(struct master *m, struct channel_message *message, int fd)
{
	uint32_t i;

	message->number = ++m->number;
	for (i = 0; i < m->slots; i++)
		if (m->processes[i].pid != 0)
			process_tell(&m->processes[i], message, fd);
}

bool
master_is_answered(const struct master *m, uint64_t number)
{
	const struct process *p;
	uint32_t i;

	for (i = 0; i < m->slots; i++) {
		p = &m->processes[i];
		if ((p->state == PROCESS_READY ||
		    p->state == PROCESS_DRAINING) && p->asked >= number &&
		    p->answered < number && !p->late && !p->stuck)
			return false;
	}
	return true;
}

int
master_reopen_logs(struct master *m)
{
	struct channel_message message = { .kind = CHANNEL_LOG };
	int stream, fd, result = 0;

	jsonmem_begin();
	former_ask(m, json_pack("{s:s}", "command", "reopen"));
	if (log_reopen() == -1) {
		result = -1;
		log_error("%s; going on with the old one", error_text());
	}
	for (stream = 0; stream < LOG_STREAMS; stream++) {
		fd = log_descriptor((enum log_stream)stream);
		message.key = (uint32_t)stream;
		if (fd != -1)
			master_ask_all(m, &message, fd);
	}
	if (result == 0)
		log_info("logs reopened");
	return result;
}

static void
master_scale(struct master *m, int change)
{
	if (m->state != MASTER_RUNNING)
		return;
	if (supervise_scale(m, change) == -1)
		log_warning("%s", error_text());
	else
		log_info("workers=%u", m->current->workers);
}

void
master_announce(const struct master *m)
{
	announce_status("serving: workers %u, services %zu",
	    m->current->workers, m->server->service_count);
}

void
master_is_ready(struct master *m)
{
	struct generation *g = m->current;

	m->state = MASTER_RUNNING;
	generation_succeed(g);
	log_info("ready workers=%u services=%zu", g->workers,
	    g->server->service_count);
	if (!takeover_ready(m))
		master_serves(m);
}

void
master_serves(struct master *m)
{
	master_announce(m);
	announce_ready();
	saving_follow(m);
	if (m->ready != NULL)
		m->ready(m->ready_arg);
}

static void
master_signal(int signo, void *arg)
{
	struct master *m = arg;

	switch (signo) {
	case SIGCHLD:
		reaper_signalled(m);
		break;
	case SIGTERM:
		if (m->state >= MASTER_DRAINING)
			master_stop(m);
		else
			master_drain(m, false);
		break;
	case SIGQUIT:
		master_drain(m, true);
		break;
	case SIGINT:
		log_info("stopping");
		master_stop(m);
		break;
	case SIGUSR1:
		master_reopen_logs(m);
		break;
	case SIGTTIN:
		master_scale(m, 1);
		break;
	case SIGTTOU:
		master_scale(m, -1);
		break;
	case SIGHUP:
		if (reload_ask(m) == 0)
			log_warning("SIGHUP: no reload: %s", error_text());
		break;
	case SIGUSR2:
		if (upgrade_ask(m) == 0)
			log_warning("SIGUSR2: no upgrade: %s", error_text());
		break;
	}
}

static int
master_open_processes(struct master *m)
{
	uint32_t i;

	m->slots = (uint32_t)m->server->settings.max_processes;
	if (rows_open(&m->rows,
	    (uint32_t)m->server->settings.max_services) == -1)
		return -1;
	m->processes = calloc(m->slots, sizeof(*m->processes));
	if (m->processes == NULL)
		return error_errno("processes");
	for (i = 0; i < m->slots; i++) {
		m->processes[i].master = m;
		m->processes[i].slot = i;
		m->processes[i].channel.fd = -1;
		m->processes[i].report = -1;
	}
	m->mailboxes = calloc(m->slots, sizeof(*m->mailboxes));
	if (m->mailboxes == NULL)
		return error_errno("mailboxes");
	for (i = 0; i < m->slots; i++)
		m->mailboxes[i].in = m->mailboxes[i].out = -1;
	return 0;
}

/* Those of the start are there before the first fork. */
static int
master_open_mailboxes(struct master *m)
{
	uint32_t i;

	for (i = 0; i < m->current->workers + m->current->forkers; i++)
		if (process_open_mailbox(m, i) == -1)
			return -1;
	return 0;
}

/* A table has room for as many connections as a worker has descriptors. */
static uint32_t
master_table_capacity(const struct server_settings *set)
{
	uint64_t own = process_raise_descriptors(), wanted = own;
	int64_t n;

	if (strcmp(set->rlimit_nofile, "unlimited") == 0)
		wanted = PROCESS_DESCRIPTORS_MAX;
	else if (units_integer(set->rlimit_nofile, 0, PROCESS_DESCRIPTORS_MAX,
	    &n) == 0)
		wanted = (uint64_t)n;
	else if (errno == ERANGE)
		wanted = PROCESS_DESCRIPTORS_MAX;
	return (uint32_t)(wanted > own ? wanted : own);
}

static int
master_open_pidfile(struct master *m)
{
	const char *path = m->server->settings.pidfile;
	const struct heritage *h = takeover_heritage(m);

	if (path[0] == '\0')
		return 0;
	/* Its lock is ours as much as the other's, whose number it still has. */
	if (h != NULL && h->pidfile != NULL && strcmp(h->pidfile, path) == 0) {
		m->pidlock = h->pidlock;
		return 0;
	}
	if ((m->pidlock = pidlock_open(path)) == -1)
		return -1;
	return pidlock_write(m->pidlock, getpid(), path);
}

int
master_prepare(struct master *m, const struct prong_server *s)
{
	const char *path = s->settings.pidfile;

	if (strcmp(path, m->server->settings.pidfile) == 0 || path[0] == '\0')
		return 0;
	m->next_pidlock = pidlock_open(path);
	return m->next_pidlock == -1 ? -1 :
	    pidlock_write(m->next_pidlock, getpid(), path);
}

void
master_settle(struct master *m, const struct prong_server *before,
    const struct prong_server *s)
{
	const char *old = before->settings.pidfile, *new = s->settings.pidfile;

	if (s != m->server) {
		pidlock_remove(m->next_pidlock, new);
	} else if (strcmp(old, new) != 0) {
		pidlock_remove(m->pidlock, old);
		m->pidlock = m->next_pidlock;
	}
	m->next_pidlock = -1;
	umask((mode_t)m->server->settings.umask);
}

static void
master_asked_to_stop(struct watch *w, unsigned int events)
{
	struct master *m = (struct master *)((char *)w -
	    offsetof(struct master, stop));
	uint64_t value;

	if (read(w->fd, &value, sizeof(value)) != sizeof(value))
		return;
	master_signal(value >= SERVER_STOP_FAST ? SIGINT : SIGTERM, m);
}

static int
master_open_loop(struct master *m)
{
	static const int list[] = { SIGCHLD, SIGTERM, SIGQUIT, SIGINT,
	    SIGHUP, SIGUSR1, SIGUSR2, SIGTTIN, SIGTTOU, SIGWINCH, 0 };

	/* Nothing that is tried again must then be forgotten. */
	if ((m->loop = loop_new(LOOP_AUTO, 0)) == NULL ||
	    loop_reserve(m->loop, MASTER_TIMERS(m->slots)) == -1 ||
	    (!m->program->leaves_signals && signals_open(&m->signals, m->loop,
	    list, master_signal, m) == -1))
		return -1;
	m->stop = (struct watch){ master_asked_to_stop, m->program->stop,
	    PRONG_READ };
	if (loop_add(m->loop, &m->stop) == -1)
		return -1;
	if ((m->control = control_open(m)) == NULL || reload_open(m) == -1 ||
	    upgrade_open(m) == -1)
		return -1;
	watchdog_start(m);
	announce_open(m->loop);
	return 0;
}

/* Everything that can fail comes before anything that a client sees. */
static int
master_open(struct master *m)
{
	const struct server_settings *set = &m->server->settings;
	struct privilege privilege;
	struct heritage *h;

	/* A file that may not grow, a log for one, is no reason to die. */
	if (!m->program->leaves_signals) {
		signal(SIGXFSZ, SIG_IGN);
		signal(SIGPIPE, SIG_IGN);
	}
	m->started = process_milliseconds();
	if ((h = heritage_get()) == NULL && errno != 0)
		return -1;
	if (takeover_open(m, h) == -1)
		return -1;
	if (h != NULL) {
		m->started = h->started;
		m->last_generation = h->generation;
		m->conns_from = h->conns;
		announce_hold();
	}
	heritage_stage("configuration");
	m->oom_kills[0] = m->oom_kills[1] = oom_kills();
	umask((mode_t)set->umask);
	if (prepare_log(m->server) == -1 ||
	    privilege_find(&privilege, set->user, set->group) == -1 ||
	    prepare_services(m->server) == -1 ||
	    prepare_declared(m->server, &privilege) == -1 ||
	    master_open_processes(m) == -1 ||
	    (m->current = generation_new(m, m->server, false)) == NULL ||
	    master_open_mailboxes(m) == -1)
		return -1;
	heritage_stage("sockets and shared memory");
	/* The pidfile may be in it, and sockets of services. */
	control_make_folder(set);
	if (master_open_pidfile(m) == -1 ||
	    generation_bind(m->current, takeover_before(m)) == -1 ||
	    prepare_memory(m->server, &m->scoreboard, m->slots,
	    master_table_capacity(set)) == -1)
		return -1;
	scoreboard_number_from(&m->scoreboard, m->conns_from);
	if (takeover_limits(m) == -1 ||
	    generation_share(m->current, takeover_before(m)) == -1 ||
	    reading_wait(m, m->current) == -1 ||
	    master_open_loop(m) == -1 ||
	    listening_start(&m->current->listening) == -1)
		return -1;
	/* Without the signal nobody would wait for them. */
	if (!m->program->leaves_signals)
		prctl(PR_SET_CHILD_SUBREAPER, 1);
	process_title("master");
	listening_log(&m->current->listening);
	heritage_stage("first worker");
	/* What is said from here on is for the log, and for who has started it. */
	if (h != NULL && dup2(h->error, STDERR_FILENO) == -1)
		return error_errno("standard error");
	if (supervise_start_canary(m->current) == -1)
		return -1;
	return h != NULL ? 0 : supervise_start_rest(m->current);
}

/* Unless it is another's still. */
static void
master_close_pidfile(struct master *m)
{
	const struct heritage *h = takeover_heritage(m);

	if (h == NULL || h->pidlock != m->pidlock)
		pidlock_remove(m->pidlock, m->server->settings.pidfile);
	m->pidlock = -1;
}

static void
master_close(struct master *m)
{
	uint32_t i;

	announce_close();
	if (m->loop != NULL) {
		loop_timer_stop(m->loop, &m->again);
		watchdog_stop(m);
	}
	for (i = 0; m->processes != NULL && i < m->slots; i++)
		process_gone(&m->processes[i]);
	for (i = 0; m->mailboxes != NULL && i < m->slots; i++)
		mailbox_close(&m->mailboxes[i]);
	control_close(m->control);
	master_close_pidfile(m);
	reload_close(m);
	upgrade_close(m);
	takeover_close(m);
	saving_close(m);
	clerk_close(m);
	while (m->generations != NULL)
		generation_free(m->generations);
	reaper_close(m);
	signals_close(&m->signals);
	loop_free(m->loop);
	scoreboard_close(&m->scoreboard);
	rows_close(&m->rows);
	free(m->processes);
	free(m->mailboxes);
}

int
prong_server_run(struct prong_server *server, void (*ready)(void *), void *arg)
{
	struct master m = {
		.program = server,
		.server = server,
		.pidlock = -1,
		.next_pidlock = -1,
		.signals.watch.fd = -1,
		.scoreboard.segment.fd = -1,
		.scoreboard.connections.fd = -1,
		.scoreboard.ledger.segment.fd = -1,
		.scoreboard.tallies.segment.fd = -1,
		.ready = ready,
		.ready_arg = arg,
	};

	if (master_open(&m) == -1) {
		master_blame(&m, error_text());
		/* Some may have been started; without a loop none has. */
		if (m.loop != NULL)
			master_stop(&m);
	}
	if (m.loop != NULL && loop_run(m.loop) == -1)
		master_blame(&m, error_text());
	if (m.result == 0)
		log_info("stopped");
	else {
		takeover_fail(&m, m.why);
		announce_status("failed: %s", m.why);
	}
	master_close(&m);
	prepare_log_end();
	return m.result == 0 ? 0 : error_set(m.error, "%s", m.why);
}
