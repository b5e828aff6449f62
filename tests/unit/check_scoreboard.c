/* SPDX-License-Identifier: ISC */
/*
 * shm/scoreboard: rows, the claim of a slot, and reading from outside.
 */
#include "shm/scoreboard.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/process.h"
#include "helper.h"
#include "unit.h"

#define SLOTS		4
#define SERVICES	3
#define CAPACITY	1000

static struct scoreboard sb;

static void
setup(void)
{
	ck_assert_int_eq(scoreboard_create(&sb, SLOTS, SERVICES, CAPACITY, 64),
	    0);
}

static void
teardown(void)
{
	scoreboard_close(&sb);
}

/* The lock follows the header, on a cache line of its own. */
static struct rlock *
board_lock(void)
{
	return (struct rlock *)((char *)sb.segment.base + SCOREBOARD_ALIGN);
}

static void
open_many(uint32_t slot, uint32_t service, int count)
{
	struct conntable t;
	struct conn_entry *e;

	ck_assert_int_eq(scoreboard_claim(&sb, slot, 1000, &t), 0);
	while (count-- > 0) {
		ck_assert_ptr_nonnull(e = conntable_take(&t));
		memset(e, 0, sizeof(*e));
		conntable_open(&t, e, service);
	}
}

START_TEST(test_scoreboard_rows)
{
	uint64_t *row, totals[COUNTERS];
	uint32_t slot, service;
	int i;

	/* Whole cache lines, and none overlaps another. */
	for (slot = 0; slot < SLOTS; slot++)
		for (service = 0; service < SERVICES; service++) {
			row = scoreboard_row(&sb, slot, service);
			ck_assert_uint_eq((uintptr_t)row % SCOREBOARD_ALIGN, 0);
			for (i = 0; i < COUNTERS; i++) {
				ck_assert_uint_eq(row[i], 0);
				counter_add(row, (enum counter)i,
				    slot * 100 + service + 1);
			}
		}
	for (slot = 0; slot < SLOTS; slot++) {
		ck_assert_uint_eq((uintptr_t)scoreboard_slot(&sb, slot) %
		    SCOREBOARD_ALIGN, 0);
		ck_assert_uint_eq(scoreboard_slot(&sb, slot)->pid, 0);
		for (service = 0; service < SERVICES; service++) {
			memset(totals, 0, sizeof(totals));
			scoreboard_add_row(&sb, slot, service, totals);
			for (i = 0; i < COUNTERS; i++)
				ck_assert_uint_eq(totals[i],
				    slot * 100 + service + 1);
		}
	}
}
END_TEST

START_TEST(test_scoreboard_threads)
{
	const struct slot_threads one = { 1, 2, 3, 4 };
	struct slot_threads sum = { .all = 10 };
	uint64_t totals[COUNTERS] = { 0 };
	struct conntable t;
	uint32_t slot;
	int i;

	/* Beside the counters of a row, not in the next row. */
	for (slot = 0; slot < SLOTS; slot++) {
		*scoreboard_threads(&sb, slot, 1) = one;
		ck_assert((uint64_t *)(scoreboard_threads(&sb, slot, 1) + 1) <=
		    scoreboard_row(&sb, slot, 2));
	}
	scoreboard_add_row(&sb, 0, 1, totals);
	scoreboard_add_row(&sb, 0, 2, totals);
	for (i = 0; i < COUNTERS; i++)
		ck_assert_uint_eq(totals[i], 0);
	for (slot = 0; slot < SLOTS + 1; slot++)
		scoreboard_add_threads(&sb, slot, 1, &sum);
	scoreboard_add_threads(&sb, 0, SERVICES, &sum);
	ck_assert_uint_eq(sum.all, 14);
	ck_assert_uint_eq(sum.busy, 8);
	ck_assert_uint_eq(sum.children, 12);
	ck_assert_uint_eq(sum.waiting, 16);

	/* They are their process's. */
	ck_assert_int_eq(scoreboard_claim(&sb, 2, 1000, &t), 0);
	sum = (struct slot_threads){ .all = 0 };
	scoreboard_add_threads(&sb, 2, 1, &sum);
	ck_assert_uint_eq(sum.all + sum.busy + sum.children + sum.waiting, 0);
}
END_TEST

START_TEST(test_scoreboard_add)
{
	uint64_t totals[COUNTERS] = { 5 }, active[SERVICES] = { 7 };

	counter_add(scoreboard_row(&sb, 0, 1), COUNTER_ACCEPTED, 3);
	counter_add(scoreboard_row(&sb, 2, 1), COUNTER_ACCEPTED, 4);
	scoreboard_add_row(&sb, 0, 1, totals);
	scoreboard_add_row(&sb, 2, 1, totals);
	ck_assert_uint_eq(totals[COUNTER_ACCEPTED], 12);

	/* More than one chunk of them, and added to what is there. */
	open_many(1, 0, 600);
	open_many(2, 2, 1);
	scoreboard_add_active(&sb, 1, active);
	scoreboard_add_active(&sb, 2, active);
	scoreboard_add_active(&sb, 3, active);
	ck_assert_uint_eq(active[0], 607);
	ck_assert_uint_eq(active[1], 0);
	ck_assert_uint_eq(active[2], 1);
}
END_TEST

START_TEST(test_scoreboard_wrong_arguments)
{
	uint64_t totals[COUNTERS] = { 0 }, active[SERVICES] = { 0 };
	int i;

	open_many(0, 0, 1);
	scoreboard_add_row(&sb, SLOTS, 0, totals);
	scoreboard_add_row(&sb, UINT32_MAX, 0, totals);
	scoreboard_add_row(&sb, 0, SERVICES, totals);
	scoreboard_add_row(&sb, 0, UINT32_MAX, totals);
	for (i = 0; i < COUNTERS; i++)
		ck_assert_uint_eq(totals[i], 0);
	scoreboard_add_active(&sb, SLOTS, active);
	scoreboard_add_active(&sb, UINT32_MAX, active);
	ck_assert_uint_eq(active[0], 0);
}
END_TEST

/* A worker may write what it likes: the reader stays within the table. */
START_TEST(test_scoreboard_hostile_table)
{
	struct slot *s = scoreboard_slot(&sb, SLOTS - 1);
	uint64_t active[SERVICES] = { 0 };
	struct conntable t;
	struct conn_entry *e;

	ck_assert_int_eq(scoreboard_claim(&sb, SLOTS - 1, 1000, &t), 0);
	ck_assert_ptr_nonnull(e = conntable_take(&t));
	memset(e, 0, sizeof(*e));
	conntable_open(&t, e, 1);
	s->journal.used = UINT32_MAX;
	scoreboard_add_active(&sb, SLOTS - 1, active);
	ck_assert_uint_eq(active[1], 1);
	e->service = SERVICES;
	scoreboard_add_active(&sb, SLOTS - 1, active);
	e->service = UINT16_MAX;
	scoreboard_add_active(&sb, SLOTS - 1, active);
	ck_assert_uint_eq(active[0] + active[1] + active[2], 1);
}
END_TEST

START_TEST(test_scoreboard_claim)
{
	struct slot *s = scoreboard_slot(&sb, 2);
	uint64_t *row = scoreboard_row(&sb, 2, 1);
	struct conntable t;

	counter_add(row, COUNTER_BYTES_IN, 99);
	s->pid = 1;
	s->loops = s->last_beat = s->live = 5;
	ck_assert_int_eq(scoreboard_claim(&sb, 2, 1000, &t), 0);
	ck_assert_uint_eq(s->pid, (uint64_t)getpid());
	ck_assert_uint_eq(s->loops + s->last_beat + s->live, 0);
	ck_assert_uint_eq(t.slot, 2);
	ck_assert_uint_eq(t.capacity, CAPACITY);
	/* The row goes on counting. */
	ck_assert_uint_eq(row[COUNTER_BYTES_IN], 99);
	ck_assert_uint_eq(scoreboard_recovered(&sb), 0);
	ck_assert(!rlock_is_held(board_lock()));
}
END_TEST

START_TEST(test_scoreboard_settle)
{
	uint64_t totals[COUNTERS] = { 0 }, active[SERVICES] = { 0 };

	open_many(3, 1, 5);
	/* Another has the slot by now: not touched. */
	scoreboard_slot(&sb, 3)->pid = 4711;
	ck_assert_int_eq(scoreboard_settle(&sb, 3, 4712, 1000), 0);
	scoreboard_add_active(&sb, 3, active);
	ck_assert_uint_eq(active[1], 5);
	active[1] = 0;
	ck_assert_int_eq(scoreboard_settle(&sb, 3, 4711, 1000), 0);
	scoreboard_add_row(&sb, 3, 1, totals);
	scoreboard_add_active(&sb, 3, active);
	ck_assert_uint_eq(totals[COUNTER_ACCEPTED], 5);
	ck_assert_uint_eq(totals[COUNTER_CLOSED_CRASH], 5);
	ck_assert_uint_eq(active[1], 0);
}
END_TEST

/* A child that holds the lock; it is waited for until it does. */
static pid_t
start_holder(int *release)
{
	int ready[2], go[2];
	pid_t pid;
	char c;

	ck_assert_int_eq(pipe(ready), 0);
	ck_assert_int_eq(pipe(go), 0);
	if ((pid = fork()) == 0) {
		close(go[1]);
		if (rlock_lock(board_lock(), RLOCK_FOREVER, NULL, NULL) == -1 ||
		    write(ready[1], "", 1) != 1)
			_exit(1);
		/* Ends with the lock in its hands. */
		_exit(read(go[0], &c, 1) == 0 ? 0 : 1);
	}
	ck_assert_int_ne(pid, -1);
	close(go[0]);
	close(ready[1]);
	ck_assert_int_eq(read(ready[0], &c, 1), 1);
	close(ready[0]);
	*release = go[1];
	return pid;
}

START_TEST(test_scoreboard_claim_waits_so_long)
{
	struct conntable t;
	uint64_t start;
	int release;
	pid_t pid = start_holder(&release);

	start = process_milliseconds();
	errno = 0;
	ck_assert_int_eq(scoreboard_claim(&sb, 1, 30, &t), -1);
	ck_assert_int_eq(errno, ETIMEDOUT);
	ck_assert_uint_ge(process_milliseconds() - start, 29);
	ck_assert_ptr_nonnull(strstr(error_text(), "slot 1: "));
	errno = 0;
	ck_assert_int_eq(scoreboard_settle(&sb, 1, 0, 1), -1);
	ck_assert_int_eq(errno, ETIMEDOUT);
	ck_assert_uint_eq(scoreboard_slot(&sb, 1)->pid, 0);

	/* Dead holders do not keep it. */
	close(release);
	ck_assert_int_eq(helper_wait_exit(pid), 0);
	ck_assert_int_eq(scoreboard_claim(&sb, 1, 0, &t), 0);
	ck_assert_uint_eq(scoreboard_recovered(&sb), 1);
}
END_TEST

/* Readers need no lock. */
START_TEST(test_scoreboard_reads_beside_the_lock)
{
	uint64_t totals[COUNTERS] = { 0 }, active[SERVICES] = { 0 };
	int release;
	pid_t pid;

	open_many(0, 0, 2);
	pid = start_holder(&release);
	scoreboard_add_row(&sb, 0, 0, totals);
	scoreboard_add_active(&sb, 0, active);
	ck_assert_uint_eq(totals[COUNTER_ACCEPTED], 2);
	ck_assert_uint_eq(active[0], 2);
	close(release);
	ck_assert_int_eq(helper_wait_exit(pid), 0);
}
END_TEST

/* Opens and closes without end. */
static void __attribute__((noreturn))
churn(void)
{
	struct conntable t;
	struct conn_entry *e;

	if (scoreboard_claim(&sb, 0, 1000, &t) == -1)
		_exit(1);
	for (;;) {
		e = conntable_take(&t);
		memset(e, 0, sizeof(*e));
		conntable_open(&t, e, 0);
		conntable_close(&t, e, COUNTER_CLOSED_CLIENT);
		conntable_release(&t, e);
	}
}

START_TEST(test_scoreboard_never_more_ends)
{
	uint64_t totals[COUNTERS], last = 0;
	pid_t pid = fork();
	int i, changes = 0;

	if (pid == 0)
		churn();
	ck_assert_int_ne(pid, -1);
	for (i = 0; i < 200000 || changes < 3; i++) {
		memset(totals, 0, sizeof(totals));
		scoreboard_add_row(&sb, 0, 0, totals);
		if (totals[COUNTER_ACCEPTED] < totals[COUNTER_CLOSED_CLIENT] ||
		    totals[COUNTER_ACCEPTED] < last)
			ck_abort_msg("accepted %ju, before %ju, closed %ju",
			    (uintmax_t)totals[COUNTER_ACCEPTED],
			    (uintmax_t)last,
			    (uintmax_t)totals[COUNTER_CLOSED_CLIENT]);
		changes += totals[COUNTER_ACCEPTED] != last;
		last = totals[COUNTER_ACCEPTED];
	}
	ck_assert_int_eq(kill(pid, SIGKILL), 0);
	helper_wait(pid);
	open_many(0, 0, 0);
	memset(totals, 0, sizeof(totals));
	scoreboard_add_row(&sb, 0, 0, totals);
	ck_assert_uint_eq(totals[COUNTER_ACCEPTED],
	    totals[COUNTER_CLOSED_CLIENT] + totals[COUNTER_CLOSED_CRASH]);
	ck_assert_uint_le(totals[COUNTER_CLOSED_CRASH], 1);
}
END_TEST

/* --- the connections, for people ----------------------------------------- */

#define MANY	700		/* more than are read at once */

/* Every third is of service 1, every fifth has gone again. */
static void
open_mixed(struct conntable *t)
{
	struct conn_entry *e;
	int i;

	ck_assert_int_eq(scoreboard_claim(&sb, 1, 1000, t), 0);
	for (i = 0; i < MANY; i++) {
		ck_assert_ptr_nonnull(e = conntable_take(t));
		memset(e, 0, sizeof(*e));
		e->port = (uint16_t)(i + 1);
		conntable_open(t, e, i % 3 == 0);
	}
	for (i = 0; i < MANY; i += 5)
		conntable_close(t, &t->entries[i], COUNTER_CLOSED_CLIENT);
}

static bool
is_listed(int i, uint32_t service)
{
	return i % 5 != 0 && (service == SCOREBOARD_ALL ||
	    service == (uint32_t)(i % 3 == 0));
}

static const struct {
	uint32_t service;
	size_t page;
} listings[] = {
	{ SCOREBOARD_ALL, 1000 }, { SCOREBOARD_ALL, 1 }, { SCOREBOARD_ALL, 7 },
	{ SCOREBOARD_ALL, 256 }, { 0, 50 }, { 1, 3 }, { 1, 1000 }, { 2, 10 },
	{ SERVICES, 10 },
};

/* In pages of any size: each that is open, once, in the order of the table. */
START_TEST(test_scoreboard_connections)
{
	uint32_t service = listings[_i].service, from = 0;
	struct conn_entry to[1000];
	struct conntable t;
	size_t n, k;
	int i = 0;

	open_mixed(&t);
	while (from != SCOREBOARD_END) {
		n = scoreboard_connections(&sb, 1, service, &from, to,
		    listings[_i].page);
		ck_assert_uint_le(n, listings[_i].page);
		for (k = 0; k < n; k++, i++) {
			while (!is_listed(i, service))
				i++;
			ck_assert_uint_eq(to[k].port, (uint16_t)(i + 1));
		}
	}
	while (i < MANY && !is_listed(i, service))
		i++;
	ck_assert_int_eq(i, MANY);
	/* A slot that nobody ever had. */
	from = 0;
	ck_assert_uint_eq(scoreboard_connections(&sb, 3, service, &from, to,
	    9), 0);
	ck_assert_uint_eq(from, SCOREBOARD_END);
}
END_TEST

/* A place to go on from that is none, and a table that is no table. */
/* How many of each service, and since when the oldest is open. */
START_TEST(test_scoreboard_rests)
{
	struct scoreboard_rest rests[SERVICES] = { { 0 } }, sum = { 0 };
	struct conn_entry *e;
	struct conntable t;
	uint64_t i;

	ck_assert_int_eq(scoreboard_claim(&sb, 2, 1000, &t), 0);
	for (i = 0; i < 700; i++) {
		ck_assert_ptr_nonnull(e = conntable_take(&t));
		memset(e, 0, sizeof(*e));
		e->opened = 5000 - i;
		conntable_open(&t, e, i == 0 ? 2 : 1);
	}
	scoreboard_add_rests(&sb, 0, rests);
	scoreboard_add_rests(&sb, SLOTS, rests);
	scoreboard_join_rest(&sum, &rests[1]);
	ck_assert_uint_eq(sum.open + sum.opened, 0);
	scoreboard_add_rests(&sb, 2, rests);
	ck_assert_uint_eq(rests[0].open, 0);
	ck_assert_uint_eq(rests[0].opened, 0);
	ck_assert_uint_eq(rests[1].open, 699);
	ck_assert_uint_eq(rests[1].opened, 5000 - 699);
	ck_assert_uint_eq(rests[2].open, 1);
	ck_assert_uint_eq(rests[2].opened, 5000);
	scoreboard_join_rest(&sum, &rests[2]);
	scoreboard_join_rest(&sum, &rests[0]);
	scoreboard_join_rest(&sum, &rests[1]);
	ck_assert_uint_eq(sum.open, 700);
	ck_assert_uint_eq(sum.opened, 5000 - 699);
}
END_TEST

START_TEST(test_scoreboard_connections_hostile)
{
	struct conn_entry to[10];
	struct conntable t;
	uint32_t from = CAPACITY, pages = 0;

	open_mixed(&t);
	ck_assert_uint_eq(scoreboard_connections(&sb, 1, SCOREBOARD_ALL, &from,
	    to, 10), 0);
	ck_assert_uint_eq(from, SCOREBOARD_END);
	scoreboard_slot(&sb, 1)->journal.used = UINT32_MAX;
	t.entries[1].service = UINT16_MAX;
	for (from = 0; from != SCOREBOARD_END && pages < CAPACITY; pages++)
		scoreboard_connections(&sb, 1, SCOREBOARD_ALL, &from, to, 10);
	ck_assert_uint_eq(from, SCOREBOARD_END);
	ck_assert_uint_le(pages, MANY / 10 + 1);
}
END_TEST

/* What is not there is not read, however many entries a process says it has. */
START_TEST(test_scoreboard_connections_sparse)
{
	struct scoreboard large;
	struct conn_entry to[10], *e;
	struct conntable t;
	uint32_t from = 0;

	ck_assert_int_eq(scoreboard_create(&large, 2, 1, 1 << 20, 0), 0);
	ck_assert_int_eq(scoreboard_claim(&large, 1, 1000, &t), 0);
	ck_assert_ptr_nonnull(e = conntable_take(&t));
	memset(e, 0, sizeof(*e));
	conntable_open(&t, e, 0);
	scoreboard_slot(&large, 0)->journal.used = UINT32_MAX;
	scoreboard_slot(&large, 1)->journal.used = UINT32_MAX;
	ck_assert_uint_eq(scoreboard_connections(&large, 1, SCOREBOARD_ALL,
	    &from, to, 10), 1);
	ck_assert_uint_eq(from, SCOREBOARD_END);
	from = 0;
	ck_assert_uint_eq(scoreboard_connections(&large, 0, SCOREBOARD_ALL,
	    &from, to, 10), 0);
	ck_assert_uint_eq(from, SCOREBOARD_END);
	scoreboard_close(&large);
}
END_TEST

/* Who asks for a slot that there is not learns that there is nothing. */
START_TEST(test_scoreboard_connections_wrong_slot)
{
	static const uint32_t wrong[] = { SLOTS, SLOTS + 1, UINT32_MAX };
	struct conn_entry e;
	uint32_t from = 0;

	open_many(0, 0, 1);
	ck_assert_uint_eq(scoreboard_connections(&sb, wrong[_i],
	    SCOREBOARD_ALL, &from, &e, 1), 0);
	ck_assert_uint_eq(from, SCOREBOARD_END);
	ck_assert_int_eq(scoreboard_find(&sb, wrong[_i], 4, &e), -1);
	ck_assert_int_eq(scoreboard_serving(&sb, wrong[_i], &e), -1);
}
END_TEST

START_TEST(test_scoreboard_find)
{
	struct conn_entry e;
	struct conntable t;
	uint64_t id;
	int i;

	open_mixed(&t);
	for (i = 1; i < MANY; i += 31) {
		id = t.entries[i].id;
		ck_assert_int_eq(scoreboard_find(&sb, 1, id, &e),
		    i % 5 == 0 ? -1 : 0);
		if (i % 5 != 0)
			ck_assert_uint_eq(e.port, (uint16_t)(i + 1));
		ck_assert_int_eq(scoreboard_find(&sb, 2, id, &e), -1);
	}
	ck_assert_int_eq(scoreboard_find(&sb, 1, 0, &e), -1);
	ck_assert_int_eq(scoreboard_find(&sb, 1, UINT64_MAX, &e), -1);
}
END_TEST

START_TEST(test_scoreboard_serving)
{
	uint64_t *serving = &scoreboard_slot(&sb, 1)->serving;
	struct conn_entry e;
	struct conntable t;

	open_mixed(&t);
	ck_assert_uint_eq(*serving, SLOT_NONE);
	ck_assert_int_eq(scoreboard_serving(&sb, 1, &e), -1);
	*serving = 7 * sizeof(e);
	ck_assert_int_eq(scoreboard_serving(&sb, 1, &e), 0);
	ck_assert_uint_eq(e.port, 8);
	/* Closed meanwhile, or never there. */
	*serving = 5 * sizeof(e);
	ck_assert_int_eq(scoreboard_serving(&sb, 1, &e), -1);
	*serving = MANY * sizeof(e);
	ck_assert_int_eq(scoreboard_serving(&sb, 1, &e), -1);
	*serving = CAPACITY * sizeof(e);
	ck_assert_int_eq(scoreboard_serving(&sb, 1, &e), -1);
	*serving = UINT64_MAX - 1;
	ck_assert_int_eq(scoreboard_serving(&sb, 1, &e), -1);
	t.entries[7].service = SERVICES;
	*serving = 7 * sizeof(e);
	ck_assert_int_eq(scoreboard_serving(&sb, 1, &e), -1);
}
END_TEST

START_TEST(test_scoreboard_is_sealed)
{
	ck_assert_int_eq(ftruncate(sb.segment.fd, 0), -1);
	ck_assert_int_eq(errno, EPERM);
	ck_assert_int_eq(ftruncate(sb.connections.fd, 0), -1);
	ck_assert_int_eq(errno, EPERM);
	ck_assert_int_eq(ftruncate(sb.ledger.segment.fd, 0), -1);
	ck_assert_int_eq(errno, EPERM);
}
END_TEST

/* Numbers of connections begin behind one that is given, in every slot. */
START_TEST(test_scoreboard_number_from)
{
	const uint64_t from = (1ULL << 40) + 1;
	struct conn_entry *e;
	struct conntable t;
	uint32_t slot;
	uint64_t last = 0;

	scoreboard_number_from(&sb, from);
	for (slot = 0; slot < SLOTS; slot++) {
		ck_assert_int_eq(scoreboard_claim(&sb, slot, 1000, &t), 0);
		e = conntable_take(&t);
		ck_assert_ptr_nonnull(e);
		conntable_open(&t, e, 0);
		ck_assert_uint_gt(e->id, from);
		ck_assert_uint_eq(e->id % SLOTS, slot);
		last = e->id > last ? e->id : last;
	}
	ck_assert_uint_eq(scoreboard_last_number(&sb), last);
}
END_TEST

START_TEST(test_scoreboard_close)
{
	int before;
	struct scoreboard other;

	before = helper_descriptors();
	ck_assert_int_eq(scoreboard_create(&other, 1, 1, 1, 0), 0);
	ck_assert_int_gt(helper_descriptors(), before);
	scoreboard_close(&other);
	scoreboard_close(&other);
	ck_assert_int_eq(helper_descriptors(), before);
}
END_TEST

int
main(void)
{
	TCase *tc;
	Suite *s = unit_suite("scoreboard", &tc);

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, test_scoreboard_rows);
	tcase_add_test(tc, test_scoreboard_threads);
	tcase_add_test(tc, test_scoreboard_add);
	tcase_add_test(tc, test_scoreboard_wrong_arguments);
	tcase_add_test(tc, test_scoreboard_hostile_table);
	tcase_add_test(tc, test_scoreboard_claim);
	tcase_add_test(tc, test_scoreboard_settle);
	tcase_add_test(tc, test_scoreboard_claim_waits_so_long);
	tcase_add_test(tc, test_scoreboard_reads_beside_the_lock);
	tcase_add_test(tc, test_scoreboard_never_more_ends);
	tcase_add_loop_test(tc, test_scoreboard_connections, 0,
	    UNIT_COUNT(listings));
	tcase_add_test(tc, test_scoreboard_rests);
	tcase_add_test(tc, test_scoreboard_connections_hostile);
	tcase_add_test(tc, test_scoreboard_connections_sparse);
	tcase_add_loop_test(tc, test_scoreboard_connections_wrong_slot, 0, 3);
	tcase_add_test(tc, test_scoreboard_find);
	tcase_add_test(tc, test_scoreboard_serving);
	tcase_add_test(tc, test_scoreboard_number_from);
	tcase_add_test(tc, test_scoreboard_is_sealed);
	tcase_add_test(tc, test_scoreboard_close);
	return unit_run(s);
}
