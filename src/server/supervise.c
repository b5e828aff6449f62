/* SPDX-License-Identifier: ISC */
/*
 * Supervision: how many workers there are, and what becomes of dead ones.
 *
 * One that was ready and was killed from outside is replaced at once.  One
 * that dies by its own fault is replaced at once the first time, then after
 * 1, 2, 4 ... seconds, until it has lived for a minute.
 */
#include <sys/wait.h>

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/error.h"
#include "base/log.h"
#include "base/process.h"
#include "base/units.h"
#include "server/channel.h"
#include "server/master.h"

#define SUPERVISE_DELAY_MAX	60000	/* milliseconds */
#define SUPERVISE_GOOD_LIFE	60000
#define CLERK_SECONDS		10

static struct process *
supervise_free_slot(struct master *m)
{
	uint32_t i;

	for (i = 0; i < m->slots; i++)
		if (m->processes[i].state == PROCESS_NONE)
			return &m->processes[i];
	return NULL;
}

static int
supervise_start_one(struct master *m)
{
	struct process *p;
	int r;

	if ((p = supervise_free_slot(m)) == NULL)
		return error_set(ERANGE, "there is no room for another worker: "
		    "max-processes is %u", m->slots);
	p->failures = 0;
	r = listening_add_slot(&m->listening, (int)p->slot);
	if (r == 0)
		r = process_start(p);
	/* New sockets have a reader from the start, whoever it is. */
	if (m->state == MASTER_RUNNING)
		assign_sockets(m);
	return r;
}

int
supervise_start_all(struct master *m)
{
	uint32_t i;

	for (i = 0; i < m->workers; i++)
		if (supervise_start_one(m) == -1)
			return -1;
	return 0;
}

static void supervise_restart(struct process *);

static void
supervise_restart_timer(struct timer *t)
{
	struct process *p = (struct process *)((char *)t -
	    offsetof(struct process, timer));

	p->state = PROCESS_NONE;
	supervise_restart(p);
}

/* Starts the slot's process after ms milliseconds. */
static void
supervise_restart_in(struct process *p, uint64_t ms)
{
	p->state = PROCESS_WAITING;
	p->timer.fn = supervise_restart_timer;
	if (loop_timer(p->master->loop, &p->timer, ms) == -1)
		master_fail(p->master, error_text());
}

static void
supervise_restart(struct process *p)
{
	if (process_start(p) == 0)
		return;
	log_error("%s; trying again in a second", error_text());
	supervise_restart_in(p, 1000);
}

/* Signals that a process gets for what it does itself. */
static bool
supervise_is_own_fault(int status)
{
	if (!WIFSIGNALED(status))
		return true;
	switch (WTERMSIG(status)) {
	case SIGABRT:
	case SIGBUS:
	case SIGFPE:
	case SIGILL:
	case SIGSEGV:
	case SIGSYS:
	case SIGTRAP:
		return true;
	default:
		return false;
	}
}

static uint64_t
supervise_delay(struct process *p, bool was_ready, int status)
{
	uint64_t delay;

	if (was_ready && !p->stuck && !supervise_is_own_fault(status))
		return 0;
	if (process_milliseconds() - p->started > SUPERVISE_GOOD_LIFE)
		p->failures = 0;
	if (p->failures++ == 0)
		return was_ready ? 0 : 1000;
	delay = 1000ULL << (p->failures < 8 ? p->failures - 2 : 6);
	return delay < SUPERVISE_DELAY_MAX ? delay : SUPERVISE_DELAY_MAX;
}

/* The clerk's life.  It keeps nobody's socket or lock open by its own. */
static void __attribute__((noreturn))
supervise_clerk(struct scoreboard *sb, uint32_t slot, pid_t dead, pid_t master)
{
	static const int ignored[] = { SIGPIPE, 0 };
	const int keep[] = { sb->connections.fd, log_descriptor() };

	signals_reset(ignored);
	process_title("clerk");
	log_after_fork();
	process_close_others(keep, sizeof(keep) / sizeof(keep[0]));
	if (process_die_with_parent(master) == -1)
		_exit(1);
	alarm(CLERK_SECONDS);
	if (scoreboard_settle(sb, slot, dead, CLERK_SECONDS * 1000) == -1)
		log_warning("slot %u: %s", slot, error_text());
	_exit(0);
}

/*
 * The clerk books what the dead process of a slot left open, where no
 * successor will: the master itself takes no shared lock.
 */
static void
supervise_send_clerk(struct process *p, pid_t dead)
{
	pid_t pid, self = getpid();

	fflush(NULL);
	if ((pid = fork()) == -1)
		log_warning("cannot start a clerk for slot %u", p->slot);
	if (pid == 0)
		supervise_clerk(&p->master->scoreboard, p->slot, dead, self);
}

static void
supervise_died(struct process *p, int status)
{
	struct master *m = p->master;
	enum process_state was = p->state;
	char how[64];
	uint64_t delay;
	bool clean = WIFEXITED(status) && WEXITSTATUS(status) == 0;
	pid_t pid = p->pid;

	p->last_pid = pid;
	process_describe_status(status, how, sizeof(how));
	process_gone(p);
	if (was == PROCESS_DRAINING || m->state >= MASTER_DRAINING) {
		if (clean)
			log_debug("worker %u (pid %d) ended", p->slot,
			    (int)pid);
		else {
			log_warning("worker %u (pid %d) %s while stopping",
			    p->slot, (int)pid, how);
			/* How a worker ends shows in how the server ends. */
			if (WIFEXITED(status)) {
				errno = ECHILD;
				master_blame(m, "a worker ended badly");
			}
		}
		if (m->state < MASTER_DRAINING)
			supervise_send_clerk(p, pid);
		master_process_gone(m);
		return;
	}
	if (m->state == MASTER_STARTING) {
		log_error("worker %u (pid %d) %s before it was ready", p->slot,
		    (int)pid, how);
		errno = ECHILD;
		master_fail(m, "a worker could not start");
		return;
	}
	if (!p->stuck)
		m->restarts_crash++;
	delay = supervise_delay(p, was == PROCESS_READY, status);
	if (delay == 0) {
		log_error("worker %u (pid %d) %s; the next one starts now",
		    p->slot, (int)pid, how);
		supervise_restart(p);
	} else {
		log_error("worker %u (pid %d) %s; the next one starts in "
		    "%d s", p->slot, (int)pid, how, (int)(delay / 1000));
		supervise_restart_in(p, delay);
	}
	assign_sockets(m);
}

void
supervise_reap(struct master *m)
{
	pid_t pid;
	uint32_t i;
	int status;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
		for (i = 0; i < m->slots; i++)
			if (m->processes[i].pid == pid) {
				supervise_died(&m->processes[i], status);
				break;
			}
}

void
supervise_ready(struct process *p)
{
	struct master *m = p->master;
	uint32_t i, ready = 0;

	p->state = PROCESS_READY;
	log_debug("worker %u (pid %d) is ready", p->slot, (int)p->pid);
	if (m->state != MASTER_STARTING) {
		if (m->state == MASTER_RUNNING)
			assign_sockets(m);
		return;
	}
	for (i = 0; i < m->slots; i++)
		ready += m->processes[i].state == PROCESS_READY;
	if (ready < m->workers)
		return;
	m->state = MASTER_RUNNING;
	assign_sockets(m);
	log_info("ready workers=%u services=%zu", ready,
	    m->server->service_count);
	if (m->ready != NULL)
		m->ready(m->ready_arg);
}

int
supervise_scale(struct master *m, int change)
{
	struct channel_message drain = { .kind = CHANNEL_DRAIN };
	struct process *p = NULL;
	uint32_t i;

	if (change > 0) {
		if (supervise_start_one(m) == -1)
			return -1;
		m->workers++;
		return 0;
	}
	if (m->workers == 1)
		return error_set(ERANGE, "there must be at least one worker");
	for (i = 0; i < m->slots; i++)
		if (m->processes[i].state != PROCESS_NONE &&
		    m->processes[i].state != PROCESS_DRAINING)
			p = &m->processes[i];
	m->workers--;
	if (p->state == PROCESS_WAITING) {
		loop_timer_stop(m->loop, &p->timer);
		p->state = PROCESS_NONE;
		supervise_send_clerk(p, p->last_pid);
		return 0;
	}
	p->state = PROCESS_DRAINING;
	/* Its neighbour first, so that no queue is without a reader. */
	assign_sockets(m);
	return process_tell(p, &drain, -1);
}

uint64_t
supervise_watchdog_period(const struct master *m)
{
	return units_milliseconds(m->server->settings.stuck_timeout) / 4 + 1;
}

/* Milliseconds since a process last turned, or since it was started. */
static uint64_t
supervise_silence(const struct process *p, uint64_t now)
{
	uint64_t beat = __atomic_load_n(&scoreboard_slot(
	    &p->master->scoreboard, p->slot)->last_beat, __ATOMIC_RELAXED);

	if (beat < p->started)
		beat = p->started;
	return beat < now ? now - beat : 0;
}

/* A worker that has not turned for stuck-timeout is killed and replaced. */
void
supervise_watchdog(struct master *m)
{
	uint64_t limit = units_milliseconds(m->server->settings.stuck_timeout);
	uint64_t now = process_milliseconds(), silence, before = m->watched;
	struct process *p;
	uint32_t i;

	/* If the master was stopped, so were the workers: they get a turn. */
	m->watched = now;
	if (now - before > 2 * supervise_watchdog_period(m))
		return;
	for (i = 0; i < m->slots; i++) {
		p = &m->processes[i];
		silence = p->pid == 0 || p->stuck ? 0 :
		    supervise_silence(p, now);
		if (silence <= limit)
			continue;
		log_error("worker %u (pid %d) has not turned for %llu s: "
		    "killed", i, (int)p->pid,
		    (unsigned long long)(silence / 1000));
		m->restarts_stuck++;
		p->stuck = true;
		kill(p->pid, SIGKILL);
	}
}
