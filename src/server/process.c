/* SPDX-License-Identifier: ISC */
/*
 * One process of the master: its fork and its channel.
 */
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/log.h"
#include "base/process.h"
#include "dispatch/dispatch.h"
#include "server/channel.h"
#include "server/crash.h"
#include "server/master.h"
#include "server/prepare.h"
#include "server/reaper.h"
#include "server/worker.h"
#include "shm/rlock.h"

const char *
process_state_name(enum process_state state)
{
	static const char *const names[] = {
		[PROCESS_NONE] = "dead",
		[PROCESS_STARTING] = "starting",
		[PROCESS_READY] = "ready",
		[PROCESS_DRAINING] = "draining",
		[PROCESS_WAITING] = "dead",
	};

	return names[state];
}

const char *
process_role_name(enum process_role role)
{
	static const char *const names[] = {
		[ROLE_WORKER] = "worker",
		[ROLE_FORKER] = "forker",
		[ROLE_POOL] = "pool",
	};

	return names[role];
}

static bool
process_is_for_worker(const struct prong_service *s)
{
	return !dispatch_is_forked(s);
}

/* Who runs tasks has no connections. */
static bool
process_is_for_nobody(const struct prong_service *s)
{
	return false;
}

static bool (*const process_serving[])(const struct prong_service *) = {
	[ROLE_WORKER] = process_is_for_worker,
	[ROLE_FORKER] = dispatch_is_forked,
	[ROLE_POOL] = process_is_for_nobody,
};

bool
process_serves(enum process_role role, const struct prong_service *s)
{
	return process_serving[role](s);
}

static void
process_close_channel(struct process *p)
{
	if (p->channel.fd == -1)
		return;
	loop_del(p->master->loop, &p->channel);
	close(p->channel.fd);
	p->channel.fd = -1;
}

/*
 * One that has closed its channel, or sends what no worker sends, can no
 * longer be told anything: it is ended, if it is not at its end already.
 */
static void
process_disown(struct process *p, const char *why)
{
	process_close_channel(p);
	if (why != NULL)
		log_error("%s (pid %d) %s: killed", p->name,
		    (int)p->pid, why);
	kill(p->pid, SIGKILL);
}

bool
process_is_well(const struct process *p)
{
	return p->state == PROCESS_READY && !p->late && !p->full && !p->stuck;
}

/* Where the log goes now, and how much of it. */
static void
process_tell_log(struct process *p)
{
	struct channel_message m = { .number = p->asked };
	int stream;

	m.kind = CHANNEL_LEVEL;
	m.key = log_level();
	process_tell(p, &m, -1);
	m.kind = CHANNEL_LOG;
	for (stream = 0; stream < LOG_STREAMS; stream++) {
		m.key = (uint32_t)stream;
		if (log_descriptor((enum log_stream)stream) != -1)
			process_tell(p, &m,
			    log_descriptor((enum log_stream)stream));
	}
}

/* Of those that were there when it was forked, it has its own ends. */
static void
process_tell_mailbox(struct process *p, uint32_t slot)
{
	const struct channel_message m = {
		.kind = CHANNEL_MAILBOX, .key = slot
	};

	if (p->pid != 0 && p->master->mailboxes[slot].in != -1)
		process_tell(p, &m, p->master->mailboxes[slot].in);
}

/* Descriptors that it was given during a shortage may not have reached it. */
static void
process_tell_anew(struct process *p)
{
	uint32_t slot;

	if (p->serves_size > 0)
		memset(p->serves, 0, p->serves_size * sizeof(*p->serves));
	process_tell_log(p);
	for (slot = 0; slot < p->master->slots; slot++)
		process_tell_mailbox(p, slot);
}

static void
process_set_full(struct process *p, bool full)
{
	if (p->full == full)
		return;
	p->full = full;
	if (!full)
		process_tell_anew(p);
	log_write(full ? PRONG_WARNING : PRONG_INFO, "%s (pid %d) %s%s",
	    p->name, (int)p->pid, full ? "has no descriptors left" :
	    "has descriptors again", full && p->generation->workers > 1 ?
	    "; a neighbour accepts for it" : "");
	if (p->master->state == MASTER_RUNNING)
		assign_sockets(p->master);
}

/* What a process may say; false when it is nothing that one says. */
static bool
process_heard(struct process *p, const struct channel_message *m)
{
	switch (m->kind) {
	case CHANNEL_READY:
		p->sandbox = m->key & SANDBOX_WORD;
		/* It may have been told to drain before it was ready. */
		if (p->state == PROCESS_STARTING)
			supervise_ready(p);
		return true;
	case CHANNEL_DONE:
		p->answered = m->number;
		return true;
	case CHANNEL_FULL:
		process_set_full(p, m->key != 0);
		return true;
	default:
		return false;
	}
}

/* An answer, which comes once for each question. */
static bool
process_is_asked(const struct process *p, const struct channel_message *m)
{
	return m->kind == CHANNEL_DONE && m->number > p->answered &&
	    m->number <= p->asked;
}

/* When what could not be told is tried again. */
#define PROCESS_AGAIN_MS	100
/* So much at once, so that one that talks all the time holds up nobody. */
#define PROCESS_HEAR_MAX	16
/* Far more than one has to say: 50 a second, 500 at once. */
static const struct rate process_talk = { 20000000, 500 };

static void
process_hear(struct process *p)
{
	struct channel_message m;
	int r, left = PROCESS_HEAR_MAX;

	while (left-- > 0 && p->channel.fd != -1 &&
	    (r = channel_receive(p->channel.fd, &m, NULL)) != 0) {
		if (r == -1)
			process_disown(p, NULL);
		else if (!process_is_asked(p, &m) && !rate_take(&p->talk,
		    &process_talk, process_milliseconds() * 1000000))
			process_disown(p, "talks all the time");
		else if (!process_heard(p, &m))
			process_disown(p, "sends nonsense");
	}
}

int
process_open_mailbox(struct master *m, uint32_t slot)
{
	uint32_t i;

	if (m->mailboxes[slot].in != -1)
		return 0;
	if (mailbox_open(&m->mailboxes[slot]) == -1)
		return -1;
	for (i = 0; i < m->slots; i++)
		process_tell_mailbox(&m->processes[i], slot);
	return 0;
}

/* The channel has room again: what could not be told is told now. */
static void
process_tell_rest(struct process *p)
{
	uint32_t untold = p->untold, slot;
	struct channel_message m = { .number = p->asked };

	p->untold = 0;
	loop_modify(p->master->loop, &p->channel, PRONG_READ);
	m.key = p->generation->unlimited;
	for (m.kind = CHANNEL_DRAIN; m.kind <= CHANNEL_STOP; m.kind++)
		if ((untold & 1U << m.kind) != 0)
			process_tell(p, &m, -1);
	if ((untold & 1U << CHANNEL_MAILBOX) != 0)
		for (slot = 0; slot < p->master->slots; slot++)
			process_tell_mailbox(p, slot);
	if ((untold & 1U << CHANNEL_SHARE) != 0) {
		m.kind = CHANNEL_SHARE;
		m.key = p->share;
		process_tell(p, &m, -1);
	}
	if ((untold & 1U << CHANNEL_EMPTY) != 0)
		draining_tell_again(p);
	if ((untold & (1U << CHANNEL_LOG | 1U << CHANNEL_LEVEL)) != 0)
		process_tell_log(p);
	assign_sockets(p->master);
}

static void
process_tell_timer(struct timer *t)
{
	struct master *m = (struct master *)((char *)t -
	    offsetof(struct master, again));
	uint32_t i;

	for (i = 0; i < m->slots; i++)
		if (m->processes[i].channel.fd != -1 &&
		    m->processes[i].untold != 0)
			process_tell_rest(&m->processes[i]);
	if (m->state < MASTER_DRAINING)
		assign_sockets(m);
}

void
process_tell_later(struct master *m)
{
	m->again.fn = process_tell_timer;
	if (m->again.place == 0)
		loop_timer(m->loop, &m->again, PROCESS_AGAIN_MS);
}

static void
process_channel_event(struct watch *w, unsigned int events)
{
	struct process *p = (struct process *)((char *)w -
	    offsetof(struct process, channel));

	if ((events & PRONG_WRITE) != 0)
		process_tell_rest(p);
	if ((events & ~(unsigned int)PRONG_WRITE) != 0 && p->channel.fd != -1)
		process_hear(p);
}

static void
process_child(struct process *p, int end, int report, pid_t master)
{
	struct worker_start start = {
		.server = p->generation->server,
		.scoreboard = &p->master->scoreboard,
		.privilege = &p->generation->privilege,
		.mailboxes = p->master->mailboxes,
		.slot = p->slot,
		.share = p->share,
		.serves = process_serving[p->role],
		.name = p->name,
		.forks = p->role == ROLE_FORKER,
		.pool = p->pool,
		.predecessor = p->end,
		.channel = end,
		.report = report,
		.master = master,
	};

	/* Its log may be another; without, what is said goes on to the old. */
	if (prepare_has_other_log(p->generation->server, p->master->server) &&
	    prepare_log(p->generation->server) == -1)
		log_error("%s: %s", p->name, error_text());

	static const enum rlock_role roles[] = {
		[ROLE_WORKER] = RLOCK_WORKER,
		[ROLE_FORKER] = RLOCK_FORKER,
		[ROLE_POOL] = RLOCK_POOL,
	};

	/* Whoever it was: it is this one's turn now. */
	start.predecessor.pid = 0;
	rlock_set_role(roles[p->role], (int)p->slot);
	worker_main(&start);
}

/* What a new process is given: its channel, and where its last words go. */
struct process_ends {
	int channel[2];
	int report;
};

static void
process_close_ends(struct process_ends *e)
{
	close(e->channel[0]);
	close(e->channel[1]);
	if (e->report != -1)
		close(e->report);
}

static int
process_open_ends(struct process_ends *e)
{
	if (channel_open(e->channel) == -1)
		return -1;
	if ((e->report = crash_open()) != -1)
		return 0;
	error_errno("report");
	process_close_ends(e);
	return -1;
}

static void
process_born(struct process *p, pid_t pid, struct process_ends *e)
{
	close(e->channel[1]);
	p->report = e->report;
	p->pid = pid;
	p->stuck = p->stopped = p->full = p->late = false;
	p->looks = 0;
	p->talk = 0;
	p->sandbox = 0;
	p->asked = p->answered = 0;
	p->untold = 0;
	p->state = PROCESS_STARTING;
	p->started = process_milliseconds();
}

int
process_start(struct process *p)
{
	struct master *m = p->master;
	pid_t pid, self = getpid();
	struct process_ends ends;

	/* Nothing is posted to who has no connections. */
	if ((p->role != ROLE_POOL && process_open_mailbox(m, p->slot) == -1) ||
	    process_open_ends(&ends) == -1)
		return -1;
	p->channel = (struct watch){ process_channel_event, ends.channel[0],
	    PRONG_READ };
	if (loop_add(m->loop, &p->channel) == -1)
		goto fail;
	/* What is buffered here must not be written twice. */
	fflush(NULL);
	pid = fork();
	if (pid == 0)
		process_child(p, ends.channel[1], ends.report, self);
	if (pid == -1 || reaper_add(m, pid) == -1) {
		error_errno("cannot start %s", p->name);
		loop_del(m->loop, &p->channel);
		goto fail;
	}
	process_born(p, pid, &ends);
	return 0;
fail:
	process_close_ends(&ends);
	p->channel.fd = -1;
	return -1;
}

int
process_tell(struct process *p, const struct channel_message *m, int fd)
{
	if (p->channel.fd == -1)
		return -1;
	if (m->number > p->asked)
		p->asked = m->number;
	if (channel_send(p->channel.fd, m, fd) == 0)
		return 0;
	if (errno == EPIPE)
		return -1;
	if (errno == EAGAIN)
		loop_modify(p->master->loop, &p->channel,
		    PRONG_READ | PRONG_WRITE);
	else {
		if ((p->untold & 1U << m->kind) == 0)
			log_error("%s (pid %d): %s; trying again", p->name,
			    (int)p->pid, error_text());
		process_tell_later(p->master);
	}
	p->untold |= 1U << m->kind;
	return -1;
}

void
process_gone(struct process *p)
{
	if (p->master->loop != NULL)
		loop_timer_stop(p->master->loop, &p->timer);
	process_close_channel(p);
	if (p->report != -1)
		close(p->report);
	p->report = -1;
	free(p->serves);
	p->serves = NULL;
	p->serves_size = 0;
	p->pid = 0;
	p->state = PROCESS_NONE;
}
