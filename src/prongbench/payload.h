/* SPDX-License-Identifier: ISC */
#ifndef PRONGBENCH_PAYLOAD_H
#define PRONGBENCH_PAYLOAD_H

#include <stddef.h>

#include "prong.h"

/*
 * What is sent and what must come back, made once and laid out as it goes
 * over the wire: a ring of messages that all differ, each wrapped by the
 * framing.  A client sends straight from one ring and compares straight with
 * the other, so that checking every byte costs one memcmp a read.
 *
 * Behind the last message the first ones are repeated, as many as may be in
 * flight: whatever a client sends or awaits is one piece of memory.
 */

enum payload_transform { PAYLOAD_NONE, PAYLOAD_UPPER, PAYLOAD_LOWER };

struct payload_options {
	enum prong_framing framing;
	size_t size;			/* bytes of a message, at least 1 */
	size_t depth;			/* messages in flight at most */
	const char *prefix;		/* stands before each reply */
	enum payload_transform transform;	/* of the reply */
};

struct payload_ring {
	char *bytes;
	size_t frame;			/* bytes of one wrapped message */
	size_t size;			/* of the ring, without what repeats */
};

struct payload {
	struct payload_ring request;
	struct payload_ring reply;	/* may share the request's bytes */
	size_t messages;		/* that differ from each other */
};

/* -1: out of memory, or a message that the framing cannot carry. */
int payload_init(struct payload *, const struct payload_options *);
void payload_fini(struct payload *);

#endif
