/* SPDX-License-Identifier: ISC */
/*
 * Dialing.
 *
 * By a task: the connection is held by it, or by the connection that it is
 * about, until it is closed.  Nothing is read but while a task receives, which
 * is woken in the event of the message; so the connection is busy at all other
 * times, and what comes waits in the kernel.  Its own connection is busy
 * meanwhile, as with everything else that its task waits for.
 *
 * In the loop: a handler of the caller's is called for what happens, as an
 * inline one is.
 */
#include "dispatch/dialing.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "dispatch/conversation.h"
#include "dispatch/dispatch.h"
#include "dispatch/inbox.h"
#include "loop/task.h"
#include "net/dial.h"
#include "net/input.h"

/* Behind each of them. */
struct dialing {
	struct inbox box;		/* the first member */
	struct task *receiver;		/* waits for a message, or to connect */
	struct task *sender;		/* waits for room */
};

static inline struct dialing *
dialing_of(struct prong_conn *c)
{
	return (struct dialing *)(c + 1);
}

static inline bool
dialing_is_dead(const struct prong_conn *c)
{
	return (c->flags & CONN_DEAD) != 0;
}

bool
dialing_is_waited_for(struct prong_conn *c)
{
	return dialing_of(c)->receiver != NULL || dialing_of(c)->sender != NULL;
}

static void
dialing_forget(struct prong_conn *c)
{
	inbox_release(inbox_of(c));
}

/* --- waiting ---------------------------------------------------------------- */

/* Until somebody wakes it in this place; what with. */
static int
dialing_park(struct task **place)
{
	int value;

	*place = task_self();
	value = task_park_for(-1, conversation_pause);
	*place = NULL;
	conversation_go_on();
	return value;
}

/* Its own connection is served while it runs, not the one that woke it. */
static void
dialing_wake(struct prong_conn *c, struct task **place, int value)
{
	struct task *task = *place;

	if (task == NULL || !task_is_parked(task))
		return;
	c->service->net->serving = NULL;
	task_wake_timed(task, value);
}

/* The same for a receiver, which may receive again at once. */
static int
dialing_feed(struct prong_conn *c, int value)
{
	struct dialing *v = dialing_of(c);

	v->box.feeding = true;
	dialing_wake(c, &v->receiver, value);
	v->box.feeding = false;
	if (v->receiver != NULL)
		return 0;
	c->flags |= CONN_BUSY;
	return inbox_hold(c);
}

/* --- what happens ----------------------------------------------------------- */

static int
dialing_nothing(struct prong_conn *c)
{
	return 0;
}

static int
dialing_opened(struct prong_conn *c)
{
	dialing_wake(c, &dialing_of(c)->receiver, 0);
	return 0;
}

/* The receiver waits, or looks at what is there already. */
static int
dialing_message(struct prong_conn *c, const void *data, size_t length)
{
	struct dialing *v = dialing_of(c);

	inbox_put(&v->box, data, length);
	if (v->receiver != NULL && task_is_parked(v->receiver))
		return dialing_feed(c, 0);
	c->flags |= CONN_BUSY;
	return inbox_hold(c);
}

static int
dialing_finished(struct prong_conn *c)
{
	return dialing_feed(c, ENODATA);
}

/* Whoever dialed it is told, and closes it. */
static int
dialing_malformed(struct prong_conn *c, enum prong_malformed what)
{
	int result;

	dialing_of(c)->box.broken = true;
	result = dialing_feed(c, EBADMSG);
	c->flags |= CONN_BUSY;
	return result;
}

static int
dialing_writable(struct prong_conn *c)
{
	dialing_wake(c, &dialing_of(c)->sender, 0);
	return 0;
}

static int
dialing_full(struct prong_conn *c)
{
	struct dialing *v = dialing_of(c);
	int value;

	/* The loop cannot wait, and one that waits already is enough. */
	if (task_self() == NULL || v->sender != NULL ||
	    dial_is_connecting(c))
		return 0;
	value = dialing_park(&v->sender);
	if (dialing_is_dead(c))
		return error_set(EPIPE, "the connection has ended");
	return value == 0 ? 0 : error_set(value, "waiting for room was given "
	    "up");
}

static void
dialing_closed(struct prong_conn *c)
{
	struct dialing *v = dialing_of(c);
	int error = dial_error(c);

	dialing_wake(c, &v->sender, EPIPE);
	dialing_wake(c, &v->receiver, error == 0 ? ECANCELED : error);
}

static const struct service_ops dialing_ops = {
	.opened = dialing_opened,
	.message = dialing_message,
	.writable = dialing_writable,
	.malformed = dialing_malformed,
	.draining = dialing_nothing,
	.finished = dialing_finished,
	.full = dialing_full,
	.closed = dialing_closed,
};

/* --- receiving --------------------------------------------------------------- */

static int
dialing_end(struct prong_conn *c)
{
	switch (dial_error(c)) {
	case ECONNRESET:
		return error_set(ECONNRESET, "the connection was reset");
	case ETIMEDOUT:
		return error_set(ETIMEDOUT, "nothing came in time");
	default:
		return error_set(ECANCELED, "the connection has ended");
	}
}

int
dialing_may_receive(struct prong_conn *c)
{
	if (c->service->ops != &dialing_ops || task_self() == NULL)
		return error_set(EPERM, "only a task receives, and only from "
		    "what a task has dialed");
	if (dialing_of(c)->receiver != NULL)
		return error_set(EBUSY, "another task receives from the "
		    "connection");
	if ((c->flags & CONN_SPLICED) != 0)
		return error_set(EBUSY, "the connection is joined to another");
	return 0;
}

/* Waits, when nothing else came of looking. */
static int
dialing_wait_input(struct prong_conn *c)
{
	struct dialing *v = dialing_of(c);

	if (!v->box.feeding && c->output != NULL)
		conn_writable(c);
	if (!v->box.feeding)
		conn_update(c);
	if (dialing_is_dead(c))
		return ENODATA;
	return dialing_park(&v->receiver);
}

static bool
dialing_is_at_end(const struct prong_conn *c)
{
	return (c->flags & CONN_EOF) != 0 && c->input == NULL;
}

/* What was kept may be a message; if not, waits for one. */
static int
dialing_look(struct prong_conn *c)
{
	struct dialing *v = dialing_of(c);
	int value = 0;

	c->flags &= (uint16_t)~CONN_BUSY;
	conn_set_last(c, *c->service->net->now);
	v->receiver = task_self();
	if (!v->box.feeding)
		input_resume(c);
	if (!v->box.has_message && !v->box.broken && !dialing_is_dead(c) &&
	    !dialing_is_at_end(c))
		value = dialing_wait_input(c);
	v->receiver = NULL;
	if (!v->box.feeding)
		c->flags |= CONN_BUSY;
	return value;
}

int
dialing_receive(struct prong_conn *c)
{
	struct dialing *v = dialing_of(c);
	int value = 0;

	if (dialing_may_receive(c) == -1)
		return -1;
	inbox_release(&v->box);
	v->box.length = v->box.used = 0;
	if (!v->box.broken && !dialing_is_dead(c) && !dialing_is_at_end(c))
		value = dialing_look(c);
	if (v->box.has_message) {
		v->box.has_message = false;
		return 1;
	}
	if (v->box.broken)
		return error_set(EBADMSG, "malformed input");
	if (value == ECANCELED || value == ENOMEM)
		return error_set(value, "receiving was given up");
	return dialing_is_dead(c) ? dialing_end(c) : 0;
}

/* --- dialing ------------------------------------------------------------------ */

/* Who owns what is dialed here; for_whom: the service, NULL when it is none's. */
static struct dialed_list *
dialing_owner(const struct prong_service **for_whom)
{
	struct net *net = net_here();
	struct task *self = task_self();
	struct prong_conn *c = self == NULL ? net->serving : task_owner(self);

	*for_whom = c == NULL ? NULL : c->service;
	if (self == NULL)
		return NULL;
	return c == NULL ? task_mine(self) : &c->dialed;
}

static int
dialing_check(const char *address, int64_t ms)
{
	if (net_here() == NULL)
		return error_set(EPERM, "there is no loop of a server here");
	if (ms < -1)
		return error_set(EINVAL, "no such time: %lld ms",
		    (long long)ms);
	return address_check(address);
}

/* Until it is connected, or is not going to be. */
static int
dialing_wait(struct prong_conn *c)
{
	int value = dialing_park(&dialing_of(c)->receiver);

	if (value == 0)
		return 0;
	if (!dialing_is_dead(c)) {
		error_set(value, "dialing was given up");
		conn_end(c, COUNTER_CLOSED_SERVER);
	}
	dial_close(c);
	errno = value;
	return -1;
}

struct prong_conn *
prong_dial(const char *address, int64_t timeout)
{
	const struct prong_service *for_whom;
	struct dialed_list *owner;
	struct dialed *d;

	if (dialing_check(address, timeout) == -1)
		return NULL;
	if (task_self() == NULL) {
		error_set(EDEADLK, "the loop itself cannot wait");
		return NULL;
	}
	owner = dialing_owner(&for_whom);
	if ((d = dial_new(net_here(), for_whom, sizeof(struct dialing))) ==
	    NULL)
		return NULL;
	d->service.ops = &dialing_ops;
	d->forget = dialing_forget;
	if (dial_start(d, address, timeout) == -1)
		return NULL;
	dial_hold(&d->conn, owner);
	return dialing_wait(&d->conn) == -1 ? NULL : &d->conn;
}

/* --- in the loop --------------------------------------------------------------- */

/* errno says why it never came about, or ended as nobody wanted. */
static void
dialing_tell_closed(struct prong_conn *c)
{
	const struct prong_handler *h = c->service->handler;

	if (h->closed == NULL)
		return;
	if (!dial_of(c)->connecting && dial_of(c)->error == 0)
		error_clear();
	errno = dial_error(c);
	h->closed(c);
}

static int
dialing_check_handler(const struct prong_handler *h)
{
	if (h == NULL || h->abi != PRONG_ABI)
		return error_set(EINVAL, "not a handler of this interface");
	if (h->message == NULL && h->opened == NULL)
		return error_set(EINVAL, "handler \"%s\" has neither opened "
		    "nor message, which is how a loop is told", h->name);
	return 0;
}

static enum prong_framing
dialing_framing(const struct prong_handler *h)
{
	if (h->framing != 0)
		return h->framing;
	return h->frame != NULL ? PRONG_OWN : PRONG_RAW;
}

struct prong_conn *
prong_dial_async(const char *address, int64_t timeout,
    const struct prong_handler *h, void *data)
{
	const struct prong_service *for_whom;
	struct dialed *d;

	if (dialing_check_handler(h) == -1 ||
	    dialing_check(address, timeout) == -1)
		return NULL;
	dialing_owner(&for_whom);
	if ((d = dial_new(net_here(), for_whom, sizeof(struct dialing))) ==
	    NULL)
		return NULL;
	d->service.handler = h;
	d->service.framing = dialing_framing(h);
	dispatch_inline.bind(&d->service);
	d->service.bound.closed = dialing_tell_closed;
	d->conn.data = data;
	return dial_start(d, address, timeout) == -1 ? NULL : &d->conn;
}

int
prong_set_framing(struct prong_conn *c, enum prong_framing framing,
    size_t max_message)
{
	const struct inbox *box = inbox_of(c);

	if ((c->flags & CONN_DIALED) == 0)
		return error_set(EPERM, "the framing of what was accepted is "
		    "its service's");
	if ((framing != PRONG_RAW && framing != PRONG_LINE &&
	    framing != PRONG_NETSTRING && framing != PRONG_LENGTH32) ||
	    max_message == 0)
		return error_set(EINVAL, "no such framing");
	if (c->input != NULL || box->used < box->length)
		return error_set(EBUSY, "there is a message of the framing "
		    "before");
	c->service->framing = framing;
	c->service->settings.max_message = (int64_t)max_message;
	return 0;
}
