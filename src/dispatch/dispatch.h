/* SPDX-License-Identifier: ISC */
#ifndef DISPATCH_DISPATCH_H
#define DISPATCH_DISPATCH_H

#include "net/service.h"

/*
 * The ways in which a handler can be run, one file each behind one interface:
 * struct service_ops.  The configuration chooses by name.
 */

extern const struct service_ops dispatch_inline;

/* The modes and, in the same order, the words for them; both end with NULL. */
extern const struct service_ops *const dispatch_modes[];
extern const char *const dispatch_names[];

#endif
