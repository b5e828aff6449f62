/* SPDX-License-Identifier: ISC */
/*
 * server/transfer: a server as text and back, and texts that are not right.
 */
#include "server/transfer.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "helper.h"
#include "seed.h"
#include "server/declare.h"
#include "unit.h"

static struct prong_server *server;

/* --- a server with everything --------------------------------------------- */

/* Sections in sections, as deep as one likes. */
static const struct prong_option on_members[] = {
	{ .name = "reply", .type = PRONG_STRING },
	{ .name = "close", .type = PRONG_BOOL, .value = "false" },
	{ .name = "on", .type = PRONG_SECTION, .members = on_members },
	{ .name = NULL }
};

static const struct prong_option menu_members[] = {
	{ .name = "greeting", .type = PRONG_STRING },
	{ .name = "words", .type = PRONG_STRINGS },
	{ .name = "on", .type = PRONG_SECTION, .members = on_members },
	{ .name = NULL }
};

static const struct prong_option options[] = {
	{ .name = "text", .type = PRONG_STRING, .value = "none" },
	{ .name = "after", .type = PRONG_TIME, .value = "1s" },
	{ .name = "names", .type = PRONG_STRINGS },
	{ .name = "menu", .type = PRONG_SECTION, .members = menu_members },
	{ .name = NULL }
};

static int
declare_some(struct prong_service *s)
{
	return prong_declare(s, "array", "hits", "type", "int32", "values",
	    "11", "values", "22", NULL) == -1 ||
	    prong_declare(s, "dict", "notes", "memory", "1M", NULL) == -1 ||
	    prong_declare(s, "event", "go", NULL) == -1 ? -1 : 0;
}

static int
message(struct prong_conn *c, const void *data, size_t len)
{
	return prong_send(c, data, len);
}

static const struct prong_handler handlers[] = {
	{ .abi = PRONG_ABI, .name = "unit", .options = options,
	  .framing = PRONG_LINE, .message = message },
	{ .abi = PRONG_ABI, .name = "declares", .declare = declare_some,
	  .message = message },
};

/* Bytes that are no text, and texts that JSON and prongd.conf(5) quote. */
static const char odd[] = "\xff\x01 \xc3\xa4 \xc3 \"\\\\x41\\ ${X} \n\xed\xa0\x80";

static void
fill_sections(void)
{
	struct prong_section *s = prong_server_section(server, "array", "hits");

	/* The handler sets the rest. */
	prong_section_set(s, "slots", "3");
	s = prong_server_section(server, "dict", "d");
	prong_section_set(s, "evict", "lru");
	prong_section_set(s, "memory", "2M");
	prong_server_section(server, "event", "stop");
	prong_server_section(server, "pool", "p");
	s = prong_server_section(server, "menu", odd);
	prong_section_set(s, "words", "b");
	prong_section_set(s, "greeting", odd);
	prong_section_set(s, "words", "a");
	prong_section_set(s, "words", "b");
	prong_section_set(prong_section_add(s, "on", "9"), "reply", "nine");
	s = prong_section_add(s, "on", "1");
	prong_section_set(s, "close", "yes");
	prong_section_set(prong_section_add(s, "on", "2"), "reply", "");
	prong_server_section(server, "menu", "empty");
}

static void
fill_services(void)
{
	struct prong_service *s = prong_server_add(server, "web");

	prong_service_set(s, "handler", "unit");
	prong_service_set(s, "listen", "127.0.0.1:7007");
	prong_service_set(s, "listen", "*:7008");
	prong_service_set(s, "listen", "unix:/run/a \"b\"");
	prong_service_set(s, "access", "allow 127.0.0.0/8");
	prong_service_set(s, "access", "deny all");
	prong_service_set(s, "banner", odd);
	prong_service_set(s, "limits.rate", "20/s burst 5");
	prong_service_set(s, "limits.load", "1.5");
	prong_service_set(s, "mode", "0600");
	prong_service_set(s, "max-message", "1M");
	prong_service_set(s, "nodelay", "false");
	prong_service_option(s, "names", "y");
	prong_service_option(s, "menu", odd);
	prong_service_option(s, "text", "");
	prong_service_option(s, "names", "x");
	s = prong_server_add(server, "other");
	prong_service_set(s, "handler", "declares");
	prong_service_set(s, "listen", "[::1]:0");
	prong_service_set(s, "dispatch", "coroutine");
}

static void
setup(void)
{
	int i;

	ck_assert_ptr_nonnull(server = prong_server_new());
	for (i = 0; i < UNIT_COUNT(handlers); i++)
		ck_assert_int_eq(prong_server_handler(server, &handlers[i]), 0);
	prong_server_set(server, "workers", "3");
	prong_server_set(server, "busy-poll", "50us");
	prong_server_set(server, "umask", "0077");
	prong_server_set(server, "log.level", "debug");
	prong_server_set(server, "worker-memory", "1025");
	prong_server_set(server, "pidfile", "/run/\xe2\x82\xac \xff.pid");
	fill_sections();
	fill_services();
	ck_assert_msg(declare_here(server) == 0, "%s", error_text());
}

static void
teardown(void)
{
	prong_server_free(server);
}

static struct prong_server *
copy_of(const struct prong_server *s)
{
	char *text = transfer_write(s, false);
	struct prong_server *copy;

	ck_assert_msg(text != NULL, "%s", error_text());
	copy = transfer_read(text, strlen(text), s);
	ck_assert_msg(copy != NULL, "%s", error_text());
	free(text);
	return copy;
}

/* --- there and back ------------------------------------------------------- */

/* check(3) cannot show such long ones as a whole. */
static void
assert_same(const char *a, const char *b)
{
	size_t i = 0;

	while (a[i] != '\0' && a[i] == b[i])
		i++;
	ck_assert_msg(a[i] == b[i], "\"%.80s\" is not \"%.80s\"", a + i, b + i);
}

START_TEST(test_transfer_whole)
{
	struct prong_server *copy = copy_of(server);
	char *text = transfer_write(server, false);
	char *again = transfer_write(copy, false);
	char *dump, *dump_again;

	assert_same(text, again);
	ck_assert_ptr_nonnull(dump = prong_server_dump(server));
	ck_assert_ptr_nonnull(dump_again = prong_server_dump(copy));
	ck_assert_ptr_nonnull(strstr(dump, "# of the handler of service"));
	assert_same(dump, dump_again);
	free(text);
	free(again);
	free(dump);
	free(dump_again);
	prong_server_free(copy);
}
END_TEST

START_TEST(test_transfer_empty)
{
	struct prong_server *bare = prong_server_new(), *copy = copy_of(bare);

	ck_assert_uint_eq(copy->service_count, 0);
	ck_assert_uint_eq(copy->handler_count, 0);
	prong_server_free(copy);
	prong_server_free(bare);
}
END_TEST

static const struct section_value *
value_of(const struct prong_server *s, enum prong_scope kind,
    const char *title, const char *name)
{
	struct prong_section *section = section_find(s->objects[kind].sections,
	    prong_scope_name(kind), title);

	ck_assert_ptr_nonnull(section);
	return section_value(section, name);
}

/* Whose it is stays known when what it was read from has gone. */
START_TEST(test_transfer_declared)
{
	struct prong_server *copy = copy_of(server);
	const char *name;

	prong_server_free(server);
	server = copy;
	name = server_by_name(copy, "other")->name;
	ck_assert_ptr_eq(value_of(copy, PRONG_ARRAY, "hits", "type")->by, name);
	ck_assert_ptr_eq(value_of(copy, PRONG_ARRAY, "hits", "values")->by,
	    name);
	ck_assert_ptr_null(value_of(copy, PRONG_ARRAY, "hits", "slots")->by);
	ck_assert_ptr_eq(section_find(copy->objects[PRONG_EVENT].sections,
	    "event", "go")->by, name);
	ck_assert_ptr_null(section_find(copy->objects[PRONG_EVENT].sections,
	    "event", "stop")->by);
	/* And so it can be taken back. */
	declare_undo(copy);
	ck_assert_ptr_null(section_find(copy->objects[PRONG_EVENT].sections,
	    "event", "go"));
	ck_assert_ptr_null(value_of(copy, PRONG_ARRAY, "hits", "type"));
	ck_assert_ptr_nonnull(value_of(copy, PRONG_ARRAY, "hits", "slots"));
}
END_TEST

static void
on_log(enum prong_level level, const char *line, void *arg)
{
}

START_TEST(test_transfer_like)
{
	struct prong_server *copy;

	prong_server_log(server, on_log, &server);
	prong_server_signals(server, false);
	copy = copy_of(server);
	ck_assert(copy->log == on_log);
	ck_assert_ptr_eq(copy->log_arg, &server);
	ck_assert(copy->leaves_signals);
	ck_assert_ptr_eq(server_handler(copy, "unit"), &handlers[0]);
	prong_server_free(copy);
}
END_TEST

/* What the handler prefers was not configured, what it does not, was. */
START_TEST(test_transfer_framing)
{
	struct prong_service *s = server_by_name(server, "web");
	struct prong_server *copy = copy_of(server);

	ck_assert_str_eq(s->settings.framing, "line");
	ck_assert_str_eq(server_by_name(copy, "web")->settings.framing, "");
	prong_server_free(copy);
	prong_service_set(s, "framing", "raw");
	copy = copy_of(server);
	ck_assert_str_eq(server_by_name(copy, "web")->settings.framing, "raw");
	prong_server_free(copy);
}
END_TEST

/* A copy of a copy has what was looked up, too. */
START_TEST(test_transfer_lookup)
{
	struct prong_service *s = server_by_name(server, "other");
	struct prong_server *copy, *second;
	char *text;
	size_t i;

	prong_service_set(s, "listen", "localhost:7010");
	text = transfer_write(server, true);
	ck_assert_msg(text != NULL, "%s", error_text());
	copy = transfer_read(text, strlen(text), server);
	ck_assert_msg(copy != NULL, "%s", error_text());
	free(text);
	second = copy_of(copy);
	ck_assert_uint_eq(server_by_name(second, "web")->found.count, 0);
	s = server_by_name(second, "other");
	ck_assert_str_eq(s->settings.listen.items[1], "localhost:7010");
	ck_assert_uint_ge(s->found.count, 2);
	ck_assert_str_eq(s->found.items[0], "[::1]:0");
	for (i = 1; i < s->found.count; i++)
		ck_assert_msg(strcmp(s->found.items[i], "127.0.0.1:7010") ==
		    0 || strcmp(s->found.items[i], "[::1]:7010") == 0, "%s",
		    s->found.items[i]);
	prong_server_free(second);
	prong_server_free(copy);
}
END_TEST

START_TEST(test_transfer_lookup_fails)
{
	prong_service_set(server_by_name(server, "web"), "listen",
	    "127.0.0.1:no-such-port");
	ck_assert_ptr_null(transfer_write(server, true));
	ck_assert_int_eq(errno, ENOENT);
	ck_assert_msg(strncmp(error_text(), "service \"web\": listen: "
	    "\"127.0.0.1:no-such-port\": ", 45) == 0, "%s", error_text());
}
END_TEST

/* --- what is not right ---------------------------------------------------- */

/* Of the text that is written, from is replaced by to. */
static const struct {
	const char *from, *to, *why;
} wrongs[] = {
	{ "\"transfer\":1", "\"transfer\":2", "its form is 2, this is 1" },
	{ "\"transfer\":1", "\"transfer\":\"1\"", "Expected integer" },
	{ "\"transfer\":1", "\"transfer\":1,\"transfer\":1", "duplicate" },
	{ "\"transfer\":1", "\"transfer\":1,\"more\":1", "left unpacked" },
	{ "[\"workers\",\"3\"]", "[\"workers\",\"many\"]", "workers: " },
	{ "[\"workers\",\"3\"]", "[\"workers\",\"99999\"]",
	  "workers: 99999 is not from" },
	{ "[\"workers\",\"3\"]", "[\"wirkers\",\"3\"]",
	  "there is no setting \"wirkers\"" },
	{ "[\"workers\",\"3\"]", "[\"workers\",3]", "a text should be" },
	{ "[\"workers\",\"3\"]", "[\"workers\"]", "a value that is none" },
	{ "[\"workers\",\"3\"]", "{\"workers\":\"3\"}",
	  "a value that is none" },
	{ "[\"workers\",\"3\"]", "[\"workers\",\"3\\\\x00\"]", "a NUL" },
	{ "[\"workers\",\"3\"]", "[\"workers\",\"3\\\\y\"]",
	  "behind a backslash" },
	{ "[\"workers\",\"3\"]", "[\"workers\",\"3\\u0000\"]", "handed on: " },
	{ "\"name\":\"web\"", "\"name\":\"w b\"", "\"w b\" is not a name" },
	{ "\"name\":\"web\"", "\"name\":\"other\"",
	  "there is a service \"other\" already" },
	{ "\"name\":\"web\"", "\"name\":[]", "a text should be" },
	{ "\"name\":\"web\"", "\"nome\":\"web\"", "a service: " },
	{ "[\"listen\",\"*:7008\"]", "[\"listen\",\"7008\"]",
	  "service \"web\": listen: " },
	{ "\"found\":[]", "\"found\":[[\"address\",\"localhost:80\"]]",
	  "\"localhost:80\" is not a number" },
	{ "\"found\":[]", "\"found\":{}", "no list" },
	{ "\"name\":\"menu\"", "\"name\":\"manu\"",
	  "no handler knows a section \"manu\"" },
	{ "\"name\":\"event\"", "\"name\":\"eventt\"",
	  "no handler knows a section \"eventt\"" },
	{ "\"title\":\"stop\"", "\"title\":\"s p\"", "is not a name" },
	{ "\"title\":\"stop\"", "\"title\":\"go\"",
	  "there is a event \"go\" already" },
	{ "[\"slots\",\"3\"]", "[\"slots\",\"0\"]", "array \"hits\": " },
	{ "[\"slots\",\"3\"]", "[\"slits\",\"3\"]", "has no \"slits\"" },
	{ "\"name\":\"on\"", "\"name\":\"off\"",
	  "has no sections \"off\"" },
	{ "\"by\":\"other\"", "\"by\":\"nobody\"",
	  "there is no service \"nobody\"" },
	{ "\"int32\",\"other\"", "\"int32\",\"nobody\"",
	  "there is no service \"nobody\"" },
	{ "\"sections\":[", "\"sections\":[1,", "a section: " },
};

static void
refused(const char *text, size_t length, const char *why)
{
	int descriptors = helper_descriptors();

	ck_assert_ptr_null(transfer_read(text, length, server));
	ck_assert_int_eq(errno, EINVAL);
	ck_assert_msg(strstr(error_text(), why) != NULL, "\"%s\" without "
	    "\"%s\"", error_text(), why);
	ck_assert_ptr_eq(strstr(error_text(), "the configuration that was "
	    "handed on: "), error_text());
	ck_assert_int_eq(helper_descriptors(), descriptors);
}

START_TEST(test_transfer_wrong)
{
	char *text = transfer_write(server, false), *wrong = NULL, *at;

	ck_assert_ptr_nonnull(at = strstr(text, wrongs[_i].from));
	strings_append(&wrong, "%.*s%s%s", (int)(at - text), text,
	    wrongs[_i].to, at + strlen(wrongs[_i].from));
	refused(wrong, strlen(wrong), wrongs[_i].why);
	free(wrong);
	free(text);
}
END_TEST

/* One in another, until it is enough. */
START_TEST(test_transfer_deep)
{
	char *text = NULL;
	int i;

	strings_append(&text, "{\"transfer\":1,\"settings\":[],\"services\":[],"
	    "\"sections\":[{\"name\":\"menu\",\"title\":\"m\",\"values\":[],"
	    "\"sections\":[");
	for (i = 0; i < 300; i++)
		strings_append(&text, "{\"name\":\"on\",\"title\":\"o\","
		    "\"values\":[],\"sections\":[");
	for (i = 0; i < 301; i++)
		strings_append(&text, "]}");
	strings_append(&text, "]}");
	refused(text, strlen(text), "more than 64");
	free(text);
}
END_TEST

START_TEST(test_transfer_no_text)
{
	char *much = calloc(1, TRANSFER_MAX + 1);

	refused("", 0, "");
	refused("null", 4, "");
	refused("[]", 2, "");
	refused("{}", 2, "");
	refused(much, TRANSFER_MAX + 1, "67108865 bytes, and 67108864");
	memset(much, '[', TRANSFER_MAX);
	refused(much, TRANSFER_MAX, "");
	free(much);
}
END_TEST

START_TEST(test_transfer_too_large)
{
	struct prong_section *s = prong_server_section(server, "menu", "big");
	char *much = malloc(20 << 20);

	/* Each of them becomes four. */
	memset(much, '\x01', 20 << 20);
	much[(20 << 20) - 1] = '\0';
	prong_section_set(s, "greeting", much);
	free(much);
	ck_assert_ptr_null(transfer_write(server, false));
	ck_assert_int_eq(errno, E2BIG);
	ck_assert_msg(strstr(error_text(), "too large") != NULL, "%s",
	    error_text());
}
END_TEST

/* Cut anywhere, it is none. */
START_TEST(test_transfer_cut)
{
	char *text = transfer_write(server, false), *cut;
	size_t length = strlen(text), i;

	for (i = 0; i < length; i++) {
		/* What is read behind its end, a sanitizer sees. */
		ck_assert_ptr_nonnull(cut = malloc(i + 1));
		memcpy(cut, text, i);
		ck_assert_ptr_null(transfer_read(cut, i, server));
		free(cut);
	}
	free(text);
}
END_TEST

/* Changed anyhow: it is one or none, and both are whole. */
START_TEST(test_transfer_changed)
{
	static const char marks[] = "{}[]\",:\\0129xyz";
	char *text = transfer_write(server, false), *changed, *again;
	size_t length = strlen(text);
	struct prong_server *copy;
	int i, taken = 0, descriptors = helper_descriptors();
	uint64_t k, n;

	seed_use();
	changed = malloc(length);
	for (i = 0; i < 4000; i++) {
		memcpy(changed, text, length);
		n = 1 + seed_below(3);
		for (k = 0; k < n; k++)
			changed[seed_below(length)] = seed_below(2) == 0 ?
			    (char)seed_below(256) :
			    marks[seed_below(sizeof(marks) - 1)];
		copy = transfer_read(changed, length, server);
		if (copy == NULL) {
			ck_assert_int_eq(errno, EINVAL);
			continue;
		}
		taken++;
		ck_assert_ptr_nonnull(again = prong_server_dump(copy));
		free(again);
		prong_server_free(copy);
	}
	ck_assert_int_gt(taken, 0);
	ck_assert_int_lt(taken, 4000);
	ck_assert_int_eq(helper_descriptors(), descriptors);
	free(changed);
	free(text);
}
END_TEST

int
main(void)
{
	TCase *tc;
	Suite *s = unit_suite("transfer", &tc);

	seed_init();
	tcase_set_timeout(tc, 120);
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, test_transfer_whole);
	tcase_add_test(tc, test_transfer_empty);
	tcase_add_test(tc, test_transfer_declared);
	tcase_add_test(tc, test_transfer_like);
	tcase_add_test(tc, test_transfer_framing);
	tcase_add_test(tc, test_transfer_lookup);
	tcase_add_test(tc, test_transfer_lookup_fails);
	tcase_add_loop_test(tc, test_transfer_wrong, 0, UNIT_COUNT(wrongs));
	tcase_add_test(tc, test_transfer_deep);
	tcase_add_test(tc, test_transfer_no_text);
	tcase_add_test(tc, test_transfer_too_large);
	tcase_add_test(tc, test_transfer_cut);
	tcase_add_test(tc, test_transfer_changed);
	return unit_run(s);
}
