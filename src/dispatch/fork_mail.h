/* SPDX-License-Identifier: ISC */
#ifndef DISPATCH_FORK_MAIL_H
#define DISPATCH_FORK_MAIL_H

#include <sys/queue.h>
#include <sys/types.h>

#include <stdbool.h>
#include <stddef.h>

#include "loop/loop.h"

/*
 * What is posted to the connection of a child of the forker, for dispatch/fork:
 * both ends of its mailbox.
 */

struct lane;
struct mails;

/* --- in the forker --------------------------------------------------------- */

struct fork_mail {
	LIST_ENTRY(fork_mail) entries;	/* of those with a mailbox */
	struct watch box;	/* the mailbox, to put into; -1 */
	struct mails *mails;	/* that are not in it yet */
	pid_t pid;		/* the child's */
	bool called;		/* the child, for its mail */
	bool watched;		/* the mailbox is full */
	bool overflows;		/* the child takes none */
};

/* of: whose a child's mail is; NULL: nobody's.  EMFILE, ENOMEM. */
int fork_mail_open(struct loop *, struct fork_mail *(*of)(pid_t));
void fork_mail_close(void);

void fork_mail_init(struct fork_mail *);
/* The child is there; it is called if there is something for it. */
void fork_mail_begin(struct fork_mail *, pid_t);
void fork_mail_bring(struct fork_mail *, const void *data, size_t len);
void fork_mail_fini(struct fork_mail *);

/* --- in a child ------------------------------------------------------------ */

/* The others' mailboxes and the desk are the forker's. */
void fork_mail_in_child(void);
/* It is called: it has its mail brought, for the connection of its lane. */
void fork_mail_fetch(struct lane *);

#endif
