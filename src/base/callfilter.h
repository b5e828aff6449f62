/* SPDX-License-Identifier: ISC */
#ifndef BASE_CALLFILTER_H
#define BASE_CALLFILTER_H

#include <linux/filter.h>
#include <stdbool.h>
#include <stddef.h>

/*
 * Which system calls a process may make: a list.  What is not on it does not
 * exist (ENOSYS), so that a library that tries something new does what it does
 * on an older kernel; what would be harmful is refused (EPERM).  Nothing kills.
 */

/* The most that a kernel takes. */
#define CALLFILTER_MAX	4096

/*
 * Writes the program to code, which has room for CALLFILTER_MAX, and says
 * how long it is; 0 with errno and a text: ENOTSUP where this build has no
 * libseccomp.  forks: new processes are allowed.  What that takes of memory
 * does not all come back: it is for a child.
 */
size_t callfilter_make(struct sock_filter *code, bool forks);

/*
 * From now on this process, all its threads and whoever they start can make
 * these calls only.  Needs no-new-privs.  -1 with errno and a text.
 */
int callfilter_enter(const struct sock_filter *code, size_t length);

#endif
