/* SPDX-License-Identifier: ISC */
#ifndef NET_RESOLVE_H
#define NET_RESOLVE_H

#include <stddef.h>

#include "base/address.h"
#include "loop/loop.h"

/*
 * Looking up names without holding up a loop: getaddrinfo(3) is called in a
 * thread beside it.
 */
struct resolve;

/* The list is the callee's to free(3); NULL: errno and error_text() say why. */
typedef void resolve_fn(void *arg, struct address *list, size_t count);

/*
 * Begins to look up what address_resolve() would; fn is called in the loop,
 * later and once.  NULL: EMFILE, ENOMEM; EAGAIN: no thread can be had.
 */
struct resolve *resolve_start(struct loop *, const char *text, resolve_fn *,
    void *arg);

/* The answer is not wanted any more. */
void resolve_stop(struct resolve *);

#endif
