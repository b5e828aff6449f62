/* SPDX-License-Identifier: ISC */
/*
 * server/dump: the whole configuration as text.  That prongd reads it back is
 * a black-box test's.
 */
#include <string.h>

#include "server/server.h"
#include "unit.h"

static const struct prong_option members[] = {
	{ .name = "greeting", .type = PRONG_STRING },
	{ .name = NULL }
};

static const struct prong_option options[] = {
	{ .name = "text", .type = PRONG_STRING, .value = "a \"b\"" },
	{ .name = "none", .type = PRONG_STRING },
	{ .name = "names", .type = PRONG_STRINGS },
	{ .name = "menu", .type = PRONG_SECTION, .members = members },
	{ .name = NULL }
};

static const struct prong_handler handler = {
	.abi = PRONG_ABI, .name = "unit", .options = options,
	.framing = PRONG_LINE,
};

static const char expected[] =
    "\narray \"hits\" {\n"
    "  slots = \"3\"\n"
    "  values = {\"1\", \"2\"}\n"
    "  type = \"int64\"\n"
    "}\n"
    "\ndict \"d\" {\n"
    "  evict = \"lru\"\n"
    "  memory = \"16M\"\n"
    "  save = \"\"\n"
    "  save-interval = \"60s\"\n"
    "}\n"
    "\nevent \"go\" {\n"
    "  set = \"false\"\n"
    "}\n"
    "\npool \"p\" {\n"
    "  processes = \"1\"\n"
    "  queue = \"1024\"\n"
    "  size = \"4K\"\n"
    "  task-timeout = \"0\"\n"
    "}\n"
    "\nmenu \"m\" {\n"
    "  greeting = \"hi\\n\"\n"
    "}\n"
    "\nservice \"s\" {\n"
    "  listen = {\"127.0.0.1:0\"}\n"
    "  handler = \"unit\"\n";

/* Options as they are, the defaults included. */
static const char expected_options[] =
    "  set(\"text\", \"a \\\"b\\\"\")\n"
    "  set(\"names\", \"x\")\n"
    "  set(\"names\", \"y\")\n"
    "  set(\"menu\", \"m\")\n"
    "}\n";

START_TEST(test_dump_server)
{
	struct prong_server *server = prong_server_new();
	struct prong_service *s;
	struct prong_section *a, *m;
	char *out, *again;

	ck_assert_int_eq(prong_server_handler(server, &handler), 0);
	a = prong_server_section(server, "array", "hits");
	prong_section_set(a, "slots", "3");
	prong_section_set(a, "values", "1");
	prong_section_set(a, "values", "2");
	prong_section_set(prong_server_section(server, "dict", "d"), "evict", "lru");
	prong_server_section(server, "event", "go");
	prong_server_section(server, "pool", "p");
	m = prong_server_section(server, "menu", "m");
	prong_section_set(m, "greeting", "hi\n");
	s = prong_server_add(server, "s");
	prong_service_set(s, "handler", "unit");
	prong_service_set(s, "listen", "127.0.0.1:0");
	prong_service_option(s, "names", "x");
	prong_service_option(s, "names", "y");
	prong_service_option(s, "menu", "m");
	ck_assert_ptr_nonnull(out = prong_server_dump(server));
	ck_assert_ptr_eq(strstr(out, "user = \"\"\n"), out);
	ck_assert_msg(strstr(out, expected) != NULL, "%s", out);
	ck_assert_msg(strstr(out, expected_options) != NULL, "%s", out);
	ck_assert_str_eq(strstr(out, expected_options), expected_options);
	/* The framing that the handler prefers is the one that is. */
	ck_assert_ptr_nonnull(strstr(out, "  framing = \"line\"\n"));
	ck_assert_ptr_nonnull(again = prong_server_dump(server));
	ck_assert_str_eq(out, again);
	free(out);
	free(again);
	prong_server_free(server);
}
END_TEST

/* Also what is wrong is shown. */
START_TEST(test_dump_incomplete)
{
	struct prong_server *server = prong_server_new();
	struct prong_service *s = prong_server_add(server, "s");
	char *out;

	prong_service_set(s, "handler", "nobody");
	prong_service_option(s, "greeting", "x");
	ck_assert_ptr_nonnull(out = prong_server_dump(server));
	ck_assert_ptr_nonnull(strstr(out, "\nservice \"s\" {\n"
	    "  listen = {}\n  handler = \"nobody\"\n"));
	free(out);
	prong_server_free(server);
}
END_TEST

int
main(void)
{
	TCase *tc;
	Suite *s = unit_suite("dump", &tc);

	tcase_add_test(tc, test_dump_server);
	tcase_add_test(tc, test_dump_incomplete);
	return unit_run(s);
}
