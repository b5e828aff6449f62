/* SPDX-License-Identifier: ISC */
#ifndef TESTS_UNIT_STEPPER_H
#define TESTS_UNIT_STEPPER_H

#include "config.h"

#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <check.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <unistd.h>

#include "helper.h"
#include "unit.h"

/*
 * A child that is led through what it does with ptrace(2), one instruction
 * after another, to be looked at or killed at any of them.
 */

/*
 * Steps to take in one test at most: the n-th kill needs n steps.  What is
 * built with a sanitizer is longer, and is killed at some of its steps only.
 */
#ifdef PRONG_SANITIZED
#define STEPPER_MAX	20000
#else
#define STEPPER_MAX	150000
#endif

static inline void __attribute__((noreturn))
stepper_child(void (*before)(void), void (*act)(void))
{
	pid_t self = getpid();

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (before != NULL)
		before();
	if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) == -1)
		_exit(1);
	/* Not by raise(3), which is long. */
	syscall(SYS_kill, self, SIGSTOP);
	act();
	syscall(SYS_kill, self, SIGSTOP);
	_exit(0);
}

/*
 * A child that has done "before" and stands at the beginning of "act".  What
 * "act" calls has been called in "before", so that it is bound and touched.
 */
static inline pid_t
stepper_start(void (*before)(void), void (*act)(void))
{
	pid_t pid = fork();
	int status;

	if (pid == 0)
		stepper_child(before, act);
	ck_assert_int_ne(pid, -1);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_msg(WIFSTOPPED(status) && WSTOPSIG(status) == SIGSTOP,
	    "status %#x", (unsigned int)status);
	return pid;
}

/* One instruction more; whether it was not the last one of the act. */
static inline bool
stepper_step(pid_t pid)
{
	int status;

	ck_assert_int_eq(ptrace(PTRACE_SINGLESTEP, pid, NULL, NULL), 0);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_msg(WIFSTOPPED(status), "status %#x", (unsigned int)status);
	return WSTOPSIG(status) == SIGTRAP;
}

/* At most count steps; returns how many there were before the end. */
static inline int
stepper_walk(pid_t pid, int count)
{
	int steps = 0;

	while (steps < count && stepper_step(pid))
		steps++;
	return steps;
}

/* The rest of the act, at its own pace. */
static inline void
stepper_finish(pid_t pid)
{
	int status;

	ck_assert_int_eq(ptrace(PTRACE_CONT, pid, NULL, NULL), 0);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_msg(WIFSTOPPED(status) && WSTOPSIG(status) == SIGSTOP,
	    "status %#x", (unsigned int)status);
}

static inline void
stepper_kill(pid_t pid)
{
	int status;

	ck_assert_int_eq(kill(pid, SIGKILL), 0);
	status = helper_wait(pid);
	ck_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

/* A child that was killed after count steps; returns as stepper_walk(). */
static inline int
stepper_trial(void (*before)(void), void (*act)(void), int count)
{
	pid_t pid = stepper_start(before, act);
	int steps = stepper_walk(pid, count);

	stepper_kill(pid);
	return steps;
}

/* From kill to kill, so that an act of so many steps keeps within the most. */
static inline int
stepper_stride(int steps)
{
	return (int)((int64_t)steps * steps / 2 / STEPPER_MAX) + 1;
}

/* Whether a child may be traced here; most steps would be ThreadSanitizer's. */
static inline bool
stepper_can_trace(void)
{
	int status;
	bool permitted;
	pid_t pid;

	if (UNIT_TSAN)
		return false;
	pid = fork();

	if (pid == 0) {
		if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) == -1)
			_exit(1);
		kill(getpid(), SIGSTOP);
		_exit(0);
	}
	if (pid == -1 || waitpid(pid, &status, 0) != pid)
		return false;
	permitted = WIFSTOPPED(status);
	if (permitted) {
		permitted = ptrace(PTRACE_SINGLESTEP, pid, NULL, NULL) == 0 &&
		    waitpid(pid, &status, 0) == pid && WIFSTOPPED(status);
		kill(pid, SIGKILL);
		waitpid(pid, &status, 0);
	}
	return permitted;
}

/* The end of a program that is nothing but steps, where that may not be. */
static inline int
stepper_skip(void)
{
	printf("1..0 # SKIP %s\n", UNIT_TSAN ?
	    "the steps are ThreadSanitizer's here" :
	    "ptrace(2) is not permitted here");
	return EXIT_SUCCESS;
}

#endif
