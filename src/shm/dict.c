/* SPDX-License-Identifier: ISC */
/*
 * A dict as a whole: its memory, its stripes and their locks.
 */
#include "shm/dict.h"

#include <sys/mman.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/compiler.h"
#include "base/error.h"
#include "base/process.h"
#include "base/random.h"
#include "base/siphash.h"
#include "shm/dict_blocks.h"
#include "shm/rlock_gone.h"

#define DICT_ALIGN	64
#define DICT_BRIEF_MS	5	/* no call about a key takes so long */

struct dict_layout {
	struct segment_header header;
	uint64_t hash_key[2];	/* for who takes the segment over */
};

static int64_t
dict_clock(void)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* How the memory is divided. */
static void
dict_measure(struct prong_dict *d, size_t memory)
{
	size_t rest;

	d->stripes = 1;
	while (d->stripes < DICT_STRIPES_MAX &&
	    memory / d->stripes >= 2 * (size_t)DICT_STRIPE_SIZE)
		d->stripes *= 2;
	d->stripe_size = (memory - DICT_ALIGN) / d->stripes / DICT_ALIGN *
	    DICT_ALIGN;
	rest = d->stripe_size - sizeof(struct dict_head);
	/* One bucket for two blocks; their end is aligned as blocks are. */
	d->blocks = (uint32_t)(rest / (2 * sizeof(struct dict_block) +
	    sizeof(uint64_t)) * 2);
	d->buckets = (uint32_t)((rest - d->blocks *
	    sizeof(struct dict_block)) / DICT_ALIGN * DICT_ALIGN /
	    sizeof(uint64_t));
	d->blocks_max = (d->blocks - 1 - DICT_RESERVE) / 2;
}

static void
dict_stripe(struct prong_dict *d, uint32_t number, struct dict_stripe *s)
{
	char *at = (char *)d->segment.base + DICT_ALIGN +
	    number * d->stripe_size;

	s->dict = d;
	s->now = 0;
	s->head = (struct dict_head *)(void *)at;
	at += sizeof(struct dict_head);
	s->buckets = (uint64_t *)(void *)at;
	at += d->buckets * sizeof(uint64_t);
	s->blocks = (struct dict_block *)(void *)at;
}

/* With the lock of a holder who died: back to before his last transaction. */
static void
dict_repair(void *arg)
{
	struct dict_stripe *s = arg;

	rlock_gone_note("dict", s->dict->name, undo_repair(&s->head->undo,
	    s->dict->segment.base, s->dict->segment.size));
}

/* The same, of the first stripe. */
static size_t
dict_repair_first(void *arg)
{
	struct prong_dict *d = arg;
	struct dict_stripe s;

	dict_stripe(d, 0, &s);
	return undo_repair(&s.head->undo, d->segment.base, d->segment.size);
}

/* A task or coroutine has ended that had taken all of them. */
static size_t
dict_end(void *arg, uint64_t id)
{
	struct prong_dict *d = arg;
	struct dict_stripe s;
	size_t changes = 0;
	uint32_t i;

	for (i = d->stripes; i-- > 1;) {
		dict_stripe(d, i, &s);
		changes += rlock_end(&s.head->lock, id, dict_repair, &s);
	}
	return changes;
}

static int
dict_init_stripe(struct prong_dict *d, uint32_t number)
{
	struct dict_stripe s;

	dict_stripe(d, number, &s);
	s.head->free = 1;
	s.head->free_count = d->blocks - 1;
	s.head->soonest = UINT64_MAX;
	return rlock_init(&s.head->lock);
}

void
dict_set_hash_key(struct prong_dict *d, const uint64_t key[2])
{
	struct dict_layout *layout = d->segment.base;

	memcpy(d->hash_key, key, sizeof(d->hash_key));
	memcpy(layout->hash_key, key, sizeof(d->hash_key));
}

void
dict_take_hash_key(struct prong_dict *d)
{
	const struct dict_layout *layout = d->segment.base;

	memcpy(d->hash_key, layout->hash_key, sizeof(d->hash_key));
}

static int
dict_init(struct prong_dict *d)
{
	uint64_t key[2];
	uint32_t i;

	random_fill(key, sizeof(key));
	dict_set_hash_key(d, key);
	for (i = 0; i < d->stripes; i++)
		if (dict_init_stripe(d, i) == -1)
			return -1;
	return 0;
}

static void
dict_init_guard(struct prong_dict *d)
{
	struct dict_stripe s;

	dict_stripe(d, 0, &s);
	d->guard = (struct rlock_guard){
		.lock = &s.head->lock, .kind = "dict", .name = d->name,
		.repair = dict_repair_first, .end = dict_end, .arg = d,
	};
}

/*
 * Asked for more than there is, the kernel would take it from others before it
 * said no.
 */
static int
dict_check_memory(const char *name, int64_t memory)
{
	int64_t most = (int64_t)sysconf(_SC_PHYS_PAGES) *
	    sysconf(_SC_PAGESIZE);

	if (memory < DICT_MEMORY_MIN || memory > DICT_MEMORY_MAX)
		return error_set(EINVAL, "dict \"%s\": memory is from 64K to "
		    "1024G", name);
	if (memory > most)
		return error_set(ENOMEM, "dict \"%s\": memory is %lldM, and "
		    "this machine has %lldM", name, (long long)memory >> 20,
		    (long long)most >> 20);
	return 0;
}

/* As one process sees it; without memory yet. */
static struct prong_dict *
dict_describe(const char *name, int64_t memory, enum dict_evict evict)
{
	struct prong_dict *d;

	if ((d = calloc(1, sizeof(*d))) == NULL ||
	    (d->name = strdup(name)) == NULL) {
		free(d);
		error_errno("dict \"%s\"", name);
		return NULL;
	}
	d->evict = evict;
	d->wait = DICT_WAIT_MS;
	d->now = dict_clock;
	d->segment.fd = -1;
	d->segment.base = MAP_FAILED;
	dict_measure(d, (size_t)memory);
	return d;
}

struct prong_dict *
dict_new(const char *name, int64_t memory, enum dict_evict evict, bool reserve)
{
	struct prong_dict *d;

	if (dict_check_memory(name, memory) == -1 ||
	    (d = dict_describe(name, memory, evict)) == NULL)
		return NULL;
	if (segment_create(&d->segment, name, DICT_LAYOUT, (size_t)memory,
	    reserve) == -1 || dict_init(d) == -1) {
		error_prefix("dict \"%s\"", name);
		dict_free(d);
		return NULL;
	}
	dict_init_guard(d);
	return d;
}

struct prong_dict *
dict_adopt(const char *name, int64_t memory, enum dict_evict evict, int fd)
{
	struct prong_dict *d = dict_describe(name, memory, evict);

	if (d == NULL) {
		close(fd);
		return NULL;
	}
	if (segment_adopt(&d->segment, name, (size_t)memory, fd) == -1) {
		dict_free(d);
		return NULL;
	}
	dict_take_hash_key(d);
	dict_init_guard(d);
	return d;
}

void
dict_free(struct prong_dict *d)
{
	if (d == NULL)
		return;
	segment_close(&d->segment);
	free(d->name);
	free(d);
}

uint64_t
dict_recovered(const struct prong_dict *d)
{
	struct dict_stripe s;
	uint64_t sum = 0;
	uint32_t i;

	for (i = 0; i < d->stripes; i++) {
		dict_stripe((struct prong_dict *)(uintptr_t)d, i, &s);
		sum += __atomic_load_n(&s.head->lock.recovered,
		    __ATOMIC_RELAXED);
	}
	return sum;
}

pid_t
dict_holder(const struct prong_dict *d)
{
	struct dict_stripe s;
	pid_t pid = 0;
	uint32_t i;

	for (i = 0; pid == 0 && i < d->stripes; i++) {
		dict_stripe((struct prong_dict *)(uintptr_t)d, i, &s);
		pid = rlock_holder(&s.head->lock);
	}
	return pid;
}

/* Whoever has written there, the sum of all stripes is no negative number. */
static uint64_t
dict_bounded(uint64_t n)
{
	return n & (INT64_MAX / DICT_STRIPES_MAX);
}

void
dict_count(const struct prong_dict *d, struct dict_numbers *n)
{
	const struct dict_head *h;
	struct dict_stripe s;
	uint64_t free_blocks;
	uint32_t i;

	memset(n, 0, sizeof(*n));
	for (i = 0; i < d->stripes; i++) {
		dict_stripe((struct prong_dict *)(uintptr_t)d, i, &s);
		h = s.head;
		free_blocks = dict_blocks_load(&h->free_count);
		if (free_blocks < d->blocks)
			n->used += (d->blocks - 1 - free_blocks) *
			    sizeof(struct dict_block);
		n->keys += dict_bounded(dict_blocks_load(&h->keys));
		n->evicted += dict_bounded(dict_blocks_load(&h->evicted));
		n->expired += dict_bounded(dict_blocks_load(&h->expired));
	}
}

size_t
prong_dict_longest(const struct prong_dict *d)
{
	size_t longest = DICT_ENTRY_DATA +
	    (size_t)(d->blocks_max - 1) * DICT_BLOCK_DATA;

	return longest < DICT_VALUE_MAX ? longest : DICT_VALUE_MAX;
}

uint64_t
dict_hash(const struct prong_dict *d, const void *key, size_t length)
{
	return siphash(d->hash_key, key, length);
}

static bool
dict_is_first(const struct dict_stripe *s)
{
	return &s->head->lock == s->dict->guard.lock;
}

/*
 * Another has a stripe for longer than it takes to do something to a key: he
 * has all of them, as a rule, and then whoever waits for the first one leaves
 * his loop alone meanwhile.
 */
static OUT_OF_LINE int
dict_wait(struct prong_dict *d, struct dict_stripe *s, int64_t brief)
{
	int64_t end = (int64_t)process_milliseconds() + d->wait, left;

	while (errno == ETIMEDOUT || errno == EDEADLK) {
		left = end - (int64_t)process_milliseconds();
		if (left <= 0)
			break;
		if (rlock_take(&d->guard, left) == -1)
			return -1;
		rlock_give(&d->guard);
		if (rlock_lock(&s->head->lock, brief, dict_repair, s) == 0)
			return 0;
	}
	return error_prefix("dict \"%s\"", d->name);
}

static int
dict_lock_stripe(struct prong_dict *d, struct dict_stripe *s)
{
	int64_t brief = d->wait < DICT_BRIEF_MS ? d->wait : DICT_BRIEF_MS;

	if (!dict_is_first(s))
		return rlock_lock(&s->head->lock, brief, dict_repair, s) == 0 ?
		    0 : dict_wait(d, s, brief);
	return rlock_take(&d->guard, d->wait);
}

int
dict_lock_number(struct prong_dict *d, uint32_t number, struct dict_stripe *s)
{
	dict_stripe(d, number, s);
	return dict_lock_stripe(d, s);
}

/*
 * Has the bucket and the entry that it may lead to fetched before the lock is
 * taken: that is most of what a call waits for.  Nothing is believed of them.
 */
static void
dict_fetch(const struct dict_stripe *s, uint64_t hash)
{
	uint32_t block = (uint32_t)__atomic_load_n(dict_bucket(s, hash),
	    __ATOMIC_RELAXED);

	if (block < s->dict->blocks)
		__builtin_prefetch(&s->blocks[block], 1);
}

int
dict_lock(struct prong_dict *d, uint64_t hash, struct dict_stripe *s)
{
	dict_stripe(d, (uint32_t)(hash >> 56) & (d->stripes - 1), s);
	dict_fetch(s, hash);
	return dict_lock_stripe(d, s);
}

void
dict_unlock(struct dict_stripe *s)
{
	if (dict_is_first(s))
		rlock_give(&s->dict->guard);
	else
		rlock_unlock(&s->head->lock);
}

uint64_t
dict_now(struct dict_stripe *s)
{
	if (s->now == 0)
		s->now = (uint64_t)s->dict->now();
	return s->now;
}

int
dict_damaged(const struct dict_stripe *s)
{
	return error_set(EIO, "dict \"%s\" is damaged: a process has written "
	    "over its memory; restart the server to begin anew",
	    s->dict->name);
}

/*
 * All of them together have so long.  No look at the clock while they are free:
 * it would take longer than the lock.
 */
static int
dict_lock_rest(struct dict_stripe *s, int64_t end)
{
	int64_t left;

	if (rlock_lock(&s->head->lock, 0, dict_repair, s) == 0)
		return 0;
	if (errno != EBUSY)
		return -1;
	left = end - (int64_t)process_milliseconds();
	/* Not 0, which would be answered with EBUSY. */
	return rlock_lock(&s->head->lock, left > 0 ? left : 1, dict_repair, s);
}

int
prong_dict_lock(struct prong_dict *d, int64_t ms)
{
	struct dict_stripe s;
	int64_t end = 0;
	uint32_t i;

	if (ms > 0 && __builtin_add_overflow((int64_t)process_milliseconds(),
	    ms, &end))
		ms = RLOCK_FOREVER;
	if (rlock_take(&d->guard, ms) == -1)
		return -1;
	for (i = 1; i < d->stripes; i++) {
		dict_stripe(d, i, &s);
		if ((ms > 0 ? dict_lock_rest(&s, end) :
		    rlock_lock(&s.head->lock, ms, dict_repair, &s)) == -1)
			break;
	}
	if (i == d->stripes)
		return 0;
	error_prefix("dict \"%s\"", d->name);
	while (i-- > 0) {
		dict_stripe(d, i, &s);
		dict_unlock(&s);
	}
	return -1;
}

int
prong_dict_unlock(struct prong_dict *d)
{
	struct dict_stripe s;
	uint32_t i;

	for (i = d->stripes; i-- > 1;) {
		dict_stripe(d, i, &s);
		if (rlock_unlock(&s.head->lock) == -1)
			return error_prefix("dict \"%s\"", d->name);
	}
	return rlock_give(&d->guard);
}
