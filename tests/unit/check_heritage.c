/* SPDX-License-Identifier: ISC */
/*
 * server/heritage_read: what a master finds that was started by an upgrade, and
 * that it believes none of it that cannot be: the program before may be another
 * version.
 */
#include "server/heritage.h"

#include <sys/mman.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "helper.h"
#include "seed.h"
#include "shm/locks.h"
#include "unit.h"

#define SCRIBBLES	200

static struct locks locks;
static struct ledger ledger;

static int
null_device(void)
{
	int fd = open("/dev/null", O_RDWR | O_CLOEXEC);

	ck_assert_int_ge(fd, 3);
	return fd;
}

/* One that is right, with one of each. */
static json_t *
heritage(void)
{
	struct prong_array *a;
	json_t *o;

	ck_assert_int_eq(locks_create(&locks), 0);
	ck_assert_int_eq(ledger_create(&ledger, 4, 2, 16), 0);
	a = array_new("hits", PRONG_INT64, 4);
	ck_assert_ptr_nonnull(a);
	o = json_pack("{s:i,s:s,s:i,s:i,s:i,s:I,s:I,s:i,s:i,s:i,"
	    "s:{s:s,s:i},s:{s:s,s:i},s:i,s:i}",
	    "form", HERITAGE_FORM, "version", "0.1.0", "pid", 4711,
	    "generation", 7, "behind", 1, "started", (json_int_t)1000,
	    "conns", (json_int_t)5000, "link", null_device(),
	    "ask", null_device(), "error", null_device(),
	    "pidfile", "path", "/run/unit.pid", "fd", null_device(),
	    "control", "path", "/run/unit.sock", "fd", null_device(),
	    "locks", locks.segment.fd, "locks-layout", LOCKS_LAYOUT);
	ck_assert_ptr_nonnull(o);
	json_object_set_new(o, "listening", json_pack(
	    "[{s:i,s:s,s:s,s:s,s:i,s:b}]", "fd", null_device(),
	    "service", "echo", "wanted", "127.0.0.1:0",
	    "address", "127.0.0.1:7007", "number", -1, "given", 0));
	json_object_set_new(o, "ledgers", json_pack(
	    "[{s:i,s:i,s:i,s:i,s:i,s:b,s:[s,s]}]", "fd", ledger.segment.fd,
	    "layout", LEDGER_LAYOUT, "slots", 4, "services", 2,
	    "sources", 16, "has_sources", 0, "names", "echo", "more"));
	json_object_set_new(o, "objects", json_pack(
	    "[{s:s,s:s,s:i,s:[[s,s],[s,s],[s,s]],s:[i]}]", "kind", "array",
	    "name", "hits", "layout", ARRAY_LAYOUT, "values",
	    "type", "int64", "slots", "4", "later", "unknown here",
	    "fds", a->segment.fd));
	return o;
}

/* Has it found as that text, which stays the caller's. */
static struct heritage *
find(const char *text, size_t length)
{
	int fd = memfd_create("unit", 0);
	char number[16];

	ck_assert_int_ge(fd, 3);
	ck_assert_int_eq(write(fd, text, length), (ssize_t)length);
	snprintf(number, sizeof(number), "%d", fd);
	setenv(HERITAGE_VARIABLE, number, 1);
	return heritage_get();
}

static struct heritage *
find_object(const json_t *o)
{
	char *text = json_dumps(o, JSON_COMPACT);
	struct heritage *h;

	ck_assert_ptr_nonnull(text);
	h = find(text, strlen(text));
	free(text);
	return h;
}

START_TEST(test_heritage_none)
{
	unsetenv(HERITAGE_VARIABLE);
	errno = EINVAL;
	ck_assert_ptr_null(heritage_get());
	ck_assert_int_eq(errno, 0);
}
END_TEST

START_TEST(test_heritage_right)
{
	json_t *o = heritage();
	struct heritage *h = find_object(o);
	const struct prong_server *s;

	ck_assert_msg(h != NULL, "%s", error_text());
	ck_assert_ptr_null(getenv(HERITAGE_VARIABLE));
	ck_assert_ptr_eq(heritage_get(), h);
	ck_assert_int_eq(h->pid, 4711);
	ck_assert_uint_eq(h->generation, 7);
	ck_assert_uint_eq(h->behind, 1);
	ck_assert_uint_eq(h->started, 1000);
	ck_assert_uint_eq(h->conns, 5000);
	ck_assert_str_eq(h->version, "0.1.0");
	ck_assert_str_eq(h->pidfile, "/run/unit.pid");
	ck_assert_str_eq(h->control, "/run/unit.sock");
	ck_assert_uint_eq(h->before.listening.count, 1);
	ck_assert_str_eq(h->before.listening.sockets[0].name, "echo");
	s = h->before.server;
	ck_assert_uint_eq(s->objects[PRONG_ARRAY].count, 1);
	ck_assert_uint_eq(h->ledger_count, 1);
	ck_assert_str_eq(h->ledger_why, "");
	ck_assert_str_eq(h->ledgers[0].names[1], "more");
	/* No descriptor goes on to what this process starts. */
	ck_assert_int_eq(fcntl(h->link, F_GETFD), FD_CLOEXEC);
	ck_assert_int_eq(fcntl(h->pidlock, F_GETFD), FD_CLOEXEC);
	heritage_free(h);
	json_decref(o);
}
END_TEST

/* What is put in the place of what is right, and what is said of it. */
static const struct {
	const char *in;		/* a member, or one of its only element */
	const char *key;
	const char *value;	/* as JSON; NULL: it is missing */
	const char *text;
} wrongs[] = {
	{ NULL, "form", NULL, "another form" },
	{ NULL, "form", "1000", "another form" },
	{ NULL, "form", "\"1\"", "another form" },
	{ NULL, "form", "[]", "another form" },
	{ NULL, "conns", "-1", "the number of a connection" },
	{ NULL, "conns", "4611686018427387904", "the number of a connection" },
	{ NULL, "ask", NULL, "a descriptor" },
	{ NULL, "ask", "987654", "a descriptor" },
	{ "ledgers", "fd", NULL, "a descriptor" },
	{ "ledgers", "fd", "987654", "a descriptor" },
	{ NULL, "link", NULL, "a descriptor" },
	{ NULL, "link", "null", "a descriptor" },
	{ NULL, "link", "\"5\"", "a descriptor" },
	{ NULL, "link", "-1", "a descriptor" },
	{ NULL, "link", "2", "a descriptor" },
	{ NULL, "link", "5.5", "a descriptor" },
	{ NULL, "link", "987654", "a descriptor" },
	{ NULL, "link", "4294967301", "a descriptor" },
	{ NULL, "error", NULL, "a descriptor" },
	{ NULL, "error", "987654", "a descriptor" },
	{ NULL, "pidfile", "{}", "a path" },
	{ NULL, "pidfile", "7", "a path" },
	{ NULL, "pidfile", "{\"path\": 7, \"fd\": 5}", "a path" },
	{ NULL, "pidfile", "{\"path\": \"/x\"}", "a descriptor" },
	{ NULL, "control", "{\"path\": \"/x\", \"fd\": 987654}",
	    "a descriptor" },
	{ NULL, "control", "[\"/x\", 5]", "a path" },
	{ NULL, "locks", NULL, "a descriptor" },
	{ NULL, "locks", "1000000", "a descriptor" },
	{ NULL, "locks-layout", NULL, "layout" },
	{ NULL, "locks-layout", "1000", "layout 1000" },
	{ NULL, "locks-layout", "-1", "layout" },
	{ NULL, "locks-layout", "4294967297", "layout" },
	{ NULL, "listening", "[7]", "a service's name" },
	{ NULL, "listening", "[null]", "a service's name" },
	{ "listening", "fd", NULL, "a descriptor" },
	{ "listening", "fd", "0", "a descriptor" },
	{ "listening", "service", NULL, "a service's name" },
	{ "listening", "service", "7", "a service's name" },
	{ "listening", "wanted", NULL, "an address" },
	{ "listening", "wanted", "\"nowhere\"", "an address" },
	{ "listening", "wanted", "7", "an address" },
	{ "listening", "address", "\"127.0.0.1:99999\"", "an address" },
	{ "listening", "address", "\"\"", "an address" },
	{ "listening", "number", "-2", "the number" },
	{ "listening", "number", "65536", "the number" },
	{ NULL, "objects", "[7]", "a kind" },
	{ "objects", "kind", NULL, "a kind" },
	{ "objects", "kind", "\"queue\"", "a kind" },
	{ "objects", "kind", "\"pool\"", "a kind" },
	{ "objects", "name", NULL, "a kind" },
	{ "objects", "name", "\"a b\"", "name" },
	{ "objects", "layout", NULL, "layout" },
	{ "objects", "layout", "1000", "layout 1000" },
	{ "objects", "values", "[7]", "a value" },
	{ "objects", "values", "[[\"type\", 7]]", "a value" },
	{ "objects", "values", "[[\"slots\", \"500000\"]]", "array \"hits\"" },
	{ "objects", "fds", "[987654]", "a descriptor" },
	{ "objects", "fds", "[]", "no memory" },
	{ "objects", "fds", "[5, 5, 5, 5, 5, 5, 5, 5, 5]", "a kind" },
};

START_TEST(test_heritage_wrong)
{
	json_t *o = heritage(), *at = o;

	if (wrongs[_i].in != NULL)
		at = json_array_get(json_object_get(o, wrongs[_i].in), 0);
	ck_assert_ptr_nonnull(json_object_get(at, wrongs[_i].key));
	if (wrongs[_i].value == NULL)
		json_object_del(at, wrongs[_i].key);
	else
		ck_assert_int_eq(json_object_set_new(at, wrongs[_i].key,
		    json_loads(wrongs[_i].value, JSON_DECODE_ANY, NULL)), 0);
	ck_assert_ptr_null(find_object(o));
	ck_assert_int_ne(errno, 0);
	ck_assert_msg(strstr(error_text(), wrongs[_i].text) != NULL, "%s",
	    error_text());
	/* It says the same to whoever asks again. */
	ck_assert_ptr_null(heritage_get());
	ck_assert_msg(strstr(error_text(), wrongs[_i].text) != NULL, "%s",
	    error_text());
	json_decref(o);
}
END_TEST

/* The limits of the server before count for nothing then, and that is all. */
static const struct {
	const char *key;
	const char *value;
} strange[] = {
	{ "layout", "1000" }, { "layout", "-1" }, { "slots", "0" },
	{ "slots", "5" }, { "slots", "4294967295" }, { "services", "0" },
	{ "services", "1000000" }, { "services", "-2" }, { "sources", "17" },
	{ "sources", "4294967296" }, { "sources", "[]" },
};

START_TEST(test_heritage_strange_ledger)
{
	json_t *o = heritage();
	struct heritage *h;

	ck_assert_int_eq(json_object_set_new(json_array_get(json_object_get(o,
	    "ledgers"), 0), strange[_i].key, json_loads(strange[_i].value,
	    JSON_DECODE_ANY, NULL)), 0);
	h = find_object(o);
	ck_assert_msg(h != NULL, "%s", error_text());
	ck_assert_str_ne(h->ledger_why, "");
	ck_assert_uint_eq(h->ledger_count, 1);
	ck_assert_ptr_null(h->ledgers[0].names);
	heritage_free(h);
	json_decref(o);
}
END_TEST

static const char *const texts[] = {
	"", "{", "[]", "7", "{\"form\": 1", "{} {}", "\xff\xfe", "null",
};

START_TEST(test_heritage_no_text)
{
	ck_assert_ptr_null(find(texts[_i], strlen(texts[_i])));
	ck_assert_int_ne(errno, 0);
	ck_assert_str_ne(error_text(), "");
}
END_TEST

/*
 * Bytes that have changed on the way: it is right, or it is refused.  Whoever
 * takes a descriptor of ours for his own is a child.
 */
START_TEST(test_heritage_scribbled)
{
	json_t *o = heritage();
	char *text = json_dumps(o, JSON_COMPACT), *copy;
	size_t length = strlen(text);
	int i, k;
	pid_t pid;

	copy = malloc(length);
	ck_assert_ptr_nonnull(copy);
	seed_use();
	for (i = 0; i < SCRIBBLES; i++) {
		memcpy(copy, text, length);
		for (k = 0; k < 3; k++)
			copy[seed_below(length)] = (char)seed_below(256);
		if ((pid = fork()) == 0)
			_exit(find(copy, length) != NULL ||
			    error_text()[0] != '\0' ? 0 : 1);
		ck_assert_int_eq(helper_wait(pid), 0);
	}
	free(copy);
	free(text);
	json_decref(o);
}
END_TEST

int
main(void)
{
	TCase *tc;
	Suite *s = unit_suite("heritage", &tc);

	seed_init();
	tcase_add_test(tc, test_heritage_none);
	tcase_add_test(tc, test_heritage_right);
	tcase_add_loop_test(tc, test_heritage_wrong, 0, UNIT_COUNT(wrongs));
	tcase_add_loop_test(tc, test_heritage_strange_ledger, 0,
	    UNIT_COUNT(strange));
	tcase_add_loop_test(tc, test_heritage_no_text, 0, UNIT_COUNT(texts));
	tcase_add_test(tc, test_heritage_scribbled);
	return unit_run(s);
}
