/* SPDX-License-Identifier: ISC */
/*
 * base/context: the switch from one stack to another, and what it keeps.
 */
#include <fenv.h>
#include <math.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/context.h"
#include "base/stack.h"
#include "helper.h"
#include "unit.h"

#define CONTEXTS	200

/* One that runs beside the test: each says who it is by its number. */
struct runner {
	struct context context;
	struct context *home;
	struct stack *stack;
	int number;
	int turns;
	void (*turn)(struct runner *);
	bool left;
};

static struct stack_pool pool = { .size = STACK_SIZE };
static struct runner runners[CONTEXTS];
static struct context home;

static void
teardown(void)
{
	stack_pool_free(&pool);
}

/* Runs a turn each time that somebody goes on here. */
static void
runner_run(void *arg)
{
	struct runner *r = arg;

	while (r->turns-- > 0) {
		r->turn(r);
		context_switch(&r->context, r->home);
	}
	r->left = true;
	context_leave(&r->context, r->home);
}

static void
runner_make(struct runner *r, struct stack *stack, int turns,
    void (*turn)(struct runner *))
{
	r->home = &home;
	r->stack = stack;
	r->turns = turns;
	r->turn = turn;
	r->left = false;
	context_make(&r->context, stack->bottom, stack->size, runner_run, r);
}

static struct runner *
runner_new(int number, int turns, void (*turn)(struct runner *))
{
	struct runner *r = &runners[number];
	struct stack *stack = stack_take(&pool);

	ck_assert_ptr_nonnull(stack);
	r->number = number;
	runner_make(r, stack, turns, turn);
	return r;
}

static void
go_on(struct runner *r)
{
	context_switch(&home, &r->context);
}

static void
finish(struct runner *r)
{
	r->turns = 0;
	go_on(r);
	ck_assert(r->left);
	context_forget(&r->context);
	stack_give(&pool, r->stack);
}

static char trace[256];

static void
note(struct runner *r)
{
	size_t n = strlen(trace);

	snprintf(trace + n, sizeof(trace) - n, "%d", r->number);
}

START_TEST(test_context_switch)
{
	struct runner *a = runner_new(1, 3, note), *b = runner_new(2, 3, note);
	int i;

	for (i = 0; i < 3; i++) {
		go_on(a);
		strlcat(trace, "-", sizeof(trace));
		go_on(b);
		strlcat(trace, " ", sizeof(trace));
	}
	ck_assert_str_eq(trace, "1-2 1-2 1-2 ");
	finish(a);
	finish(b);
}
END_TEST

/* From one to another, without going home between. */
static void
pass_on(struct runner *r)
{
	note(r);
	if (r->number + 1 < CONTEXTS)
		context_switch(&r->context, &runners[r->number + 1].context);
}

START_TEST(test_context_chain)
{
	int i;

	for (i = CONTEXTS - 10; i < CONTEXTS; i++)
		runner_new(i, 1, pass_on);
	go_on(&runners[CONTEXTS - 10]);
	ck_assert_str_eq(trace, "190191192193194195196197198199");
	for (i = CONTEXTS - 10; i < CONTEXTS; i++) {
		/* All but the last stand where they passed on. */
		if (i + 1 < CONTEXTS)
			go_on(&runners[i]);
		finish(&runners[i]);
	}
}
END_TEST

/* Its own stack begins aligned, as printf(3) of a double needs it. */
static void
look_at_stack(struct runner *r)
{
	_Alignas(16) char local[16];
	char text[64], *at = local;

	ck_assert_uint_eq((uintptr_t)at % 16, 0);
#if !defined(__SANITIZE_ADDRESS__)
	ck_assert(at > r->stack->bottom &&
	    at < r->stack->bottom + r->stack->size);
#endif
	snprintf(text, sizeof(text), "%.3f %Lg", 1.5 * r->number, 0.25L);
	ck_assert_str_eq(text, "1.500 0.25");
}

START_TEST(test_context_stack)
{
	struct runner *r = runner_new(1, 1, look_at_stack);

	go_on(r);
	finish(r);
}
END_TEST

/* --- registers ----------------------------------------------------------- */

/* More of them alive over the switch than a caller has to save. */
static void
compute(struct runner *r)
{
	uint64_t a = (uint64_t)r->number, b = a + 1, c = b * 3, d = c ^ a,
	    e = d + b, f = e * 5, g = f - c, h = g ^ e, i;
	double x = (double)a, y = x / 3, z = y * y;

	for (i = 0; i < 1000; i++) {
		a += h;
		b ^= a;
		c += b;
		d ^= c;
		e += d;
		f ^= e;
		g += f;
		h = (h << 1 | h >> 63) ^ g;
		x = x * 0.5 + y;
		y = y * 0.25 + z;
		z = z * 0.125 + 1;
		if (r->home != NULL)
			context_switch(&r->context, r->home);
	}
	snprintf(trace, sizeof(trace), "%jx %a", (uintmax_t)(a ^ b ^ c ^ d ^
	    e ^ f ^ g ^ h), x + y + z);
}

START_TEST(test_context_registers)
{
	struct runner *a = runner_new(1, 1, compute), *b = runner_new(2, 1,
	    compute), alone = { .number = 1 };
	char wanted[sizeof(trace)];
	int i;

	compute(&alone);
	memcpy(wanted, trace, sizeof(wanted));
	for (i = 0; i < 1001; i++) {
		go_on(b);
		go_on(a);
	}
	ck_assert_str_eq(trace, wanted);
	finish(a);
	finish(b);
}
END_TEST

/* --- floating point ------------------------------------------------------ */

static volatile double one = 1.0, three = 3.0, zero;

static const int roundings[] = {
	FE_TONEAREST, FE_UPWARD, FE_DOWNWARD, FE_TOWARDZERO,
};

/* A third, as it is rounded here. */
static void
divide(struct runner *r)
{
	int mine = roundings[r->number];

	ck_assert_int_eq(fesetround(mine), 0);
	context_switch(&r->context, r->home);
	ck_assert_int_eq(fegetround(), mine);
	if (mine == FE_UPWARD)
		ck_assert(one / three > 0x1.5555555555555p-2);
	else
		ck_assert(one / three == 0x1.5555555555555p-2);
	if (mine == FE_DOWNWARD)
		ck_assert(-one / three < -0x1.5555555555555p-2);
	else
		ck_assert(-one / three == -0x1.5555555555555p-2);
}

/* Each has a rounding of its own; the one at home stays as it was. */
START_TEST(test_context_rounding)
{
	int i, turn, before = roundings[_i];

	fesetround(before);
	for (i = 0; i < UNIT_COUNT(roundings); i++)
		runner_new(i, 1, divide);
	for (turn = 0; turn < 2; turn++)
		for (i = 0; i < UNIT_COUNT(roundings); i++) {
			go_on(&runners[i]);
			ck_assert_int_eq(fegetround(), before);
		}
	for (i = 0; i < UNIT_COUNT(roundings); i++)
		finish(&runners[i]);
	ck_assert_int_eq(fegetround(), before);
}
END_TEST

/* Flags that are cleared first tell what was computed since. */
static void
raise_flags(struct runner *r)
{
	feclearexcept(FE_ALL_EXCEPT);
	ck_assert(isinf(one / zero));
	ck_assert_int_eq(fetestexcept(FE_ALL_EXCEPT), FE_DIVBYZERO);
	feclearexcept(FE_ALL_EXCEPT);
	ck_assert(one / three < 1);
	ck_assert_int_eq(fetestexcept(FE_ALL_EXCEPT), FE_INEXACT);
}

START_TEST(test_context_flags)
{
	struct runner *r = runner_new(0, 100, raise_flags);
	int i;

	for (i = 0; i < 3; i++) {
		raise_flags(NULL);
		go_on(r);
		raise_flags(NULL);
	}
	finish(r);
}
END_TEST

#if defined(HAVE_BOOST_CONTEXT) && defined(__x86_64__)
static void
expect_all_flags(struct runner *r)
{
	ck_assert_int_eq(fetestexcept(FE_ALL_EXCEPT), FE_ALL_EXCEPT);
	ck_assert(one / three < 1);
}

/* Or else they are all set: a computation changes none, which makes it fast. */
START_TEST(test_context_flags_set)
{
	struct runner *r;
	int i;

	feclearexcept(FE_ALL_EXCEPT);
	r = runner_new(0, 100, expect_all_flags);
	for (i = 0; i < 3; i++) {
		expect_all_flags(NULL);
		go_on(r);
	}
	expect_all_flags(NULL);
	finish(r);
}
END_TEST
#endif

/* A trap that is set in one does not spring in another. */
static void
trap(struct runner *r)
{
	feclearexcept(FE_ALL_EXCEPT);
	ck_assert_int_ne(feenableexcept(FE_DIVBYZERO), -1);
	context_switch(&r->context, r->home);
	ck_assert_int_eq(fegetexcept(), FE_DIVBYZERO);
}

START_TEST(test_context_traps)
{
	struct runner *r = runner_new(0, 1, trap);

	go_on(r);
	ck_assert_int_eq(fegetexcept(), 0);
	ck_assert(isinf(one / zero));
	go_on(r);
	ck_assert_int_eq(fegetexcept(), 0);
	finish(r);
}
END_TEST

/* --- deep stacks --------------------------------------------------------- */

/* Goes down by some 200 bytes at least each time, and comes back unharmed. */
static __attribute__((noinline)) uint64_t
descend(struct runner *r, const char *limit, uint64_t depth)
{
	volatile char here[128];
	uint64_t sum;

	here[5] = here[127] = (char)(depth & 0x7f);
	if ((char *)__builtin_frame_address(0) < limit) {
		context_switch(&r->context, r->home);
		return depth;
	}
	sum = descend(r, limit, depth + 1);
	ck_assert_int_eq(here[5], (int)(depth & 0x7f));
	ck_assert_int_eq(here[127], (int)(depth & 0x7f));
	return sum;
}

static uint64_t depths[CONTEXTS];

static void
go_deep(struct runner *r)
{
	depths[r->number] = descend(r, r->stack->bottom + 8 * 1024, 1);
}

/* All of them down to their last pages at the same time. */
START_TEST(test_context_deep)
{
	int i;

	for (i = 0; i < CONTEXTS; i++)
		go_on(runner_new(i, 1, go_deep));
	for (i = CONTEXTS; i-- > 0;)
		go_on(&runners[i]);
	for (i = 0; i < CONTEXTS; i++) {
		ck_assert_uint_ge(depths[i], 50);
		ck_assert_uint_eq(depths[i], depths[0]);
		finish(&runners[i]);
	}
}
END_TEST

static void
on_fault(int number, siginfo_t *info, void *context)
{
	const char *at = info->si_addr;
	const char *bottom = runners[0].stack->bottom;

	_exit(number == SIGSEGV && at < bottom && at >= bottom - 4096 ? 42 :
	    43);
}

static void
go_too_deep(struct runner *r)
{
	descend(r, r->stack->bottom - 64 * 1024, 1);
}

/* The handler needs a stack, too: that of the context is used up. */
static void
overrun(void)
{
	struct sigaction action = { .sa_sigaction = on_fault,
	    .sa_flags = SA_SIGINFO | SA_ONSTACK };
	stack_t other = { .ss_sp = malloc(64 * 1024), .ss_size = 64 * 1024 };

	sigaltstack(&other, NULL);
	sigaction(SIGSEGV, &action, NULL);
	go_on(runner_new(0, 1, go_too_deep));
	_exit(0);
}

START_TEST(test_context_overrun)
{
	pid_t pid = fork();

	ck_assert_int_ne(pid, -1);
	if (pid == 0)
		overrun();
	ck_assert_int_eq(helper_wait_exit(pid), 42);
}
END_TEST

/* --- their end ----------------------------------------------------------- */

static void
nothing(struct runner *r)
{
	char local[1024];

	memset(local, r->number, sizeof(local));
	ck_assert_int_eq(local[1023], r->number);
}

/* A stack whose context stood somewhere for good is as good as new. */
START_TEST(test_context_abandoned)
{
	struct runner *r = runner_new(1, 1, go_deep);
	int i;

	for (i = 0; i < 1000; i++) {
		go_on(r);
		context_forget(&r->context);
		runner_make(r, r->stack, 1, (i & 1) != 0 ? go_deep : nothing);
	}
	context_forget(&r->context);
	stack_give(&pool, r->stack);
}
END_TEST

START_TEST(test_context_left)
{
	struct runner *r = &runners[1];
	int i;

	for (i = 0; i < 1000; i++) {
		runner_new(1, 1, nothing);
		go_on(r);
		ck_assert(!r->left);
		finish(r);
	}
}
END_TEST

/* --- threads ------------------------------------------------------------- */

static void
count(struct runner *r)
{
	r->number++;
}

/* Each thread has contexts of its own, and the stacks for them. */
static void *
switch_in_thread(void *arg)
{
	struct stack_pool mine = { .size = STACK_SIZE };
	struct runner a = { .number = 0 }, b = { .number = 0 };
	struct context here = { .fn = NULL };
	int i;

	runner_make(&a, stack_take(&mine), 10000, count);
	runner_make(&b, stack_take(&mine), 10000, count);
	a.home = b.home = &here;
	for (i = 0; i < 10001; i++) {
		context_switch(&here, &a.context);
		context_switch(&here, &b.context);
	}
	context_forget(&a.context);
	context_forget(&b.context);
	stack_pool_free(&mine);
	*(int *)arg = a.left && b.left ? a.number + b.number : -1;
	return NULL;
}

START_TEST(test_context_threads)
{
	int counts[4] = { 0 }, i;
	pthread_t ids[4];

	for (i = 0; i < 4; i++)
		ck_assert_int_eq(pthread_create(&ids[i], NULL,
		    switch_in_thread, &counts[i]), 0);
	for (i = 0; i < 4; i++) {
		ck_assert_int_eq(pthread_join(ids[i], NULL), 0);
		ck_assert_int_eq(counts[i], 20000);
	}
}
END_TEST

START_TEST(test_context_name)
{
#ifdef HAVE_BOOST_CONTEXT
	ck_assert_str_eq(context_switch_name, "Boost.Context");
#else
	ck_assert_str_eq(context_switch_name, "ucontext");
#endif
}
END_TEST

int
main(void)
{
	TCase *tc;
	Suite *s = unit_suite("context", &tc);

	tcase_add_checked_fixture(tc, NULL, teardown);
	tcase_add_test(tc, test_context_switch);
	tcase_add_test(tc, test_context_chain);
	tcase_add_test(tc, test_context_stack);
	tcase_add_test(tc, test_context_registers);
	tcase_add_loop_test(tc, test_context_rounding, 0,
	    UNIT_COUNT(roundings));
	tcase_add_test(tc, test_context_flags);
#if defined(HAVE_BOOST_CONTEXT) && defined(__x86_64__)
	tcase_add_test(tc, test_context_flags_set);
#endif
	tcase_add_test(tc, test_context_traps);
	tcase_add_test(tc, test_context_deep);
	tcase_add_test(tc, test_context_overrun);
	tcase_add_test(tc, test_context_abandoned);
	tcase_add_test(tc, test_context_left);
	tcase_add_test(tc, test_context_threads);
	tcase_add_test(tc, test_context_name);
	return unit_run(s);
}
