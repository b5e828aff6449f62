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
#include "server/clerk.h"
#include "server/control.h"
#include "server/prepare.h"
#include "server/reaper.h"
#include "server/saving.h"
#include "server/watchdog.h"

/* How long a stop at once waits before it kills. */
#define MASTER_STOP_MS		2000

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

static void
master_tell_all(struct master *m, enum channel_kind kind, int fd)
{
	struct channel_message message = { .kind = kind };
	uint32_t i;

	for (i = 0; i < m->slots; i++)
		if (m->processes[i].pid != 0 && (kind != CHANNEL_DRAIN ||
		    m->processes[i].role != ROLE_POOL))
			process_tell(&m->processes[i], &message, fd);
}

static void
master_kill_all(struct timer *t)
{
	struct master *m = (struct master *)((char *)t -
	    offsetof(struct master, deadline));
	uint32_t i;

	for (i = 0; i < m->slots; i++)
		if (m->processes[i].pid != 0) {
			log_warning("%s (pid %d) does not stop: killed",
			    m->processes[i].name,
			    (int)m->processes[i].pid);
			kill(m->processes[i].pid, SIGKILL);
		}
}

/* Starts of dead workers that were planned do not happen any more. */
static void
master_cancel_starts(struct master *m)
{
	uint32_t i;

	for (i = 0; i < m->slots; i++)
		if (m->processes[i].state == PROCESS_WAITING) {
			loop_timer_stop(m->loop, &m->processes[i].timer);
			m->processes[i].state = PROCESS_NONE;
		}
}

bool
master_has_callers(const struct master *m)
{
	uint32_t i;

	for (i = 0; i < m->slots; i++)
		if (m->processes[i].pid != 0 &&
		    m->processes[i].role != ROLE_POOL)
			return true;
	return false;
}

/* Pools are there as long as anybody who may wait for a task. */
void
master_process_gone(struct master *m)
{
	uint32_t i;

	if (m->state < MASTER_DRAINING || master_has_callers(m))
		return;
	for (i = 0; i < m->slots; i++)
		if (m->processes[i].pid != 0) {
			master_stop(m);
			return;
		}
	master_cancel_starts(m);
	if (!saving_finish(m))
		loop_stop(m->loop);
}

void
master_stop(struct master *m)
{
	if (m->state == MASTER_STOPPING)
		return;
	m->state = MASTER_STOPPING;
	master_cancel_starts(m);
	master_tell_all(m, CHANNEL_STOP, -1);
	m->deadline.fn = master_kill_all;
	loop_timer(m->loop, &m->deadline, MASTER_STOP_MS);
	master_process_gone(m);
}

static void
master_drained_long_enough(struct timer *t)
{
	struct master *m = (struct master *)((char *)t -
	    offsetof(struct master, deadline));

	log_warning("drain-timeout is over: closing what is still open");
	master_stop(m);
}

void
master_drain(struct master *m, uint64_t ms)
{
	if (m->state >= MASTER_DRAINING)
		return;
	m->state = MASTER_DRAINING;
	log_info("draining");
	master_cancel_starts(m);
	master_tell_all(m, CHANNEL_DRAIN, -1);
	/* Who comes now is refused at once, and not left waiting. */
	listening_close(&m->listening, true);
	m->deadline.fn = master_drained_long_enough;
	if (ms > 0)
		loop_timer_exact(m->loop, &m->deadline, ms);
	master_process_gone(m);
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
		log_info("workers=%u", m->workers);
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
			master_drain(m, units_milliseconds(
			    m->server->settings.drain_timeout));
		break;
	case SIGQUIT:
		master_drain(m, 0);
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
	case SIGUSR2:
		log_warning("SIG%s: this version has no %s; nothing done",
		    sigabbrev_np(signo), signo == SIGHUP ? "reload" :
		    "upgrade");
		break;
	}
}

static int
master_open_processes(struct master *m)
{
	uint32_t i;

	m->slots = (uint32_t)m->server->settings.max_processes;
	m->workers = (uint32_t)server_workers(m->server);
	m->tasks = pools_processes(m->server);
	m->forkers = (uint32_t)server_processes(m->server) - m->workers -
	    m->tasks;
	if (m->workers + m->forkers + m->tasks > m->slots)
		return error_set(EINVAL, "workers is %u, and pools have %u "
		    "processes, but max-processes is only %u", m->workers,
		    m->tasks, m->slots);
	m->processes = calloc(m->slots, sizeof(*m->processes));
	if (m->processes == NULL)
		return error_errno("processes");
	for (i = 0; i < m->slots; i++) {
		m->processes[i].master = m;
		m->processes[i].slot = m->processes[i].share = i;
		m->processes[i].channel.fd = -1;
		m->processes[i].report = -1;
	}
	m->mailboxes = calloc(m->slots, sizeof(*m->mailboxes));
	if (m->mailboxes == NULL)
		return error_errno("mailboxes");
	for (i = 0; i < m->slots; i++)
		m->mailboxes[i].in = m->mailboxes[i].out = -1;
	for (i = 0; i < m->workers + m->forkers; i++)
		if (process_open_mailbox(m, i) == -1)
			return -1;
	m->paused = calloc(m->server->service_count, sizeof(*m->paused));
	if (m->paused == NULL)
		return error_errno("services");
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

	if (path[0] == '\0')
		return 0;
	if ((m->pidlock = pidlock_open(path)) == -1)
		return -1;
	return pidlock_write(m->pidlock, path);
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

	if ((m->loop = loop_new(LOOP_AUTO, 0)) == NULL ||
	    (!m->server->leaves_signals && signals_open(&m->signals, m->loop,
	    list, master_signal, m) == -1))
		return -1;
	m->stop = (struct watch){ master_asked_to_stop, m->server->stop,
	    PRONG_READ };
	if (loop_add(m->loop, &m->stop) == -1)
		return -1;
	errno = 0;
	m->control = control_open(m);
	if (m->control == NULL && errno != 0)
		return -1;
	watchdog_start(m);
	return 0;
}

/* Everything that can fail comes before anything that a client sees. */
static int
master_open(struct master *m)
{
	const struct server_settings *set = &m->server->settings;

	/* A file that may not grow, a log for one, is no reason to die. */
	if (!m->server->leaves_signals) {
		signal(SIGXFSZ, SIG_IGN);
		signal(SIGPIPE, SIG_IGN);
	}
	m->started = process_milliseconds();
	m->generation = 1;
	m->oom_kills[0] = m->oom_kills[1] = oom_kills();
	umask((mode_t)set->umask);
	if (prepare_log(m->server) == -1 ||
	    privilege_find(&m->privilege, set->user, set->group) == -1 ||
	    prepare_services(m->server) == -1 ||
	    prepare_declared(m->server, &m->privilege) == -1 ||
	    master_open_processes(m) == -1)
		return -1;
	/* The pidfile may be in it, and sockets of services. */
	control_make_folder(set);
	if (master_open_pidfile(m) == -1 ||
	    listening_open(&m->listening, m->server, (int)m->workers) == -1 ||
	    prepare_memory(m->server, &m->scoreboard, m->slots,
	    master_table_capacity(set)) == -1 || saving_load(m) == -1 ||
	    pools_open_bells(m->server, m->slots, &m->bells) == -1 ||
	    master_open_loop(m) == -1 ||
	    listening_start(&m->listening) == -1)
		return -1;
	/* Without the signal nobody would wait for them. */
	if (!m->server->leaves_signals)
		prctl(PR_SET_CHILD_SUBREAPER, 1);
	process_title("master");
	listening_log(&m->listening);
	return supervise_start_all(m);
}

static void
master_close(struct master *m)
{
	uint32_t i;

	if (m->loop != NULL) {
		loop_timer_stop(m->loop, &m->deadline);
		watchdog_stop(m);
	}
	for (i = 0; m->processes != NULL && i < m->slots; i++)
		process_gone(&m->processes[i]);
	for (i = 0; m->mailboxes != NULL && i < m->slots; i++)
		mailbox_close(&m->mailboxes[i]);
	listening_close(&m->listening, true);
	control_close(m->control);
	clerk_close(m);
	saving_close(m);
	reaper_close(m);
	signals_close(&m->signals);
	loop_free(m->loop);
	scoreboard_close(&m->scoreboard);
	pools_close_bells(m->bells, m->slots);
	pidlock_remove(m->pidlock, m->server->settings.pidfile);
	free(m->processes);
	free(m->mailboxes);
	free(m->paused);
}

int
prong_server_run(struct prong_server *server, void (*ready)(void *), void *arg)
{
	struct master m = {
		.server = server,
		.pidlock = -1,
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
	master_close(&m);
	prepare_log_end();
	return m.result == 0 ? 0 : error_set(m.error, "%s", m.why);
}
