/* SPDX-License-Identifier: ISC */
/*
 * Sealed shared memory.
 */
#include "shm/segment.h"

#include <sys/mman.h>
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/error.h"

#define SEGMENT_SEALS	(F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL)

int
segment_create(struct segment *s, const char *name, uint32_t layout,
    size_t size, bool reserve)
{
	struct segment_header *header;
	int error;

	s->base = MAP_FAILED;
	s->size = size;
	s->before = 0;
	s->fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (s->fd == -1 || ftruncate(s->fd, (off_t)size) == -1)
		goto fail;
	if (segment_back(s, 0, reserve ? (off_t)size :
	    (off_t)sizeof(*header)) == -1)
		goto fail;
	if (fcntl(s->fd, F_ADD_SEALS, SEGMENT_SEALS) == -1)
		goto fail;
	s->base = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, s->fd,
	    0);
	if (s->base == MAP_FAILED)
		goto fail;
	header = s->base;
	header->magic = SEGMENT_MAGIC;
	header->layout = layout;
	header->size = size;
	return 0;
fail:
	error = errno;
	segment_close(s);
	errno = error;
	return error_errno("shared memory \"%s\" of %zu bytes", name, size);
}

int
segment_check_layout(const char *what, const char *name, uint32_t layout,
    uint32_t wanted)
{
	if (layout == wanted)
		return 0;
	return error_set(EPROTO, "%s \"%s\" has layout %u, this program has "
	    "layout %u", what, name, layout, wanted);
}

int
segment_adopt(struct segment *s, const char *name, size_t size, int fd)
{
	struct stat st;
	int seals = fcntl(fd, F_GET_SEALS), r = -1;

	*s = (struct segment){ .fd = fd, .size = size, .base = MAP_FAILED };
	if (seals == -1 || (seals & SEGMENT_SEALS) != SEGMENT_SEALS ||
	    fstat(fd, &st) == -1 || st.st_size != (off_t)size)
		error_set(EPROTO, "shared memory \"%s\" is not of %zu bytes",
		    name, size);
	else if ((s->base = mmap(NULL, size, PROT_READ | PROT_WRITE,
	    MAP_SHARED, fd, 0)) == MAP_FAILED)
		error_errno("shared memory \"%s\"", name);
	else
		r = 0;
	if (r == -1)
		segment_close(s);
	return r;
}

void *
segment_precede(struct segment *s, size_t size)
{
	const int access = PROT_READ | PROT_WRITE;
	char *room, *base = MAP_FAILED;

	room = mmap(NULL, size + s->size, access,
	    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (room != MAP_FAILED)
		base = mmap(room + size, s->size, access,
		    MAP_SHARED | MAP_FIXED, s->fd, 0);
	if (base == MAP_FAILED) {
		error_errno("shared memory of %zu bytes", s->size);
		if (room != MAP_FAILED)
			munmap(room, size + s->size);
		return NULL;
	}
	munmap(s->base, s->size);
	s->base = base;
	s->before = size;
	return room;
}

int
segment_back(const struct segment *s, off_t offset, off_t length)
{
	int error;

	do
		error = fallocate(s->fd, 0, offset, length) == -1 ? errno : 0;
	while (error == EINTR);
	errno = error;
	return error == 0 ? 0 : -1;
}

int
segment_read(const struct segment *s, off_t offset, void *to, size_t length)
{
	ssize_t n;

	do
		n = pread(s->fd, to, length, offset);
	while (n == -1 && errno == EINTR);
	return n == (ssize_t)length ? 0 : -1;
}

void
segment_close(struct segment *s)
{
	if (s->base != MAP_FAILED && s->base != NULL)
		munmap((char *)s->base - s->before, s->before + s->size);
	if (s->fd != -1)
		close(s->fd);
	s->base = MAP_FAILED;
	s->before = 0;
	s->fd = -1;
}
