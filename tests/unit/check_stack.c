/* SPDX-License-Identifier: ISC */
/*
 * base/stack: stacks that are mapped, guarded and used again.
 */
#include <sys/resource.h>

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/stack.h"
#include "helper.h"
#include "unit.h"

#define MANY	300
#define SIZE	(16 * 1024)
#define WARM	64		/* so many keep their memory */

static struct stack_pool pool = { .size = SIZE };
static struct stack *stacks[MANY];

static void
teardown(void)
{
	stack_pool_free(&pool);
	stack_pool_free(&pool);
}

static void
take(int from, int to)
{
	int i;

	for (i = from; i < to; i++) {
		stacks[i] = stack_take(&pool);
		ck_assert_ptr_nonnull(stacks[i]);
		memset(stacks[i]->bottom, 'x', stacks[i]->size);
	}
}

static void
give(int from, int to)
{
	int i;

	for (i = from; i < to; i++)
		stack_give(&pool, stacks[i]);
}

static int
by_address(const void *a, const void *b)
{
	const struct stack *const *x = a, *const *y = b;

	return (*x)->bottom < (*y)->bottom ? -1 : 1;
}

/* Each is as large as was asked for, and a page or more from the next. */
START_TEST(test_stack_apart)
{
	long page = sysconf(_SC_PAGESIZE);
	int i;

	take(0, MANY);
	qsort(stacks, MANY, sizeof(stacks[0]), by_address);
	for (i = 0; i < MANY; i++) {
		ck_assert_uint_eq(stacks[i]->size, SIZE);
		ck_assert_uint_eq((uintptr_t)stacks[i]->bottom % 16, 0);
	}
	for (i = 1; i < MANY; i++)
		ck_assert_int_ge(stacks[i]->bottom - stacks[i - 1]->bottom,
		    SIZE + page);
}
END_TEST

START_TEST(test_stack_again)
{
	struct stack *s;

	take(0, 3);
	stack_give(&pool, stacks[1]);
	s = stack_take(&pool);
	ck_assert_ptr_eq(s, stacks[1]);
	/* What was used last is taken first: the caches know it. */
	give(0, 3);
	ck_assert_ptr_eq(stack_take(&pool), stacks[2]);
	ck_assert_ptr_eq(stack_take(&pool), stacks[1]);
	ck_assert_ptr_eq(stack_take(&pool), stacks[0]);
}
END_TEST

static char *touched;

static void
on_fault(int number, siginfo_t *info, void *context)
{
	_exit(number == SIGSEGV && info->si_addr == touched ? 42 : 43);
}

static void
touch(char *at)
{
	struct sigaction action = { .sa_sigaction = on_fault,
	    .sa_flags = SA_SIGINFO };

	sigaction(SIGSEGV, &action, NULL);
	touched = at;
	*(volatile char *)at = 1;
	_exit(0);
}

/* How a process ends that writes there. */
static int
write_at(char *at)
{
	pid_t pid = fork();

	ck_assert_int_ne(pid, -1);
	if (pid == 0)
		touch(at);
	return helper_wait_exit(pid);
}

/* Below each stack is a page that may not be touched. */
START_TEST(test_stack_guard)
{
	int i;

	take(0, 40);
	for (i = 0; i < 40; i++) {
		ck_assert_int_eq(write_at(stacks[i]->bottom), 0);
		ck_assert_int_eq(write_at(stacks[i]->bottom - 1), 42);
	}
	/* It stays, however often the stack is used. */
	give(0, 40);
	take(0, 40);
	ck_assert_int_eq(write_at(stacks[7]->bottom - 1), 42);
}
END_TEST

/* Of those that are free: how many still have what was written to them. */
static int
count_kept(int count)
{
	int i, n = 0;

	for (i = 0; i < count; i++)
		n += stacks[i]->bottom[SIZE - 1] == 'x';
	return n;
}

START_TEST(test_stack_memory_given_back)
{
	take(0, MANY);
	ck_assert_int_eq(count_kept(MANY), MANY);
	give(0, MANY);
	ck_assert_int_eq(count_kept(MANY), WARM);
}
END_TEST

static int
count_all_kept(struct stack **all, int count)
{
	int i, n = 0;

	for (i = 0; i < count; i++)
		n += all[i]->bottom[SIZE - 1] == 'x';
	return n;
}

/* Nor does memory gather, however taking and giving back alternate. */
START_TEST(test_stack_memory_stays_given_back)
{
	struct stack *all[MANY];
	int i, peak;

	take(0, MANY);
	memcpy(all, stacks, sizeof(all));
	give(0, MANY);
	for (peak = 1; peak < MANY; peak += 17)
		for (i = 0; i < 3; i++) {
			take(0, peak);
			give(0, peak);
			ck_assert_int_le(count_all_kept(all, MANY), WARM);
		}
}
END_TEST

/* The mappings of this process. */
static int
count_mappings(void)
{
	FILE *f = fopen("/proc/self/maps", "r");
	int c, n = 0;

	ck_assert_ptr_nonnull(f);
	while ((c = getc(f)) != EOF)
		n += c == '\n';
	fclose(f);
	return n;
}

/* Freeing the pool unmaps those too that were not given back. */
START_TEST(test_stack_pool_free)
{
	int before = count_mappings(), i;

	for (i = 0; i < 5; i++) {
		take(0, MANY);
		give(0, MANY / 2);
		stack_pool_free(&pool);
	}
	/* What malloc has got meanwhile; pieces of the sanitizer's shadow. */
	ck_assert_int_le(count_mappings(), before + (UNIT_TSAN ? MANY : 4));
	take(0, 1);
}
END_TEST

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
/* Without room for more, and with room again. */
START_TEST(test_stack_no_memory)
{
	struct rlimit limit = { 0, RLIM_INFINITY }, old;
	int i;

	take(0, 1);
	for (i = 1; pool.cold != NULL; i++)
		take(i, i + 1);
	ck_assert_int_eq(getrlimit(RLIMIT_AS, &old), 0);
	limit.rlim_max = old.rlim_max;
	ck_assert_int_eq(setrlimit(RLIMIT_AS, &limit), 0);
	errno = 0;
	error_clear();
	ck_assert_ptr_null(stack_take(&pool));
	ck_assert_int_eq(errno, ENOMEM);
	ck_assert_ptr_nonnull(strstr(error_text(), "a stack"));
	/* Those that there are still serve. */
	stack_give(&pool, stacks[0]);
	ck_assert_ptr_eq(stack_take(&pool), stacks[0]);
	ck_assert_int_eq(setrlimit(RLIMIT_AS, &old), 0);
	take(i, i + 1);
}
END_TEST
#endif

int
main(void)
{
	TCase *tc;
	Suite *s = unit_suite("stack", &tc);

	tcase_add_checked_fixture(tc, NULL, teardown);
	tcase_add_test(tc, test_stack_apart);
	tcase_add_test(tc, test_stack_again);
	tcase_add_test(tc, test_stack_guard);
	tcase_add_test(tc, test_stack_memory_given_back);
	tcase_add_test(tc, test_stack_memory_stays_given_back);
	tcase_add_test(tc, test_stack_pool_free);
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
	/* A sanitizer needs address space without limit. */
	tcase_add_test(tc, test_stack_no_memory);
#endif
	return unit_run(s);
}
