/* SPDX-License-Identifier: ISC */
#ifndef SERVER_SAVEFILE_H
#define SERVER_SAVEFILE_H

#include <stddef.h>
#include <stdint.h>

#include "prong.h"

/*
 * The file of a dict's snapshot.  It belongs to whom we run as and is for
 * nobody else; there always is a whole one, the old or the new.  In clerks, or
 * in a check that has taken their rights.
 */

/*
 * Whether it can be read, if it is there, and be replaced: what a start needs.
 * -1 with a text.
 */
int savefile_try(const char *path);

/*
 * Replaces it by what is in a dict now; *count is the number of keys.  On -1
 * the old one is there still.  EBUSY: another process is writing it.
 */
int savefile_write(const char *path, struct prong_dict *, uint64_t *count);

/* Until a process that was killed while it wrote it has let go of it. */
void savefile_wait(const char *path);

/*
 * Sets in an empty dict what it has: 1; 0: there is no file, or an empty one.
 * -1: EBADMSG and EPROTONOSUPPORT, it is damaged or of another version; else it
 * could not be read, is no dict's at all, or what it has does not fit.
 */
int savefile_read(const char *path, struct prong_dict *);

/* Gives it another name, which is written to "to". */
int savefile_set_aside(const char *path, char *to, size_t size);

#endif
