/* SPDX-License-Identifier: ISC */
/*
 * Crash consistency of the scoreboard: a process is killed at every single
 * instruction of what it does to its slot, one after another, and the books
 * must balance when the next process has claimed the slot.
 */
#include <string.h>
#include <unistd.h>

#include "shm/scoreboard.h"
#include "stepper.h"
#include "unit.h"

#define SLOT	1

static struct scoreboard sb;
static struct conntable table;
static struct conn_entry *held[2];

static struct conn_entry *
crash_open(void)
{
	struct conn_entry *e = conntable_take(&table);

	if (e == NULL)
		_exit(1);
	memset(e, 0, sizeof(*e));
	conntable_open(&table, e, 0);
	return e;
}

static void
crash_claim(void)
{
	if (scoreboard_claim(&sb, SLOT, 1000, &table) == -1)
		_exit(1);
}

/* --- before: everything that is called has been bound and touched -------- */

static void
before_open(void)
{
	crash_claim();
	held[0] = crash_open();
	conntable_close(&table, held[0], COUNTER_CLOSED_SERVER);
}

static void
before_close(void)
{
	before_open();
	held[0] = crash_open();
}

/* An opening was begun: recovery ends it, and then the connection. */
static void
before_claim(void)
{
	struct conn_journal *j;
	struct conn_entry *e;

	before_open();
	e = conntable_take(&table);
	memset(e, 0, sizeof(*e));
	j = table.journal;
	j->entry = (uint32_t)(e - table.entries);
	j->service = 0;
	j->counter = COUNTER_ACCEPTED;
	j->value = scoreboard_row(&sb, SLOT, 0)[COUNTER_ACCEPTED] + 1;
	j->step = CONN_STEP_OPEN;
}

/* --- what is killed ------------------------------------------------------ */

static void
act_open(void)
{
	crash_open();
}

static void
act_close(void)
{
	conntable_close(&table, held[0], COUNTER_CLOSED_CLIENT);
}

static void
act_both(void)
{
	held[1] = crash_open();
	conntable_close(&table, held[0], COUNTER_CLOSED_TIMEOUT);
}

static const struct scenario {
	const char *name;
	void (*before)(void);
	void (*act)(void);
	/* What a trial adds to accepted, at least and at most. */
	uint64_t least, most;
} scenarios[] = {
	{ "conntable_open", before_open, act_open, 1, 2 },
	{ "conntable_close", before_close, act_close, 2, 2 },
	{ "open, then close another", before_close, act_both, 2, 3 },
	{ "scoreboard_claim", before_claim, crash_claim, 2, 2 },
};

static uint64_t
crash_closed(const uint64_t *row)
{
	uint64_t n = 0;
	int c;

	for (c = 0; c < COUNTERS; c++)
		if (COUNTER_IS_CLOSED(c))
			n += row[c];
	return n;
}

/* The books after a kill and the successor's claim. */
static void
crash_check(const struct scenario *s, int step, uint64_t accepted_before)
{
	const uint64_t *row = scoreboard_row(&sb, SLOT, 0);
	uint64_t dead[COUNTERS], active = 0, added;
	int c;

	memcpy(dead, row, sizeof(dead));
	ck_assert_msg(scoreboard_claim(&sb, SLOT, 1000, &table) == 0,
	    "%s, step %d: the slot cannot be claimed", s->name, step);
	scoreboard_add_active(&sb, SLOT, &active);
	ck_assert_uint_eq(active, 0);
	ck_assert_msg(row[COUNTER_ACCEPTED] == crash_closed(row),
	    "%s, step %d: accepted %ju, closed %ju", s->name, step,
	    (uintmax_t)row[COUNTER_ACCEPTED], (uintmax_t)crash_closed(row));
	added = row[COUNTER_ACCEPTED] - accepted_before;
	ck_assert_msg(added >= s->least && added <= s->most,
	    "%s, step %d: %ju were accepted", s->name, step, (uintmax_t)added);
	for (c = 0; c < COUNTERS; c++)
		ck_assert_msg(row[c] >= dead[c], "%s, step %d: %s went back",
		    s->name, step, counter_table[c].name);

	/* The successor works, and its first connection is one more. */
	held[0] = crash_open();
	scoreboard_add_active(&sb, SLOT, &active);
	ck_assert_uint_eq(active, 1);
	ck_assert_uint_eq(row[COUNTER_ACCEPTED], crash_closed(row) + 1);
	conntable_close(&table, held[0], COUNTER_CLOSED_SERVER);
}

START_TEST(test_crash_at_every_step)
{
	const struct scenario *s = &scenarios[_i];
	uint64_t accepted;
	int step, steps, stride, kills = 0;
	bool over = false;

	ck_assert_int_eq(scoreboard_create(&sb, 3, 1, 64, 64), 0);
	steps = stepper_trial(s->before, s->act, INT32_MAX);
	ck_assert_int_gt(steps, 20);
	crash_claim();
	stride = stepper_stride(steps);
	/* Until it is over before it is killed. */
	for (step = 0; !over; step += stride) {
		accepted = scoreboard_row(&sb, SLOT, 0)[COUNTER_ACCEPTED];
		over = stepper_trial(s->before, s->act, step) < step;
		crash_check(s, step, accepted);
		kills += !over;
	}
	/* Some died with the lock in their hands. */
	if (s->act == crash_claim)
		ck_assert_uint_gt(scoreboard_recovered(&sb), 0);
	printf("# %s: %d steps, killed before, between and after them "
	    "%d times\n", s->name, steps, kills);
	fflush(stdout);
	scoreboard_close(&sb);
}
END_TEST

int
main(void)
{
	TCase *tc;
	Suite *s;

	if (!stepper_can_trace())
		return stepper_skip();
	s = unit_suite("crash", &tc);
	tcase_set_timeout(tc, 120);
	tcase_add_loop_test(tc, test_crash_at_every_step, 0,
	    UNIT_COUNT(scenarios));
	return unit_run(s);
}
