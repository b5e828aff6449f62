/* SPDX-License-Identifier: ISC */
#ifndef SERVER_DECLARE_H
#define SERVER_DECLARE_H

#include "base/privilege.h"
#include "server/server.h"

/*
 * The shared objects that handlers say they need, by prong_declare() in their
 * .declare.  They are sections like those of the configuration, marked with
 * the service whose handler it was, and what the configuration leaves open of
 * its own is set as the handler says.
 */

/* How long the handlers of all services may take to say it. */
#define DECLARE_MS	10000

/*
 * Asks the handlers of all services, in a child with the rights of a worker,
 * since they may crash, hang and be of modules; what it says is bounded and
 * checked here once more.  Forgets what was declared before.  Calls fn for each
 * fault, with the text in error_text(); returns how many there were.  What is
 * wrong with a handler otherwise is for others to tell.
 */
int declare_all(struct prong_server *, const struct privilege *,
    server_fault_fn *, void *arg);

/* In this process, where they run anyway: -1 with the text of the first fault. */
int declare_here(struct prong_server *);

/* --- declare_object.c ------------------------------------------------------ */

/*
 * What the handler of a service says of an object, "key", "value", ..., NULL;
 * -1 with a text, and nothing has changed.
 */
int declare_object(struct prong_service *, const char *kind, const char *name,
    const char *const *pairs);

/* Takes back what was declared, while the objects are not made. */
void declare_undo(struct prong_server *);

#endif
