/* SPDX-License-Identifier: ISC */
#ifndef NET_CONNECT_H
#define NET_CONNECT_H

#include <stddef.h>
#include <stdint.h>

#include "base/address.h"
#include "loop/loop.h"

struct resolve;
struct connect;

/*
 * It has ended: with a descriptor, which is the callee's, and the address that
 * answered; or with -1, where errno and error_text() say why.
 */
typedef void connect_fn(struct connect *, int fd, const struct address *);

/*
 * Connecting without holding up a loop, to the first address of a text that
 * answers.  The memory is the caller's.
 */
struct connect {
	struct loop *loop;
	connect_fn *fn;
	char *text;
	struct resolve *resolve;	/* NULL: not being looked up */
	struct address *list;
	size_t count, next;		/* to be tried */
	struct watch watch;		/* fd -1: none is being tried */
	struct timer timer;
	uint64_t deadline;		/* UINT64_MAX: none */
	int error;			/* of the one that was tried last */
};

/*
 * ms: for looking up and all addresses together; -1 is without a limit.  fn is
 * called later, never from here.  -1: it failed at once, with an errno of
 * connect(2), socket(2), address_resolve() or resolve_start().
 */
int connect_start(struct connect *, struct loop *, const char *text,
    int64_t ms, connect_fn *);

/* Before its end: fn is not called. */
void connect_stop(struct connect *);

#endif
