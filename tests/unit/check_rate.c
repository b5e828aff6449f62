/* SPDX-License-Identifier: ISC */
/*
 * shm/rate: against a model that knows no schedule and counts, with the time
 * given; several processes on one word; and killed at every instruction.
 */
#include "shm/rate.h"

#include <sys/mman.h>

#include <sched.h>
#include <unistd.h>

#include "helper.h"
#include "seed.h"
#include "stepper.h"
#include "unit.h"

#define SECOND		1000000000ULL
#define PROCESSES	8

/* --- the model ----------------------------------------------------------- */

#define EVENTS	600

/*
 * What was let in, by its time.  Another may come when, from any one of them
 * on, no more would have come than a burst and one for each interval since.
 */
struct model {
	uint64_t times[EVENTS];
	size_t count;
};

static bool
model_take(struct model *m, const struct rate *r, uint64_t now)
{
	size_t i;

	for (i = 0; i < m->count; i++)
		if (m->count - i + 1 >
		    r->burst + (now - m->times[i]) / r->interval)
			return false;
	m->times[m->count++] = now;
	return true;
}

/* Mostly about as fast as the rate, at times all at once, or after a rest. */
static uint64_t
random_gap(const struct rate *r)
{
	switch (seed_below(8)) {
	case 0:
		return r->interval * r->burst + seed_below(r->interval + 1);
	case 1:
		return r->interval;
	case 2:
	case 3:
		return seed_below(2 * r->interval + 1);
	default:
		return seed_below(2) * seed_below(r->interval + 1);
	}
}

START_TEST(test_rate_model)
{
	uint64_t word, now, count[2] = { 0, 0 };
	struct model m;
	struct rate r;
	int round, i;
	bool allowed;

	seed_use();
	for (round = 0; round < 300; round++) {
		r.interval = 1 + seed_below(round % 2 == 0 ? 5 : SECOND);
		r.burst = 1 + seed_below(round % 3 == 0 ? 2 : 30);
		now = seed_below(1000 * SECOND);
		word = 0;
		m.count = 0;
		for (i = 0; i < EVENTS; i++) {
			now += random_gap(&r);
			allowed = model_take(&m, &r, now);
			ck_assert_msg(rate_take(&word, &r, now) == allowed,
			    "PRONG_SEED=%u round %d: event %d at %ju is not %s",
			    seed, round, i, (uintmax_t)now,
			    allowed ? "allowed" : "refused");
			count[allowed]++;
		}
	}
	/* Both are of some weight, or the rounds say little. */
	ck_assert_uint_gt(count[0], 10000);
	ck_assert_uint_gt(count[1], 10000);
}
END_TEST

/* --- by hand ------------------------------------------------------------- */

START_TEST(test_rate_burst)
{
	const struct rate r = { 10, 5 };
	uint64_t word = 0, now = 1000;
	int i;

	for (i = 0; i < 5; i++)
		ck_assert(rate_take(&word, &r, now));
	ck_assert(!rate_take(&word, &r, now));
	ck_assert(!rate_take(&word, &r, now + 9));
	/* What is refused costs nothing. */
	ck_assert(rate_take(&word, &r, now + 10));
	ck_assert(!rate_take(&word, &r, now + 19));
	ck_assert(rate_take(&word, &r, now + 20));

	/* A long rest gives a burst, and no more. */
	for (i = 0; i < 5; i++)
		ck_assert(rate_take(&word, &r, now + SECOND));
	ck_assert(!rate_take(&word, &r, now + SECOND));
}
END_TEST

START_TEST(test_rate_one)
{
	const struct rate r = { SECOND, 1 };
	uint64_t word = 0;

	ck_assert(rate_take(&word, &r, SECOND));
	ck_assert(!rate_take(&word, &r, 2 * SECOND - 1));
	ck_assert(rate_take(&word, &r, 2 * SECOND));
	ck_assert(!rate_take(&word, &r, 2 * SECOND));
}
END_TEST

START_TEST(test_rate_none)
{
	const struct rate r = { 0, 1 };
	uint64_t word = 77;
	int i;

	for (i = 0; i < 1000; i++)
		ck_assert(rate_take(&word, &r, 5));
	ck_assert_uint_eq(word, 77);
}
END_TEST

START_TEST(test_rate_idle)
{
	const struct rate r = { 10, 2 };
	uint64_t word = 0;

	ck_assert(rate_is_idle(&word, 0));
	ck_assert(rate_take(&word, &r, 100));
	ck_assert(!rate_is_idle(&word, 100));
	ck_assert(!rate_is_idle(&word, 109));
	ck_assert(rate_is_idle(&word, 110));
	ck_assert(rate_take(&word, &r, 105));
	ck_assert(!rate_is_idle(&word, 119));
	ck_assert(rate_is_idle(&word, 120));
}
END_TEST

/* A clock that lags behind the one before gets no more than it would. */
START_TEST(test_rate_lagging_clock)
{
	const struct rate r = { 10, 2 };
	uint64_t word = 0;

	ck_assert(rate_take(&word, &r, 1000));
	ck_assert(rate_take(&word, &r, 1000));
	ck_assert(!rate_take(&word, &r, 0));
	ck_assert(!rate_take(&word, &r, 995));
	ck_assert(rate_take(&word, &r, 1010));
}
END_TEST

/* --- several processes --------------------------------------------------- */

static struct shared {
	uint64_t word;
	uint64_t now;
	uint64_t taken;
	uint32_t ready;
} *shared;

static void
setup_shared(void)
{
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ck_assert_ptr_ne(shared, MAP_FAILED);
}

static void
teardown_shared(void)
{
	munmap(shared, sizeof(*shared));
}

/* All begin at once; time goes on by step with each try of any. */
static void __attribute__((noreturn))
contend(const struct rate *r, uint64_t step, int tries)
{
	__atomic_add_fetch(&shared->ready, 1, __ATOMIC_SEQ_CST);
	while (__atomic_load_n(&shared->ready, __ATOMIC_SEQ_CST) < PROCESSES)
		sched_yield();
	while (tries-- > 0)
		if (rate_take(&shared->word, r, __atomic_add_fetch(
		    &shared->now, step, __ATOMIC_SEQ_CST)))
			__atomic_add_fetch(&shared->taken, 1,
			    __ATOMIC_SEQ_CST);
	_exit(0);
}

static void
contend_all(const struct rate *r, uint64_t step, int tries)
{
	pid_t pids[PROCESSES];
	int i;

	for (i = 0; i < PROCESSES; i++) {
		if ((pids[i] = fork()) == 0)
			contend(r, step, tries);
		ck_assert_int_ne(pids[i], -1);
	}
	for (i = 0; i < PROCESSES; i++)
		ck_assert_int_eq(helper_wait_exit(pids[i]), 0);
}

/* While time stands still it is a burst, to the unit. */
START_TEST(test_rate_contended_burst)
{
	const struct rate r = { 1000, 5000 };

	shared->now = 1000000;
	contend_all(&r, 0, 20000);
	ck_assert_uint_eq(shared->taken, 5000);
	ck_assert_uint_eq(shared->word, 1000000 + 5000 * 1000);
}
END_TEST

/*
 * While it goes on there are no more than a burst and what the time gives; no
 * fewer either, but for those whose time was an older one when they came to
 * it, which may wait for the next: with so many asking it is made up for.
 */
START_TEST(test_rate_contended)
{
	const struct rate r = { 10, 100 };
	uint64_t start = 1000000, most;

	shared->now = start;
	contend_all(&r, 1, 20000);
	most = r.burst + (shared->now - start) / r.interval;
	ck_assert_uint_le(shared->taken, most);
	ck_assert_uint_ge(shared->taken, most * 9 / 10);
	/* The word has exactly what was let in, if it never fell idle. */
	ck_assert_uint_ge(shared->word, start + shared->taken * r.interval);
}
END_TEST

/* --- taken back ---------------------------------------------------------- */

static const struct rate returned_rate = { 10, 2 };

/* What is taken back can be had again; what another booked stays booked. */
START_TEST(test_rate_return)
{
	const struct rate *r = &returned_rate, none = { 0, 1 };
	uint64_t word = 0, first, second;

	first = rate_book(&word, r, 1000);
	ck_assert_uint_eq(first, 1010);
	rate_return(&word, r, first);
	ck_assert_uint_eq(word, 1000);
	first = rate_book(&word, r, 1000);
	second = rate_book(&word, r, 1000);
	ck_assert_uint_eq(rate_book(&word, r, 1000), 0);
	rate_return(&word, r, first);
	ck_assert_uint_eq(word, 1020);
	rate_return(&word, r, second);
	ck_assert_uint_eq(word, 1010);
	/* So late that another's booking began anew: it is not cancelled. */
	second = rate_book(&word, r, 5000);
	rate_return(&word, r, first);
	ck_assert_uint_eq(word, second);
	/* Without a rate nothing is booked, and nothing taken back. */
	word = 0;
	first = rate_book(&word, &none, 1000);
	ck_assert_uint_eq(first, RATE_NONE);
	rate_return(&word, &none, first);
	ck_assert_uint_eq(word, 0);
}
END_TEST

static void
act_return(void)
{
	rate_return(&shared->word, &returned_rate, 1010);
}

static void
before_return(void)
{
	uint64_t word = 1010;

	rate_return(&word, &returned_rate, 1010);
}

/* Stopped anywhere in it while another books: that booking is kept whole. */
START_TEST(test_rate_return_overtaken)
{
	int step = 0, steps;
	pid_t pid;

	do {
		shared->word = 1010;
		pid = stepper_start(before_return, act_return);
		steps = stepper_walk(pid, step);
		ck_assert(rate_take(&shared->word, &returned_rate, 5000));
		if (steps == step)
			stepper_finish(pid);
		stepper_kill(pid);
		ck_assert_uint_eq(shared->word, 5010);
	} while (steps == step++);
}
END_TEST

/* --- killed -------------------------------------------------------------- */

static const struct rate killed_rate = { 10, 3 };

static void
before_take(void)
{
	uint64_t word = 0;

	rate_take(&word, &killed_rate, 1);
}

static void
act_take(void)
{
	rate_take(&shared->word, &killed_rate, 1000);
}

/* It is booked or it is not; and a word that changed meanwhile is kept. */
START_TEST(test_rate_killed)
{
	uint64_t booked[2] = { 0, 0 }, added;
	int step = 0, steps;
	pid_t pid;

	do {
		shared->word = 0;
		pid = stepper_start(before_take, act_take);
		steps = stepper_walk(pid, step);
		if (_i == 1)
			ck_assert(rate_take(&shared->word, &killed_rate, 1000));
		stepper_kill(pid);
		added = shared->word - 1000 * (shared->word != 0);
		added -= _i == 1 ? killed_rate.interval : 0;
		ck_assert_msg(added == 0 || added == killed_rate.interval,
		    "step %d: the word is %ju", step, (uintmax_t)shared->word);
		booked[added != 0]++;
	} while (steps == step++);
	ck_assert_uint_gt(booked[0], 0);
	ck_assert_uint_gt(booked[1], 0);
	printf("# rate_take: %d steps, killed at each; %ju times booked\n",
	    steps, (uintmax_t)booked[1]);
	fflush(stdout);
}
END_TEST

/* Stopped anywhere and overtaken, it goes on as if it had just begun. */
START_TEST(test_rate_overtaken)
{
	int step = 0, steps;
	pid_t pid;

	do {
		shared->word = 0;
		pid = stepper_start(before_take, act_take);
		steps = stepper_walk(pid, step);
		rate_take(&shared->word, &killed_rate, 1000);
		rate_take(&shared->word, &killed_rate, 1000);
		if (_i == 1)
			rate_take(&shared->word, &killed_rate, 1000);
		if (steps == step)
			stepper_finish(pid);
		stepper_kill(pid);
		/* Of three or of four, three are let in. */
		ck_assert_uint_eq(shared->word,
		    1000 + 3 * killed_rate.interval);
	} while (steps == step++);
}
END_TEST

int
main(void)
{
	TCase *tc;
	Suite *s = unit_suite("rate", &tc);
	TCase *several = tcase_create("several");

	seed_init();
	tcase_add_test(tc, test_rate_model);
	tcase_add_test(tc, test_rate_burst);
	tcase_add_test(tc, test_rate_one);
	tcase_add_test(tc, test_rate_none);
	tcase_add_test(tc, test_rate_idle);
	tcase_add_test(tc, test_rate_lagging_clock);
	tcase_add_test(tc, test_rate_return);
	suite_add_tcase(s, several);
	tcase_set_timeout(several, 60);
	tcase_add_checked_fixture(several, setup_shared, teardown_shared);
	tcase_add_test(several, test_rate_contended_burst);
	tcase_add_test(several, test_rate_contended);
	if (stepper_can_trace()) {
		tcase_add_loop_test(several, test_rate_killed, 0, 2);
		tcase_add_loop_test(several, test_rate_overtaken, 0, 2);
		tcase_add_test(several, test_rate_return_overtaken);
	}
	return unit_run(s);
}
