/* SPDX-License-Identifier: ISC */
#ifndef PRONGD_SETUP_H
#define PRONGD_SETUP_H

#include "prong.h"
#include "prongd/options.h"
#include "prongd/problem.h"
#include "prongd/source.h"
#include "prongd/tree.h"

/*
 * A server made of files and command line.  The loader and prongd itself do
 * this alike, from the same bytes.
 */
struct setup {
	struct sources sources;
	struct tree_section *root;
	struct problems problems;
	struct prong_server *server;
	bool whole;		/* every file was read to its end */
};

/* The sources are there already when they are complete. */
void setup_make(struct setup *, const struct options *);
void setup_free(struct setup *);

#endif
