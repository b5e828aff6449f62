/* SPDX-License-Identifier: ISC */
/*
 * An account that changes hands between two processes, either of which is
 * stopped at any instruction: one makes the idle account of a source that of a
 * new one, while the other takes of it for the old source.  There is room for
 * both, so whatever they see of each other, neither may be refused.
 */
#include <sys/mman.h>

#include <stdlib.h>
#include <string.h>

#include "shm/ledger.h"
#include "stepper.h"
#include "unit.h"

#define SLOTS		2
#define SOURCES		40
#define LIMIT		1
#define CHANGES		16	/* of an account, by one side */

enum side {
	NEW,			/* whose source has no account yet */
	OLD,			/* whose source has an idle one */
	SIDES
};

static struct ledger ledger;
static uint64_t keys[SIDES];
/* What each side has come to; shared. */
static struct outcome {
	uint32_t account;
	enum ledger_answer answer;
} *outcomes;

/* --- a side, in a child of its own ---------------------------------------- */

static enum side side;

/* Of the account that was found; another one when that has been given away. */
static void
act_take(void)
{
	struct outcome *o = &outcomes[side];

	while ((o->answer = ledger_take(&ledger, side, o->account, keys[side],
	    LIMIT, 0, 1)) == LEDGER_LOST)
		o->account = ledger_source(&ledger, side, keys[side], 0);
	ledger_end(&ledger, side);
}

static void
act_find(void)
{
	outcomes[side].account = ledger_source(&ledger, side, keys[side], 0);
	act_take();
}

/* The old one has found its account; and all is bound and touched. */
static void
before_act(void)
{
	act_find();
	ledger_give(&ledger, side, outcomes[side].account, 0, 1);
	ledger_end(&ledger, side);
}

static pid_t
start_side(enum side which)
{
	side = which;
	return stepper_start(before_act, which == NEW ? act_find : act_take);
}

/* --- the account ---------------------------------------------------------- */

static void
forget_all(void)
{
	memset(ledger_account(&ledger, ledger.services), 0, ledger.sources *
	    sizeof(struct account));
}

static struct account *
account_of(enum side which)
{
	return ledger_account(&ledger, ledger_source(&ledger, which,
	    keys[which], 0));
}

/* Both stand before their beginning, and the old one's account is idle. */
static struct account *
start_both(pid_t pids[SIDES])
{
	pids[NEW] = start_side(NEW);
	forget_all();
	pids[OLD] = start_side(OLD);
	return account_of(OLD);
}

static uint64_t
key_of(uint32_t number)
{
	uint8_t address[16] = { 0 };

	memcpy(address, &number, sizeof(number));
	return ledger_source_key(&ledger, 0, AF_INET, address);
}

static void
setup(void)
{
	struct account *place;
	uint32_t i = 1;

	ck_assert_int_eq(ledger_create(&ledger, SLOTS, 1, SOURCES), 0);
	outcomes = mmap(NULL, SIDES * sizeof(*outcomes),
	    PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ck_assert_ptr_ne(outcomes, MAP_FAILED);
	/* Two sources that are looked for in the same place first. */
	keys[NEW] = key_of(0);
	place = account_of(NEW);
	do {
		forget_all();
		keys[OLD] = key_of(i++);
	} while (account_of(OLD) != place);
}

static void
teardown(void)
{
	munmap(outcomes, SIDES * sizeof(*outcomes));
	ledger_close(&ledger);
}

/* Steps until it has changed the account; -1 when it is through before. */
static int
walk_change(pid_t pid, const struct account *a)
{
	struct account before = *a;
	int steps = 0;

	do {
		if (!stepper_step(pid))
			return -1;
		steps++;
	} while (memcmp(&before, a, sizeof(before)) == 0);
	return steps;
}

/* After which steps a side, if it is alone, has changed the account. */
static int
find_changes(enum side which, int at[CHANGES])
{
	struct account *a;
	pid_t pids[SIDES];
	int n, steps = 0, more;

	a = start_both(pids);
	for (n = 0; (more = walk_change(pids[which], a)) != -1; n++) {
		ck_assert_int_lt(n, CHANGES);
		at[n] = steps += more;
	}
	stepper_kill(pids[NEW]);
	stepper_kill(pids[OLD]);
	return n;
}

/* --- both stopped --------------------------------------------------------- */

static bool
has_one(enum side which)
{
	const struct outcome *o = &outcomes[which];

	return o->answer == LEDGER_TAKEN &&
	    ledger_account(&ledger, o->account) == account_of(which) &&
	    ledger_count(account_of(which)) == 1;
}

/*
 * The old one is stopped after so many steps; then the new one; the old one
 * goes on until it has changed the account; then the new one to its end.
 */
static bool
is_right(int old, int new)
{
	pid_t pids[SIDES];
	struct account *a = start_both(pids);
	bool is_through, right;

	ck_assert_int_eq(stepper_walk(pids[OLD], old), old);
	ck_assert_int_eq(stepper_walk(pids[NEW], new), new);
	is_through = walk_change(pids[OLD], a) == -1;
	stepper_finish(pids[NEW]);
	if (!is_through)
		stepper_finish(pids[OLD]);
	right = has_one(NEW) && has_one(OLD) &&
	    outcomes[NEW].account != outcomes[OLD].account;
	stepper_kill(pids[NEW]);
	stepper_kill(pids[OLD]);
	return right;
}

/* The old one at each of its steps to its take; the new one at one of its. */
static int
check_new_at(int new, int take)
{
	int old, looked = 0, wrong = 0, where = 0;

	for (old = 0; old < take; old += stepper_stride(new + 2 * take)) {
		looked++;
		if (is_right(old, new))
			continue;
		wrong++;
		where = old;
	}
	ck_assert_msg(wrong == 0, "the new one stopped at %d: wrong %d times, "
	    "last when the old one was stopped at %d", new, wrong, where);
	return looked;
}

/* The new one before and after each of its changes. */
START_TEST(test_steps_ledger_hands)
{
	int new[CHANGES], old[CHANGES], changes, i, looked = 0;

	changes = find_changes(NEW, new);
	ck_assert_int_gt(changes, 1);
	ck_assert_int_gt(find_changes(OLD, old), 0);
	for (i = 0; i < changes; i++) {
		looked += check_new_at(new[i] - 1, old[0]);
		looked += check_new_at(new[i], old[0]);
	}
	printf("# the new one stopped around %d changes, the old one within "
	    "%d steps: %d cases\n", changes, old[0], looked);
	fflush(stdout);
}
END_TEST

int
main(void)
{
	TCase *tc;
	Suite *s;

	if (!stepper_can_trace())
		return stepper_skip();
	s = unit_suite("steps_ledger", &tc);
	tcase_set_timeout(tc, 120);
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, test_steps_ledger_hands);
	return unit_run(s);
}
