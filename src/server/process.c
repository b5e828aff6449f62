/* SPDX-License-Identifier: ISC */
/*
 * One process of the master: its fork and its channel.
 */
#include <sys/wait.h>

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/log.h"
#include "base/process.h"
#include "server/channel.h"
#include "server/master.h"
#include "server/worker.h"

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
		log_error("worker %u (pid %d) %s: killed", p->slot,
		    (int)p->pid, why);
	kill(p->pid, SIGKILL);
}

/* What a process says is only that it is ready; anything else is refused. */
static void
process_hear(struct process *p)
{
	struct channel_message m;
	int r;

	while ((r = channel_receive(p->channel.fd, &m, NULL)) == 1) {
		if (m.kind != CHANNEL_READY) {
			process_disown(p, "sends nonsense");
			return;
		}
		/* It may have been told to drain before it was ready. */
		if (p->state == PROCESS_STARTING)
			supervise_ready(p);
	}
	if (r == -1)
		process_disown(p, NULL);
}

/* The channel has room again: what could not be told is told now. */
static void
process_tell_rest(struct process *p)
{
	uint32_t untold = p->untold;
	struct channel_message m = { .kind = 0 };

	p->untold = 0;
	loop_modify(p->master->loop, &p->channel, PRONG_READ);
	for (m.kind = CHANNEL_DRAIN; m.kind <= CHANNEL_LOG; m.kind++)
		if ((untold & 1U << m.kind) != 0)
			process_tell(p, &m, m.kind == CHANNEL_LOG ?
			    log_descriptor() : -1);
	if (p->master->state < MASTER_DRAINING)
		assign_sockets(p->master);
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
process_child(struct process *p, int end, pid_t master)
{
	struct worker_start start = {
		.server = p->master->server,
		.scoreboard = &p->master->scoreboard,
		.slot = p->slot,
		.channel = end,
		.master = master,
	};

	worker_main(&start);
}

int
process_start(struct process *p)
{
	struct master *m = p->master;
	pid_t pid, self = getpid();
	int ends[2];

	if (channel_open(ends) == -1)
		return -1;
	p->channel = (struct watch){ process_channel_event, ends[0],
	    PRONG_READ };
	if (loop_add(m->loop, &p->channel) == -1)
		goto fail;
	/* What is buffered here must not be written twice. */
	fflush(NULL);
	pid = fork();
	if (pid == 0)
		process_child(p, ends[1], self);
	if (pid == -1) {
		error_errno("cannot start worker %u", p->slot);
		loop_del(m->loop, &p->channel);
		goto fail;
	}
	close(ends[1]);
	p->pid = pid;
	p->stuck = false;
	p->untold = 0;
	p->state = PROCESS_STARTING;
	p->started = process_milliseconds();
	return 0;
fail:
	close(ends[0]);
	close(ends[1]);
	p->channel.fd = -1;
	return -1;
}

int
process_tell(struct process *p, const struct channel_message *m, int fd)
{
	if (p->channel.fd == -1)
		return -1;
	if (channel_send(p->channel.fd, m, fd) == 0)
		return 0;
	if (errno == EAGAIN) {
		p->untold |= 1U << m->kind;
		loop_modify(p->master->loop, &p->channel,
		    PRONG_READ | PRONG_WRITE);
	} else if (errno != EPIPE)
		log_error("worker %u (pid %d): %s", p->slot, (int)p->pid,
		    error_text());
	return -1;
}

void
process_gone(struct process *p)
{
	process_close_channel(p);
	free(p->serves);
	p->serves = NULL;
	p->serves_size = 0;
	p->pid = 0;
	p->state = PROCESS_NONE;
}
