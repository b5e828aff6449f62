/* SPDX-License-Identifier: ISC */
/*
 * Bytes as the snapshot of a dict: as they are, which the checksums refuse, and
 * with checksums that are right, as of whoever can write the file.
 */
#include <endian.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "shm/dict.h"
#include "shm/snapshot.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

#define SUM	8
#define HEAD	16

static void
put_sum(unsigned char *to, uint64_t sum)
{
	sum = htole64(sum);
	memcpy(to, &sum, SUM);
}

/* As far as the blocks can be followed. */
static void
seal(unsigned char *data, size_t size)
{
	size_t at = SNAPSHOT_HEADER;
	uint64_t n, sum;

	if (size < SNAPSHOT_HEADER)
		return;
	sum = snapshot_sum(0, data, SNAPSHOT_HEADER - SUM);
	put_sum(data + SNAPSHOT_HEADER - SUM, sum);
	while (size - at >= HEAD + SUM) {
		memcpy(&n, data + at, sizeof(n));
		n = le64toh(n);
		if (n > size - at - HEAD - SUM)
			return;
		sum = snapshot_sum(sum, data + at, HEAD + n);
		put_sum(data + at + HEAD + n, sum);
		at += HEAD + n + SUM;
	}
}

static int
look(const struct prong_dict_item *item, void *arg)
{
	*(size_t *)arg += item->key_length + item->length;
	return 0;
}

/* All of it or nothing, and what is there is whole. */
static void
load(const unsigned char *data, size_t size)
{
	struct prong_dict *d = dict_new("d", DICT_MEMORY_MIN, DICT_EVICT_NONE,
	    false);
	size_t bytes = 0;

	if (d == NULL)
		return;
	if (snapshot_load(data, size, d) == -1 && prong_dict_size(d) != 0)
		abort();
	if (prong_dict_each(d, look, &bytes) == -1 || bytes > size)
		abort();
	dict_free(d);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	unsigned char *copy = malloc(size > 0 ? size : 1);

	if (copy == NULL)
		return 0;
	memcpy(copy, data, size);
	load(copy, size);
	seal(copy, size);
	load(copy, size);
	free(copy);
	return 0;
}
