/* SPDX-License-Identifier: ISC */
/*
 * server/declare: what handlers declare, beside the configuration and beside
 * one another; and handlers that crash over it, hang, or do not stop.
 */
#include "server/declare.h"

#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "unit.h"

static struct prong_server *server;
static struct privilege privilege;
static char faults[2048];

/* --- handlers ------------------------------------------------------------------- */

static int
declare_array(struct prong_service *s)
{
	const char *slots = prong_option_string(s, "slots");

	return prong_declare(s, "array", "hits", "type", "int32", "slots",
	    slots, "values", "11", "values", "22", NULL);
}

static int
declare_some(struct prong_service *s)
{
	if (prong_declare(s, "dict", "notes", "memory", "1M", NULL) == -1 ||
	    prong_declare(s, "event", "go", NULL) == -1)
		return -1;
	return prong_declare(s, "dict", "notes", "evict", "lru", NULL);
}

/* Each is refused, and changes nothing. */
static int
declare_wrongly(struct prong_service *s)
{
	if (prong_declare(s, "queue", "q", NULL) != -1 || errno != EINVAL ||
	    prong_declare(s, "array", "a b", NULL) != -1 || errno != EINVAL ||
	    prong_declare(s, "array", "a", "slots", NULL) != -1 ||
	    errno != EINVAL ||
	    prong_declare(s, "array", "a", "size", "1", NULL) != -1 ||
	    errno != EINVAL ||
	    prong_declare(s, "dict", "d", "save", "/x", NULL) != -1 ||
	    errno != EINVAL ||
	    prong_declare(s, "array", "a", "slots", "many", NULL) != -1 ||
	    errno != EINVAL ||
	    prong_declare(s, "array", "a", "slots", "0", NULL) != -1 ||
	    errno != EINVAL ||
	    prong_declare(s, "array", "a", "slots", "1", "slots", "1",
	    NULL) != -1 || errno != EINVAL)
		return prong_set_error(EINVAL, "not refused");
	return 0;
}

static int
declare_fails(struct prong_service *s)
{
	return prong_set_error(EINVAL, "there is no %s", "cheese");
}

static int
declare_crashes(struct prong_service *s)
{
	prong_declare(s, "event", "before", NULL);
	return kill(getpid(), SIGKILL);
}

static int
declare_exits(struct prong_service *s)
{
	exit(3);
}

static int
declare_hangs(struct prong_service *s)
{
	while (pause() == -1)
		continue;
	return 0;
}

static int
declare_much(struct prong_service *s)
{
	char name[64];
	int i;

	for (i = 0; ; i++) {
		/* Long ones, so that it needs not be many. */
		snprintf(name, sizeof(name), "%063d", i);
		if (prong_declare(s, "event", name, NULL) == -1)
			return -1;
	}
}

/* What it has open beside the standard ones, its pipe and the folder. */
static int
declare_looks(struct prong_service *s)
{
	DIR *folder = opendir("/proc/self/fd");
	const struct dirent *e;
	int count = 0;

	if (folder == NULL)
		return -1;
	while ((e = readdir(folder)) != NULL)
		count += e->d_name[0] != '.' && atoi(e->d_name) >
		    STDERR_FILENO && atoi(e->d_name) != dirfd(folder);
	closedir(folder);
	return count == 1 ? 0 : prong_set_error(EBADF, "%d are open", count);
}

static const struct prong_option options[] = {
	{ "slots", PRONG_STRING, "64", NULL, NULL, "of the array" },
	{ .name = NULL }
};

static int
message(struct prong_conn *c, const void *data, size_t len)
{
	return prong_send(c, data, len);
}

#define HANDLER(what)							\
	{ .abi = PRONG_ABI, .name = #what, .options = options,		\
	  .message = message, .declare = declare_##what }

static const struct prong_handler handlers[] = {
	HANDLER(array), HANDLER(some), HANDLER(wrongly), HANDLER(fails),
	HANDLER(crashes), HANDLER(exits), HANDLER(hangs), HANDLER(much),
	HANDLER(looks),
};

/* --- servers ---------------------------------------------------------------------- */

static struct prong_service *
add(const char *name, const char *handler)
{
	struct prong_service *s = prong_server_add(server, name);

	ck_assert_ptr_nonnull(s);
	ck_assert_int_eq(prong_service_set(s, "handler", handler), 0);
	ck_assert_int_eq(prong_service_set(s, "listen", "127.0.0.1:0"), 0);
	return s;
}

static struct prong_section *
configure(const char *kind, const char *name, const char *key,
    const char *value)
{
	struct prong_section *s = prong_server_section(server, kind, name);

	ck_assert_ptr_nonnull(s);
	if (key != NULL)
		ck_assert_int_eq(prong_section_set(s, key, value), 0);
	return s;
}

static void
setup(void)
{
	int i;

	ck_assert_ptr_nonnull(server = prong_server_new());
	for (i = 0; i < UNIT_COUNT(handlers); i++)
		ck_assert_int_eq(prong_server_handler(server, &handlers[i]), 0);
	ck_assert_int_eq(privilege_find(&privilege, "", ""), 0);
}

static void
teardown(void)
{
	prong_server_free(server);
}

static void
on_fault(const struct prong_service *s, const char *key, void *arg)
{
	ck_assert_str_eq(key, "handler");
	strlcat(faults, s->name, sizeof(faults));
	strlcat(faults, ": ", sizeof(faults));
	strlcat(faults, error_text(), sizeof(faults));
	strlcat(faults, "\n", sizeof(faults));
}

static void
declare(const char *wanted)
{
	faults[0] = '\0';
	ck_assert_int_eq(declare_all(server, &privilege, on_fault, NULL),
	    wanted[0] != '\0');
	ck_assert_str_eq(faults, wanted);
}

static struct prong_section *
find(enum prong_scope kind, const char *name)
{
	return section_find(server->objects[kind].sections,
	    prong_scope_name(kind), name);
}

/* --- what is declared ---------------------------------------------------------------- */

START_TEST(test_declare_made)
{
	struct prong_service *s = add("a", "array");
	struct prong_array *a;
	union prong_value v;

	add("b", "some");
	declare("");
	ck_assert_str_eq(find(PRONG_ARRAY, "hits")->by, "a");
	ck_assert_str_eq(section_text(find(PRONG_DICT, "notes"), "evict"),
	    "lru");
	ck_assert_int_eq(objects_make(server), 0);
	ck_assert_ptr_nonnull(a = prong_array_open(s, "hits"));
	ck_assert_uint_eq(prong_array_length(a), 64);
	ck_assert_int_eq(prong_array_type(a), PRONG_INT32);
	ck_assert_int_eq(prong_array_get(a, 1, &v), 0);
	ck_assert_int_eq(v.integer, 22);
	ck_assert_ptr_nonnull(prong_event_open(s, "go"));
	objects_free(server);
	/* Again is the same, and nothing is there twice. */
	declare("");
	declare_undo(server);
	ck_assert_ptr_null(server->objects[PRONG_ARRAY].sections);
	ck_assert_ptr_null(server->objects[PRONG_DICT].sections);
	ck_assert_ptr_null(server->objects[PRONG_EVENT].sections);
}
END_TEST

START_TEST(test_declare_option)
{
	prong_service_option(add("a", "array"), "slots", "7");
	declare("");
	ck_assert_int_eq(section_number(find(PRONG_ARRAY, "hits"), "slots"),
	    7);
}
END_TEST

/* What the configuration says, however it writes it, is not said twice. */
START_TEST(test_declare_beside_configuration)
{
	struct prong_section *array = configure("array", "hits", "slots",
	    "64"), *dict = configure("dict", "notes", "memory", "1024K");

	prong_section_set(array, "values", "11");
	prong_section_set(array, "values", "22");
	add("a", "array");
	add("b", "some");
	declare("");
	ck_assert_ptr_eq(find(PRONG_ARRAY, "hits"), array);
	ck_assert_ptr_null(array->by);
	ck_assert_str_eq(section_text(array, "type"), "int32");
	ck_assert_str_eq(section_text(dict, "memory"), "1024K");
	ck_assert_str_eq(section_text(dict, "evict"), "lru");
	ck_assert_ptr_null(section_list_text(array, "values", 2));
	declare_undo(server);
	ck_assert_str_eq(section_text(array, "type"), "int64");
	ck_assert_str_eq(section_text(array, "slots"), "64");
	ck_assert_str_eq(section_text(dict, "evict"), "none");
}
END_TEST

START_TEST(test_declare_differs)
{
	struct prong_section *array = configure("array", "hits", "slots",
	    "32");

	add("a", "array");
	declare("a: array \"hits\": the handler of service \"a\" declares "
	    "slots = \"64\", the configuration \"32\"\n");
	/* Wholly or not at all. */
	ck_assert_str_eq(section_text(array, "type"), "int64");
}
END_TEST

/* Once, not for each service of the handler; another fault is another. */
START_TEST(test_declare_differs_for_all)
{
	configure("array", "hits", "slots", "32");
	add("a", "array");
	prong_service_option(add("b", "array"), "slots", "65");
	add("c", "array");
	prong_service_option(add("d", "array"), "slots", "65");
	faults[0] = '\0';
	ck_assert_int_eq(declare_all(server, &privilege, on_fault, NULL), 2);
	ck_assert_str_eq(faults,
	    "a: array \"hits\": the handler of service \"a\" declares "
	    "slots = \"64\", the configuration \"32\"\n"
	    "b: array \"hits\": the handler of service \"b\" declares "
	    "slots = \"65\", the configuration \"32\"\n");
}
END_TEST

START_TEST(test_declare_differ)
{
	add("a", "array");
	prong_service_option(add("b", "array"), "slots", "65");
	add("c", "array");
	declare("b: array \"hits\": the handler of service \"b\" declares "
	    "slots = \"65\", that of service \"a\" \"64\"\n");
}
END_TEST

START_TEST(test_declare_list_differs)
{
	struct prong_section *array = configure("array", "hits", "values",
	    "11");

	add("a", "array");
	declare("a: array \"hits\": the handler of service \"a\" declares "
	    "values = \"22\", the configuration \"11\"\n");
	prong_section_set(array, "values", "22");
	prong_section_set(array, "values", "33");
	declare("a: array \"hits\": the handler of service \"a\" declares "
	    "values = \"\", the configuration \"11\"\n");
}
END_TEST

START_TEST(test_declare_wrongly)
{
	struct prong_service *s = add("a", "wrongly");

	declare("");
	ck_assert_ptr_null(server->objects[PRONG_ARRAY].sections);
	ck_assert_int_eq(prong_declare(s, "event", "go", NULL), -1);
	ck_assert_int_eq(errno, EPERM);
}
END_TEST

/* Else a handler could write to what only its server may. */
START_TEST(test_declare_has_nothing)
{
	int ends[2];

	ck_assert_int_eq(pipe(ends), 0);
	add("a", "looks");
	declare("");
	close(ends[0]);
	close(ends[1]);
}
END_TEST

/* --- the whole server ------------------------------------------------------------------ */

static void
on_problem(const void *object, const char *key, const char *text, void *arg)
{
	strlcat(faults, text, sizeof(faults));
}

START_TEST(test_declare_check)
{
	int environment;
	char *text;

	add("b", "some");
	ck_assert_int_eq(prong_server_check(server, on_problem, NULL,
	    &environment), 0);
	ck_assert_ptr_nonnull(text = prong_server_dump(server));
	ck_assert_ptr_nonnull(strstr(text, "\n# of the handler of service "
	    "\"b\"\nevent \"go\" {\n  set = \"false\"\n}\n"));
	free(text);
	/* What comes after a check is not in its way. */
	configure("event", "go", "set", "true");
	declare("");
	ck_assert_ptr_null(find(PRONG_EVENT, "go")->by);
	configure("dict", "other", NULL, NULL);
	prong_section_set(configure("dict", "notes", "evict", "none"),
	    "memory", "1M");
	faults[0] = '\0';
	ck_assert_int_eq(prong_server_check(server, on_problem, NULL,
	    &environment), 1);
	ck_assert_ptr_nonnull(strstr(faults, "declares evict = \"lru\""));
}
END_TEST

START_TEST(test_declare_harness)
{
	static const char *const slots[] = { "slots", "5", NULL };
	struct prong_harness *h = prong_harness_new(&handlers[0], NULL, slots);
	struct prong_array *a;

	ck_assert_ptr_nonnull(h);
	a = prong_array_open(prong_harness_service(h), "hits");
	ck_assert_ptr_nonnull(a);
	ck_assert_uint_eq(prong_array_length(a), 5);
	prong_harness_free(h);
	ck_assert_ptr_null(prong_harness_new(&handlers[3], NULL, NULL));
	ck_assert_str_eq(prong_error(), "service \"fails\": there is no "
	    "cheese");
}
END_TEST

/* --- handlers that do harm -------------------------------------------------------------- */

static const struct {
	const char *handler, *fault;
} harms[] = {
	{ "fails", "a: there is no cheese\n" },
	{ "crashes", "a: its handler's .declare ends the process by signal 9 "
	    "(Killed)\n" },
	{ "exits", "a: its handler's .declare ends the process with exit code "
	    "3\n" },
	{ "hangs", "a: its handler's .declare takes longer than 10 s\n" },
	{ "much", "a: its handler declares more than 262144 bytes\n" },
};

START_TEST(test_declare_harm)
{
	add("first", "array");
	add("a", harms[_i].handler);
	declare(harms[_i].fault);
	/* What was said before that stands. */
	ck_assert_ptr_nonnull(find(PRONG_ARRAY, "hits"));
}
END_TEST

int
main(void)
{
	TCase *tc;
	Suite *s = unit_suite("declare", &tc);

	tcase_set_timeout(tc, 60);
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, test_declare_made);
	tcase_add_test(tc, test_declare_option);
	tcase_add_test(tc, test_declare_beside_configuration);
	tcase_add_test(tc, test_declare_differs);
	tcase_add_test(tc, test_declare_differs_for_all);
	tcase_add_test(tc, test_declare_differ);
	tcase_add_test(tc, test_declare_list_differs);
	tcase_add_test(tc, test_declare_wrongly);
	tcase_add_test(tc, test_declare_has_nothing);
	tcase_add_test(tc, test_declare_check);
	tcase_add_test(tc, test_declare_harness);
	tcase_add_loop_test(tc, test_declare_harm, 0, UNIT_COUNT(harms));
	return unit_run(s);
}
