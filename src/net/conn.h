/* SPDX-License-Identifier: ISC */
#ifndef NET_CONN_H
#define NET_CONN_H

#include <stdbool.h>
#include <stdint.h>

#include "base/address.h"
#include "base/compiler.h"
#include "loop/loop.h"
#include "net/net.h"

enum conn_flag {
	CONN_EOF = 1 << 0,	/* the peer sends no more */
	CONN_PAUSED = 1 << 1,	/* above high water, or had its share */
	CONN_CLOSING = 1 << 2,	/* close when the output has gone */
	CONN_LINGER = 1 << 3,	/* our side is shut; waiting for the peer's */
	CONN_DEAD = 1 << 4,	/* freed at the end of the turn */
	CONN_CRLF = 1 << 5,	/* the peer ends its lines with "\r\n" */
	CONN_STARVED = 1 << 6,	/* the kernel had no memory: asked again later */
	CONN_BUSY = 1 << 7,	/* its handler waits in the midst of something */
	CONN_NEW = 1 << 8,	/* accepted, and nobody has looked at it yet */
	CONN_ASKED = 1 << 9,	/* to be closed, by whoever has it now */
	CONN_DRAINED = 1 << 10,	/* was asked for its goodbye */
	CONN_ABORTED = 1 << 11,	/* by the handler, with a reset */
	CONN_PARTIAL = 1 << 12,	/* a part of a message is queued, not all */
	CONN_DIALED = 1 << 13,	/* ours to somebody: net/dial.h */
	CONN_SPLICED = 1 << 14,	/* joined to another: net/splice.h */
	CONN_APART = 1 << 15,	/* not watched: there is nothing to wait for */
};

/* How long a closed connection may go on sending before it is cut off. */
#define CONN_LINGER_MS	5000
/* How long to wait for the kernel to have memory again. */
#define CONN_STARVED_MS	50

struct input;
struct mails;
struct splice;

/* Whoever serves a connection elsewhere: how a message is brought to it. */
struct conn_away {
	void (*bring)(struct prong_conn *, const void *data, size_t len);
};

/*
 * A connection.  Idle ones are many: what is not always needed is apart.  What
 * a message touches stands first and together.
 */
struct prong_conn {
	struct watch watch;
	struct prong_service *service;
	struct conn_entry *entry;	/* peer, times, bytes: shared memory */
	struct input *input;		/* the start of a message, or NULL */
	struct output *output;		/* what the kernel did not take */
	void *data;			/* the handler's own */
	uint16_t flags;
	uint8_t reason;			/* enum counter, when closing */
	/* by who dialed it, who will close it */
	bool is_held : 1;
	/* and is above high water: input goes on */
	bool is_full : 1;
	/* in a drain: something has gone to the peer */
	bool is_answered : 1;
	unsigned char drain : 2;	/* enum drain_phase */
	uint32_t timeout;		/* milliseconds; 0: none */
	struct timer timer;		/* idle-timeout, or the lingering */
	struct prong_conn *next_dead;
	struct mails *held;		/* posted to it, not sent; or NULL */
	/* of the process that has accepted it, wherever it is served */
	struct prong_conn *next_known;
	const struct conn_away *away;	/* NULL: it is served in our loop */
	struct dialed_list dialed;	/* by its handler */
	struct splice *splice;		/* while it is CONN_SPLICED */
};

/*
 * Takes over an accepted descriptor.  On -1 the connection was refused (the
 * counter says why) and the descriptor is closed.
 */
int conn_open(struct prong_service *, int fd, const struct address *peer);

/* Closes when the output has gone; the end is booked under a counter. */
void conn_close(struct prong_conn *, enum counter reason);

/* Ends it now. */
void conn_end(struct prong_conn *, enum counter reason);

/* Sees to what a call from outside an event of its own has changed. */
void conn_update(struct prong_conn *);

/* The connection of a watch, or NULL when it is another's. */
struct prong_conn *conn_of_watch(struct watch *);

/* A phase of its service's drain; its handler is asked for a goodbye once. */
void conn_drain(struct prong_conn *, enum drain_phase);

/*
 * A connection may go from one loop to another, with c->service set to the
 * service as it is there.  Joining: 0, or why it is refused.
 */
enum counter conn_join(struct prong_conn *);
void conn_leave(struct prong_conn *);

/* Not to be watched until it waits for something again. */
void conn_step_aside(struct prong_conn *);
/* What it waits for from now on. */
int conn_want(struct prong_conn *, unsigned int events);

/* Whether what happens on it is only told to the service's place(). */
void conn_lend(struct prong_conn *, bool);
/* Something has happened on it. */
void conn_look(struct prong_conn *);

/* Books the end of one that has ended in a lane. */
void conn_book_end(struct prong_conn *, struct prong_service *home);
/* Books one as ended that goes on in a thread which nobody waits for. */
void conn_book_abandoned(struct prong_conn *, struct prong_service *home);

/*
 * Counts a failure of the handler when result is -1, and closes.  Returns
 * whether the connection still lives.
 */
bool conn_check(struct prong_conn *, int result);

/*
 * An event of its own begins.  Others see in the scoreboard whom this process
 * serves, if it should get stuck or die over it; the turn's end clears that.
 */
static inline void
conn_serve(struct prong_conn *c)
{
	struct net *net = c->service->net;

	net->serving = c;
	net->burst = 0;
	*net->serving_entry = (uint64_t)((const char *)c->entry -
	    (const char *)net->table.entries);
}

/* What changes in an entry while others may look: see conntable_copy(). */
static inline void
conn_set_last(struct prong_conn *c, uint64_t ms)
{
	__atomic_store_n(&c->entry->last, ms, __ATOMIC_RELAXED);
}

static inline void
conn_wrote(struct prong_conn *c, ssize_t n)
{
	struct conn_entry *e = c->entry;

	add_owned(&e->bytes_out, (uint64_t)n);
	conn_set_last(c, *c->service->net->now);
	counter_add(c->service->counters, COUNTER_BYTES_OUT, (uint64_t)n);
}

static inline void
conn_count_read(struct prong_conn *c, size_t n)
{
	struct conn_entry *e = c->entry;

	add_owned(&e->bytes_in, n);
	conn_set_last(c, *c->service->net->now);
	counter_add(c->service->counters, COUNTER_BYTES_IN, n);
}

/* Ends it, and the peer sees a reset. */
void conn_abort(struct prong_conn *, enum counter reason);

/* Why it has ended or is ending, as an errno; 0: as either side wanted. */
int conn_error(const struct prong_conn *);

/* --- for the other files of a connection's life --------------------------- */

/* One that is still to be opened: its service and its descriptor. */
void conn_init(struct prong_conn *, struct prong_service *, int fd);
/* Books it as accepted. */
void conn_book(struct prong_conn *);
/* Asks the handler for its greeting. */
void conn_begin(struct prong_conn *);
/* Writes what is queued; goes on reading when there is room again. */
void conn_writable(struct prong_conn *);

/* A reset and the like: ends it as what was under way. */
void conn_fail(struct prong_conn *);
/* Lets the outbox go; false when the connection died of it. */
static IN_LINE bool
conn_flush_outbox(struct prong_conn *c)
{
	struct net *net = c->service->net;
	ssize_t n;

	n = outbox_flush(&net->outbox, c->watch.fd, &c->output);
	if (n >= 0) {
		conn_wrote(c, n);
		return true;
	}
	conn_fail(c);
	return false;
}

/* --- conn_send.c --------------------------------------------------------- */

/* Sends bytes as they are.  EPIPE: closing.  ENOMEM. */
int conn_put(struct prong_conn *, const void *data, size_t len);

/* Whether it may hold so many bytes more; if not, it has been ended. */
bool conn_has_room(struct prong_conn *, size_t more);

size_t conn_queued(const struct prong_conn *);

/*
 * It is above high water.  A handler that can wait does: -1 with EPIPE when
 * the connection has ended meanwhile.
 */
int conn_full(struct prong_conn *);

/* Where reading pauses: well below what a connection may hold. */
size_t conn_high_water(const struct prong_conn *);

/* --- conn_timer.c -------------------------------------------------------- */

void conn_timer_init(struct prong_conn *);
/* Arms it in the loop that the connection joins. */
int conn_timer_join(struct prong_conn *);
/* Sets the time without activity after which it is closed; 0: never. */
int conn_timer_set(struct prong_conn *, uint32_t ms);
/*
 * The kernel has no memory for what is to be sent, and being ready to write
 * would not change with it: a timer asks again.
 */
void conn_timer_starve(struct prong_conn *);

/* It drains or not: when the timer looks next. */
void conn_timer_review(struct prong_conn *);

/* --- conn_drain.c -------------------------------------------------------- */

/* How long it has to be at rest to be closed, in ms; at least 1. */
uint64_t conn_drain_quiet(const struct prong_conn *);
/* Whether it has been for so long, without anything under way. */
bool conn_drain_is_over(const struct prong_conn *, uint64_t idle);
/* It has been updated, and perhaps answered: that may be its last answer. */
void conn_drain_answer(struct prong_conn *);

/* For input.c: malformed input, reported and closed. */
void conn_malformed(struct prong_conn *, enum prong_malformed);

#endif
