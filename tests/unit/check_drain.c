/* SPDX-License-Identifier: ISC */
/*
 * net/drain and net/conn_drain: the phases of a service's drain, who is at rest,
 * and how each ends.  Time stands still but for pass().
 */
#include "net/drain.h"

#include "fake_net.h"
#include "unit.h"

#define SETTLE_TURNS	1000

static struct peer *peer, *other;
static uint32_t cuts, cut_connections;
static int told;

static void
end_turn(void *arg)
{
	net_end_turn(fake.net);
}

static int
echo(struct prong_conn *c, const void *data, size_t len)
{
	return conn_put(c, data, len) == -1 || conn_put(c, "\n", 1) == -1 ?
	    -1 : 0;
}

static void
note_cut(struct prong_service *s, uint32_t connections)
{
	ck_assert_ptr_eq(s, &fake.service);
	cuts++;
	cut_connections = connections;
}

static void
note_phase(struct prong_service *s)
{
	ck_assert_ptr_eq(s, &fake.service);
	told++;
}

static void
setup(void)
{
	fake_start(PRONG_LINE);
	fake.message = echo;
	fake.service.settings.drain_idle = 3000000;
	fake.service.drain.cut = note_cut;
	fake.service.drain.tell = note_phase;
	loop_on_turn(fake.loop, end_turn, NULL);
	loop_freeze(fake.loop);
	peer = peer_unix();
	other = peer_unix();
}

static void
teardown(void)
{
	peer_free(peer);
	peer_free(other);
	fake_stop();
}

/* Twice, since what a timer does at the end of a turn is seen in the next. */
static void
settle(void)
{
	ck_assert_int_eq(loop_settle(fake.loop, SETTLE_TURNS), 0);
	ck_assert_int_eq(loop_settle(fake.loop, SETTLE_TURNS), 0);
}

static void
pass(uint64_t ms)
{
	settle();
	while (ms > 0) {
		ms = loop_skip(fake.loop, ms);
		settle();
	}
}

/* Who is at rest has been so long enough, whatever was before the drain. */
START_TEST(test_drain_idle)
{
	pass(2000);
	peer_send(peer, "x\n");
	pass(500);
	drain_begin(&fake.service, 0);
	ck_assert_int_eq(fake.drains, 2);
	ck_assert_int_eq(told, 1);
	pass(499);
	ck_assert(!other->eof);
	pass(1);
	ck_assert(other->eof);
	pass(1999);
	ck_assert(!peer->eof);
	pass(1);
	ck_assert(peer->eof);
	peer_expect(peer, "x\n");
	peer_close(peer);
	peer_close(other);
	settle();
	ck_assert_uint_eq(fake_count(COUNTER_CLOSED_SERVER), 2);
	ck_assert_uint_eq(fake.service.open, 0);
}
END_TEST

/* A message is the end of the rest, and so is the start of one. */
START_TEST(test_drain_amidst)
{
	drain_begin(&fake.service, 0);
	pass(2900);
	peer_send(peer, "a\n");
	peer_send(other, "ha");
	pass(2999);
	ck_assert(!peer->eof);
	pass(1);
	ck_assert(peer->eof);
	pass(60000);
	ck_assert(!other->eof);
	peer_send(other, "lf\n");
	pass(2999);
	ck_assert(!other->eof);
	pass(1);
	ck_assert(other->eof);
	peer_expect(other, "half\n");
}
END_TEST

/* The last part: behind the next answer, or after a second at rest. */
START_TEST(test_drain_last)
{
	drain_begin(&fake.service, 8000);
	peer_send(peer, "a\n");
	peer_send(other, "a\n");
	pass(2900);
	peer_send(peer, "b\n");
	peer_send(other, "b\n");
	pass(2900);
	peer_send(peer, "c\n");
	pass(199);
	ck_assert_int_eq(fake.service.drain.phase, DRAIN_ON);
	pass(1);
	ck_assert_int_eq(fake.service.drain.phase, DRAIN_LAST);
	ck_assert_int_eq(told, 2);
	/* Since the last answer is more than a second ago. */
	ck_assert(other->eof);
	ck_assert(!peer->eof);
	peer_send(peer, "d\ne\nand");
	pass(100);
	ck_assert(!peer->eof);
	peer_send(peer, " f\n");
	pass(0);
	ck_assert(peer->eof);
	peer_expect(peer, "a\nb\nc\nd\ne\nand f\n");
	ck_assert_int_eq(fake.drains, 2);
}
END_TEST

START_TEST(test_drain_at_once)
{
	fake.service.settings.drain_idle = 0;
	peer_send(peer, "before\n");
	pass(50);
	drain_begin(&fake.service, 0);
	peer_send(peer, "a\nb\n");
	pass(0);
	ck_assert(peer->eof);
	peer_expect(peer, "before\na\nb\n");
	/* And who says nothing, after a moment. */
	pass(DRAIN_QUIET_MS - 51);
	ck_assert(!other->eof);
	pass(1);
	ck_assert(other->eof);
}
END_TEST

/* What comes after the end is read, and the peer is not reset. */
START_TEST(test_drain_lingers)
{
	drain_begin(&fake.service, 0);
	pass(3000);
	ck_assert(peer->eof);
	ck_assert_uint_eq(fake_active(), 2);
	peer_send(peer, "late\n");
	settle();
	ck_assert_int_eq(fake.messages, 0);
	pass(CONN_LINGER_MS - 1);
	ck_assert_uint_eq(fake_active(), 2);
	pass(1);
	ck_assert_uint_eq(fake_active(), 0);
	ck_assert_uint_eq(fake_count(COUNTER_CLOSED_SERVER), 2);
}
END_TEST

/* What has come is looked for before one is closed. */
START_TEST(test_drain_unread)
{
	drain_begin(&fake.service, 0);
	pass(2999);
	/* The timer and the message are due in the same turn. */
	peer_send(peer, "just in time\n");
	ck_assert_uint_eq(loop_skip(fake.loop, 1), 0);
	settle();
	ck_assert(!peer->eof);
	peer_expect(peer, "just in time\n");
	ck_assert(other->eof);
}
END_TEST

/* The limit: who is in the midst of something is ended, and told of once. */
START_TEST(test_drain_cut)
{
	peer_send(peer, "ha");
	drain_begin(&fake.service, 4000);
	peer_send(other, "a\n");
	pass(3999);
	ck_assert_uint_eq(cuts, 0);
	ck_assert(other->eof);
	pass(1);
	ck_assert_uint_eq(cuts, 1);
	/* The other one was still lingering. */
	ck_assert_uint_eq(cut_connections, 2);
	ck_assert(peer->eof);
	ck_assert(!peer->reset);
	ck_assert_uint_eq(fake_active(), 0);
	ck_assert_str_eq(fake_counts(), "accepted=2 closed_server=2 "
	    "messages=1 bytes_in=4 bytes_out=2");
	ck_assert_int_eq(told, 3);
	/* It is over; one that comes later is ended at the next look. */
	peer_free(peer);
	peer = peer_unix();
	pass(DRAIN_AGAIN_MS);
	ck_assert(peer->eof);
	ck_assert_uint_eq(cuts, 1);
}
END_TEST

/* Taken back, it has not been; and the next one is a whole one. */
START_TEST(test_drain_end)
{
	peer->conn->timeout = 20000;
	drain_begin(&fake.service, 4000);
	pass(2500);
	drain_end(&fake.service);
	drain_end(&fake.service);
	ck_assert_int_eq(told, 2);
	pass(10000);
	ck_assert(!peer->eof && !other->eof);
	peer_send(peer, "on\n");
	pass(2000);
	peer_expect(peer, "on\n");
	drain_begin(&fake.service, 0);
	/* Nothing happens while one is under way. */
	drain_begin(&fake.service, 1);
	ck_assert_int_eq(fake.drains, 4);
	settle();
	ck_assert(other->eof);
	pass(999);
	ck_assert(!peer->eof);
	pass(1);
	ck_assert(peer->eof);
	ck_assert_uint_eq(cuts, 0);
}
END_TEST

/* The idle time-out goes on in a drain, and after one. */
START_TEST(test_drain_timeout)
{
	fake.service.settings.drain_idle = 60000000;
	ck_assert_int_eq(conn_timer_set(peer->conn, 1000), 0);
	ck_assert_int_eq(conn_timer_set(other->conn, 9000), 0);
	drain_begin(&fake.service, 0);
	pass(999);
	ck_assert(!peer->eof);
	pass(1);
	ck_assert(peer->eof);
	drain_end(&fake.service);
	pass(7999);
	ck_assert(!other->eof);
	pass(1);
	ck_assert(other->eof);
	ck_assert_uint_eq(fake_count(COUNTER_CLOSED_TIMEOUT), 2);
}
END_TEST

/* Another service of the same loop goes on. */
START_TEST(test_drain_another)
{
	struct prong_service second = fake.service;

	second.home = &second;
	second.drain.tell = NULL;
	second.open = 0;
	drain_begin(&second, 100);
	pass(60000);
	ck_assert(!peer->eof && !other->eof);
	ck_assert_int_eq(fake.drains, 0);
	drain_end(&second);
}
END_TEST

/* One that is not taking its answers is not at rest. */
START_TEST(test_drain_unsent)
{
	static char much[OUTPUT_HIGH];

	peer_stall(peer);
	ck_assert_int_eq(conn_put(peer->conn, much, sizeof(much)), 0);
	drain_begin(&fake.service, 0);
	pass(60000);
	ck_assert_int_eq(peer->conn->flags & CONN_CLOSING, 0);
	peer_resume(peer);
	settle();
	ck_assert_uint_eq(peer->length, sizeof(much));
	pass(3000);
	ck_assert(peer->eof);
}
END_TEST

int
main(void)
{
	TCase *tc;
	Suite *s = unit_suite("drain", &tc);

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, test_drain_idle);
	tcase_add_test(tc, test_drain_amidst);
	tcase_add_test(tc, test_drain_last);
	tcase_add_test(tc, test_drain_at_once);
	tcase_add_test(tc, test_drain_lingers);
	tcase_add_test(tc, test_drain_unread);
	tcase_add_test(tc, test_drain_cut);
	tcase_add_test(tc, test_drain_end);
	tcase_add_test(tc, test_drain_timeout);
	tcase_add_test(tc, test_drain_another);
	tcase_add_test(tc, test_drain_unsent);
	return unit_run(s);
}
