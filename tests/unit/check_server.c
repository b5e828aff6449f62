/* SPDX-License-Identifier: ISC */
/*
 * server/server: the calls of <prong.h> that put a server together, errno by
 * errno, and what follows from them.
 */
#include "server/server.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/process.h"
#include "unit.h"

static const char *const colours[] = { "red", "green", NULL };

static const struct prong_option menu_members[] = {
	{ .name = "greeting", .type = PRONG_STRING },
	{ .name = NULL }
};

static const struct prong_option options[] = {
	{ .name = "text", .type = PRONG_STRING, .value = "none" },
	{ .name = "number", .type = PRONG_INT },
	{ .name = "truth", .type = PRONG_BOOL, .value = "on" },
	{ .name = "size", .type = PRONG_SIZE, .value = "1M" },
	{ .name = "time", .type = PRONG_TIME, .value = "3m" },
	{ .name = "colour", .type = PRONG_CHOICE, .value = "green",
	    .choices = colours },
	{ .name = "names", .type = PRONG_STRINGS },
	{ .name = "menu", .type = PRONG_SECTION, .members = menu_members },
	{ .name = NULL }
};

static const struct prong_handler handler = {
	.abi = PRONG_ABI, .name = "unit", .options = options,
	.framings = PRONG_LINE | PRONG_NETSTRING, .framing = PRONG_LINE,
};

static const struct prong_handler plain = {
	.abi = PRONG_ABI, .name = "plain",
};

static struct prong_server *server;
static char faults[256];		/* their keys */

static void
setup(void)
{
	ck_assert_ptr_nonnull(server = prong_server_new());
	ck_assert_int_eq(prong_server_handler(server, &handler), 0);
	ck_assert_int_eq(prong_server_handler(server, &plain), 0);
}

static void
teardown(void)
{
	prong_server_free(server);
}

static struct prong_service *
service(const char *name, const char *handled)
{
	struct prong_service *s = prong_server_add(server, name);

	ck_assert_ptr_nonnull(s);
	ck_assert_int_eq(prong_service_set(s, "handler", handled), 0);
	ck_assert_int_eq(prong_service_set(s, "listen", "127.0.0.1:0"), 0);
	return s;
}

static void
note_fault(const struct prong_service *s, const char *key, void *arg)
{
	ck_assert_ptr_eq(arg, faults);
	ck_assert_str_ne(error_text(), "");
	strlcat(faults, key, sizeof(faults));
	strlcat(faults, " ", sizeof(faults));
}

static int
resolve(struct prong_service *s)
{
	faults[0] = '\0';
	return server_resolve(s, note_fault, faults);
}

START_TEST(test_server_new)
{
	ck_assert_str_eq(server->settings.log_target, "syslog");
	ck_assert_int_eq(server->settings.max_processes, 64);
	ck_assert_uint_eq(server->service_count, 0);
	prong_server_free(NULL);
	ck_assert_str_ne(prong_version(), "");
}
END_TEST

START_TEST(test_server_handler)
{
	static const struct prong_handler older = { .abi = PRONG_ABI - 1,
	    .name = "older" };
	static const struct prong_handler newer = { .abi = PRONG_ABI + 1,
	    .name = "newer" };
	static const struct prong_handler twin = { .abi = PRONG_ABI,
	    .name = "unit" };
	static const struct prong_counter counters[] = {
		{ "active", "what every service has" }, { NULL, NULL }
	};
	static const struct prong_handler counting = { .abi = PRONG_ABI,
	    .name = "counting", .counters = counters };
	char text[80];

	errno = 0;
	ck_assert_int_eq(prong_server_handler(server, &older), -1);
	ck_assert_int_eq(errno, EINVAL);
	snprintf(text, sizeof(text), "handler \"older\" was made for "
	    "interface %d, this is %d", PRONG_ABI - 1, PRONG_ABI);
	ck_assert_str_eq(prong_error(), text);
	errno = 0;
	ck_assert_int_eq(prong_server_handler(server, &newer), -1);
	ck_assert_int_eq(errno, EINVAL);
	errno = 0;
	ck_assert_int_eq(prong_server_handler(server, &twin), -1);
	ck_assert_int_eq(errno, EEXIST);
	errno = 0;
	ck_assert_int_eq(prong_server_handler(server, &counting), -1);
	ck_assert_int_eq(errno, EINVAL);
	ck_assert_str_eq(prong_error(), "handler \"counting\": its counter "
	    "\"active\" has the name of one that every service has");
	ck_assert_ptr_eq(server_handler(server, "unit"), &handler);
	ck_assert_ptr_eq(server_handler(server, "plain"), &plain);
	ck_assert_ptr_null(server_handler(server, "older"));
}
END_TEST

START_TEST(test_server_set)
{
	ck_assert_int_eq(prong_server_set(server, "workers", "3"), 0);
	ck_assert_int_eq(server_workers(server), 3);
	ck_assert_int_eq(prong_server_set(server, "workers", "0"), 0);
	ck_assert_int_eq(server_workers(server), process_cpus());
	ck_assert_int_eq(prong_server_set(server, "log.target", "stderr"), 0);
	ck_assert_str_eq(server->settings.log_target, "stderr");
	errno = 0;
	ck_assert_int_eq(prong_server_set(server, "wrokers", "3"), -1);
	ck_assert_int_eq(errno, ENOENT);
	ck_assert_str_eq(prong_error(), "there is no setting \"wrokers\"");
	errno = 0;
	ck_assert_int_eq(prong_server_set(server, "workers", "many"), -1);
	ck_assert_int_eq(errno, EINVAL);
	ck_assert_str_eq(prong_error(), "workers: \"many\" is not a number");
	errno = 0;
	ck_assert_int_eq(prong_server_set(server, "workers", "9999"), -1);
	ck_assert_int_eq(errno, ERANGE);
}
END_TEST

static const char *const bad_names[] = {
	"", " ", "a b", "a/b", "a\n", "a\"", "a=b", "\xc3\xa4",
	"12345678901234567890123456789012345678901234567890123456789012345",
};

START_TEST(test_server_bad_names)
{
	errno = 0;
	ck_assert_ptr_null(prong_server_add(server, bad_names[_i]));
	ck_assert_int_eq(errno, EINVAL);
	errno = 0;
	ck_assert_ptr_null(prong_server_section(server, "array", bad_names[_i]));
	ck_assert_ptr_null(prong_server_section(server, "dict", bad_names[_i]));
	ck_assert_int_eq(errno, EINVAL);
	ck_assert_uint_eq(server->service_count, 0);
}
END_TEST

START_TEST(test_server_add)
{
	struct prong_service *s, *t;
	char name[65];

	memset(name, 'x', 64);
	name[64] = '\0';
	ck_assert_ptr_nonnull(s = prong_server_add(server, "a-B_1.c"));
	ck_assert_ptr_nonnull(t = prong_server_add(server, name));
	ck_assert_str_eq(prong_service_name(s), "a-B_1.c");
	ck_assert_uint_eq(s->index, 0);
	ck_assert_uint_eq(t->index, 1);
	errno = 0;
	ck_assert_ptr_null(prong_server_add(server, "a-B_1.c"));
	ck_assert_int_eq(errno, EEXIST);
	ck_assert_str_eq(prong_error(),
	    "there is a service \"a-B_1.c\" already");
	ck_assert_uint_eq(server->service_count, 2);
}
END_TEST

START_TEST(test_server_service_set)
{
	struct prong_service *s = prong_server_add(server, "s");

	ck_assert_int_eq(prong_service_set(s, "backlog", "9"), 0);
	ck_assert_int_eq(s->settings.backlog, 9);
	errno = 0;
	ck_assert_int_eq(prong_service_set(s, "workers", "1"), -1);
	ck_assert_int_eq(errno, ENOENT);
	errno = 0;
	ck_assert_int_eq(prong_service_set(s, "backlog", "x"), -1);
	ck_assert_int_eq(errno, EINVAL);
	errno = 0;
	ck_assert_int_eq(prong_service_set(s, "dispatch", "magic"), -1);
	ck_assert_int_eq(errno, EINVAL);
	ck_assert_int_eq(s->settings.backlog, 9);
}
END_TEST

START_TEST(test_server_resolve)
{
	struct prong_service *s = service("s", "unit"), *t;

	ck_assert_int_eq(resolve(s), 0);
	ck_assert_ptr_eq(s->handler, &handler);
	ck_assert_int_eq(s->framing, PRONG_LINE);
	ck_assert_str_eq(s->settings.framing, "line");
	/* One that is asked for, and again when that changes. */
	ck_assert_int_eq(prong_service_set(s, "framing", "netstring"), 0);
	ck_assert_int_eq(resolve(s), 0);
	ck_assert_int_eq(s->framing, PRONG_NETSTRING);
	/* A handler without wishes. */
	t = service("t", "plain");
	ck_assert_int_eq(resolve(t), 0);
	ck_assert_int_eq(t->framing, PRONG_RAW);
	ck_assert_int_eq(prong_service_set(t, "framing", "length32"), 0);
	ck_assert_int_eq(resolve(t), 0);
	ck_assert_int_eq(t->framing, PRONG_LENGTH32);
}
END_TEST

START_TEST(test_server_options)
{
	struct prong_service *s = service("s", "unit");
	struct prong_section *m;

	ck_assert_int_eq(resolve(s), 0);
	ck_assert_str_eq(prong_option_string(s, "text"), "none");
	ck_assert_int_eq(prong_option_int(s, "number"), 0);
	ck_assert(prong_option_bool(s, "truth"));
	ck_assert_int_eq(prong_option_size(s, "size"), 1 << 20);
	ck_assert_int_eq(prong_option_time(s, "time"), 180000);
	ck_assert_str_eq(prong_option_string(s, "colour"), "green");
	ck_assert_ptr_null(prong_option_strings(s, "names", 0));
	ck_assert_ptr_null(prong_option_section(s, "menu"));

	m = prong_server_section(server, "menu", "hotline");
	ck_assert_ptr_nonnull(m);
	ck_assert_int_eq(prong_section_set(m, "greeting", "hello"), 0);
	prong_service_option(s, "text", "some");
	prong_service_option(s, "number", "-3");
	prong_service_option(s, "truth", "no");
	prong_service_option(s, "size", "2K");
	prong_service_option(s, "time", "250ms");
	prong_service_option(s, "colour", "red");
	prong_service_option(s, "names", "b");
	prong_service_option(s, "names", "a");
	prong_service_option(s, "menu", "hotline");
	ck_assert_int_eq(resolve(s), 0);
	ck_assert_str_eq(prong_option_string(s, "text"), "some");
	ck_assert_int_eq(prong_option_int(s, "number"), -3);
	ck_assert(!prong_option_bool(s, "truth"));
	ck_assert_int_eq(prong_option_size(s, "size"), 2048);
	ck_assert_int_eq(prong_option_time(s, "time"), 250);
	ck_assert_str_eq(prong_option_string(s, "colour"), "red");
	ck_assert_str_eq(prong_option_strings(s, "names", 0), "b");
	ck_assert_str_eq(prong_option_strings(s, "names", 1), "a");
	ck_assert_ptr_null(prong_option_strings(s, "names", 2));
	ck_assert_ptr_eq(prong_option_section(s, "menu"), m);
	ck_assert_str_eq(prong_section_string(prong_option_section(s, "menu"),
	    "greeting"), "hello");
}
END_TEST

/* Each fault with the key of the setting, all of them at once. */
START_TEST(test_server_faults)
{
	struct prong_service *s = prong_server_add(server, "s");

	ck_assert_int_eq(resolve(s), 2);
	ck_assert_str_eq(faults, "listen handler ");
	ck_assert_int_eq(prong_service_set(s, "listen", "127.0.0.1:0"), 0);
	ck_assert_int_eq(resolve(s), 1);
	ck_assert_str_eq(error_text(), "service \"s\" has no handler");
	ck_assert_int_eq(prong_service_set(s, "handler", "nobody"), 0);
	ck_assert_int_eq(resolve(s), 1);
	ck_assert_str_eq(faults, "handler ");
	ck_assert_ptr_eq(strstr(error_text(), "there is no handler \"nobody\"; "
	    "there are: unit, plain; and modules, as NAME.so, in /"),
	    error_text());
	ck_assert_int_eq(prong_service_set(s, "handler", "unit"), 0);
	ck_assert_int_eq(prong_service_set(s, "framing", "raw"), 0);
	prong_service_option(s, "number", "x");
	prong_service_option(s, "unknown", "1");
	prong_service_option(s, "menu", "nowhere");
	prong_service_option(s, "colour", "blue");
	ck_assert_int_eq(resolve(s), 5);
	ck_assert_str_eq(faults, "framing number unknown menu colour ");
}
END_TEST

START_TEST(test_server_fault_texts)
{
	static const struct {
		const char *name, *value, *text;
	} wrong[] = {
		{ "number", "x", "number: \"x\" is not a number" },
		{ "unknown", "1", "handler \"unit\" has no option "
		    "\"unknown\"" },
		{ "menu", "nowhere", "there is no menu \"nowhere\"" },
		{ "colour", "blue", "colour: \"blue\" is none of: red, "
		    "green" },
	};
	struct prong_service *s = service("s", "unit");

	prong_service_option(s, wrong[_i].name, wrong[_i].value);
	ck_assert_int_eq(resolve(s), 1);
	ck_assert_str_eq(error_text(), wrong[_i].text);
}
END_TEST

START_TEST(test_server_option_twice)
{
	struct prong_service *s = service("s", "unit");

	prong_service_option(s, "text", "one");
	prong_service_option(s, "text", "two");
	ck_assert_int_eq(resolve(s), 1);
	ck_assert_str_eq(faults, "text ");
	ck_assert_str_eq(error_text(), "text is set twice, the second time "
	    "to \"two\"");
}
END_TEST

START_TEST(test_server_section)
{
	struct prong_section *m = prong_server_section(server, "menu", "m");

	ck_assert_ptr_nonnull(m);
	ck_assert_str_eq(prong_section_title(m), "m");
	errno = 0;
	ck_assert_ptr_null(prong_server_section(server, "menu", "m"));
	ck_assert_int_eq(errno, EEXIST);
	errno = 0;
	ck_assert_ptr_null(prong_server_section(server, "text", "m"));
	ck_assert_int_eq(errno, ENOENT);
	errno = 0;
	ck_assert_ptr_null(prong_server_section(server, "unknown", "m"));
	ck_assert_int_eq(errno, ENOENT);
	ck_assert_ptr_nonnull(prong_server_section(server, "menu", "other"));
}
END_TEST

/* --- arrays -------------------------------------------------------------- */

START_TEST(test_server_array)
{
	struct prong_section *a = prong_server_section(server, "array", "hits");
	struct prong_service *s = service("s", "plain");
	struct prong_array *array;
	union prong_value v;
	const char *key;
	int i;

	ck_assert_ptr_nonnull(a);
	errno = 0;
	ck_assert_ptr_null(prong_server_section(server, "array", "hits"));
	ck_assert_int_eq(errno, EEXIST);
	ck_assert_int_eq(prong_section_set(a, "type", "int32"), 0);
	ck_assert_int_eq(prong_section_set(a, "slots", "5"), 0);
	for (i = 1; i <= 4; i++) {
		char text[12];

		snprintf(text, sizeof(text), "%d", i * 11);
		ck_assert_int_eq(prong_section_set(a, "values", text), 0);
	}
	ck_assert_int_eq(object_array.check(a, &key), 0);
	ck_assert_int_eq(objects_make(server), 0);
	ck_assert_ptr_nonnull(array = prong_array_open(s, "hits"));
	ck_assert_int_eq(prong_array_type(array), PRONG_INT32);
	ck_assert_uint_eq(prong_array_length(array), 5);
	for (i = 0; i < 5; i++) {
		ck_assert_int_eq(prong_array_get(array, (size_t)i, &v), 0);
		ck_assert_int_eq(v.integer, i < 4 ? (i + 1) * 11 : 0);
	}
	errno = 0;
	ck_assert_ptr_null(prong_array_open(s, "misses"));
	ck_assert_int_eq(errno, ENOENT);
	objects_free(server);
	ck_assert_ptr_null(prong_array_open(s, "hits"));
	objects_free(server);
}
END_TEST

static const struct {
	const char *type, *slots, *value, *key;
	int error;
} bad_arrays[] = {
	{ "int8", "0", NULL, "slots", EINVAL },
	{ "int8", "-1", NULL, "slots", EINVAL },
	{ "int8", "134217729", NULL, "slots", EINVAL },
	{ "int8", "1", "128", "values", ERANGE },
	{ "int8", "1", "x", "values", EINVAL },
	{ "uint64", "1", "-1", "values", EINVAL },
	{ "int32", "1", "2147483648", "values", ERANGE },
};

START_TEST(test_server_bad_array)
{
	struct prong_section *a = prong_server_section(server, "array", "a");
	const char *key = NULL;

	ck_assert_int_eq(prong_section_set(a, "type", bad_arrays[_i].type), 0);
	ck_assert_int_eq(prong_section_set(a, "slots", bad_arrays[_i].slots),
	    0);
	if (bad_arrays[_i].value != NULL)
		ck_assert_int_eq(prong_section_set(a, "values",
		    bad_arrays[_i].value), 0);
	errno = 0;
	ck_assert_int_eq(object_array.check(a, &key), -1);
	ck_assert_int_eq(errno, bad_arrays[_i].error);
	ck_assert_str_eq(key, bad_arrays[_i].key);
}
END_TEST

START_TEST(test_server_array_settings)
{
	struct prong_section *a = prong_server_section(server, "array", "a");
	const char *key;

	errno = 0;
	ck_assert_int_eq(prong_section_set(a, "type", "int128"), -1);
	ck_assert_int_eq(errno, EINVAL);
	errno = 0;
	ck_assert_int_eq(prong_section_set(a, "slots", "many"), -1);
	ck_assert_int_eq(errno, EINVAL);
	errno = 0;
	ck_assert_int_eq(prong_section_set(a, "size", "1"), -1);
	ck_assert_int_eq(errno, ENOENT);
	/* The defaults are an array; two values are too many for it. */
	ck_assert_int_eq(object_array.check(a, &key), 0);
	prong_section_set(a, "values", "1");
	ck_assert_int_eq(object_array.check(a, &key), 0);
	prong_section_set(a, "values", "2");
	ck_assert_int_eq(object_array.check(a, &key), -1);
	ck_assert_str_eq(error_text(), "there are more values than the 1 "
	    "slot");
}
END_TEST

START_TEST(test_server_set_error)
{
	char text[2000];

	errno = 0;
	ck_assert_int_eq(prong_set_error(EDOM, "number %d", 7), -1);
	ck_assert_int_eq(errno, EDOM);
	ck_assert_str_eq(prong_error(), "number 7");
	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	ck_assert_int_eq(prong_set_error(EDOM, "%s", text), -1);
	ck_assert_uint_lt(strlen(prong_error()), ERROR_MAX);
	/* Text from outside is no format. */
	prong_set_error(EDOM, "%s", "%n%s");
	ck_assert_str_eq(prong_error(), "%n%s");
}
END_TEST

int
main(void)
{
	TCase *tc;
	Suite *s = unit_suite("server", &tc);

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, test_server_new);
	tcase_add_test(tc, test_server_handler);
	tcase_add_test(tc, test_server_set);
	tcase_add_loop_test(tc, test_server_bad_names, 0,
	    UNIT_COUNT(bad_names));
	tcase_add_test(tc, test_server_add);
	tcase_add_test(tc, test_server_service_set);
	tcase_add_test(tc, test_server_resolve);
	tcase_add_test(tc, test_server_options);
	tcase_add_test(tc, test_server_faults);
	tcase_add_loop_test(tc, test_server_fault_texts, 0, 4);
	tcase_add_test(tc, test_server_option_twice);
	tcase_add_test(tc, test_server_section);
	tcase_add_test(tc, test_server_array);
	tcase_add_loop_test(tc, test_server_bad_array, 0,
	    UNIT_COUNT(bad_arrays));
	tcase_add_test(tc, test_server_array_settings);
	tcase_add_test(tc, test_server_set_error);
	return unit_run(s);
}
