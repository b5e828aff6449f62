/* SPDX-License-Identifier: ISC */
#ifndef NET_INPUT_H
#define NET_INPUT_H

#include <stddef.h>

/*
 * Input of a connection: where to read to, cutting into messages, and keeping
 * what is not a whole message yet.
 */

struct output;
struct prong_conn;

/*
 * Where the next read goes and how much of it, when something is kept; else
 * the shared buffer serves.  NULL with ENOMEM.
 */
char *input_buffer(struct prong_conn *, size_t *size);

/*
 * len bytes have been read there, or into the shared buffer: hands every whole
 * message to the dispatch, until the connection pauses or closes, and keeps
 * the rest.
 */
void input_received_more(struct prong_conn *, size_t len);
void input_received(struct prong_conn *, size_t len);

/* Goes on with what was kept when the connection paused. */
void input_resume(struct prong_conn *);

/*
 * The peer sends no more: an unfinished line is a message, an unfinished frame
 * is malformed.
 */
void input_finish(struct prong_conn *);

/*
 * A message that is being handled is to last beyond its event: takes the
 * memory that it is in, for the caller to free(3).  NULL with errno 0: it is in
 * none of ours.  ENOMEM.
 */
void *input_take(struct prong_conn *, const void *data);

/* What is kept goes to an output as it is.  ENOMEM. */
int input_forward(struct prong_conn *, struct output **);

/* How much memory it holds. */
size_t input_bytes(const struct prong_conn *);
void input_free(struct prong_conn *);

#endif
