/* SPDX-License-Identifier: ISC */
#ifndef SHM_SEGMENT_H
#define SHM_SEGMENT_H

#include <sys/types.h>

#include <stdbool.h>
#include <stdint.h>

/*
 * A piece of memory that processes share: a memfd, sealed against shrinking
 * and growing, so nobody who holds the descriptor can pull the ground away
 * from under another.  It begins with a header; what is inside refers to
 * itself by offset, never by pointer.
 */

#define SEGMENT_MAGIC	0x70726f6e67736831ULL	/* "prongsh1" */

struct segment_header {
	uint64_t magic;
	uint32_t layout;	/* version of what is inside */
	uint32_t generation;
	uint64_t size;		/* of the whole segment, header included */
};

struct segment {
	int fd;			/* close-on-exec */
	size_t size;
	void *base;		/* the header */
	size_t before;		/* bytes of private memory: segment_precede() */
};

#define SEGMENT_PAGE	65536	/* a page of any machine */

/*
 * Makes a segment of size bytes, zeroed, and maps it.  reserve: its memory is
 * allocated now (ENOSPC or ENOMEM if there is not enough); otherwise only when
 * segment_back() is called for a part of it.
 */
int segment_create(struct segment *, const char *name, uint32_t layout,
    size_t size, bool reserve);

/*
 * The same of one that another process has made, by its descriptor, which is
 * the segment's then.  EPROTO: it is none, or of another size; it is closed
 * then, too.  Nothing in it is looked at, for a process that has it may have
 * written anything there: what its layout is, who hands it on must say.
 */
int segment_adopt(struct segment *, const char *name, size_t size, int fd);
/* Whether that is what this program has; EPROTO with a text. */
int segment_check_layout(const char *what, const char *name, uint32_t layout,
    uint32_t wanted);

/*
 * Maps the segment anew, with room right before it for what each process keeps
 * of it for itself: zeroed private memory, SEGMENT_PAGE bytes or a multiple of
 * that.  So one is found from the other without a pointer: after an atomic
 * instruction each one that is followed shows.  Returns that room, NULL when
 * there is no memory; segment_close() releases it.
 */
void *segment_precede(struct segment *, size_t size);

/* Allocates the memory of a part, so that touching it cannot fail. */
int segment_back(const struct segment *, off_t offset, off_t length);

/* Reads without touching memory that may not be there; -1 when out of range. */
int segment_read(const struct segment *, off_t offset, void *, size_t length);

void segment_close(struct segment *);

#endif
