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

/*
 * The same at a reload, in a process that prong_server_load() has made: the
 * server, or NULL when what is wrong has been printed.  arg: struct options.
 */
struct prong_server *loader_again(void *arg);

#endif
