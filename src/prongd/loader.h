/* SPDX-License-Identifier: ISC */
#ifndef PRONGD_LOADER_H
#define PRONGD_LOADER_H

#include "prongd/options.h"
#include "prongd/source.h"

/*
 * Reads and checks the configuration in a process of its own, which prints
 * what is wrong with it, and with -T all of it.  Whatever reading it does to
 * that process, this one learns of it and goes on.
 *
 * Returns the exit code that prongd -t has: 0, with the files that were read;
 * 1, when only the surroundings are in the way; 2.
 */
int loader_run(const struct options *, struct sources *);

#endif
