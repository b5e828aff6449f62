/* SPDX-License-Identifier: ISC */
#ifndef PRONGD_SOURCE_H
#define PRONGD_SOURCE_H

#include <sys/types.h>

#include <stdbool.h>
#include <stddef.h>

#include "prongd/problem.h"

/*
 * The files of a configuration, as bytes, in the order of their reading.
 * The loader reads them from the disk; prongd itself has them from the
 * loader, so that what runs is what was checked.
 */

#define SOURCE_MAX		(8 * 1024 * 1024)	/* bytes of a file */
#define SOURCE_TOTAL_MAX	(64 * 1024 * 1024)	/* of all together */
#define SOURCE_COUNT_MAX	1024			/* files */
#define SOURCE_DEPTH_MAX	10			/* of include() */

struct source {
	char *path;		/* as messages name it */
	char *text;		/* ends in a NUL that length does not count */
	size_t length;
	dev_t device;
	ino_t inode;
	int parent;		/* the index of who includes it, or -1 */
	int depth;
};

struct sources {
	struct source *list;
	size_t count;
	size_t bytes;
	bool complete;		/* from the loader: nothing is read any more */
};

/*
 * Reads one more file.  Returns -1 with a problem at the place: of the
 * include(), or of the whole.
 */
int source_add(struct sources *, const char *path, int parent, struct place,
    struct problems *);

/* Reads what an include() in the file of this index stands for. */
int source_include(struct sources *, int parent, const char *pattern,
    struct place, struct problems *);

/* To and from a file in memory; -1 with errno, EPROTO for other contents. */
int source_write(const struct sources *, int fd);
int source_read(struct sources *, int fd);

void source_free(struct sources *);

#endif
