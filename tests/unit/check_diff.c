/* SPDX-License-Identifier: ISC */
/*
 * server/diff: what is said of two servers, and what is no difference.
 */
#include "server/diff.h"

#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "server/declare.h"
#include "server/transfer.h"
#include "unit.h"

/* The same at first. */
static struct prong_server *before, *after;

static const struct prong_option on_members[] = {
	{ .name = "reply", .type = PRONG_STRING },
	{ .name = "close", .type = PRONG_BOOL, .value = "false" },
	{ .name = NULL }
};

static const struct prong_option menu_members[] = {
	{ .name = "greeting", .type = PRONG_STRING },
	{ .name = "on", .type = PRONG_SECTION, .members = on_members },
	{ .name = NULL }
};

static const char *const choices[] = { "none", "upper", NULL };

static const struct prong_option options[] = {
	{ .name = "greeting", .type = PRONG_STRING },
	{ .name = "case", .type = PRONG_CHOICE, .value = "none",
	  .choices = choices },
	{ .name = "after", .type = PRONG_TIME, .value = "60s" },
	{ .name = "names", .type = PRONG_STRINGS },
	{ .name = "menu", .type = PRONG_SECTION, .members = menu_members },
	{ .name = NULL }
};

static int
declare_one(struct prong_service *s)
{
	return prong_declare(s, "array", "hits", "slots", "64", NULL);
}

static int
message(struct prong_conn *c, const void *data, size_t len)
{
	return prong_send(c, data, len);
}

static const struct prong_handler handlers[] = {
	{ .abi = PRONG_ABI, .name = "unit", .options = options,
	  .framing = PRONG_LINE, .message = message },
	{ .abi = PRONG_ABI, .name = "declares", .declare = declare_one,
	  .message = message },
};

static struct prong_server *
made(void)
{
	struct prong_server *server = prong_server_new();
	struct prong_service *s;
	struct prong_section *m;
	int i;

	for (i = 0; i < UNIT_COUNT(handlers); i++)
		ck_assert_int_eq(prong_server_handler(server, &handlers[i]), 0);
	s = prong_server_add(server, "web");
	prong_service_set(s, "handler", "unit");
	prong_service_set(s, "listen", "127.0.0.1:7007");
	prong_service_set(s, "access", "allow ::1");
	prong_service_set(s, "access", "deny all");
	prong_service_option(s, "names", "a");
	prong_service_option(s, "names", "b");
	m = prong_server_section(server, "menu", "m");
	prong_section_set(m, "greeting", "hi\n");
	prong_section_set(prong_section_add(m, "on", "1"), "reply", "one");
	prong_section_set(prong_section_add(m, "on", "2"), "reply", "two");
	prong_section_set(prong_server_section(server, "dict", "d"), "memory",
	    "16M");
	return server;
}

static void
setup(void)
{
	before = made();
	after = made();
}

static void
teardown(void)
{
	prong_server_free(before);
	prong_server_free(after);
}

/* The lines, each with a newline. */
static char *
lines_of(const struct prong_server *a, const struct prong_server *b)
{
	json_t *lines = diff_servers(a, b);
	char *text = NULL;
	size_t i;

	ck_assert_msg(lines != NULL, "%s", error_text());
	strings_append(&text, "%s", "");
	for (i = 0; i < json_array_size(lines); i++)
		strings_append(&text, "%s\n",
		    json_string_value(json_array_get(lines, i)));
	json_decref(lines);
	return text;
}

static void
assert_lines(const char *wanted)
{
	char *text = lines_of(before, after);

	ck_assert_str_eq(text, wanted);
	free(text);
}

static struct prong_service *
web(struct prong_server *s)
{
	return server_by_name(s, "web");
}

static struct prong_section *
on(const char *title)
{
	return section_find(after->sections->sections, "on", title);
}

static struct prong_section *
dict(struct prong_server *s)
{
	return section_find(s->objects[PRONG_DICT].sections, "dict", "d");
}

/* --- the same ------------------------------------------------------------- */

START_TEST(test_diff_none)
{
	assert_lines("");
}
END_TEST

/* Written in another way, or a default that is written down. */
START_TEST(test_diff_same)
{
	prong_server_set(after, "drain-timeout", "30000ms");
	prong_server_set(after, "umask", "027");
	prong_service_set(web(after), "max-message", "65536");
	prong_service_set(web(after), "nodelay", "yes");
	prong_service_option(web(after), "after", "1m");
	prong_service_option(web(after), "case", "none");
	prong_section_set(on("1"), "close", "no");
	prong_section_set(dict(after), "memory", "16384K");
	prong_section_set(dict(after), "evict", "none");
	prong_server_section(before, "event", "e");
	prong_server_section(before, "event", "f");
	prong_server_section(after, "event", "f");
	prong_server_section(after, "event", "e");
	assert_lines("");
}
END_TEST

/* One was looked into, the other not; or it was handed on. */
START_TEST(test_diff_resolved)
{
	char *dump = prong_server_dump(after);

	free(dump);
	ck_assert_str_eq(web(after)->settings.framing, "line");
	assert_lines("");
	dump = transfer_write(after, false);
	prong_server_free(after);
	after = transfer_read(dump, strlen(dump), before);
	ck_assert_ptr_nonnull(after);
	free(dump);
	assert_lines("");
	server_detach(before);
	assert_lines("");
}
END_TEST

/* --- settings, options ---------------------------------------------------- */

START_TEST(test_diff_settings)
{
	struct prong_service *s = web(after);

	prong_server_set(after, "drain-timeout", "10s");
	prong_server_set(after, "log.target", "stderr");
	prong_server_set(after, "pidfile", "");
	prong_server_set(after, "worker-memory", "1G");
	prong_service_set(s, "backlog", "64");
	prong_service_set(s, "framing", "raw");
	prong_service_set(s, "nodelay", "no");
	assert_lines("pidfile: \"" PRONG_RUNSTATEDIR "/prongd.pid\" -> \"\"\n"
	    "drain-timeout: 30s -> 10s\n"
	    "worker-memory: 0 -> 1G\n"
	    "log.target: \"syslog\" -> \"stderr\"\n"
	    "service \"web\": framing: \"\" -> \"raw\"\n"
	    "service \"web\": backlog: 511 -> 64\n"
	    "service \"web\": nodelay: true -> false\n");
}
END_TEST

START_TEST(test_diff_lists)
{
	struct prong_service *s = web(after);

	prong_service_set(s, "listen", "127.0.0.1:7008");
	prong_service_set(s, "listen", "127.0.0.1:7009");
	strings_free(&s->settings.access);
	prong_service_set(s, "access", "deny all");
	prong_service_set(s, "access", "allow ::1");
	prong_service_option(web(before), "names", "c");
	prong_service_option(web(before), "names", "b");
	prong_service_option(s, "names", "d");
	assert_lines("service \"web\": listen: added \"127.0.0.1:7008\", "
	    "\"127.0.0.1:7009\"\n"
	    "service \"web\": access: in another order\n"
	    "service \"web\": names: added \"d\"; removed \"c\", \"b\"\n");
}
END_TEST

START_TEST(test_diff_options)
{
	struct prong_service *s = web(after);

	prong_service_option(s, "greeting", "");
	prong_service_option(s, "case", "upper");
	prong_service_option(s, "after", "5s");
	prong_service_option(web(before), "menu", "m");
	assert_lines("service \"web\": menu: \"m\" -> none\n"
	    "service \"web\": greeting: none -> \"\"\n"
	    "service \"web\": case: none -> upper\n"
	    "service \"web\": after: 60s -> 5s\n");
}
END_TEST

/* Of a module that is not loaded nothing but the texts is known. */
START_TEST(test_diff_module)
{
	prong_service_set(web(before), "handler", "x.so");
	prong_service_set(web(after), "handler", "x.so");
	prong_service_option(web(after), "time", "1m");
	prong_service_option(web(before), "time", "60s");
	prong_service_option(web(after), "names", "c");
	prong_service_option(web(after), "one", "1");
	assert_lines("service \"web\": names: added \"c\"\n"
	    "service \"web\": time: \"60s\" -> \"1m\"\n"
	    "service \"web\": one: none -> \"1\"\n");
}
END_TEST

START_TEST(test_diff_many)
{
	struct prong_service *s = web(after);
	char name[16];
	int i;

	for (i = 0; i < 10; i++) {
		snprintf(name, sizeof(name), "n%d", i);
		prong_service_option(s, "names", name);
	}
	assert_lines("service \"web\": names: added \"n0\", \"n1\", \"n2\", "
	    "\"n3\", \"n4\", \"n5\", \"n6\", \"n7\" and 2 more\n");
}
END_TEST

/* Long lists that have nothing in common are not compared one by one. */
START_TEST(test_diff_much)
{
	struct strings *a = &web(before)->settings.listen;
	struct strings *b = &web(after)->settings.listen;
	int i;

	for (i = 0; i < 5000; i++) {
		ck_assert_int_eq(strings_add(a, "127.0.0.1:1"), 0);
		ck_assert_int_eq(strings_add(b, "127.0.0.1:2"), 0);
	}
	assert_lines("service \"web\": listen: another list, of 5001 values -> "
	    "of 5001\n");
}
END_TEST

/* What is told nobody forges: one line, no control characters, not long. */
START_TEST(test_diff_bytes)
{
	struct prong_service *s = web(after);
	char text[128], *lines;
	size_t i;

	prong_service_option(web(before), "greeting", "a\nb: x -> y\x1b[2J\xff");
	memset(text, 'x', 63);
	/* The sign for the euro is not cut. */
	strlcpy(text + 63, "\xe2\x82\xac and more", 64);
	prong_service_option(s, "greeting", text);
	text[63] = '\0';
	lines = lines_of(before, after);
	ck_assert_ptr_nonnull(strstr(lines, "service \"web\": greeting: "
	    "\"a\\x0ab: x -> y\\x1b[2J\\xff\" -> \"xxx"));
	ck_assert_ptr_nonnull(strstr(lines, text));
	ck_assert_str_eq(strstr(lines, "x\"..."), "x\"...\n");
	for (i = 0; lines[i + 1] != '\0'; i++)
		ck_assert_msg(lines[i] >= ' ' && lines[i] < 0x7f, "%s", lines);
	free(lines);
}
END_TEST

/* --- services ------------------------------------------------------------- */

START_TEST(test_diff_services)
{
	struct prong_service *s = prong_server_add(before, "old");

	prong_service_set(s, "handler", "unit");
	prong_service_set(s, "listen", "127.0.0.1:1");
	s = prong_server_add(after, "more");
	prong_service_set(s, "handler", "declares");
	prong_service_set(s, "listen", "127.0.0.1:2");
	prong_service_set(s, "listen", "unix:/a");
	prong_service_set(web(after), "threads", "2");
	assert_lines("service \"old\": gone, handler \"unit\", listened on "
	    "\"127.0.0.1:1\"\n"
	    "service \"web\": threads: 0 -> 2\n"
	    "service \"more\": new, handler \"declares\", listens on "
	    "\"127.0.0.1:2\", \"unix:/a\"\n");
}
END_TEST

/* The name is the same, and what it stands for is not. */
START_TEST(test_diff_found)
{
	strings_add(&web(after)->found, "127.0.0.1:7007");
	assert_lines("");
	strings_add(&web(before)->found, "127.0.0.2:7007");
	assert_lines("service \"web\": listen, as looked up: added "
	    "\"127.0.0.1:7007\"; removed \"127.0.0.2:7007\"\n");
}
END_TEST

/* --- objects, sections ---------------------------------------------------- */

START_TEST(test_diff_objects)
{
	struct prong_service *s = prong_server_add(after, "s");

	prong_service_set(s, "handler", "declares");
	prong_service_set(s, "listen", "127.0.0.1:1");
	prong_section_set(dict(after), "memory", "32M");
	prong_section_set(dict(after), "save", "/d");
	prong_server_section(before, "event", "e");
	prong_server_section(after, "pool", "p");
	ck_assert_int_eq(declare_here(after), 0);
	assert_lines("service \"s\": new, handler \"declares\", listens on "
	    "\"127.0.0.1:1\"\n"
	    "array \"hits\": new, for the handler of service \"s\"\n"
	    "dict \"d\": memory: 16M -> 32M\n"
	    "dict \"d\": save: \"\" -> \"/d\"\n"
	    "event \"e\": gone\n"
	    "pool \"p\": new\n");
}
END_TEST

START_TEST(test_diff_sections)
{
	prong_server_section(before, "menu", "old");
	prong_server_section(after, "menu", "n\new");
	prong_section_set(after->sections, "greeting", "hello");
	prong_section_set(on("1"), "close", "yes");
	prong_section_set(on("2"), "reply", "");
	prong_section_add(after->sections, "on", "3");
	prong_section_add(before->sections, "on", "0*");
	assert_lines("menu \"old\": gone\n"
	    "menu \"m\": greeting: \"hi\\x0a\" -> \"hello\"\n"
	    "menu \"m\": on \"0*\": gone\n"
	    "menu \"m\": on \"1\": close: false -> yes\n"
	    "menu \"m\": on \"2\": reply: \"two\" -> \"\"\n"
	    "menu \"m\": on \"3\": new\n"
	    "menu \"n\\x0aew\": new\n");
}
END_TEST

/* What comes and goes in between is not told as another order. */
START_TEST(test_diff_order)
{
	struct prong_section *m = prong_server_section(before, "menu", "o");
	static const char *const first[] = { "a", "b", "c", "d" };
	static const char *const second[] = { "x", "a", "c", "d", "e" };
	int i;

	for (i = 0; i < UNIT_COUNT(first); i++)
		prong_section_add(m, "on", first[i]);
	m = prong_server_section(after, "menu", "o");
	for (i = 0; i < UNIT_COUNT(second); i++)
		prong_section_add(m, "on", second[i]);
	assert_lines("menu \"o\": on \"b\": gone\n"
	    "menu \"o\": on \"x\": new\n"
	    "menu \"o\": on \"e\": new\n");
	prong_section_add(m, "on", "b");
	assert_lines("menu \"o\": on \"x\": new\n"
	    "menu \"o\": on \"e\": new\n"
	    "menu \"o\": its sections are in another order\n");
}
END_TEST

int
main(void)
{
	TCase *tc;
	Suite *s = unit_suite("diff", &tc);

	tcase_set_timeout(tc, 60);
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, test_diff_none);
	tcase_add_test(tc, test_diff_same);
	tcase_add_test(tc, test_diff_resolved);
	tcase_add_test(tc, test_diff_settings);
	tcase_add_test(tc, test_diff_lists);
	tcase_add_test(tc, test_diff_options);
	tcase_add_test(tc, test_diff_module);
	tcase_add_test(tc, test_diff_many);
	tcase_add_test(tc, test_diff_much);
	tcase_add_test(tc, test_diff_bytes);
	tcase_add_test(tc, test_diff_services);
	tcase_add_test(tc, test_diff_found);
	tcase_add_test(tc, test_diff_objects);
	tcase_add_test(tc, test_diff_sections);
	tcase_add_test(tc, test_diff_order);
	return unit_run(s);
}
