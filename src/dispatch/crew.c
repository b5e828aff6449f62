/* SPDX-License-Identifier: ISC */
/*
 * Crews.
 *
 * A connection goes to a thread through the queue of the crew, and comes back
 * through the box of the process, where the worker's loop finds it: ended, to
 * be booked and freed, or at rest, to be watched until something happens.  At
 * any time it is one thread's alone.
 */
#include "dispatch/crew.h"

#include <sys/eventfd.h>

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/error.h"
#include "dispatch/lane.h"
#include "net/conn.h"
#include "net/listener.h"
#include "net/mail.h"

/* What calls need of a thread's own stack; handlers run on another. */
#define CREW_STACK_SIZE		(256 * 1024)
/* A thread of a growing crew stays so long without work. */
#define CREW_LINGER_SECONDS	5
/* How long not to start one that could not be, and how often that is told. */
#define CREW_RETRY_MS		1000
#define CREW_TELL_MS		10000

enum crew_command {
	CREW_DRAIN = 1 << 0,
	CREW_CLOSE = 1 << 1,
	CREW_END = 1 << 2,
	CREW_OVERFLOW = 1 << 3,	/* it does not take what is posted to it */
};

struct crew_queue {
	struct prong_conn *first, **end;
};

struct crew_thread {
	struct crew *crew;
	struct crew_thread *next;
	pthread_t id;
	struct lane lane;
	struct watch wake;		/* an eventfd; -1 */
	struct prong_conn *conn;	/* under the lock */
	unsigned int commands;		/* under the lock */
	struct mails *mails;		/* for conn; under the lock */
	bool left;			/* to be joined */
	char signal_stack[32 * 1024] __attribute__((aligned(16)));
};

struct crew {
	struct conn_away away;		/* first */
	struct prong_service *service;
	enum crew_kind kind;
	pthread_mutex_t lock;
	pthread_cond_t work;
	struct crew_queue queue;
	struct crew_thread *threads;
	uint64_t counters[COUNTERS];	/* of the loop's turn */
	uint32_t queued;
	uint32_t running;		/* threads */
	uint32_t busy;			/* of those, have a connection */
	uint32_t max;
	uint32_t number;		/* of the last one */
	enum drain_phase phase;		/* of its service's drain */
	bool stopping;
	bool some_left;
	struct timer retry;		/* armed: none can be started now */
	uint64_t told;			/* when that was told last */
	struct crew *next;
};

/* What comes back to the worker's loop; one a process. */
static struct crews {
	struct crew *first;
	struct loop *loop;
	struct watch watch;
	pthread_mutex_t lock;
	struct prong_conn *back;
} crews = { .watch.fd = -1, .lock = PTHREAD_MUTEX_INITIALIZER };

static void
crew_append(struct crew_queue *q, struct prong_conn *c)
{
	c->next_dead = NULL;
	*q->end = c;
	q->end = &c->next_dead;
}

static struct prong_conn *
crew_take_first(struct crew_queue *q)
{
	struct prong_conn *c = q->first;

	if ((q->first = c->next_dead) == NULL)
		q->end = &q->first;
	return c;
}

static void
crew_signal(int fd)
{
	const uint64_t one = 1;
	ssize_t n = write(fd, &one, sizeof(one));

	/* It cannot be full: it is read as a whole. */
	(void)n;
}

static void
crew_clear(int fd)
{
	uint64_t count;
	ssize_t n = read(fd, &count, sizeof(count));

	(void)n;
}

/* --- in a thread --------------------------------------------------------- */

/*
 * The worker's loop is woken by the first that comes back.  Under the crew's
 * lock, so that whoever abandons its threads finds each connection somewhere.
 */
static void
crew_give_back(struct prong_conn *c)
{
	bool first;

	pthread_mutex_lock(&crews.lock);
	first = crews.back == NULL;
	c->next_dead = crews.back;
	crews.back = c;
	pthread_mutex_unlock(&crews.lock);
	if (first)
		crew_signal(crews.watch.fd);
}

static void
crew_obey(struct crew_thread *t, unsigned int commands,
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
crew_wake_event(struct watch *w, unsigned int events)
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
	crew_obey(t, commands, phase);
	if (t->lane.conn != NULL)
		mail_give_all(t->lane.conn, &mails);
	/* There is hardly more at once. */
	loop_dry(t->lane.loop);
}

/* Waits for work; false when there is to be none.  Under the lock. */
static bool
crew_wait(struct crew *crew)
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
crew_next(struct crew_thread *t)
{
	struct crew *crew = t->crew;
	struct prong_conn *c = NULL;

	pthread_mutex_lock(&crew->lock);
	t->conn = NULL;
	t->commands = 0;
	if (crew_wait(crew)) {
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
			crew_signal(crews.watch.fd);
	}
	pthread_mutex_unlock(&crew->lock);
	return c;
}

/* It has nothing any more when it was abandoned. */
static void
crew_let_go(struct crew_thread *t)
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
crew_run(void *arg)
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
	while ((c = crew_next(t)) != NULL) {
		lane_serve(&t->lane, c);
		crew_let_go(t);
	}
	lane_leave(&t->lane);
	/* It may be a sanitizer's, which takes it away now. */
	sigaltstack(&before, NULL);
	return NULL;
}

/* --- in the worker's own thread ------------------------------------------- */

static void
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
	t->wake = (struct watch){ crew_wake_event,
	    eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK), PRONG_READ };
	if (t->wake.fd == -1 || loop_add(t->lane.loop, &t->wake) == -1 ||
	    tasks_reserve(&t->lane.tasks) == -1) {
		error_errno("a thread");
		crew_thread_free(t);
		return NULL;
	}
	return t;
}

static int
crew_add_thread(struct crew *crew)
{
	struct crew_thread *t;
	pthread_attr_t attr;
	int error;

	if ((t = crew_thread_new(crew)) == NULL)
		return -1;
	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, CREW_STACK_SIZE);
	error = pthread_create(&t->id, &attr, crew_run, t);
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

/* A growing crew's threads that have left. */
static void
crew_join_left(struct crew *crew)
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

/* Others see in the scoreboard how many have a thread, and how many wait. */
static void
crew_show(struct crew *crew, uint32_t running, uint32_t wanted)
{
	struct slot_threads *t = crew->service->shown;
	uint32_t busy = wanted < running ? wanted : running;

	if (t == NULL)
		return;
	__atomic_store_n(&t->all, crew->max == UINT32_MAX ? running :
	    crew->max, __ATOMIC_RELAXED);
	__atomic_store_n(&t->busy, busy, __ATOMIC_RELAXED);
	__atomic_store_n(&t->waiting, wanted - busy, __ATOMIC_RELAXED);
}

/* Whoever has no thread waits in the queue of the kernel, as far as possible. */
static void
crew_review(struct crew *crew)
{
	uint32_t running, wanted;

	pthread_mutex_lock(&crew->lock);
	if (crew->some_left)
		crew_join_left(crew);
	running = crew->running;
	wanted = crew->queued + crew->busy;
	pthread_mutex_unlock(&crew->lock);
	crew_show(crew, running, wanted);
	if (crew->kind != CREW_LENT)
		listener_hold(crew->service, wanted >= crew->max ||
		    crew->retry.place != 0);
}

/* There is not a single thread for it, or no memory to watch it. */
static void
crew_lose(struct prong_conn *c)
{
	struct net *net = c->service->net;

	net->report(PRONG_ERROR, c, error_text());
	c->flags |= CONN_DEAD;
	c->reason = COUNTER_CLOSED_ERROR;
	if ((c->flags & CONN_NEW) == 0)
		c->service->ops->closed(c);
	close(c->watch.fd);
	conn_book_end(c, c->service);
	c->next_dead = net->dead;
	net->dead = c;
}

/* Who waits gets one of those that there are, or one that can be started yet. */
static void
crew_start_later(struct crew *crew)
{
	struct net *net = crew->service->net;

	if (crew->told == 0 || *net->now - crew->told >= CREW_TELL_MS) {
		crew->told = *net->now;
		error_prefix("service=%s: clients have to wait",
		    crew->service->name);
		net->report(PRONG_WARNING, NULL, error_text());
	}
	loop_timer(net->loop, &crew->retry, CREW_RETRY_MS);
}

/* Under the lock: more threads, until there are enough for so many more. */
static void
crew_grow(struct crew *crew, uint32_t more)
{
	while (crew->running - crew->busy < crew->queued + more &&
	    crew->running < crew->max &&
	    (crew->retry.place == 0 || crew->running == 0)) {
		if (crew_add_thread(crew) == -1) {
			if (crew->running > 0)
				crew_start_later(crew);
			return;
		}
		crew->running++;
	}
}

static void
crew_retry(struct timer *t)
{
	struct crew *crew = (struct crew *)((char *)t -
	    offsetof(struct crew, retry));

	pthread_mutex_lock(&crew->lock);
	crew_grow(crew, 0);
	pthread_mutex_unlock(&crew->lock);
	crew_review(crew);
}

/* A connection that is new, or on which something has happened. */
static void
crew_place(struct prong_conn *c)
{
	struct crew *crew = c->service->crew;
	bool lost;

	c->away = &crew->away;
	pthread_mutex_lock(&crew->lock);
	crew_grow(crew, 1);
	lost = crew->running == 0;
	if (!lost) {
		crew_append(&crew->queue, c);
		crew->queued++;
		pthread_cond_signal(&crew->work);
	}
	pthread_mutex_unlock(&crew->lock);
	if (lost)
		crew_lose(c);
	crew_review(crew);
}

static struct crew_thread *
crew_thread_of(const struct crew *crew, const struct prong_conn *c)
{
	struct crew_thread *t = crew->threads;

	while (t != NULL && t->conn != c)
		t = t->next;
	return t;
}

/* Something was posted to a connection that is on its way, or in a thread. */
static void
crew_bring(struct prong_conn *c, const void *data, size_t len)
{
	struct crew *crew = (struct crew *)(uintptr_t)c->away;
	struct crew_thread *t;

	pthread_mutex_lock(&crew->lock);
	if ((t = crew_thread_of(crew, c)) != NULL) {
		if (mails_add(&t->mails, data, len) == -1)
			t->commands |= CREW_OVERFLOW;
		crew_signal(t->wake.fd);
	} else if (mails_add(&c->held, data, len) == -1)
		c->flags |= CONN_ASKED;
	pthread_mutex_unlock(&crew->lock);
}

/* One that came back from a thread. */
static void
crew_welcome(struct prong_conn *c)
{
	struct net *net = c->service->net;

	c->away = NULL;
	if ((c->flags & CONN_DEAD) != 0) {
		conn_book_end(c, c->service);
		c->next_dead = net->dead;
		net->dead = c;
		return;
	}
	conn_lend(c, (c->flags & CONN_CLOSING) == 0);
	if (conn_join(c) != 0) {
		crew_lose(c);
		return;
	}
	mail_give_all(c, NULL);
	conn_drain(c, c->service->drain.phase);
	if ((c->flags & CONN_ASKED) != 0)
		conn_close(c, COUNTER_CLOSED_SERVER);
}

static void
crews_event(struct watch *w, unsigned int events)
{
	struct prong_conn *c, *next;
	struct crew *crew;

	crew_clear(w->fd);
	pthread_mutex_lock(&crews.lock);
	c = crews.back;
	crews.back = NULL;
	pthread_mutex_unlock(&crews.lock);
	for (; c != NULL; c = next) {
		next = c->next_dead;
		crew_welcome(c);
	}
	for (crew = crews.first; crew != NULL; crew = crew->next)
		crew_review(crew);
}

static int
crews_open(struct net *net)
{
	if (crews.watch.fd != -1)
		return 0;
	crews.watch = (struct watch){ crews_event,
	    eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK), PRONG_READ };
	if (crews.watch.fd == -1)
		return error_errno("eventfd");
	crews.loop = net->loop;
	if (loop_add(crews.loop, &crews.watch) == 0)
		return 0;
	close(crews.watch.fd);
	crews.watch.fd = -1;
	return -1;
}

static void
crew_init_lock(struct crew *crew)
{
	pthread_condattr_t attr;

	pthread_mutex_init(&crew->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&crew->work, &attr);
	pthread_condattr_destroy(&attr);
}

static void crew_drain(struct prong_service *);

int
crew_start(struct prong_service *s, enum crew_kind kind)
{
	struct crew *crew;

	if (crews_open(s->net) == -1)
		return -1;
	if ((crew = calloc(1, sizeof(*crew))) == NULL)
		return error_errno("threads");
	crew->away.bring = crew_bring;
	crew->service = s;
	crew->kind = kind;
	crew->max = s->threads;
	crew->queue.end = &crew->queue.first;
	crew->retry.fn = crew_retry;
	crew_init_lock(crew);
	crew->next = crews.first;
	crews.first = crew;
	s->crew = crew;
	s->counters = crew->counters;
	s->place = crew_place;
	s->drain.tell = crew_drain;
	while (kind != CREW_GROWS && crew->running < crew->max) {
		if (crew_add_thread(crew) == -1)
			return -1;
		crew->running++;
	}
	crew_review(crew);
	return 0;
}

/* They are started when they are needed, whatever kind of crew it is. */
void
crew_resize(struct prong_service *s)
{
	struct crew *crew = s->crew;

	crew->max = s->threads;
	crew_review(crew);
}

/* --- commands -------------------------------------------------------------- */

/* Under the lock. */
static void
crew_command(struct crew_thread *t, unsigned int command)
{
	t->commands |= command;
	crew_signal(t->wake.fd);
}

static void
crew_drain(struct prong_service *s)
{
	struct crew *crew = s->crew;
	struct crew_thread *t;

	pthread_mutex_lock(&crew->lock);
	crew->phase = s->drain.phase;
	for (t = crew->threads; t != NULL; t = t->next)
		if (t->conn != NULL)
			crew_command(t, CREW_DRAIN);
	pthread_mutex_unlock(&crew->lock);
}

void
crews_close(uint64_t id)
{
	struct crew_thread *t;
	struct prong_conn *c;
	struct crew *crew;

	for (crew = crews.first; crew != NULL; crew = crew->next) {
		pthread_mutex_lock(&crew->lock);
		for (t = crew->threads; t != NULL; t = t->next)
			if (t->conn != NULL && t->conn->entry->id == id) {
				conntable_show_closing(t->conn->entry);
				crew_command(t, CREW_CLOSE);
			}
		for (c = crew->queue.first; c != NULL; c = c->next_dead)
			if (c->entry->id == id) {
				conntable_show_closing(c->entry);
				c->flags |= CONN_ASKED;
			}
		pthread_mutex_unlock(&crew->lock);
	}
}

/*
 * What its threads still have, or were to have, is booked without them; nobody
 * waits for them, nor frees what they use.  Under the lock.
 */
static void
crew_abandon(struct crew *crew)
{
	struct crew_thread *t;

	for (t = crew->threads; t != NULL; t = t->next) {
		pthread_detach(t->id);
		if (t->conn != NULL) {
			conn_book_abandoned(t->conn, crew->service);
			t->conn = NULL;
		}
	}
	while (crew->queue.first != NULL)
		conn_book_abandoned(crew_take_first(&crew->queue),
		    crew->service);
}

/* Whether it was, since it has threads at work that are not waited for. */
static bool
crew_try_abandon(struct crew *crew)
{
	bool abandons;

	pthread_mutex_lock(&crew->lock);
	abandons = crew->service->settings.at_exit == EXIT_ABANDON &&
	    crew->busy > 0;
	if (abandons)
		crew_abandon(crew);
	pthread_mutex_unlock(&crew->lock);
	return abandons;
}

static void
crew_turn(struct crew *crew)
{
	counters_pass(crew->counters, crew->service->row);
}

static void
crew_free(struct crew *crew)
{
	struct crew_thread *t;

	while ((t = crew->threads) != NULL) {
		crew->threads = t->next;
		pthread_join(t->id, NULL);
		crew_thread_free(t);
	}
	pthread_cond_destroy(&crew->work);
	pthread_mutex_destroy(&crew->lock);
	crew_turn(crew);
	crew->service->counters = crew->service->row;
	crew->service->crew = NULL;
	free(crew);
}

static void
crew_tell_end(struct crew *crew)
{
	struct crew_thread *t;

	pthread_mutex_lock(&crew->lock);
	crew->stopping = true;
	for (t = crew->threads; t != NULL; t = t->next)
		if (t->conn != NULL)
			crew_command(t, CREW_END);
	pthread_cond_broadcast(&crew->work);
	pthread_mutex_unlock(&crew->lock);
}

void
crews_turn(void)
{
	struct crew *crew;

	for (crew = crews.first; crew != NULL; crew = crew->next)
		crew_turn(crew);
}

bool
crews_stop(void)
{
	struct crew *crew, *abandoned = NULL;

	for (crew = crews.first; crew != NULL; crew = crew->next)
		crew_tell_end(crew);
	while ((crew = crews.first) != NULL) {
		crews.first = crew->next;
		loop_timer_stop(crews.loop, &crew->retry);
		if (crew_try_abandon(crew)) {
			crew->next = abandoned;
			abandoned = crew;
		} else
			crew_free(crew);
	}
	if (crews.watch.fd == -1)
		return true;
	/* What they gave back on the way. */
	crews_event(&crews.watch, PRONG_READ);
	loop_del(crews.loop, &crews.watch);
	close(crews.watch.fd);
	crews.watch.fd = -1;
	for (crew = abandoned; crew != NULL; crew = crew->next)
		crew_turn(crew);
	return abandoned == NULL;
}
