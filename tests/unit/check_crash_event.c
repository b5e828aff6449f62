/* SPDX-License-Identifier: ISC */
/*
 * A process is killed at every instruction of setting an event, of clearing it
 * and of waiting for it, while a thread or a loop is asleep on it: who sleeps
 * gets on in time, and the event was set or was not.  And a wake that is lost
 * is found.
 */
#include <sys/mman.h>
#include <sys/syscall.h>

#include <errno.h>
#include <linux/futex.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "killer.h"
#include "loop/task.h"
#include "shm/event.h"
#include "unit.h"

#define LONG_MS		20000
/* What an event promises, with a look at the word each EVENT_LOOK_MS. */
#define WITHIN_MS	(EVENT_LOOK_MS + 10)
#define SOME		40	/* steps with somebody beside them */

static struct prong_event *event;
static struct shared {
	uint64_t done;		/* whether the act has returned */
	struct planted {
		uint32_t word;	/* a futex */
		uint32_t steps;
	} planted;
} *shared;

static void
setup(void)
{
	ck_assert_ptr_nonnull(event = event_new("gate", false));
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ck_assert_ptr_ne(shared, MAP_FAILED);
}

static void
teardown(void)
{
	munmap(shared, sizeof(*shared));
	event_free(event);
}

static void
note_done(void)
{
	__atomic_store_n(&shared->done, 1, __ATOMIC_RELEASE);
}

static struct killer_result
run(const struct killer *k)
{
	struct killer_result r = killer_run(k);

	killer_print(k, &r);
	ck_assert_int_gt(r.tried, 0);
	return r;
}

/* --- what is killed -------------------------------------------------------------- */

static void
arrange(void)
{
	shared->done = 0;
	__atomic_store_n(&event->layout->word, 0, __ATOMIC_RELEASE);
}

static void
act_set(void)
{
	prong_event_set(event);
}

/* What sets it does first must not wake who sleeps already. */
static void
warm_set(void)
{
	event_announce(event, event_word(event), EVENT_SLEEPERS | EVENT_LOOPS);
	act_set();
	note_done();
	arrange();
}

static void
act_pulse(void)
{
	prong_event_set(event);
	prong_event_clear(event);
}

/* In vain; or not, where another sets it. */
static void
act_wait(void)
{
	prong_event_wait(event, 1);
}

/* --- who is beside it --------------------------------------------------------------- */

static bool
wait_in_thread(void)
{
	return prong_event_wait(event, LONG_MS) == 0;
}

static struct loop *loop;
static int result;

static void
wait_in_task(void *arg)
{
	result = prong_event_wait(event, LONG_MS);
	loop_stop(loop);
}

static bool
wait_in_loop(void)
{
	struct tasks tasks;

	if ((loop = loop_new(LOOP_AUTO, 0)) == NULL)
		return false;
	tasks_init(&tasks, loop, 0);
	tasks_set_here(&tasks);
	result = -1;
	if (task_start(&tasks, wait_in_task, NULL, NULL) == 0)
		loop_run(loop);
	tasks_end(&tasks);
	tasks_fini(&tasks);
	tasks_set_here(NULL);
	loop_free(loop);
	return result == 0;
}

static void
release(void)
{
	if (!prong_event_is_set(event))
		prong_event_set(event);
}

/* It changes the word in every way but that which would wake anybody. */
static void
contend(void)
{
	if (prong_event_wait(event, 1) == 0)
		prong_event_clear(event);
	prong_event_is_set(event);
}

/* --- what must hold ----------------------------------------------------------------- */

static bool
next(void)
{
	return prong_event_set(event) == 0 &&
	    prong_event_wait(event, LONG_MS) == 0 &&
	    prong_event_is_set(event);
}

/*
 * How often it was set: by the victim or not, by the one that let the waiter
 * go or not, by the next one or not.
 */
static bool
is_set_so_often(uint64_t least, uint64_t most)
{
	uint64_t word = event_word(event), times = word / EVENT_ONCE;

	return (word & EVENT_IS_SET) != 0 && times >= least && times <= most;
}

static bool
check_once(void)
{
	return is_set_so_often(1, 1);
}

static bool
check_twice(void)
{
	return is_set_so_often(1 + shared->done, 2);
}

/* Others clear it. */
static bool
check_contended(void)
{
	return is_set_so_often(1, 3);
}

static const struct killer killings[] = {
	{ .name = "set", .arrange = arrange, .act = act_set,
	    .done = note_done, .next = next, .check = check_once },
	{ .name = "set, a thread asleep", .arrange = arrange,
	    .warm = warm_set, .act = act_set, .done = note_done, .next = next,
	    .check = check_once, .wait = wait_in_thread, .release = release,
	    .wait_ms = WITHIN_MS },
	{ .name = "set, a loop asleep", .arrange = arrange,
	    .warm = warm_set, .act = act_set, .done = note_done, .next = next,
	    .check = check_once, .wait = wait_in_loop, .release = release,
	    .wait_ms = WITHIN_MS },
	{ .name = "set, contended, a thread asleep", .arrange = arrange,
	    .warm = warm_set, .act = act_set, .done = note_done, .next = next,
	    .check = check_contended, .contend = contend,
	    .wait = wait_in_thread, .release = release, .wait_ms = WITHIN_MS,
	    .most = SOME },
	{ .name = "set, contended, a loop asleep", .arrange = arrange,
	    .warm = warm_set, .act = act_set, .done = note_done, .next = next,
	    .check = check_contended, .contend = contend,
	    .wait = wait_in_loop, .release = release, .wait_ms = WITHIN_MS,
	    .most = SOME },
	{ .name = "set and clear, a thread asleep", .arrange = arrange,
	    .warm = warm_set, .act = act_pulse, .done = note_done,
	    .next = next, .check = check_twice, .wait = wait_in_thread,
	    .release = release, .wait_ms = WITHIN_MS },
	{ .name = "wait, a thread asleep", .arrange = arrange,
	    .act = act_wait, .next = next, .check = check_once,
	    .wait = wait_in_thread, .release = release, .wait_ms = WITHIN_MS },
};

START_TEST(test_crash_event)
{
	const struct killer *k = &killings[_i];
	struct killer_result r = run(k);

	ck_assert_msg(r.wrong == 0, "wrong %d times, first %s", r.wrong,
	    r.first);
	ck_assert_msg(r.missed <= r.tried / 2, "%d of %d not come by",
	    r.missed, r.tried);
	ck_assert(k->wait == NULL || r.slept >= r.tried);
}
END_TEST

/* --- planted bugs ------------------------------------------------------------------- */

static void
arrange_planted(void)
{
	shared->planted = (struct planted){ .word = 0 };
}

/* There is some way between the word and the wake. */
static void
act_planted(void)
{
	struct planted *p = &shared->planted;
	int i;

	__atomic_store_n(&p->word, 1, __ATOMIC_RELEASE);
	for (i = 0; i < 8; i++)
		__atomic_add_fetch(&p->steps, 1, __ATOMIC_RELAXED);
	syscall(SYS_futex, &p->word, FUTEX_WAKE, 1, NULL, NULL, 0);
}

static bool
next_planted(void)
{
	return __atomic_load_n(&shared->planted.word, __ATOMIC_ACQUIRE) == 1;
}

static void
release_planted(void)
{
	if (!next_planted())
		act_planted();
}

/* With a limit it looks again, and without it trusts that it is woken. */
static bool
wait_planted(const struct timespec *limit)
{
	struct planted *p = &shared->planted;

	while (__atomic_load_n(&p->word, __ATOMIC_ACQUIRE) == 0)
		syscall(SYS_futex, &p->word, FUTEX_WAIT, 0, limit, NULL, 0);
	return true;
}

static bool
wait_for_wake(void)
{
	return wait_planted(NULL);
}

static bool
wait_and_look(void)
{
	static const struct timespec limit = { 0, EVENT_LOOK_MS * 1000000L };

	return wait_planted(&limit);
}

static const struct planting {
	struct killer killer;
	bool found;
} plantings[] = {
	{ { .name = "nothing planted", .arrange = arrange_planted,
	    .act = act_planted, .next = next_planted, .check = next_planted,
	    .wait = wait_and_look, .release = release_planted,
	    .wait_ms = WITHIN_MS }, false },
	{ { .name = "planted: a lost wake", .arrange = arrange_planted,
	    .act = act_planted, .next = next_planted, .check = next_planted,
	    .wait = wait_for_wake, .release = release_planted,
	    .wait_ms = WITHIN_MS, .most = 8 }, true },
};

START_TEST(test_crash_event_planted)
{
	const struct planting *p = &plantings[_i];
	struct killer_result r = run(&p->killer);

	ck_assert_msg((r.wrong > 0) == p->found, "%s: found %d: %s",
	    p->killer.name, r.wrong, r.first);
	if (p->found)
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
	s = unit_suite("crash_event", &tc);
	tcase_set_timeout(tc, killer_timeout());
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_loop_test(tc, test_crash_event, 0, UNIT_COUNT(killings));
	tcase_add_loop_test(tc, test_crash_event_planted, 0,
	    UNIT_COUNT(plantings));
	return unit_run(s);
}
