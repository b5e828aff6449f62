/* SPDX-License-Identifier: ISC */
#ifndef PRONGD_APPLY_H
#define PRONGD_APPLY_H

#include "prong.h"
#include "prongd/problem.h"
#include "prongd/tree.h"

/*
 * Sets a server up as the tree says; what it does not take is a problem.  The
 * handlers are those that are built in.
 */
void apply_tree(struct prong_server *, const struct prong_handler *const *,
    struct tree_section *root, struct problems *);

/*
 * Lets the server check itself and adds what it finds, at the places of the
 * tree that it is about.  Returns how many problems of the configuration
 * there are; those of the surroundings, a port in use, are not counted.
 */
int apply_check(struct prong_server *, struct tree_section *root,
    struct problems *);

/*
 * Adds why a start has failed, when that is about a service, at its line or at
 * that of the address; false: it is not.
 */
bool apply_failure(struct tree_section *root, const char *text,
    struct problems *);

/* Adds what has no effect where it is said; none of it keeps from starting. */
void apply_warn(struct prong_server *, struct tree_section *root,
    struct problems *);

#endif
