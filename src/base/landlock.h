/* SPDX-License-Identifier: ISC */
#ifndef BASE_LANDLOCK_H
#define BASE_LANDLOCK_H

#include "base/strings.h"

/* The rules of Landlock for a process: landlock(7). */

/*
 * The version of the rules that this process can have, at most the last one
 * that we know; 0: none, by this kernel or this build.
 */
int landlock_version(void);

/*
 * From now on this thread, and whoever it starts, can use of files only what
 * is at or below the paths of the lists, to read or to write and read as well;
 * a path that is not there, or not to be reached, allows nothing.  None can be
 * executed.  With version 4 no TCP address can be bound; with 6 no abstract
 * unix socket of others can be connected to and nobody outside be signalled.
 * What is open stays usable.  Needs no-new-privs.  -1 with errno and a text:
 * nothing has changed.
 */
int landlock_enter(int version, const struct strings *reads,
    const struct strings *writes);

#endif
