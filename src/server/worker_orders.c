/* SPDX-License-Identifier: ISC */
/*
 * What the master tells a worker, and the worker the master.
 */
#include <fcntl.h>
#include <unistd.h>

#include "base/error.h"
#include "base/log.h"
#include "dispatch/crew.h"
#include "dispatch/dispatch.h"
#include "net/conn.h"
#include "net/listener.h"
#include "net/post.h"
#include "server/channel.h"
#include "server/worker.h"
#include "server/worker_state.h"

static void
worker_tell(enum channel_kind kind, uint32_t key, uint64_t number)
{
	const struct channel_message m = {
		.kind = kind, .key = key, .number = number
	};

	if (worker.start->loop != NULL)
		return;
	/* It has room for many; and if not, it is told at another time. */
	if (channel_send(worker.start->channel, &m, -1) == -1 &&
	    kind == CHANNEL_FULL)
		worker.full_untold = true;
}

void
worker_full(bool full)
{
	worker.full_untold = false;
	worker_tell(CHANNEL_FULL, full, 0);
}

void
worker_full_again(void)
{
	if (worker.full_untold)
		worker_full(worker.net->full_told);
}

/* Of the connections that it finds, the one with this number. */
static void
worker_close_one(struct watch *w, void *arg)
{
	struct prong_conn *c = conn_of_watch(w);
	const uint64_t *id = arg;

	if (c == NULL || (c->flags & CONN_DIALED) != 0 || c->entry->id != *id)
		return;
	/* Whoever asks again does not want to wait for a slow reader. */
	if ((c->flags & CONN_CLOSING) != 0)
		conn_end(c, COUNTER_CLOSED_SERVER);
	else
		conn_close(c, COUNTER_CLOSED_SERVER);
}

/* One that cannot be taken comes again when the shortage is over. */
static void
worker_take_socket(const struct channel_message *m, int fd)
{
	struct prong_service *s = server_by_row(worker.start->server,
	    m->service);

	if (s == NULL)
		return;
	if (fd == -1) {
		log_warning("%s: no descriptor left for a listening socket; "
		    "a neighbour accepts from it (see rlimit.nofile)",
		    worker.start->name);
		listener_fall_short(worker.net);
	} else if (listener_add(s, m->key, m->shared != 0, fd) == -1) {
		log_error("%s: %s", worker.start->name, error_text());
		listener_fall_short(worker.net);
	}
}

/* One who is dead has left it: more threads, at once. */
static void
worker_set_share(uint32_t share)
{
	struct prong_server *server = worker.start->server;
	struct prong_service *s;
	size_t i;

	for (i = 0; i < server->service_count; i++) {
		s = server->services[i];
		if (s->crew == NULL)
			continue;
		s->threads = worker_threads(s, share);
		crew_resize(s);
	}
}

static void
worker_log(uint32_t stream, int fd)
{
	if (fd == -1)
		listener_fall_short(worker.net);
	else if (stream < LOG_STREAMS)
		log_set_descriptor((enum log_stream)stream, fd);
}

static void
worker_add_mailbox(uint32_t slot, int fd)
{
	if (fd != -1) {
		post_add(slot, fd);
		return;
	}
	log_warning("%s: no descriptor left for a mailbox; what is "
	    "posted from here to one worker is lost (see "
	    "rlimit.nofile)", worker.start->name);
	listener_fall_short(worker.net);
}

static void
worker_obey(const struct channel_message *m, int fd)
{
	uint64_t id = m->id;

	switch (m->kind) {
	case CHANNEL_ACCEPT:
		worker_take_socket(m, fd);
		break;
	case CHANNEL_RELEASE:
		listener_del(worker.net, m->key);
		break;
	case CHANNEL_CLOSE:
		loop_each(worker.loop, worker_close_one, &id);
		dispatch_close(id);
		break;
	case CHANNEL_DRAIN:
		worker_drain(m->key != 0);
		worker_title();
		break;
	case CHANNEL_STOP:
		loop_stop(worker.loop);
		break;
	case CHANNEL_LEVEL:
		worker_set_level((enum prong_level)m->key);
		break;
	case CHANNEL_LOG:
		worker_log(m->key, fd);
		break;
	case CHANNEL_MAILBOX:
		worker_add_mailbox(m->key, fd);
		break;
	case CHANNEL_SHARE:
		worker_set_share(m->key);
		break;
	case CHANNEL_EMPTY:
		worker_empty(m->service, m->key != 0);
		break;
	}
	if (m->number != 0)
		worker_tell(CHANNEL_DONE, 0, m->number);
}

void
worker_channel_event(struct watch *w, unsigned int events)
{
	struct channel_message m;
	int fd, r;

	/* Without a descriptor left, one that comes here would be lost. */
	if (worker.reserve != -1)
		close(worker.reserve);
	worker.reserve = -1;
	while ((r = channel_receive(w->fd, &m, &fd)) == 1)
		worker_obey(&m, fd);
	worker.reserve = fcntl(w->fd, F_DUPFD_CLOEXEC, 0);
	/* The master has gone; the kernel is about to tell us with SIGKILL. */
	if (r == -1)
		loop_stop(worker.loop);
}
