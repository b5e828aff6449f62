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

/* What a process says is only that it is ready; anything else is refused. */
static void
process_channel_event(struct watch *w, unsigned int events)
{
	struct process *p = (struct process *)((char *)w -
	    offsetof(struct process, channel));
	struct channel_message m;
	int fd, r;

	while ((r = channel_receive(w->fd, &m, &fd)) == 1) {
		if (fd != -1)
			close(fd);
		if (m.kind != CHANNEL_READY || p->state != PROCESS_STARTING) {
			log_error("worker %u (pid %d) sends nonsense: killed",
			    p->slot, (int)p->pid);
			kill(p->pid, SIGKILL);
			break;
		}
		supervise_ready(p);
	}
	/* The end of the channel is the end of the process: SIGCHLD follows. */
	if (r == -1)
		loop_modify(p->master->loop, w, 0);
}

static void
process_child(struct process *p, int end)
{
	struct worker_start start = {
		.server = p->master->server,
		.scoreboard = &p->master->scoreboard,
		.slot = p->slot,
		.channel = end,
		.master = getppid(),
	};

	worker_main(&start);
}

int
process_start(struct process *p)
{
	struct master *m = p->master;
	pid_t pid;
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
		process_child(p, ends[1]);
	if (pid == -1) {
		error_errno("cannot start worker %u", p->slot);
		loop_del(m->loop, &p->channel);
		goto fail;
	}
	close(ends[1]);
	p->pid = pid;
	p->state = PROCESS_STARTING;
	p->started = process_milliseconds();
	return 0;
fail:
	close(ends[0]);
	close(ends[1]);
	p->channel.fd = -1;
	return -1;
}

/* One that does not empty its channel is stuck or stopped: it is replaced. */
int
process_tell(struct process *p, const struct channel_message *m, int fd)
{
	if (channel_send(p->channel.fd, m, fd) == 0)
		return 0;
	if (errno == EAGAIN) {
		log_error("worker %u (pid %d) does not listen: killed",
		    p->slot, (int)p->pid);
		kill(p->pid, SIGKILL);
	}
	return -1;
}

void
process_gone(struct process *p)
{
	if (p->channel.fd != -1) {
		loop_del(p->master->loop, &p->channel);
		close(p->channel.fd);
		p->channel.fd = -1;
	}
	free(p->serves);
	p->serves = NULL;
	p->serves_size = 0;
	p->pid = 0;
	p->state = PROCESS_NONE;
}
