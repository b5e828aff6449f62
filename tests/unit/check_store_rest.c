/* SPDX-License-Identifier: ISC */
/*
 * handlers/store_rest: answers that are longer than what a connection may have
 * queued, to a client that does not read, reads slowly, or goes away.
 */
#include <stdio.h>

#include "storing.h"

#define KEYS	400
#define LONG	8000		/* bytes of a value: 3 MB in all */

static void
rest_begin(const char *reply_max)
{
	static char request[LONG + 64];
	int i;

	storing_make("8M", "none");
	ck_assert_int_eq(prong_service_option(service, "reply-max",
	    reply_max), 0);
	storing_serve();
	for (i = 0; i < KEYS; i++) {
		snprintf(request, sizeof(request), "set key:%04d %0*d", i,
		    LONG, i);
		ask(request, "+OK\r\n");
	}
}

/* MGET of all keys, as its client would write it. */
static void
rest_ask(void)
{
	static char request[KEYS * 20];
	size_t n;
	int i;

	n = (size_t)snprintf(request, sizeof(request), "*%d\r\n$4\r\nmget\r\n",
	    KEYS + 1);
	for (i = 0; i < KEYS; i++)
		n += (size_t)snprintf(request + n, sizeof(request) - n,
		    "$8\r\nkey:%04d\r\n", i);
	ck_assert_int_eq(prong_client_feed(c, request, n), 0);
}

/* All there is until the answer to a PING behind it; returns its length. */
static size_t
rest_read(char *to, size_t size)
{
	size_t length = 0, n;
	const char *got;

	do {
		got = prong_client_output(c, &n);
		ck_assert_uint_le(n, size - length);
		ck_assert(n > 0);
		memcpy(to + length, got, n);
		length += n;
		/* It reads on when there is room again. */
		ck_assert_int_eq(prong_harness_advance(h, 0), 0);
	} while (length < 7 ||
	    memcmp(to + length - 7, "+PONG\r\n", 7) != 0);
	return length;
}

START_TEST(rest_of_values)
{
	static char all[KEYS * (LONG + 16) + 64], want[LONG + 16];
	size_t at = 6, n;
	int i;

	rest_begin("64M");
	ck_assert_int_eq(prong_client_window(c, 0), 0);
	rest_ask();
	feed("ping\r\n");
	/* Little is queued, and nothing else is answered. */
	ck_assert_uint_lt(prong_queued(prong_client_conn(c)), 600 * 1024);
	ck_assert_int_eq(prong_client_window(c, 64 * 1024), 0);
	ck_assert_int_eq(prong_harness_advance(h, 0), 0);
	n = rest_read(all, sizeof(all));
	ck_assert_mem_eq(all, "*400\r\n", 6);
	for (i = 0; i < KEYS; i++) {
		ck_assert_int_eq(snprintf(want, sizeof(want),
		    "$%d\r\n%0*d\r\n", LONG, LONG, i), LONG + 9);
		ck_assert_mem_eq(all + at, want, LONG + 9);
		at += LONG + 9;
	}
	ck_assert_uint_eq(at + 7, n);
	storing_end();
}
END_TEST

/* A key that goes meanwhile is nil in the rest. */
START_TEST(rest_of_values_that_go)
{
	static char all[KEYS * (LONG + 16) + 64];
	struct prong_client *first;
	size_t n;

	rest_begin("64M");
	first = c;
	ck_assert_int_eq(prong_client_window(c, 0), 0);
	rest_ask();
	feed("ping\r\n");
	ck_assert_ptr_nonnull(c = prong_harness_connect(h));
	ask("del key:0399", ":1\r\n");
	c = first;
	ck_assert_int_eq(prong_client_window(c, 1 << 20), 0);
	ck_assert_int_eq(prong_harness_advance(h, 0), 0);
	n = rest_read(all, sizeof(all));
	ck_assert_mem_eq(all + n - 12, "$-1\r\n+PONG\r\n", 12);
	storing_end();
}
END_TEST

/* Keys of many bytes, so that their list is a long answer. */
static void
rest_long_keys(void)
{
	static char request[8192];
	int i;

	for (i = 0; i < KEYS; i++) {
		snprintf(request, sizeof(request), "set %04000d x", i);
		ask(request, "+OK\r\n");
	}
}

START_TEST(rest_of_keys)
{
	static char all[KEYS * 4096];
	size_t n;

	storing_make("8M", "none");
	storing_serve();
	rest_long_keys();
	ck_assert_int_eq(prong_client_window(c, 0), 0);
	feed("keys 0*\r\nping\r\n");
	ck_assert_uint_lt(prong_queued(prong_client_conn(c)), 600 * 1024);
	ck_assert_int_eq(prong_client_window(c, 64 * 1024), 0);
	ck_assert_int_eq(prong_harness_advance(h, 0), 0);
	n = rest_read(all, sizeof(all));
	ck_assert_uint_eq(n, 6 + KEYS * (7 + 4000 + 2) + 7);
	ck_assert_mem_eq(all, "*400\r\n$4000\r\n", 13);
	storing_end();
}
END_TEST

/* 0: the client resets; 1: it is there when the server ends. */
START_TEST(rest_is_freed)
{
	rest_begin("64M");
	ask("client setname me", "+OK\r\n");
	ck_assert_int_eq(prong_client_window(c, 0), 0);
	rest_ask();
	if (_i == 0) {
		ck_assert_int_eq(prong_client_reset(c), 0);
		ck_assert_int_ne(prong_client_end(c), PRONG_OPEN);
	}
	storing_end();
}
END_TEST

START_TEST(rest_has_a_limit)
{
	rest_begin("2K");
	ask("keys *", "-ERR the answer has more than 2048 bytes, which is the "
	    "service's reply-max: use SCAN\r\n");
	ask("keys key:0001", "*1\r\n$8\r\nkey:0001\r\n");
	ask_about("scan 0 count 400", "*2\r\n");
	storing_end();
}
END_TEST

#define ONE	(700 * 1024)

/* One value is sent as it is, however long. */
START_TEST(rest_not_of_one_value)
{
	static char request[ONE + 64], answer[ONE + 64];

	storing_make("3900K", "none");
	storing_serve();
	snprintf(request, sizeof(request), "*3\r\n$3\r\nset\r\n$1\r\nk\r\n"
	    "$%d\r\n%0*d", ONE, ONE, 7);
	ask(request, "+OK\r\n");
	snprintf(answer, sizeof(answer), "$%d\r\n%0*d\r\n", ONE, ONE, 7);
	ask("get k", answer);
	ask("set k short get", answer);
	ask("get k", "$5\r\nshort\r\n");
	ask(request, "+OK\r\n");
	ask("getdel k", answer);
	ask("dbsize", ":0\r\n");
	storing_end();
}
END_TEST

int
main(void)
{
	TCase *tc;
	Suite *s = unit_suite("store_rest", &tc);

	tcase_add_test(tc, rest_of_values);
	tcase_add_test(tc, rest_of_values_that_go);
	tcase_add_test(tc, rest_of_keys);
	tcase_add_loop_test(tc, rest_is_freed, 0, 2);
	tcase_add_test(tc, rest_has_a_limit);
	tcase_add_test(tc, rest_not_of_one_value);
	return unit_run(s);
}
