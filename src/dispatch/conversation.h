/* SPDX-License-Identifier: ISC */
#ifndef DISPATCH_CONVERSATION_H
#define DISPATCH_CONVERSATION_H

#include <stdbool.h>
#include <stdint.h>

#include "dispatch/inbox.h"
#include "loop/task.h"
#include "net/conn.h"

/*
 * Running a handler on a stack of its own, so that it can wait: what all modes
 * but inline have in common.
 */

/* Sets the ops of a service, and the room that its connections need. */
void conversation_bind(struct prong_service *);

/* Whether the handler is in the midst of something for the connection. */
bool conversation_is_on(const struct prong_conn *);

/*
 * Before and after the task that runs waits for anything but input: what its
 * connection has sent goes out.  -1 with ECANCELED: the connection has ended.
 * Nothing happens in a task that no connection owns.
 */
int conversation_pause(void);
void conversation_go_on(void);

/* --- for the two styles --------------------------------------------------- */

enum conversation_due {
	DUE_CLOSED = 1 << 0,
	DUE_DRAINING = 1 << 1,
	DUE_WRITABLE = 1 << 2,
};

enum conversation_wait {
	WAIT_NONE,
	WAIT_INPUT,
	WAIT_ROOM,
};

/* One call of the handler. */
struct conversation_call {
	int (*run)(struct prong_conn *, const struct conversation_call *);
	const void *data;
	size_t length;
	enum prong_malformed what;
	int result;
};

/* Behind each connection. */
struct conversation {
	struct inbox box;		/* the first member */
	struct task *task;		/* at work for it, or waiting */
	struct conversation_call *first;	/* whoever began it is there */
	uint8_t wait;			/* enum conversation_wait */
	uint8_t due;			/* of enum conversation_due */
	bool told;			/* .closed was called */
};

static inline struct conversation *
conversation_of(struct prong_conn *c)
{
	return (struct conversation *)(c + 1);
}

static inline bool
conversation_is_dead(const struct prong_conn *c)
{
	return (c->flags & CONN_DEAD) != 0;
}

/* Runs a call in a task; 0 when it has to wait: its result comes later. */
int conversation_start(struct prong_conn *, struct conversation_call *);
/* What came up while it was busy, first things first. */
int conversation_run_due(struct prong_conn *);
/* It has ended, and its task is to. */
void conversation_closed(struct prong_conn *);

/* It begins to wait for anything but input.  -1: ECANCELED, ENOMEM. */
int conversation_begin_wait(struct prong_conn *);
/* Others are served while it waits; it is served again. */
void conversation_leave(struct prong_conn *);
void conversation_come_back(struct prong_conn *);
/* Keeps the message that the handler may still look at. */
int conversation_hold(struct prong_conn *);

#endif
