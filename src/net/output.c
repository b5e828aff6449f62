/* SPDX-License-Identifier: ISC */
/*
 * Output: the queue of a connection, and the outbox of the process.
 */
#include "net/output.h"

#include <sys/socket.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/compiler.h"
#include "base/error.h"

#define CHUNK_MIN	(16 * 1024)

struct chunk {
	struct chunk *next;
	size_t start, end, capacity;
	char data[];
};

struct output {
	struct chunk *first, *last;
	size_t bytes;
};

static struct chunk *
chunk_new(size_t len)
{
	size_t capacity = len < CHUNK_MIN ? CHUNK_MIN : len;
	struct chunk *k;

	if ((k = malloc(sizeof(*k) + capacity)) == NULL)
		return NULL;
	k->next = NULL;
	k->start = k->end = 0;
	k->capacity = capacity;
	return k;
}

/* A new last chunk; the queue itself too when there is none yet. */
static struct chunk *
output_grow(struct output **output, size_t len)
{
	struct chunk *k;

	if ((k = chunk_new(len)) == NULL)
		return NULL;
	if (*output == NULL &&
	    (*output = calloc(1, sizeof(**output))) == NULL) {
		free(k);
		return NULL;
	}
	if ((*output)->last == NULL)
		(*output)->first = k;
	else
		(*output)->last->next = k;
	(*output)->last = k;
	return k;
}

int
output_append(struct output **output, const void *data, size_t len)
{
	struct chunk *k = *output == NULL ? NULL : (*output)->last;
	size_t room = k == NULL ? 0 : k->capacity - k->end, head;

	head = len < room ? len : room;
	if (len > head) {
		struct chunk *old = k;

		if ((k = output_grow(output, len - head)) == NULL)
			return error_errno("output");
		if (head > 0) {
			memcpy(old->data + old->end, data, head);
			old->end += head;
		}
		memcpy(k->data, (const char *)data + head, len - head);
		k->end = len - head;
	} else if (len > 0) {
		memcpy(k->data + k->end, data, len);
		k->end += len;
	}
	if (*output != NULL)
		(*output)->bytes += len;
	return 0;
}

/* Takes n written bytes off the front; an empty queue goes away. */
static void
output_consume(struct output **output, size_t n)
{
	struct output *o = *output;
	struct chunk *k;
	size_t part;

	o->bytes -= n;
	while (n > 0) {
		k = o->first;
		part = k->end - k->start;
		if (n < part) {
			k->start += n;
			return;
		}
		n -= part;
		o->first = k->next;
		free(k);
	}
	if (o->bytes == 0)
		output_free(output);
}

static OUT_OF_LINE ssize_t
output_send_pieces(int fd, struct iovec *iov, int count)
{
	struct msghdr msg = { .msg_iov = iov, .msg_iovlen = (size_t)count };

	return sendmsg(fd, &msg, MSG_NOSIGNAL);
}

/* What only has to wait is no failure. */
static UNUSUAL ssize_t
output_send_failed(void)
{
	return errno == EAGAIN || errno == EINTR || output_is_starved(errno) ?
	    0 : -1;
}

static inline ssize_t
output_send(int fd, struct iovec *iov, int count)
{
	ssize_t n;

	if (count == 1)
		n = send(fd, iov->iov_base, iov->iov_len, MSG_NOSIGNAL);
	else
		n = output_send_pieces(fd, iov, count);
	return n >= 0 ? n : output_send_failed();
}

ssize_t
output_write(struct output **output, int fd)
{
	struct iovec iov[OUTBOX_PIECES];
	struct chunk *k;
	ssize_t n;
	int count = 0;

	if (*output == NULL)
		return 0;
	for (k = (*output)->first; k != NULL && count < OUTBOX_PIECES;
	    k = k->next) {
		iov[count].iov_base = k->data + k->start;
		iov[count++].iov_len = k->end - k->start;
	}
	if ((n = output_send(fd, iov, count)) > 0)
		output_consume(output, (size_t)n);
	return n;
}

size_t
output_bytes(const struct output *o)
{
	return o == NULL ? 0 : o->bytes;
}

void
output_free(struct output **output)
{
	struct chunk *k;

	if (*output == NULL)
		return;
	while ((k = (*output)->first) != NULL) {
		(*output)->first = k->next;
		free(k);
	}
	free(*output);
	*output = NULL;
}

void
outbox_init(struct outbox *box, const char *receive, size_t size)
{
	box->receive = receive;
	box->receive_size = size;
	outbox_unset_stable(box);
}

void
outbox_set_stable(struct outbox *box, const char *data, size_t len)
{
	box->stable = data;
	box->stable_length = len;
}

void
outbox_unset_stable(struct outbox *box)
{
	outbox_set_stable(box, box->receive, box->receive_size);
}

/* A further piece, or more of the last one where they touch. */
static bool
outbox_add_piece(struct outbox *box, char *data, size_t len)
{
	struct iovec *last = box->count > 0 ? &box->pieces[box->count - 1] :
	    NULL;

	if (last != NULL && (char *)last->iov_base + last->iov_len == data)
		last->iov_len += len;
	else if (box->count == OUTBOX_PIECES)
		return false;
	else
		box->pieces[box->count++] = (struct iovec){ data, len };
	box->bytes += len;
	return true;
}

bool
outbox_add_more(struct outbox *box, const void *data, size_t len)
{
	size_t offset = (size_t)((const char *)data - box->stable);
	char *to = box->arena + box->used;

	if (len == 0)
		return true;
	if (offset < box->stable_length && len <= box->stable_length - offset)
		return outbox_add_piece(box, __DECONST(char *, data), len);
	if (len > sizeof(box->arena) - box->used ||
	    !outbox_add_piece(box, to, len))
		return false;
	memcpy(to, data, len);
	box->used += len;
	return true;
}

void
outbox_clear(struct outbox *box)
{
	box->count = 0;
	box->bytes = 0;
	box->used = 0;
}

/* Queues what the kernel did not take: all but the first skip bytes. */
static OUT_OF_LINE int
outbox_queue_rest(struct outbox *box, size_t skip, struct output **output)
{
	const struct iovec *v;

	box->starved = skip == 0 && output_is_starved(errno);
	for (v = box->pieces; v < box->pieces + box->count; v++) {
		if (skip >= v->iov_len) {
			skip -= v->iov_len;
			continue;
		}
		if (output_append(output, (char *)v->iov_base + skip,
		    v->iov_len - skip) == -1)
			return -1;
		skip = 0;
	}
	return 0;
}

ssize_t USUAL
outbox_flush(struct outbox *box, int fd, struct output **output)
{
	ssize_t written;

	written = output_send(fd, box->pieces, box->count);
	if (written >= 0 && (size_t)written < box->bytes &&
	    outbox_queue_rest(box, (size_t)written, output) == -1)
		written = -1;
	outbox_clear(box);
	return written;
}
