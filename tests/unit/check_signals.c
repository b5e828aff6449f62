/* SPDX-License-Identifier: ISC */
/*
 * loop/signals: signals as events, and the reset for a new process.
 */
#include "loop/signals.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "helper.h"
#include "loop_probe.h"
#include "unit.h"

static const int list[] = { SIGUSR1, SIGTERM, SIGCHLD, 0 };
static int seen[NSIG];

static void
note(int signo, void *arg)
{
	ck_assert_ptr_eq(arg, seen);
	seen[signo]++;
}

static bool
is_blocked(int signo)
{
	sigset_t set;

	ck_assert_int_eq(sigprocmask(SIG_BLOCK, NULL, &set), 0);
	return sigismember(&set, signo) == 1;
}

START_TEST(test_signals_events)
{
	struct signals s;
	int before;

	probe_start(_i, 0);
	before = helper_descriptors();
	ck_assert_int_eq(signals_open(&s, probe_loop, list, note, seen), 0);
	ck_assert(is_blocked(SIGUSR1) && is_blocked(SIGTERM));
	ck_assert(!is_blocked(SIGUSR2));
	/* Two are one while pending; different ones are two. */
	kill(getpid(), SIGUSR1);
	kill(getpid(), SIGUSR1);
	kill(getpid(), SIGTERM);
	ck_assert_int_eq(seen[SIGUSR1], 0);
	probe_turns(1);
	ck_assert_int_eq(seen[SIGUSR1], 1);
	ck_assert_int_eq(seen[SIGTERM], 1);
	kill(getpid(), SIGUSR1);
	probe_turns(1);
	ck_assert_int_eq(seen[SIGUSR1], 2);
	ck_assert_int_eq(seen[SIGTERM], 1);
	signals_close(&s);
	signals_close(&s);
	ck_assert_int_eq(helper_descriptors(), before);
	probe_finish();
}
END_TEST

START_TEST(test_signals_child)
{
	struct signals s;
	pid_t pid;

	probe_start(_i, 0);
	ck_assert_int_eq(signals_open(&s, probe_loop, list, note, seen), 0);
	if ((pid = fork()) == 0)
		_exit(7);
	probe_turns(1);
	ck_assert_int_eq(seen[SIGCHLD], 1);
	ck_assert_int_eq(helper_wait_exit(pid), 7);
	signals_close(&s);
	probe_finish();
}
END_TEST

static void
handler(int signo)
{
}

/* What a process inherits from whoever started it. */
START_TEST(test_signals_reset)
{
	static const int ignored[] = { SIGPIPE, SIGHUP, 0 };
	struct sigaction action;
	sigset_t all;
	int signo;

	sigfillset(&all);
	ck_assert_int_eq(sigprocmask(SIG_SETMASK, &all, NULL), 0);
	signal(SIGTERM, SIG_IGN);
	signal(SIGUSR1, handler);
	signal(SIGPIPE, SIG_DFL);
	signals_reset(ignored);
	for (signo = 1; signo < NSIG; signo++) {
		if (sigaction(signo, NULL, &action) == -1)
			continue;
		ck_assert_msg(action.sa_handler == (signo == SIGPIPE ||
		    signo == SIGHUP ? SIG_IGN : SIG_DFL), "signal %d", signo);
		ck_assert_msg(!is_blocked(signo), "signal %d", signo);
	}
}
END_TEST

int
main(void)
{
	TCase *tc;
	Suite *s = unit_suite("signals", &tc);

	tcase_add_loop_test(tc, test_signals_events, 0, PROBE_MECHANISMS);
	tcase_add_loop_test(tc, test_signals_child, 0, PROBE_MECHANISMS);
	tcase_add_test(tc, test_signals_reset);
	return unit_run(s);
}
