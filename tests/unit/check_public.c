/* SPDX-License-Identifier: ISC */
/*
 * net/public: the calls of <prong.h> about connections and their service.
 */
#include <sys/socket.h>

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "fake_net.h"
#include "prong.h"
#include "unit.h"

static struct peer *peer;

static void
teardown(void)
{
	if (peer != NULL)
		peer_free(peer);
	fake_stop();
}

static void
start(enum prong_framing framing)
{
	fake_start(framing);
	peer = peer_unix();
}

static bool
has_eof(void)
{
	return peer->eof;
}

static bool
has_reset(void)
{
	return peer->reset;
}

static bool
is_over(void)
{
	return fake_active() == 0;
}

/* Three messages, one of them empty, and how they arrive. */
static const struct {
	enum prong_framing framing;
	const char *bytes;
	size_t size;
} framed[] = {
	{ PRONG_RAW, "onetwo", 6 },
	{ PRONG_LINE, "one\n\ntwo\n", 9 },
	{ PRONG_NETSTRING, "3:one,0:,3:two,", 15 },
	{ PRONG_LENGTH32, "\0\0\0\3one\0\0\0\0\0\0\0\3two", 18 },
};

START_TEST(test_public_send)
{
	start(framed[_i].framing);
	ck_assert_int_eq(prong_send(peer->conn, "one", 3), 0);
	ck_assert_int_eq(prong_send(peer->conn, "", 0), 0);
	ck_assert_int_eq(prong_sendf(peer->conn, "t%s%c", "w", 'o'), 0);
	fake_settle();
	peer_expect_bytes(peer, framed[_i].bytes, framed[_i].size);
}
END_TEST

START_TEST(test_public_sendv)
{
	char a[] = "on", b[] = "e";
	struct iovec iov[] = {
		{ NULL, 0 }, { a, 2 }, { NULL, 0 }, { b, 1 }, { NULL, 0 },
	};

	start(framed[_i].framing);
	ck_assert_int_eq(prong_sendv(peer->conn, iov, 5), 0);
	ck_assert_int_eq(prong_sendv(peer->conn, iov, 0), 0);
	ck_assert_int_eq(prong_send(peer->conn, "two", 3), 0);
	fake_settle();
	peer_expect_bytes(peer, framed[_i].bytes, framed[_i].size);
}
END_TEST

/* A line that ends already gets no second end, however it is put together. */
START_TEST(test_public_send_ended_line)
{
	char a[] = "two", b[] = "\n";
	struct iovec iov[] = { { a, 3 }, { b, 1 }, { NULL, 0 } };

	start(PRONG_LINE);
	ck_assert_int_eq(prong_send(peer->conn, "one\n", 4), 0);
	ck_assert_int_eq(prong_sendv(peer->conn, iov, 3), 0);
	ck_assert_int_eq(prong_sendf(peer->conn, "three"), 0);
	fake_settle();
	peer_expect(peer, "one\ntwo\nthree\n");
}
END_TEST

static int
echo(struct prong_conn *c, const void *data, size_t len)
{
	return prong_send(c, data, len);
}

/* Lines end as the client's last one did. */
START_TEST(test_public_send_crlf)
{
	fake.message = echo;
	start(PRONG_LINE);
	peer_send(peer, "one\r\ntwo\nthree\r\n");
	fake_settle();
	peer_expect(peer, "one\r\ntwo\nthree\r\n");
	/* An answer from elsewhere keeps to it. */
	ck_assert_int_eq(prong_send(peer->conn, "four", 4), 0);
	fake_settle();
	peer_expect(peer, "one\r\ntwo\nthree\r\nfour\r\n");
}
END_TEST

/* Formatted text may be long. */
START_TEST(test_public_sendf_long)
{
	char text[2000];
	static const size_t lengths[] = { 510, 511, 512, 513, 1999 };
	size_t sum = 0;
	int i;

	start(PRONG_RAW);
	memset(text, 'x', sizeof(text));
	for (i = 0; i < UNIT_COUNT(lengths); i++) {
		ck_assert_int_eq(prong_sendf(peer->conn, "%.*s",
		    (int)lengths[i], text), 0);
		sum += lengths[i];
	}
	fake_settle();
	ck_assert_uint_eq(peer->length, sum);
	ck_assert_uint_eq(strspn(peer->got, "x"), sum);
}
END_TEST

/* Nothing of a message that the framing cannot carry is sent. */
START_TEST(test_public_too_large)
{
	static char byte[1] = { 'x' };
	struct iovec iov[] = { { byte, 1 }, { byte, SIZE_MAX / 2 } };

	start(framed[_i].framing);
	errno = 0;
	ck_assert_int_eq(prong_sendv(peer->conn, iov, 2), -1);
	ck_assert_int_eq(errno, EMSGSIZE);
	ck_assert_uint_eq(prong_queued(peer->conn), 0);
	ck_assert_int_eq(prong_send(peer->conn, "x", 1), 0);
	fake_settle();
	ck_assert_uint_eq(fake_count(COUNTER_CLOSED_ERROR), 0);
}
END_TEST

START_TEST(test_public_queued)
{
	static char block[100 * 1024];
	int i;

	start(PRONG_RAW);
	peer_stall(peer);
	ck_assert_uint_eq(prong_queued(peer->conn), 0);
	ck_assert(!prong_is_full(peer->conn));
	for (i = 0; i < 10 && !prong_is_full(peer->conn); i++) {
		ck_assert_uint_le(prong_queued(peer->conn), 256 * 1024);
		ck_assert_int_eq(prong_send(peer->conn, block, sizeof(block)),
		    0);
	}
	ck_assert(prong_is_full(peer->conn));
	ck_assert_uint_gt(prong_queued(peer->conn), 256 * 1024);
	/* Full is advice: what is sent all the same goes out too. */
	ck_assert_int_eq(prong_send(peer->conn, "x", 1), 0);
	peer_resume(peer);
	fake_settle();
	ck_assert_uint_eq(peer->length, (size_t)i * sizeof(block) + 1);
	ck_assert(!prong_is_full(peer->conn));
}
END_TEST

START_TEST(test_public_close)
{
	start(PRONG_LINE);
	ck_assert_int_eq(prong_send(peer->conn, "bye", 3), 0);
	prong_close(peer->conn);
	prong_close(peer->conn);
	errno = 0;
	ck_assert_int_eq(prong_send(peer->conn, "x", 1), -1);
	ck_assert_int_eq(errno, EPIPE);
	ck_assert_int_eq(prong_sendf(peer->conn, "x"), -1);
	ck_assert_ptr_nonnull(strstr(prong_error(), "closing"));
	fake_run_until(has_eof);
	peer_expect(peer, "bye\n");
	peer_close(peer);
	fake_run_until(is_over);
	ck_assert_uint_eq(fake_count(COUNTER_CLOSED_SERVER), 1);
}
END_TEST

/* With a reset, and without what was queued. */
START_TEST(test_public_abort)
{
	fake_start(PRONG_RAW);
	peer = peer_tcp();
	ck_assert_int_eq(prong_send(peer->conn, "lost", 4), 0);
	prong_abort(peer->conn);
	prong_abort(peer->conn);
	errno = 0;
	ck_assert_int_eq(prong_send(peer->conn, "x", 1), -1);
	ck_assert_int_eq(errno, EPIPE);
	fake_run_until(has_reset);
	peer_expect(peer, "");
	ck_assert_str_eq(fake_counts(), "accepted=1 closed_server=1");
	ck_assert_int_eq(fake.closes, 1);
}
END_TEST

START_TEST(test_public_addresses)
{
	struct address a = { .in6 = { .sin6_family = AF_INET6 } };
	char text[ADDRESS_MAX], me[ADDRESS_MAX], small[6];
	int fd[2];

	start(PRONG_RAW);
	snprintf(me, sizeof(me), "unix:uid=%u,pid=%d", (unsigned int)getuid(),
	    (int)getpid());
	ck_assert_str_eq(prong_peer(peer->conn, text, sizeof(text)), me);
	ck_assert_ptr_eq(prong_peer(peer->conn, text, sizeof(text)), text);
	ck_assert_int_eq(strncmp(prong_local(peer->conn, text, sizeof(text)),
	    "unix:", 5), 0);

	/* What the kernel said at accept, of whatever family. */
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0,
	    fd), 0);
	a.in6.sin6_addr = in6addr_loopback;
	a.in6.sin6_port = htons(40000);
	ck_assert_int_eq(conn_open(&fake.service, fd[0], &a), 0);
	ck_assert_str_eq(prong_peer(fake.last, text, sizeof(text)),
	    "[::1]:40000");
	/* Cut to size, always a string. */
	ck_assert_str_eq(prong_peer(fake.last, small, sizeof(small)), "[::1]");
	ck_assert_str_eq(prong_peer(fake.last, small, 1), "");
	close(fd[1]);
}
END_TEST

START_TEST(test_public_data)
{
	struct peer *other;

	start(PRONG_NETSTRING);
	other = peer_unix();
	ck_assert_ptr_null(prong_data(peer->conn));
	prong_set_data(peer->conn, &peer);
	ck_assert_ptr_eq(prong_data(peer->conn), &peer);
	ck_assert_ptr_null(prong_data(other->conn));
	ck_assert_uint_ne(prong_conn_id(peer->conn), 0);
	ck_assert_uint_ne(prong_conn_id(peer->conn),
	    prong_conn_id(other->conn));
	ck_assert_ptr_eq(prong_conn_service(peer->conn), &fake.service);
	ck_assert_str_eq(prong_service_name(&fake.service), "unit");
	ck_assert_int_eq(prong_service_framing(&fake.service),
	    PRONG_NETSTRING);
	ck_assert_ptr_null(prong_service_data(&fake.service));
	prong_service_set_data(&fake.service, &peer);
	ck_assert_ptr_eq(prong_service_data(&fake.service), &peer);
	peer_free(other);
}
END_TEST

START_TEST(test_public_set_timeout)
{
	start(PRONG_RAW);
	errno = 0;
	ck_assert_int_eq(prong_set_timeout(peer->conn, -1), -1);
	ck_assert_int_eq(errno, EINVAL);
	errno = 0;
	ck_assert_int_eq(prong_set_timeout(peer->conn, INT64_MAX), -1);
	ck_assert_int_eq(errno, EINVAL);
	ck_assert_int_eq(prong_set_timeout(peer->conn, UINT32_MAX), 0);
	ck_assert_int_eq(prong_set_timeout(peer->conn, 0), 0);
	ck_assert_int_eq(prong_set_timeout(peer->conn, 10), 0);
	fake_run_until(has_eof);
	ck_assert_uint_eq(fake_count(COUNTER_CLOSED_TIMEOUT), 1);
}
END_TEST

static struct peer *others[2];
static uint64_t ids[2];

/* Ends both, and asks then who they were. */
static int
end_both(struct prong_conn *c, const void *data, size_t len)
{
	int i;

	for (i = 0; i < 2; i++)
		prong_abort(others[i]->conn);
	for (i = 0; i < 2; i++) {
		ck_assert_uint_eq(prong_conn_id(others[i]->conn), ids[i]);
		errno = 0;
		ck_assert_int_eq(prong_set_timeout(others[i]->conn, 1), -1);
		ck_assert_int_eq(errno, EPIPE);
	}
	return 0;
}

/* Those that have ended keep their names for as long as they are there. */
START_TEST(test_public_ended)
{
	int i;

	start(PRONG_RAW);
	fake.message = end_both;
	for (i = 0; i < 2; i++) {
		others[i] = peer_unix();
		ids[i] = prong_conn_id(others[i]->conn);
	}
	peer_send(peer, "x");
	fake_settle();
	ck_assert_int_eq(fake.closes, 2);
	for (i = 0; i < 2; i++)
		peer_free(others[i]);
}
END_TEST

int
main(void)
{
	TCase *tc;
	Suite *s = unit_suite("public", &tc);

	tcase_add_checked_fixture(tc, NULL, teardown);
	tcase_add_loop_test(tc, test_public_send, 0, UNIT_COUNT(framed));
	tcase_add_loop_test(tc, test_public_sendv, 1, UNIT_COUNT(framed));
	tcase_add_test(tc, test_public_send_ended_line);
	tcase_add_test(tc, test_public_send_crlf);
	tcase_add_test(tc, test_public_sendf_long);
	/* A raw message and a line have no length to be told. */
	tcase_add_loop_test(tc, test_public_too_large, 2, 4);
	tcase_add_test(tc, test_public_queued);
	tcase_add_test(tc, test_public_close);
	tcase_add_test(tc, test_public_abort);
	tcase_add_test(tc, test_public_addresses);
	tcase_add_test(tc, test_public_data);
	tcase_add_test(tc, test_public_set_timeout);
	tcase_add_test(tc, test_public_ended);
	return unit_run(s);
}
