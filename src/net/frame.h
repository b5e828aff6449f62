/* SPDX-License-Identifier: ISC */
#ifndef NET_FRAME_H
#define NET_FRAME_H

#include <stddef.h>

#include "prong.h"

/*
 * Cutting a stream of bytes into messages, and wrapping messages for it.
 * No input or output here: both server and clients use it on their buffers.
 *
 *	raw		whatever bytes are there
 *	line		up to "\n"; "\r\n" ends a line too
 *	netstring	"5:hello,": D. J. Bernstein, Netstrings, 1997
 *	length32	a 32-bit unsigned length in network order, then as many
 *	own		a function of the handler says: frame_next_own()
 */

/* The longest header that any framing puts before a message. */
#define FRAME_HEADER_MAX	12

/*
 * The result of looking at the start of a buffer, and what must be kept
 * between two looks at a message that is not whole yet: set to all zero
 * before the first look at each message.
 */
struct frame {
	size_t start;		/* the message begins here in the buffer */
	size_t length;		/* of the message */
	size_t size;		/* of the whole frame; where the next begins */
	size_t seen;		/* bytes that need not be looked at again */
	size_t wanted;		/* bytes of the whole frame when known, or 0 */
	int crlf;		/* the line ended in "\r\n" */
	uint64_t state;		/* of a function of the handler's own */
};

enum frame_result {
	FRAME_WHOLE,		/* start, length and size are set */
	FRAME_MORE,		/* not all here yet */
	FRAME_MALFORMED,	/* not what the framing allows */
	FRAME_OVERSIZE,		/* the message is longer than max */
};

/* Looks for one message at the start of len bytes.  len 0 is FRAME_MORE. */
enum frame_result frame_next(enum prong_framing, const char *buf, size_t len,
    size_t max, struct frame *);

/* The same by a function as struct prong_handler has it. */
typedef ssize_t frame_fn(const void *, size_t, uint64_t *);
enum frame_result frame_next_own(frame_fn *, const char *buf, size_t len,
    size_t max, struct frame *);

/* What goes before and after a message. */
struct frame_wrap {
	char header[FRAME_HEADER_MAX];
	size_t header_length;
	const char *trailer;
	size_t trailer_length;
};

/*
 * Says how a message of len bytes is wrapped.  A line that ends in a newline
 * already gets no other; crlf asks for "\r\n".  EMSGSIZE: the framing cannot
 * carry as much.
 */
int frame_wrap(enum prong_framing, const char *data, size_t len, int crlf,
    struct frame_wrap *);

/* "raw", "line", "netstring", "length32", "own"; 0 and NULL for none of them. */
enum prong_framing frame_by_name(const char *name);
const char *frame_name(enum prong_framing);

#endif
