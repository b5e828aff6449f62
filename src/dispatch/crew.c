/* SPDX-License-Identifier: ISC */
/*
 * Crews, in the worker's own thread: who gets one of theirs (crew_thread).
 *
 * A connection goes to a thread through the queue of the crew, and comes back
 * through the box of the process, where the worker's loop finds it: ended, to
 * be booked and freed, or at rest, to be watched until something happens.  At
 * any time it is one thread's alone.
 */
#include "dispatch/crew.h"

#include <sys/eventfd.h>

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/error.h"
#include "dispatch/crew_thread.h"
#include "net/listener.h"
#include "net/mail.h"

/* How long not to start one that could not be, and how often that is told. */
#define CREW_RETRY_MS		1000
#define CREW_TELL_MS		10000

/* What comes back to the worker's loop; one a process. */
static struct crews {
	struct crew *first;
	struct loop *loop;
	struct watch watch;
	pthread_mutex_t lock;
	struct prong_conn *back;
} crews = { .watch.fd = -1, .lock = PTHREAD_MUTEX_INITIALIZER };

void
crew_call(void)
{
	crew_signal(crews.watch.fd);
}

/*
 * The worker's loop is woken by the first that comes back.  Under the crew's
 * lock, so that whoever abandons its threads finds each connection somewhere.
 */
void
crew_give_back(struct prong_conn *c)
{
	bool first;

	pthread_mutex_lock(&crews.lock);
	first = crews.back == NULL;
	c->next_dead = crews.back;
	crews.back = c;
	pthread_mutex_unlock(&crews.lock);
	if (first)
		crew_call();
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
		crew_thread_join_left(crew);
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
		if (crew_thread_add(crew) == -1) {
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
		if (crew_thread_add(crew) == -1)
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

static void
crew_drain(struct prong_service *s)
{
	struct crew *crew = s->crew;
	struct crew_thread *t;

	pthread_mutex_lock(&crew->lock);
	crew->phase = s->drain.phase;
	for (t = crew->threads; t != NULL; t = t->next)
		if (t->conn != NULL)
			crew_thread_tell(t, CREW_DRAIN);
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
				crew_thread_tell(t, CREW_CLOSE);
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
			crew_thread_tell(t, CREW_END);
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
