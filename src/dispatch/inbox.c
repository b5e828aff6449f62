/* SPDX-License-Identifier: ISC */
/*
 * The message that is being looked at, and the calls of <prong.h> that receive
 * one: in the conversation of a connection, or from one that was dialed.
 */
#include "dispatch/inbox.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "dispatch/converse.h"
#include "dispatch/dialing.h"
#include "net/input.h"

void
inbox_put(struct inbox *box, const void *data, size_t length)
{
	box->data = data;
	box->length = length;
	box->used = 0;
	box->has_message = true;
}

int
inbox_hold(struct prong_conn *c)
{
	struct inbox *box = inbox_of(c);
	void *memory;

	if (box->data == NULL || box->held != NULL)
		return 0;
	memory = input_take(c, box->data);
	if (memory == NULL && errno != 0)
		return -1;
	box->held = memory;
	return 0;
}

void
inbox_release(struct inbox *box)
{
	free(box->held);
	box->held = NULL;
	box->data = NULL;
}

static int
inbox_check(struct prong_conn *c)
{
	return (c->flags & CONN_DIALED) != 0 ? dialing_may_receive(c) :
	    converse_may_receive(c);
}

static int
inbox_receive(struct prong_conn *c)
{
	return (c->flags & CONN_DIALED) != 0 ? dialing_receive(c) :
	    converse_receive(c);
}

int
prong_recv_message(struct prong_conn *c, const void **data, size_t *length)
{
	struct inbox *box = inbox_of(c);
	int r = inbox_receive(c);

	if (r == 1) {
		*data = box->data;
		*length = box->used = box->length;
	}
	return r;
}

ssize_t
prong_recv(struct prong_conn *c, void *buf, size_t size)
{
	struct inbox *box = inbox_of(c);
	size_t left;
	int r;

	if (size == 0)
		return error_set(EINVAL, "no room to receive into");
	if (inbox_check(c) == -1)
		return -1;
	/* An empty message has no byte to give. */
	while (box->data == NULL || box->used == box->length)
		if ((r = inbox_receive(c)) != 1)
			return r;
	left = box->length - box->used;
	if (left > size)
		left = size;
	memcpy(buf, box->data + box->used, left);
	box->used += left;
	return (ssize_t)left;
}
