/* SPDX-License-Identifier: ISC */
/*
 * prong_splice(): in a task it waits for the end, in the loop it leaves the two
 * to the loop.
 */
#include <errno.h>

#include "base/error.h"
#include "dispatch/conversation.h"
#include "dispatch/dialing.h"
#include "dispatch/inbox.h"
#include "loop/task.h"
#include "net/splice.h"

struct splicing {
	struct splice_wait wait;	/* the first member */
	struct task *task;
};

static void
splicing_over(struct splice_wait *w)
{
	struct task *task = ((struct splicing *)w)->task;

	if (task_is_parked(task))
		task_wake(task, 0);
}

/* Whose it is: of the task that runs, or of the loop's functions. */
static int
splicing_check(struct prong_conn *c)
{
	struct task *self = task_self();

	if ((c->flags & CONN_DEAD) != 0)
		return error_set(EPIPE, "the connection has ended");
	if (c->service->net != net_here())
		return error_set(EPERM, "the connection is another thread's");
	if ((c->flags & CONN_DIALED) == 0) {
		if (self != NULL && task_owner(self) != c)
			return error_set(EPERM, "the connection has a task of "
			    "its own");
	} else if (dialing_is_waited_for(c))
		return error_set(EBUSY, "a task waits for the connection");
	return 0;
}

/* What was received and not taken: it goes on first. */
static int
splicing_forward(struct prong_conn *from, struct prong_conn *to)
{
	struct inbox *box = inbox_of(from);
	size_t left = box->length - box->used;

	if (box->data == NULL || left == 0)
		return 0;
	if (output_append(&to->output, box->data + box->used, left) == -1)
		return -1;
	box->used = box->length;
	return 0;
}

static int
splicing_wait(struct prong_conn *a, struct prong_conn *b)
{
	struct splicing w = { .wait.fn = splicing_over, .task = task_self() };
	int value;

	if (splice_start(a, b, &w.wait) == -1)
		return -1;
	if (splicing_forward(a, b) == -1 || splicing_forward(b, a) == -1)
		value = ENOMEM;
	else
		value = task_park_for(-1, conversation_pause);
	conversation_go_on();
	if (w.wait.splice != NULL)
		splice_stop(w.wait.splice);
	if (w.wait.over)
		value = w.wait.error;
	if (value == 0)
		return 0;
	return error_set(value, "%s", value == ECONNRESET ?
	    "one of the connections was reset" :
	    "one of the connections was ended");
}

int
prong_splice(struct prong_conn *a, struct prong_conn *b)
{
	if (splicing_check(a) == -1 || splicing_check(b) == -1)
		return -1;
	return task_self() == NULL ? splice_start(a, b, NULL) :
	    splicing_wait(a, b);
}
