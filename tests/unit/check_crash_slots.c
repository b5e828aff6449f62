/* SPDX-License-Identifier: ISC */
/*
 * A process is killed at every instruction of claiming a slot whose predecessor
 * has died with connections open and one half booked; who claims it next is
 * killed over that, too, while others claim slots of theirs and wait for the
 * lock.  In the end the books of every slot balance, to the unit.
 */
#include <sys/mman.h>

#include <string.h>
#include <unistd.h>

#include "killer.h"
#include "shm/scoreboard.h"
#include "unit.h"

#define SOME		150	/* steps, but for the campaign */
#define WITHIN_MS	2000	/* the harness asks for ten */
#define ENTRIES		8
#define OPEN		5	/* of the predecessor, and one that was begun */
#define SOURCE		3
#define LIMIT		100

enum { WAITER, SLOT, CONTENDER, SLOTS };

static struct scoreboard sb;
static struct conntable tables[SLOTS];
static uint64_t *done;

/* The memory as the predecessor has left it. */
static struct {
	char *board, *ledger;
	struct conn_entry entries[SLOTS][ENTRIES];
} left;

static void
keep(void)
{
	int i;

	memcpy(left.board, sb.segment.base, sb.segment.size);
	memcpy(left.ledger, sb.ledger.segment.base, sb.ledger.segment.size);
	for (i = 0; i < SLOTS; i++)
		memcpy(left.entries[i], tables[i].entries,
		    sizeof(left.entries[i]));
}

static void
arrange(void)
{
	int i;

	memcpy(sb.segment.base, left.board, sb.segment.size);
	memcpy(sb.ledger.segment.base, left.ledger, sb.ledger.segment.size);
	for (i = 0; i < SLOTS; i++)
		memcpy(tables[i].entries, left.entries[i],
		    sizeof(left.entries[i]));
	*done = 0;
}

static struct conn_entry *
open_one(struct conntable *t)
{
	struct conn_entry *e = conntable_take(t);

	ck_assert_ptr_nonnull(e);
	memset(e, 0, sizeof(*e));
	e->source = SOURCE;
	conntable_open(t, e, 0);
	ck_assert(conntable_hold(t, e, CONN_HOLD_SOURCE, LIMIT));
	ck_assert(conntable_hold(t, e, CONN_HOLD_SERVICE, LIMIT));
	return e;
}

/* What a dead process has left: a step that it had begun is ended by others. */
static void
die_with(struct conntable *t)
{
	struct conn_journal *j = t->journal;
	struct conn_entry *e;
	int i;

	for (i = 0; i < OPEN; i++)
		open_one(t);
	e = conntable_take(t);
	memset(e, 0, sizeof(*e));
	e->source = LEDGER_NONE;
	j->entry = (uint32_t)(e - t->entries);
	j->service = 0;
	j->counter = COUNTER_ACCEPTED;
	j->value = OPEN + 1;
	j->step = CONN_STEP_OPEN;
}

static void
setup(void)
{
	static const struct conn_entry none = { .family = 0 };
	uint32_t i;

	ck_assert_int_eq(scoreboard_create(&sb, SLOTS, 1, ENTRIES, 64), 0);
	done = mmap(NULL, sizeof(*done), PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ck_assert_ptr_ne(done, MAP_FAILED);
	left.board = malloc(sb.segment.size);
	left.ledger = malloc(sb.ledger.segment.size);
	ck_assert(left.board != NULL && left.ledger != NULL);
	for (i = 0; i < SLOTS; i++) {
		ck_assert_int_eq(scoreboard_claim(&sb, i, WITHIN_MS,
		    &tables[i]), 0);
		conntable_release(&tables[i], conntable_take(&tables[i]));
	}
	ledger_account(&sb.ledger, SOURCE)->key = ledger_source_key(&sb.ledger,
	    0, none.family, none.address);
	die_with(&tables[SLOT]);
	keep();
}

static void
teardown(void)
{
	free(left.board);
	free(left.ledger);
	munmap(done, sizeof(*done));
	scoreboard_close(&sb);
}

/* --- what is done ---------------------------------------------------------- */

static bool
claim(uint32_t slot)
{
	return scoreboard_claim(&sb, slot, WITHIN_MS, &tables[slot]) == 0;
}

static void
act(void)
{
	claim(SLOT);
}

static void
note_done(void)
{
	__atomic_store_n(done, 1, __ATOMIC_RELEASE);
}

static bool
next(void)
{
	return claim(SLOT);
}

static bool
wait_for_lock(void)
{
	return claim(WAITER);
}

/* Of a slot of its own: each time a connection is there that has crashed. */
static void
contend(void)
{
	if (claim(CONTENDER))
		open_one(&tables[CONTENDER]);
}

/* --- what is found ---------------------------------------------------------- */

/* Beginnings that are neither ended nor open; 0 is right. */
static uint64_t
lost(uint32_t slot)
{
	const uint64_t *row = scoreboard_row(&sb, slot, 0);
	uint64_t n = row[COUNTER_ACCEPTED], active = 0;
	int c;

	for (c = 0; c < COUNTERS; c++)
		if (COUNTER_IS_CLOSED(c))
			n -= row[c];
	scoreboard_add_active(&sb, slot, &active);
	return n - active;
}

/* All of the predecessor's have crashed, once. */
static bool
check(void)
{
	const uint64_t *row = scoreboard_row(&sb, SLOT, 0);
	uint64_t active = 0;

	scoreboard_add_active(&sb, SLOT, &active);
	return row[COUNTER_ACCEPTED] == OPEN + 1 &&
	    row[COUNTER_CLOSED_CRASH] == OPEN + 1 && active == 0 &&
	    scoreboard_slot(&sb, SLOT)->journal.step == CONN_STEP_NONE &&
	    scoreboard_slot(&sb, SLOT)->pid == (uint64_t)getpid() &&
	    lost(WAITER) == 0 && lost(CONTENDER) == 0;
}

/* And what they held is given back. */
static bool
check_alone(void)
{
	return check() && ledger_count(ledger_account(&sb.ledger, 0)) == 0 &&
	    ledger_count(ledger_account(&sb.ledger, SOURCE)) == 0;
}

static const struct killer claims[] = {
	{ .name = "claim", .arrange = arrange, .act = act, .done = note_done,
	    .next = next, .check = check_alone, .repairs = 4,
	    .most = 4 * SOME },
	{ .name = "claim, a waiter asleep", .arrange = arrange, .act = act,
	    .next = next, .check = check_alone, .wait = wait_for_lock,
	    .most = SOME },
	{ .name = "claim, contended", .arrange = arrange, .act = act,
	    .next = next, .check = check, .contend = contend,
	    .wait = wait_for_lock, .most = SOME },
};

START_TEST(test_crash_claim)
{
	const struct killer *k = &claims[_i];
	struct killer_result r = killer_run(k);

	killer_print(k, &r);
	ck_assert_int_gt(r.tried, 0);
	ck_assert_msg(r.wrong == 0, "wrong %d times, first %s", r.wrong,
	    r.first);
	ck_assert(k->wait == NULL || r.slept > 0);
	ck_assert(k->repairs == 0 || r.repair_steps > 0);
}
END_TEST

/* --- a planted bug ----------------------------------------------------------- */

/* Books what is open and then ends it: who is killed between does it twice. */
static void
act_twice(void)
{
	struct conntable *t = &tables[SLOT];
	uint32_t i;

	for (i = 0; i < t->journal->used; i++)
		if (t->entries[i].state == CONN_STATE_OPEN) {
			counter_add(t->rows, COUNTER_CLOSED_CRASH, 1);
			__atomic_store_n(&t->entries[i].state, CONN_STATE_FREE,
			    __ATOMIC_RELEASE);
		}
}

static bool
check_twice(void)
{
	return lost(SLOT) == 0;
}

START_TEST(test_crash_planted)
{
	static const struct killer planted = {
		.name = "planted: booked before it is ended",
		.arrange = arrange, .act = act_twice, .next = next,
		.check = check_twice,
	};
	struct killer_result r = killer_run(&planted);

	killer_print(&planted, &r);
	ck_assert_msg(r.wrong > 0, "nothing was noticed");
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
	s = unit_suite("crash_slots", &tc);
	tcase_set_timeout(tc, killer_timeout());
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_loop_test(tc, test_crash_claim, 0, UNIT_COUNT(claims));
	tcase_add_test(tc, test_crash_planted);
	return unit_run(s);
}
