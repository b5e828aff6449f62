/* SPDX-License-Identifier: ISC */
/*
 * shm/undo: what was set is put back until it is committed, whoever is killed
 * at whichever instruction, and a record that makes no sense does no harm.
 */
#include "shm/undo.h"

#include <string.h>

#include "seed.h"
#include "shm/segment.h"
#include "stepper.h"
#include "unit.h"

#define WORDS		8
#define SETS		12	/* some words more than once */

static struct segment segment;

static struct layout {
	struct segment_header header;
	struct undo undo;
	uint64_t words[WORDS];
	unsigned char bytes[64];
	uint64_t end;
} *shared;

static void
setup(void)
{
	size_t i;

	ck_assert_int_eq(segment_create(&segment, "undo", 1, sizeof(*shared),
	    true), 0);
	shared = segment.base;
	for (i = 0; i < WORDS; i++)
		shared->words[i] = 100 + i;
	shared->end = 7;
}

static void
teardown(void)
{
	segment_close(&segment);
}

static void
set(uint64_t *word, uint64_t value)
{
	undo_set(&shared->undo, shared, word, value);
}

static size_t
repair(void)
{
	return undo_repair(&shared->undo, shared, segment.size);
}

static void
set_all(void)
{
	size_t i;

	for (i = 0; i < SETS; i++)
		set(&shared->words[i % WORDS], 200 + i);
}

/* 'b': as before; 'a': as after the transaction; '?': neither. */
static char
state(void)
{
	size_t i, before = 0, after = 0;

	for (i = 0; i < WORDS; i++) {
		before += shared->words[i] == 100 + i;
		after += shared->words[i] ==
		    (i + WORDS < SETS ? 200 + WORDS + i : 200 + i);
	}
	return before == WORDS ? 'b' : after == WORDS ? 'a' : '?';
}

START_TEST(test_undo_commit)
{
	set_all();
	ck_assert_uint_eq(shared->undo.count, SETS);
	undo_commit(&shared->undo);
	ck_assert_uint_eq(repair(), 0);
	ck_assert_int_eq(state(), 'a');
}
END_TEST

START_TEST(test_undo_repair)
{
	set_all();
	ck_assert_int_eq(state(), 'a');
	ck_assert_uint_eq(repair(), SETS);
	ck_assert_int_eq(state(), 'b');
	ck_assert_uint_eq(shared->undo.count, 0);
	ck_assert_uint_eq(repair(), 0);
	ck_assert_int_eq(state(), 'b');
}
END_TEST

/* The first and the last word that a segment of this size has. */
START_TEST(test_undo_bounds)
{
	uint64_t first = sizeof(struct segment_header);

	ck_assert_uint_eq(offsetof(struct layout, undo), first);
	shared->undo.entry[0].offset = offsetof(struct layout, end);
	shared->undo.entry[0].old = 8;
	shared->undo.count = 1;
	ck_assert_uint_eq(repair(), 1);
	ck_assert_uint_eq(shared->end, 8);
}
END_TEST

static const uint64_t senseless[] = {
	0, sizeof(struct segment_header) - 8, offsetof(struct layout, end) + 1,
	offsetof(struct layout, end) - 4, sizeof(struct layout),
	sizeof(struct layout) - 7, 1ULL << 32, UINT64_MAX, UINT64_MAX - 7,
	1ULL << 63,
};

START_TEST(test_undo_senseless)
{
	struct layout copy;

	memcpy(&copy, shared, sizeof(copy));
	shared->undo.entry[0].offset = senseless[_i];
	shared->undo.entry[0].old = 0x1111;
	shared->undo.count = 1;
	ck_assert_uint_eq(repair(), 0);
	memcpy(&copy.undo, &shared->undo, sizeof(copy.undo));
	ck_assert_mem_eq(&copy, shared, sizeof(copy));
}
END_TEST

/* A count beyond the record, and words that lie in the record itself. */
START_TEST(test_undo_hostile)
{
	int round;

	seed_use();
	for (round = 0; round < 1000; round++) {
		size_t i;

		for (i = 0; i < UNDO_MAX; i++) {
			shared->undo.entry[i].offset = seed_below(2) == 0 ?
			    seed_below(sizeof(struct layout) + 64) :
			    seed_below(UINT64_MAX);
			shared->undo.entry[i].old = seed_below(UINT64_MAX);
		}
		shared->undo.count = seed_below(UINT64_MAX);
		ck_assert_uint_le(repair(), UNDO_MAX);
		ck_assert_uint_eq(shared->undo.count, 0);
	}
}
END_TEST

/* Beyond the most that it can note, it only sets. */
START_TEST(test_undo_full)
{
	uint64_t i;

	for (i = 0; i < UNDO_MAX; i++)
		set(&shared->words[0], i);
	set(&shared->words[1], 1);
	ck_assert_uint_eq(shared->undo.count, UNDO_MAX);
	ck_assert_uint_eq(shared->words[1], 1);
	ck_assert_uint_eq(repair(), UNDO_MAX);
	ck_assert_uint_eq(shared->words[0], 100);
	ck_assert_uint_eq(shared->words[1], 1);
}
END_TEST

/* --- killed at every instruction ----------------------------------------- */

/* Fills free memory, leads to it, commits. */
static void
act(void)
{
	memset(shared->bytes, 'x', sizeof(shared->bytes));
	set_all();
	undo_commit(&shared->undo);
}

static void
act_repair(void)
{
	repair();
}

/* As the memory was before "act" or "act_repair", to be begun again. */
static void
begin(void)
{
	size_t i;

	for (i = 0; i < WORDS; i++)
		shared->words[i] = 100 + i;
	memset(shared->bytes, '.', sizeof(shared->bytes));
	shared->undo.count = 0;
}

static void
begin_half_done(void)
{
	begin();
	set_all();
}

/*
 * Leads a child through it, and repairs what it leaves after each step; the
 * memory is put back for the next one.  Returns the steps.
 */
static int
walk(void (*before)(void), void (*what)(void), const char *may_be, int *seen)
{
	struct layout copy;
	char found, *at;
	pid_t pid;
	int steps = 0;

	pid = stepper_start(before, what);
	while (stepper_step(pid)) {
		steps++;
		memcpy(&copy, shared, sizeof(copy));
		repair();
		found = state();
		ck_assert_msg((at = strchr(may_be, found)) != NULL,
		    "step %d: '%c'", steps, found);
		ck_assert(found == 'b' || shared->bytes[63] == 'x');
		seen[at - may_be]++;
		memcpy(shared, &copy, sizeof(copy));
	}
	stepper_kill(pid);
	return steps;
}

START_TEST(test_undo_killed)
{
	int steps, seen[2] = { 0, 0 };

	steps = walk(begin, act, "ba", seen);
	printf("# %d steps: before %d, after %d\n", steps, seen[0], seen[1]);
	ck_assert_int_gt(seen[0], SETS);
	ck_assert_int_gt(seen[1], 0);
}
END_TEST

START_TEST(test_undo_killed_repairing)
{
	int steps, seen[1] = { 0 };

	steps = walk(begin_half_done, act_repair, "b", seen);
	printf("# %d steps of repair\n", steps);
	ck_assert_int_gt(steps, SETS);
}
END_TEST

int
main(void)
{
	TCase *tc;
	Suite *s = unit_suite("undo", &tc);

	seed_init();
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, test_undo_commit);
	tcase_add_test(tc, test_undo_repair);
	tcase_add_test(tc, test_undo_bounds);
	tcase_add_loop_test(tc, test_undo_senseless, 0, UNIT_COUNT(senseless));
	tcase_add_test(tc, test_undo_hostile);
	tcase_add_test(tc, test_undo_full);
	if (stepper_can_trace()) {
		tcase_add_test(tc, test_undo_killed);
		tcase_add_test(tc, test_undo_killed_repairing);
	}
	return unit_run(s);
}
