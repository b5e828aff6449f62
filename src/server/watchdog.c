/* SPDX-License-Identifier: ISC */
/*
 * The watchdog of the master.
 *
 * What a process writes into the scoreboard is only compared with a clock; at
 * worst a hostile one makes itself, or its neighbour, look alive or dead.  Who
 * is signalled is known from the master's own memory.
 */
#include "server/watchdog.h"

#include <signal.h>
#include <stddef.h>
#include <stdio.h>

#include "base/log.h"
#include "base/oom.h"
#include "base/process.h"
#include "base/units.h"
#include "server/master.h"

#define WATCHDOG_BEAT_MAX	1000
#define WATCHDOG_LOOK_MAX	250
#define WATCHDOG_LOOK_MIN	5
/* A process that is stuck is seen late so often, at the least. */
#define WATCHDOG_LOOKS		3
/* From the abort to the kill; a core dump may take longer. */
#define WATCHDOG_ABORT_MS	300
#define WATCHDOG_CORE_MS	30000
/* ... or the report, on a machine with too much to do. */
#define WATCHDOG_QUEUE_MS	3000
#define WATCHDOG_MEMORY_MS	1000
#define WATCHDOG_WAITED		100	/* milliseconds worth telling */

uint64_t
watchdog_beat(const struct server_settings *set)
{
	uint64_t timeout = units_milliseconds(set->stuck_timeout);

	if (timeout == 0 || timeout / 4 > WATCHDOG_BEAT_MAX)
		return WATCHDOG_BEAT_MAX;
	return timeout < 4 ? 1 : timeout / 4;
}

static uint64_t
watchdog_period(const struct master *m)
{
	uint64_t period = watchdog_beat(&m->server->settings) / 4;

	if (period > WATCHDOG_LOOK_MAX)
		return WATCHDOG_LOOK_MAX;
	return period < WATCHDOG_LOOK_MIN ? WATCHDOG_LOOK_MIN : period;
}

static uint64_t
watchdog_least(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/*
 * Milliseconds since it turned, or was started, without those in which the
 * master did not run itself.  It may have turned amidst such a time: then that
 * is not held against it either.
 */
static uint64_t
watchdog_silence(struct process *p, uint64_t now)
{
	struct master *m = p->master;
	uint64_t from = __atomic_load_n(&scoreboard_slot(&m->scoreboard,
	    p->slot)->last_beat, __ATOMIC_RELAXED), silence;

	if (from < p->started)
		from = p->started;
	if (from != p->turned) {
		p->turned = from;
		p->away = m->away_before;
	}
	silence = from < now ? now - from : 0;
	return silence - watchdog_least(silence, m->away - p->away);
}

/* From now on it counts how long a process waits for a CPU. */
static void
watchdog_begin_waiting(struct process *p, uint64_t now)
{
	p->turns = process_turns(p->pid);
	p->waited = p->turns.waited;
	p->stirred = now;
}

/*
 * How long it has waited for a CPU; limited, so that one that hangs and wants a
 * CPU is found on any machine.  The kernel adds a wait when it is over; one
 * that could run and does not from look to look has one that is not.
 */
static uint64_t
watchdog_waited(struct process *p, uint64_t now, uint64_t limit)
{
	struct process_turns turns = process_turns(p->pid);

	if (turns.ran != p->turns.ran || turns.waited != p->turns.waited ||
	    process_state(p->pid) != 'R')
		p->stirred = now;
	p->turns = turns;
	return watchdog_least(turns.waited - watchdog_least(turns.waited,
	    p->waited) + now - p->stirred, limit);
}

static void
watchdog_report(struct process *p, uint64_t silence, uint64_t waited,
    char state, const char *what)
{
	char doing[OBITUARY_MAX], queue[48] = "";
	const char *did = p->role == ROLE_POOL && p->state != PROCESS_STARTING ?
	    "has run a task" : "has not turned";

	if (waited >= WATCHDOG_WAITED)
		snprintf(queue, sizeof(queue), ", %.1f s of it without a CPU",
		    (double)waited / 1000);
	log_error("%s (pid %d) %s for %.1f s%s%s; its state is %s: %s", p->name,
	    (int)p->pid, did, (double)silence / 1000, queue,
	    obituary_of(p, doing, sizeof(doing)), process_state_text(state),
	    what);
}

/* A stopped process cannot report; another leaves its backtrace. */
static void
watchdog_act(struct process *p, uint64_t silence, uint64_t waited,
    uint64_t now)
{
	char state = process_state(p->pid);
	bool stopped = state == 'T' || state == 't';

	watchdog_report(p, silence, waited, state, stopped ? "killed" : "aborted");
	p->master->restarts_stuck++;
	p->stuck = true;
	p->stopped = stopped;
	p->aborted = now;
	p->away = p->master->away;
	watchdog_begin_waiting(p, now);
	kill(p->pid, stopped ? SIGKILL : SIGABRT);
}

/* One that was aborted and is still there. */
static void
watchdog_insist(struct process *p, uint64_t now)
{
	uint64_t since = now - p->aborted;

	/* Neither was on a CPU for all of that. */
	since -= watchdog_least(since, p->master->away - p->away +
	    watchdog_waited(p, now, WATCHDOG_QUEUE_MS));
	if (since < WATCHDOG_ABORT_MS ||
	    (since < WATCHDOG_CORE_MS && process_dumps_core(p->pid)))
		return;
	kill(p->pid, SIGKILL);
}

static bool
watchdog_is_late(const struct process *p, uint64_t silence)
{
	uint64_t beat = watchdog_beat(&p->generation->server->settings);

	return silence > beat + beat / 2 + WATCHDOG_LOOK_MIN;
}

/*
 * Who runs a task does not turn, which is no fault; it is silent for as long as
 * that takes.
 */
static void
watchdog_look_at_task(struct process *p, uint64_t now)
{
	uint64_t silence = watchdog_silence(p, now);

	p->late = watchdog_is_late(p, silence);
	p->looks = p->pool->timeout > 0 && silence > p->pool->timeout ?
	    p->looks + 1 : 0;
	if (p->looks >= WATCHDOG_LOOKS)
		watchdog_act(p, silence, 0, now);
}

/* One that was slow because the machine is makes up for it, up to a limit. */
static void
watchdog_look_at_silence(struct process *p, uint64_t silence, uint64_t now)
{
	uint64_t limit = units_milliseconds(
	    p->generation->server->settings.stuck_timeout), waited;

	if (limit == 0 || p->looks == 0)
		return;
	if (p->looks == 1)
		watchdog_begin_waiting(p, now);
	waited = watchdog_waited(p, now, limit);
	if (p->looks >= WATCHDOG_LOOKS && silence > limit + waited)
		watchdog_act(p, silence, waited, now);
}

/* Returns whether its lateness has changed. */
static bool
watchdog_look_at(struct process *p, uint64_t now)
{
	uint64_t silence = watchdog_silence(p, now);
	bool was = p->late;

	if (p->stuck) {
		watchdog_insist(p, now);
		return false;
	}
	if (p->role == ROLE_POOL && p->state != PROCESS_STARTING) {
		watchdog_look_at_task(p, now);
		return false;
	}
	p->looks = watchdog_is_late(p, silence) ? p->looks + 1 : 0;
	p->late = p->state != PROCESS_STARTING && p->looks > 0;
	watchdog_look_at_silence(p, silence, now);
	if (p->late && !was)
		log_warning("%s (pid %d) has missed a beat%s", p->name,
		    (int)p->pid, p->generation->workers > 1 ?
		    "; a neighbour accepts for it" : "");
	if (was && !p->late)
		log_info("%s (pid %d) turns again", p->name,
		    (int)p->pid);
	return p->late != was;
}

/*
 * Remembers how often the kernel has run out of memory, so that a death can be
 * laid to it only if it came with it.
 */
static void
watchdog_look_at_memory(struct master *m, uint64_t now)
{
	if (now - m->oom_looked < WATCHDOG_MEMORY_MS)
		return;
	m->oom_looked = now;
	m->oom_kills[0] = m->oom_kills[1];
	m->oom_kills[1] = oom_kills();
}

static void
watchdog_timer(struct timer *t)
{
	struct master *m = (struct master *)((char *)t -
	    offsetof(struct master, watchdog));
	uint64_t now = process_milliseconds(), period = watchdog_period(m);
	bool changed = false;
	uint32_t i;

	/* If the master did not run, nor did the others, as like as not. */
	m->away_before = m->away;
	if (now - m->watched > 2 * period)
		m->away += now - m->watched - period;
	m->watched = now;
	watchdog_look_at_memory(m, now);
	for (i = 0; i < m->slots; i++)
		if (m->processes[i].pid != 0)
			changed |= watchdog_look_at(&m->processes[i], now);
	if (changed && m->state == MASTER_RUNNING)
		assign_sockets(m);
	loop_timer(m->loop, t, period);
}

void
watchdog_start(struct master *m)
{
	m->watched = process_milliseconds();
	m->watchdog.fn = watchdog_timer;
	loop_timer(m->loop, &m->watchdog, watchdog_period(m));
}

void
watchdog_stop(struct master *m)
{
	loop_timer_stop(m->loop, &m->watchdog);
}
