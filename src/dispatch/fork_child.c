/* SPDX-License-Identifier: ISC */
/*
 * A child of the forker.
 *
 * It serves one connection in a lane that was made before the fork, and leaves
 * in the connection's entry how that ended.  It is told to say goodbye, to
 * close or to end by signals, which it reads from the descriptor that the
 * forker reads its own from.
 */
#include "dispatch/fork_child.h"

#include <sys/signalfd.h>

#include <unistd.h>

#include "dispatch/fork_mail.h"
#include "dispatch/lane.h"
#include "net/conn.h"
#include "net/mail.h"
#include "net/post.h"

/* How long it waits until what it has posted is on its way. */
#define FORK_FINISH_MS	1000

/* Made for the service that was served last. */
static struct lane fork_child_lane;
static struct watch fork_child_watch;

void
fork_child_tell_phase(pid_t pid, enum drain_phase phase)
{
	sigqueue(pid, FORK_DRAIN, (union sigval){ .sival_int = (int)phase });
}

static void
fork_child_obey(int signo, int value)
{
	struct prong_conn *c = fork_child_lane.conn;

	if (signo == FORK_END)
		lane_hurry(&fork_child_lane);
	if (c == NULL || (c->flags & CONN_DEAD) != 0)
		return;
	if (signo == FORK_END)
		conn_end(c, COUNTER_CLOSED_SERVER);
	else if (signo == FORK_CLOSE)
		conn_close(c, COUNTER_CLOSED_SERVER);
	else if (signo == FORK_DRAIN)
		conn_drain(c, (enum drain_phase)value);
	else if (signo == FORK_MAIL)
		fork_mail_fetch(&fork_child_lane);
	else if (signo == FORK_OVERFLOW)
		mail_overflow(c);
}

static void
fork_child_told(struct watch *w, unsigned int events)
{
	struct signalfd_siginfo info;

	while (read(w->fd, &info, sizeof(info)) == sizeof(info))
		fork_child_obey((int)info.ssi_signo, info.ssi_int);
}

void
fork_child_serve(struct prong_conn *c)
{
	post_in_child(fork_child_lane.loop);
	lane_enter(&fork_child_lane);
	lane_renew(&fork_child_lane, c->service);
	if (c->service->drain.phase != DRAIN_OFF)
		fork_child_tell_phase(getpid(), c->service->drain.phase);
	lane_serve(&fork_child_lane, c);
	lane_leave(&fork_child_lane);
	post_finish(FORK_FINISH_MS);
	conntable_set_phase(c->entry, CONN_PHASE_ENDED + c->reason);
	_exit(0);
}

int
fork_child_prepare(struct prong_service *s, int signals)
{
	if (lane_init(&fork_child_lane, s, "") == -1)
		return -1;
	lane_warm(&fork_child_lane);
	fork_child_watch = (struct watch){ fork_child_told, signals,
	    PRONG_READ };
	return loop_add(fork_child_lane.loop, &fork_child_watch);
}

void
fork_child_unprepare(void)
{
	if (fork_child_lane.loop != NULL)
		lane_fini(&fork_child_lane);
}
