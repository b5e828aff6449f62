/* SPDX-License-Identifier: ISC */
/*
 * Crash consistency of a dict: a process is stopped at every instruction of
 * each call, and what its successor would find there, having put back what was
 * half done, is looked at: the dict is whole, the call's key is as before or as
 * after, all else is untouched but for what was to make room.
 *
 * What a kill leaves is what stands in the shared memory: a process that is
 * stopped is as good as a dead one.  So the memory is kept aside, looked at
 * after a repair, also after one that was itself cut short, and put back for
 * the next step.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "dicting.h"
#include "stepper.h"
#include "unit.h"

#define MEMORY		(320 << 10)
#define LARGE		65536
#define OTHERS		40

/* What is built with a sanitizer is longer. */
#ifdef PRONG_SANITIZED
#define STRIDE		11
#else
#define STRIDE		1
#endif

static struct prong_dict *dict;
static char large[LARGE], other[LARGE];
static struct rlock unlocked;		/* the lock's bytes when it is free */

/* --- what is in it -------------------------------------------------------- */

/* A number that stands for a key's value and expiry; 0: there is none. */
static uint64_t
print_of(const char *key)
{
	static char value[2 * LARGE];
	ssize_t n = prong_dict_get(dict, key, strlen(key), value,
	    sizeof(value));
	int64_t ms = 0;

	if (n == -1)
		return 0;
	prong_dict_ttl(dict, key, strlen(key), &ms);
	return (dict_hash(dict, value, (size_t)n) ^ (uint64_t)ms) | 1;
}

static const char *
other_key(int i)
{
	static char key[16];

	snprintf(key, sizeof(key), "other-%d", i);
	return key;
}

struct content {
	uint64_t target, others[OTHERS];
};

static void
content_read(struct content *c)
{
	int i;

	c->target = print_of("target");
	for (i = 0; i < OTHERS; i++)
		c->others[i] = print_of(other_key(i));
}

/* --- the calls ------------------------------------------------------------ */

static void
others(size_t length, int64_t ms)
{
	int i;

	for (i = 0; i < OTHERS; i++)
		ck_assert_int_eq(prong_dict_set(dict, other_key(i),
		    strlen(other_key(i)), large, length, 0, ms), 1);
}

static void
some(void)
{
	others(100, PRONG_DICT_FOREVER);
}

static void
some_and_target(void)
{
	others(100, PRONG_DICT_FOREVER);
	dicting_set(dict, "target", "17");
}

static void
target_is_large(void)
{
	others(100, PRONG_DICT_FOREVER);
	prong_dict_set(dict, "target", 6, large, LARGE, 0, PRONG_DICT_FOREVER);
}

static void
target_was_to_expire(void)
{
	others(100, PRONG_DICT_FOREVER);
	prong_dict_set(dict, "target", 6, "x", 1, 0, 10);
	dicting_time += 10;
}

/* Full, so that a large value takes the place of more than ten of these. */
static void
full_of_others(void)
{
	others(6500, PRONG_DICT_FOREVER);
}

static void
full_of_expired(void)
{
	others(6500, 10);
	dicting_time += 10;
}

static void
set_small(void)
{
	dicting_set(dict, "target", "a small value");
}

static void
set_large(void)
{
	prong_dict_set(dict, "target", 6, other, LARGE, 0, 1000);
}

static void
add(void)
{
	prong_dict_add(dict, "target", 6, 5, NULL);
}

static void
append_small(void)
{
	prong_dict_append(dict, "target", 6, "0", 1);
}

static void
append_large(void)
{
	prong_dict_append(dict, "target", 6, other, 1000);
}

static void
cas(void)
{
	prong_dict_cas(dict, "target", 6, "17", 2, "eighteen", 8);
}

static void
take(void)
{
	char value[8];

	prong_dict_take(dict, "target", 6, value, sizeof(value));
}

static void
delete(void)
{
	prong_dict_delete(dict, "target", 6);
}

static void
expire(void)
{
	prong_dict_expire(dict, "target", 6, 100);
}

static void
size(void)
{
	prong_dict_size(dict);
}

/*
 * A wrong order: the entry is there before its value is.  And the value of one
 * that is replaced is overwritten where it stands.
 */
static void
planted_early(void)
{
	struct dict_key k = { "target", 6, dict_hash(dict, "target", 6) };
	struct dict_stripe s;
	struct dict_found f;
	struct dict_place p;

	dict_lock(dict, k.hash, &s);
	dict_table_put(&s, &k, NULL, large, 100, 0);
	dict_table_find(&s, &k, &f);
	dict_blocks_begin(&s, f.chain.first, &p);
	dict_blocks_skip(&p, 6);
	dict_blocks_write(&p, other, 100);
	dict_unlock(&s);
}

/* One that forgets to note what it changes. */
static void
planted_unnoted(void)
{
	struct dict_key k = { "target", 6, dict_hash(dict, "target", 6) };
	struct dict_stripe s;
	struct dict_found f;

	dict_lock(dict, k.hash, &s);
	dict_table_find(&s, &k, &f);
	*f.link = *dict_table_next(&s, &f) & DICT_LOW;
	dict_blocks_give(&s, &f.chain);
	s.head->keys--;
	undo_commit(&s.head->undo);
	dict_unlock(&s);
}

static const struct call {
	const char *name;
	void (*prepare)(void);
	void (*act)(void);
	bool makes_room;	/* the others may go */
	bool is_planted;
} calls[] = {
	{ "set, new", some, set_small, false, false },
	{ "set, instead", some_and_target, set_small, false, false },
	{ "set 64K, new", some, set_large, false, false },
	{ "set 64K instead of 64K", target_is_large, set_large, false, false },
	{ "set instead of 64K", target_is_large, set_small, false, false },
	{ "set instead of expired", target_was_to_expire, set_small, false,
	    false },
	{ "add, new", some, add, false, false },
	{ "add", some_and_target, add, false, false },
	{ "append, new", some, append_small, false, false },
	{ "append", some_and_target, append_small, false, false },
	{ "append blocks", some_and_target, append_large, false, false },
	{ "cas", some_and_target, cas, false, false },
	{ "take", some_and_target, take, false, false },
	{ "delete", some_and_target, delete, false, false },
	{ "delete 64K", target_is_large, delete, false, false },
	{ "expire", some_and_target, expire, false, false },
	{ "set 64K, evicting", full_of_others, set_large, true, false },
	{ "set 64K, expiring", full_of_expired, set_large, true, false },
	{ "size, expiring", full_of_expired, size, true, false },
	{ "planted: commit before data", some, planted_early, false, true },
	{ "planted: unnoted", some_and_target, planted_unnoted, false, true },
};

/* --- each step ------------------------------------------------------------ */

static struct content before, after;

/* What a successor finds wrong, or NULL; the lock is free. */
static const char *
find_fault(const struct call *c)
{
	const char *wrong;
	struct content now;
	int i;

	if ((wrong = dicting_fault(dict)) != NULL)
		return wrong;
	content_read(&now);
	if (now.target != before.target && now.target != after.target)
		return "the key is neither as before nor as after";
	for (i = 0; i < OTHERS; i++)
		if (now.others[i] != before.others[i] &&
		    (now.others[i] != 0 || !c->makes_room))
			return "another key has changed";
	/* What was not to be evicted goes with the call or before it. */
	for (i = 0; now.target != before.target && i < OTHERS; i++)
		if (now.others[i] != after.others[i])
			return "what was to make room is still there";
	return NULL;
}

static struct dict_head *
head(void)
{
	struct dict_stripe s;

	ck_assert_int_eq(dict_lock_number(dict, 0, &s), 0);
	dict_unlock(&s);
	return s.head;
}

/* A repair that dies when it has put so many words back. */
static void
repair_some(struct dict_head *h, uint64_t words)
{
	uint64_t i;

	for (i = h->undo.count; i-- > 0 && words > 0; words--)
		*(uint64_t *)(void *)((char *)dict->segment.base +
		    h->undo.entry[i].offset) = h->undo.entry[i].old;
}

/* Looks at the memory as it would be found; it is put back afterwards. */
static const char *
look(const struct call *c, struct dict_head *h, const char *memory)
{
	const char *wrong = NULL;
	uint64_t count = h->undo.count, words;

	for (words = 0; words <= count && wrong == NULL; words++) {
		memcpy(&h->lock, &unlocked, sizeof(unlocked));
		repair_some(h, words);
		undo_repair(&h->undo, dict->segment.base, dict->segment.size);
		wrong = find_fault(c);
		memcpy(dict->segment.base, memory, dict->segment.size);
	}
	return wrong;
}

/* What is long when it is called for the first time. */
static void
warm_up(void)
{
	prong_dict_lock(dict, RLOCK_FOREVER);
	prong_dict_unlock(dict);
}

/* Leads a child through the call; returns what was wrong, and the steps. */
static const char *
walk(const struct call *c, struct dict_head *h, char *memory, int *steps,
    int *looks)
{
	const char *wrong = NULL;
	pid_t pid = stepper_start(warm_up, c->act);

	memset(memory, 0, dict->segment.size);
	while (wrong == NULL && stepper_walk(pid, STRIDE) == STRIDE) {
		*steps += STRIDE;
		if (memcmp(memory, dict->segment.base, dict->segment.size) == 0)
			continue;
		memcpy(memory, dict->segment.base, dict->segment.size);
		wrong = look(c, h, memory);
		++*looks;
	}
	stepper_kill(pid);
	return wrong;
}

static void
try_call(const struct call *c, struct dict_head *h, char *memory)
{
	char *start = malloc(dict->segment.size);
	const char *wrong;
	int i, gone = 0, steps = 0, looks = 0;

	ck_assert_ptr_nonnull(start);
	memcpy(start, dict->segment.base, dict->segment.size);
	content_read(&before);
	memcpy(dict->segment.base, start, dict->segment.size);
	c->act();
	content_read(&after);
	for (i = 0; i < OTHERS; i++)
		gone += before.others[i] != 0 && after.others[i] == 0;
	memcpy(dict->segment.base, start, dict->segment.size);
	free(start);
	wrong = walk(c, h, memory, &steps, &looks);
	printf("# %s: %d steps, %d looks, %d gone%s%s\n", c->name, steps,
	    looks, gone, wrong != NULL ? ": " : "",
	    wrong != NULL ? wrong : "");
	fflush(stdout);
	if (c->is_planted)
		ck_assert_msg(wrong != NULL, "nothing was noticed");
	else
		ck_assert_msg(wrong == NULL, "step %d: %s", steps, wrong);
}

START_TEST(test_dict_killed)
{
	char *memory = malloc(MEMORY);
	struct dict_head *h;

	ck_assert_ptr_nonnull(memory);
	memset(large, 'l', sizeof(large));
	memset(other, 'o', sizeof(other));
	dict = dicting_new(MEMORY, DICT_EVICT_LRU);
	ck_assert_uint_eq(dict->stripes, 1);
	h = head();
	memcpy(&unlocked, &h->lock, sizeof(unlocked));
	calls[_i].prepare();
	try_call(&calls[_i], h, memory);
	dict_free(dict);
	free(memory);
}
END_TEST

int
main(void)
{
	TCase *tc;
	Suite *s;

	if (!stepper_can_trace())
		return stepper_skip();
	s = unit_suite("dict_killed", &tc);
	tcase_set_timeout(tc, 120);
	tcase_add_loop_test(tc, test_dict_killed, 0, UNIT_COUNT(calls));
	return unit_run(s);
}
