/* SPDX-License-Identifier: ISC */
/*
 * Input.  As a rule a read goes to the buffer that all connections share and
 * everything in it is handled at once; only the start of a message that is not
 * whole yet, or what a pause left over, is kept with the connection.
 */
#include "net/input.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/compiler.h"
#include "base/error.h"
#include "net/conn.h"
#include "net/frame.h"

struct input {
	struct frame frame;	/* how far the first message was looked at */
	size_t length;
	size_t capacity;
	char data[];
};

#define INPUT_STOP	(CONN_PAUSED | CONN_CLOSING | CONN_DEAD | CONN_BUSY | \
			    CONN_SPLICED)

static struct input *
input_resize(struct input *in, size_t capacity)
{
	struct input *bigger;

	bigger = realloc(in, sizeof(*in) + capacity);
	if (bigger == NULL) {
		error_errno("input");
		return NULL;
	}
	if (in == NULL)
		*bigger = (struct input){ .length = 0 };
	bigger->capacity = capacity;
	return bigger;
}

/*
 * Room grows with what has arrived, not with what a header promises: a client
 * that announces much and sends little costs little.
 */
char *
input_buffer(struct prong_conn *c, size_t *size)
{
	struct input *in = c->input;
	size_t read_size = c->service->read_size, capacity;

	if (in->capacity - in->length < read_size / 2) {
		capacity = in->capacity * 2 > in->length + read_size ?
		    in->capacity * 2 : in->length + read_size;
		if (!conn_has_room(c, capacity - in->capacity) ||
		    (in = input_resize(in, capacity)) == NULL)
			return NULL;
		c->input = in;
	}
	*size = in->capacity - in->length;
	return in->data + in->length;
}

static inline enum frame_result
input_next(const struct prong_service *s, const char *data, size_t len,
    struct frame *f)
{
	size_t max = (size_t)s->settings.max_message;

	return s->framing == PRONG_OWN ?
	    frame_next_own(s->handler->frame, data, len, max, f) :
	    frame_next(s->framing, data, len, max, f);
}

/*
 * Hands out the whole messages at the start of len bytes; returns how many
 * bytes they were.  *f is how far the one after them was looked at.
 */
static size_t
input_feed(struct prong_conn *c, const char *data, size_t len, struct frame *f)
{
	struct prong_service *service = c->service;
	size_t used = 0;
	enum frame_result result;

	while (used < len && (c->flags & INPUT_STOP) == 0) {
		result = input_next(service, data + used, len - used, f);
		if (result == FRAME_MORE)
			break;
		if (result != FRAME_WHOLE) {
			conn_malformed(c, result == FRAME_OVERSIZE ?
			    PRONG_OVERSIZE : PRONG_BAD_FRAME);
			break;
		}
		if (f->crlf)
			c->flags |= CONN_CRLF;
		else
			c->flags &= (uint16_t)~CONN_CRLF;
		counter_add(service->counters, COUNTER_MESSAGES, 1);
		if (service->ops->message(c, data + used + f->start,
		    f->length) == -1)
			conn_check(c, -1);
		used += f->size;
		memset(f, 0, sizeof(*f));
	}
	return used;
}

/* Keeps len bytes of the shared buffer with the connection. */
static void
input_keep(struct prong_conn *c, const char *data, size_t len,
    const struct frame *f)
{
	size_t capacity = len < 256 ? 256 : len;
	struct input *in;

	if (len == 0 || (c->flags & (CONN_DEAD | CONN_CLOSING)) != 0 ||
	    !conn_has_room(c, capacity))
		return;
	if ((in = input_resize(NULL, capacity)) == NULL) {
		conn_end(c, COUNTER_CLOSED_ERROR);
		return;
	}
	memcpy(in->data, data, len);
	in->length = len;
	in->frame = *f;
	c->input = in;
}

/* The start of a message must not hold on to the room of a long one. */
static void
input_shrink(struct prong_conn *c)
{
	struct input *smaller;

	if (c->input->capacity <= 2 * c->service->read_size ||
	    c->input->length > c->service->read_size)
		return;
	smaller = input_resize(c->input, c->service->read_size);
	if (smaller != NULL)
		c->input = smaller;
}

/* Feeds what is kept, and keeps what is left of it. */
static void
input_feed_kept(struct prong_conn *c)
{
	struct input *in = c->input;
	struct outbox *box = &c->service->net->outbox;
	bool answered;
	size_t used;

	outbox_set_stable(box, in->data, in->length);
	used = input_feed(c, in->data, in->length, &in->frame);
	answered = !outbox_is_empty(box);
	/* What was sent may refer to this memory: let it go first. */
	conn_update(c);
	outbox_unset_stable(box);
	if ((c->flags & CONN_DEAD) != 0)
		return;
	if (c->input != in) {
		/* The handler has taken it along; the rest is ours. */
		input_keep(c, in->data + used, in->length - used, &in->frame);
		return;
	}
	in->length -= used;
	if (in->length == 0 || (c->flags & CONN_CLOSING) != 0)
		input_free(c);
	else if (used > 0) {
		memmove(in->data, in->data + used, in->length);
		input_shrink(c);
	}
	if (c->drain != DRAIN_OFF && answered) {
		c->is_answered = true;
		conn_update(c);
	}
}

/* Cuts up what is in the shared buffer. */
static OUT_OF_LINE void
input_received_framed(struct prong_conn *c, size_t len)
{
	const char *data = c->service->net->receive;
	struct frame f = { 0 };
	size_t used;

	used = input_feed(c, data, len, &f);
	/* Not after the update: one whose message has begun is not at rest. */
	if (used < len)
		input_keep(c, data + used, len - used, &f);
	conn_update(c);
}

void
input_received_more(struct prong_conn *c, size_t len)
{
	c->input->length += len;
	input_feed_kept(c);
}

void USUAL
input_received(struct prong_conn *c, size_t len)
{
	struct prong_service *service = c->service;

	if (service->framing != PRONG_RAW)
		input_received_framed(c, len);
	else {
		/* The whole read is the message. */
		counter_add(service->counters, COUNTER_MESSAGES, 1);
		if (service->ops->message(c, service->net->receive, len) == -1)
			conn_check(c, -1);
		conn_update(c);
	}
}

void
input_resume(struct prong_conn *c)
{
	if (c->input != NULL)
		input_feed_kept(c);
}

void
input_finish(struct prong_conn *c)
{
	struct input *in = c->input;

	if (in == NULL)
		return;
	if (c->service->framing != PRONG_LINE) {
		conn_malformed(c, PRONG_TRUNCATED);
		return;
	}
	if (in->length > (size_t)c->service->settings.max_message) {
		conn_malformed(c, PRONG_OVERSIZE);
		return;
	}
	/* Each line is answered as it is ended itself. */
	c->flags &= (uint16_t)~CONN_CRLF;
	counter_add(c->service->counters, COUNTER_MESSAGES, 1);
	conn_check(c, c->service->ops->message(c, in->data, in->length));
	input_free(c);
}

size_t
input_bytes(const struct prong_conn *c)
{
	return c->input == NULL ? 0 : c->input->capacity;
}

void *
input_take(struct prong_conn *c, const void *data)
{
	struct net *net = c->service->net;
	struct input *in = c->input;
	uintptr_t at = (uintptr_t)data;

	if (in != NULL && at - (uintptr_t)in->data < in->capacity) {
		c->input = NULL;
		return in;
	}
	if (at - (uintptr_t)net->receive < net->receive_size)
		return net_take_receive(net);
	errno = 0;
	return NULL;
}

int
input_forward(struct prong_conn *c, struct output **output)
{
	if (c->input != NULL && output_append(output, c->input->data,
	    c->input->length) == -1)
		return -1;
	input_free(c);
	return 0;
}

void
input_free(struct prong_conn *c)
{
	free(c->input);
	c->input = NULL;
}
