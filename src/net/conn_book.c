/* SPDX-License-Identifier: ISC */
/*
 * The books: that a connection was accepted, and how it ended.  Always in the
 * process that accepted it, in the loop of its worker.
 */
#include "net/conn.h"
#include "net/listener.h"

static void
conn_live(struct net *net, int change)
{
	__atomic_store_n(net->live, *net->live + (uint64_t)(int64_t)change,
	    __ATOMIC_RELAXED);
}

void
conn_book(struct prong_conn *c)
{
	struct net *net = c->service->net;

	conntable_open(&net->table, c->entry, c->service->index);
	roster_add(&net->roster, c);
	c->service->open++;
	conn_live(net, 1);
}

/* Its entry stays for this turn: a handler may still ask who it was. */
static void
conn_book_as(struct prong_conn *c, struct prong_service *home,
    enum counter reason)
{
	struct net *net = home->net;

	net->ended.service = home;
	conntable_copy(&net->ended.entry, c->entry);
	net->ended.fd = c->watch.fd;
	net->ended.ms = *net->now;
	roster_del(&net->roster, c);
	conntable_close(&net->table, c->entry, reason);
	if (net->record != NULL)
		net->record(home, &net->ended.entry, reason);
	if (net->trace != NULL)
		net->trace(home, &net->ended.entry, reason,
		    loop_nanoseconds(net->loop));
	home->open--;
	conn_live(net, -1);
	if (net->paused)
		listener_resume_all(net);
}

void
conn_book_end(struct prong_conn *c, struct prong_service *home)
{
	conn_book_as(c, home, (enum counter)c->reason);
}

void
conn_book_abandoned(struct prong_conn *c, struct prong_service *home)
{
	conn_book_as(c, home, COUNTER_CLOSED_SERVER);
}
