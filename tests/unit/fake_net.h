/* SPDX-License-Identifier: ISC */
#ifndef TESTS_UNIT_FAKE_NET_H
#define TESTS_UNIT_FAKE_NET_H

#include "net/conn.h"
#include "net/net.h"
#include "shm/scoreboard.h"

/*
 * The connections of a worker without the worker: a loop, a struct net with
 * its table in a scoreboard, and one service.  The service's operations note
 * what they get and do what the test asks for.  There is one per test, which
 * runs in a process of its own.
 */
struct fake_net {
	struct loop *loop;
	struct net *net;
	struct scoreboard sb;
	struct prong_service service;
	struct prong_handler handler;

	/* What the service does; NULL: nothing, with success. */
	int (*opened)(struct prong_conn *);
	int (*message)(struct prong_conn *, const void *, size_t);
	int (*writable)(struct prong_conn *);
	int (*malformed)(struct prong_conn *, enum prong_malformed);
	int (*draining)(struct prong_conn *);
	void (*closed)(struct prong_conn *);

	/* What it got. */
	int opens, messages, writables, malformeds, drains, closes;
	enum prong_malformed last_malformed;
	struct prong_conn *last;	/* connection that was opened */
	char heard[512];		/* "[message][message]", cut off */
	size_t heard_bytes;		/* of all messages */

	int reports;
	enum prong_level reported_level;
	char reported[256];
};

extern struct fake_net fake;

void fake_start(enum prong_framing);
/* The same with select(2). */
void fake_start_with(enum loop_mechanism, enum prong_framing);
/*
 * Ends every connection, and fails the test if the books do not balance or a
 * connection was not closed exactly once.
 */
void fake_stop(void);

/* --- the peer of a connection -------------------------------------------- */

struct peer {
	struct watch watch;		/* in the same loop */
	struct prong_conn *conn;	/* gone when the connection is */
	char *got;
	size_t length;
	bool watched, eof, reset;
};

/* A connection over a pair of unix sockets, or TCP on the loopback. */
struct peer *peer_unix(void);
struct peer *peer_tcp(void);
void peer_free(struct peer *);

/* Sends all of it at once. */
void peer_send(struct peer *, const char *text);
void peer_send_bytes(struct peer *, const char *data, size_t len);
void peer_shutdown(struct peer *);	/* sends no more */
void peer_close(struct peer *);
void peer_reset(struct peer *);		/* TCP: with a reset */
/* Stops and starts taking what comes. */
void peer_stall(struct peer *);
void peer_resume(struct peer *);
/* Fails unless exactly this, or so much, has come so far. */
void peer_expect(const struct peer *, const char *text);
void peer_expect_bytes(const struct peer *, const char *data, size_t len);

/* --- running ------------------------------------------------------------- */

/* Runs the loop until the condition holds; fails when it never does. */
void fake_run_until(bool (*done)(void));

/* Runs the loop until nothing happens any more. */
void fake_settle(void);
/*
 * From the first call on time stands still for the connections, however long
 * the machine takes, and goes on by so many milliseconds with each.
 */
void fake_pass(uint64_t ms);

/* A counter of the service, and those that are not 0: "accepted=1 ...". */
uint64_t fake_count(enum counter);
const char *fake_counts(void);
uint64_t fake_active(void);

#endif
