/* SPDX-License-Identifier: ISC */
/*
 * Supervision: how many workers there are, and what becomes of dead ones.
 * When a dead one is started again is in backoff.c.
 */
#include <sys/wait.h>

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/log.h"
#include "base/oom.h"
#include "base/process.h"
#include "base/units.h"
#include "server/channel.h"
#include "server/clerk.h"
#include "server/loading.h"
#include "server/master.h"
#include "server/reload.h"
#include "server/saving.h"
#include "server/takeover.h"
#include "server/upgrade.h"
#include "server/worker.h"

static struct process *
supervise_free_slot(struct master *m)
{
	uint32_t i;

	for (i = 0; i < m->slots; i++)
		if (m->processes[i].state == PROCESS_NONE)
			return &m->processes[i];
	return NULL;
}

uint32_t
supervise_room(const struct master *m)
{
	uint32_t i, room = 0;

	for (i = 0; i < m->slots; i++)
		room += m->processes[i].state == PROCESS_NONE;
	return room;
}

static void
supervise_name(struct process *p)
{
	if (p->role == ROLE_FORKER)
		strlcpy(p->name, "forker", sizeof(p->name));
	else if (p->role == ROLE_POOL)
		snprintf(p->name, sizeof(p->name), "pool %s %u",
		    p->pool->name, p->number);
	else
		snprintf(p->name, sizeof(p->name), "worker %u", p->number);
}

/* Number is that of a worker, or of a process within its pool. */
static int
supervise_start_one(struct generation *g, enum process_role role,
    struct pool *pool, uint32_t number)
{
	struct master *m = g->master;
	struct process *p;
	int r;

	if ((p = supervise_free_slot(m)) == NULL)
		return error_set(ERANGE, "there is no room for another worker: "
		    "max-processes is %u", m->slots);
	p->generation = g;
	p->role = role;
	p->pool = pool;
	p->number = p->share = number;
	supervise_name(p);
	p->backoff = (struct backoff){ .failures = 0 };
	p->death[0] = '\0';
	p->end = (struct pools_end){ .pid = 0 };
	r = role != ROLE_WORKER ? 0 :
	    listening_add_worker(&g->listening, (int)number);
	if (r == 0)
		r = process_start(p);
	/* New sockets have a reader from the start, whoever it is. */
	assign_sockets(m);
	return r;
}

/* The lowest that no worker of it has. */
static uint32_t
supervise_free_number(const struct generation *g)
{
	const struct process *p = g->master->processes;
	uint32_t number, i;

	for (number = 0;; number++) {
		for (i = 0; i < g->master->slots; i++)
			if (p[i].generation == g && p[i].role == ROLE_WORKER &&
			    p[i].state != PROCESS_NONE &&
			    p[i].number == number)
				break;
		if (i == g->master->slots)
			return number;
	}
}

static int
supervise_start_pools(struct generation *g)
{
	struct pool *pool;
	uint32_t i;
	size_t n;

	for (n = 0; (pool = pools_at(g->server, n)) != NULL; n++)
		for (i = 0; i < pool->processes; i++)
			if (supervise_start_one(g, ROLE_POOL, pool, i) == -1)
				return -1;
	return 0;
}

int
supervise_start_canary(struct generation *g)
{
	return supervise_start_one(g, ROLE_WORKER, NULL, 0);
}

int
supervise_start_rest(struct generation *g)
{
	uint32_t i;

	for (i = 1; i < g->workers; i++)
		if (supervise_start_one(g, ROLE_WORKER, NULL, i) == -1)
			return -1;
	if (g->forkers > 0 &&
	    supervise_start_one(g, ROLE_FORKER, NULL, 0) == -1)
		return -1;
	return supervise_start_pools(g);
}

static void supervise_restart(struct process *);
static void supervise_restart_in(struct process *, uint64_t ms);

static void
supervise_restart_timer(struct timer *t)
{
	struct process *p = (struct process *)((char *)t -
	    offsetof(struct process, timer));
	uint64_t wait = backoff_wait(&p->master->pace, process_milliseconds());

	if (wait > 0) {
		supervise_restart_in(p, wait);
		return;
	}
	p->state = PROCESS_NONE;
	supervise_restart(p);
}

/* Starts the slot's process after ms milliseconds. */
static void
supervise_restart_in(struct process *p, uint64_t ms)
{
	p->state = PROCESS_WAITING;
	p->next = process_milliseconds() + ms;
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

static enum death
supervise_judge(struct process *p, bool was_ready, int status)
{
	struct master *m = p->master;
	uint64_t before = m->oom_kills[0];

	m->oom_kills[0] = m->oom_kills[1] = oom_kills();
	if (WIFEXITED(status) && WEXITSTATUS(status) == WORKER_HOPELESS)
		return DEATH_HOPELESS;
	/* Its task was at fault, and the next one is another. */
	if (p->stuck && was_ready && p->role == ROLE_POOL)
		return DEATH_OUTSIDE;
	if (p->stuck && (!was_ready || !p->stopped))
		return was_ready ? DEATH_STUCK : DEATH_EARLY;
	if (p->stuck)
		return DEATH_OUTSIDE;
	if (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL &&
	    m->oom_kills[0] != before)
		return DEATH_MEMORY;
	if (supervise_is_own_fault(status))
		return was_ready ? DEATH_FAULT : DEATH_EARLY;
	return was_ready ? DEATH_OUTSIDE : DEATH_CUT;
}

/* Once the server is up: it gets a successor, now or after a while. */
static void
supervise_replace(struct process *p, enum death how, uint64_t lived,
    pid_t pid, const char *doing)
{
	struct master *m = p->master;
	char when[64] = "now";
	uint64_t delay, lost;

	if (!p->stuck)
		m->restarts_crash++;
	lost = scoreboard_live(&m->scoreboard, p->slot, pid);
	delay = backoff_delay(&p->backoff, &m->pace, how, lived,
	    process_milliseconds());
	if (delay > 0)
		snprintf(when, sizeof(when), "in %.3g s", (double)delay / 1000);
	log_error("%s (pid %d) %s%s%s; the next one starts %s", p->name,
	    (int)pid, p->death, how == DEATH_MEMORY ?
	    " (the kernel was out of memory)" : "", doing, when);
	if (lost > 0)
		log_warning("%s (pid %d) had %llu connection%s, now lost",
		    p->name, (int)pid, (unsigned long long)lost,
		    lost == 1 ? "" : "s");
	share_pass_on(p);
	if (delay == 0)
		supervise_restart(p);
	else {
		supervise_restart_in(p, delay);
		/* What it held of the limits is not to be missed so long. */
		clerk_settle(p);
	}
	assign_sockets(m);
}

/* Whether it has ended as one that drains does, with nothing left open. */
static bool
supervise_is_tidy(const struct process *p, int status, pid_t pid)
{
	return WIFEXITED(status) && WEXITSTATUS(status) == 0 &&
	    scoreboard_live(&p->master->scoreboard, p->slot, pid) == 0;
}

/* While the whole server stops, or the slot is given up. */
static void
supervise_let_go(struct process *p, int status, enum death how, pid_t pid,
    const char *doing)
{
	struct master *m = p->master;

	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		log_debug("%s (pid %d) ended", p->name, (int)pid);
	else {
		/* What kept it from serving it has told itself. */
		if (how != DEATH_HOPELESS)
			log_warning("%s (pid %d) %s%s, while stopping",
			    p->name, (int)pid, p->death, doing);
		/* How a worker ends shows in how the server ends. */
		if (WIFEXITED(status) && p->role != ROLE_POOL &&
		    m->state >= MASTER_DRAINING) {
			errno = ECHILD;
			master_blame(m, "a worker ended badly");
		}
	}
	/*
	 * What it left open is to be booked; and tasks of a dead caller are not
	 * to be run for nobody.
	 */
	if ((m->state < MASTER_DRAINING && !supervise_is_tidy(p, status, pid)) ||
	    (p->generation->state == GENERATION_DRAINING &&
	    p->generation->bells != NULL))
		clerk_settle(p);
	generation_process_gone(p->generation);
}

static void
supervise_died(struct process *p, int status)
{
	struct master *m = p->master;
	enum process_state was = p->state;
	enum death how = supervise_judge(p, was == PROCESS_READY, status);
	uint64_t lived = process_milliseconds() - p->started;
	char doing[OBITUARY_MAX];
	pid_t pid = p->pid;
	int report = p->report;
	char why[sizeof(p->name) + 64];

	p->end = (struct pools_end){ pid,
	    WIFSIGNALED(status) ? WTERMSIG(status) : 0,
	    p->stuck && p->role == ROLE_POOL };
	process_describe_status(status, p->death, sizeof(p->death));
	obituary_of(p, doing, sizeof(doing));
	p->report = -1;
	process_gone(p);
	if (was == PROCESS_DRAINING ||
	    !generation_wants(p->generation, p->role))
		supervise_let_go(p, status, how, pid, doing);
	else if (m->state == MASTER_STARTING) {
		if (how != DEATH_HOPELESS)
			log_error("%s (pid %d) %s before it was ready%s",
			    p->name, (int)pid, p->death, doing);
		snprintf(why, sizeof(why), "%s could not start; the log says "
		    "why", p->name);
		errno = ECHILD;
		master_fail(m, why);
	} else if (p->generation->state == GENERATION_STARTING) {
		log_error("%s (pid %d) of generation %u %s%s", p->name,
		    (int)pid, p->generation->number, p->death, doing);
		clerk_settle(p);
		reload_process_died(p, p->death);
	} else
		supervise_replace(p, how, lived, pid, doing);
	obituary_log_report(p, pid, report);
}

void
supervise_ended(struct master *m, pid_t pid, int status)
{
	struct process *p;
	uint32_t i;

	if (clerk_ended(m, pid, status) || loading_ended(m, pid, status) ||
	    upgrade_ended(m, pid, status))
		return;
	for (i = 0; i < m->slots; i++) {
		p = &m->processes[i];
		if (p->pid == pid) {
			supervise_died(p, status);
			break;
		}
	}
}

void
supervise_ready(struct process *p)
{
	struct master *m = p->master;

	p->state = PROCESS_READY;
	backoff_ready(&p->backoff);
	log_debug("%s (pid %d) is ready", p->name, (int)p->pid);
	if (m->state == MASTER_STARTING) {
		if (!takeover_watches_canary(m) &&
		    generation_is_ready(p->generation))
			master_is_ready(m);
	} else if (p->generation->state == GENERATION_STARTING)
		reload_process_ready(p);
	else if (p->generation->state < GENERATION_DRAINING) {
		share_inherit(p);
		assign_sockets(m);
	}
}

static void
supervise_drained_long_enough(struct timer *t)
{
	struct process *p = (struct process *)((char *)t -
	    offsetof(struct process, timer));
	const struct channel_message stop = { .kind = CHANNEL_STOP };

	log_warning("%s (pid %d): drain-timeout is over: closing what "
	    "is still open", p->name, (int)p->pid);
	process_tell(p, &stop, -1);
}

/* A worker that is not wanted any more has as long as a whole server has. */
static void
supervise_limit_drain(struct process *p)
{
	uint64_t ms = p->generation->unlimited ? 0 :
	    draining_longest(p->generation->server);

	p->timer.fn = supervise_drained_long_enough;
	if (ms > 0)
		loop_timer_exact(p->master->loop, &p->timer, ms);
}

static bool
supervise_is_only_ready(const struct process *p)
{
	const struct master *m = p->master;
	uint32_t i;

	for (i = 0; i < m->slots; i++)
		if (i != p->slot && m->processes[i].role == ROLE_WORKER &&
		    m->processes[i].generation == p->generation &&
		    m->processes[i].state == PROCESS_READY)
			return false;
	return p->state == PROCESS_READY;
}

/*
 * Whom to give up: a dead one, one that is not ready, the last of the rest; but
 * nobody who alone has the threads of a service, be it dead for the moment.
 */
static struct process *
supervise_spare(const struct generation *g)
{
	static const enum process_state order[] =
	    { PROCESS_WAITING, PROCESS_STARTING, PROCESS_READY };
	struct process *p, *last = NULL;
	size_t k;
	uint32_t i;

	for (k = 0; last == NULL && k < sizeof(order) / sizeof(order[0]); k++)
		for (i = 0; i < g->master->slots; i++) {
			p = &g->master->processes[i];
			if (p->generation == g && p->role == ROLE_WORKER &&
			    p->state == order[k] && !share_is_needed(p) &&
			    (last == NULL || p->number > last->number))
				last = p;
		}
	return last;
}

int
supervise_scale(struct master *m, int change)
{
	struct channel_message drain = { .kind = CHANNEL_DRAIN };
	struct generation *g = m->current;
	struct process *p;

	/* The new master has what there was when it was started. */
	if (upgrade_is_busy(m))
		return error_set(EBUSY, "an upgrade is under way");
	if (change > 0) {
		if (supervise_start_one(g, ROLE_WORKER, NULL,
		    supervise_free_number(g)) == -1)
			return -1;
		g->workers++;
		master_announce(m);
		return 0;
	}
	if (g->workers == 1)
		return error_set(ERANGE, "there must be at least one worker");
	p = supervise_spare(g);
	if (p == NULL || supervise_is_only_ready(p))
		return error_set(EBUSY, "%u workers are left: the only one "
		    "with threads for a service is not ready, and the others "
		    "are to serve meanwhile", g->workers);
	g->workers--;
	master_announce(m);
	if (p->state == PROCESS_WAITING) {
		loop_timer_stop(m->loop, &p->timer);
		p->state = PROCESS_NONE;
		clerk_settle(p);
		return 0;
	}
	p->state = PROCESS_DRAINING;
	p->drained_since = process_milliseconds();
	/* Its neighbour first, so that no queue is without a reader. */
	assign_sockets(m);
	process_tell(p, &drain, -1);
	supervise_limit_drain(p);
	return 0;
}
