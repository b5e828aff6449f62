/* SPDX-License-Identifier: ISC */
/*
 * net/post and net/mailbox: what is posted, in a process with the slot 1 of 2,
 * whose other slot is the test's.
 */
#include "net/post.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <unistd.h>

#include "fake_net.h"
#include "helper.h"
#include "loop/task.h"
#include "net/letter.h"
#include "unit.h"

static struct mailbox boxes[2];
static struct peer *peer;
static struct tasks tasks;
static int descriptors;

static void
setup(void)
{
	descriptors = helper_descriptors();
	ck_assert_int_eq(mailbox_open(&boxes[0]), 0);
	ck_assert_int_eq(mailbox_open(&boxes[1]), 0);
	fake_start(PRONG_LINE);
	tasks_init(&tasks, fake.loop, 0);
	tasks_set_here(&tasks);
	/* Somebody is connected there. */
	scoreboard_slot(&fake.sb, 0)->live = 1;
	/* For the slot's last process. */
	ck_assert_int_eq(mailbox_put(boxes[1].in, "old", 3), 0);
	ck_assert_int_eq(post_open(fake.net, &fake.sb, boxes), 0);
	peer = peer_unix();
}

static void
teardown(void)
{
	peer_free(peer);
	post_close();
	post_close();
	tasks_set_here(NULL);
	tasks_fini(&tasks);
	fake_stop();
	mailbox_close(&boxes[0]);
	mailbox_close(&boxes[1]);
	mailbox_close(&boxes[1]);
	ck_assert_int_eq(helper_descriptors(), descriptors);
}

/* The next letter for the other slot, its first message. */
static bool
take(struct letter_part *p)
{
	static char letter[MAILBOX_LETTER];
	ssize_t n = mailbox_take(boxes[0].out, letter, sizeof(letter));

	return n != -1 && letter_next(letter, letter + n, p);
}

START_TEST(test_post_own)
{
	ck_assert_int_eq(prong_post(peer->conn->entry->id, "hello", 5), 0);
	ck_assert_int_eq(prong_broadcast(&fake.service, "all", 3), 0);
	ck_assert_int_eq(prong_broadcast_others(peer->conn, "others", 6), 0);
	/* Not from inside the call. */
	ck_assert_uint_eq(fake_count(COUNTER_BYTES_OUT), 0);
	fake_settle();
	peer_expect(peer, "hello\nall\n");
}
END_TEST

START_TEST(test_post_other)
{
	struct letter_part p;

	ck_assert_int_eq(prong_post(4, "one", 3), 0);
	ck_assert_int_eq(prong_broadcast(&fake.service, "all", 3), 0);
	ck_assert(!take(&p));
	fake_settle();
	/* Both in one. */
	ck_assert(take(&p));
	ck_assert_int_eq(p.head.kind, LETTER_ONE);
	ck_assert_uint_eq(p.head.id, 4);
	ck_assert(letter_next(p.rest, p.rest + sizeof(p.head) + 3, &p));
	ck_assert_int_eq(p.head.kind, LETTER_ALL);
	ck_assert_uint_eq(p.head.service, fake.service.index);
	ck_assert(!take(&p));
	peer_expect(peer, "all\n");
	/* Where nobody is connected, nobody needs it. */
	scoreboard_slot(&fake.sb, 0)->live = 0;
	ck_assert_int_eq(prong_broadcast(&fake.service, "none", 4), 0);
	fake_settle();
	ck_assert(!take(&p));
}
END_TEST

START_TEST(test_post_errors)
{
	static char large[PRONG_POST_MAX + 1];
	uint64_t id = peer->conn->entry->id;

	ck_assert_int_eq(prong_post(id, large, sizeof(large)), -1);
	ck_assert_int_eq(errno, EMSGSIZE);
	ck_assert_int_eq(prong_broadcast(&fake.service, large,
	    sizeof(large)), -1);
	ck_assert_int_eq(errno, EMSGSIZE);
	ck_assert_int_eq(prong_post(0, "x", 1), -1);
	ck_assert_int_eq(errno, ENOENT);
	ck_assert_int_eq(prong_post(id + 2, "x", 1), -1);
	ck_assert_int_eq(errno, ENOENT);
	conn_end(peer->conn, COUNTER_CLOSED_SERVER);
	ck_assert_int_eq(prong_post(id, "x", 1), -1);
	ck_assert_int_eq(errno, ENOENT);
	post_close();
	ck_assert_int_eq(prong_post(id, "x", 1), -1);
	ck_assert_int_eq(errno, EPERM);
	ck_assert_int_eq(prong_broadcast(&fake.service, "x", 1), -1);
	ck_assert_int_eq(errno, EPERM);
}
END_TEST

static char block[PRONG_POST_MAX];

/* Posts blocks to the other slot, numbered, until there is no room. */
static int
fill(void)
{
	int i = 0;

	for (;; i++) {
		memcpy(block, &i, sizeof(i));
		if (prong_post(4, block, sizeof(block)) == -1)
			return i;
		if (i % 4 == 3)
			fake_settle();
	}
}

static int taken, blocks;

static bool
takes_all(void)
{
	struct letter_part p;
	int i;

	while (take(&p)) {
		memcpy(&i, p.data, sizeof(i));
		ck_assert_int_eq(i, taken);
		taken++;
	}
	return taken == blocks;
}

/* A mailbox that is full: EAGAIN for it alone, and all goes on when not. */
START_TEST(test_post_full)
{
	blocks = fill();
	ck_assert_int_eq(errno, EAGAIN);
	ck_assert_int_gt(blocks, 15);
	ck_assert_int_lt(blocks, 100);
	ck_assert_int_eq(prong_broadcast(&fake.service, block,
	    sizeof(block)), -1);
	ck_assert_int_eq(errno, EAGAIN);
	ck_assert_int_eq(prong_post(peer->conn->entry->id, "x", 1), 0);
	fake_settle();
	ck_assert_uint_eq(peer->length, sizeof(block) + 1 + 2);
	fake_run_until(takes_all);
	ck_assert_int_eq(prong_post(4, "x", 1), 0);
	fake_settle();
}
END_TEST

/* Nothing there is what it should be, and some is too much. */
START_TEST(test_post_nonsense)
{
	static char large[2 * MAILBOX_LETTER];

	ck_assert_int_eq(mailbox_put(boxes[1].in, "nonsense", 8), 0);
	ck_assert_int_eq(mailbox_put(boxes[1].in, large, sizeof(large)), 0);
	ck_assert_int_eq(mailbox_put(boxes[1].in, "", 0), 0);
	memset(large, 0xff, sizeof(large));
	ck_assert_int_eq(mailbox_put(boxes[1].in, large, MAILBOX_LETTER), 0);
	fake_settle();
	ck_assert_int_eq(prong_post(peer->conn->entry->id, "fine", 4), 0);
	fake_settle();
	peer_expect(peer, "fine\n");
}
END_TEST

#define THREADS		4
#define POSTS		500

static void *
post_from_thread(void *arg)
{
	int i;

	for (i = 0; i < POSTS; i++)
		if (prong_post(peer->conn->entry->id, arg, 1) == -1)
			return NULL;
	return arg;
}

static bool
has_all(void)
{
	return peer->length == (size_t)THREADS * POSTS * 2;
}

START_TEST(test_post_threads)
{
	static char names[THREADS][2] = { "a", "b", "c", "d" };
	pthread_t threads[THREADS];
	void *result;
	int i;

	for (i = 0; i < THREADS; i++)
		ck_assert_int_eq(pthread_create(&threads[i], NULL,
		    post_from_thread, names[i]), 0);
	fake_run_until(has_all);
	for (i = 0; i < THREADS; i++) {
		ck_assert_int_eq(pthread_join(threads[i], &result), 0);
		ck_assert_ptr_eq(result, names[i]);
	}
}
END_TEST

static void
child(void)
{
	struct tasks own;
	struct loop *loop = loop_new(LOOP_LANE, 0);

	if (loop == NULL)
		_exit(1);
	tasks_init(&own, loop, 0);
	tasks_set_here(&own);
	post_in_child(loop);
	if (prong_post(peer->conn->entry->id, "mine", 4) == -1 ||
	    prong_post(4, "other", 5) == -1 ||
	    prong_broadcast_others(peer->conn, "others", 6) == -1 ||
	    prong_broadcast(&fake.service, "all", 3) == -1)
		_exit(2);
	post_finish(10000);
	_exit(0);
}

static bool
has_three(void)
{
	return peer->length >= 16;
}

/* A child's goes by way of its home, and what waits there is not its. */
START_TEST(test_post_child)
{
	struct letter_part p;
	pid_t pid;

	ck_assert_int_eq(prong_post(peer->conn->entry->id, "before", 6), 0);
	pid = fork();
	ck_assert_int_ne(pid, -1);
	if (pid == 0)
		child();
	ck_assert_int_eq(helper_wait_exit(pid), 0);
	fake_run_until(has_three);
	fake_settle();
	/* The two processes have no order between them. */
	ck_assert_uint_eq(peer->length, 16);
	ck_assert_ptr_nonnull(strstr(peer->got, "before\n"));
	ck_assert_ptr_nonnull(strstr(peer->got, "mine\n"));
	ck_assert_str_eq(peer->got + 12, "all\n");
	ck_assert(take(&p));
	ck_assert_uint_eq(p.head.id, 4);
	ck_assert(letter_next(p.rest, p.rest + sizeof(p.head) + 6, &p));
	ck_assert_uint_eq(p.head.id, peer->conn->entry->id);
	ck_assert_int_eq(p.head.kind, LETTER_ALL);
}
END_TEST

START_TEST(test_post_add)
{
	struct mailbox more;

	/* One that is there already, and one of no slot, are closed. */
	ck_assert_int_eq(mailbox_open(&more), 0);
	post_add(0, more.in);
	post_add(2, more.out);
	ck_assert_int_eq(close(more.in), -1);
	ck_assert_int_eq(close(more.out), -1);
}
END_TEST

/* The only process of its server has no mailbox, and needs none. */
START_TEST(test_post_alone)
{
	uint64_t id = peer->conn->entry->id;

	post_close();
	ck_assert_int_eq(post_open(fake.net, &fake.sb, NULL), 0);
	ck_assert_int_eq(prong_post(id, "hello", 5), 0);
	ck_assert_int_eq(prong_broadcast(&fake.service, "all", 3), 0);
	fake_settle();
	peer_expect(peer, "hello\nall\n");
	ck_assert_int_eq(prong_post(id + 1, "x", 1), -1);
	ck_assert_int_eq(errno, ENOENT);
	ck_assert_int_eq(prong_post(id + 2, "x", 1), -1);
	ck_assert_int_eq(errno, ENOENT);
}
END_TEST

int
main(void)
{
	TCase *tc;
	Suite *s = unit_suite("post", &tc);

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, test_post_own);
	tcase_add_test(tc, test_post_other);
	tcase_add_test(tc, test_post_errors);
	tcase_add_test(tc, test_post_full);
	tcase_add_test(tc, test_post_nonsense);
	tcase_add_test(tc, test_post_threads);
	tcase_add_test(tc, test_post_child);
	tcase_add_test(tc, test_post_add);
	tcase_add_test(tc, test_post_alone);
	return unit_run(s);
}
