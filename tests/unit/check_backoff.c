/* SPDX-License-Identifier: ISC */
/*
 * server/backoff: when the dead are started again, with the time given.
 */
#include "server/backoff.h"

#include <string.h>

#include "seed.h"
#include "unit.h"

#define SLOTS	64

/* Some time after the machine started; milliseconds. */
#define LATER	1000000

static struct backoff one;
static struct backoff_pace pace;

/* One that fails alone: what the others do does not count. */
static uint64_t
alone(enum death how, uint64_t lived)
{
	memset(&pace, 0, sizeof(pace));
	return backoff_delay(&one, &pace, how, lived, LATER);
}

/* --- one process --------------------------------------------------------- */

static const struct {
	enum death how;
	uint64_t delays[9];
} series[] = {
	{ DEATH_FAULT, { 0, 1, 2, 4, 8, 16, 32, 60, 60 } },
	{ DEATH_STUCK, { 0, 1, 2, 4, 8, 16, 32, 60, 60 } },
	{ DEATH_MEMORY, { 1, 2, 4, 8, 16, 32, 60, 60, 60 } },
	{ DEATH_EARLY, { 1, 2, 4, 8, 16, 32, 60, 60, 60 } },
	/* The first is no failure. */
	{ DEATH_CUT, { 0, 1, 2, 4, 8, 16, 32, 60, 60 } },
	{ DEATH_HOPELESS, { 60, 60, 60, 60, 60, 60, 60, 60, 60 } },
	{ DEATH_OUTSIDE, { 0, 0, 0, 0, 0, 0, 0, 0, 0 } },
};

START_TEST(test_backoff_series)
{
	int i;

	for (i = 0; i < UNIT_COUNT(series[_i].delays); i++)
		ck_assert_uint_eq(alone(series[_i].how, 10),
		    series[_i].delays[i] * 1000);
	/* It stays there, however long that goes on. */
	for (i = 0; i < 1000; i++)
		ck_assert_uint_eq(alone(series[_i].how, 10),
		    series[_i].delays[8] * 1000);
}
END_TEST

/* A good life is longer than a minute; the next failure is a first one. */
START_TEST(test_backoff_forgives)
{
	int i;

	for (i = 0; i < 5; i++)
		alone(DEATH_FAULT, 10);
	ck_assert_uint_eq(alone(DEATH_FAULT, BACKOFF_GOOD_LIFE), 16000);
	ck_assert_uint_eq(alone(DEATH_FAULT, BACKOFF_GOOD_LIFE + 1), 0);
	ck_assert_uint_eq(alone(DEATH_FAULT, 10), 1000);
	ck_assert_uint_eq(alone(DEATH_EARLY, BACKOFF_GOOD_LIFE + 1), 1000);
	ck_assert_uint_eq(alone(DEATH_HOPELESS, BACKOFF_GOOD_LIFE + 1),
	    BACKOFF_MAX);
}
END_TEST

/* A good life is one whatever ended it. */
START_TEST(test_backoff_forgives_the_killed)
{
	int i;

	for (i = 0; i < 5; i++)
		alone(DEATH_FAULT, 10);
	ck_assert_uint_eq(alone(DEATH_OUTSIDE, 10 * BACKOFF_GOOD_LIFE), 0);
	ck_assert_uint_eq(alone(DEATH_FAULT, 10), 0);
}
END_TEST

/* Those killed from outside are not failures in between either. */
START_TEST(test_backoff_outside_is_no_failure)
{
	int i;

	ck_assert_uint_eq(alone(DEATH_FAULT, 10), 0);
	for (i = 0; i < 50; i++)
		ck_assert_uint_eq(alone(DEATH_OUTSIDE, 10), 0);
	ck_assert_uint_eq(alone(DEATH_FAULT, 10), 1000);
	memset(&pace, 0, sizeof(pace));
	for (i = 0; i < 50; i++)
		backoff_delay(&one, &pace, DEATH_OUTSIDE, 10, LATER);
	ck_assert_uint_eq(pace.failures, 0);
}
END_TEST

/* Cut short twice in a row is a failure; once, and being ready, is not. */
START_TEST(test_backoff_cut)
{
	int i;

	for (i = 0; i < 20; i++) {
		ck_assert_uint_eq(alone(DEATH_CUT, 10), 0);
		backoff_ready(&one);
	}
	ck_assert_uint_eq(one.failures, 0);
	ck_assert_uint_eq(alone(DEATH_CUT, 10), 0);
	ck_assert_uint_eq(alone(DEATH_CUT, 10), 1000);
	backoff_ready(&one);
	ck_assert_uint_eq(alone(DEATH_CUT, 10), 0);
	/* Becoming ready does not wipe out the failures. */
	ck_assert_uint_eq(alone(DEATH_CUT, 10), 2000);
	ck_assert_uint_eq(alone(DEATH_EARLY, 10), 4000);
}
END_TEST

/* --- killed from outside ------------------------------------------------- */

/* A hundred at once, then one every 10 ms; the others a second later. */
START_TEST(test_backoff_outside_at_once)
{
	struct backoff slots[150];
	uint64_t delay;
	int i, now = 0;

	memset(slots, 0, sizeof(slots));
	for (i = 0; i < UNIT_COUNT(slots); i++) {
		delay = backoff_delay(&slots[i], &pace, DEATH_OUTSIDE, 10,
		    LATER);
		ck_assert(delay == 0 || delay == 1000);
		now += delay == 0;
	}
	ck_assert_int_eq(now, 100);
	ck_assert_uint_eq(backoff_delay(&one, &pace, DEATH_OUTSIDE, 10,
	    LATER + 9), 1000);
	ck_assert_uint_eq(backoff_delay(&one, &pace, DEATH_OUTSIDE, 10,
	    LATER + 10), 0);
	ck_assert_uint_eq(backoff_delay(&one, &pace, DEATH_OUTSIDE, 10,
	    LATER + 10), 1000);
}
END_TEST

static const struct {
	uint64_t period;	/* from kill to kill, milliseconds */
	int least, most;	/* started at once, of those of ten seconds */
} kills[] = {
	{ 50, 200, 200 },	/* 20 a second */
	{ 20, 500, 500 },
	{ 10, 1000, 1000 },
	{ 5, 1099, 1100 },
	{ 1, 1099, 1100 },
};

START_TEST(test_backoff_outside_rate)
{
	uint64_t t;
	int now = 0;

	for (t = 0; t < 10000; t += kills[_i].period)
		now += backoff_delay(&one, &pace, DEATH_OUTSIDE, 10,
		    LATER + t) == 0;
	ck_assert_int_ge(now, kills[_i].least);
	ck_assert_int_le(now, kills[_i].most);
}
END_TEST

/* --- all of a server ----------------------------------------------------- */

struct slot_life {
	struct backoff backoff;
	uint64_t starts;	/* when it is started next; UINT64_MAX: lives */
	uint64_t dies;
	bool booked;		/* its start does not have to ask again */
};

static struct slot_life lives[SLOTS];

/* How long one lives, and what it dies of, in one kind of trouble. */
struct trouble {
	const char *name;
	enum death hows[4];
	uint64_t least, most;	/* it lives so long; milliseconds */
	int slots;
};

static const struct trouble troubles[] = {
	{ "abort when ready", { DEATH_FAULT, DEATH_FAULT, DEATH_FAULT,
	    DEATH_FAULT }, 1, 1, SLOTS },
	{ "two that abort", { DEATH_FAULT, DEATH_FAULT, DEATH_FAULT,
	    DEATH_FAULT }, 5, 5, 2 },
	{ "abort at start", { DEATH_EARLY, DEATH_EARLY, DEATH_EARLY,
	    DEATH_EARLY }, 1, 1, SLOTS },
	{ "cannot start", { DEATH_HOPELESS, DEATH_HOPELESS, DEATH_HOPELESS,
	    DEATH_HOPELESS }, 1, 20, SLOTS },
	{ "no memory", { DEATH_MEMORY, DEATH_MEMORY, DEATH_EARLY,
	    DEATH_FAULT }, 1, 3000, SLOTS },
	{ "everything", { DEATH_FAULT, DEATH_STUCK, DEATH_EARLY,
	    DEATH_HOPELESS }, 1, 10000, 16 },
};

/* The slot to which something happens next, and when. */
static int
next_event(int slots, uint64_t *now)
{
	uint64_t at, first = UINT64_MAX;
	int i, which = 0;

	for (i = 0; i < slots; i++) {
		at = lives[i].starts != UINT64_MAX ? lives[i].starts :
		    lives[i].dies;
		if (at < first) {
			first = at;
			which = i;
		}
	}
	*now = first;
	return which;
}

/*
 * From the fifth failure on, no two starts are within a second: not those that
 * failed before either, nor those that failed long ago.
 */
START_TEST(test_backoff_no_fork_bomb)
{
	const struct trouble *t = &troubles[_i];
	uint64_t now = LATER, last = 0, wait;
	int i, failures = 0, starts = 0;
	struct slot_life *l;

	seed_use();
	for (i = 0; i < t->slots; i++)
		lives[i] = (struct slot_life){ .starts = UINT64_MAX,
		    .dies = LATER + (uint64_t)i / 8 };
	while (now < LATER + 600 * 1000) {
		l = &lives[next_event(t->slots, &now)];
		if (l->starts == UINT64_MAX) {
			failures++;
			l->starts = now + backoff_delay(&l->backoff, &pace,
			    t->hows[seed_below(4)], 10, now);
			l->booked = l->starts == now;
			continue;
		}
		wait = l->booked ? 0 : backoff_wait(&pace, now);
		if (wait > 0) {
			l->starts = now + wait;
			continue;
		}
		if (failures >= BACKOFF_PATIENCE) {
			starts++;
			ck_assert_msg(last == 0 || now - last >= 1000,
			    "PRONG_SEED=%u, %s: starts at %ju and %ju ms, "
			    "after %d failures", seed, t->name,
			    (uintmax_t)(last - LATER), (uintmax_t)(now - LATER),
			    failures);
			last = now;
		}
		l->starts = UINT64_MAX;
		l->dies = now + t->least +
		    seed_below(t->most - t->least + 1);
	}
	/* It goes on being tried: about once a second when all fail, from the
	 * first minute on when that is how long each waits. */
	ck_assert_int_gt(starts, t->slots == SLOTS ? 530 : 20);
}
END_TEST

/* Of failures that were long ago no more is made. */
START_TEST(test_backoff_pace_forgives)
{
	struct backoff slots[BACKOFF_PATIENCE + 1];
	uint64_t now = LATER;
	int i, round;

	for (round = 0; round < 3; round++) {
		memset(slots, 0, sizeof(slots));
		for (i = 0; i < BACKOFF_PATIENCE; i++)
			ck_assert_uint_eq(backoff_delay(&slots[i], &pace,
			    DEATH_FAULT, 10, now), 0);
		ck_assert_uint_gt(backoff_delay(&slots[i], &pace, DEATH_FAULT,
		    10, now), 0);
		now += BACKOFF_FORGET + 1001;
	}
}
END_TEST

/*
 * One that fails again and again waits for itself alone: another that fails
 * for the first time does not wait for its turn after that.
 */
START_TEST(test_backoff_innocent)
{
	struct backoff guilty = { 0, 0 };
	uint64_t now = LATER, delay;
	int i;

	for (i = 0; i < 7; i++) {
		delay = backoff_delay(&guilty, &pace, _i == 0 ? DEATH_FAULT :
		    DEATH_HOPELESS, 10, now);
		if (i < 6)
			now += _i == 0 ? delay + 10 : 5000;
	}
	ck_assert_uint_ge(delay, 30000);
	ck_assert_uint_le(backoff_delay(&one, &pace, DEATH_FAULT, 10, now + 5),
	    1000);
}
END_TEST

int
main(void)
{
	TCase *tc;
	Suite *s = unit_suite("backoff", &tc);

	seed_init();
	tcase_add_loop_test(tc, test_backoff_series, 0, UNIT_COUNT(series));
	tcase_add_test(tc, test_backoff_forgives);
	tcase_add_test(tc, test_backoff_forgives_the_killed);
	tcase_add_test(tc, test_backoff_outside_is_no_failure);
	tcase_add_test(tc, test_backoff_cut);
	tcase_add_test(tc, test_backoff_outside_at_once);
	tcase_add_loop_test(tc, test_backoff_outside_rate, 0,
	    UNIT_COUNT(kills));
	tcase_add_loop_test(tc, test_backoff_no_fork_bomb, 0,
	    UNIT_COUNT(troubles));
	tcase_add_test(tc, test_backoff_pace_forgives);
	tcase_add_loop_test(tc, test_backoff_innocent, 0, 2);
	return unit_run(s);
}
