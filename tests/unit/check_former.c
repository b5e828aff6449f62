/* SPDX-License-Identifier: ISC */
/*
 * server/former, and conns of it: what a former master may answer, or not.
 */
#include "server/former.h"

#include <sys/socket.h>

#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "server/control.h"
#include "unit.h"

#define PLACE		((json_int_t)1 << 48)	/* of the master before */
#define QUESTIONS	128			/* that may be without answer */
#define ROWS_MAX	500

static struct master m;
static int end;				/* the former master's */
static char none[] = "", *path;

static void
setup(void)
{
	int ends[2];

	m = (struct master){ .pidlock = -1 };
	m.server = prong_server_new();
	ck_assert_ptr_nonnull(m.server);
	m.loop = loop_new(LOOP_AUTO, 0);
	ck_assert_ptr_nonnull(m.loop);
	path = m.server->settings.control_socket;
	m.server->settings.control_socket = none;
	m.control = control_open(&m);
	ck_assert_ptr_nonnull(m.control);
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0,
	    ends), 0);
	end = ends[1];
	former_open(&m, ends[0]);
}

static void
teardown(void)
{
	former_close(&m);
	former_close(&m);
	control_close(m.control);
	loop_free(m.loop);
	m.server->settings.control_socket = path;
	prong_server_free(m.server);
	close(end);
}

static uint64_t
ask(void)
{
	return former_ask(&m, json_pack("{s:s}", "command", "x"));
}

/* It answers, or says anything else; we hear of it. */
static void
say(const char *text)
{
	ck_assert_int_eq(write(end, text, strlen(text)),
	    (ssize_t)strlen(text));
	ck_assert_int_ne(loop_settle(m.loop, 100), -1);
}

START_TEST(test_former_answers)
{
	uint64_t first = ask(), second = ask();
	json_t *result;
	char line[200];
	ssize_t n = read(end, line, sizeof(line));

	ck_assert_int_eq(n, 2 * 16);
	ck_assert_mem_eq(line, "{\"command\":\"x\"}\n{\"command\":\"x\"}\n", 32);
	ck_assert(former_is_there(&m) && !former_is_quiet(&m));
	ck_assert(!former_is_answered(&m, first));
	say("{\"ok\":true,\"result\":{\"n\":1}}\n{\"ok\":false,");
	ck_assert(former_is_answered(&m, first));
	ck_assert(!former_is_answered(&m, second) && !former_is_quiet(&m));
	say("\"error\":\"why not\"}\n");
	ck_assert(former_is_answered(&m, second) && former_is_quiet(&m));
	ck_assert_ptr_null(former_result(&m, second));
	ck_assert_str_eq(error_text(), "why not");
	result = former_result(&m, first);
	ck_assert_int_eq(json_integer_value(json_object_get(result, "n")), 1);
	json_decref(result);
}
END_TEST

static const char *const nonsense[] = {
	"\n", "x\n", "{\n", "{\"a\":1,\"a\":2}\n", "{}\n{}\n",
};

/* Whoever talks nonsense is not listened to any more. */
START_TEST(test_former_nonsense)
{
	uint64_t number = ask();

	say(nonsense[_i]);
	ck_assert(!former_is_there(&m));
	ck_assert(former_is_answered(&m, number) && former_is_quiet(&m));
	ck_assert_ptr_null(former_result(&m, number));
	ck_assert_uint_eq(ask(), 0);
}
END_TEST

static const char *const odd[] = {
	"{}\n", "{\"result\":1}\n", "{\"result\":[]}\n", "{\"error\":1}\n",
	"{\"ok\":true}\n", "[]\n", "[{\"result\":{}}]\n",
};

START_TEST(test_former_odd)
{
	uint64_t number = ask();

	say(odd[_i]);
	ck_assert(former_is_there(&m) && former_is_answered(&m, number));
	ck_assert_ptr_null(former_result(&m, number));
	ck_assert_str_eq(error_text(), "no reason");
}
END_TEST

/* It is asked no more than so much, and old answers make way. */
START_TEST(test_former_many)
{
	uint64_t first = ask(), last = first;
	json_t *result;
	int i;

	for (i = 1; i < QUESTIONS; i++)
		ck_assert_uint_eq(last = ask(), first + (uint64_t)i);
	ck_assert_uint_eq(ask(), 0);
	for (i = 0; i < QUESTIONS; i++)
		say("{\"result\":{}}\n");
	ck_assert(former_is_quiet(&m));
	ck_assert_uint_eq(ask(), last + 1);
	ck_assert_ptr_null(former_result(&m, first));
	result = former_result(&m, last);
	ck_assert_ptr_nonnull(result);
	json_decref(result);
}
END_TEST

START_TEST(test_former_gone)
{
	uint64_t number = ask();
	char line[100];

	/* With something unread it would be a reset, which comes first. */
	ck_assert_int_eq(read(end, line, sizeof(line)), 16);
	close(end);
	ck_assert_int_ne(loop_settle(m.loop, 100), -1);
	ck_assert(!former_is_there(&m) && former_is_answered(&m, number));
	ck_assert_ptr_null(former_result(&m, number));
	ck_assert_ptr_nonnull(strstr(error_text(), "has ended"));
	former_close(&m);
	ck_assert(!former_is_there(&m) && former_is_quiet(&m));
	ck_assert_uint_eq(ask(), 0);
	ck_assert_ptr_null(former_result(&m, 0));
	end = -1;
}
END_TEST

/* --- conns ---------------------------------------------------------------- */

/* What conns makes of an answer. */
static json_t *
conns(const char *text)
{
	struct control_wait wait = { .is_done = NULL };
	json_t *request = json_pack("{s:I}", "from", PLACE), *errors = NULL;
	json_t *page = conns_list(&m, request, &wait);

	json_decref(request);
	ck_assert_ptr_nonnull(page);
	json_decref(page);
	ck_assert(!wait.is_done(&m, wait.number));
	say(text);
	ck_assert(wait.is_done(&m, wait.number));
	page = wait.finish(&m, wait.number, &errors);
	ck_assert_ptr_nonnull(page);
	ck_assert_ptr_null(errors);
	return page;
}

static const struct {
	const char *result;
	int rows;
	json_int_t next;		/* 0: null */
} answers[] = {
	{ "{\"conns\":[1,2],\"next\":null}", 2, 0 },
	{ "{\"conns\":[1],\"next\":7}", 1, PLACE + 7 },
	{ "{\"conns\":[],\"next\":281474976710656}", 0, 2 * PLACE },
	{ "{\"conns\":[1]}", 1, 0 },
	{ "{\"conns\":[1],\"next\":-1}", 1, 0 },
	{ "{\"conns\":[1],\"next\":0}", 1, 0 },
	{ "{\"conns\":[1],\"next\":\"7\"}", 1, 0 },
	{ "{\"conns\":[1],\"next\":7.5}", 1, 0 },
	{ "{\"conns\":[1],\"next\":9223372036854775807}", 1, 0 },
	{ "{\"conns\":{},\"next\":7}", 0, 0 },
	{ "{\"conns\":null,\"next\":7}", 0, 0 },
	{ "{\"next\":7}", 0, 0 },
	{ "{}", 0, 0 },
	{ "[]", 0, 0 },
};

START_TEST(test_former_conns)
{
	char text[200];
	json_t *page, *next;

	snprintf(text, sizeof(text), "{\"ok\":true,\"result\":%s}\n",
	    answers[_i].result);
	page = conns(text);
	ck_assert(json_is_array(json_object_get(page, "conns")));
	ck_assert_int_eq((int)json_array_size(json_object_get(page, "conns")),
	    answers[_i].rows);
	next = json_object_get(page, "next");
	ck_assert(json_is_integer(next) == (answers[_i].next != 0));
	ck_assert_int_eq(json_integer_value(next), answers[_i].next);
	ck_assert(json_is_integer(next) || json_is_null(next));
	ck_assert_ptr_null(json_object_get(page, "silent"));
	json_decref(page);
}
END_TEST

/* More rows than anybody has asked for are none. */
START_TEST(test_former_conns_many)
{
	char text[4 * ROWS_MAX + 100] = "{\"result\":{\"conns\":[";
	json_t *page;
	int i;

	for (i = 0; i < ROWS_MAX + _i; i++)
		strlcat(text, i == 0 ? "1" : ",1", sizeof(text));
	strlcat(text, "],\"next\":7}}\n", sizeof(text));
	page = conns(text);
	ck_assert_int_eq((int)json_array_size(json_object_get(page, "conns")),
	    _i == 0 ? ROWS_MAX : 0);
	json_decref(page);
}
END_TEST

/* Which one of those before it says nothing is passed on. */
START_TEST(test_former_conns_silent)
{
	json_t *page = conns("{\"result\":{\"conns\":[1],\"next\":null,"
	    "\"silent\":17}}\n");

	ck_assert_int_eq(json_integer_value(json_object_get(page, "silent")),
	    17);
	json_decref(page);
}
END_TEST

int
main(void)
{
	TCase *tc;
	Suite *s = unit_suite("former", &tc);

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, test_former_answers);
	tcase_add_loop_test(tc, test_former_nonsense, 0,
	    UNIT_COUNT(nonsense));
	tcase_add_loop_test(tc, test_former_odd, 0, UNIT_COUNT(odd));
	tcase_add_test(tc, test_former_many);
	tcase_add_test(tc, test_former_gone);
	tcase_add_loop_test(tc, test_former_conns, 0, UNIT_COUNT(answers));
	tcase_add_loop_test(tc, test_former_conns_many, 0, 2);
	tcase_add_test(tc, test_former_conns_silent);
	return unit_run(s);
}
