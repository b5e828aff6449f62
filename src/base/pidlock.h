/* SPDX-License-Identifier: ISC */
#ifndef BASE_PIDLOCK_H
#define BASE_PIDLOCK_H

#include <sys/types.h>

/*
 * The file that holds the master's process id, under a lock for as long as the
 * server lives.  (libbsd has such calls; ours keeps the descriptor, which an
 * upgrade hands on.)
 */

/*
 * Creates the file and locks it.  Returns the descriptor, close-on-exec, or
 * -1: EEXIST when another process holds it (error_text() names its pid).
 * Refused, and left as it is: what is not a regular file, belongs to somebody
 * else, has further names, or holds anything but a process ID.
 */
int pidlock_open(const char *path);

/* Whether a file that is there would be refused; changes nothing. */
int pidlock_try(const char *path);

/* Writes the id of a process into it, in the place of what was there. */
int pidlock_write(int fd, pid_t, const char *path);

/* Removes the file and lets go of the lock; nothing for fd -1. */
void pidlock_remove(int fd, const char *path);

#endif
