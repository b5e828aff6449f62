/* SPDX-License-Identifier: ISC */
/*
 * The calls of <prong.h> about one key of a dict: each takes the lock of its
 * stripe, looks, makes room where it must, and changes what is there in one
 * transaction.
 */
#include <errno.h>
#include <inttypes.h>

#include "base/decimal.h"
#include "base/error.h"
#include "shm/dict_room.h"

/* A value to be set, and on what condition. */
struct dict_change {
	const void *value;
	size_t length;
	unsigned int flags;
	int64_t ms;
	struct prong_dict_value *old;
};

static int
dict_calls_begin(struct prong_dict *d, const void *key, size_t length,
    struct dict_key *k, struct dict_stripe *s)
{
	if (length > DICT_KEY_MAX)
		return error_set(EMSGSIZE, "dict \"%s\": a key has %d bytes at "
		    "most, not %zu", d->name, DICT_KEY_MAX, length);
	k->data = key;
	k->length = length;
	k->hash = dict_hash(d, key, length);
	return dict_lock(d, k->hash, s);
}

/* Copies a value out if there is room for it; size 0 asks for its length. */
static ssize_t
dict_calls_copy(struct dict_stripe *s, const struct dict_found *f, void *to,
    size_t size)
{
	if (size == 0)
		return f->value_length;
	if (f->value_length > size)
		return error_set(ERANGE, "dict \"%s\": the value has %" PRIu32
		    " bytes, there is room for %zu", s->dict->name,
		    f->value_length, size);
	if (dict_table_value(s, f, to) == -1)
		return -1;
	return f->value_length;
}

static int
dict_calls_none(const struct prong_dict *d)
{
	return error_set(ENOENT, "dict \"%s\" has no such key", d->name);
}

ssize_t
prong_dict_get(struct prong_dict *d, const void *key, size_t key_length,
    void *value, size_t size)
{
	struct dict_stripe s;
	struct dict_found f;
	struct dict_key k;
	ssize_t r;

	if (dict_calls_begin(d, key, key_length, &k, &s) == -1)
		return -1;
	if ((r = dict_table_find(&s, &k, &f)) == 1) {
		dict_table_touch(&s, &f);
		r = dict_calls_copy(&s, &f, value, size);
	} else if (r == 0)
		r = dict_calls_none(d);
	dict_unlock(&s);
	return r;
}

ssize_t
prong_dict_take(struct prong_dict *d, const void *key, size_t key_length,
    void *value, size_t size)
{
	struct dict_stripe s;
	struct dict_found f;
	struct dict_key k;
	ssize_t r;

	if (dict_calls_begin(d, key, key_length, &k, &s) == -1)
		return -1;
	if ((r = dict_table_find(&s, &k, &f)) == 0)
		r = dict_calls_none(d);
	else if (r == 1) {
		r = f.value_length > size && size == 0 ?
		    error_set(ERANGE, "dict \"%s\": the value has %" PRIu32
		    " bytes, there is room for none", d->name,
		    f.value_length) :
		    dict_calls_copy(&s, &f, value, size);
		if (r != -1)
			dict_table_remove(&s, &f);
	}
	dict_unlock(&s);
	return r;
}

/* Instead of what was found, or as a new key. */
static int
dict_calls_store(struct dict_stripe *s, const struct dict_key *k,
    struct dict_found *f, const void *value, size_t length, uint64_t expiry)
{
	uint32_t back = f != NULL ? f->chain.count : 0;
	int r;

	if (f != NULL && dict_table_fits(f, length)) {
		dict_table_rewrite(s, f, value, length, expiry);
		return 0;
	}
	if (dict_room_check(s, (uint64_t)length + k->length) == -1)
		return -1;
	r = dict_room_make(s, dict_blocks_needed(length + k->length), back, f);
	if (r == 1 && f != NULL && (r = dict_table_find(s, k, f)) == 0)
		r = dict_damaged(s);
	if (r == -1)
		return -1;
	return dict_table_put(s, k, f, value, length, expiry);
}

/* The time in ms from now; never 0, which is for ever. */
static uint64_t
dict_calls_expiry(struct dict_stripe *s, int64_t ms)
{
	uint64_t expiry;

	if (ms == PRONG_DICT_FOREVER)
		return 0;
	expiry = dict_now(s) + (uint64_t)ms;
	return expiry < INT64_MAX ? expiry : INT64_MAX;
}

static int
dict_calls_check_time(const struct prong_dict *d, int64_t ms)
{
	if (ms == PRONG_DICT_FOREVER || ms >= 1)
		return 0;
	return error_set(EINVAL, "dict \"%s\": a key is kept for a millisecond "
	    "or more, not %" PRId64, d->name, ms);
}

static int
dict_calls_check(const struct prong_dict *d, const struct dict_change *c)
{
	const unsigned int both = PRONG_DICT_ABSENT | PRONG_DICT_PRESENT;

	if (c->flags & ~(both | PRONG_DICT_KEEP) || (c->flags & both) == both)
		return error_set(EINVAL, "dict \"%s\": the flags make no sense",
		    d->name);
	return dict_calls_check_time(d, c->ms);
}

static int
dict_calls_old(struct dict_stripe *s, const struct dict_found *f,
    struct prong_dict_value *old)
{
	if (f == NULL) {
		old->length = -1;
		return 0;
	}
	old->length = f->value_length;
	if (f->value_length > 0 && old->size == 0)
		return error_set(ERANGE, "dict \"%s\": there is no room for "
		    "the old value", s->dict->name);
	return dict_calls_copy(s, f, old->data, old->size) == -1 ? -1 : 0;
}

static int
dict_calls_change(struct dict_stripe *s, const struct dict_key *k,
    const struct dict_change *c)
{
	struct dict_found f, *there;
	uint64_t expiry;
	int r;

	if ((r = dict_table_find(s, k, &f)) == -1)
		return -1;
	there = r == 1 ? &f : NULL;
	if (c->old != NULL && dict_calls_old(s, there, c->old) == -1)
		return -1;
	if (c->flags & (there != NULL ? PRONG_DICT_ABSENT : PRONG_DICT_PRESENT))
		return 0;
	expiry = there != NULL && c->flags & PRONG_DICT_KEEP ? f.expiry :
	    dict_calls_expiry(s, c->ms);
	if (dict_calls_store(s, k, there, c->value, c->length, expiry) == -1)
		return -1;
	return 1;
}

static int
dict_calls_set(struct prong_dict *d, const void *key, size_t key_length,
    const struct dict_change *c)
{
	struct dict_stripe s;
	struct dict_key k;
	int r;

	if (dict_calls_check(d, c) == -1 ||
	    dict_calls_begin(d, key, key_length, &k, &s) == -1)
		return -1;
	r = dict_calls_change(&s, &k, c);
	dict_unlock(&s);
	return r;
}

int
prong_dict_set(struct prong_dict *d, const void *key, size_t key_length,
    const void *value, size_t length, unsigned int flags, int64_t ms)
{
	const struct dict_change c = { value, length, flags, ms, NULL };

	return dict_calls_set(d, key, key_length, &c);
}

int
prong_dict_swap(struct prong_dict *d, const void *key, size_t key_length,
    const void *value, size_t length, unsigned int flags, int64_t ms,
    struct prong_dict_value *old)
{
	const struct dict_change c = { value, length, flags, ms, old };

	return dict_calls_set(d, key, key_length, &c);
}

/* A decimal integer and nothing else, as prong_dict_add() writes it. */
static int
dict_calls_integer(struct dict_stripe *s, const struct dict_found *f,
    int64_t *n)
{
	char text[DECIMAL_MAX];

	if (f->value_length <= sizeof(text)) {
		if (dict_table_value(s, f, text) == -1)
			return -1;
		if (decimal_read(text, f->value_length, n))
			return 0;
	}
	return error_set(EINVAL, "dict \"%s\": the value is not a decimal "
	    "integer of 64 bits", s->dict->name);
}

static int
dict_calls_sum(struct dict_stripe *s, const struct dict_key *k, int64_t n,
    int64_t *sum)
{
	char text[DECIMAL_MAX];
	struct dict_found f;
	int64_t old = 0;
	int r;

	if ((r = dict_table_find(s, k, &f)) == -1 ||
	    (r == 1 && dict_calls_integer(s, &f, &old) == -1))
		return -1;
	if (__builtin_add_overflow(old, n, sum))
		return error_set(ERANGE, "dict \"%s\": the sum is no integer "
		    "of 64 bits", s->dict->name);
	return dict_calls_store(s, k, r == 1 ? &f : NULL, text,
	    decimal_write(text, *sum), r == 1 ? f.expiry : 0);
}

int
prong_dict_add(struct prong_dict *d, const void *key, size_t key_length,
    int64_t n, int64_t *result)
{
	struct dict_stripe s;
	struct dict_key k;
	int64_t sum;
	int r;

	if (dict_calls_begin(d, key, key_length, &k, &s) == -1)
		return -1;
	r = dict_calls_sum(&s, &k, n, &sum);
	dict_unlock(&s);
	if (r == 0 && result != NULL)
		*result = sum;
	return r;
}

static ssize_t
dict_calls_append(struct dict_stripe *s, const struct dict_key *k,
    const void *data, size_t length)
{
	struct dict_found f;
	uint64_t all;
	int r;

	if ((r = dict_table_find(s, k, &f)) == -1)
		return -1;
	if (r == 0)
		return dict_calls_store(s, k, NULL, data, length, 0) == -1 ?
		    -1 : (ssize_t)length;
	all = (uint64_t)f.key_length + f.value_length + length;
	if (dict_room_check(s, all) == -1)
		return -1;
	r = dict_room_make(s, dict_blocks_needed(all) - f.chain.count, 0, &f);
	if (r == 1 && (r = dict_table_find(s, k, &f)) == 0)
		r = dict_damaged(s);
	if (r == -1 || dict_table_append(s, &f, data, length) == -1)
		return -1;
	dict_table_touch(s, &f);
	return (ssize_t)(f.value_length + length);
}

ssize_t
prong_dict_append(struct prong_dict *d, const void *key, size_t key_length,
    const void *data, size_t length)
{
	struct dict_stripe s;
	struct dict_key k;
	ssize_t r;

	if (dict_calls_begin(d, key, key_length, &k, &s) == -1)
		return -1;
	r = dict_calls_append(&s, &k, data, length);
	dict_unlock(&s);
	return r;
}

static int
dict_calls_cas(struct dict_stripe *s, const struct dict_key *k,
    const void *expected, size_t expected_length, const void *desired,
    size_t length)
{
	struct dict_found f;
	int r;

	if ((r = dict_table_find(s, k, &f)) == -1)
		return -1;
	if ((r == 1) != (expected != NULL))
		return 0;
	if (r == 1) {
		if (f.value_length != expected_length)
			return 0;
		if ((r = dict_table_compare(s, &f, expected)) != 1)
			return r;
		return dict_calls_store(s, k, &f, desired, length, f.expiry) ==
		    -1 ? -1 : 1;
	}
	return dict_calls_store(s, k, NULL, desired, length, 0) == -1 ? -1 : 1;
}

int
prong_dict_cas(struct prong_dict *d, const void *key, size_t key_length,
    const void *expected, size_t expected_length, const void *desired,
    size_t length)
{
	struct dict_stripe s;
	struct dict_key k;
	int r;

	if (dict_calls_begin(d, key, key_length, &k, &s) == -1)
		return -1;
	r = dict_calls_cas(&s, &k, expected, expected_length, desired, length);
	dict_unlock(&s);
	return r;
}

int
prong_dict_delete(struct prong_dict *d, const void *key, size_t key_length)
{
	struct dict_stripe s;
	struct dict_found f;
	struct dict_key k;
	int r;

	if (dict_calls_begin(d, key, key_length, &k, &s) == -1)
		return -1;
	if ((r = dict_table_find(&s, &k, &f)) == 1)
		dict_table_remove(&s, &f);
	dict_unlock(&s);
	return r;
}

int
prong_dict_expire(struct prong_dict *d, const void *key, size_t key_length,
    int64_t ms)
{
	struct dict_stripe s;
	struct dict_found f;
	struct dict_key k;
	int r;

	if (dict_calls_check_time(d, ms) == -1 ||
	    dict_calls_begin(d, key, key_length, &k, &s) == -1)
		return -1;
	if ((r = dict_table_find(&s, &k, &f)) == 1)
		dict_table_expire(&s, &f, dict_calls_expiry(&s, ms));
	dict_unlock(&s);
	return r;
}

int
prong_dict_ttl(struct prong_dict *d, const void *key, size_t key_length,
    int64_t *ms)
{
	struct dict_stripe s;
	struct dict_found f;
	struct dict_key k;
	int r;

	if (dict_calls_begin(d, key, key_length, &k, &s) == -1)
		return -1;
	if ((r = dict_table_find(&s, &k, &f)) == 1)
		*ms = f.expiry == 0 ? PRONG_DICT_FOREVER :
		    (int64_t)(f.expiry - dict_now(&s));
	dict_unlock(&s);
	return r;
}
