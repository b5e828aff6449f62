/* SPDX-License-Identifier: ISC */
/*
 * Accepting connections.
 *
 * An event brings one connection as a rule, and the call that would only bring
 * EAGAIN is saved: another that waits makes the descriptor ready again.  While
 * connections come faster than that, a queue of our own is taken in growing
 * but bounded bursts, so that those that are open get their share; one that is
 * shared is not, so that the neighbours get theirs.
 */
#include "net/listener.h"

#include <sys/socket.h>

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/error.h"
#include "net/conn.h"

/* The most that one event takes from a queue of our own. */
#define LISTENER_BURST_MAX	16
/* How long not to accept when descriptors or memory have run out. */
#define LISTENER_PAUSE_MS	50
/* Without a shortage for so long, it is over. */
#define LISTENER_WELL_MS	1000
/* How often to tell of a shortage that lasts. */
#define LISTENER_TELL_MS	10000
/* The last accepts before draining are bounded, whoever keeps connecting. */
#define LISTENER_REST_MAX	65536

struct listener {
	struct watch watch;
	struct prong_service *service;
	uint32_t key;
	int burst;			/* to take at the next event */
	int burst_max;
	struct listener *next;
};

static void
listener_tell_full(struct net *net, bool full)
{
	if (net->full_told == full || net->full == NULL)
		return;
	net->full_told = full;
	net->full(full);
}

/*
 * Paused, it has found no means to accept for a while and tries again: a
 * neighbour should too.  Otherwise the shortage is over.
 */
static void
listener_resume_timer(struct timer *t)
{
	struct net *net = (struct net *)((char *)t -
	    offsetof(struct net, resume));

	listener_tell_full(net, net->paused);
	listener_resume_all(net);
}

/* Readiness that nobody is to act on would spin. */
static void
listener_apply(struct net *net)
{
	struct listener *l;

	for (l = net->listeners; l != NULL; l = l->next)
		loop_modify(net->loop, &l->watch,
		    net->paused || l->service->full ? 0 : PRONG_READ);
}

void
listener_hold(struct prong_service *service, bool full)
{
	if (service->full == full)
		return;
	service->full = full;
	listener_apply(service->net);
}

/* Level-triggered readiness with nothing left to accept with would spin. */
static void
listener_pause_all(struct net *net)
{
	if (net->paused)
		return;
	net->resume.fn = listener_resume_timer;
	/* Without a timer nobody would end it: then it spins. */
	if (loop_timer(net->loop, &net->resume, LISTENER_PAUSE_MS) == -1)
		return;
	net->paused = true;
	listener_apply(net);
}

void
listener_fall_short(struct net *net)
{
	listener_tell_full(net, true);
	listener_pause_all(net);
}

void
listener_resume_all(struct net *net)
{
	net->paused = false;
	if (net->full_told)
		loop_timer(net->loop, &net->resume, LISTENER_WELL_MS);
	else
		loop_timer_stop(net->loop, &net->resume);
	listener_apply(net);
}

static void
listener_tell_shortage(struct net *net)
{
	error_errno("cannot accept connections");
	if (net->shortage_told != 0 &&
	    *net->now - net->shortage_told < LISTENER_TELL_MS)
		return;
	net->shortage_told = *net->now;
	net->report(PRONG_WARNING, NULL, error_text());
}

/* Takes one from the queue; -1 when there is none, or no means to do it. */
static int
listener_accept_one(struct listener *l)
{
	struct net *net = l->service->net;
	struct address peer;
	int fd;

	peer.length = sizeof(peer.storage);
	fd = accept4(l->watch.fd, &peer.sa, &peer.length,
	    SOCK_NONBLOCK | SOCK_CLOEXEC);
	if (fd != -1) {
		/* One that is refused was taken from the queue all the same. */
		conn_open(l->service, fd, &peer);
		return 0;
	}
	switch (errno) {
	case EINTR:
	case ECONNABORTED:
		return 0;
	case EMFILE:
	case ENFILE:
	case ENOBUFS:
	case ENOMEM:
		listener_tell_shortage(net);
		listener_pause_all(net);
		return -1;
	default:
		/* EAGAIN: there is none, or a neighbour was faster. */
		return -1;
	}
}

static void
listener_event(struct watch *w, unsigned int events)
{
	struct listener *l = (struct listener *)((char *)w -
	    offsetof(struct listener, watch));
	int left = l->burst;

	while (left > 0 && !l->service->full && listener_accept_one(l) == 0)
		left--;
	if (left > 0)
		l->burst = 1;
	else if (l->burst < l->burst_max)
		l->burst *= 2;
}

static bool
listener_has(const struct net *net, uint32_t key)
{
	const struct listener *l;

	for (l = net->listeners; l != NULL; l = l->next)
		if (l->key == key)
			return true;
	return false;
}

int
listener_add(struct prong_service *service, uint32_t key, bool shared, int fd)
{
	struct net *net = service->net;
	struct listener *l;

	/* The master was not sure whether we have it. */
	if (listener_has(net, key)) {
		close(fd);
		return 0;
	}
	if ((l = calloc(1, sizeof(*l))) == NULL) {
		close(fd);
		return error_errno("listener");
	}
	l->service = service;
	l->key = key;
	l->burst = 1;
	l->burst_max = shared ? 1 : LISTENER_BURST_MAX;
	l->watch = (struct watch){ listener_event, fd,
	    net->paused || service->full ? 0 : PRONG_READ };
	if (loop_add(net->loop, &l->watch) == -1) {
		close(fd);
		free(l);
		return error_prefix("service \"%s\"", service->name);
	}
	l->next = net->listeners;
	net->listeners = l;
	return 0;
}

/* Takes the listener at *at out of the list. */
static void
listener_end(struct net *net, struct listener **at)
{
	struct listener *l = *at;

	*at = l->next;
	loop_del(net->loop, &l->watch);
	close(l->watch.fd);
	free(l);
}

void
listener_del(struct net *net, uint32_t key)
{
	struct listener **at;

	for (at = &net->listeners; *at != NULL; at = &(*at)->next)
		if ((*at)->key == key) {
			listener_end(net, at);
			return;
		}
}

void
listener_del_all(struct net *net)
{
	while (net->listeners != NULL)
		listener_end(net, &net->listeners);
}

void
listener_forget_all(struct net *net)
{
	const struct listener *l;

	for (l = net->listeners; l != NULL; l = l->next)
		close(l->watch.fd);
}

/* Of a service with fewer threads than there are workers. */
static bool
listener_is_idle(const struct listener *l)
{
	return l->service->crew != NULL && l->service->threads == 0;
}

/* One that has no thread for anybody leaves them to the neighbours. */
void
listener_accept_rest(struct net *net)
{
	struct listener *l;
	int left = LISTENER_REST_MAX;

	for (l = net->listeners; l != NULL; l = l->next)
		while (!listener_is_idle(l) && left-- > 0 && listener_accept_one(l) == 0)
			continue;
}
