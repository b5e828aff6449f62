/* SPDX-License-Identifier: ISC */
#ifndef LONG_CROSSFIRE_H
#define LONG_CROSSFIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

#include "base/address.h"
#include "prongbench/histogram.h"

#define CROSSFIRE_MS		1000000ULL
/* Nothing that works takes so long. */
#define CROSSFIRE_PATIENCE	(20000 * CROSSFIRE_MS)
/* A connect that failed is tried again after this. */
#define CROSSFIRE_RETRY		CROSSFIRE_MS
#define CROSSFIRE_SIZE_MIN	64
#define CROSSFIRE_SIZE_MAX	4096
#define CROSSFIRE_DEPTH_MAX	32
/* Of a connection, messages that are due and not answered. */
#define CROSSFIRE_RING		1024
#define CROSSFIRE_GREETINGS	4
#define CROSSFIRE_ERRORS	140	/* values of errno */
#define CROSSFIRE_FAULTS	8	/* that are told in words */

struct crossfire;
struct crossfire_class;

/* What the clients of a class have seen since it was last told. */
struct crossfire_tally {
	uint64_t connects;
	uint64_t failed[CROSSFIRE_ERRORS];	/* connects, by errno */
	uint64_t full;			/* unix: no room in the backlog; waited */
	uint64_t messages;		/* replies that came back right */
	uint64_t resets;
	uint64_t reset_bytes;		/* asked for and not answered then */
	uint64_t late_resets;		/* after the server's clean end */
	uint64_t wrong;
	uint64_t truncated;		/* an end within a reply */
	uint64_t silent;		/* no answer, and no end */
	uint64_t ends_idle;		/* with nothing outstanding */
	uint64_t ends_busy;		/* with something */
	uint64_t ends_unserved;		/* of them, before a byte had come */
	uint64_t unanswered;		/* messages; they were sent again */
	uint64_t overrun;		/* due, but too many waited already */
	uint64_t greeted[CROSSFIRE_GREETINGS];
	struct histogram latency;	/* from when it was due */
	struct histogram connect;	/* to when it stood */
};

enum crossfire_state {
	CROSSFIRE_CLOSED,
	CROSSFIRE_WAITING,		/* to try again to connect */
	CROSSFIRE_CONNECTING,
	CROSSFIRE_OPEN,
};

struct crossfire_client {
	struct crossfire_class *class;
	unsigned int number;
	enum crossfire_state state;
	int fd;
	uint32_t events;		/* what epoll tells of it */
	uint64_t serial;		/* which of its connections this is */
	uint64_t begun;			/* when it was to connect, first */
	uint64_t retry;			/* when to try again */
	uint64_t heard;			/* when something last came */
	bool served;			/* something came, on this connection */
	/* Messages by number: done <= sent <= due. */
	uint64_t done;
	uint64_t sent;			/* whole, or begun */
	uint64_t due;
	uint64_t stamps[CROSSFIRE_RING];	/* when each was due */
	bool blocked;			/* no room for what is due */
	size_t sent_part;		/* bytes of number sent - 1; 0: all */
	size_t got_part;		/* bytes of the reply to number done */
	size_t greeting_part;
	unsigned int greetings;		/* those that it may be, as bits */
	bool greeted;
};

struct crossfire_class {
	struct crossfire *all;
	const char *name;
	struct address address;
	bool each;			/* a connection for each batch */
	unsigned int connections;
	unsigned int depth;		/* messages of a batch */
	size_t size;
	uint64_t patience;
	uint64_t gap;			/* from batch to batch */
	uint64_t due;			/* when the next one is */
	unsigned int next;		/* whose it is */
	char *greetings[CROSSFIRE_GREETINGS];
	unsigned int greeting_count;
	struct crossfire_client *clients;
	struct crossfire_tally tally;
};

struct crossfire {
	int epoll;
	unsigned int count;
	struct crossfire_class *classes;
	bool ending;			/* nothing new is due */
	bool again;			/* somebody is to connect at once */
	json_t *faults;
};

/* Monotonic nanoseconds. */
uint64_t crossfire_now(void);

/* Of crossfire_client.c: all of these book in the tally what happens. */

/* A batch is due. */
void crossfire_client_shoot(struct crossfire_client *, uint64_t now);

/* What epoll told. */
void crossfire_client_event(struct crossfire_client *, uint32_t events);

/* Tries again to connect, gives up silence. */
void crossfire_client_tend(struct crossfire_client *, uint64_t now);

/* Whether something of it is yet to be answered. */
bool crossfire_client_is_busy(const struct crossfire_client *);

void crossfire_client_close(struct crossfire_client *);

/* Of crossfire_report.c. */

/* What must not happen; some of them are told in words. */
void crossfire_report_fault(struct crossfire_client *, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* Prints a line of JSON and begins anew. */
void crossfire_report(struct crossfire *);

#endif
