/* SPDX-License-Identifier: ISC */
#ifndef SERVER_CLERK_H
#define SERVER_CLERK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "server/master.h"

/*
 * Clerks: processes that live for a moment and do for the master what it does
 * not do itself, since it takes no shared lock, follows nothing in shared
 * memory and does not wait.  They run as the workers do, without privileges.
 */

#define CLERKS_MAX		16		/* at once that answer */
#define CLERK_ANSWER_MAX	(4 << 20)

struct clerk;

/*
 * What one is sent for.  In its process work() is called with arg and returns
 * what it has to say, allocated, or NULL; that it has done its work is told by
 * *status being 0, which it is unless set.
 *
 * In the master done() is called with the same arg when it has ended.  status
 * is as from wait(2); the text is a line of JSON without its end, or NULL if
 * there is none that may be passed on: error_text() says why.
 */
struct clerk_task {
	const char *name;	/* for the log and for errors */
	uint64_t ms;		/* how long it may take; 0: no limit */
	bool answers;
	bool is_plain;		/* ... CLERK_DONE, or why not: as clerk_wait() */
	const struct generation *as;	/* of whose user; NULL: the current */
	const char *file;	/* of a dict, which it reads or writes; NULL */
	char *(*work)(struct master *, void *arg, int *status);
	void (*done)(struct master *, void *arg, int status, const char *text,
	    size_t length);
	void *arg;
};

/* Sends one.  NULL: no memory, no process; EAGAIN: too many are at work. */
struct clerk *clerk_send(struct master *, const struct clerk_task *);

/* Nobody wants to hear of it any more; it goes on with its work. */
void clerk_forget(struct clerk *);
/* Has it killed; done() is called as usual. */
void clerk_kill(struct clerk *);

/* Whether a child that has ended was one. */
bool clerk_ended(struct master *, pid_t, int status);

/* Ends all of them. */
void clerk_close(struct master *);

/*
 * One that is waited for: for the time before there is a loop.  It says
 * CLERK_DONE, or why not, which is the text of -1 then.
 */
#define CLERK_DONE	"done"
int clerk_wait(struct master *, const struct clerk_task *);

/*
 * Has it book what the dead process of a slot left open, where no successor
 * will.
 */
void clerk_settle(struct process *);

/*
 * Whether a text is one object of JSON, from its first byte to its last, as
 * far as brackets and quotes go, in printable ASCII: so that it can stand in
 * a line whoever has written it.
 */
bool clerk_is_line(const char *text, size_t length);

#endif
