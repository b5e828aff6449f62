/* SPDX-License-Identifier: ISC */
/*
 * shm/conntable: what connections hold of the limits, and who gives it back.
 * Being killed in earnest is check_crash_ledger's.
 */
#include "shm/conntable.h"

#include <string.h>

#include "shm/scoreboard.h"
#include "unit.h"

#define SLOTS		3
#define SLOT		1
#define SERVICES	2
#define CAPACITY	100
/* The account of a source. */
#define SOURCE		(SERVICES + 7)

static struct scoreboard sb;
static struct conntable table;

static void
setup(void)
{
	ck_assert_int_eq(scoreboard_create(&sb, SLOTS, SERVICES, CAPACITY, 64),
	    0);
	ck_assert_int_eq(scoreboard_claim(&sb, SLOT, 1000, &table), 0);
}

static void
teardown(void)
{
	scoreboard_close(&sb);
}

/* The slot's next process. */
static void
succeed(void)
{
	ck_assert_int_eq(scoreboard_claim(&sb, SLOT, 1000, &table), 0);
}

static uint32_t
held(uint32_t account)
{
	return ledger_count(ledger_account(&sb.ledger, account));
}

/* Whose source has that account, or 0. */
static struct conn_entry *
take_one(struct conntable *t, uint32_t service, uint32_t source)
{
	struct conn_entry *e = conntable_take(t);

	ck_assert_ptr_nonnull(e);
	memset(e, 0, sizeof(*e));
	e->service = (uint16_t)service;
	e->source = source & ((1U << 22) - 1);
	if (source != 0)
		ledger_account(&sb.ledger, source)->key = ledger_source_key(
		    &sb.ledger, service, e->family, e->address);
	return e;
}

static struct conn_entry *
open_holding(uint32_t service, uint32_t source)
{
	struct conn_entry *e = take_one(&table, service, source);

	ck_assert(conntable_hold(&table, e, CONN_HOLD_SOURCE, 100));
	ck_assert(conntable_hold(&table, e, CONN_HOLD_SERVICE, 100));
	conntable_open(&table, e, service);
	return e;
}

START_TEST(test_conntable_holds_take)
{
	struct conn_entry *e = open_holding(1, SOURCE), *f;

	ck_assert_uint_eq(e->holds, CONN_HOLD_SERVICE | CONN_HOLD_SOURCE);
	ck_assert_uint_eq(held(SOURCE), 1);
	ck_assert_uint_eq(held(1), 1);
	ck_assert_uint_eq(held(0), 0);

	/* What is refused is not held. */
	f = take_one(&table, 1, SOURCE);
	ck_assert(!conntable_hold(&table, f, CONN_HOLD_SOURCE, 1));
	ck_assert(conntable_hold(&table, f, CONN_HOLD_SERVICE, 2));
	ck_assert_uint_eq(f->holds, CONN_HOLD_SERVICE);
	conntable_unhold(&table, f);
	conntable_unhold(&table, f);
	ck_assert_uint_eq(f->holds, 0);
	conntable_release(&table, f);
	ck_assert_uint_eq(held(1), 1);

	/* Closing gives back, and says so. */
	conntable_close(&table, e, COUNTER_CLOSED_CLIENT);
	ck_assert_uint_eq(e->holds, 0);
	ck_assert_uint_eq(held(1) + held(SOURCE), 0);
}
END_TEST

/* Of an account that has become another source's nothing is taken. */
START_TEST(test_conntable_holds_lost)
{
	struct conn_entry *e = open_holding(1, SOURCE), *f;

	f = take_one(&table, 1, SOURCE);
	f->family = AF_INET;
	ck_assert(!conntable_hold(&table, f, CONN_HOLD_SOURCE, 2));
	ck_assert_uint_eq(f->source, LEDGER_NONE);
	ck_assert_uint_eq(f->holds, 0);
	ck_assert_uint_eq(held(SOURCE), 1);
	/* Not even where there is no room: that is not its refusal. */
	f->source = SOURCE;
	ck_assert(!conntable_hold(&table, f, CONN_HOLD_SOURCE, 1));
	ck_assert_uint_eq(f->source, LEDGER_NONE);
	/* Who is refused keeps its account. */
	f->source = SOURCE;
	f->family = e->family;
	ck_assert(!conntable_hold(&table, f, CONN_HOLD_SOURCE, 1));
	ck_assert_uint_eq(f->source, SOURCE);
}
END_TEST

/* One that holds nothing takes nothing from the others when it closes. */
START_TEST(test_conntable_holds_none)
{
	struct conn_entry *e = take_one(&table, 1, SOURCE);

	conntable_open(&table, e, 1);
	open_holding(1, SOURCE);
	conntable_close(&table, e, COUNTER_CLOSED_CLIENT);
	ck_assert_uint_eq(held(1), 1);
	ck_assert_uint_eq(held(SOURCE), 1);
}
END_TEST

/* The successor gives back what the dead held, opened or not, and only that. */
START_TEST(test_conntable_holds_recover)
{
	struct conntable neighbour;
	struct conn_entry *e;

	ck_assert_int_eq(scoreboard_claim(&sb, SLOT + 1, 1000, &neighbour), 0);
	e = take_one(&neighbour, 0, SOURCE);
	ck_assert(conntable_hold(&neighbour, e, CONN_HOLD_SOURCE, 100));
	open_holding(0, SOURCE);
	open_holding(1, SOURCE + 1);
	e = take_one(&table, 0, SOURCE);
	ck_assert(conntable_hold(&table, e, CONN_HOLD_SOURCE, 100));
	ck_assert_uint_eq(held(SOURCE), 3);
	succeed();
	ck_assert_uint_eq(held(SOURCE), 1);
	ck_assert_uint_eq(held(SOURCE + 1), 0);
	ck_assert_uint_eq(held(0) + held(1), 0);
	succeed();
	ck_assert_uint_eq(held(SOURCE), 1);
	ck_assert_uint_eq(scoreboard_row(&sb, SLOT, 0)[COUNTER_CLOSED_CRASH],
	    1);
}
END_TEST

/* What a hostile process says it held, or was about to take. */
static void
claim_far_source(struct conn_entry *e)
{
	e->source = (1U << 22) - 1;
	e->holds = UINT8_MAX;
}

static void
claim_service_as_source(struct conn_entry *e)
{
	e->source = 0;
	e->holds = CONN_HOLD_SOURCE;
}

static void
claim_far_service(struct conn_entry *e)
{
	e->service = UINT16_MAX;
	e->holds = CONN_HOLD_SERVICE;
}

/* A service's number that is a source's account. */
static void
claim_source_as_service(struct conn_entry *e)
{
	e->service = SOURCE + 1;
	e->holds = CONN_HOLD_SERVICE;
}

static void
claim_far_entry(struct conn_entry *e)
{
	ledger_take(&sb.ledger, SLOT, SOURCE + 2, LEDGER_ANY, 100, UINT32_MAX,
	    UINT32_MAX);
}

static void
claim_nobodys_hold(struct conn_entry *e)
{
	ledger_take(&sb.ledger, SLOT, SOURCE + 2, LEDGER_ANY, 100, 0, 0xf0);
}

static void (*const claims[])(struct conn_entry *) = {
	claim_far_source, claim_service_as_source, claim_far_service,
	claim_source_as_service, claim_far_entry, claim_nobodys_hold,
};

/*
 * It can give back to its service what it never took, and cannot be found out;
 * but it gets at no other account, and nowhere beyond.
 */
START_TEST(test_conntable_holds_hostile)
{
	struct conntable neighbour;
	struct conn_entry *e;
	int i;

	ck_assert_int_eq(scoreboard_claim(&sb, SLOT + 1, 1000, &neighbour), 0);
	for (i = 0; i < 3; i++) {
		e = take_one(&neighbour, 0, SOURCE + 1);
		ck_assert(conntable_hold(&neighbour, e, CONN_HOLD_SOURCE, 9));
		ck_assert(conntable_hold(&neighbour, e, CONN_HOLD_SERVICE, 9));
	}
	e = take_one(&table, 0, 0);
	conntable_open(&table, e, 0);
	claims[_i](e);
	succeed();
	ck_assert_uint_eq(held(SOURCE + 1), 3);
	ck_assert_uint_eq(held(0), claims[_i] == claim_far_source ? 2 : 3);
	/* And the slot works. */
	e = open_holding(1, SOURCE);
	conntable_close(&table, e, COUNTER_CLOSED_CLIENT);
	ck_assert_uint_eq(held(SOURCE) + held(1), 0);
}
END_TEST

int
main(void)
{
	TCase *tc;
	Suite *s = unit_suite("conntable_holds", &tc);

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, test_conntable_holds_take);
	tcase_add_test(tc, test_conntable_holds_lost);
	tcase_add_test(tc, test_conntable_holds_none);
	tcase_add_test(tc, test_conntable_holds_recover);
	tcase_add_loop_test(tc, test_conntable_holds_hostile, 0,
	    UNIT_COUNT(claims));
	return unit_run(s);
}
