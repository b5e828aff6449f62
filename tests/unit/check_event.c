/* SPDX-License-Identifier: ISC */
/*
 * shm/event: set, cleared and waited for by threads and by processes; what
 * becomes of those that wait when who sets it is killed.
 */
#include "shm/event.h"

#include <sys/mman.h>
#include <sys/resource.h>

#include <errno.h>
#include <sched.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/process.h"
#include "helper.h"
#include "unit.h"

/* Whoever waits so long has not been woken. */
#define LONG_MS		30000

static struct prong_event *event;
static struct shared {
	uint64_t begun;			/* who is about to wait */
	uint64_t data;
} *shared;

static void
setup(void)
{
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ck_assert_ptr_ne(shared, MAP_FAILED);
	ck_assert_ptr_nonnull(event = event_new("gate", false));
}

static void
teardown(void)
{
	event_free(event);
	munmap(shared, sizeof(*shared));
}

static uint64_t
current(void)
{
	return event_word(event);
}

static void
expect_late(int result)
{
	ck_assert_int_eq(result, -1);
	ck_assert_int_eq(errno, ETIMEDOUT);
	ck_assert_ptr_nonnull(strstr(prong_error(), "event \"gate\""));
}

/* Until so many are asleep, or on their way to it. */
static void
await_sleepers(uint64_t count)
{
	while (__atomic_load_n(&shared->begun, __ATOMIC_ACQUIRE) < count ||
	    (current() & EVENT_SLEEPERS) == 0)
		sched_yield();
}

static int
wait_long(void)
{
	__atomic_add_fetch(&shared->begun, 1, __ATOMIC_RELEASE);
	return prong_event_wait(event, LONG_MS);
}

static pid_t
child_waits(void)
{
	pid_t pid = fork();

	if (pid == 0)
		_exit(wait_long() == 0 ? 0 : 1);
	ck_assert_int_ne(pid, -1);
	return pid;
}

START_TEST(test_event_is_set)
{
	ck_assert(!prong_event_is_set(event));
	ck_assert_int_eq(prong_event_set(event), 0);
	ck_assert(prong_event_is_set(event));
	ck_assert_int_eq(prong_event_wait(event, 0), 0);
	ck_assert_int_eq(prong_event_wait(event, -1), 0);
	/* Again is not once more. */
	ck_assert_uint_eq(current(), EVENT_ONCE + EVENT_IS_SET);
	ck_assert_int_eq(prong_event_set(event), 0);
	ck_assert_uint_eq(current(), EVENT_ONCE + EVENT_IS_SET);
	ck_assert_int_eq(prong_event_clear(event), 0);
	ck_assert_int_eq(prong_event_clear(event), 0);
	ck_assert(!prong_event_is_set(event));
	ck_assert_uint_eq(current(), EVENT_ONCE);
	event_free(event);
	ck_assert_ptr_nonnull(event = event_new("other", true));
	ck_assert(prong_event_is_set(event));
}
END_TEST

START_TEST(test_event_late)
{
	uint64_t begin = process_nanoseconds();

	expect_late(prong_event_wait(event, 0));
	expect_late(prong_event_wait(event, 1));
	expect_late(prong_event_wait(event, 250));
	ck_assert_uint_ge(process_nanoseconds() - begin, 251000000);
	prong_event_set(event);
	prong_event_clear(event);
	expect_late(prong_event_wait(event, 5));
}
END_TEST

/* The word says who has to be woken, and a set takes them from it. */
START_TEST(test_event_announced)
{
	uint64_t since = current();

	ck_assert_uint_eq(event_announce(event, since, EVENT_LOOPS),
	    EVENT_LOOPS);
	ck_assert_uint_eq(event_announce(event, since, EVENT_LOOPS),
	    EVENT_LOOPS);
	ck_assert_uint_eq(event_announce(event, since, EVENT_SLEEPERS),
	    EVENT_LOOPS | EVENT_SLEEPERS);
	ck_assert(!event_has_come(event, since));
	prong_event_clear(event);
	ck_assert_uint_eq(current(), EVENT_LOOPS | EVENT_SLEEPERS);
	prong_event_set(event);
	ck_assert_uint_eq(current(), EVENT_ONCE | EVENT_IS_SET);
	ck_assert(event_has_come(event, since));
	prong_event_clear(event);
	/* Who has waited before is through, and has nobody woken. */
	ck_assert(event_has_come(event, since));
	ck_assert_uint_eq(event_announce(event, since, EVENT_LOOPS),
	    EVENT_ONCE);
	since = current();
	ck_assert(!event_has_come(event, since));
	ck_assert_uint_eq(event_announce(event, since, EVENT_LOOPS),
	    EVENT_ONCE | EVENT_LOOPS);
}
END_TEST

/* The bell rings when loops wait, and not for anybody else. */
START_TEST(test_event_bell)
{
	uint64_t rung = 0, since;

	prong_event_set(event);
	prong_event_clear(event);
	event_announce(event, current(), EVENT_SLEEPERS);
	prong_event_set(event);
	ck_assert_int_eq(read(event->bell, &rung, sizeof(rung)), -1);
	ck_assert_int_eq(errno, EAGAIN);
	prong_event_clear(event);
	since = current();
	event_announce(event, since, EVENT_LOOPS);
	prong_event_set(event);
	prong_event_set(event);
	ck_assert_int_eq(read(event->bell, &rung, sizeof(rung)), 8);
	ck_assert_uint_eq(rung, 1);
	/* One who has filled it holds up nobody. */
	rung = UINT64_MAX - 1;
	ck_assert_int_eq(write(event->bell, &rung, sizeof(rung)), 8);
	prong_event_clear(event);
	event_announce(event, current(), EVENT_LOOPS);
	ck_assert_int_eq(prong_event_set(event), 0);
}
END_TEST

/* Whoever waited when it was set is through, though it is cleared at once. */
START_TEST(test_event_pulse)
{
	pid_t pids[4];
	int i, status = 0;

	for (i = 0; i < UNIT_COUNT(pids); i++)
		pids[i] = child_waits();
	await_sleepers(UNIT_COUNT(pids));
	prong_event_set(event);
	prong_event_clear(event);
	/* One that had not yet looked at it may have come late. */
	for (i = 0; i < UNIT_COUNT(pids); i++) {
		while (waitpid(pids[i], &status, WNOHANG) == 0) {
			prong_event_set(event);
			prong_event_clear(event);
			sched_yield();
		}
		ck_assert_int_eq(status, 0);
	}
	ck_assert(!prong_event_is_set(event));
}
END_TEST

/* What was stored before it was set is seen by who has waited. */
static void *
thread_waits(void *arg)
{
	uint64_t *seen = arg;

	if (wait_long() == 0)
		*seen = shared->data;
	return NULL;
}

START_TEST(test_event_threads)
{
	pthread_t threads[4];
	uint64_t seen[4] = { 0 };
	int i;

	for (i = 0; i < UNIT_COUNT(threads); i++)
		ck_assert_int_eq(pthread_create(&threads[i], NULL,
		    thread_waits, &seen[i]), 0);
	await_sleepers(UNIT_COUNT(threads));
	shared->data = 42;
	prong_event_set(event);
	for (i = 0; i < UNIT_COUNT(threads); i++) {
		pthread_join(threads[i], NULL);
		ck_assert_uint_eq(seen[i], 42);
	}
}
END_TEST

/* Two processes that answer each other, and lose no turn. */
static int
take(struct prong_event *e)
{
	return prong_event_wait(e, LONG_MS) == 0 ? prong_event_clear(e) : -1;
}

START_TEST(test_event_turns)
{
	struct prong_event *back = event_new("back", false);
	int i, rounds = 20000;
	pid_t pid;

	ck_assert_ptr_nonnull(back);
	if ((pid = fork()) == 0) {
		for (i = 0; i < rounds; i++) {
			if (take(event) == -1 || shared->data != (uint64_t)i)
				_exit(1);
			prong_event_set(back);
		}
		_exit(0);
	}
	for (i = 0; i < rounds; i++) {
		shared->data = (uint64_t)i;
		prong_event_set(event);
		ck_assert_int_eq(take(back), 0);
	}
	ck_assert_int_eq(helper_wait_exit(pid), 0);
	event_free(back);
}
END_TEST

/* One that was killed before it could wake anybody. */
START_TEST(test_event_wake_is_lost)
{
	pid_t pid = child_waits();

	await_sleepers(1);
	__atomic_store_n(&event->layout->word, EVENT_ONCE | EVENT_IS_SET,
	    __ATOMIC_RELEASE);
	ck_assert_int_eq(helper_wait_exit(pid), 0);
}
END_TEST

/* One that waits is killed: the next ones do as if it had not been. */
START_TEST(test_event_waiter_is_killed)
{
	pid_t pid = child_waits();

	await_sleepers(1);
	kill(pid, SIGKILL);
	ck_assert(WIFSIGNALED(helper_wait(pid)));
	pid = child_waits();
	while (__atomic_load_n(&shared->begun, __ATOMIC_ACQUIRE) < 2)
		sched_yield();
	prong_event_set(event);
	ck_assert_int_eq(helper_wait_exit(pid), 0);
	ck_assert_uint_eq(current() & (EVENT_SLEEPERS | EVENT_LOOPS), 0);
}
END_TEST

/* Whatever stands there is an event: nobody hangs, nobody falls. */
START_TEST(test_event_hostile)
{
	static const uint64_t words[] = { 0, UINT64_MAX, UINT64_MAX - 1,
	    UINT64_MAX & ~(uint64_t)EVENT_IS_SET, 6, 1ULL << 63 };
	int i;

	for (i = 0; i < UNIT_COUNT(words); i++) {
		event->layout->word = words[i];
		event->layout->cpu = (int)words[i];
		if (!prong_event_is_set(event))
			expect_late(prong_event_wait(event, 1));
		prong_event_set(event);
		ck_assert_int_eq(prong_event_wait(event, 0), 0);
		prong_event_clear(event);
		expect_late(prong_event_wait(event, 1));
	}
}
END_TEST

START_TEST(test_event_without_descriptors)
{
	struct rlimit few;
	int last = dup(0);

	ck_assert_int_ne(last, -1);
	few.rlim_cur = few.rlim_max = (rlim_t)last + 1;
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &few), 0);
	ck_assert_ptr_null(event_new("none", false));
	ck_assert_int_eq(errno, EMFILE);
	/* There is one for its memory, and none for its bell. */
	close(last);
	ck_assert_ptr_null(event_new("half", false));
	ck_assert_int_eq(errno, EMFILE);
	ck_assert_ptr_nonnull(strstr(prong_error(), "event \"half\""));
	ck_assert_int_eq(dup(0), last);
}
END_TEST

int
main(void)
{
	TCase *tc;
	Suite *s = unit_suite("event", &tc);

	tcase_set_timeout(tc, 60);
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, test_event_is_set);
	tcase_add_test(tc, test_event_late);
	tcase_add_test(tc, test_event_announced);
	tcase_add_test(tc, test_event_bell);
	tcase_add_test(tc, test_event_pulse);
	tcase_add_test(tc, test_event_threads);
	tcase_add_test(tc, test_event_turns);
	tcase_add_test(tc, test_event_wake_is_lost);
	tcase_add_test(tc, test_event_waiter_is_killed);
	tcase_add_test(tc, test_event_hostile);
	tcase_add_test(tc, test_event_without_descriptors);
	return unit_run(s);
}
