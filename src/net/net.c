/* SPDX-License-Identifier: ISC */
/*
 * What the connections of a process share.
 */
#include "net/net.h"

#include <stdlib.h>
#include <unistd.h>

#include "base/error.h"
#include "net/conn.h"
#include "net/dial.h"
#include "net/input.h"
#include "net/listener.h"
#include "net/mail.h"

static __thread struct net *net_of_thread;

struct net *
net_here(void)
{
	return net_of_thread;
}

void
net_set_here(struct net *net)
{
	net_of_thread = net;
}

/* On a page of its own: the kernel copies faster to an aligned place. */
static char *
net_buffer(size_t size)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);

	return aligned_alloc(page, (size + page - 1) / page * page);
}

struct net *
net_new(struct loop *loop, size_t read_size, net_report_fn *report)
{
	struct net *net;

	if ((net = calloc(1, sizeof(*net))) == NULL ||
	    (net->receive = net_buffer(read_size)) == NULL) {
		error_errno("network buffers");
		free(net);
		return NULL;
	}
	net->loop = loop;
	net->now = loop_clock(loop);
	net->receive_size = read_size;
	outbox_init(&net->outbox, net->receive, read_size);
	net->report = report;
	LIST_INIT(&net->dialed);
	return net;
}

void *
net_take_receive(struct net *net)
{
	char *old = net->receive, *fresh = net_buffer(net->receive_size);

	if (fresh == NULL) {
		error_errno("network buffers");
		return NULL;
	}
	net->receive = fresh;
	outbox_init(&net->outbox, fresh, net->receive_size);
	return old;
}

static void
net_free_dead(struct net *net)
{
	struct prong_conn *c;

	while ((c = net->dead) != NULL) {
		net->dead = c->next_dead;
		if ((c->flags & CONN_DIALED) != 0) {
			dial_bury(c);
			continue;
		}
		dial_let_go_all(&c->dialed);
		conntable_release(&net->table, c->entry);
		output_free(&c->output);
		mails_free(&c->held);
		input_free(c);
		free(c);
	}
}

void
net_bury_dialed(struct net *net)
{
	struct prong_conn **at = &net->dead, *c;

	while ((c = *at) != NULL)
		if ((c->flags & CONN_DIALED) != 0) {
			*at = c->next_dead;
			dial_bury(c);
		} else
			at = &c->next_dead;
}

void
net_free(struct net *net)
{
	if (net == NULL)
		return;
	if (net_of_thread == net)
		net_of_thread = NULL;
	net_close_all(net);
	listener_del_all(net);
	loop_timer_stop(net->loop, &net->resume);
	net_free_dead(net);
	roster_free(&net->roster);
	free(net->receive);
	free(net);
}

void
net_bury(struct net *net)
{
	net_free_dead(net);
	if (net->draining && *net->live == 0 && net->drained != NULL) {
		void (*fn)(void *) = net->drained;

		net->drained = NULL;
		fn(net->drained_arg);
	}
}

static void
net_drain_one(struct watch *w, void *arg)
{
	struct prong_conn *c = conn_of_watch(w);

	if (c != NULL)
		conn_drain(c, DRAIN_ON);
}

void
net_drain(struct net *net, void (*fn)(void *), void *arg)
{
	if (net->draining)
		return;
	listener_accept_rest(net);
	listener_del_all(net);
	net->draining = true;
	net->drained = fn;
	net->drained_arg = arg;
	loop_each(net->loop, net_drain_one, NULL);
}

static void
net_close_one(struct watch *w, void *arg)
{
	struct prong_conn *c = conn_of_watch(w);

	if (c != NULL)
		conn_end(c, COUNTER_CLOSED_SERVER);
}

void
net_close_all(struct net *net)
{
	net->closing = true;
	loop_each(net->loop, net_close_one, NULL);
	dial_end_all(net);
}
