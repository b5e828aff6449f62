/* SPDX-License-Identifier: ISC */
#ifndef SERVER_LOADING_H
#define SERVER_LOADING_H

#include "server/master.h"

/*
 * A new configuration is read, checked and asked for what its handlers need in
 * a child of the master, which may crash over it, or hang, until
 * upgrade-timeout.  The master makes a server of what the child hands over as
 * plain values, each of which it checks once more.
 */

/*
 * What becomes of it: the server, or NULL and why not, which may have several
 * lines.  The server is the callee's.
 */
typedef void loading_fn(struct master *, struct prong_server *, const char *why,
    void *arg);

struct loading;

/* NULL: no process, no memory; ENOTSUP: the program has not said how. */
struct loading *loading_start(struct master *, loading_fn *, void *arg);
/* Ends it; the function is not called any more. */
void loading_cancel(struct loading *);

/* Whether a child that has ended was one. */
bool loading_ended(struct master *, pid_t, int status);

#endif
