/* SPDX-License-Identifier: ISC */
/*
 * shm/conntable: entries, what is booked, and recovery from a half step.
 * Being killed in earnest is check_crash's, what they hold of the limits
 * check_conntable_holds'.
 */
#include "shm/conntable.h"

#include <sys/socket.h>

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

#include "shm/scoreboard.h"
#include "unit.h"

#define SLOTS		3
#define SLOT		1
#define SERVICES	2
#define CAPACITY	10000

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

/* Another process would see the same: what is in the shared memory. */
static uint64_t
count(uint32_t service, enum counter c)
{
	return scoreboard_row(&sb, SLOT, service)[c];
}

static uint64_t
active(uint32_t service)
{
	uint64_t n[SERVICES] = { 0 };

	scoreboard_add_active(&sb, SLOT, n);
	return n[service];
}

static uint64_t
closed(uint32_t service)
{
	uint64_t n = 0;
	int c;

	for (c = 0; c < COUNTERS; c++)
		if (COUNTER_IS_CLOSED(c))
			n += count(service, (enum counter)c);
	return n;
}

static struct conn_entry *
open_one(uint32_t service)
{
	struct conn_entry *e = conntable_take(&table);

	ck_assert_ptr_nonnull(e);
	memset(e, 0, sizeof(*e));
	conntable_open(&table, e, service);
	return e;
}

/* The slot's next process. */
static void
succeed(void)
{
	ck_assert_int_eq(scoreboard_claim(&sb, SLOT, 1000, &table), 0);
}

static void
assert_balanced(void)
{
	uint32_t s;

	for (s = 0; s < SERVICES; s++)
		ck_assert_uint_eq(count(s, COUNTER_ACCEPTED),
		    closed(s) + active(s));
}

START_TEST(test_conntable_take_all)
{
	struct conn_entry *e, *last = NULL;
	int i;

	for (i = 0; i < CAPACITY; i++) {
		errno = 0;
		e = conntable_take(&table);
		ck_assert_msg(e != NULL, "entry %d: errno %d", i, errno);
		ck_assert_ptr_ne(e, last);
		memset(e, 0, sizeof(*e));
		conntable_open(&table, e, 0);
		last = e;
	}
	ck_assert_uint_eq(active(0), CAPACITY);
	errno = 0;
	ck_assert_ptr_null(conntable_take(&table));
	ck_assert_int_eq(errno, ENOSPC);

	/* One that is closed, and let go of, makes room for one. */
	conntable_close(&table, last, COUNTER_CLOSED_CLIENT);
	ck_assert_ptr_null(conntable_take(&table));
	conntable_release(&table, last);
	ck_assert_ptr_eq(conntable_take(&table), last);
	ck_assert_ptr_null(conntable_take(&table));
	conntable_release(&table, last);
	assert_balanced();
}
END_TEST

START_TEST(test_conntable_taken_is_not_booked)
{
	struct conn_entry *e = conntable_take(&table), *f;

	f = conntable_take(&table);
	ck_assert_ptr_ne(e, f);
	conntable_release(&table, e);
	conntable_release(&table, f);
	ck_assert_ptr_eq(conntable_take(&table), f);
	ck_assert_ptr_eq(conntable_take(&table), e);
	ck_assert_uint_eq(count(0, COUNTER_ACCEPTED), 0);
	ck_assert_uint_eq(active(0), 0);

	/* Nor after the death of who took it. */
	succeed();
	ck_assert_uint_eq(count(0, COUNTER_CLOSED_CRASH), 0);
	assert_balanced();
}
END_TEST

/* Every way to end is booked there and nowhere else. */
START_TEST(test_conntable_close)
{
	enum counter c = (enum counter)_i;
	uint64_t *row = scoreboard_row(&sb, SLOT, 1);
	struct conn_entry *e = open_one(1);
	int i;

	ck_assert_int_eq(e->state, CONN_STATE_OPEN);
	ck_assert_int_eq(e->service, 1);
	ck_assert_uint_eq(active(1), 1);
	ck_assert_uint_eq(active(0), 0);
	conntable_close(&table, e, c);
	ck_assert_int_eq(e->state, CONN_STATE_FREE);
	for (i = 0; i < COUNTERS; i++) {
		ck_assert_uint_eq(row[i], i == COUNTER_ACCEPTED || i == (int)c);
		ck_assert_uint_eq(count(0, (enum counter)i), 0);
	}
	ck_assert_uint_eq(active(1), 0);
}
END_TEST

/* Numbers are never given twice: not by a slot's next process, nor another. */
START_TEST(test_conntable_ids)
{
	struct conntable others[SLOTS];
	uint64_t ids[SLOTS * 10];
	struct conn_entry *e;
	int i, k, n = 0;

	for (i = 0; i < 10; i++)
		for (k = 0; k < SLOTS; k++) {
			ck_assert_int_eq(scoreboard_claim(&sb, (uint32_t)k,
			    1000, &others[k]), 0);
			e = conntable_take(&others[k]);
			memset(e, 0, sizeof(*e));
			conntable_open(&others[k], e, 0);
			ids[n++] = e->id;
		}
	for (i = 0; i < n; i++) {
		ck_assert_uint_ne(ids[i], 0);
		for (k = 0; k < i; k++)
			ck_assert_uint_ne(ids[i], ids[k]);
	}
}
END_TEST

START_TEST(test_conntable_recover)
{
	struct conn_entry *e;

	open_one(0);
	e = open_one(1);
	open_one(1);
	conntable_close(&table, e, COUNTER_CLOSED_CLIENT);
	succeed();
	ck_assert_uint_eq(count(0, COUNTER_CLOSED_CRASH), 1);
	ck_assert_uint_eq(count(1, COUNTER_CLOSED_CRASH), 1);
	ck_assert_uint_eq(active(0) + active(1), 0);
	assert_balanced();

	/* Again: there is nothing left to book. */
	conntable_recover(&table);
	succeed();
	ck_assert_uint_eq(count(1, COUNTER_CLOSED_CRASH), 1);
	ck_assert_uint_eq(count(0, COUNTER_ACCEPTED), 1);

	/* The table is whole again. */
	for (e = open_one(0); conntable_take(&table) != NULL;)
		continue;
	ck_assert_int_eq(errno, ENOSPC);
	assert_balanced();
}
END_TEST

/*
 * Death after the journal was written and before the entry (0), the counter
 * (1) or the journal's end (2) was.
 */
START_TEST(test_conntable_half_open)
{
	struct conn_entry *e = conntable_take(&table);
	struct conn_journal *j = table.journal;

	memset(e, 0, sizeof(*e));
	e->id = 77;
	j->entry = 0;
	j->service = 0;
	j->counter = COUNTER_ACCEPTED;
	j->value = 1;
	j->step = CONN_STEP_OPEN;
	if (_i > 0)
		e->state = CONN_STATE_OPEN;
	if (_i > 1)
		scoreboard_row(&sb, SLOT, 0)[COUNTER_ACCEPTED] = 1;
	succeed();
	ck_assert_uint_eq(count(0, COUNTER_ACCEPTED), 1);
	ck_assert_uint_eq(count(0, COUNTER_CLOSED_CRASH), 1);
	ck_assert_uint_eq(j->step, CONN_STEP_NONE);
	assert_balanced();
}
END_TEST

START_TEST(test_conntable_half_close)
{
	struct conn_entry *e = open_one(0);
	struct conn_journal *j = table.journal;

	j->entry = 0;
	j->service = 0;
	j->counter = COUNTER_CLOSED_TIMEOUT;
	j->value = 1;
	j->step = CONN_STEP_CLOSE;
	if (_i > 0)
		e->state = CONN_STATE_FREE;
	if (_i > 1)
		scoreboard_row(&sb, SLOT, 0)[COUNTER_CLOSED_TIMEOUT] = 1;
	succeed();
	/* Booked as what it was going to be, and only once. */
	ck_assert_uint_eq(count(0, COUNTER_CLOSED_TIMEOUT), 1);
	ck_assert_uint_eq(count(0, COUNTER_CLOSED_CRASH), 0);
	assert_balanced();
}
END_TEST

/* What a worker wrote wildly into its part harms nobody else. */
static void
poison_entry(struct conn_journal *j)
{
	j->entry = UINT32_MAX;
}

static void
poison_service(struct conn_journal *j)
{
	j->service = SERVICES;
}

static void
poison_counter(struct conn_journal *j)
{
	j->counter = COUNTERS;
}

static void
poison_step(struct conn_journal *j)
{
	j->step = UINT32_MAX;
	j->entry = CAPACITY;
}

static void
poison_used(struct conn_journal *j)
{
	j->used = UINT32_MAX;
}

static void
poison_states(struct conn_journal *j)
{
	memset(table.entries, 0xff, sizeof(*table.entries));
	table.entries[0].state = CONN_STATE_OPEN;
}

static void (*const poisons[])(struct conn_journal *) = {
	poison_entry, poison_service, poison_counter, poison_step,
	poison_used, poison_states,
};

START_TEST(test_conntable_hostile)
{
	struct conn_journal *j = table.journal;
	struct conntable neighbour;
	struct conn_entry *e;
	uint64_t *row;
	int slot, i;

	open_one(0);
	ck_assert_int_eq(scoreboard_claim(&sb, SLOT + 1, 1000, &neighbour), 0);
	e = conntable_take(&neighbour);
	memset(e, 0, sizeof(*e));
	conntable_open(&neighbour, e, 0);
	j->value = 4711;
	j->step = CONN_STEP_OPEN;
	poisons[_i](j);
	succeed();
	ck_assert_uint_eq(j->step, CONN_STEP_NONE);
	ck_assert_uint_eq(j->used, 0);
	ck_assert_uint_eq(active(0), 0);
	ck_assert_int_eq(e->state, CONN_STATE_OPEN);
	for (slot = 0; slot < SLOTS; slot += 2) {
		row = scoreboard_row(&sb, (uint32_t)slot, 0);
		for (i = 0; i < COUNTERS; i++)
			ck_assert_uint_eq(row[i], slot == SLOT + 1 &&
			    i == COUNTER_ACCEPTED);
	}
	/* And the slot works. */
	conntable_close(&table, open_one(1), COUNTER_CLOSED_CLIENT);
	ck_assert_uint_eq(count(1, COUNTER_CLOSED_CLIENT), 1);
}
END_TEST

/* --- who it is ----------------------------------------------------------- */

static const struct {
	uint8_t family;
	const char *ip;
	uint16_t port;
	const char *text;
} peers[] = {
	{ AF_INET, "127.0.0.1", 40000, "127.0.0.1:40000" },
	{ AF_INET, "255.255.255.255", 65535, "255.255.255.255:65535" },
	{ AF_INET6, "::1", 1, "[::1]:1" },
	{ AF_INET6, "1111:2222:3333:4444:5555:6666:7777:8888", 65535,
	    "[1111:2222:3333:4444:5555:6666:7777:8888]:65535" },
	{ AF_INET6, "::ffff:192.0.2.1", 0, "[::ffff:192.0.2.1]:0" },
};

START_TEST(test_conntable_peer)
{
	struct conn_entry e = { .family = peers[_i].family,
	    .port = peers[_i].port };
	char buf[64], small[8];

	inet_pton(peers[_i].family, peers[_i].ip, e.address);
	ck_assert_ptr_eq(conntable_peer(&e, buf, sizeof(buf)), buf);
	ck_assert_str_eq(buf, peers[_i].text);
	conntable_peer(&e, small, sizeof(small));
	ck_assert_uint_le(strlen(small), 7);
	ck_assert_int_eq(strncmp(small, buf, strlen(small)), 0);
}
END_TEST

/* Who reads it has the peer again. */
START_TEST(test_conntable_read_peer)
{
	struct conn_entry e = { .family = peers[_i].family,
	    .port = peers[_i].port }, back;
	char buf[64];

	inet_pton(peers[_i].family, peers[_i].ip, e.address);
	conntable_peer(&e, buf, sizeof(buf));
	ck_assert_int_eq(conntable_read_peer(buf, &back), 0);
	ck_assert_int_eq(back.family, e.family);
	ck_assert_int_eq(back.port, e.port);
	ck_assert_mem_eq(back.address, e.address, sizeof(e.address));
}
END_TEST

static const char *const no_peers[] = {
	"", ":", "[", "[]", "[]:", "[]:1", "1", "127.0.0.1", "127.0.0.1:",
	":7007", "127.0.0.1:65536", "127.0.0.1:-1", "127.0.0.1:x",
	"127.0.0.1:1x", "127.0.0:1", "127.0.0.1.1:1", "localhost:1", "::1:1",
	"[::1:1", "::1]:1", "[127.0.0.1]:1", "[::1]", "[::1]:65536", "[::g]:1",
	"[1111:2222:3333:4444:5555:6666:7777:8888:9999:aaaa:bbbb:cccc]:1",
	"1111111111111111111111111111111111111111111111111111111111111111:1",
	"unix:", "unix:/run/x", "unix:uid=", "unix:uid=x,pid=1",
	"unix:uid=1,pid=", "unix:uid=1,pid=1x", "unix:uid=1;pid=1",
};

START_TEST(test_conntable_read_no_peer)
{
	struct conn_entry e;

	ck_assert_int_eq(conntable_read_peer(no_peers[_i], &e), -1);
}
END_TEST

START_TEST(test_conntable_peer_unix)
{
	const struct ucred cred = { .pid = 42, .uid = UINT32_MAX - 1 };
	struct conn_entry e = { .family = AF_UNIX }, back;
	struct ucred read;
	char buf[64];

	memcpy(e.address, &cred, sizeof(cred));
	ck_assert_str_eq(conntable_peer(&e, buf, sizeof(buf)),
	    "unix:uid=4294967294,pid=42");
	ck_assert_int_eq(conntable_read_peer(buf, &back), 0);
	ck_assert_int_eq(back.family, AF_UNIX);
	memcpy(&read, back.address, sizeof(read));
	ck_assert_uint_eq(read.uid, cred.uid);
	ck_assert_int_eq(read.pid, cred.pid);
	/* A family that none is, by a hostile process: still a string. */
	e.family = UINT8_MAX;
	ck_assert_str_eq(conntable_peer(&e, buf, sizeof(buf)),
	    "unix:uid=4294967294,pid=42");
}
END_TEST

/* Shown as closing, unless whoever serves it has said more. */
START_TEST(test_conntable_show_closing)
{
	static const int phases[][2] = {
		{ CONN_PHASE_OPEN, CONN_PHASE_CLOSING },
		{ CONN_PHASE_PAUSED, CONN_PHASE_CLOSING },
		{ CONN_PHASE_CLOSING, CONN_PHASE_CLOSING },
		{ CONN_PHASE_LINGERING, CONN_PHASE_LINGERING },
		{ CONN_PHASE_ENDED + 7, CONN_PHASE_ENDED + 7 },
	};
	struct conn_entry e = { .family = AF_UNIX };
	size_t i;

	for (i = 0; i < UNIT_COUNT(phases); i++) {
		conntable_set_phase(&e, phases[i][0]);
		conntable_show_closing(&e);
		ck_assert_int_eq(e.phase, phases[i][1]);
	}
}
END_TEST

int
main(void)
{
	TCase *tc;
	Suite *s = unit_suite("conntable", &tc);

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, test_conntable_take_all);
	tcase_add_test(tc, test_conntable_taken_is_not_booked);
	tcase_add_loop_test(tc, test_conntable_close, COUNTER_CLOSED_CLIENT,
	    COUNTER_CLOSED_CRASH + 1);
	tcase_add_test(tc, test_conntable_ids);
	tcase_add_test(tc, test_conntable_recover);
	tcase_add_loop_test(tc, test_conntable_half_open, 0, 3);
	tcase_add_loop_test(tc, test_conntable_half_close, 0, 3);
	tcase_add_loop_test(tc, test_conntable_hostile, 0, UNIT_COUNT(poisons));
	tcase_add_loop_test(tc, test_conntable_peer, 0, UNIT_COUNT(peers));
	tcase_add_loop_test(tc, test_conntable_read_peer, 0,
	    UNIT_COUNT(peers));
	tcase_add_loop_test(tc, test_conntable_read_no_peer, 0,
	    UNIT_COUNT(no_peers));
	tcase_add_test(tc, test_conntable_peer_unix);
	tcase_add_test(tc, test_conntable_show_closing);
	return unit_run(s);
}
