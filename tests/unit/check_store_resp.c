/* SPDX-License-Identifier: ISC */
/*
 * handlers/store_resp: requests of the protocol of Redis, and what is none,
 * wherever reads cut them.
 */
#include "handlers/store_resp.h"

#include "storing.h"

/* Requests as bytes, and what they are answered with in all. */
static const struct talk {
	const char *requests, *answers;
	bool closes;
} talks[] = {
	{ "*1\r\n$4\r\nPING\r\n", "+PONG\r\n", false },
	{ "*2\r\n$4\r\nECHO\r\n$3\r\na\r\n\r\n", "$3\r\na\r\n\r\n", false },
	{ "*2\r\n$4\r\necho\r\n$0\r\n\r\n", "$0\r\n\r\n", false },
	{ "*3\r\n$3\r\nset\r\n$1\r\nk\r\n$1\r\nv\r\n"
	  "*2\r\n$3\r\nget\r\n$1\r\nk\r\n*1\r\n$4\r\nping\r\n",
	  "+OK\r\n$1\r\nv\r\n+PONG\r\n", false },
	/* The two bytes behind a bulk string are not looked at. */
	{ "*1\r\n$4\r\nPINGxx*1\r\n$4\r\nPING\r\n", "+PONG\r\n+PONG\r\n",
	  false },
	/* Inline, and both kinds beside each other. */
	{ "PING\r\n", "+PONG\r\n", false },
	{ "PING\n", "+PONG\r\n", false },
	{ "  ping   hello  \r\n", "$5\r\nhello\r\n", false },
	{ "ping\r\n*1\r\n$4\r\nping\r\nping x\n", "+PONG\r\n+PONG\r\n"
	  "$1\r\nx\r\n", false },
	{ "echo \"a b\"\r\n", "$3\r\na b\r\n", false },
	{ "echo 'a \\'b\\n'\r\n", "$6\r\na 'b\\n\r\n", false },
	{ "echo \"\\x41\\n\\r\\t\\b\\a\\\"\\\\\\q\\xg\"\r\n",
	  "$11\r\nA\n\r\t\b\a\"\\qxg\r\n", false },
	{ "echo a\"b c\"\r\n", "$4\r\nab c\r\n", false },
	{ "echo \"\"\r\n", "$0\r\n\r\n", false },
	/* Only some of the blanks end a word, but any may stand before one. */
	{ "echo a\vb\f\r\n", "$4\r\na\vb\f\r\n", false },
	{ "\fecho \v a\tb\r\n", "-ERR wrong number of arguments for 'echo' "
	  "command\r\n", false },
	{ "\vecho\t\fa\r\n", "$1\r\na\r\n", false },
	{ "echo \"a\"\v\f\r\n", "$1\r\na\r\n", false },
	{ "mget \"a\"\vb\r\n", "*2\r\n$-1\r\n$-1\r\n", false },
	/* Nothing is asked, and nothing answered. */
	{ "\r\n\n  \r\nPING\r\n", "+PONG\r\n", false },
	{ "*0\r\n*-1\r\nPING\r\n", "+PONG\r\n", false },
	/* What ends the connection, with what was asked before answered. */
	{ "PING\r\n*x\r\n$4\r\nPING\r\n", "+PONG\r\n-ERR Protocol error: "
	  "invalid multibulk length\r\n", true },
	{ "*\r\n", "-ERR Protocol error: invalid multibulk length\r\n", true },
	{ "*01\r\n", "-ERR Protocol error: invalid multibulk length\r\n",
	  true },
	{ "*+1\r\n", "-ERR Protocol error: invalid multibulk length\r\n",
	  true },
	{ "*2147483648\r\n", "-ERR Protocol error: invalid multibulk "
	  "length\r\n", true },
	{ "*1 \r\n", "-ERR Protocol error: invalid multibulk length\r\n",
	  true },
	{ "*1\r\nPING\r\n", "-ERR Protocol error: expected '$', got 'P'\r\n",
	  true },
	{ "*1\r\n:4\r\nPING\r\n", "-ERR Protocol error: expected '$', got "
	  "':'\r\n", true },
	{ "*1\r\n\r\nPING\r\n", "-ERR Protocol error: expected '$', got "
	  "' '\r\n", true },
	{ "*2\r\n$4\r\nPING\r\n\nx\r\n", "-ERR Protocol error: expected '$', "
	  "got ' '\r\n", true },
	{ "*1\r\n\r0\r\n", "-ERR Protocol error: expected '$', got ' '\r\n",
	  true },
	{ "*1\r\n$x\r\n", "-ERR Protocol error: invalid bulk length\r\n",
	  true },
	{ "*1\r\n$\r\n", "-ERR Protocol error: invalid bulk length\r\n", true },
	{ "*1\r\n$-1\r\n", "-ERR Protocol error: invalid bulk length\r\n",
	  true },
	{ "*1\r\n$99999999999\r\n",
	  "-ERR Protocol error: invalid bulk length\r\n", true },
	{ "echo \"a\r\n", "-ERR Protocol error: unbalanced quotes in "
	  "request\r\n", true },
	{ "echo 'a\r\n", "-ERR Protocol error: unbalanced quotes in "
	  "request\r\n", true },
	{ "echo \"a\"b\r\n", "-ERR Protocol error: unbalanced quotes in "
	  "request\r\n", true },
	{ "echo \"a\\\r\n", "-ERR Protocol error: unbalanced quotes in "
	  "request\r\n", true },
};

static void
talk_check(const struct talk *t, size_t cut)
{
	const char *got = prong_client_output(c, NULL);

	ck_assert_msg(strcmp(got, t->answers) == 0,
	    "cut at %zu: %s: %s instead of %s", cut, t->requests, got,
	    t->answers);
	ck_assert_int_eq(prong_client_end(c), t->closes ? PRONG_END_SERVER :
	    PRONG_OPEN);
}

/* In two reads, whatever the place between them. */
START_TEST(resp_cut)
{
	const struct talk *t = &talks[_i];
	size_t length = strlen(t->requests), cut;

	storing_begin();
	for (cut = 0; cut <= length; cut++) {
		ck_assert_ptr_nonnull(c = prong_harness_connect(h));
		if (cut > 0)
			ck_assert_int_eq(prong_client_feed(c, t->requests,
			    cut), 0);
		/* Who was told already that it was wrong is gone. */
		if (cut < length && prong_client_end(c) == PRONG_OPEN)
			ck_assert_int_eq(prong_client_feed(c,
			    t->requests + cut, length - cut), 0);
		talk_check(t, cut);
	}
	ck_assert_int_eq(prong_harness_counter(h, "protocol_errors"),
	    t->closes ? (int64_t)length + 1 : 0);
	storing_end();
}
END_TEST

START_TEST(resp_bytewise)
{
	const struct talk *t = &talks[_i];
	size_t i;

	storing_begin();
	for (i = 0; t->requests[i] != '\0' &&
	    prong_client_end(c) == PRONG_OPEN; i++)
		ck_assert_int_eq(prong_client_feed(c, t->requests + i, 1), 0);
	talk_check(t, 1);
	storing_end();
}
END_TEST

/* Headers and lines that never end, and requests that are too long. */
static const struct {
	const char *begin, *answer;
	const char *max;
} endless[] = {
	{ "x", "-ERR Protocol error: too big inline request\r\n", "4M" },
	{ "*", "-ERR Protocol error: too big mbulk count string\r\n", "4M" },
	{ "*1\r\n$", "-ERR Protocol error: too big bulk count string\r\n",
	  "4M" },
	{ "*1\r\n$4000000\r\n", "-ERR Protocol error: invalid bulk length, the "
	  "request is longer than the service's max-message\r\n", "64K" },
};

START_TEST(resp_endless)
{
	char block[1024];
	int i;

	storing_make("1M", "none");
	ck_assert_int_eq(prong_service_set(service, "max-message",
	    endless[_i].max), 0);
	storing_serve();
	memset(block, '1', sizeof(block));
	feed(endless[_i].begin);
	for (i = 0; i < 70 && prong_client_end(c) == PRONG_OPEN; i++)
		if (prong_client_feed(c, block, sizeof(block)) == -1)
			break;
	ck_assert_int_ge(i, 63);
	ck_assert_str_eq(prong_client_output(c, NULL), endless[_i].answer);
	ck_assert_int_ne(prong_client_end(c), PRONG_OPEN);
	ck_assert_int_eq(prong_harness_counter(h, "protocol_errors"), 1);
	storing_end();
}
END_TEST

/* More arguments than fit without memory of their own. */
START_TEST(resp_many_arguments)
{
	char request[8192] = "*201\r\n$6\r\nexists\r\n";
	int i;

	storing_begin();
	ask("set k v", "+OK\r\n");
	for (i = 0; i < 200; i++)
		strlcat(request, "$1\r\nk\r\n", sizeof(request));
	feed(request);
	ck_assert_str_eq(prong_client_output(c, NULL), ":200\r\n");
	storing_end();
}
END_TEST

/* Every byte there is, as key and as value. */
START_TEST(resp_any_bytes)
{
	char request[1024] = "*3\r\n$3\r\nset\r\n$256\r\n", bytes[256];
	size_t n = strlen(request), i, length;
	const char *got;

	storing_begin();
	for (i = 0; i < sizeof(bytes); i++)
		bytes[i] = (char)i;
	memcpy(request + n, bytes, sizeof(bytes));
	n += sizeof(bytes);
	memcpy(request + n, "\r\n$256\r\n", 8);
	n += 8;
	memcpy(request + n, bytes, sizeof(bytes));
	n += sizeof(bytes);
	memcpy(request + n, "\r\n", 2);
	ck_assert_int_eq(prong_client_feed(c, request, n + 2), 0);
	ck_assert_str_eq(prong_client_output(c, NULL), "+OK\r\n");
	feed("keys *\r\n");
	got = prong_client_output(c, &length);
	ck_assert_uint_eq(length, 4 + 6 + 256 + 2);
	ck_assert_mem_eq(got, "*1\r\n$256\r\n", 10);
	ck_assert_mem_eq(got + 10, bytes, sizeof(bytes));
	storing_end();
}
END_TEST

/* Who goes away in the middle of a request is told nothing. */
START_TEST(resp_truncated)
{
	storing_begin();
	feed("*2\r\n$3\r\nget\r\n$5\r\nab");
	ck_assert_int_eq(prong_client_finish(c), 0);
	ck_assert_str_eq(prong_client_output(c, NULL), "");
	ck_assert_int_eq(prong_client_end(c), PRONG_END_ERROR);
	storing_end();
}
END_TEST

int
main(void)
{
	TCase *tc;
	Suite *s = unit_suite("store_resp", &tc);

	tcase_add_loop_test(tc, resp_cut, 0, UNIT_COUNT(talks));
	tcase_add_loop_test(tc, resp_bytewise, 0, UNIT_COUNT(talks));
	tcase_add_loop_test(tc, resp_endless, 0, UNIT_COUNT(endless));
	tcase_add_test(tc, resp_many_arguments);
	tcase_add_test(tc, resp_any_bytes);
	tcase_add_test(tc, resp_truncated);
	return unit_run(s);
}
