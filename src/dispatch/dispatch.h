/* SPDX-License-Identifier: ISC */
#ifndef DISPATCH_DISPATCH_H
#define DISPATCH_DISPATCH_H

#include "net/service.h"

/*
 * The ways in which a handler can be run, one file each behind one interface:
 * a mode sets the ops of a service, in the process that serves it.  The
 * configuration chooses by name.
 */
struct dispatch_mode {
	void (*bind)(struct prong_service *);
};

extern const struct dispatch_mode dispatch_inline;

/* The modes and, in the same order, the words for them; both end with NULL. */
extern const struct dispatch_mode *const dispatch_modes[];
extern const char *const dispatch_names[];

#endif
