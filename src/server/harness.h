/* SPDX-License-Identifier: ISC */
#ifndef SERVER_HARNESS_H
#define SERVER_HARNESS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "loop/task.h"
#include "net/conn.h"
#include "server/server.h"

/*
 * A service without a server: the connections of a worker in the process of a
 * test, whose clients are the other ends of socket pairs.  The loop turns until
 * nothing is left to do, and no longer; its clock stands still but for
 * prong_harness_advance().
 */
struct prong_harness {
	struct prong_server *server;	/* its own; NULL: another's */
	struct prong_service *service;
	struct scoreboard scoreboard;
	struct slot *slot;
	struct loop *loop;
	struct net *net;
	struct tasks tasks;
	struct prong_client *clients;
	unsigned int connects;
	bool is_up;			/* the handler's init has run */
	char report[ERROR_MAX];
};

struct prong_client {
	struct prong_client *next;
	struct prong_harness *harness;
	struct prong_conn *conn;	/* NULL: it has ended */
	enum prong_end end;
	int fd;				/* our side; -1 */
	bool finishing;			/* no input after what waits */
	bool finished;
	bool eof;			/* of the output */
	char *input;			/* what the socket does not take yet */
	size_t input_length;
	char *output;			/* what nobody has looked at yet */
	size_t output_length;
	char *taken;			/* what was handed out last */
	size_t window;
};

/* What the calling thread was at, while it is at a harness. */
struct harness_place {
	struct tasks *tasks;
	struct net *net;
	struct prong_harness *harness;
};

void harness_enter(struct prong_harness *, struct harness_place *);
void harness_leave(const struct harness_place *);

/* Turns the loop, and has the clients read and write, until nothing moves. */
int harness_settle(struct prong_harness *);

/* --- harness_client.c ----------------------------------------------------- */

/* Moves what can be moved: 1 when anything was, -1 with ENOMEM. */
int harness_client_move(struct prong_client *);
/* The connection has ended. */
void harness_client_ended(struct prong_client *, const struct prong_conn *);
void harness_client_free(struct prong_client *);

#endif
