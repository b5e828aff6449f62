/* SPDX-License-Identifier: ISC */
#ifndef SHM_ARRAY_H
#define SHM_ARRAY_H

#include "prong.h"
#include "shm/rlock.h"
#include "shm/segment.h"

/*
 * A typed array in shared memory: struct prong_array of <prong.h>, where its
 * calls are described.  Every cell is a 64-bit word whatever its type, so each
 * is read and changed atomically; the type says which values it may hold.
 */

#define ARRAY_LAYOUT	3

#define ARRAY_NAME	256	/* a segment's is shorter */

/* So many cells can be changed while the lock is held, and be taken back. */
#define ARRAY_NOTES_MAX	1024

/* Of this process: it stands in the room before the segment. */
struct prong_array {
	/*
	 * Cells below this are int64 and no holder in this process has to note
	 * what they held: each can be added to by one instruction.
	 */
	size_t quick;
	size_t length;
	enum prong_array_type type;
	bool locked;		/* perhaps, by somebody in this process */
	struct segment segment;
	struct rlock_guard guard;
	char name[ARRAY_NAME];
};

/* Makes an array of length cells, all 0.  Before any fork. */
struct prong_array *array_new(const char *name, enum prong_array_type,
    size_t length);
/* One that another process has made, by its descriptor: segment_adopt(). */
struct prong_array *array_adopt(const char *name, enum prong_array_type,
    size_t length, int fd);
void array_free(struct prong_array *);

/* How often its lock was taken over from a dead holder. */
uint64_t array_recovered(const struct prong_array *);

/* "int8" ... "double"; -1 for another word. */
int array_type_by_name(const char *);
const char *array_type_name(enum prong_array_type);

/* A value of the type from text.  EINVAL: not one.  ERANGE: too large. */
int array_parse(enum prong_array_type, const char *text, union prong_value *);

#endif
