/* SPDX-License-Identifier: ISC */
/*
 * A process is killed at every instruction of submitting a task, of taking and
 * running one, of giving one up and of fetching its result: once it has been
 * buried no task is lost, none runs twice, none is half over, and every cell can
 * be used again.  And bugs that are planted are found.
 */
#include <sys/eventfd.h>
#include <sys/mman.h>

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "killer.h"
#include "shm/pool.h"
#include "shm/pool_words.h"
#include "unit.h"

#define CELLS		8
#define SIZE		4096	/* enough for one instruction of many steps */
#define SOME		80	/* steps with somebody beside them */
#define LEFT		4	/* tasks that the contender leaves to others */

/* Slots: those who stay, and those who are killed. */
#define CALLER		0
#define RUNNER		1
#define DYING_CALLER	2
#define DYING_RUNNER	3
#define SLOTS		4

static struct pool *pool;
static int bells[SLOTS];
static void *pristine;
static size_t pristine_size;
static uint64_t first, second, dying;	/* tasks of pristine */

static struct shared {
	uint64_t done;		/* acts that have returned */
	uint64_t wrong;		/* what the contender has found */
	uint64_t left[LEFT];	/* its tasks that others have */
	uint64_t left_count;
} *shared;

static uint64_t
submit(uint32_t slot, pid_t pid, char content)
{
	uint64_t me = pool_me(slot, pid), id;

	if (!pool_claim(pool, me, &id))
		return 0;
	memset(pool_room(pool, id), content, SIZE);
	pool_cell(pool, id)->length = SIZE;
	pool_submit(pool, id, me | POOL_RINGS);
	pool_wake(pool, 1);
	return id;
}

static void
setup(void)
{
	int i;

	ck_assert_ptr_nonnull(pool = pool_new("work", 1, CELLS, SIZE, true));
	for (i = 0; i < SLOTS; i++)
		ck_assert_int_ne(bells[i] = eventfd(0, EFD_NONBLOCK), -1);
	pool_set_bells(pool, bells, SLOTS);
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ck_assert_ptr_ne(shared, MAP_FAILED);
}

/* What everything begins with, whatever setup() has done to it. */
static void
keep_pristine(void)
{
	pristine_size = (size_t)(pool->rooms - (char *)pool->segment.base);
	ck_assert_ptr_nonnull(pristine = malloc(pristine_size));
	memcpy(pristine, pool->segment.base, pristine_size);
}

static void
teardown(void)
{
	int i;

	munmap(shared, sizeof(*shared));
	for (i = 0; i < SLOTS; i++)
		close(bells[i]);
	pool_free(pool);
	free(pristine);
}

static void
arrange(void)
{
	memcpy(pool->segment.base, pristine, pristine_size);
	memset(pool_room(pool, first), 'a', SIZE);
	*shared = (struct shared){ .done = 0 };
}

static void
note_done(void)
{
	__atomic_store_n(&shared->done, shared->done + 1, __ATOMIC_RELEASE);
}

static bool
is_filled(uint64_t id, char content)
{
	const char *room = pool_room(pool, id);

	return room[0] == content && memcmp(room, room + 1, SIZE - 1) == 0;
}

/* Takes the next one, if it is this one, and runs it. */
static bool
runs_next(uint64_t id)
{
	struct pool_taken t;

	return pool_take(pool, pool_me(RUNNER, getpid()), &t) && t.id == id &&
	    pool_finish(pool, &t, POOL_DONE, 0, 0);
}

/* Nothing waits, and so many cells are free and can be found. */
static bool
is_rest_free(uint32_t count)
{
	struct pool_taken t;
	uint64_t id;
	uint32_t n = 0;

	if (pool_take(pool, pool_me(RUNNER, getpid()), &t))
		return false;
	while (pool_claim(pool, pool_me(CALLER, getpid()), &id))
		n++;
	return n == count;
}

/* Its caller will look at it. */
static bool
is_told(uint64_t id)
{
	return (pool_over(pool, (uint32_t)id / 64) >> (uint32_t)id % 64 & 1) !=
	    0;
}

static bool
bury_caller(void)
{
	pool_bury(pool, DYING_CALLER, 0, POOL_DIED, SIGKILL);
	return true;
}

static bool
bury_runner(void)
{
	pool_bury(pool, DYING_RUNNER, 0, POOL_DIED, SIGKILL);
	return true;
}

/* --- a caller dies --------------------------------------------------------- */

static void
act_submit(void)
{
	submit(DYING_CALLER, getpid(), 'x');
}

static void
act_cancel(void)
{
	pool_cancel(pool, dying);
}

/* All that it had is gone, and what others have is as it was. */
static bool
is_discarded(void)
{
	return pool_look(pool, first) == POOL_QUEUED && runs_next(first) &&
	    runs_next(second) && is_told(first) && is_told(second) &&
	    is_rest_free(CELLS - 2);
}

/* It runs, and is freed by who runs it. */
static bool
is_orphan_freed(void)
{
	struct pool_taken t = { dying, pool_word(POOL_RUNNING,
	    pool_me(RUNNER, getpid()), (uint32_t)(dying >> 32)) };

	return pool_look(pool, dying) == POOL_ORPHAN &&
	    !pool_finish(pool, &t, POOL_DONE, 0, 0) && is_discarded();
}

static void
act_fetch(void)
{
	pool_arm(pool, DYING_CALLER);
	if (is_told(dying))
		pool_seen(pool, (uint32_t)dying % CELLS);
	pool_release(pool, dying);
}

/* --- who runs tasks dies ------------------------------------------------------ */

static void
act_run(void)
{
	struct pool_taken t;

	if (!pool_take(pool, pool_me(DYING_RUNNER, getpid()), &t))
		return;
	memset(pool_room(pool, t.id), 'r', SIZE);
	pool_finish(pool, &t, POOL_DONE, 0, SIZE);
}

/* It waits as it did, or has died, or is wholly done: and its caller hears. */
static bool
is_first_sound(void)
{
	switch (pool_look(pool, first)) {
	case POOL_QUEUED:
		return shared->done == 0 && is_filled(first, 'a') &&
		    runs_next(first);
	case POOL_DIED:
		return shared->done == 0 && is_told(first) &&
		    pool_signal(pool, first) == SIGKILL;
	case POOL_DONE:
		return is_told(first) && is_filled(first, 'r') &&
		    pool_cell(pool, first)->length == SIZE;
	default:
		return false;
	}
}

static bool
is_ran(void)
{
	return is_first_sound() && runs_next(second) &&
	    is_rest_free(CELLS - 2);
}

static void
act_rest(void)
{
	pool_rest(pool, DYING_RUNNER);
}

static bool
is_untouched(void)
{
	return pool_look(pool, first) == POOL_QUEUED && runs_next(first) &&
	    runs_next(second) && is_rest_free(CELLS - 2);
}

/* --- what all begins with ------------------------------------------------------ */

/* Two tasks of one who stays. */
static void
begin_two(void)
{
	first = submit(CALLER, getpid(), 'a');
	second = submit(CALLER, getpid(), 'b');
	pool_rest(pool, RUNNER);
}

/* And one of the dying, which has this process's number before its own. */
static void
begin_three(void)
{
	begin_two();
	dying = submit(DYING_CALLER, 1, 'c');
}

static void
begin_running(void)
{
	struct pool_taken t;

	dying = submit(DYING_CALLER, 1, 'c');
	pool_take(pool, pool_me(RUNNER, getpid()), &t);
	begin_two();
}

static void
begin_over(void)
{
	dying = submit(DYING_CALLER, 1, 'c');
	runs_next(dying);
	begin_two();
}

/* Two that were given up stand before those that are wanted. */
static void
begin_dropped(void)
{
	uint64_t a = submit(CALLER, getpid(), 'd');
	uint64_t b = submit(CALLER, getpid(), 'd');

	begin_two();
	pool_cancel(pool, a);
	pool_cancel(pool, b);
}

/* --- beside another ---------------------------------------------------------------- */

/*
 * Submits one and runs one, which may be another's.  What it has submitted and
 * others have taken is remembered.
 */
static void
contend(void)
{
	uint64_t id = shared->left_count == LEFT ? 0 :
	    submit(CALLER, getppid(), 'z');
	struct pool_taken t;
	char content;

	if (pool_take(pool, pool_me(RUNNER, getpid()), &t)) {
		content = pool_room(pool, t.id)[0];
		if (!is_filled(t.id, content))
			shared->wrong++;
		pool_finish(pool, &t, POOL_DONE, 0, 0);
	}
	if (id == 0)
		return;
	if (pool_is_over(pool_look(pool, id)))
		pool_release(pool, id);
	else
		shared->left[shared->left_count++] = id;
}

/* Whoever had them, each is over once all that wait have been run. */
static bool
is_contended_sound(void)
{
	struct pool_taken t;
	uint64_t i, id;

	while (pool_take(pool, pool_me(RUNNER, getpid()), &t))
		if (!pool_finish(pool, &t, POOL_DONE, 0, 0))
			return false;
	for (i = 0; i < shared->left_count; i++) {
		id = shared->left[i];
		if (!pool_is_over(pool_look(pool, id)) || !is_told(id))
			return false;
		pool_release(pool, id);
	}
	return shared->wrong == 0 && pool_is_over(pool_look(pool, first)) &&
	    pool_is_over(pool_look(pool, second)) && is_rest_free(CELLS - 2);
}

static const struct operation {
	void (*begin)(void);
	struct killer killer;
} operations[] = {
	{ begin_two, { .name = "submit", .act = act_submit,
	    .next = bury_caller, .check = is_discarded, .repairs = 2 } },
	{ begin_three, { .name = "cancel", .act = act_cancel,
	    .next = bury_caller, .check = is_discarded, .repairs = 2 } },
	{ begin_running, { .name = "cancel, of one that runs",
	    .act = act_cancel, .next = bury_caller,
	    .check = is_orphan_freed, .repairs = 2 } },
	{ begin_over, { .name = "fetch", .act = act_fetch,
	    .next = bury_caller, .check = is_discarded, .repairs = 2 } },
	{ begin_two, { .name = "run", .act = act_run, .done = note_done,
	    .next = bury_runner, .check = is_ran, .repairs = 3 } },
	{ begin_dropped, { .name = "run, others given up", .act = act_run,
	    .done = note_done, .next = bury_runner, .check = is_ran,
	    .repairs = 3 } },
	{ begin_two, { .name = "rest", .act = act_rest, .next = bury_runner,
	    .check = is_untouched } },
	{ begin_two, { .name = "submit, contended", .act = act_submit,
	    .next = bury_caller, .check = is_contended_sound,
	    .contend = contend, .most = SOME } },
	{ begin_two, { .name = "run, contended", .act = act_run,
	    .next = bury_runner, .check = is_contended_sound,
	    .contend = contend, .most = SOME } },
};

static struct killer_result
run(const struct operation *o)
{
	struct killer killer = o->killer;
	struct killer_result r;

	o->begin();
	keep_pristine();
	killer.arrange = arrange;
	r = killer_run(&killer);
	killer_print(&killer, &r);
	ck_assert_int_gt(r.tried, 0);
	return r;
}

START_TEST(test_crash_pool)
{
	const struct operation *o = &operations[_i];
	const struct killer *k = &o->killer;
	struct killer_result r = run(o);

	ck_assert_msg(r.wrong == 0, "wrong %d times, first %s", r.wrong,
	    r.first);
	ck_assert_msg(r.missed <= (k->contend == NULL ? 1 : r.tried - 1),
	    "%d of %d not come by", r.missed, r.tried);
	ck_assert(k->repairs == 0 || r.repair_steps > 0);
}
END_TEST

/* --- planted bugs ------------------------------------------------------------------ */

/* It is over before its result is there. */
static void
act_planted_early(void)
{
	struct pool_taken t;

	if (!pool_take(pool, pool_me(DYING_RUNNER, getpid()), &t))
		return;
	pool_finish(pool, &t, POOL_DONE, 0, SIZE);
	memset(pool_room(pool, t.id), 'r', SIZE);
}

/* The queue lets go of it before it is anybody's. */
static void
act_planted_lost(void)
{
	struct pool_taken t = { first, pool_word(POOL_RUNNING,
	    pool_me(DYING_RUNNER, getpid()), (uint32_t)(first >> 32)) };

	pool->shared->head++;
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	pool_cell(pool, first)->state = t.word;
	memset(pool_room(pool, first), 'r', SIZE);
	pool_finish(pool, &t, POOL_DONE, 0, SIZE);
}

/* Whoever has it has not written down who he is. */
static void
act_planted_nameless(void)
{
	struct pool_taken t;

	if (!pool_take(pool, pool_me(RUNNER, 1), &t))
		return;
	memset(pool_room(pool, t.id), 'r', SIZE);
	pool_finish(pool, &t, POOL_DONE, 0, SIZE);
}

static bool
bury_nobody(void)
{
	return true;
}

static const struct operation plantings[] = {
	{ begin_two, { .name = "planted: over before its result is there",
	    .act = act_planted_early, .next = bury_runner,
	    .check = is_ran } },
	{ begin_two, { .name = "planted: off the queue before it is taken",
	    .act = act_planted_lost, .next = bury_runner,
	    .check = is_ran } },
	{ begin_two, { .name = "planted: taken by nobody",
	    .act = act_planted_nameless, .next = bury_runner,
	    .check = is_ran } },
	{ begin_two, { .name = "planted: the dead are not buried",
	    .act = act_submit, .next = bury_nobody, .check = is_discarded } },
};

START_TEST(test_crash_planted)
{
	struct killer_result r = run(&plantings[_i]);

	ck_assert_int_gt(r.wrong, 0);
	printf("# found: %s\n", r.first);
	fflush(stdout);
}
END_TEST

int
main(void)
{
	TCase *tc;
	Suite *s;

	if (!killer_can())
		return killer_skip();
	s = unit_suite("crash_pool", &tc);
	tcase_set_timeout(tc, 240);
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_loop_test(tc, test_crash_pool, 0, UNIT_COUNT(operations));
	tcase_add_loop_test(tc, test_crash_planted, 0, UNIT_COUNT(plantings));
	return unit_run(s);
}
