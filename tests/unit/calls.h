/* SPDX-License-Identifier: ISC */
#ifndef TESTS_UNIT_CALLS_H
#define TESTS_UNIT_CALLS_H

#include "conversing.h"

/*
 * Connections with handlers in message style.
 */

/* What was heard, or its start: "<oneone>" if nothing came between. */
static inline void
note(char mark, const void *data, size_t len)
{
	size_t n = strlen(trace);

	snprintf(trace + n, sizeof(trace) - n, mark == '<' ? "<%.*s" :
	    mark == '>' ? "%.*s>" : "%.*s!", len < 8 ? (int)len : 8,
	    (const char *)data);
}

static inline int
opened(struct prong_conn *c)
{
	fake.opens++;
	fake.last = c;
	return fake.opened == NULL ? 0 : fake.opened(c);
}

static inline void
closed(struct prong_conn *c)
{
	fake.closes++;
	say("C");
}

/* Sends the message back when the gate is opened. */
static inline int
echo_at_gate(struct prong_conn *c, const void *data, size_t len)
{
	note('<', data, len);
	if (wait_at(0) == -1) {
		note('!', data, len);
		return -1;
	}
	note('>', data, len);
	return prong_send(c, data, len);
}

static inline int
echo(struct prong_conn *c, const void *data, size_t len)
{
	note('<', data, len);
	note('>', data, len);
	return prong_send(c, data, len);
}

static inline void
start(enum prong_framing framing,
    int (*message)(struct prong_conn *, const void *, size_t))
{
	fake.handler.opened = opened;
	fake.handler.closed = closed;
	fake.handler.message = message;
	conversing_start(framing);
	peer = peer_unix();
}

#endif
