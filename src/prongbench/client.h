/* SPDX-License-Identifier: ISC */
#ifndef PRONGBENCH_CLIENT_H
#define PRONGBENCH_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/address.h"
#include "prongbench/histogram.h"
#include "prongbench/payload.h"

/*
 * One connection of the load: it sends messages, has at most depth of them in
 * flight and compares every byte that comes back.
 */

enum client_result {
	CLIENT_OK,
	CLIENT_CONNECT,		/* no connection came about */
	CLIENT_CLOSED,		/* the server ended it */
	CLIENT_WRONG,		/* a reply is not what it must be */
	CLIENT_SILENT,		/* a reply did not come in time */
	CLIENT_RESULTS
};

/* What the clients of one server have in common. */
struct client_shared {
	struct payload payload;
	struct address address;
	struct histogram latency;
	char *buffer;			/* every read goes here */
	int64_t timeout;		/* of a blocking connect, in us */
	int epoll;
	unsigned int depth;
	bool each;			/* a connection for each message */
	bool refill;			/* replies are followed by messages */
	uint64_t left;			/* messages that may yet be begun */
	uint64_t connecting;		/* connections not yet established */
	uint64_t inflight;
	uint64_t messages;		/* replies that came back right */
	uint64_t opened;		/* connections, ever */
	uint64_t progress;		/* client_now() when a byte last came */
};

struct client {
	int fd;				/* -1: closed */
	unsigned int number;
	uint32_t events;		/* what epoll tells of it */
	bool established;
	bool dead;			/* failed; not used again */
	uint32_t inflight;
	uint32_t oldest;		/* its stamp of those in flight */
	uint64_t *stamps;		/* depth of them: when each was begun */
	uint64_t done;			/* replies that came back right */
	size_t send_at;			/* in the ring of requests */
	size_t unsent;			/* bytes, from there on */
	size_t check_at;		/* in the ring of replies */
	size_t due;			/* bytes, from there on */
	size_t part;			/* bytes here of the reply now coming */
};

/* Monotonic nanoseconds. */
uint64_t client_now(void);

/* Room for shared.buffer. */
#define CLIENT_BUFFER	(256 << 10)

/* Starts to connect, and with first begins a message at once. */
enum client_result client_open(struct client_shared *, struct client *,
    bool first);

/* Begins up to count messages, as far as depth and shared.left allow. */
enum client_result client_begin(struct client_shared *, struct client *,
    uint32_t count);

/* Handles what epoll told of the connection. */
enum client_result client_event(struct client_shared *, struct client *,
    uint32_t events);

/* Closes it; what was in flight is forgotten. */
void client_close(struct client_shared *, struct client *);

#endif
