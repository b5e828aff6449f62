/* SPDX-License-Identifier: ISC */
/*
 * Conversation style: one task from a connection's beginning to its end, which
 * waits for input in prong_recv().
 */
#include "dispatch/converse.h"

#include <assert.h>
#include <errno.h>

#include "base/error.h"
#include "dispatch/conversation.h"
#include "loop/task.h"
#include "net/conn.h"
#include "net/input.h"

static int
converse_call(struct prong_conn *c,
    const struct conversation_call *call)
{
	struct conversation *v = conversation_of(c);
	int result = c->service->handler->converse(c);

	/* It is not its fault when the other side is. */
	if (v->box.broken)
		conn_close(c, COUNTER_CLOSED_ERROR);
	if (v->box.broken || conversation_is_dead(c))
		return 0;
	if (result == 0)
		conn_close(c, (c->flags & CONN_EOF) != 0 ?
		    COUNTER_CLOSED_CLIENT : COUNTER_CLOSED_SERVER);
	return result;
}

static int
converse_opened(struct prong_conn *c)
{
	struct conversation_call call = { .run = converse_call };

	return conversation_start(c, &call);
}

/* It is woken with a message, or finds it where it is about to wait. */
static int
converse_message(struct prong_conn *c, const void *data, size_t length)
{
	struct conversation *v = conversation_of(c);

	assert(v->wait == WAIT_INPUT && !v->box.has_message);
	inbox_put(&v->box, data, length);
	if (!task_is_parked(v->task)) {
		c->flags |= CONN_BUSY;
		return conversation_hold(c);
	}
	v->box.feeding = true;
	task_wake(v->task, 0);
	v->box.feeding = false;
	return 0;
}

static int
converse_wake(struct prong_conn *c, enum conversation_wait from, int value)
{
	struct conversation *v = conversation_of(c);

	if (v->task == NULL || v->wait != from || !task_is_parked(v->task))
		return 0;
	v->box.feeding = from == WAIT_INPUT;
	task_wake(v->task, value);
	v->box.feeding = false;
	return 0;
}

static int
converse_finished(struct prong_conn *c)
{
	return converse_wake(c, WAIT_INPUT, ENODATA);
}

static int
converse_writable(struct prong_conn *c)
{
	return converse_wake(c, WAIT_ROOM, 0);
}

static int
converse_malformed(struct prong_conn *c, enum prong_malformed what)
{
	const struct prong_handler *h = c->service->handler;
	struct conversation *v = conversation_of(c);
	int result = h->malformed == NULL ? 0 : h->malformed(c, what);

	v->box.broken = true;
	/* It may have the last word, and closes with its end. */
	if (task_is_parked(v->task))
		converse_wake(c, WAIT_INPUT, EBADMSG);
	else
		c->flags |= CONN_BUSY;
	return result;
}

/* A goodbye comes between messages. */
static int
converse_draining(struct prong_conn *c)
{
	const struct prong_handler *h = c->service->handler;
	struct conversation *v = conversation_of(c);

	if (h->draining == NULL)
		return 0;
	if (v->wait == WAIT_INPUT)
		return h->draining(c);
	v->due |= DUE_DRAINING;
	return 0;
}

/* What was sent is more than the peer takes: its conversation waits. */
static int
converse_full(struct prong_conn *c)
{
	struct conversation *v = conversation_of(c);

	if (v->task == NULL || v->task != task_self())
		return 0;
	if (conversation_begin_wait(c) == 0) {
		v->wait = WAIT_ROOM;
		task_park();
		v->wait = WAIT_NONE;
		conversation_come_back(c);
	}
	return conversation_is_dead(c) ?
	    error_set(EPIPE, "the connection has ended") : 0;
}

const struct service_ops converse_ops = {
	.opened = converse_opened,
	.message = converse_message,
	.writable = converse_writable,
	.malformed = converse_malformed,
	.draining = converse_draining,
	.finished = converse_finished,
	.full = converse_full,
	.closed = conversation_closed,
};

/* --- receiving ------------------------------------------------------------ */

int
converse_may_receive(struct prong_conn *c)
{
	if (c->service->home->ops != &converse_ops ||
	    conversation_of(c)->task != task_self())
		return error_set(EPERM, "only the conversation of a connection "
		    "receives from it");
	if (conversation_is_dead(c))
		return error_set(ECANCELED, "the connection has ended");
	if ((c->flags & CONN_CLOSING) != 0)
		return error_set(EPIPE, "the connection is closing");
	return 0;
}

/* Looks at what was kept while it was busy: a message may be among it. */
static void
converse_look(struct prong_conn *c)
{
	struct conversation *v = conversation_of(c);

	c->flags &= (uint16_t)~CONN_BUSY;
	if (v->box.feeding)
		return;
	input_resume(c);
	if ((v->due & DUE_DRAINING) != 0 && !v->box.has_message)
		conn_check(c, conversation_run_due(c));
}

static int
converse_wait_input(struct prong_conn *c)
{
	struct conversation *v = conversation_of(c);
	int value;

	if ((c->flags & CONN_EOF) != 0 && c->input == NULL)
		return ENODATA;
	if (!v->box.feeding)
		conversation_leave(c);
	if (conversation_is_dead(c))
		return ECANCELED;
	value = task_park();
	conversation_come_back(c);
	return value;
}

int
converse_receive(struct prong_conn *c)
{
	struct conversation *v = conversation_of(c);
	int value = 0;

	if (converse_may_receive(c) == -1)
		return -1;
	inbox_release(&v->box);
	v->box.length = v->box.used = 0;
	v->wait = WAIT_INPUT;
	/* What is malformed is told once. */
	if (!v->box.broken)
		converse_look(c);
	if (!v->box.has_message && !v->box.broken)
		value = converse_wait_input(c);
	v->wait = WAIT_NONE;
	if (v->box.has_message) {
		v->box.has_message = false;
		return 1;
	}
	if (v->box.broken)
		value = EBADMSG;
	if (value == ENODATA)
		return 0;
	return error_set(value, value == EBADMSG ? "malformed input" :
	    "the connection has ended");
}
