/* SPDX-License-Identifier: ISC */
/*
 * Crash consistency of the ledger: a process is killed at every instruction of
 * taking from an account and giving back, while another changes the account in
 * between, and its successor must come to counts that agree with what is held;
 * also when it is killed itself over that, at any instruction.
 *
 * What a kill leaves is what stands in the shared memory.  So where no lock is
 * involved a process that is stopped is as good as a dead one, and is looked
 * at in passing: the memory is kept aside, the successor does its work, and
 * the memory is put back for the next step.
 */
#include <string.h>
#include <unistd.h>

#include "shm/scoreboard.h"
#include "stepper.h"
#include "unit.h"

#define VICTIM		1
#define OTHER		2
#define ENTRIES		8
/* The account of a source that all connections come from. */
#define SOURCE		3
#define LIMIT		100

static struct scoreboard sb;
static struct conntable table, other;		/* of VICTIM, of OTHER */
static struct ledger_journal *journal;		/* of VICTIM */
static struct conn_entry *victim;		/* what it is about */
static struct conn_entry *others[ENTRIES];	/* open ones of OTHER */
static int other_count;
static uint32_t deaf;				/* see other_deaf() */

/* --- the memory, kept aside and put back --------------------------------- */

struct memory {
	char *board, *ledger;
	struct conn_entry entries[2][ENTRIES];
	struct conntable other;
	struct conn_entry *others[ENTRIES];
	int other_count;
	uint32_t deaf;
};

static void
memory_keep(struct memory *m)
{
	if (m->board == NULL) {
		m->board = malloc(sb.segment.size);
		m->ledger = malloc(sb.ledger.segment.size);
		ck_assert(m->board != NULL && m->ledger != NULL);
	}
	memcpy(m->board, sb.segment.base, sb.segment.size);
	memcpy(m->ledger, sb.ledger.segment.base, sb.ledger.segment.size);
	memcpy(m->entries[0], table.entries, sizeof(m->entries[0]));
	memcpy(m->entries[1], other.entries, sizeof(m->entries[1]));
	memcpy(m->others, others, sizeof(others));
	m->other = other;
	m->other_count = other_count;
	m->deaf = deaf;
}

static void
memory_put_back(const struct memory *m)
{
	memcpy(sb.segment.base, m->board, sb.segment.size);
	memcpy(sb.ledger.segment.base, m->ledger, sb.ledger.segment.size);
	memcpy(table.entries, m->entries[0], sizeof(m->entries[0]));
	memcpy(other.entries, m->entries[1], sizeof(m->entries[1]));
	memcpy(others, m->others, sizeof(others));
	other = m->other;
	other_count = m->other_count;
	deaf = m->deaf;
}

/* Whether the victim has written anything since. */
static bool
memory_is_as_kept(const struct memory *m)
{
	return m->board != NULL &&
	    memcmp(sb.segment.base, m->board, sb.segment.size) == 0 &&
	    memcmp(sb.ledger.segment.base, m->ledger,
	    sb.ledger.segment.size) == 0 &&
	    memcmp(table.entries, m->entries[0], sizeof(m->entries[0])) == 0;
}

static void
memory_free(struct memory *m)
{
	free(m->board);
	free(m->ledger);
}

/* --- connections that hold both shares ----------------------------------- */

static struct conn_entry *
open_one(struct conntable *t)
{
	struct conn_entry *e = conntable_take(t);

	ck_assert_ptr_nonnull(e);
	memset(e, 0, sizeof(*e));
	e->source = SOURCE;
	conntable_open(t, e, 0);
	return e;
}

static void
other_take(void)
{
	struct conn_entry *e = open_one(&other);

	ck_assert(conntable_hold(&other, e, CONN_HOLD_SOURCE, LIMIT));
	ck_assert(conntable_hold(&other, e, CONN_HOLD_SERVICE, LIMIT));
	others[other_count++] = e;
}

static void
other_give(void)
{
	struct conn_entry *e = others[--other_count];

	conntable_close(&other, e, COUNTER_CLOSED_CLIENT);
	conntable_release(&other, e);
}

static void
other_take_give(void)
{
	other_take();
	other_give();
}

static void
other_give_take(void)
{
	other_give();
	other_take();
}

static void
other_nothing(void)
{
}

/* Counts one on both accounts, but tells nobody: what the ledger must not. */
static void
other_deaf(void)
{
	static const uint32_t accounts[] = { 0, SOURCE };
	struct account *a;
	int i;

	for (i = 0; i < UNIT_COUNT(accounts); i++) {
		a = ledger_account(&sb.ledger, accounts[i]);
		a->count = 7ULL << 36 | (uint64_t)OTHER << 24 |
		    (ledger_count(a) + 1);
	}
	deaf++;
}

static const struct meanwhile {
	const char *name;
	void (*act)(void);
} meanwhiles[] = {
	{ "nothing", other_nothing },
	{ "take", other_take },
	{ "give", other_give },
	{ "take, give", other_take_give },
	{ "give, take", other_give_take },
};

static uint32_t
held_by_other(enum conn_hold hold)
{
	uint32_t i, n = deaf;

	for (i = 0; i < scoreboard_slot(&sb, OTHER)->journal.used; i++)
		n += (other.entries[i].holds & hold) != 0;
	return n;
}

/* Whether both counts are what is held, the victim holding nothing. */
static bool
books_balance(void)
{
	const struct ledger *l = &sb.ledger;

	return ledger_count(ledger_account(l, 0)) ==
	    held_by_other(CONN_HOLD_SERVICE) &&
	    ledger_count(ledger_account(l, SOURCE)) ==
	    held_by_other(CONN_HOLD_SOURCE);
}

/* --- what is killed ------------------------------------------------------ */

static void
victim_empty(void)
{
	victim = open_one(&table);
	victim->holds = 0;
}

/* Its source has not the account any more. */
static void
victim_lost(void)
{
	victim_empty();
	victim->address[0] = 1;
}

static void
victim_full(void)
{
	victim = open_one(&table);
	conntable_hold(&table, victim, CONN_HOLD_SOURCE, LIMIT);
	conntable_hold(&table, victim, CONN_HOLD_SERVICE, LIMIT);
}

static void
act_take(void)
{
	conntable_hold(&table, victim, CONN_HOLD_SOURCE, LIMIT);
}

static void
act_take_both(void)
{
	conntable_hold(&table, victim, CONN_HOLD_SOURCE, LIMIT);
	conntable_hold(&table, victim, CONN_HOLD_SERVICE, LIMIT);
}

static void
act_refused(void)
{
	conntable_hold(&table, victim, CONN_HOLD_SOURCE, 1);
}

static void
act_give(void)
{
	conntable_unhold(&table, victim);
}

static void
act_close(void)
{
	conntable_close(&table, victim, COUNTER_CLOSED_CLIENT);
}

/* As it would be with an addition: it is done, or it is not, and who knows. */
static void
act_plain(void)
{
	journal->account = SOURCE;
	journal->entry = 0;
	journal->hold = CONN_HOLD_SOURCE;
	__atomic_store_n(&journal->step, LEDGER_STEP_TAKE, __ATOMIC_RELEASE);
	__atomic_fetch_add(&ledger_account(&sb.ledger, SOURCE)->count, 1,
	    __ATOMIC_SEQ_CST);
	__atomic_store_n(&victim->holds, CONN_HOLD_SOURCE, __ATOMIC_RELEASE);
	__atomic_store_n(&journal->step, LEDGER_STEP_NONE, __ATOMIC_RELEASE);
}

static const struct scenario {
	const char *name;
	void (*before)(void);
	void (*act)(void);
	bool changes;		/* a count, sooner or later */
} scenarios[] = {
	{ "take", victim_empty, act_take, true },
	{ "take both", victim_empty, act_take_both, true },
	{ "take, refused", victim_empty, act_refused, false },
	{ "take, lost", victim_lost, act_take, false },
	{ "give both", victim_full, act_give, true },
	{ "close", victim_full, act_close, true },
};

static void
setup(void)
{
	const uint8_t address[16] = { 0 };
	bool done;

	ck_assert_int_eq(scoreboard_create(&sb, 4, 1, ENTRIES, 16), 0);
	ledger_account(&sb.ledger, SOURCE)->key = ledger_source_key(&sb.ledger,
	    0, 0, address);
	ck_assert_int_eq(scoreboard_claim(&sb, VICTIM, 1000, &table), 0);
	ck_assert_int_eq(scoreboard_claim(&sb, OTHER, 1000, &other), 0);
	/* Everything is called once, so that it is bound and touched. */
	other_take();
	other_take();
	victim_full();
	conntable_close(&table, victim, COUNTER_CLOSED_CLIENT);
	conntable_release(&table, victim);
	conntable_recover(&table);
	ck_assert_int_eq(ledger_take(&sb.ledger, VICTIM, 1, LEDGER_ANY, 1, 0,
	    0), LEDGER_TAKEN);
	journal = __DECONST(struct ledger_journal *,
	    ledger_interrupted(&sb.ledger, VICTIM, &done));
	ledger_give(&sb.ledger, VICTIM, 1, 0, 0);
	ledger_end(&sb.ledger, VICTIM);
	ck_assert(books_balance());
}

static void
teardown(void)
{
	scoreboard_close(&sb);
}

/* --- killed -------------------------------------------------------------- */

static int found[2];		/* interrupted: not done, done */

static void
look_at_the_dead(void)
{
	bool done;

	if (ledger_interrupted(&sb.ledger, VICTIM, &done) != NULL)
		found[done]++;
}

/*
 * With SIGKILL, at every instruction, and a successor that claims the slot.
 * What the other does meanwhile goes in turns.
 */
START_TEST(test_crash_ledger_killed)
{
	const struct scenario *s = &scenarios[_i];
	struct memory start = { NULL };
	int step, steps, stride, kills = 0;
	bool over = false;
	pid_t pid;

	s->before();
	memory_keep(&start);
	steps = stepper_trial(NULL, s->act, INT32_MAX);
	stride = stepper_stride(steps);
	for (step = 0; !over; step += stride) {
		memory_put_back(&start);
		pid = stepper_start(NULL, s->act);
		over = stepper_walk(pid, step) < step;
		meanwhiles[step % UNIT_COUNT(meanwhiles)].act();
		stepper_kill(pid);
		kills += !over;
		look_at_the_dead();
		ck_assert_int_eq(scoreboard_claim(&sb, VICTIM, 1000, &table),
		    0);
		ck_assert_msg(books_balance(), "%s: step %d", s->name, step);
	}
	ck_assert_int_gt(found[0], 0);
	ck_assert(!s->changes || found[1] > 0);
	printf("# %s: %d steps, killed before, between and after them %d "
	    "times; within, %d times not done, %d times done\n", s->name,
	    steps, kills, found[0], found[1]);
	fflush(stdout);
	memory_free(&start);
}
END_TEST

/* Every step with everything that the other may do meanwhile. */
START_TEST(test_crash_ledger_meanwhile)
{
	const struct scenario *s = &scenarios[_i];
	struct memory here = { NULL };
	int step = 0, i;
	pid_t pid;

	s->before();
	pid = stepper_start(NULL, s->act);
	do {
		memory_keep(&here);
		for (i = 0; i < UNIT_COUNT(meanwhiles); i++) {
			meanwhiles[i].act();
			conntable_recover(&table);
			ck_assert_msg(books_balance(), "%s, meanwhile %s: "
			    "step %d", s->name, meanwhiles[i].name, step);
			memory_put_back(&here);
		}
		step++;
	} while (stepper_step(pid));
	stepper_kill(pid);
	printf("# %s: stopped at each of %d steps, while the other did %d "
	    "different things\n", s->name, step, UNIT_COUNT(meanwhiles));
	fflush(stdout);
	memory_free(&here);
}
END_TEST

/* --- stopped, and recovered from by who is killed over it ---------------- */

static void
act_recover(void)
{
	conntable_recover(&table);
}

/* The successor's successor, at each step of the first.  Returns the steps. */
static int
recover_from_recovery(const char *what, int step)
{
	struct memory here = { NULL };
	pid_t pid = stepper_start(NULL, act_recover);
	int steps = 0;

	do {
		memory_keep(&here);
		if (steps % 3 == 1)
			other_take();
		else if (steps % 3 == 2)
			other_give();
		conntable_recover(&table);
		ck_assert_msg(books_balance(), "%s: step %d, recovery killed "
		    "at step %d", what, step, steps);
		memory_put_back(&here);
		steps++;
	} while (stepper_step(pid));
	ck_assert(books_balance());
	stepper_kill(pid);
	memory_free(&here);
	return steps;
}

/* From step to step most leave the memory as it was: that is one case. */
START_TEST(test_crash_ledger_recovery)
{
	const struct scenario *s = &scenarios[_i];
	struct memory here = { NULL };
	int steps = 0, cases = 0, recoveries = 0;
	pid_t pid;

	s->before();
	pid = stepper_start(NULL, s->act);
	do {
		if (!memory_is_as_kept(&here)) {
			memory_keep(&here);
			other_take_give();
			recoveries += recover_from_recovery(s->name, steps);
			memory_put_back(&here);
			cases++;
		}
		steps++;
	} while (stepper_step(pid));
	stepper_kill(pid);
	ck_assert_int_gt(cases, 3);
	printf("# %s: killed at each of %d steps, which makes %d cases; in "
	    "each its successor at every step, %d in all\n", s->name, steps,
	    cases, recoveries);
	fflush(stdout);
	memory_free(&here);
}
END_TEST

/* --- these tests would notice -------------------------------------------- */

static void
recover_plainly(bool guess)
{
	if (journal->step == LEDGER_STEP_TAKE)
		victim->holds = guess ? CONN_HOLD_SOURCE : 0;
	journal->step = LEDGER_STEP_NONE;
	conntable_recover(&table);
}

static void
recover_plainly_undone(void)
{
	recover_plainly(false);
}

static void
recover_plainly_done(void)
{
	recover_plainly(true);
}

/*
 * A plain addition, whatever is made of its journal; and one who overwrites
 * the word of another without telling.
 */
static const struct mutant {
	const char *name;
	void (*before)(void);
	void (*act)(void);
	void (*meanwhile)(void);
	void (*recover)(void);
	bool wrong;
} mutants[] = {
	{ "as it is", victim_empty, act_take, other_take, act_recover, false },
	{ "an addition, taken for not done", victim_empty, act_plain,
	    other_nothing, recover_plainly_undone, true },
	{ "an addition, taken for done", victim_empty, act_plain,
	    other_nothing, recover_plainly_done, true },
	{ "a neighbour who does not tell, take", victim_empty, act_take,
	    other_deaf, act_recover, true },
	{ "a neighbour who does not tell, give", victim_full, act_give,
	    other_deaf, act_recover, true },
};

START_TEST(test_crash_ledger_mutants)
{
	const struct mutant *m = &mutants[_i];
	struct memory here = { NULL };
	int wrong = 0, steps = 0;
	pid_t pid;

	m->before();
	pid = stepper_start(NULL, m->act);
	do {
		memory_keep(&here);
		m->meanwhile();
		m->recover();
		wrong += !books_balance();
		memory_put_back(&here);
		steps++;
	} while (stepper_step(pid));
	stepper_kill(pid);
	ck_assert_msg((wrong > 0) == m->wrong, "%s: wrong at %d of %d steps",
	    m->name, wrong, steps);
	printf("# %s: wrong at %d of %d steps\n", m->name, wrong, steps);
	fflush(stdout);
	memory_free(&here);
}
END_TEST

int
main(void)
{
	TCase *tc;
	Suite *s;

	if (!stepper_can_trace())
		return stepper_skip();
	s = unit_suite("crash_ledger", &tc);
	tcase_set_timeout(tc, 120);
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_loop_test(tc, test_crash_ledger_killed, 0,
	    UNIT_COUNT(scenarios));
	tcase_add_loop_test(tc, test_crash_ledger_meanwhile, 0,
	    UNIT_COUNT(scenarios));
	tcase_add_loop_test(tc, test_crash_ledger_recovery, 0,
	    UNIT_COUNT(scenarios));
	tcase_add_loop_test(tc, test_crash_ledger_mutants, 0,
	    UNIT_COUNT(mutants));
	return unit_run(s);
}
