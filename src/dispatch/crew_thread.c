/* SPDX-License-Identifier: ISC */
/*
 * A thread of a crew: begun, at work, joined.
 *
 * It takes connections out of the queue one after the other, serves each in its
 * lane, and gives it back.  What it is told comes by an eventfd of its lane's
 * loop.
 */
#include "dispatch/crew_thread.h"

#include <sys/eventfd.h>

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/error.h"
#include "net/mail.h"

/* What calls need of a thread's own stack; handlers run on another. */
#define CREW_STACK_SIZE		(256 * 1024)
/* A thread of a growing crew stays so long without work. */
#define CREW_LINGER_SECONDS	5

static void
crew_thread_obey(struct crew_thread *t, unsigned int commands,
    enum drain_phase phase)
{
	struct prong_conn *c = t->lane.conn;

	if ((commands & CREW_END) != 0)
		lane_hurry(&t->lane);
	if (c == NULL || (c->flags & CONN_DEAD) != 0)
		return;
	if ((commands & CREW_END) != 0)
		conn_end(c, COUNTER_CLOSED_SERVER);
	else if ((commands & CREW_OVERFLOW) != 0)
		mail_overflow(c);
	else if ((commands & CREW_CLOSE) != 0 && (c->flags & CONN_CLOSING) != 0)
		conn_end(c, COUNTER_CLOSED_SERVER);
	else if ((commands & CREW_CLOSE) != 0)
		conn_close(c, COUNTER_CLOSED_SERVER);
	else if ((commands & CREW_DRAIN) != 0)
		conn_drain(c, phase);
}

static void
crew_thread_woken(struct watch *w, unsigned int events)
{
	struct crew_thread *t = (struct crew_thread *)((char *)w -
	    offsetof(struct crew_thread, wake));
	enum drain_phase phase;
	struct mails *mails;
	unsigned int commands;

	crew_clear(w->fd);
	pthread_mutex_lock(&t->crew->lock);
	commands = t->commands;
	t->commands = 0;
	phase = t->crew->phase;
	mails = t->mails;
	t->mails = NULL;
	pthread_mutex_unlock(&t->crew->lock);
	crew_thread_obey(t, commands, phase);
	if (t->lane.conn != NULL)
		mail_give_all(t->lane.conn, &mails);
	/* There is hardly more at once. */
	loop_dry(t->lane.loop);
}

/* Waits for work; false when there is to be none.  Under the lock. */
static bool
crew_thread_wait(struct crew *crew)
{
	struct timespec until;
	int error = 0;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += CREW_LINGER_SECONDS;
	while (crew->queue.first == NULL && !crew->stopping && error == 0)
		if (crew->kind == CREW_GROWS)
			error = pthread_cond_timedwait(&crew->work,
			    &crew->lock, &until);
		else
			error = pthread_cond_wait(&crew->work, &crew->lock);
	return crew->queue.first != NULL;
}

static struct prong_conn *
crew_thread_next(struct crew_thread *t)
{
	struct crew *crew = t->crew;
	struct prong_conn *c = NULL;

	pthread_mutex_lock(&crew->lock);
	t->conn = NULL;
	t->commands = 0;
	if (crew_thread_wait(crew)) {
		c = t->conn = crew_take_first(&crew->queue);
		crew->queued--;
		crew->busy++;
		if (crew->stopping)
			t->commands = CREW_END;
		else if (crew->phase != DRAIN_OFF)
			t->commands = CREW_DRAIN;
		if (t->commands != 0 || c->held != NULL)
			crew_signal(t->wake.fd);
	} else {
		t->left = crew->some_left = true;
		crew->running--;
		/* Nobody may be there to hear it at the end. */
		if (!crew->stopping)
			crew_call();
	}
	pthread_mutex_unlock(&crew->lock);
	return c;
}

/* It has nothing any more when it was abandoned. */
static void
crew_thread_let_go(struct crew_thread *t)
{
	struct prong_conn *c;

	pthread_mutex_lock(&t->crew->lock);
	if ((c = t->conn) != NULL) {
		/* It was told so late that it has not looked. */
		if ((t->commands & CREW_CLOSE) != 0)
			c->flags |= CONN_ASKED;
		/* So late that it has not looked, too. */
		mails_move(&c->held, &t->mails);
		crew_give_back(c);
	}
	mails_free(&t->mails);
	t->conn = NULL;
	t->crew->busy--;
	pthread_mutex_unlock(&t->crew->lock);
}

static void *
crew_thread_run(void *arg)
{
	struct crew_thread *t = arg;
	/* An overrun stack is told of from another. */
	const stack_t signals = {
		.ss_sp = t->signal_stack, .ss_size = sizeof(t->signal_stack)
	};
	stack_t before;
	struct prong_conn *c;

	pthread_setname_np(pthread_self(), t->lane.name);
	lane_enter(&t->lane);
	sigaltstack(&signals, &before);
	while ((c = crew_thread_next(t)) != NULL) {
		lane_serve(&t->lane, c);
		crew_thread_let_go(t);
	}
	lane_leave(&t->lane);
	/* It may be a sanitizer's, which takes it away now. */
	sigaltstack(&before, NULL);
	return NULL;
}

/* --- in the worker's own thread ------------------------------------------- */

void
crew_thread_free(struct crew_thread *t)
{
	if (t->wake.fd != -1)
		close(t->wake.fd);
	lane_fini(&t->lane);
	free(t);
}

static struct crew_thread *
crew_thread_new(struct crew *crew)
{
	struct crew_thread *t;
	char name[16];

	if ((t = calloc(1, sizeof(*t))) == NULL) {
		error_errno("a thread");
		return NULL;
	}
	t->crew = crew;
	snprintf(name, sizeof(name), "%.9s/%u", crew->service->name,
	    ++crew->number % 100000);
	if (lane_init(&t->lane, crew->service, name) == -1) {
		free(t);
		return NULL;
	}
	t->lane.keeps = crew->kind == CREW_LENT ? LANE_WHILE_BUSY :
	    LANE_UNTIL_CLOSING;
	t->wake = (struct watch){ crew_thread_woken,
	    eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK), PRONG_READ };
	if (t->wake.fd == -1 || loop_add(t->lane.loop, &t->wake) == -1 ||
	    tasks_reserve(&t->lane.tasks) == -1) {
		error_errno("a thread");
		crew_thread_free(t);
		return NULL;
	}
	return t;
}

int
crew_thread_add(struct crew *crew)
{
	struct crew_thread *t;
	pthread_attr_t attr;
	int error;

	if ((t = crew_thread_new(crew)) == NULL)
		return -1;
	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, CREW_STACK_SIZE);
	error = pthread_create(&t->id, &attr, crew_thread_run, t);
	pthread_attr_destroy(&attr);
	if (error != 0) {
		crew_thread_free(t);
		return error_set(error, "cannot start a thread: %s",
		    strerror(error));
	}
	t->next = crew->threads;
	crew->threads = t;
	return 0;
}

void
crew_thread_join_left(struct crew *crew)
{
	struct crew_thread **at = &crew->threads, *t;

	crew->some_left = false;
	while ((t = *at) != NULL) {
		if (!t->left) {
			at = &t->next;
			continue;
		}
		*at = t->next;
		pthread_join(t->id, NULL);
		crew_thread_free(t);
	}
}

struct crew_thread *
crew_thread_of(const struct crew *crew, const struct prong_conn *c)
{
	struct crew_thread *t = crew->threads;

	while (t != NULL && t->conn != c)
		t = t->next;
	return t;
}

void
crew_thread_tell(struct crew_thread *t, enum crew_command command)
{
	t->commands |= command;
	crew_signal(t->wake.fd);
}
