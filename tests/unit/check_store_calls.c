/* SPDX-License-Identifier: ISC */
/*
 * The handler store: what is not the same for every client and at every time,
 * and what there is no room for.
 */
#include <errno.h>
#include <stdio.h>

#include "handlers/store.h"
#include "storing.h"

/* The version, who asks, and all commands there are. */
START_TEST(store_says_who_it_is)
{
	size_t commands = store_table_count();
	char text[256];
	uint64_t id;

	storing_begin();
	id = prong_conn_id(prong_client_conn(c));
	snprintf(text, sizeof(text), ":%llu\r\n", (unsigned long long)id);
	ask("client id", text);
	snprintf(text, sizeof(text), "*14\r\n$6\r\nserver\r\n$5\r\nprong\r\n"
	    "$7\r\nversion\r\n$%zu\r\n%s\r\n$5\r\nproto\r\n:2\r\n"
	    "$2\r\nid\r\n:%llu\r\n$4\r\nmode\r\n$10\r\nstandalone\r\n"
	    "$4\r\nrole\r\n$6\r\nmaster\r\n$7\r\nmodules\r\n*0\r\n",
	    strlen(prong_version()), prong_version(),
	    (unsigned long long)id);
	ask("hello", text);
	ask("hello 2 auth default x setname me", text);
	ask("client getname", "$2\r\nme\r\n");
	feed("client list\r\n");
	ck_assert_ptr_nonnull(strstr(prong_client_output(c, NULL),
	    " name=me db=0 user=default resp=2\n"));
	feed("client list type normal\r\n");
	ck_assert_ptr_nonnull(strstr(prong_client_output(c, NULL), " name=me "));
	snprintf(text, sizeof(text), "client list id 0 %llu\r\n",
	    (unsigned long long)id);
	feed(text);
	ck_assert_ptr_nonnull(strstr(prong_client_output(c, NULL), " name=me "));
	feed("info server\r\n");
	ck_assert_ptr_nonnull(strstr(prong_client_output(c, NULL),
	    "\r\nredis_version:7.0.0\r\n"));
	ask("set k v", "+OK\r\n");
	feed("info keyspace\r\n");
	ck_assert_ptr_nonnull(strstr(prong_client_output(c, NULL),
	    "\r\ndb0:keys=1,longest="));
	snprintf(text, sizeof(text), ":%zu\r\n", commands);
	ask("command count", text);
	snprintf(text, sizeof(text), "*%zu\r\n*10\r\n$4\r\nauth\r\n:-2\r\n",
	    commands);
	ask_about("command", text);
	ask_about("command info", text);
	snprintf(text, sizeof(text), "*%zu\r\n$4\r\nauth\r\n", commands);
	ask_about("command list", text);
	snprintf(text, sizeof(text), "*%zu\r\n$4\r\nauth\r\n*6\r\n",
	    2 * commands);
	ask_about("command docs", text);
	storing_end();
}
END_TEST

START_TEST(store_quits)
{
	storing_begin();
	feed("set k v\r\nquit\r\nset k w\r\n");
	ck_assert_str_eq(prong_client_output(c, NULL), "+OK\r\n+OK\r\n");
	ck_assert_int_eq(prong_client_end(c), PRONG_END_SERVER);
	ck_assert_ptr_nonnull(c = prong_harness_connect(h));
	ask("get k", "$1\r\nv\r\n");
	storing_end();
}
END_TEST

/* A browser may have been led here: nothing it sends is done. */
START_TEST(store_closes_on_http)
{
	static const char *const heads[] = {
		"POST / HTTP/1.1\r\nset k v\r\n",
		"host: localhost\r\nset k v\r\n",
	};
	size_t i;

	storing_begin();
	for (i = 0; i < UNIT_COUNT(heads); i++) {
		feed(heads[i]);
		ck_assert_str_eq(prong_client_output(c, NULL), "");
		ck_assert_int_eq(prong_client_end(c), PRONG_END_SERVER);
		ck_assert_ptr_nonnull(c = prong_harness_connect(h));
	}
	ask("get k", "$-1\r\n");
	storing_end();
}
END_TEST

/* The clock of a dict goes on by itself. */
START_TEST(store_expires)
{
	const char *got;

	storing_begin();
	ask("set k v px 1", "+OK\r\n");
	ask("setex l 1000 v", "+OK\r\n");
	ask("pexpire l 1", ":1\r\n");
	do {
		feed("mget k l\r\n");
		got = prong_client_output(c, NULL);
	} while (strcmp(got, "*2\r\n$-1\r\n$-1\r\n") != 0);
	ask("dbsize", ":0\r\n");
	storing_end();
}
END_TEST

/* Sets keys until there is no room for one more; returns how many there are. */
static int
fill(void)
{
	char request[64];
	int i;

	for (i = 0;; i++) {
		snprintf(request, sizeof(request), "set key:%d %d\r\n", i, i);
		feed(request);
		if (strcmp(prong_client_output(c, NULL), "+OK\r\n") != 0)
			return i;
	}
}

#define OOM	"-OOM command not allowed when the memory is used up: dict "

START_TEST(store_is_full)
{
	char text[32];
	int n;

	storing_make("64K", "none");
	storing_serve();
	n = fill();
	ck_assert_int_gt(n, 100);
	ask_about("set one more", OOM);
	ask_about("setnx one more", OOM);
	ask_about("incr one", OOM);
	/* Whole or not at all, and what was there before stays. */
	ask("expire key:1 100000", ":1\r\n");
	ask_about("mset key:0 changed key:1 changed key:1 again one more",
	    OOM);
	ask("mget key:0 key:1", "*2\r\n$1\r\n0\r\n$1\r\n1\r\n");
	ask("exists one two", ":0\r\n");
	ask("ttl key:1", ":100000\r\n");
	ask("ttl key:0", ":-1\r\n");
	snprintf(text, sizeof(text), ":%d\r\n", n);
	ask("dbsize", text);
	ask("del key:0 key:1 key:2", ":3\r\n");
	ask("set one more", "+OK\r\n");
	storing_end();
}
END_TEST

START_TEST(store_is_full_and_evicts)
{
	char request[64];
	int i;

	storing_make("64K", "lru");
	storing_serve();
	for (i = 0; i < 5000; i++) {
		snprintf(request, sizeof(request), "set key:%d %040d", i, i);
		ask(request, "+OK\r\n");
	}
	ask("exists key:0", ":0\r\n");
	ask("exists key:4999", ":1\r\n");
	storing_end();
}
END_TEST

START_TEST(store_refuses_what_is_too_long)
{
	static char value[300 * 1024], request[sizeof(value) + 64];

	memset(value, 'x', sizeof(value) - 1);
	storing_make("64K", "lru");
	storing_serve();
	snprintf(request, sizeof(request), "*3\r\n$3\r\nset\r\n$1\r\nk\r\n"
	    "$%zu\r\n%s", strlen(value), value);
	ask_about(request, "-ERR dict \"d\": ");
	snprintf(request, sizeof(request), "*2\r\n$3\r\nget\r\n$65536\r\n"
	    "%.65536s", value);
	ask_about(request, "-ERR dict \"d\": a key has 65535 bytes at most");
	ask("ping", "+PONG\r\n");
	storing_end();
}
END_TEST

START_TEST(store_tells_an_array_from_its_type)
{
	storing_begin();
	ask("aset small 0 127", "+OK\r\n");
	ask_about("aset small 0 128", "-ERR value is out of range: ");
	ask_about("aincrby small 0 1", "-ERR value is out of range: ");
	ask("aget small 0", ":127\r\n");
	ask("aset naturals 0 18446744073709551615", "+OK\r\n");
	ask_about("aincrby naturals 0 1", "-ERR value is out of range: ");
	ask("aset ratios 0 1e308", "+OK\r\n");
	ask_about("aincrby ratios 0 1e308", "-ERR value is out of range: ");
	ask("aget ratios 0", "$6\r\n1e+308\r\n");
	ask("aset ratios 1 1e308", "+OK\r\n");
	ask_about("asum ratios", "-ERR value is out of range: ");
	storing_end();
}
END_TEST

START_TEST(store_says_what_is_wrong)
{
	static const char *const options[] = { "dict", "x", NULL };

	ck_assert_ptr_null(prong_harness_new(&store_handler, NULL, NULL));
	ck_assert_str_eq(prong_error(), "the handler store needs the option "
	    "dict, which names a section dict \"NAME\" { ... } of the "
	    "configuration");
	errno = 0;
	ck_assert_ptr_null(prong_harness_new(&store_handler, NULL, options));
	ck_assert_int_eq(errno, ENOENT);
	ck_assert_ptr_nonnull(strstr(prong_error(), "\"x\""));
}
END_TEST

int
main(void)
{
	TCase *tc;
	Suite *s = unit_suite("store_calls", &tc);

	tcase_add_test(tc, store_says_who_it_is);
	tcase_add_test(tc, store_quits);
	tcase_add_test(tc, store_closes_on_http);
	tcase_add_test(tc, store_expires);
	tcase_add_test(tc, store_is_full);
	tcase_add_test(tc, store_is_full_and_evicts);
	tcase_add_test(tc, store_refuses_what_is_too_long);
	tcase_add_test(tc, store_tells_an_array_from_its_type);
	tcase_add_test(tc, store_says_what_is_wrong);
	return unit_run(s);
}
