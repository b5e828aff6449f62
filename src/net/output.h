/* SPDX-License-Identifier: ISC */
#ifndef NET_OUTPUT_H
#define NET_OUTPUT_H

#include <sys/types.h>
#include <sys/uio.h>

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Above high water reading from the peer pauses, until below a quarter of it
 * (prong.h(3)).
 */
#define OUTPUT_HIGH	(256 * 1024)

/*
 * The queue of a connection: what the kernel would not take at once.  It is
 * there only while something is in it: a NULL pointer is an empty queue.
 */
struct output;

/* Appends a copy.  -1: ENOMEM, the queue is unchanged. */
int output_append(struct output **, const void *data, size_t len);

/*
 * Writes what the kernel takes; frees what has gone.  Returns the bytes
 * written, 0 when the kernel takes none now (errno says whether for want of
 * memory: output_is_starved()), -1 with errno when it failed.
 */
ssize_t output_write(struct output **, int fd);

/*
 * Whether an errno means that the kernel has no memory now: it will not say
 * when that is over, as it does when only the peer is slow.
 */
static inline bool
output_is_starved(int error)
{
	return error == ENOBUFS || error == ENOMEM;
}

size_t output_bytes(const struct output *);
void output_free(struct output **);

/*
 * The outbox of a process: what the connection that is being served sends
 * while its event is handled, gathered for one write at the end.  Data within
 * the stable region (the input being handled) is not copied but referred to.
 */
#define OUTBOX_PIECES	64
#define OUTBOX_ARENA	(64 * 1024)

struct outbox {
	const char *stable;	/* what is stable now */
	size_t stable_length;
	size_t bytes;
	int count;
	struct iovec pieces[OUTBOX_PIECES];
	size_t used;		/* of the arena */
	bool starved;		/* the kernel had no memory for the last write */
	const char *receive;	/* the buffer that is always stable */
	size_t receive_size;
	char arena[OUTBOX_ARENA];
};

void outbox_init(struct outbox *, const char *receive, size_t size);

/* Makes another region stable, and the receive buffer again. */
void outbox_set_stable(struct outbox *, const char *data, size_t len);
void outbox_unset_stable(struct outbox *);

bool outbox_add_more(struct outbox *, const void *data, size_t len);

/*
 * Empties the outbox: one write, and a copy of the rest into the queue.
 * Returns the bytes written, or -1: ENOMEM, or the error of the write.
 */
ssize_t outbox_flush(struct outbox *, int fd, struct output **);

/* Empties it without writing. */
void outbox_clear(struct outbox *);

static inline bool
outbox_is_empty(const struct outbox *box)
{
	return box->count == 0;
}

/* False when there is no room: flush first, or use the queue. */
static inline bool
outbox_add(struct outbox *box, const void *data, size_t len)
{
	size_t offset = (size_t)((const char *)data - box->stable);

	/* The usual: one answer, of what has just been read. */
	if (box->count > 0 || offset >= box->stable_length ||
	    len > box->stable_length - offset || len == 0)
		return outbox_add_more(box, data, len);
	box->pieces[0].iov_base = __DECONST(void *, data);
	box->pieces[0].iov_len = len;
	box->count = 1;
	box->bytes = len;
	return true;
}

#endif
