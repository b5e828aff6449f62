/* SPDX-License-Identifier: ISC */
/*
 * shm/locks: locks by name, and whose they are: a thread's, a task's, a
 * coroutine's; what becomes of one whose holder ends or dies with it.
 */
#include "shm/locks.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/process.h"
#include "dispatch/locking.h"
#include "helper.h"
#include "loop/task.h"
#include "shm/array.h"
#include "shm/dict.h"
#include "unit.h"

#define GUARD_MS	10000

static struct locks locks;
static struct prong_rlock *lock;
static struct prong_array *array;
static struct loop *loop;
static struct tasks tasks;
static struct timer guard;
static int running, ticks;
static char reports[1024];

static void
on_report(const char *text)
{
	strlcat(reports, text, sizeof(reports));
	strlcat(reports, "\n", sizeof(reports));
}

static void
setup(void)
{
	rlock_set_calls(locking_pause, on_report);
	ck_assert_int_eq(locks_create(&locks), 0);
	ck_assert_ptr_nonnull(lock = locks_open(&locks, "one"));
	ck_assert_ptr_nonnull(array = array_new("cells", PRONG_INT64, 8));
}

static void
teardown(void)
{
	array_free(array);
	locks_close(&locks);
}

static void
on_guard(struct timer *t)
{
	ck_abort_msg("what is waited for does not happen");
}

static void
on_turn(void *arg)
{
	if (running == 0)
		loop_stop(loop);
}

static void
setup_loop(void)
{
	setup();
	ck_assert_ptr_nonnull(loop = loop_new(LOOP_AUTO, 0));
	tasks_init(&tasks, loop, 0);
	tasks_set_here(&tasks);
	loop_on_turn(loop, on_turn, NULL);
	guard.fn = on_guard;
	ck_assert_int_eq(loop_timer(loop, &guard, GUARD_MS), 0);
}

static void
teardown_loop(void)
{
	tasks_end(&tasks);
	tasks_fini(&tasks);
	tasks_set_here(NULL);
	loop_free(loop);
	teardown();
}

static void
run_body(void *arg)
{
	((void (*)(void))arg)();
	running--;
}

static void
begin(void (*body)(void))
{
	running++;
	ck_assert_int_eq(task_start(&tasks, run_body, body, NULL), 0);
}

static void
run_loop(void)
{
	if (running > 0)
		ck_assert_int_eq(loop_run(loop), 0);
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

static int64_t
cell(size_t i)
{
	union prong_value v;

	ck_assert_int_eq(prong_array_get(array, i, &v), 0);
	return v.integer;
}

static int
add(size_t i, int64_t n)
{
	return prong_array_add(array, i, (union prong_value){ .integer = n },
	    NULL);
}

/* Runs fn in a child; what it returns is the child's exit code. */
static int
in_child(int (*fn)(void))
{
	pid_t pid = fork();

	if (pid == 0)
		_exit(fn());
	ck_assert_int_ne(pid, -1);
	return helper_wait_exit(pid);
}

static int
child_is_kept_out(void)
{
	if (prong_rlock_trylock(lock) != -1 || errno != EBUSY)
		return 1;
	if (prong_rlock_timedlock(lock, 5) != -1 || errno != ETIMEDOUT)
		return 2;
	if (prong_rlock_timedlock(lock, 0) != -1 || errno != ETIMEDOUT)
		return 3;
	if (prong_rlock_unlock(lock) != -1 || errno != EPERM)
		return 4;
	return prong_rlock_holder(lock) == getppid() ? 0 : 5;
}

static int
child_gets_it(void)
{
	if (prong_rlock_trylock(lock) == -1)
		return 1;
	if (prong_rlock_holder(lock) != getpid())
		return 2;
	return prong_rlock_unlock(lock) == 0 ? 0 : 3;
}

static int
child_keeps_it(void)
{
	return prong_rlock_lock(lock) == 0 ? 0 : 1;
}

/* --- names -------------------------------------------------------------------- */

static int
child_names(void)
{
	struct prong_rlock *l = locks_open(&locks, "child's");

	if (l != NULL || errno != EINVAL)
		return 1;
	if ((l = locks_open(&locks, "childs")) == NULL)
		return 2;
	return prong_rlock_lock(l) == 0 ? 0 : 3;
}

START_TEST(test_locks_names)
{
	static const char *const wrong[] = { "", "a b", "a/b", "\xc3\xb6",
	    "12345678901234567890123456789012345678901234567890123456789012345"
	};
	char name[16];
	int i;

	for (i = 0; i < UNIT_COUNT(wrong); i++) {
		errno = 0;
		ck_assert_ptr_null(locks_open(&locks, wrong[i]));
		ck_assert_int_eq(errno, EINVAL);
	}
	ck_assert_ptr_eq(locks_open(&locks, "one"), lock);
	ck_assert_ptr_nonnull(locks_open(&locks, wrong[4] + 1));
	/* One that a child has made is everybody's, with its state. */
	ck_assert_int_eq(in_child(child_names), 0);
	ck_assert_int_eq(prong_rlock_trylock(locks_open(&locks, "childs")), 0);
	ck_assert_uint_eq(locks_recovered(&locks), 1);
	ck_assert_ptr_nonnull(strstr(reports, "lock \"childs\""));

	for (i = 3; i < LOCKS_MAX; i++) {
		snprintf(name, sizeof(name), "n%d", i);
		ck_assert_ptr_nonnull(locks_open(&locks, name));
	}
	errno = 0;
	ck_assert_ptr_null(locks_open(&locks, "more"));
	ck_assert_int_eq(errno, ENOSPC);
	ck_assert_ptr_nonnull(strstr(prong_error(), "256"));
	ck_assert_ptr_nonnull(locks_open(&locks, "n255"));
}
END_TEST

/* --- threads and processes ----------------------------------------------------- */

START_TEST(test_locks_nested)
{
	ck_assert_int_eq(prong_rlock_holder(lock), 0);
	expect_error(prong_rlock_unlock(lock), EPERM, "lock \"one\"");
	ck_assert_int_eq(prong_rlock_lock(lock), 0);
	ck_assert_int_eq(prong_rlock_trylock(lock), 0);
	ck_assert_int_eq(prong_rlock_timedlock(lock, 1), 0);
	ck_assert_int_eq(in_child(child_is_kept_out), 0);
	ck_assert_int_eq(prong_rlock_unlock(lock), 0);
	ck_assert_int_eq(prong_rlock_unlock(lock), 0);
	ck_assert_int_eq(prong_rlock_holder(lock), getpid());
	ck_assert_int_eq(in_child(child_is_kept_out), 0);
	ck_assert_int_eq(prong_rlock_unlock(lock), 0);
	ck_assert_int_eq(in_child(child_gets_it), 0);
	expect_error(prong_rlock_timedlock(lock, -1), EINVAL, "-1 ms");
	ck_assert_uint_eq(locks_recovered(&locks), 0);
}
END_TEST

/* The name and the role of who died; and one that nobody can name. */
START_TEST(test_locks_dead_holder)
{
	char who[128];
	pid_t pid;

	if ((pid = fork()) == 0) {
		rlock_set_role(RLOCK_WORKER, 3);
		_exit(child_keeps_it());
	}
	ck_assert_int_eq(helper_wait_exit(pid), 0);
	ck_assert_int_eq(prong_rlock_holder(lock), pid);
	ck_assert_int_eq(prong_rlock_lock(lock), 0);
	snprintf(who, sizeof(who), "lock \"one\": a lock is free again: "
	    "worker 3 (process %d) died with it", (int)pid);
	ck_assert_msg(strncmp(reports, who, strlen(who)) == 0, "%s", reports);
	ck_assert_int_eq(prong_rlock_unlock(lock), 0);
	ck_assert_uint_eq(locks_recovered(&locks), 1);

	reports[0] = '\0';
	if ((pid = fork()) == 0)
		_exit(pthread_mutex_lock(&lock->lock.mutex));
	ck_assert_int_eq(helper_wait_exit(pid), 0);
	ck_assert_int_eq(prong_rlock_lock(lock), 0);
	ck_assert_ptr_nonnull(strstr(reports, "somebody who had just"));
	ck_assert_int_eq(prong_rlock_unlock(lock), 0);
}
END_TEST

/* What the holder of an array's lock has not finished is taken back. */
static int
child_halfway(void)
{
	const union prong_value seven = { .integer = 7 };
	const union prong_value eight = { .integer = 8 };

	if (add(0, 1) == -1 || prong_array_lock(array, -1) == -1 ||
	    add(1, 10) == -1 || add(2, -10) == -1 || add(1, 5) == -1 ||
	    prong_array_set(array, 3, seven) == -1)
		return 1;
	return prong_array_cas(array, 3, seven, eight) == 1 ? 0 : 2;
}

static int
child_whole(void)
{
	if (child_halfway() != 0 || prong_array_lock(array, 0) == -1 ||
	    prong_array_unlock(array) == -1)
		return 1;
	return prong_array_unlock(array);
}

START_TEST(test_locks_array_is_whole)
{
	ck_assert_int_eq(in_child(child_halfway), 0);
	ck_assert_int_eq(cell(1), 15);
	/* Others go on with the cells that he has not touched. */
	ck_assert_int_eq(add(4, 4), 0);
	ck_assert_int_eq(prong_array_lock(array, 0), 0);
	ck_assert_int_eq(cell(0), 1);
	ck_assert_int_eq(cell(1), 0);
	ck_assert_int_eq(cell(2), 0);
	ck_assert_int_eq(cell(3), 0);
	ck_assert_int_eq(cell(4), 4);
	ck_assert_ptr_nonnull(strstr(reports, "array \"cells\""));
	ck_assert_ptr_nonnull(strstr(reports, "3 changes are taken back"));
	ck_assert_int_eq(prong_array_unlock(array), 0);
	ck_assert_uint_eq(array_recovered(array), 1);

	ck_assert_int_eq(in_child(child_whole), 0);
	ck_assert_int_eq(prong_array_lock(array, 0), 0);
	ck_assert_int_eq(cell(0), 2);
	ck_assert_int_eq(cell(1), 15);
	ck_assert_int_eq(cell(2), -10);
	ck_assert_int_eq(cell(3), 8);
	ck_assert_int_eq(prong_array_unlock(array), 0);
	ck_assert_uint_eq(array_recovered(array), 1);
}
END_TEST

START_TEST(test_locks_array_too_many)
{
	struct prong_array *a = array_new("large", PRONG_INT8, 2000);
	union prong_value v = { .integer = 1 };
	size_t i;

	ck_assert_ptr_nonnull(a);
	ck_assert_int_eq(prong_array_lock(a, -1), 0);
	for (i = 0; i < ARRAY_NOTES_MAX; i++)
		ck_assert_int_eq(prong_array_set(a, i, v), 0);
	expect_error(prong_array_set(a, i, v), ENOSPC, "unlock before more");
	expect_error(prong_array_add(a, i, v, NULL), ENOSPC, "1024");
	expect_error(prong_array_cas(a, i, (union prong_value){ .integer = 0 },
	    v), ENOSPC, "\"large\"");
	/* Again what was changed already is no more. */
	ck_assert_int_eq(prong_array_add(a, 0, v, NULL), 0);
	ck_assert_int_eq(prong_array_unlock(a), 0);
	ck_assert_int_eq(prong_array_set(a, i, v), 0);
	ck_assert_int_eq(prong_array_sum(a, &v), 0);
	ck_assert_int_eq(v.integer, ARRAY_NOTES_MAX + 2);
	array_free(a);
}
END_TEST

/* The number of notes, whatever somebody has made of it, leads nowhere. */
START_TEST(test_locks_array_overwritten)
{
	union prong_value v = { .integer = 1 };
	uint64_t *count = (uint64_t *)((char *)array->guard.lock +
	    sizeof(struct rlock));

	ck_assert_int_eq(prong_array_lock(array, -1), 0);
	ck_assert_int_eq(prong_array_set(array, 0, v), 0);
	ck_assert_uint_eq(*count, 1);
	*count = 1ULL << 40;
	expect_error(prong_array_set(array, 1, v), ENOSPC, "unlock before");
	ck_assert_int_eq(prong_array_unlock(array), 0);
	ck_assert_int_eq(prong_array_set(array, 1, v), 0);
}
END_TEST

/* --- coroutines by hand --------------------------------------------------------- */

static void
co_holds(void *arg)
{
	ck_assert_int_eq(prong_rlock_lock(lock), 0);
	ck_assert_int_eq(prong_rlock_lock(lock), 0);
	ck_assert_int_eq(prong_rlock_unlock(lock), 0);
	prong_co_switch(NULL);
	ck_assert_int_eq(prong_rlock_unlock(lock), *(int *)arg);
}

static void
co_wants(void *arg)
{
	expect_error(prong_rlock_trylock(lock), EBUSY, "lock \"one\"");
	expect_error(prong_rlock_lock(lock), EDEADLK, "this thread");
	expect_error(prong_rlock_timedlock(lock, 1000), EDEADLK, "coroutine");
	expect_error(prong_rlock_unlock(lock), EPERM, "not held here");
}

START_TEST(test_locks_coroutines)
{
	int result = 0;
	struct prong_co *one = prong_co_create(co_holds, &result);
	struct prong_co *two = prong_co_create(co_wants, NULL);

	ck_assert_int_eq(prong_co_switch(one), 0);
	co_wants(NULL);
	ck_assert_int_eq(prong_co_switch(two), 0);
	ck_assert(prong_co_is_over(two));
	ck_assert_int_eq(prong_co_switch(one), 0);
	ck_assert(prong_co_is_over(one));
	ck_assert_int_eq(in_child(child_gets_it), 0);
	ck_assert_uint_eq(locks_recovered(&locks), 0);
	prong_co_free(one);
	prong_co_free(two);

	/* One that is freed with it, or ends. */
	one = prong_co_create(co_holds, &result);
	ck_assert_int_eq(prong_co_switch(one), 0);
	prong_co_free(one);
	ck_assert_uint_eq(locks_recovered(&locks), 1);
	ck_assert_ptr_nonnull(strstr(reports, "coroutine that ended with it"));
	ck_assert_int_eq(in_child(child_gets_it), 0);
	two = prong_co_create((prong_co_fn *)(void (*)(void))prong_rlock_lock,
	    lock);
	ck_assert_int_eq(prong_co_switch(two), 0);
	ck_assert_uint_eq(locks_recovered(&locks), 2);
	ck_assert_int_eq(in_child(child_gets_it), 0);
	prong_co_free(two);
}
END_TEST

/* What a coroutine holds is not its parent's child's. */
static void
co_forks(void *arg)
{
	pid_t pid;

	ck_assert_int_eq(prong_rlock_lock(lock), 0);
	if ((pid = fork()) == 0)
		return;
	ck_assert_int_eq(helper_wait_exit(pid), 0);
	ck_assert_int_eq(in_child(child_is_kept_out), 0);
	ck_assert_int_eq(prong_rlock_unlock(lock), 0);
}

START_TEST(test_locks_coroutine_forks)
{
	pid_t self = getpid();
	struct prong_co *co = prong_co_create(co_forks, NULL);

	ck_assert_int_eq(prong_co_switch(co), 0);
	if (getpid() != self)
		_exit(prong_rlock_trylock(lock) == -1 && errno == EBUSY ? 0 :
		    1);
	ck_assert_uint_eq(locks_recovered(&locks), 0);
	prong_co_free(co);
}
END_TEST

/* --- tasks ---------------------------------------------------------------------- */

#define TASKS	20
#define ROUNDS	10

static int64_t locked, unlocked, inside;

/* Reads, lets others run, writes. */
static void
add_slowly(void)
{
	int64_t was;
	int i;

	for (i = 0; i < ROUNDS; i++) {
		was = unlocked;
		prong_sleep(0);
		unlocked = was + 1;
		ck_assert_int_eq(prong_rlock_lock(lock), 0);
		ck_assert_int_eq(inside++, 0);
		was = locked;
		prong_sleep(i % 2);
		/* Taken again and waited in, it is still nobody else's. */
		ck_assert_int_eq(prong_rlock_lock(lock), 0);
		prong_sleep(0);
		ck_assert_int_eq(prong_rlock_unlock(lock), 0);
		locked = was + 1;
		ck_assert_int_eq(--inside, 0);
		ck_assert_int_eq(prong_rlock_unlock(lock), 0);
	}
}

static void
tick(void)
{
	while (running > 1) {
		ticks++;
		prong_sleep(1);
	}
}

/* System 29: without the lock the count goes wrong, with it it is exact. */
START_TEST(test_locks_tasks)
{
	int i;

	for (i = 0; i < TASKS; i++)
		begin(add_slowly);
	begin(tick);
	run_loop();
	ck_assert_int_eq(locked, TASKS * ROUNDS);
	ck_assert_int_lt(unlocked, TASKS * ROUNDS);
	ck_assert_int_gt(ticks, 10);
	ck_assert_uint_eq(locks_recovered(&locks), 0);
	ck_assert_int_eq(in_child(child_gets_it), 0);
}
END_TEST

static int64_t given_back, longest;

static void
take_once(void)
{
	int64_t idle;

	ck_assert_int_eq(prong_rlock_lock(lock), 0);
	idle = (int64_t)process_milliseconds() - given_back;
	if (given_back != 0 && idle > longest)
		longest = idle;
	prong_sleep(1);
	given_back = (int64_t)process_milliseconds();
	ck_assert_int_eq(prong_rlock_unlock(lock), 0);
}

/* As long as somebody waits, a lock that is free does not lie idle. */
START_TEST(test_locks_tasks_in_turn)
{
	int i;

	for (i = 0; i < 2 * TASKS; i++)
		begin(take_once);
	run_loop();
	ck_assert_int_lt(longest, 40);
}
END_TEST

static void
hold_for_100ms(void)
{
	ck_assert_int_eq(prong_rlock_lock(lock), 0);
	prong_sleep(100);
	ck_assert_int_eq(prong_rlock_unlock(lock), 0);
}

static void
want_in_vain(void)
{
	char who[32];

	expect_error(prong_rlock_trylock(lock), EBUSY, "lock \"one\"");
	expect_error(prong_rlock_timedlock(lock, 10), ETIMEDOUT,
	    "all the time, now by ");
	snprintf(who, sizeof(who), "(process %d)", (int)getpid());
	ck_assert_ptr_nonnull(strstr(prong_error(), who));
	ck_assert_int_eq(prong_rlock_timedlock(lock, GUARD_MS), 0);
	ck_assert_int_eq(prong_rlock_unlock(lock), 0);
}

START_TEST(test_locks_task_times_out)
{
	begin(hold_for_100ms);
	begin(want_in_vain);
	/* The loop itself can wait neither for its tasks nor beside them. */
	expect_error(prong_rlock_lock(lock), EDEADLK, "this thread");
	expect_error(prong_rlock_trylock(lock), EBUSY, "held by another");
	run_loop();
	ck_assert_int_eq(prong_rlock_lock(lock), 0);
	ck_assert_int_eq(prong_rlock_unlock(lock), 0);
}
END_TEST

/* For one that another process holds: the loop goes on. */
static void
wait_for_process(void)
{
	ck_assert_int_eq(prong_rlock_lock(lock), 0);
	ck_assert_int_gt(ticks, 5);
	ck_assert_int_eq(prong_rlock_unlock(lock), 0);
}

static void
tick_and_release(void)
{
	while (ticks++ < 20)
		prong_sleep(2);
	kill(running == 2 ? (pid_t)locked : 0, SIGKILL);
}

START_TEST(test_locks_task_waits_for_process)
{
	int ready[2];
	pid_t pid;
	char c;

	ck_assert_int_eq(pipe(ready), 0);
	if ((pid = fork()) == 0) {
		if (prong_rlock_lock(lock) == -1 || write(ready[1], "", 1) != 1)
			_exit(1);
		for (;;)
			pause();
	}
	ck_assert_int_eq(read(ready[0], &c, 1), 1);
	locked = pid;
	begin(wait_for_process);
	begin(tick_and_release);
	run_loop();
	ck_assert(WIFSIGNALED(helper_wait(pid)));
	ck_assert_uint_eq(locks_recovered(&locks), 1);
	close(ready[0]);
	close(ready[1]);
}
END_TEST

/* A task that ends with locks: reported, put right, given on. */
static void
end_with_both(void)
{
	ck_assert_int_eq(prong_rlock_lock(lock), 0);
	ck_assert_int_eq(prong_array_lock(array, -1), 0);
	ck_assert_int_eq(add(0, 5), 0);
	ck_assert_int_eq(prong_array_lock(array, -1), 0);
	ck_assert_int_eq(add(1, 5), 0);
	prong_sleep(5);
}

static void
take_both(void)
{
	ck_assert_int_eq(prong_array_lock(array, -1), 0);
	ck_assert_int_eq(cell(0), 0);
	ck_assert_int_eq(cell(1), 0);
	ck_assert_int_eq(add(2, 2), 0);
	ck_assert_int_eq(prong_rlock_lock(lock), 0);
	ck_assert_int_eq(prong_rlock_unlock(lock), 0);
	ck_assert_int_eq(prong_array_unlock(array), 0);
}

START_TEST(test_locks_task_ends)
{
	begin(end_with_both);
	begin(take_both);
	run_loop();
	ck_assert_int_eq(cell(2), 2);
	ck_assert_uint_eq(locks_recovered(&locks), 1);
	ck_assert_uint_eq(array_recovered(array), 1);
	ck_assert_ptr_nonnull(strstr(reports, "2 changes are taken back"));
	ck_assert_ptr_nonnull(strstr(reports, "task or coroutine that ended"));
	ck_assert_int_eq(in_child(child_gets_it), 0);
}
END_TEST

/* --- all of a dict ----------------------------------------------------------- */

static struct prong_dict *dict;

static ssize_t
get(const char *key)
{
	char value[8];

	return prong_dict_get(dict, key, strlen(key), value, sizeof(value));
}

static int
set(const char *key, const char *value)
{
	return prong_dict_set(dict, key, strlen(key), value, strlen(value), 0,
	    PRONG_DICT_FOREVER);
}

/* Waits in the midst of it, which is of the others' time and not the loop's. */
static void
hold_dict(void)
{
	ck_assert_int_eq(prong_dict_lock(dict, -1), 0);
	ck_assert_int_eq(set("a", "1"), 1);
	prong_sleep(50);
	ck_assert_int_eq(prong_dict_lock(dict, -1), 0);
	ck_assert_int_eq(set("b", "1"), 1);
	ck_assert_int_eq(prong_dict_unlock(dict), 0);
	inside = 1;
	prong_sleep(5);
	inside = 2;
	ck_assert_int_eq(prong_dict_unlock(dict), 0);
}

/* So many keys that there is one in each stripe. */
static void
want_keys(void)
{
	char key[8];
	int i;

	for (i = 0; i < 64; i++) {
		snprintf(key, sizeof(key), "k%d", i);
		ck_assert_int_eq(set(key, "2"), 1);
		ck_assert_int_eq(inside, 2);
	}
}

static void
want_dict(void)
{
	expect_error(prong_dict_lock(dict, 0), EBUSY, "dict \"d\"");
	expect_error(prong_dict_lock(dict, 1), ETIMEDOUT, "dict \"d\"");
	ck_assert_int_eq(prong_dict_lock(dict, -1), 0);
	ck_assert_int_eq(inside, 2);
	ck_assert_int_eq(prong_dict_unlock(dict), 0);
}

static int
child_has_dict(void)
{
	int r = prong_dict_lock(dict, GUARD_MS) == -1;

	return r != 0 ? r : prong_dict_unlock(dict) == -1;
}

static void
open_dict(void)
{
	dict = dict_new("d", 8 << 20, DICT_EVICT_NONE, false);
	ck_assert_ptr_nonnull(dict);
	ck_assert_uint_gt(dict->stripes, 1);
}

START_TEST(test_locks_dict)
{
	open_dict();
	begin(hold_dict);
	begin(want_keys);
	begin(want_dict);
	begin(tick);
	run_loop();
	ck_assert_int_gt(ticks, 5);
	ck_assert_int_eq(get("b"), 1);
	ck_assert_uint_eq(dict_recovered(dict), 0);
	ck_assert_int_eq(in_child(child_has_dict), 0);
	dict_free(dict);
}
END_TEST

static void
end_with_dict(void)
{
	ck_assert_int_eq(prong_dict_lock(dict, -1), 0);
	ck_assert_int_eq(prong_dict_lock(dict, -1), 0);
	ck_assert_int_eq(set("a", "1"), 1);
	prong_sleep(5);
	inside = 2;
}

/* What it had done to keys stays: each of its calls was whole. */
START_TEST(test_locks_dict_task_ends)
{
	open_dict();
	begin(end_with_dict);
	begin(want_keys);
	begin(want_dict);
	run_loop();
	ck_assert_int_eq(get("a"), 1);
	ck_assert_uint_eq(dict_recovered(dict), dict->stripes);
	ck_assert_ptr_nonnull(strstr(reports, "dict \"d\": a lock is free "
	    "again: "));
	ck_assert_ptr_nonnull(strstr(reports, "task or coroutine that ended "
	    "with it; nothing had to be put right"));
	/* Once, not for each stripe. */
	ck_assert_ptr_null(strchr(strchr(reports, '\n') + 1, '\n'));
	ck_assert_int_eq(in_child(child_has_dict), 0);
	dict_free(dict);
}
END_TEST

/* In the midst of a change: that is taken back, and said. */
static int
child_dies_with_dict(void)
{
	struct dict_stripe s;

	if (dict_lock_number(dict, 0, &s) == -1)
		return 1;
	undo_set(&s.head->undo, dict->segment.base, &s.head->keys, 99);
	undo_set(&s.head->undo, dict->segment.base, &s.head->evicted, 99);
	return 0;
}

START_TEST(test_locks_dict_holder_dies)
{
	open_dict();
	ck_assert_int_eq(in_child(child_dies_with_dict), 0);
	ck_assert_int_eq(prong_dict_size(dict), 0);
	ck_assert_uint_eq(dict_recovered(dict), 1);
	ck_assert_ptr_nonnull(strstr(reports, "dict \"d\": a lock is free "
	    "again: a process (process "));
	ck_assert_ptr_nonnull(strstr(reports, "died with it; 2 changes are "
	    "taken back"));
	dict_free(dict);
}
END_TEST

/* By hand there is no waiting for another coroutine. */
static void
co_wants_dict(void *arg)
{
	char key[8];
	int i;

	expect_error(prong_dict_lock(dict, 10), EDEADLK, "dict \"d\"");
	for (i = 0; i < 64; i++) {
		snprintf(key, sizeof(key), "k%d", i);
		expect_error(set(key, "1"), EDEADLK, "dict \"d\"");
	}
}

START_TEST(test_locks_dict_coroutines)
{
	struct prong_co *co;

	open_dict();
	ck_assert_int_eq(prong_dict_lock(dict, -1), 0);
	co = prong_co_create(co_wants_dict, NULL);
	ck_assert_int_eq(prong_co_switch(co), 0);
	ck_assert(prong_co_is_over(co));
	ck_assert_int_eq(prong_dict_unlock(dict), 0);
	prong_co_free(co);
	dict_free(dict);
}
END_TEST

/* All that is left of them is ended: those who wait, and who holds. */
static void
wait_until_ended(void)
{
	expect_error(prong_rlock_lock(lock), ECANCELED, "has ended");
}

START_TEST(test_locks_tasks_are_ended)
{
	begin(hold_for_100ms);
	begin(wait_until_ended);
	running = 0;
	/* Who waits goes on first, and then who holds it. */
	tasks_end(&tasks);
	ck_assert_int_eq(in_child(child_gets_it), 0);
}
END_TEST

int
main(void)
{
	TCase *tc, *loops;
	Suite *s = unit_suite("locks", &tc);

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, test_locks_names);
	tcase_add_test(tc, test_locks_nested);
	tcase_add_test(tc, test_locks_dead_holder);
	tcase_add_test(tc, test_locks_array_is_whole);
	tcase_add_test(tc, test_locks_array_too_many);
	tcase_add_test(tc, test_locks_array_overwritten);
	tcase_add_test(tc, test_locks_coroutines);
	tcase_add_test(tc, test_locks_coroutine_forks);
	loops = tcase_create("tasks");
	suite_add_tcase(s, loops);
	tcase_add_checked_fixture(loops, setup_loop, teardown_loop);
	tcase_add_test(loops, test_locks_tasks);
	tcase_add_test(loops, test_locks_tasks_in_turn);
	tcase_add_test(loops, test_locks_task_times_out);
	tcase_add_test(loops, test_locks_task_waits_for_process);
	tcase_add_test(loops, test_locks_task_ends);
	tcase_add_test(loops, test_locks_tasks_are_ended);
	tcase_add_test(loops, test_locks_dict);
	tcase_add_test(loops, test_locks_dict_task_ends);
	tcase_add_test(tc, test_locks_dict_holder_dies);
	tcase_add_test(tc, test_locks_dict_coroutines);
	return unit_run(s);
}
