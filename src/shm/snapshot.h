/* SPDX-License-Identifier: ISC */
#ifndef SHM_SNAPSHOT_H
#define SHM_SNAPSHOT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "prong.h"

/*
 * What is in a dict as bytes to be kept, and back.
 *
 * All numbers are little-endian.  A header of 64 bytes: "prongdct", version and
 * size of the header of 32 bits, the time in ms of CLOCK_REALTIME, the two
 * halves of the key of the dict's hash, two words of 0, a checksum.  Then
 * blocks: length and count of records of 64 bits, so many bytes of records, a
 * checksum.  The last one has no records; its count is that of all before it.
 * A record: lengths of key and value of 32 bits, when it expires in ms of
 * CLOCK_REALTIME or 0, key, value.
 *
 * A checksum is of the bytes since the last one, keyed with the last one: so it
 * stands for everything before it, and no block can be left out, doubled or
 * exchanged.
 */
#define SNAPSHOT_VERSION	1
#define SNAPSHOT_HEADER		64
#define SNAPSHOT_MAGIC		"prongdct"
#define SNAPSHOT_MAGIC_LENGTH	8

/* Takes bytes; -1 with a text ends the writing. */
typedef int snapshot_write_fn(void *arg, const void *data, size_t length);

/*
 * Writes what is in a dict; *count is the number of keys.  Others go on using
 * it: locks are held for a moment each, and what is under one of them is
 * written as it was at some moment meanwhile.
 */
int snapshot_save(struct prong_dict *, snapshot_write_fn *, void *arg,
    uint64_t *count);

/*
 * Sets the keys that have not expired, in an empty dict that nobody else uses
 * yet: all of them or none.  The dict then hashes as the one that was saved did,
 * so what came from as much memory finds room.  EBADMSG: the bytes are damaged,
 * the text says where.  EPROTONOSUPPORT: another version has written them.
 * ENOSPC, EMSGSIZE: the dict is too small.
 */
int snapshot_load(const void *, size_t, struct prong_dict *);

/* Whether bytes begin as a snapshot does; those of any other file do not. */
bool snapshot_is_one(const void *, size_t);

/* The checksum of bytes that follow what has the checksum before. */
uint64_t snapshot_sum(uint64_t before, const void *, size_t);

#endif
