/* SPDX-License-Identifier: ISC */
/*
 * base/coroutine: coroutines switched by hand, prong_co_*().
 */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/stack.h"
#include "prong.h"
#include "unit.h"

#define MANY	1000

static char trace[256];
static struct prong_co *a, *b, *c;

static void
say(const char *text)
{
	strlcat(trace, text, sizeof(trace));
}

static void
go(struct prong_co *co)
{
	ck_assert_int_eq(prong_co_switch(co), 0);
}

static void
expect_error(int result, int error, const char *text)
{
	ck_assert_int_eq(result, -1);
	ck_assert_int_eq(errno, error);
	ck_assert_msg(strstr(prong_error(), text) != NULL, "\"%s\"",
	    prong_error());
	errno = 0;
}

/* --- two that alternate -------------------------------------------------- */

static void
say_12_34(void *arg)
{
	ck_assert_ptr_eq(arg, trace);
	ck_assert_ptr_eq(prong_co_self(), a);
	say("12 ");
	go(b);
	say("34 ");
	go(b);
	ck_abort_msg("it goes on though nobody switched to it");
}

static void
say_56_78(void *arg)
{
	ck_assert_ptr_eq(prong_co_self(), b);
	say("56 ");
	go(a);
	say("78");
}

/* The end returns to the creator; the other has not ended, and is freed. */
START_TEST(test_coroutine_alternate)
{
	a = prong_co_create(say_12_34, trace);
	b = prong_co_create(say_56_78, NULL);
	ck_assert_ptr_nonnull(a);
	ck_assert_ptr_nonnull(b);
	ck_assert_str_eq(trace, "");
	ck_assert_ptr_null(prong_co_self());
	go(a);
	ck_assert_ptr_null(prong_co_self());
	ck_assert_str_eq(trace, "12 56 34 78");
	ck_assert(prong_co_is_over(b));
	ck_assert(!prong_co_is_over(a));
	prong_co_free(a);
	prong_co_free(b);
}
END_TEST

/* NULL is who created the one that runs. */
static void
back_and_forth(void *arg)
{
	int i;

	for (i = 0; i < 3; i++) {
		say("c");
		go(NULL);
	}
}

START_TEST(test_coroutine_creator)
{
	a = prong_co_create(back_and_forth, NULL);
	while (!prong_co_is_over(a)) {
		go(a);
		say("m");
	}
	ck_assert_str_eq(trace, "cmcmcmm");
	prong_co_free(a);
}
END_TEST

/* --- errors -------------------------------------------------------------- */

static void
try_itself(void *arg)
{
	expect_error(prong_co_switch(a), EINVAL, "runs");
	/* One that runs is not freed either. */
	prong_co_free(a);
	say("x");
}

START_TEST(test_coroutine_errors)
{
	expect_error(prong_co_switch(NULL), EINVAL, "runs");
	a = prong_co_create(try_itself, NULL);
	go(a);
	ck_assert_str_eq(trace, "x");
	expect_error(prong_co_switch(a), EINVAL, "ended");
	ck_assert_ptr_null(prong_co_self());
	prong_co_free(a);
	prong_co_free(NULL);
}
END_TEST

static void *
switch_from_elsewhere(void *arg)
{
	expect_error(prong_co_switch(arg), EINVAL, "another thread's");
	ck_assert_ptr_null(prong_co_self());
	a = prong_co_create(back_and_forth, NULL);
	go(a);
	say("t");
	prong_co_free(a);
	return NULL;
}

/* Those of a thread are its own. */
START_TEST(test_coroutine_threads)
{
	pthread_t id;

	c = prong_co_create(back_and_forth, NULL);
	go(c);
	ck_assert_int_eq(pthread_create(&id, NULL, switch_from_elsewhere, c),
	    0);
	ck_assert_int_eq(pthread_join(id, NULL), 0);
	go(c);
	ck_assert_str_eq(trace, "cctc");
	prong_co_free(c);
}
END_TEST

/* --- creators ------------------------------------------------------------ */

static void
inner(void *arg)
{
	say("i");
	go(NULL);
	say("j");
}

/* Whether it stays on after that. */
static int stays;

static void
outer(void *arg)
{
	b = prong_co_create(inner, NULL);
	say("o");
	go(b);
	say("p");
	if (*(int *)arg != 0)
		go(NULL);
}

/* One's end goes to who created it, wherever it was switched to from. */
START_TEST(test_coroutine_nested)
{
	stays = 1;
	a = prong_co_create(outer, &stays);
	go(a);
	ck_assert_str_eq(trace, "oip");
	go(b);
	ck_assert_str_eq(trace, "oipj");
	ck_assert_ptr_null(prong_co_self());
	ck_assert(prong_co_is_over(a));
	ck_assert(prong_co_is_over(b));
	prong_co_free(b);
	prong_co_free(a);
}
END_TEST

/* If the creator has ended, that one's creator goes on. */
START_TEST(test_coroutine_creator_over)
{
	a = prong_co_create(outer, &stays);
	go(a);
	ck_assert(prong_co_is_over(a));
	go(b);
	ck_assert_str_eq(trace, "oipj");
	ck_assert(prong_co_is_over(b));
	prong_co_free(a);
	prong_co_free(b);
}
END_TEST

/* The creator is freed before those that it created, in its midst or not. */
START_TEST(test_coroutine_creator_freed)
{
	stays = _i;
	a = prong_co_create(outer, &stays);
	go(a);
	ck_assert_int_eq(prong_co_is_over(a), _i == 0);
	prong_co_free(a);
	go(b);
	ck_assert_str_eq(trace, "oipj");
	ck_assert(prong_co_is_over(b));
	prong_co_free(b);
}
END_TEST

/* The end of each goes to the one above. */
static void
create_chain(void *arg)
{
	int depth = (*(int *)arg)--;
	struct prong_co *below;

	say("d");
	if (depth == 0)
		return;
	below = prong_co_create(create_chain, arg);
	go(below);
	ck_assert(prong_co_is_over(below));
	prong_co_free(below);
	say("u");
}

START_TEST(test_coroutine_chain)
{
	struct prong_co *top;
	int depth = 3;

	top = prong_co_create(create_chain, &depth);
	go(top);
	ck_assert_str_eq(trace, "dddduuu");
	ck_assert(prong_co_is_over(top));
	prong_co_free(top);
}
END_TEST

static void
free_creator(void *arg)
{
	/* It stands where it switched to this one, and never goes on. */
	prong_co_free(arg);
	say("f");
}

static void
create_ungrateful(void *arg)
{
	b = prong_co_create(free_creator, prong_co_self());
	go(b);
	ck_abort_msg("one that was freed goes on");
}

START_TEST(test_coroutine_frees_creator)
{
	a = prong_co_create(create_ungrateful, NULL);
	go(a);
	ck_assert_str_eq(trace, "f");
	ck_assert_ptr_null(prong_co_self());
	prong_co_free(b);
}
END_TEST

/* --- many ---------------------------------------------------------------- */

static void
count_up(void *arg)
{
	char local[2048];

	for (;;) {
		memset(local, ++*(int *)arg, sizeof(local));
		go(NULL);
		ck_assert_int_eq(local[2047], (char)*(int *)arg);
	}
}

/* Abandoned in their midst, and freed: a leak checker finds nothing left. */
START_TEST(test_coroutine_abandoned)
{
	struct prong_co *all[MANY];
	int counts[MANY] = { 0 }, i, turn;

	for (i = 0; i < MANY; i++)
		ck_assert_ptr_nonnull(all[i] = prong_co_create(count_up,
		    &counts[i]));
	for (turn = 0; turn < 3; turn++)
		for (i = 0; i < MANY; i++)
			go(all[i]);
	for (i = 0; i < MANY; i++) {
		ck_assert_int_eq(counts[i], 3);
		ck_assert(!prong_co_is_over(all[i]));
		prong_co_free(all[i]);
	}
}
END_TEST

static void
fill(void *arg)
{
	char local[8 * 1024];

	memset(local, 'x', sizeof(local));
	ck_assert_int_eq(local[sizeof(local) - 1], 'x');
}

/* The stack of one that was abandoned is as good as any. */
START_TEST(test_coroutine_abandoned_reuse)
{
	int i, n = 0;

	/* As long as there is one, the stacks are kept. */
	a = prong_co_create(fill, NULL);
	for (i = 0; i < MANY; i++) {
		b = prong_co_create(count_up, &n);
		go(b);
		prong_co_free(b);
		b = prong_co_create(fill, NULL);
		go(b);
		ck_assert(prong_co_is_over(b));
		prong_co_free(b);
	}
	go(a);
	prong_co_free(a);
}
END_TEST

/* Freed before it ever ran. */
START_TEST(test_coroutine_never_ran)
{
	int i, n = 0;

	for (i = 0; i < MANY; i++)
		prong_co_free(prong_co_create(count_up, &n));
	ck_assert_int_eq(n, 0);
}
END_TEST

/* A thousand lives on the stacks of two. */
START_TEST(test_coroutine_reuse)
{
	int i, n = 0;

	a = prong_co_create(count_up, &n);
	for (i = 0; i < MANY; i++) {
		b = prong_co_create(inner, NULL);
		go(b);
		go(a);
		go(b);
		ck_assert(prong_co_is_over(b));
		prong_co_free(b);
		trace[0] = '\0';
	}
	ck_assert_int_eq(n, MANY);
	prong_co_free(a);
}
END_TEST

/* As much stack as the library promises, but for some pages. */
static void
use_stack(void *arg)
{
	volatile char large[STACK_SIZE - 16 * 1024];

	large[0] = large[sizeof(large) - 1] = 'x';
	go(NULL);
	snprintf(trace, sizeof(trace), "%c%c %.2f", large[0],
	    large[sizeof(large) - 1], 1.25);
}

START_TEST(test_coroutine_stack)
{
	a = prong_co_create(use_stack, NULL);
	go(a);
	go(a);
	ck_assert_str_eq(trace, "xx 1.25");
	prong_co_free(a);
}
END_TEST

/* What is mapped, in bytes. */
static size_t
mapped(void)
{
	FILE *f = fopen("/proc/self/statm", "re");
	size_t pages = 0;

	ck_assert_ptr_nonnull(f);
	ck_assert_int_eq(fscanf(f, "%zu", &pages), 1);
	fclose(f);
	return pages * (size_t)sysconf(_SC_PAGESIZE);
}

/* A thread that has one at a time maps stacks once. */
START_TEST(test_coroutine_only_one)
{
	size_t before = mapped(), kept;
	int i, n = 0;

	prong_co_free(prong_co_create(count_up, &n));
	kept = mapped();
	ck_assert_uint_ge(kept, before + STACK_SIZE);
	for (i = 0; i < MANY; i++) {
		a = prong_co_create(count_up, &n);
		go(a);
		prong_co_free(a);
	}
	ck_assert_int_eq(n, MANY);
	ck_assert_uint_lt(mapped(), kept + MANY / 2 * STACK_SIZE);
}
END_TEST

static void *
one_and_gone(void *arg)
{
	int n = 0;
	struct prong_co *co = prong_co_create(count_up, &n);

	go(co);
	prong_co_free(co);
	return NULL;
}

/* Its stacks are unmapped when it ends. */
START_TEST(test_coroutine_thread_ends)
{
	pthread_t thread;
	size_t before = 0;
	int i;

	for (i = 0; i <= MANY; i++) {
		ck_assert_int_eq(pthread_create(&thread, NULL, one_and_gone,
		    NULL), 0);
		ck_assert_int_eq(pthread_join(thread, NULL), 0);
		/* What the first needs of the library stays. */
		if (i == 0)
			before = mapped();
	}
	ck_assert_uint_lt(mapped(), before + MANY / 2 * STACK_SIZE);
}
END_TEST

int
main(void)
{
	TCase *tc;
	Suite *s = unit_suite("coroutine", &tc);

	tcase_add_test(tc, test_coroutine_alternate);
	tcase_add_test(tc, test_coroutine_creator);
	tcase_add_test(tc, test_coroutine_errors);
	tcase_add_test(tc, test_coroutine_threads);
	tcase_add_test(tc, test_coroutine_nested);
	tcase_add_test(tc, test_coroutine_creator_over);
	tcase_add_loop_test(tc, test_coroutine_creator_freed, 0, 2);
	tcase_add_test(tc, test_coroutine_chain);
	tcase_add_test(tc, test_coroutine_frees_creator);
	tcase_add_test(tc, test_coroutine_abandoned);
	tcase_add_test(tc, test_coroutine_abandoned_reuse);
	tcase_add_test(tc, test_coroutine_never_ran);
	tcase_add_test(tc, test_coroutine_reuse);
	tcase_add_test(tc, test_coroutine_stack);
	tcase_add_test(tc, test_coroutine_only_one);
	tcase_add_test(tc, test_coroutine_thread_ends);
	return unit_run(s);
}
