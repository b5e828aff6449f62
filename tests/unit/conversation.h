/* SPDX-License-Identifier: ISC */
#ifndef TESTS_UNIT_CONVERSATION_H
#define TESTS_UNIT_CONVERSATION_H

#include "conversing.h"

/*
 * Connections with handlers in conversation style.
 */

static inline void
closed(struct prong_conn *c)
{
	fake.closes++;
	say("C");
}

static int (*converse_fn)(struct prong_conn *);

static inline int
converse(struct prong_conn *c)
{
	fake.opens++;
	fake.last = c;
	return converse_fn(c);
}

static inline void
prepare(enum prong_framing framing, int (*fn)(struct prong_conn *))
{
	converse_fn = fn;
	fake.handler.converse = converse;
	fake.handler.closed = closed;
	conversing_start(framing);
}

static inline void
start(enum prong_framing framing, int (*fn)(struct prong_conn *))
{
	prepare(framing, fn);
	peer = peer_unix();
}

/* A message, into the trace: "[one]". */
static inline void
note(const void *data, size_t len)
{
	size_t n = strlen(trace);

	snprintf(trace + n, sizeof(trace) - n, "[%.*s]", (int)len,
	    (const char *)data);
}

static inline int
echo(struct prong_conn *c)
{
	const void *data;
	size_t len;
	int r;

	while ((r = prong_recv_message(c, &data, &len)) == 1)
		if (prong_send(c, data, len) == -1)
			return -1;
	say(r == 0 ? "0" : "!");
	return r;
}

static inline int
echo_at_gate(struct prong_conn *c)
{
	const void *data;
	size_t len;
	int r;

	while ((r = prong_recv_message(c, &data, &len)) == 1) {
		say("<");
		if (wait_at(0) == -1)
			return -1;
		note(data, len);
		if (prong_send(c, data, len) == -1)
			return -1;
	}
	say(r == 0 ? "0" : "!");
	return r;
}

#endif
