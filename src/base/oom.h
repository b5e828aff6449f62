/* SPDX-License-Identifier: ISC */
#ifndef BASE_OOM_H
#define BASE_OOM_H

#include <stdint.h>

/*
 * Whether the kernel's out-of-memory killer has been at work: a process of
 * ours that was killed while the count rose was most likely killed by it.
 */

/*
 * How many processes it has killed so far, in this process's control group
 * where the kernel counts for it, else in the whole system; 0 when neither can
 * be read.  The kernel counts before it kills, so whoever has waited for the
 * dead sees it.  Only a rise between two calls says anything.
 */
uint64_t oom_kills(void);

/*
 * The same, told where to look: the list of this process's control groups
 * (cgroups(7)), the folder where their tree is, and the system's statistics.
 */
uint64_t oom_kills_of(const char *groups, const char *tree,
    const char *statistics);

/*
 * The number that follows the word key at the start of a line of a file.  -1
 * when there is no such file or no such line.
 */
int oom_read(const char *path, const char *key, uint64_t *count);

#endif
