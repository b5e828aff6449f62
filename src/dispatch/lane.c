/* SPDX-License-Identifier: ISC */
/*
 * A lane and its turns.
 */
#include "dispatch/lane.h"

#include <unistd.h>

#include "base/context.h"
#include "dispatch/conversation.h"
#include "net/conn.h"
#include "net/dial.h"

/* Handlers may call deep in a thread, as they may in any other program. */
#define LANE_STACK_SIZE	(1024 * 1024)

static __thread struct lane *lane_of_thread;

struct lane *
lane_here(void)
{
	return lane_of_thread;
}

static void
lane_add_counters(struct lane *l)
{
	counters_pass(l->counters, l->home->row);
}

/*
 * What has been received is counted before it is answered, so that a kill loses
 * nothing of what a client knows.
 */
static int
lane_message(struct prong_conn *c, const void *data, size_t length)
{
	struct lane *l = lane_of_thread;

	counter_pass(l->counters, l->home->row, COUNTER_MESSAGES);
	counter_pass(l->counters, l->home->row, COUNTER_BYTES_IN);
	return l->home->ops->message(c, data, length);
}

/*
 * Whether the connection needs this lane no longer.  What is left of one that
 * is closing, its last bytes and the peer's, needs no handler.
 */
static bool
lane_is_done(const struct lane *l)
{
	unsigned int flags = l->conn->flags;

	/* What it has said to others can go out nowhere else. */
	if (dial_is_any_closing(l->net))
		return false;
	if ((flags & CONN_DEAD) != 0)
		return true;
	if ((flags & CONN_SPLICED) != 0)
		return false;
	if (conversation_is_on(l->conn) || l->keeps == LANE_TO_THE_END)
		return false;
	/* A timer of the handler's fires here or nowhere. */
	return (flags & CONN_CLOSING) != 0 ||
	    (l->keeps == LANE_WHILE_BUSY && l->tasks.begun == 0);
}

/* What is deferred, and who is told of a task, is this thread's to call. */
static bool
lane_owes_calls(const struct lane *l)
{
	return loop_has_deferred(l->loop) ||
	    (l->tasks.calls > 0 && !l->hurries);
}

static bool
lane_may_rest(const struct lane *l)
{
	return lane_is_done(l) && !lane_owes_calls(l);
}

static void
lane_turn(void *arg)
{
	struct lane *l = arg;

	l->serving = SLOT_NONE;
	lane_add_counters(l);
	if (l->net->dead != NULL)
		net_bury_dialed(l->net);
	if (lane_may_rest(l))
		loop_stop(l->loop);
}

void
lane_renew(struct lane *l, struct prong_service *home)
{
	struct prong_service service = *home;

	service.net = l->net;
	service.counters = l->counters;
	service.place = NULL;
	l->ops = *home->ops;
	l->ops.message = lane_message;
	service.ops = &l->ops;
	l->service = service;
	l->home = home;
}

int
lane_init(struct lane *l, struct prong_service *home, const char *name)
{
	*l = (struct lane){ .home = home };
	strlcpy(l->name, name, sizeof(l->name));
	if ((l->loop = loop_new(LOOP_LANE, 0)) == NULL)
		return -1;
	l->net = net_new(l->loop, home->read_size, home->net->report);
	if (l->net == NULL) {
		loop_free(l->loop);
		*l = (struct lane){ .home = NULL };
		return -1;
	}
	l->net->table = home->net->table;
	l->net->serving_entry = &l->serving;
	l->net->lane = l->name;
	lane_renew(l, home);
	tasks_init(&l->tasks, l->loop, LANE_STACK_SIZE);
	loop_on_turn(l->loop, lane_turn, l);
	return 0;
}

void
lane_enter(struct lane *l)
{
	tasks_set_here(&l->tasks);
	net_set_here(l->net);
	lane_of_thread = l;
}

static void
lane_nothing(void *arg)
{
}

static void
lane_no_timer(struct timer *t)
{
}

void
lane_warm(struct lane *l)
{
	struct timer timer = { .fn = lane_no_timer };

	if (CONTEXT_OUTLIVES_FORK)
		task_start(&l->tasks, lane_nothing, NULL, NULL);
	if (loop_timer(l->loop, &timer, 0) == 0)
		loop_timer_stop(l->loop, &timer);
}

void
lane_hurry(struct lane *l)
{
	l->hurries = true;
}

void
lane_leave(struct lane *l)
{
	tasks_end(&l->tasks);
	loop_end_deferred(l->loop);
	tasks_set_here(NULL);
	net_set_here(NULL);
	lane_of_thread = NULL;
}

void
lane_fini(struct lane *l)
{
	tasks_fini(&l->tasks);
	net_free(l->net);
	loop_free(l->loop);
}

/* There is no memory to watch it. */
static void
lane_lose(struct prong_conn *c)
{
	c->flags |= CONN_DEAD;
	c->reason = COUNTER_CLOSED_ERROR;
	if ((c->flags & CONN_NEW) == 0)
		c->service->ops->closed(c);
	close(c->watch.fd);
}

static void
lane_take(struct lane *l, struct prong_conn *c)
{
	bool is_new = (c->flags & CONN_NEW) != 0;

	loop_refresh(l->loop);
	c->service = &l->service;
	conn_lend(c, false);
	if (conn_join(c) != 0)
		lane_lose(c);
	else if (is_new)
		conn_begin(c);
	else
		conn_look(c);
	if ((c->flags & (CONN_ASKED | CONN_DEAD)) == CONN_ASKED)
		conn_close(c, COUNTER_CLOSED_SERVER);
	lane_add_counters(l);
}

/*
 * The handler has no more to do with one that is closing.  It hears so here,
 * where its timers, its watches and what it has dialed are.
 */
static void
lane_take_leave(struct lane *l, struct prong_conn *c)
{
	if ((c->flags & (CONN_CLOSING | CONN_DEAD)) == CONN_CLOSING)
		c->service->ops->closed(c);
	while ((dial_is_any_closing(l->net) || lane_owes_calls(l)) &&
	    loop_run(l->loop) == 0)
		continue;
	if ((c->flags & CONN_DEAD) == 0)
		conn_leave(c);
	dial_end_all(l->net);
	/* What was begun at any of these ends is called here, too. */
	while (lane_owes_calls(l) && loop_run(l->loop) == 0)
		continue;
	dial_end_all(l->net);
	net_bury_dialed(l->net);
}

void
lane_serve(struct lane *l, struct prong_conn *c)
{
	l->conn = c;
	lane_take(l, c);
	while (!lane_may_rest(l) && loop_run(l->loop) == 0)
		continue;
	if (!lane_is_done(l))
		conn_end(c, COUNTER_CLOSED_ERROR);
	lane_take_leave(l, c);
	/* It is freed at home. */
	l->net->dead = NULL;
	l->net->serving = NULL;
	l->conn = NULL;
	c->service = l->home;
}
