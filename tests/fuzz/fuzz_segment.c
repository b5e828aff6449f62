/* SPDX-License-Identifier: ISC */
/*
 * The memory of a dict, an array and an event in which a hostile worker has
 * written, but for the locks, and calls made on it.  The input is a list of
 * writes of twelve bytes each: where, and a word; what is done goes on between
 * them.  Every call comes to an end, and none reads or writes outside.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "shm/array.h"
#include "shm/dict.h"
#include "shm/event.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

#define WRITE		12	/* bytes of the input */
#define WRITES_MAX	64
#define KEYS		40
#define CELLS		8

static struct prong_dict *dict;
static struct prong_array *array;
static struct prong_event *event;

/* Where one may write: words of each segment that are no lock. */
static uint64_t *
place(uint32_t n)
{
	struct dict_head *head = (struct dict_head *)(void *)
	    ((char *)dict->segment.base + 64);
	const size_t behind = 64 + sizeof(struct rlock);
	uint64_t *from = &head->free;
	size_t count = (dict->stripe_size - sizeof(struct rlock)) /
	    sizeof(*from);

	if (n % 16 == 0)
		return &event->layout->word;
	if (n % 16 == 1)
		return (uint64_t *)(void *)((char *)array->segment.base +
		    behind) + n / 16 % ((array->segment.size - behind) /
		    sizeof(*from));
	/* Its numbers more often than the rest. */
	return from + n / 16 % (n % 16 < 8 ? 64 : count);
}

static int
ignore(const struct prong_dict_item *item, void *arg)
{
	return 0;
}

static void
use_dict(uint32_t n)
{
	static char value[4000];
	struct prong_dict_value old = { value, sizeof(value), 0 };
	char key[2] = { 'k', (char)(n % KEYS) };
	int64_t ms;

	prong_dict_get(dict, key, 2, value, sizeof(value));
	prong_dict_set(dict, key, 2, value, n % sizeof(value), 0, 5);
	prong_dict_swap(dict, key, 2, value, n % 50, 0, PRONG_DICT_FOREVER,
	    &old);
	prong_dict_append(dict, key, 2, value, n % 500);
	prong_dict_add(dict, key, 2, 1, NULL);
	prong_dict_expire(dict, key, 2, 5);
	prong_dict_ttl(dict, key, 2, &ms);
	prong_dict_random(dict, value, sizeof(value));
	prong_dict_size(dict);
	prong_dict_each(dict, ignore, NULL);
	prong_dict_delete(dict, key, 2);
}

static void
use_rest(uint32_t n)
{
	union prong_value v = { .integer = 1 }, all[CELLS];
	struct dict_numbers numbers;

	prong_array_lock(array, 0);
	prong_array_add(array, n % CELLS, v, NULL);
	array->guard.repair(array->guard.arg);
	prong_array_unlock(array);
	prong_array_sum(array, &v);
	prong_array_snapshot(array, all, CELLS);
	prong_event_wait(event, 0);
	prong_event_set(event);
	prong_event_clear(event);
	dict_count(dict, &numbers);
}

static void
begin(void)
{
	char key[2] = { 'k' }, value[200] = "";
	int i;

	dict = dict_new("d", DICT_MEMORY_MIN, DICT_EVICT_LRU, false);
	array = array_new("a", PRONG_INT64, CELLS);
	event = event_new("e", false);
	if (dict == NULL || array == NULL || event == NULL)
		abort();
	for (i = 0; i < KEYS; i++) {
		key[1] = (char)i;
		prong_dict_set(dict, key, 2, value, (size_t)i * 5, 0,
		    i % 2 == 0 ? PRONG_DICT_FOREVER : 60000);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint64_t word;
	uint32_t n = 0;
	int i;

	begin();
	for (i = 0; i < WRITES_MAX && size >= WRITE; i++) {
		memcpy(&n, data, sizeof(n));
		memcpy(&word, data + sizeof(n), sizeof(word));
		*place(n) = word;
		if (i % 4 == 3) {
			use_dict(n);
			use_rest(n);
		}
		data += WRITE;
		size -= WRITE;
	}
	use_dict(n);
	use_rest(n);
	prong_dict_clear(dict);
	dict_free(dict);
	array_free(array);
	event_free(event);
	return 0;
}
