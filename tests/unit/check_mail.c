/* SPDX-License-Identifier: ISC */
/*
 * net/mail: what was posted to a connection, and when it is sent.
 */
#include "net/mail.h"

#include <errno.h>
#include <string.h>

#include "fake_net.h"
#include "unit.h"

static struct peer *peer;
static struct mails *mails;

static void
setup(void)
{
	fake_start(PRONG_NETSTRING);
	peer = peer_tcp();
}

static void
teardown(void)
{
	mails_free(&mails);
	peer_free(peer);
	fake_stop();
}

static void
expect_first(const char *text)
{
	size_t len;
	const void *data = mails_first(mails, &len);

	ck_assert_uint_eq(len, strlen(text));
	ck_assert(memcmp(data, text, len) == 0);
	mails_drop(&mails);
}

START_TEST(test_mail_queue)
{
	struct mails *other = NULL;

	ck_assert_uint_eq(mails_bytes(NULL), 0);
	ck_assert_int_eq(mails_add(&mails, "one", 3), 0);
	ck_assert_int_eq(mails_add(&mails, NULL, 0), 0);
	ck_assert_int_eq(mails_add(&other, "three", 5), 0);
	mails_move(&mails, &other);
	ck_assert_ptr_null(other);
	mails_move(&mails, &other);
	mails_move(&other, &mails);
	ck_assert_ptr_null(mails);
	mails_move(&mails, &other);
	ck_assert_uint_gt(mails_bytes(mails), 8);
	expect_first("one");
	expect_first("");
	expect_first("three");
	ck_assert_ptr_null(mails);
}
END_TEST

START_TEST(test_mail_queue_full)
{
	static char large[64 * 1024];
	int i;

	for (i = 0; mails_add(&mails, large, sizeof(large)) == 0; i++)
		ck_assert_int_lt(i, 16);
	ck_assert_int_eq(errno, ENOBUFS);
	ck_assert_int_eq(i, 15);
	ck_assert_uint_le(mails_bytes(mails), MAILS_MAX);
}
END_TEST

START_TEST(test_mail_give)
{
	mail_give(peer->conn, "hello", 5);
	/* At once, and not with the next event of the connection. */
	ck_assert_uint_eq(fake_count(COUNTER_BYTES_OUT), 8);
	mail_give(peer->conn, "", 0);
	ck_assert_int_eq(mails_add(&mails, "a", 1), 0);
	ck_assert_int_eq(mails_add(&mails, "b", 1), 0);
	mail_give_all(peer->conn, &mails);
	ck_assert_ptr_null(mails);
	fake_settle();
	peer_expect(peer, "5:hello,0:,1:a,1:b,");
}
END_TEST

START_TEST(test_mail_give_closing)
{
	conn_close(peer->conn, COUNTER_CLOSED_SERVER);
	mail_give(peer->conn, "late", 4);
	ck_assert_int_eq(mails_add(&mails, "later", 5), 0);
	mail_give_all(peer->conn, &mails);
	ck_assert_ptr_null(mails);
	fake_settle();
	peer_expect(peer, "");
}
END_TEST

static bool
has_everything(void)
{
	return peer->length > 6 && memcmp(peer->got + peer->length - 6,
	    "3:end,", 6) == 0;
}

/* Above high water it waits, and goes out when there is room, in order. */
START_TEST(test_mail_held)
{
	static char large[1024 * 1024];

	peer_stall(peer);
	memset(large, 'x', sizeof(large));
	ck_assert_int_eq(prong_send(peer->conn, large, sizeof(large)), 0);
	ck_assert(prong_is_full(peer->conn));
	mail_give(peer->conn, "1", 1);
	mail_give(peer->conn, "2", 1);
	mail_give(peer->conn, "end", 3);
	ck_assert_uint_gt(mails_bytes(peer->conn->held), 5);
	peer_resume(peer);
	fake_run_until(has_everything);
	ck_assert_ptr_null(peer->conn->held);
	ck_assert_int_eq(memcmp(peer->got + peer->length - 14,
	    "1:1,1:2,3:end,", 14), 0);
	ck_assert_uint_eq(peer->length, 8 + sizeof(large) + 1 + 14);
}
END_TEST

/* One that never reads ends, and what was held for it is freed. */
START_TEST(test_mail_overflow)
{
	static char large[64 * 1024];
	int i;

	peer_stall(peer);
	for (i = 0; i < 200 && fake.closes == 0; i++)
		mail_give(peer->conn, large, sizeof(large));
	ck_assert_int_lt(i, 100);
	ck_assert_uint_eq(fake_count(COUNTER_CLOSED_ERROR), 1);
	ck_assert_str_eq(fake.reported,
	    "closed: it does not read what is posted to it");
	/* What comes now is for nobody, and harms nobody. */
	mail_give(peer->conn, large, sizeof(large));
	net_end_turn(fake.net);
}
END_TEST

START_TEST(test_mail_limits_memory)
{
	static char large[64 * 1024];
	int i;

	fake.service.settings.limit_memory = 400 * 1024;
	peer_stall(peer);
	for (i = 0; i < 200 && fake.closes == 0; i++)
		mail_give(peer->conn, large, sizeof(large));
	ck_assert_uint_eq(fake_count(COUNTER_CLOSED_ERROR), 1);
	ck_assert_str_eq(fake.reported,
	    "closed: it would hold more than limits.memory");
	net_end_turn(fake.net);
}
END_TEST

int
main(void)
{
	TCase *tc;
	Suite *s = unit_suite("mail", &tc);

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, test_mail_queue);
	tcase_add_test(tc, test_mail_queue_full);
	tcase_add_test(tc, test_mail_give);
	tcase_add_test(tc, test_mail_give_closing);
	tcase_add_test(tc, test_mail_held);
	tcase_add_test(tc, test_mail_overflow);
	tcase_add_test(tc, test_mail_limits_memory);
	return unit_run(s);
}
