/* SPDX-License-Identifier: ISC */
#ifndef TESTS_UNIT_KILLER_H
#define TESTS_UNIT_KILLER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/*
 * Kills a process at every instruction of an operation on shared memory, and
 * looks at what it leaves.
 *
 * A first child is led through the operation step by step, once, which says at
 * which addresses it comes by and how often.  Then there is a victim for each
 * of these steps: a child that does the same at full speed with a breakpoint
 * at the address, and is killed by SIGKILL when it is there for that time.
 * (Of what repeats itself, an instruction like "rep movsb" or a loop, only the
 * first times and the last are tried: KILLER_REPEATS.)
 *
 * Whoever uses it describes the operation in a struct killer, whose functions
 * share memory that the test has mapped MAP_SHARED before.  What must hold is
 * asked by functions that return true or false, so that a planted bug can be
 * shown to be found: killer_run() only counts.
 *
 *	static const struct killer adding = {
 *		.name = "add", .arrange = empty, .act = add_one,
 *		.check = is_sound, .next = lock_and_unlock,
 *	};
 *
 *	struct killer_result r = killer_run(&adding);
 *	killer_print(&adding, &r);
 *	ck_assert_msg(r.wrong == 0, "%s", r.first);
 *
 * Link tests/unit/killer.c.  In main(), skip the program where killer_can() is
 * false.
 */

/* Nobody gets in later than this, whoever was killed where. */
#define KILLER_NEXT_MS		10
/* Of one address, so many times from the first and from the last. */
#define KILLER_REPEATS		4

struct killer {
	const char *name;

	/*
	 * In the test's process, before each victim: makes the shared memory
	 * what it is to be at the beginning.  Nobody else is at it then.
	 */
	void (*arrange)(void);

	/*
	 * In the victim, before the operation and at full speed: calls what act
	 * calls, so that all is bound, touched and written to; must leave the
	 * shared memory as arrange did.  NULL: act and then arrange are called.
	 */
	void (*warm)(void);

	/* In the victim: the operation. */
	void (*act)(void);

	/*
	 * In the victim, right after act, still killed at every step if it is
	 * short: note in shared memory that act has returned, to tell check that
	 * it is complete.  NULL: none.
	 */
	void (*done)(void);

	/*
	 * In the test's process, timed: what the next one does who comes by, the
	 * taking over from the dead included.  Must be done in KILLER_NEXT_MS
	 * (one that is late is tried again: the machine may be busy).  false: it
	 * went wrong.
	 */
	bool (*next)(void);

	/*
	 * In the test's process, after next: whether all is as it must be.  The
	 * victim was killed, in or behind act, or has got to its end.
	 */
	bool (*check)(void);

	/*
	 * A second process that goes on by itself, from before the victim starts
	 * until after it is dead, in turns: NULL for none.  It is told to stop
	 * between two turns before next and check are called.
	 */
	void (*contend)(void);

	/*
	 * A process that begins this when the victim stands where it will be
	 * killed, and sleeps in it if it must; it has to be through with it
	 * within KILLER_NEXT_MS of the kill, before next is called.  NULL: none.
	 * false: it went wrong.
	 */
	bool (*wait)(void);

	/*
	 * With wait: that process begins, and is asleep, before the victim comes
	 * to its operation.  release is called in the test's process when the
	 * victim is dead, to end the wait if that has not come about.
	 */
	void (*release)(void);

	/* How long the waiter may take after the kill.  0: KILLER_NEXT_MS. */
	int wait_ms;

	/*
	 * Whether second victims are killed, at every step of next, while they
	 * put right what the first one has left: at about so many of the first
	 * one's steps.  0: none.
	 */
	int repairs;

	/*
	 * How many steps are tried at most, evenly spread, and as many of those
	 * of repairs: a sample of what is long.  0: all, and so it is when the
	 * environment has PRONG_KILL_ALL (tests/long/killsteps).
	 */
	int most;
};

struct killer_result {
	int steps;		/* of the operation, as traced */
	int tried;		/* with a victim each */
	int missed;		/* that a victim did not come by */
	int repair_steps;	/* tried with second victims */
	int slept;		/* victims that a waiter slept for */
	int wrong;		/* times that something was not as it must be */
	char first[160];	/* the first of them */
	uint64_t slowest;	/* nanoseconds that next, or the waiter, took */
	double seconds;
};

/* Whether processes may be traced here, and this machine's code is known. */
bool killer_can(void);

struct killer_result killer_run(const struct killer *);

/* One line of diagnostics: steps, repairs, the slowest next, a second's. */
void killer_print(const struct killer *, const struct killer_result *);

/* For main(): where killer_can() is false. */
int killer_skip(void);

/* Whether all steps are to be tried, and how many seconds a test then has. */
bool killer_tries_all(void);
double killer_timeout(void);

#endif
