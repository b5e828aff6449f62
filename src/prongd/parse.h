/* SPDX-License-Identifier: ISC */
#ifndef PRONGD_PARSE_H
#define PRONGD_PARSE_H

#include "prong.h"
#include "prongd/problem.h"
#include "prongd/source.h"
#include "prongd/tree.h"

/*
 * Reads the files, from the first on and whatever they include, into the
 * tree.  Returns -1 when a file could not be read or followed to its end, with
 * the reason among the problems; the other files are in the tree all the same.
 */
int parse_sources(struct sources *, const struct prong_handler *const *,
    struct tree_section *root, struct problems *);

#endif
