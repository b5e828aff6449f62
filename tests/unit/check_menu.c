/* SPDX-License-Identifier: ISC */
/*
 * The handler menu, by the harness.
 */
#include "handlers/builtin.h"

#include <sys/socket.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "server/harness.h"
#include "unit.h"

static const char *const hotline[][3] = {	/* title, reply, close */
	{ "0", "zero\n", "false" },
	{ "1*", "one...\n", "false" },
	{ "12*", "twelve...\n", "false" },
	{ "123", "123 it is\n", "false" },
	{ "gr\xc3\xbc\xc3\x9f*", "gr\xc3\xbc\xc3\x9f dich\n", "false" },
	{ "exit", "Goodbye.\n", "true" },
	{ "bye", NULL, "true" },
};

static struct prong_server *server;
static struct prong_service *service;
static struct prong_section *menu;
static struct prong_harness *h;
static struct prong_client *c;

static void
menu_on(const char *title, const char *reply, const char *closing)
{
	struct prong_section *on = prong_section_add(menu, "on", title);

	ck_assert_ptr_nonnull(on);
	if (reply != NULL)
		ck_assert_int_eq(prong_section_set(on, "reply", reply), 0);
	ck_assert_int_eq(prong_section_set(on, "close", closing), 0);
}

/* A server with an empty menu, and a service that has it. */
static void
menu_make(const char *framing)
{
	ck_assert_ptr_nonnull(server = prong_server_new());
	ck_assert_int_eq(prong_server_handler(server, &menu_handler), 0);
	ck_assert_ptr_nonnull(service = prong_server_add(server, "m"));
	ck_assert_int_eq(prong_service_set(service, "handler", "menu"), 0);
	ck_assert_int_eq(prong_service_set(service, "framing", framing), 0);
	menu = prong_server_section(server, "menu", "hotline");
	ck_assert_ptr_nonnull(menu);
	ck_assert_int_eq(prong_service_option(service, "menu", "hotline"), 0);
}

static void
menu_serve(void)
{
	h = prong_harness_serve(service);
	ck_assert_msg(h != NULL, "%s", prong_error());
	ck_assert_ptr_nonnull(c = prong_harness_connect(h));
}

static void
menu_begin(const char *framing)
{
	int i;

	menu_make(framing);
	prong_section_set(menu, "greeting", "Welcome.\n");
	prong_section_set(menu, "otherwise", "again\n");
	for (i = 0; i < UNIT_COUNT(hotline); i++)
		menu_on(hotline[i][0], hotline[i][1], hotline[i][2]);
	menu_serve();
	ck_assert_str_eq(prong_client_output(c, NULL), "Welcome.\n");
}

static void
menu_finish(void)
{
	prong_harness_free(h);
	prong_server_free(server);
}

static void
ask(const char *text, const char *answer)
{
	ck_assert_int_eq(prong_client_feed(c, text, strlen(text)), 0);
	ck_assert_str_eq(prong_client_output(c, NULL), answer);
}

START_TEST(menu_chooses)
{
	static const char *const talk[][2] = {
		{ "0\n", "zero\n" }, { "1\n", "one...\n" },
		{ "15\n", "one...\n" }, { "12\n", "twelve...\n" },
		{ "1234\n", "twelve...\n" }, { "123\n", "123 it is\n" },
		{ "00\n", "again\n" }, { "\n", "again\n" },
		{ "EXIT\n", "again\n" }, { "1*\n", "one...\n" },
		{ "gr\xc3\xbc\xc3\x9f\n", "gr\xc3\xbc\xc3\x9f dich\n" },
		{ "gr\xc3\xbc\xc3\x9f Gott\n",
		  "gr\xc3\xbc\xc3\x9f dich\n" },
		{ "gr\xc3\xbc\n", "again\n" },
	};
	size_t i;

	menu_begin("line");
	for (i = 0; i < sizeof(talk) / sizeof(talk[0]); i++)
		ask(talk[i][0], talk[i][1]);
	ck_assert_int_eq(prong_client_end(c), PRONG_OPEN);
	ask("exit\n", "Goodbye.\n");
	ck_assert_int_eq(prong_client_end(c), PRONG_END_SERVER);
	menu_finish();
}
END_TEST

/* The parts that reads bring in the framing raw, separated by "|". */
static const char *const menu_raw_talk[][2] = {
	{ "0", "zero\n" },
	{ "0\n", "zero\n" },
	{ "0\r\n", "zero\n" },
	{ "0|\n", "zero\n" },
	{ "0|\r\n", "zero\n" },
	{ "0|\r|\n", "zero\n" },
	{ "0\r|\n", "zero\n" },
	{ "0\r|\n|\n", "zero\nagain\n" },
	{ "0|1", "zero\none...\n" },
	{ "0|\n0", "zero\nzero\n" },
	{ "0\n|0\n", "zero\nzero\n" },
	{ "0\n|\n", "zero\nagain\n" },
	{ "0|\n|\n", "zero\nagain\n" },
	{ "\n", "again\n" },
	{ "0\n12\n", "zero\ntwelve...\n" },
	{ "0\n\n0", "zero\nagain\nzero\n" },
	{ "0\r\n1\r\n123", "zero\none...\n123 it is\n" },
	{ "0|\r0", "zero\nagain\n" },
	{ "0\nexit\n0\n", "zero\nGoodbye.\n" },
	{ "bye", "" },
};

START_TEST(menu_raw)
{
	const char *part = menu_raw_talk[_i][0];
	bool closes = strstr(part, "exit") != NULL || strstr(part, "bye") !=
	    NULL;
	size_t n;

	menu_begin("raw");
	for (; *part != '\0'; part += n + (part[n] == '|')) {
		n = strcspn(part, "|");
		ck_assert_int_eq(prong_client_feed(c, part, n), 0);
	}
	ck_assert_str_eq(prong_client_output(c, NULL), menu_raw_talk[_i][1]);
	ck_assert_int_eq(prong_client_end(c), closes ? PRONG_END_SERVER :
	    PRONG_OPEN);
	menu_finish();
}
END_TEST

/*
 * One read with more answers than anybody takes: a reply is a thousand bytes,
 * so that the queue is full long before the last of them.
 */
#define INPUTS	4000
#define REPLY	1000

static void
menu_fill(const char *last)
{
	static char reply[REPLY + 1], read[2 * INPUTS + 10];
	int i;

	menu_make("raw");
	memset(reply, 'r', REPLY);
	menu_on("0", reply, "false");
	menu_on("exit", "Goodbye.\n", "true");
	menu_serve();
	for (i = 0; i < INPUTS; i++)
		memcpy(read + 2 * i, "0\n", 2);
	strcpy(read + 2 * INPUTS, last);
	ck_assert_int_eq(prong_client_window(c, 0), 0);
	ck_assert_int_eq(prong_client_feed(c, read, strlen(read)), 0);
	ck_assert(prong_is_full(prong_client_conn(c)));
	/* What is left of it. */
	ck_assert_ptr_nonnull(prong_data(prong_client_conn(c)));
}

START_TEST(menu_waits_for_room)
{
	const char *output;
	size_t length, all = 0;
	int steps = 0;

	menu_fill("");
	while (prong_client_window(c, 300000) == 0) {
		output = prong_client_output(c, &length);
		if (length == 0)
			break;
		ck_assert_uint_eq(strspn(output, "r"), length);
		all += length;
		steps++;
	}
	ck_assert_uint_eq(all, INPUTS * REPLY);
	ck_assert_int_gt(steps, 5);
	ck_assert_ptr_null(prong_data(prong_client_conn(c)));
	ck_assert_int_eq(prong_client_feed(c, "0", 1), 0);
	prong_client_output(c, &length);
	ck_assert_uint_eq(length, REPLY);
	/* The newline of an input that is answered, and more with it. */
	ck_assert_int_eq(prong_client_feed(c, "\n0\n", 3), 0);
	prong_client_output(c, &length);
	ck_assert_uint_eq(length, REPLY);
	menu_finish();
}
END_TEST

START_TEST(menu_closes_in_the_rest)
{
	const char *output;
	size_t length;

	menu_fill("exit\n0\n");
	ck_assert_int_eq(prong_client_end(c), PRONG_OPEN);
	ck_assert_int_eq(prong_client_window(c, SIZE_MAX), 0);
	output = prong_client_output(c, &length);
	ck_assert_uint_eq(length, INPUTS * REPLY + 9);
	ck_assert_str_eq(output + length - 9, "Goodbye.\n");
	ck_assert_int_eq(prong_client_end(c), PRONG_END_SERVER);
	menu_finish();
}
END_TEST

/* The connection ends while something waits: by either side. */
START_TEST(menu_frees_the_rest)
{
	menu_fill("");
	if (_i == 0)
		ck_assert_int_eq(prong_client_reset(c), 0);
	menu_finish();
}
END_TEST

/* A send finds that the client takes nothing any more. */
START_TEST(menu_tells_a_failed_send)
{
	static char reply[100001];

	menu_make("raw");
	memset(reply, 'r', sizeof(reply) - 1);
	menu_on("0", reply, "false");
	menu_serve();
	ck_assert_int_eq(shutdown(c->fd, SHUT_RD), 0);
	ck_assert_int_eq(prong_client_feed(c, "0\n0\n0\n", 6), 0);
	ck_assert_int_eq(prong_client_end(c), PRONG_END_ERROR);
	ck_assert_int_eq(prong_harness_counter(h, "handler_errors"), 0);
	menu_finish();
}
END_TEST

START_TEST(menu_without_otherwise_is_silent)
{
	menu_make("raw");
	menu_on("0", "zero\n", "false");
	menu_serve();
	ask("7", "");
	ask("0", "zero\n");
	menu_finish();
}
END_TEST

static void
menu_refused(const char *why)
{
	ck_assert_ptr_null(prong_harness_serve(service));
	ck_assert_str_eq(prong_error(), why);
	prong_server_free(server);
}

START_TEST(menu_says_what_is_wrong)
{
	menu_make("raw");
	menu_on("0", "zero\n", "false");
	menu_on("9", NULL, "false");
	menu_refused("menu \"hotline\": on \"9\" has neither reply nor close = "
	    "true");
	ck_assert_ptr_null(prong_harness_new(&menu_handler, NULL, NULL));
	ck_assert_str_eq(prong_error(), "the handler menu needs the option "
	    "menu, which names a section menu \"NAME\" { ... } of the "
	    "configuration");
}
END_TEST

int
main(void)
{
	TCase *tc;
	Suite *s = unit_suite("menu", &tc);

	tcase_add_test(tc, menu_chooses);
	tcase_add_loop_test(tc, menu_raw, 0, UNIT_COUNT(menu_raw_talk));
	tcase_add_test(tc, menu_waits_for_room);
	tcase_add_test(tc, menu_closes_in_the_rest);
	tcase_add_loop_test(tc, menu_frees_the_rest, 0, 2);
	tcase_add_test(tc, menu_tells_a_failed_send);
	tcase_add_test(tc, menu_without_otherwise_is_silent);
	tcase_add_test(tc, menu_says_what_is_wrong);
	return unit_run(s);
}
