/* SPDX-License-Identifier: ISC */
#ifndef DISPATCH_INBOX_H
#define DISPATCH_INBOX_H

#include <stdbool.h>
#include <stddef.h>

#include "net/conn.h"

/*
 * The message that is being looked at: first behind every connection that can
 * be received from.  It is in a buffer of everybody's until it is held.
 */
struct inbox {
	void *held;			/* the memory of the message */
	const char *data;		/* the message */
	size_t length;
	size_t used;			/* of it, by prong_recv() */
	bool has_message;		/* that nobody has taken yet */
	bool broken;			/* malformed input: there is no more */
	bool feeding;			/* input comes from up the stack */
};

static inline struct inbox *
inbox_of(struct prong_conn *c)
{
	return (struct inbox *)(c + 1);
}

/* A message has come. */
void inbox_put(struct inbox *, const void *data, size_t length);

/* Keeps it beyond its event; nothing that is to be sent may refer to it. */
int inbox_hold(struct prong_conn *);

/* It is not needed any more. */
void inbox_release(struct inbox *);

#endif
