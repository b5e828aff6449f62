/* SPDX-License-Identifier: ISC */
/*
 * Looking up names.
 *
 * The questions of a process wait in one queue.  Threads take them from there,
 * begin when there are more questions than threads, and end when there is none
 * left: who dials by address has no thread, and neither has an idle server.
 * The forker's own process asks nothing, so it stays without threads.
 */
#include "net/resolve.h"

#include <sys/eventfd.h>

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "prong.h"

/* More questions at once wait: a name server is slow, not we. */
#define RESOLVE_THREADS		16
#define RESOLVE_STACK_SIZE	(1024 * 1024)

struct resolve {
	struct resolve *next;		/* in the queue; under the lock */
	char *text;
	struct loop *loop;
	struct watch watch;		/* an eventfd, written with the answer */
	resolve_fn *fn;
	void *arg;
	bool queued;			/* under the lock */
	bool answered;			/* under the lock */
	bool stopped;			/* under the lock: the thread frees it */
	/* the answer */
	struct address *list;
	size_t count;
	int error;
	char why[ERROR_MAX];
};

static struct resolver {
	pthread_mutex_t lock;
	struct resolve *first, **end;
	unsigned int threads;
	unsigned int queued;
	unsigned int busy;
} resolver = {
	.lock = PTHREAD_MUTEX_INITIALIZER, .end = &resolver.first
};

static void
resolve_free(struct resolve *r)
{
	free(r->list);
	free(r->text);
	free(r);
}

/* --- in a thread ---------------------------------------------------------- */

static void
resolve_ask(struct resolve *r)
{
	if (address_resolve(r->text, false, &r->list, &r->count) == 0)
		return;
	r->error = errno;
	strlcpy(r->why, error_text(), sizeof(r->why));
}

/* Under the lock. */
static void
resolve_answer(struct resolve *r)
{
	const uint64_t one = 1;
	ssize_t n;

	if (r->stopped) {
		resolve_free(r);
		return;
	}
	r->answered = true;
	/* It cannot be full: this is the only write. */
	n = write(r->watch.fd, &one, sizeof(one));
	(void)n;
}

static void *
resolve_run(void *arg)
{
	struct resolve *r;

	pthread_mutex_lock(&resolver.lock);
	while ((r = resolver.first) != NULL) {
		if ((resolver.first = r->next) == NULL)
			resolver.end = &resolver.first;
		r->queued = false;
		resolver.queued--;
		resolver.busy++;
		pthread_mutex_unlock(&resolver.lock);
		resolve_ask(r);
		pthread_mutex_lock(&resolver.lock);
		resolver.busy--;
		resolve_answer(r);
	}
	resolver.threads--;
	pthread_mutex_unlock(&resolver.lock);
	return NULL;
}

/* --- in the loop's thread -------------------------------------------------- */

/* Signals are for the loop. */
static int
resolve_add_thread(void)
{
	pthread_attr_t attr;
	sigset_t all, before;
	pthread_t id;
	int error;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, RESOLVE_STACK_SIZE);
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	error = pthread_create(&id, &attr, resolve_run, NULL);
	pthread_attr_destroy(&attr);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return error;
}

/* Under the lock: to the end of the queue, and there is somebody to take it. */
static int
resolve_enqueue(struct resolve *r)
{
	if (resolver.threads - resolver.busy <= resolver.queued &&
	    resolver.threads < RESOLVE_THREADS) {
		if (resolve_add_thread() == 0)
			resolver.threads++;
		else if (resolver.threads == 0)
			return error_set(EAGAIN, "\"%.128s\": there is no "
			    "thread to look it up", r->text);
	}
	r->next = NULL;
	*resolver.end = r;
	resolver.end = &r->next;
	r->queued = true;
	resolver.queued++;
	return 0;
}

static void
resolve_event(struct watch *w, unsigned int events)
{
	struct resolve *r = (struct resolve *)((char *)w -
	    offsetof(struct resolve, watch));
	struct address *list;

	/* The thread has let go of it. */
	pthread_mutex_lock(&resolver.lock);
	list = r->list;
	r->list = NULL;
	pthread_mutex_unlock(&resolver.lock);
	loop_del(r->loop, w);
	close(w->fd);
	if (list == NULL)
		error_set(r->error, "%s", r->why);
	r->fn(r->arg, list, r->count);
	resolve_free(r);
}

static struct resolve *
resolve_new(struct loop *loop, const char *text, resolve_fn *fn, void *arg)
{
	struct resolve *r;

	if ((r = calloc(1, sizeof(*r))) == NULL ||
	    (r->text = strdup(text)) == NULL) {
		error_errno("\"%.128s\"", text);
		free(r);
		return NULL;
	}
	r->loop = loop;
	r->fn = fn;
	r->arg = arg;
	r->watch = (struct watch){ resolve_event,
	    eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK), PRONG_READ };
	if (r->watch.fd == -1) {
		error_errno("cannot look up \"%.128s\"", text);
		resolve_free(r);
		return NULL;
	}
	if (loop_add(loop, &r->watch) == -1) {
		close(r->watch.fd);
		resolve_free(r);
		return NULL;
	}
	return r;
}

struct resolve *
resolve_start(struct loop *loop, const char *text, resolve_fn *fn, void *arg)
{
	struct resolve *r;
	int result;

	if ((r = resolve_new(loop, text, fn, arg)) == NULL)
		return NULL;
	pthread_mutex_lock(&resolver.lock);
	result = resolve_enqueue(r);
	pthread_mutex_unlock(&resolver.lock);
	if (result == 0)
		return r;
	loop_del(loop, &r->watch);
	close(r->watch.fd);
	resolve_free(r);
	errno = EAGAIN;
	return NULL;
}

/* Under the lock. */
static void
resolve_dequeue(struct resolve *r)
{
	struct resolve **at;

	for (at = &resolver.first; *at != r; at = &(*at)->next)
		continue;
	if ((*at = r->next) == NULL)
		resolver.end = at;
	resolver.queued--;
}

void
resolve_stop(struct resolve *r)
{
	bool mine;

	if (r == NULL)
		return;
	loop_del(r->loop, &r->watch);
	pthread_mutex_lock(&resolver.lock);
	close(r->watch.fd);
	if (r->queued)
		resolve_dequeue(r);
	mine = r->queued || r->answered;
	r->stopped = true;
	pthread_mutex_unlock(&resolver.lock);
	if (mine)
		resolve_free(r);
}
