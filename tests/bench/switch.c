/* SPDX-License-Identifier: ISC */
/*
 * What a switch between coroutines costs, prong_co_switch() beside
 * swapcontext(3): there and back, with floating-point arithmetic on one side
 * or on both, and round 10,000 of them.  Each figure is the median of nine
 * runs, in nanoseconds; those with a bar make the status 1 when they miss it.
 */
#include <prong.h>

#include <sys/mman.h>

#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <ucontext.h>

#define RUNS		9
#define SWITCHES	4000000	/* of a run; of the slow ones a tenth */
#define MANY		10000
#define STACK		(64 * 1024)

enum side { NOBODY, LOOP, HANDLER, BOTH };

static volatile double one = 1.0, three = 3.0, third;

/* Leaves the flag that the result is inexact. */
static inline void
compute(void)
{
	third = one / three;
}

static double
nanoseconds(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec * 1e9 + (double)ts.tv_nsec;
}

/* --- prong_co_switch() --------------------------------------------------- */

static struct prong_co *ring[MANY];

static void
co_plain(void *arg)
{
	for (;;)
		prong_co_switch(NULL);
}

static void
co_computing(void *arg)
{
	for (;;) {
		compute();
		prong_co_switch(NULL);
	}
}

/* Goes on to the next; the last one back to where it began. */
static void
co_next(void *arg)
{
	struct prong_co **next = arg;

	for (;;)
		prong_co_switch(*next);
}

static struct prong_co *
co_new(prong_co_fn *fn, void *arg)
{
	struct prong_co *co = prong_co_create(fn, arg);

	if (co == NULL)
		errx(1, "%s", prong_error());
	return co;
}

static double
co_pair(enum side side, int count)
{
	struct prong_co *co = co_new((side & HANDLER) != 0 ? co_computing :
	    co_plain, NULL);
	double begin;
	int i;

	/* Its beginning is no mere switch. */
	prong_co_switch(co);
	begin = nanoseconds();
	for (i = 0; i < count; i += 2) {
		if ((side & LOOP) != 0)
			compute();
		prong_co_switch(co);
	}
	begin = nanoseconds() - begin;
	prong_co_free(co);
	return begin / count;
}

static double
co_ring(enum side side, int count)
{
	static struct prong_co *next[MANY];
	double begin;
	int i, switches;

	for (i = 0; i < MANY; i++)
		ring[i] = co_new(co_next, &next[i]);
	for (i = 0; i < MANY; i++)
		next[i] = i + 1 < MANY ? ring[i + 1] : NULL;
	prong_co_switch(ring[0]);
	begin = nanoseconds();
	for (switches = 0; switches < count; switches += MANY + 1)
		prong_co_switch(ring[0]);
	begin = nanoseconds() - begin;
	for (i = 0; i < MANY; i++)
		prong_co_free(ring[i]);
	return begin / switches;
}

/* --- swapcontext(3) ------------------------------------------------------ */

static ucontext_t home, contexts[MANY];

static void
ucontext_plain(int i)
{
	for (;;)
		swapcontext(&contexts[i], &home);
}

static void
ucontext_computing(int i)
{
	for (;;) {
		compute();
		swapcontext(&contexts[i], &home);
	}
}

static void
ucontext_next(int i)
{
	for (;;)
		swapcontext(&contexts[i], i + 1 < MANY ? &contexts[i + 1] :
		    &home);
}

static void
ucontext_new(int i, void (*fn)(int), char *stack)
{
	getcontext(&contexts[i]);
	contexts[i].uc_stack.ss_sp = stack;
	contexts[i].uc_stack.ss_size = STACK;
	contexts[i].uc_link = NULL;
	makecontext(&contexts[i], (void (*)(void))fn, 1, i);
}

static char *
ucontext_stacks(size_t size)
{
	void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE |
	    MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK, -1, 0);

	if (memory == MAP_FAILED)
		err(1, "stacks");
	madvise(memory, size, MADV_NOHUGEPAGE);
	return memory;
}

static double
ucontext_pair(enum side side, int count)
{
	char *stack = ucontext_stacks(STACK);
	double begin;
	int i;

	ucontext_new(0, (side & HANDLER) != 0 ? ucontext_computing :
	    ucontext_plain, stack);
	swapcontext(&home, &contexts[0]);
	begin = nanoseconds();
	for (i = 0; i < count; i += 2) {
		if ((side & LOOP) != 0)
			compute();
		swapcontext(&home, &contexts[0]);
	}
	begin = nanoseconds() - begin;
	munmap(stack, STACK);
	return begin / count;
}

static double
ucontext_ring(enum side side, int count)
{
	/* As ours: their tops do not fall into the same places of a cache. */
	const size_t step = STACK + 4096;
	char *stacks = ucontext_stacks(MANY * step);
	double begin;
	int i, switches;

	for (i = 0; i < MANY; i++)
		ucontext_new(i, ucontext_next, stacks + (size_t)i * step);
	swapcontext(&home, &contexts[0]);
	begin = nanoseconds();
	for (switches = 0; switches < count; switches += MANY + 1)
		swapcontext(&home, &contexts[0]);
	begin = nanoseconds() - begin;
	munmap(stacks, MANY * step);
	return begin / switches;
}

/* --- the figures --------------------------------------------------------- */

static const struct measurement {
	const char *name;
	double (*ours)(enum side, int);
	double (*theirs)(enum side, int);
	enum side side;
	double bar;
} measurements[] = {
	{ "there and back", co_pair, ucontext_pair, NOBODY, 10 },
	{ "the loop has computed", co_pair, ucontext_pair, LOOP, 10 },
	{ "the handler has computed", co_pair, ucontext_pair, HANDLER, 10 },
	{ "both have computed", co_pair, ucontext_pair, BOTH, 10 },
	{ "round 10,000 of them", co_ring, ucontext_ring, NOBODY, 30 },
};

static int
ascending(const void *a, const void *b)
{
	const double *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

static double
median(double (*run)(enum side, int), enum side side, int count)
{
	double times[RUNS];
	int i;

	for (i = 0; i < RUNS; i++)
		times[i] = run(side, count);
	qsort(times, RUNS, sizeof(times[0]), ascending);
	return times[RUNS / 2];
}

static bool
measure(const struct measurement *m)
{
	double ours = median(m->ours, m->side, SWITCHES);
	double theirs = median(m->theirs, m->side, SWITCHES / 10);

	printf("%-26s %6.1f ns, <= %.0f%s; swapcontext(3) %6.1f ns, %.0f times\n",
	    m->name, ours, m->bar, ours <= m->bar ? "" : ": MISSED", theirs,
	    theirs / ours);
	fflush(stdout);
	return ours <= m->bar;
}

int
main(void)
{
	const struct measurement *m = measurements;
	bool all = true;

	printf("a switch of coroutines, the median of %d runs\n", RUNS);
	for (; m < measurements + sizeof(measurements) / sizeof(*m); m++)
		all &= measure(m);
	printf("%s\n", all ? "all bars hold" : "missed");
	return all ? 0 : 1;
}
