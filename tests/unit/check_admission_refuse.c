/* SPDX-License-Identifier: ISC */
/*
 * net/admission: what a client that is refused gets, what is told of it, and
 * the load and memory that it is refused for.
 */
#include "net/admission.h"

#include <errno.h>
#include <stdio.h>

#include "admission.h"
#include "base/process.h"
#include "helper.h"
#include "unit.h"

static char banner[] = "busy, come back later\r\n";

/* --- the answers --------------------------------------------------------- */

/* A client over TCP that has sent something, and is refused. */
static int
refused_client(enum admission_answer answer, size_t sent)
{
	struct address a = { .in = { .sin_family = AF_INET } }, from;
	int listening, fd, accepted;
	char *data;

	set->refuse = answer;
	add_rule("deny all");
	prepare();
	a.in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	a.length = sizeof(a.in);
	listening = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	ck_assert_int_eq(bind(listening, &a.sa, a.length), 0);
	ck_assert_int_eq(listen(listening, 1), 0);
	ck_assert_int_eq(getsockname(listening, &a.sa, &a.length), 0);
	fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	ck_assert_int_eq(connect(fd, &a.sa, a.length), 0);
	ck_assert_ptr_nonnull(data = calloc(1, sent + 1));
	ck_assert_int_eq(send(fd, data, sent, 0), (ssize_t)sent);
	free(data);
	from.length = sizeof(from.storage);
	accepted = accept4(listening, &from.sa, &from.length, SOCK_NONBLOCK |
	    SOCK_CLOEXEC);
	close(listening);
	ck_assert_int_eq(conn_open(&fake.service, accepted, &from), -1);
	ck_assert_str_eq(fake_counts(), "refused_acl=1");
	clients[client_count++] = fd;
	return fd;
}

/* All that comes, to the end or the reset: returns 0 or the errno. */
static int
read_all(int fd, char *buf, size_t size)
{
	size_t length = 0;
	ssize_t n;

	while ((n = recv(fd, buf + length, size - 1 - length, 0)) > 0)
		length += (size_t)n;
	buf[length] = '\0';
	return n == 0 ? 0 : errno;
}

static const struct {
	enum admission_answer answer;
	size_t sent;
	const char *comes;
	int end;
} answers[] = {
	{ ANSWER_CLOSE, 0, "", 0 },
	{ ANSWER_RESET, 0, "", ECONNRESET },
	{ ANSWER_RESET, 100, "", ECONNRESET },
	{ ANSWER_BANNER, 0, banner, 0 },
	{ ANSWER_BANNER, 1, banner, 0 },
	{ ANSWER_BANNER, 5000, banner, 0 },
	{ ANSWER_BANNER, 60000, banner, 0 },
};

START_TEST(test_admission_refuse_answer)
{
	char got[256];
	int fd;

	set->banner = banner;
	fd = refused_client(answers[_i].answer, answers[_i].sent);
	ck_assert_int_eq(read_all(fd, got, sizeof(got)), answers[_i].end);
	ck_assert_str_eq(got, answers[_i].comes);
}
END_TEST

/* --- what is told -------------------------------------------------------- */

/* Each reason by itself, once a second, with what was left out. */
START_TEST(test_admission_refuse_told)
{
	int i;

	set->limit_per_source = 1;
	set->limit_connections = 2;
	prepare();
	ck_assert(comes_from(SOMEBODY));
	for (i = 0; i < 5; i++)
		ck_assert(!comes_from(SOMEBODY));
	ck_assert_int_eq(fake.reports, 1);
	ck_assert(comes_from("192.0.2.2"));
	for (i = 0; i < 3; i++)
		ck_assert(!comes_from("192.0.2.3"));
	ck_assert_int_eq(fake.reports, 2);
	ck_assert_ptr_nonnull(strstr(fake.reported, "limits.connections"));
	clock_ms += 999;
	ck_assert(!comes_from(SOMEBODY));
	ck_assert_int_eq(fake.reports, 2);
	clock_ms += 1;
	ck_assert(!comes_from("192.0.2.4"));
	ck_assert_int_eq(fake.reports, 3);
	ck_assert_str_eq(fake.reported, "service=unit peer=192.0.2.4:4711: "
	    "connection refused: limits.connections is reached (and 2 more "
	    "since 1 s ago)");
	clock_ms += 2500;
	ck_assert(!comes_from(SOMEBODY));
	ck_assert_ptr_nonnull(strstr(fake.reported, "limits.per-source is "
	    "reached (and 5 more since 3 s ago)"));
	clock_ms += 1000;
	ck_assert(!comes_from(SOMEBODY));
	ck_assert_ptr_null(strstr(fake.reported, "more since"));
	ck_assert_int_eq(fake.reports, 5);
	/* Whatever is told, all are counted and recorded. */
	ck_assert_str_eq(fake_counts(), "accepted=2 refused_limit=4 "
	    "refused_source=8");
	ck_assert_int_eq(records, 12);
}
END_TEST

/* Also of a service that has no limits of its own. */
START_TEST(test_admission_refuse_told_without_limits)
{
	int i;

	prepare();
	fake.net->memory_max = 1;
	for (i = 0; i < 50; i++)
		ck_assert(!comes_from(SOMEBODY));
	ck_assert_uint_eq(fake_count(COUNTER_REFUSED_MEMORY), 50);
	ck_assert_int_eq(fake.reports, 1);
}
END_TEST

/* --- load and memory ----------------------------------------------------- */

/* The machine's load is looked at once a second. */
START_TEST(test_admission_refuse_load)
{
	double average;

	set->limit_load = 1000000;
	prepare();
	ck_assert(comes_from(SOMEBODY));
	ck_assert_uint_eq(fake.net->load_at, clock_ms);
	ck_assert_int_eq(getloadavg(&average, 1), 1);
	ck_assert(average * 1000 < (double)fake.net->load + 500);
	ck_assert(average * 1000 > (double)fake.net->load - 500);
	fake.net->load = 999999;
	ck_assert(comes_from(SOMEBODY));
	fake.net->load = 1000000;
	ck_assert(!comes_from(SOMEBODY));
	clock_ms += 999;
	ck_assert(!comes_from(SOMEBODY));
	ck_assert_uint_eq(fake_count(COUNTER_REFUSED_LOAD), 2);
	clock_ms += 1;
	ck_assert(comes_from(SOMEBODY));
	ck_assert_uint_eq(fake.net->load_at, clock_ms);
}
END_TEST

/* So is its memory, ten times a second; freed, it lets in again. */
START_TEST(test_admission_refuse_memory)
{
	size_t big = 8 * 1024 * 1024;
	char *p;

	ck_assert(comes_from(SOMEBODY));
	fake.net->memory_max = process_memory() + big / 2;
	ck_assert(comes_from(SOMEBODY));
	ck_assert_ptr_nonnull(p = malloc(big));
	memset(p, 1, big);
	ck_assert(comes_from(SOMEBODY));
	clock_ms += 100;
	ck_assert(!comes_from(SOMEBODY));
	ck_assert_uint_gt(fake.net->memory, fake.net->memory_max);
	free(p);
	clock_ms += 99;
	ck_assert(!comes_from(SOMEBODY));
	clock_ms += 1;
	ck_assert(comes_from(SOMEBODY));
	/* Those that are open were not disturbed. */
	ck_assert_str_eq(fake_counts(), "accepted=4 refused_memory=2");
	ck_assert_uint_eq(fake_active(), 4);
}
END_TEST

int
main(void)
{
	TCase *tc;
	Suite *s = unit_suite("admission_refuse", &tc);

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_loop_test(tc, test_admission_refuse_answer, 0,
	    UNIT_COUNT(answers));
	tcase_add_test(tc, test_admission_refuse_told);
	tcase_add_test(tc, test_admission_refuse_told_without_limits);
	tcase_add_test(tc, test_admission_refuse_load);
	tcase_add_test(tc, test_admission_refuse_memory);
	return unit_run(s);
}
