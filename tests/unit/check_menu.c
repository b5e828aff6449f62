/* SPDX-License-Identifier: ISC */
/*
 * The handler menu without a server, on the fake of fake_prong.c.
 */
#include "handlers/builtin.h"

#include <string.h>

#include "fake_prong.h"
#include "unit.h"

static const struct prong_section on_zero = { .name = "on", .title = "0",
    .keys = { "reply" }, .values = { "zero\n" } };
static const struct prong_section on_one = { .name = "on", .title = "1*",
    .keys = { "reply" }, .values = { "one...\n" } };
static const struct prong_section on_twelve = { .name = "on", .title = "12*",
    .keys = { "reply" }, .values = { "twelve...\n" } };
static const struct prong_section on_123 = { .name = "on", .title = "123",
    .keys = { "reply" }, .values = { "123 it is\n" } };
static const struct prong_section on_utf8 = { .name = "on",
    .title = "gr\xc3\xbc\xc3\x9f*", .keys = { "reply" },
    .values = { "gr\xc3\xbc\xc3\x9f dich\n" } };
static const struct prong_section on_leave = { .name = "on", .title = "exit",
    .keys = { "reply", "close" }, .values = { "Goodbye.\n", "true" } };
static const struct prong_section on_bye = { .name = "on", .title = "bye",
    .keys = { "close" }, .values = { "true" } };
static const struct prong_section hotline = { .name = "menu",
    .title = "hotline", .keys = { "greeting", "otherwise" },
    .values = { "Welcome.\n", "again\n" },
    .members = { &on_zero, &on_one, &on_twelve, &on_123, &on_utf8, &on_leave,
	&on_bye } };

static struct prong_conn
menu_open(struct prong_service *s, enum prong_framing framing)
{
	*s = (struct prong_service){ .handler = &menu_handler,
	    .framing = framing, .section = &hotline };
	fake_start(s);
	return fake_open(s);
}

START_TEST(menu_chooses)
{
	static const char *const talk[][2] = {
		{ "0", "zero\n" }, { "1", "one...\n" }, { "15", "one...\n" },
		{ "12", "twelve...\n" }, { "1234", "twelve...\n" },
		{ "123", "123 it is\n" }, { "00", "again\n" },
		{ "", "again\n" }, { "EXIT", "again\n" }, { "1*", "one...\n" },
		{ "gr\xc3\xbc\xc3\x9f", "gr\xc3\xbc\xc3\x9f dich\n" },
		{ "gr\xc3\xbc\xc3\x9f Gott", "gr\xc3\xbc\xc3\x9f dich\n" },
		{ "gr\xc3\xbc", "again\n" },
	};
	struct prong_service s;
	struct prong_conn c = menu_open(&s, PRONG_LINE);
	size_t i;

	ck_assert_str_eq(c.out, "Welcome.\n");
	for (i = 0; i < sizeof(talk) / sizeof(talk[0]); i++)
		fake_ask(&c, talk[i][0], talk[i][1]);
	ck_assert(!c.is_closed);
	fake_ask(&c, "exit", "Goodbye.\n");
	ck_assert(c.is_closed);
	fake_free(&c);
	fake_stop(&s);
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
	struct prong_service s;
	struct prong_conn c = menu_open(&s, PRONG_RAW);
	size_t n, before = c.length;

	for (; *part != '\0'; part += n + (part[n] == '|')) {
		n = strcspn(part, "|");
		ck_assert_int_eq(menu_handler.message(&c, part, n), 0);
	}
	ck_assert_str_eq(c.out + before, menu_raw_talk[_i][1]);
	ck_assert_int_eq(c.is_closed, strstr(menu_raw_talk[_i][0], "exit") ||
	    strstr(menu_raw_talk[_i][0], "bye"));
	fake_free(&c);
	fake_stop(&s);
}
END_TEST

/*
 * Gives one read to a connection whose queue takes room bytes more, in memory
 * that is used for something else afterwards, as the engine's is.
 */
static void
menu_read(struct prong_conn *c, const char *text, size_t room)
{
	char *read = strdup(text);

	ck_assert_ptr_nonnull(read);
	c->full_at = c->length + room;
	ck_assert_int_eq(menu_handler.message(c, read, strlen(read)), 0);
	memset(read, 'x', strlen(read));
	free(read);
}

/* The queue has room for so much more. */
static void
menu_go_on(struct prong_conn *c, size_t room, const char *reply)
{
	size_t before = c->length;

	c->full_at = c->length + room;
	ck_assert_int_eq(menu_handler.writable(c), 0);
	ck_assert_str_eq(c->out + before, reply);
}

START_TEST(menu_waits_for_room)
{
	struct prong_service s;
	struct prong_conn c = menu_open(&s, PRONG_RAW);
	size_t before = c.length;

	menu_go_on(&c, 100, "");
	menu_read(&c, "0\n1\r\n0\n\n12\n0", 6);
	ck_assert_str_eq(c.out + before, "zero\none...\n");
	menu_go_on(&c, 0, "");
	menu_go_on(&c, 1, "zero\n");
	menu_go_on(&c, 7, "again\ntwelve...\n");
	menu_go_on(&c, 100, "zero\n");
	ck_assert_uint_eq(c.sends, 7);
	menu_go_on(&c, 100, "");
	fake_ask(&c, "\n", "");
	fake_ask(&c, "0\n", "zero\n");
	/* The newline of an input that is answered, and more with it. */
	fake_ask(&c, "0", "zero\n");
	menu_read(&c, "\n1\n", 0);
	menu_go_on(&c, 100, "one...\n");
	fake_free(&c);
	fake_stop(&s);
}
END_TEST

START_TEST(menu_answers_all_of_a_read)
{
	enum { INPUTS = 8192, ROOM = 1000, REPLY = 5 };
	struct prong_service s;
	struct prong_conn c = menu_open(&s, PRONG_RAW);
	size_t before = c.length, last = c.length, i;
	char text[2 * INPUTS + 1];

	for (i = 0; i < INPUTS; i++)
		memcpy(text + 2 * i, "0\n", 3);
	menu_read(&c, text, ROOM);
	while (c.data != NULL) {
		ck_assert_uint_eq(c.length - last, ROOM);
		last = c.length;
		c.full_at = c.length + ROOM;
		ck_assert_int_eq(menu_handler.writable(&c), 0);
	}
	ck_assert_uint_eq(c.length - before, INPUTS * REPLY);
	for (i = 0; i < INPUTS; i++)
		ck_assert_mem_eq(c.out + before + REPLY * i, "zero\n", REPLY);
	fake_free(&c);
	fake_stop(&s);
}
END_TEST

START_TEST(menu_closes_in_the_rest)
{
	struct prong_service s;
	struct prong_conn c = menu_open(&s, PRONG_RAW);

	menu_read(&c, "0\nexit\n0\n", 1);
	ck_assert(!c.is_closed);
	menu_go_on(&c, 100, "Goodbye.\n");
	ck_assert(c.is_closed);
	ck_assert_ptr_null(c.data);
	fake_free(&c);
	fake_stop(&s);
}
END_TEST

/* The connection ends while something waits, and in the middle of it. */
START_TEST(menu_frees_the_rest)
{
	struct prong_service s;
	struct prong_conn c = menu_open(&s, PRONG_RAW);

	menu_read(&c, "0\n0\n0\n", 1);
	ck_assert_ptr_nonnull(c.data);
	if (_i == 0)
		fake_end(&c);
	else {
		c.is_broken = true;
		c.full_at += 100;
		ck_assert_int_eq(menu_handler.writable(&c), -1);
	}
	ck_assert(c.is_ended);
	ck_assert_ptr_null(c.data);
	fake_free(&c);
	fake_stop(&s);
}
END_TEST

START_TEST(menu_tells_a_failed_send)
{
	struct prong_service s;
	struct prong_conn c = menu_open(&s, _i == 0 ? PRONG_RAW : PRONG_LINE);

	c.is_broken = true;
	ck_assert_int_eq(menu_handler.message(&c, "0", 1), -1);
	fake_free(&c);
	fake_stop(&s);
}
END_TEST

START_TEST(menu_without_otherwise_is_silent)
{
	static const struct prong_section quiet = { .name = "menu",
	    .title = "quiet", .members = { &on_zero } };
	struct prong_service s = { .handler = &menu_handler,
	    .section = &quiet };
	struct prong_conn c;

	fake_start(&s);
	c = fake_open(&s);
	ck_assert_uint_eq(c.sends, 0);
	fake_ask(&c, "7", "");
	fake_ask(&c, "0", "zero\n");
	fake_free(&c);
	fake_stop(&s);
}
END_TEST

static void
menu_refused(const struct prong_section *section, const char *why)
{
	struct prong_service s = { .handler = &menu_handler,
	    .framing = PRONG_RAW, .section = section };

	ck_assert_int_eq(menu_handler.init(&s), -1);
	ck_assert_str_eq(fake_error, why);
	ck_assert_ptr_null(s.data);
}

START_TEST(menu_says_what_is_wrong)
{
	static const struct prong_section empty = { .name = "on",
	    .title = "9" };
	static const struct prong_section mute = { .name = "menu",
	    .title = "mute", .members = { &on_zero, &empty } };
	static const struct prong_section other = { .name = "on",
	    .title = "0", .keys = { "reply" }, .values = { "nil\n" } };
	static const struct prong_section twice = { .name = "menu",
	    .title = "twice", .members = { &on_zero, &on_one, &other } };

	menu_refused(NULL, "the handler menu needs the option menu, which "
	    "names a section menu \"NAME\" { ... } of the configuration");
	menu_refused(&mute, "menu \"mute\": on \"9\" has neither reply nor "
	    "close = true");
	menu_refused(&twice, "menu \"twice\": on \"0\" is there twice");
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
	tcase_add_test(tc, menu_answers_all_of_a_read);
	tcase_add_test(tc, menu_closes_in_the_rest);
	tcase_add_loop_test(tc, menu_frees_the_rest, 0, 2);
	tcase_add_loop_test(tc, menu_tells_a_failed_send, 0, 2);
	tcase_add_test(tc, menu_without_otherwise_is_silent);
	tcase_add_test(tc, menu_says_what_is_wrong);
	return unit_run(s);
}
