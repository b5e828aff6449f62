/* SPDX-License-Identifier: ISC */
/*
 * Dicts as bytes.  The bytes of a snapshot are not believed: all of them are
 * checked before the first key is set.
 */
#include "shm/snapshot.h"

#include <endian.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/siphash.h"
#include "shm/dict.h"

/* Records are gathered until they are so long. */
#define SNAPSHOT_BLOCK		65536
#define SNAPSHOT_BLOCK_HEAD	16
#define SNAPSHOT_SUM		8
#define SNAPSHOT_RECORD_HEAD	16
/* A key for the checksums; that it is known does no harm. */
#define SNAPSHOT_KEY		0x70726f6e67736176ULL

uint64_t
snapshot_sum(uint64_t before, const void *data, size_t length)
{
	const uint64_t key[2] = { SNAPSHOT_KEY, before };

	return siphash(key, data, length);
}

/* --- writing ------------------------------------------------------------- */

struct snapshot_writer {
	struct prong_dict *dict;
	snapshot_write_fn *fn;
	void *arg;
	unsigned char *block;		/* its head, records, room for a sum */
	size_t size, used;		/* used: the head included */
	uint64_t in_block, count;
	uint64_t sum;
};

static void
snapshot_put32(unsigned char *to, uint32_t n)
{
	n = htole32(n);
	memcpy(to, &n, sizeof(n));
}

static void
snapshot_put64(unsigned char *to, uint64_t n)
{
	n = htole64(n);
	memcpy(to, &n, sizeof(n));
}

static int
snapshot_write_header(struct snapshot_writer *w)
{
	unsigned char h[SNAPSHOT_HEADER] = SNAPSHOT_MAGIC;
	const size_t summed = SNAPSHOT_HEADER - SNAPSHOT_SUM;

	snapshot_put32(h + 8, SNAPSHOT_VERSION);
	snapshot_put32(h + 12, SNAPSHOT_HEADER);
	snapshot_put64(h + 16, (uint64_t)w->dict->now());
	snapshot_put64(h + 24, w->dict->hash_key[0]);
	snapshot_put64(h + 32, w->dict->hash_key[1]);
	w->sum = snapshot_sum(0, h, summed);
	snapshot_put64(h + summed, w->sum);
	return w->fn(w->arg, h, sizeof(h));
}

static int
snapshot_write_block(struct snapshot_writer *w, uint64_t count)
{
	snapshot_put64(w->block, w->used - SNAPSHOT_BLOCK_HEAD);
	snapshot_put64(w->block + 8, count);
	w->sum = snapshot_sum(w->sum, w->block, w->used);
	snapshot_put64(w->block + w->used, w->sum);
	if (w->fn(w->arg, w->block, w->used + SNAPSHOT_SUM) == -1)
		return -1;
	w->used = SNAPSHOT_BLOCK_HEAD;
	w->in_block = 0;
	return 0;
}

/* Room for a record, and for the checksum behind it. */
static int
snapshot_grow(struct snapshot_writer *w, size_t more)
{
	size_t size = w->used + more + SNAPSHOT_SUM;
	unsigned char *block;

	if (size <= w->size)
		return 0;
	if ((block = realloc(w->block, size)) == NULL)
		return error_errno("dict \"%s\"", w->dict->name);
	w->block = block;
	w->size = size;
	return 0;
}

/* When a key expires that had so long to live; 0: never. */
static uint64_t
snapshot_expiry(const struct snapshot_writer *w, int64_t ms)
{
	uint64_t expiry;

	if (ms == PRONG_DICT_FOREVER)
		return 0;
	expiry = (uint64_t)w->dict->now() + (uint64_t)ms;
	return expiry < INT64_MAX ? expiry : INT64_MAX;
}

static int
snapshot_write_item(const struct prong_dict_item *item, void *arg)
{
	struct snapshot_writer *w = arg;
	unsigned char *to;
	size_t length = SNAPSHOT_RECORD_HEAD + item->key_length +
	    item->length;

	if (snapshot_grow(w, length) == -1)
		return -1;
	to = w->block + w->used;
	snapshot_put32(to, (uint32_t)item->key_length);
	snapshot_put32(to + 4, (uint32_t)item->length);
	snapshot_put64(to + 8, snapshot_expiry(w, item->ms));
	to += SNAPSHOT_RECORD_HEAD;
	memcpy(to, item->key, item->key_length);
	memcpy(to + item->key_length, item->value, item->length);
	w->used += length;
	w->in_block++;
	w->count++;
	return w->used < SNAPSHOT_BLOCK ? 0 :
	    snapshot_write_block(w, w->in_block);
}

int
snapshot_save(struct prong_dict *d, snapshot_write_fn *fn, void *arg,
    uint64_t *count)
{
	struct snapshot_writer w = {
		.dict = d, .fn = fn, .arg = arg, .used = SNAPSHOT_BLOCK_HEAD,
	};
	int r;

	if ((r = snapshot_grow(&w, SNAPSHOT_BLOCK)) == 0 &&
	    (r = snapshot_write_header(&w)) == 0 &&
	    (r = dict_each_stripe(d, snapshot_write_item, &w)) == 0 &&
	    w.in_block > 0)
		r = snapshot_write_block(&w, w.in_block);
	if (r == 0)
		r = snapshot_write_block(&w, w.count);
	*count = w.count;
	free(w.block);
	return r;
}

/* --- reading ------------------------------------------------------------- */

struct snapshot_record {
	const unsigned char *key, *value;
	uint32_t key_length, value_length;
	uint64_t expiry;
};

typedef int snapshot_record_fn(const struct snapshot_record *, void *arg);

struct snapshot_reader {
	const unsigned char *data;
	size_t size, at;
	uint64_t count;			/* of records so far */
	uint64_t sum;
	snapshot_record_fn *fn;		/* NULL: only look */
	void *arg;
};

static uint32_t
snapshot_get32(const unsigned char *from)
{
	uint32_t n;

	memcpy(&n, from, sizeof(n));
	return le32toh(n);
}

static uint64_t
snapshot_get64(const unsigned char *from)
{
	uint64_t n;

	memcpy(&n, from, sizeof(n));
	return le64toh(n);
}

static int
snapshot_cut(const struct snapshot_reader *r)
{
	return error_set(EBADMSG, "it is cut off, or longer than it should be, "
	    "at byte %zu of %zu", r->at, r->size);
}

/* So many bytes, which the next checksum is of, and that. */
static int
snapshot_check(struct snapshot_reader *r, size_t length)
{
	const unsigned char *from = r->data + r->at;

	r->sum = snapshot_sum(r->sum, from, length);
	if (snapshot_get64(from + length) == r->sum)
		return 0;
	return error_set(EBADMSG, "a checksum is wrong, of the %zu bytes from "
	    "byte %zu on", length, r->at);
}

bool
snapshot_is_one(const void *data, size_t size)
{
	return size >= SNAPSHOT_MAGIC_LENGTH && memcmp(data, SNAPSHOT_MAGIC,
	    SNAPSHOT_MAGIC_LENGTH) == 0;
}

static int
snapshot_read_header(struct snapshot_reader *r)
{
	static const unsigned char zeros[16];
	uint32_t version;

	if (r->size < SNAPSHOT_HEADER)
		return snapshot_cut(r);
	if (!snapshot_is_one(r->data, r->size))
		return error_set(EBADMSG, "it is no snapshot of a dict");
	if (snapshot_check(r, SNAPSHOT_HEADER - SNAPSHOT_SUM) == -1)
		return -1;
	version = snapshot_get32(r->data + 8);
	if (version != SNAPSHOT_VERSION ||
	    snapshot_get32(r->data + 12) != SNAPSHOT_HEADER ||
	    memcmp(r->data + 40, zeros, sizeof(zeros)) != 0)
		return error_set(EPROTONOSUPPORT, "it is of version %" PRIu32
		    ", and this prongd reads version %d", version,
		    SNAPSHOT_VERSION);
	r->at = SNAPSHOT_HEADER;
	return 0;
}

/* The record at from, of which there are left bytes: its length, or 0. */
static size_t
snapshot_read_record(const unsigned char *from, size_t left,
    struct snapshot_record *record)
{
	if (left < SNAPSHOT_RECORD_HEAD)
		return 0;
	record->key_length = snapshot_get32(from);
	record->value_length = snapshot_get32(from + 4);
	record->expiry = snapshot_get64(from + 8);
	left -= SNAPSHOT_RECORD_HEAD;
	if (record->key_length > DICT_KEY_MAX || record->key_length > left ||
	    record->value_length > left - record->key_length ||
	    record->expiry > INT64_MAX)
		return 0;
	record->key = from + SNAPSHOT_RECORD_HEAD;
	record->value = record->key + record->key_length;
	return SNAPSHOT_RECORD_HEAD + (size_t)record->key_length +
	    record->value_length;
}

static int
snapshot_read_records(struct snapshot_reader *r, size_t end, uint64_t count)
{
	struct snapshot_record record;
	size_t n;

	for (; r->at < end && count > 0; r->at += n, count--) {
		n = snapshot_read_record(r->data + r->at, end - r->at,
		    &record);
		if (n == 0)
			break;
		r->count++;
		if (r->fn != NULL && r->fn(&record, r->arg) == -1)
			return -1;
	}
	if (r->at == end && count == 0)
		return 0;
	return error_set(EBADMSG, "the record at byte %zu makes no sense",
	    r->at);
}

/* 1; 0: it was the last one. */
static int
snapshot_read_block(struct snapshot_reader *r)
{
	size_t left = r->size - r->at;
	uint64_t length, count;

	if (left < SNAPSHOT_BLOCK_HEAD + SNAPSHOT_SUM)
		return snapshot_cut(r);
	left -= SNAPSHOT_BLOCK_HEAD + SNAPSHOT_SUM;
	length = snapshot_get64(r->data + r->at);
	count = snapshot_get64(r->data + r->at + 8);
	if (length > left)
		return snapshot_cut(r);
	if (snapshot_check(r, SNAPSHOT_BLOCK_HEAD + length) == -1)
		return -1;
	r->at += SNAPSHOT_BLOCK_HEAD;
	if (length == 0)
		return r->count == count ? 0 : error_set(EBADMSG, "%" PRIu64
		    " keys should be there, and there are %" PRIu64, count,
		    r->count);
	if (snapshot_read_records(r, r->at + length, count) == -1)
		return -1;
	r->at += SNAPSHOT_SUM;
	return 1;
}

static int
snapshot_read(struct snapshot_reader *r)
{
	int n;

	r->at = r->count = r->sum = 0;
	if (snapshot_read_header(r) == -1)
		return -1;
	while ((n = snapshot_read_block(r)) == 1)
		continue;
	if (n == 0 && r->at + SNAPSHOT_SUM != r->size)
		return snapshot_cut(r);
	return n;
}

static int
snapshot_set(const struct snapshot_record *record, void *arg)
{
	struct prong_dict *d = arg;
	uint64_t now = (uint64_t)d->now();

	if (record->expiry != 0 && record->expiry <= now)
		return 0;
	return prong_dict_set(d, record->key, record->key_length,
	    record->value, record->value_length, 0, record->expiry == 0 ?
	    PRONG_DICT_FOREVER : (int64_t)(record->expiry - now));
}

int
snapshot_load(const void *data, size_t size, struct prong_dict *d)
{
	struct snapshot_reader r = { .data = data, .size = size, .arg = d };
	uint64_t key[2];
	int64_t there;
	int error;

	if (snapshot_read(&r) == -1)
		return -1;
	if ((there = prong_dict_size(d)) != 0)
		return there == -1 ? -1 : error_set(EEXIST, "dict \"%s\" is "
		    "not empty", d->name);
	key[0] = snapshot_get64(r.data + 24);
	key[1] = snapshot_get64(r.data + 32);
	dict_set_hash_key(d, key);
	r.fn = snapshot_set;
	if (snapshot_read(&r) == 0)
		return 0;
	error = errno;
	prong_dict_clear(d);
	errno = error;
	return -1;
}
