/* SPDX-License-Identifier: ISC */
/*
 * Handlers that can wait.
 *
 * What happens on a connection is given to a task.  Message style: each call
 * of the handler is a task, which as a rule ends at once, so an idle connection
 * has no stack.  The other style is dispatch/converse.
 *
 * A task that waits for anything but input makes its connection busy: nothing
 * more is read for it, and the message that it is about, which is in a buffer
 * of everybody's, is taken along.  The task of a connection that has ended does
 * not wait any more: it runs to its end in the same turn of the loop, before
 * the connection is freed.
 */
#include "dispatch/conversation.h"

#include <errno.h>

#include "base/error.h"
#include "dispatch/converse.h"
#include "dispatch/dispatch.h"
#include "net/input.h"

bool
conversation_is_on(const struct prong_conn *c)
{
	return ((const struct conversation *)(c + 1))->task != NULL;
}

/* --- waiting ------------------------------------------------------------- */

void
conversation_leave(struct prong_conn *c)
{
	struct net *net = c->service->net;

	conn_update(c);
	if (net->serving == c)
		net->serving = NULL;
}

void
conversation_come_back(struct prong_conn *c)
{
	if (!conversation_is_dead(c) && c->service->net->serving == NULL)
		conn_serve(c);
}

int
conversation_hold(struct prong_conn *c)
{
	const struct inbox *box = &conversation_of(c)->box;

	if (box->data == NULL || box->held != NULL)
		return 0;
	/* What was sent may be a part of it. */
	conn_update(c);
	return conversation_is_dead(c) ? 0 : inbox_hold(c);
}

int
conversation_begin_wait(struct prong_conn *c)
{
	bool was_busy = (c->flags & CONN_BUSY) != 0;

	if (conversation_is_dead(c))
		return error_set(ECANCELED, "the connection has ended");
	c->flags |= CONN_BUSY;
	if (conversation_hold(c) == -1) {
		if (!was_busy)
			c->flags &= (uint16_t)~CONN_BUSY;
		return -1;
	}
	conversation_leave(c);
	if (conversation_is_dead(c))
		return error_set(ECANCELED, "the connection has ended");
	return 0;
}

int
conversation_pause(void)
{
	struct prong_conn *c = task_owner(task_self());

	return c == NULL ? 0 : conversation_begin_wait(c);
}

void
conversation_go_on(void)
{
	struct prong_conn *c = task_owner(task_self());

	if (c != NULL)
		conversation_come_back(c);
}

/* --- the calls of a handler ----------------------------------------------- */

/* The connection has ended, and so has its task. */
static void
conversation_over(struct prong_conn *c)
{
	const struct prong_handler *h = c->service->handler;
	struct conversation *v = conversation_of(c);

	v->due = 0;
	inbox_release(&v->box);
	if (!v->told && h->closed != NULL) {
		v->told = true;
		h->closed(c);
	}
}

int
conversation_run_due(struct prong_conn *c)
{
	const struct prong_handler *h = c->service->handler;
	struct conversation *v = conversation_of(c);
	int result = 0;

	while (result == 0 && !conversation_is_dead(c) && v->due != 0) {
		if ((v->due & DUE_WRITABLE) != 0) {
			v->due &= (uint8_t)~DUE_WRITABLE;
			result = h->writable == NULL ? 0 : h->writable(c);
		} else {
			v->due &= (uint8_t)~DUE_DRAINING;
			result = h->draining == NULL ? 0 : h->draining(c);
		}
	}
	return result;
}

/* A call that had to wait has come to its end: nobody waits for its result. */
static void
conversation_finish(struct prong_conn *c, int result)
{
	struct conversation *v = conversation_of(c);

	c->flags &= (uint16_t)~CONN_BUSY;
	if (conn_check(c, result) && !v->box.feeding)
		input_resume(c);
	if (!v->box.feeding)
		conversation_leave(c);
}

/* In the task: a call, and what came up meanwhile. */
static void
conversation_run(void *arg)
{
	struct prong_conn *c = task_owner(task_self());
	struct conversation *v = conversation_of(c);
	struct conversation_call call = *(struct conversation_call *)arg;
	int result;

	v->task = task_self();
	v->box.data = call.data;
	result = call.run(c, &call);
	if (result == 0)
		result = conversation_run_due(c);
	v->task = NULL;
	inbox_release(&v->box);
	if ((v->due & DUE_CLOSED) != 0)
		conversation_over(c);
	if (v->first != NULL)
		v->first->result = result;
	else
		conversation_finish(c, result);
}

int
conversation_start(struct prong_conn *c, struct conversation_call *call)
{
	struct conversation *v = conversation_of(c);
	int r;

	call->result = 0;
	v->first = call;
	r = task_start(tasks_here(), conversation_run, call, c);
	v->first = NULL;
	return r == -1 ? -1 : call->result;
}

void
conversation_closed(struct prong_conn *c)
{
	struct conversation *v = conversation_of(c);

	if (v->task == NULL) {
		conversation_over(c);
		return;
	}
	v->due |= DUE_CLOSED;
	/* One that runs, further up the stack, finds out by itself. */
	if (task_is_parked(v->task))
		task_wake(v->task, ECANCELED);
}

/* --- message style ------------------------------------------------------- */

static int
conversation_call_opened(struct prong_conn *c,
    const struct conversation_call *call)
{
	return c->service->handler->opened(c);
}

static int
conversation_call_message(struct prong_conn *c,
    const struct conversation_call *call)
{
	return c->service->handler->message(c, call->data, call->length);
}

static int
conversation_call_malformed(struct prong_conn *c,
    const struct conversation_call *call)
{
	int result = c->service->handler->malformed(c, call->what);

	if (result == 0)
		conn_close(c, COUNTER_CLOSED_ERROR);
	return result;
}

/* What is due is run behind this. */
static int
conversation_call_nothing(struct prong_conn *c,
    const struct conversation_call *call)
{
	return 0;
}

static int
message_opened(struct prong_conn *c)
{
	struct conversation_call call = { .run = conversation_call_opened };

	return c->service->handler->opened == NULL ? 0 :
	    conversation_start(c, &call);
}

static int
message_message(struct prong_conn *c, const void *data, size_t length)
{
	struct conversation_call call = { .run = conversation_call_message,
	    .data = data, .length = length };

	return c->service->handler->message == NULL ? 0 :
	    conversation_start(c, &call);
}

static int
message_malformed(struct prong_conn *c, enum prong_malformed what)
{
	struct conversation_call call = { .run = conversation_call_malformed,
	    .what = what };

	return c->service->handler->malformed == NULL ? 0 :
	    conversation_start(c, &call);
}

static int
message_due(struct prong_conn *c, enum conversation_due due)
{
	struct conversation_call call = { .run = conversation_call_nothing };

	conversation_of(c)->due |= (uint8_t)due;
	return conversation_of(c)->task != NULL ? 0 :
	    conversation_start(c, &call);
}

static int
message_writable(struct prong_conn *c)
{
	return c->service->handler->writable == NULL ? 0 :
	    message_due(c, DUE_WRITABLE);
}

static int
message_draining(struct prong_conn *c)
{
	return c->service->handler->draining == NULL ? 0 :
	    message_due(c, DUE_DRAINING);
}

static int
conversation_nothing(struct prong_conn *c)
{
	return 0;
}

static const struct service_ops message_ops = {
	.opened = message_opened,
	.message = message_message,
	.writable = message_writable,
	.malformed = message_malformed,
	.draining = message_draining,
	.finished = conversation_nothing,
	.full = conversation_nothing,
	.closed = conversation_closed,
};

void
conversation_bind(struct prong_service *s)
{
	s->ops = dispatch_converses(s) ? &converse_ops : &message_ops;
	s->extra = sizeof(struct conversation);
}
