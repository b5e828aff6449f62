/* SPDX-License-Identifier: ISC */
/*
 * net/letter: who gets what of a letter, and letters that are none.
 */
#include "net/letter.h"

#include <string.h>

#include "fake_net.h"
#include "net/mailbox.h"
#include "unit.h"

/* Of fake_net: the service is number 1, the slot 1 of 2. */
#define SERVICE	1

static struct peer *peers[3];
static char letter[4 * MAILBOX_LETTER];
static size_t length;
static int relayed;
static struct letter_part relayed_last;

static void
setup(void)
{
	int i;

	fake_start(PRONG_LINE);
	for (i = 0; i < UNIT_COUNT(peers); i++)
		peers[i] = peer_unix();
}

static void
teardown(void)
{
	int i;

	for (i = 0; i < UNIT_COUNT(peers); i++)
		peer_free(peers[i]);
	fake_stop();
}

static void
relay(const struct letter_part *p)
{
	relayed++;
	relayed_last = *p;
}

static struct letter_head *
add(enum letter_kind kind, uint64_t id, const char *text)
{
	struct letter_head *head = (void *)(letter + length);
	const struct letter_head h = {
		.id = id, .kind = (uint16_t)kind, .service = SERVICE,
		.length = (uint32_t)strlen(text),
	};

	memcpy(letter + length, &h, sizeof(h));
	memcpy(letter + length + sizeof(h), text, strlen(text));
	length += sizeof(h) + strlen(text);
	return head;
}

static void
deliver(void)
{
	letter_deliver(fake.net, letter, length, relay);
	fake_settle();
}

START_TEST(test_letter_kinds)
{
	add(LETTER_ONE, peers[0]->conn->entry->id, "to zero");
	add(LETTER_ALL, 0, "to all");
	add(LETTER_ALL, peers[1]->conn->entry->id, "not to one");
	add(LETTER_ONE, peers[2]->conn->entry->id, "to two");
	add(LETTER_ALL, 0, "to all again");
	deliver();
	peer_expect(peers[0], "to zero\nto all\nnot to one\nto all again\n");
	peer_expect(peers[1], "to all\nto all again\n");
	peer_expect(peers[2], "to all\nnot to one\nto two\nto all again\n");
	ck_assert_int_eq(relayed, 0);
}
END_TEST

START_TEST(test_letter_nobody)
{
	uint64_t gone = peers[0]->conn->entry->id;
	uint16_t other = SERVICE + 1;

	conn_end(peers[0]->conn, COUNTER_CLOSED_SERVER);
	add(LETTER_ONE, gone, "gone");
	add(LETTER_ONE, gone + 2 * 1000, "never was");
	memcpy((char *)add(LETTER_ALL, 0, "of another service") +
	    offsetof(struct letter_head, service), &other, sizeof(other));
	deliver();
	peer_expect(peers[1], "");
	ck_assert_int_eq(relayed, 0);
}
END_TEST

START_TEST(test_letter_relay)
{
	add(LETTER_ONE, peers[0]->conn->entry->id + 1, "another slot's");
	deliver();
	ck_assert_int_eq(relayed, 1);
	length = 0;
	add(LETTER_RELAY, 7, "everybody's");
	deliver();
	ck_assert_int_eq(relayed, 2);
	ck_assert_int_eq(relayed_last.head.kind, LETTER_RELAY);
	ck_assert_uint_eq(relayed_last.head.id, 7);
	ck_assert_uint_eq(relayed_last.head.length, 11);
	peer_expect(peers[0], "");
}
END_TEST

/* Cut anywhere: what is whole counts, and nothing beyond is looked at. */
START_TEST(test_letter_cut)
{
	size_t first, all;

	add(LETTER_ALL, 0, "first");
	first = length;
	add(LETTER_ALL, 0, "second");
	all = length;
	for (length = 0; length < all; length++) {
		char *cut = malloc(length + 1);

		ck_assert_ptr_nonnull(cut);
		memcpy(cut, letter, length);
		letter_deliver(fake.net, cut, length, relay);
		free(cut);
	}
	fake_settle();
	ck_assert_uint_eq(peers[0]->length, (all - first) * 6);
}
END_TEST

START_TEST(test_letter_lies)
{
	static const uint32_t lengths[] = { 6, 65537, 0x7fffffff, 0xffffffff };
	struct letter_head h;
	char *copy;
	size_t i;

	for (i = 0; i < UNIT_COUNT(lengths); i++) {
		length = 0;
		add(LETTER_ALL, 0, "lies!");
		memcpy(&h, letter, sizeof(h));
		h.length = lengths[i];
		copy = malloc(length);
		ck_assert_ptr_nonnull(copy);
		memcpy(copy, letter, length);
		memcpy(copy, &h, sizeof(h));
		letter_deliver(fake.net, copy, length, relay);
		free(copy);
	}
	length = 0;
	add((enum letter_kind)77, 0, "of no kind");
	add(LETTER_ALL, 0, "after it");
	deliver();
	peer_expect(peers[0], "after it\n");
}
END_TEST

START_TEST(test_letter_fit)
{
	static char large[PRONG_POST_MAX + 1];
	size_t one;

	ck_assert_uint_eq(letter_fit(letter, 0), 0);
	memset(large, 'x', PRONG_POST_MAX);
	add(LETTER_ALL, 0, large);
	one = length;
	ck_assert_uint_eq(letter_fit(letter, length), length);
	add(LETTER_ALL, 0, "x");
	ck_assert_uint_eq(letter_fit(letter, length), length);
	add(LETTER_ALL, 0, large);
	ck_assert_uint_eq(letter_fit(letter, length), one + 17);
}
END_TEST

/* A message that ends another connection of those that are to get it. */
static void
end_all(struct prong_conn *c)
{
	int i;

	fake.closed = NULL;
	for (i = 0; i < UNIT_COUNT(peers); i++)
		conn_end(peers[i]->conn, COUNTER_CLOSED_SERVER);
}

START_TEST(test_letter_ends)
{
	int i;

	fake.closed = end_all;
	for (i = 0; i < UNIT_COUNT(peers); i++)
		peer_close(peers[i]);
	add(LETTER_ALL, 0, "x");
	add(LETTER_ALL, 0, "y");
	letter_deliver(fake.net, letter, length, relay);
	ck_assert_int_eq(fake.closes, UNIT_COUNT(peers));
	letter_deliver(fake.net, letter, length, relay);
}
END_TEST

static void
note_brought(struct prong_conn *c, const void *data, size_t len)
{
	snprintf(fake.heard + strlen(fake.heard), 20, "<%.*s>", (int)len,
	    (const char *)data);
}

START_TEST(test_letter_away)
{
	static const struct conn_away away = { note_brought };

	peers[1]->conn->away = &away;
	add(LETTER_ALL, 0, "a");
	add(LETTER_ONE, peers[1]->conn->entry->id, "b");
	deliver();
	peer_expect(peers[0], "a\n");
	peer_expect(peers[1], "");
	ck_assert_str_eq(fake.heard, "<a><b>");
	peers[1]->conn->away = NULL;
}
END_TEST

int
main(void)
{
	TCase *tc;
	Suite *s = unit_suite("letter", &tc);

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, test_letter_kinds);
	tcase_add_test(tc, test_letter_nobody);
	tcase_add_test(tc, test_letter_relay);
	tcase_add_test(tc, test_letter_cut);
	tcase_add_test(tc, test_letter_lies);
	tcase_add_test(tc, test_letter_fit);
	tcase_add_test(tc, test_letter_ends);
	tcase_add_test(tc, test_letter_away);
	return unit_run(s);
}
