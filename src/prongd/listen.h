/* SPDX-License-Identifier: ISC */
#ifndef PRONGD_LISTEN_H
#define PRONGD_LISTEN_H

#include "prong.h"
#include "prongd/options.h"
#include "prongd/problem.h"
#include "prongd/tree.h"

/*
 * Adds the services that -l asks for to the tree, after those of the files:
 * each is named as its handler is, with a number where the name is taken.
 */
void listen_add(const struct options *, struct tree_section *root,
    struct problems *);

#endif
