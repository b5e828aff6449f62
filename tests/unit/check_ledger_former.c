/* SPDX-License-Identifier: ISC */
/*
 * shm/ledger_former: what connections of former masters leave of limits.
 */
#include "shm/ledger.h"

#include <sys/wait.h>

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "helper.h"
#include "unit.h"

#define SECOND		1000000000ULL
#define ECHO		2		/* the service, here and there */
#define ECHO_BEFORE	0

static const uint8_t somebody[16] = { 192, 0, 2, 1 };
static const uint8_t other[16] = { 192, 0, 2, 2 };

static struct ledger ledger, before;
static struct ledger_sizes sizes;

static void
setup(void)
{
	ck_assert_int_eq(ledger_create(&ledger, 4, 3, 64), 0);
	ck_assert_int_eq(ledger_create(&before, 7, 5, 32), 0);
	ck_assert_int_eq(ledger_back_sources(&before), 0);
	sizes = (struct ledger_sizes){ LEDGER_LAYOUT, 7, 5, 32,
	    before.has_sources };
}

static void
teardown(void)
{
	ledger_close(&ledger);
	ledger_close(&before);
}

static int
copy(void)
{
	int fd = fcntl(before.segment.fd, F_DUPFD_CLOEXEC, 3);

	ck_assert_int_ne(fd, -1);
	return fd;
}

static void
open_former(struct ledger_former *f)
{
	ck_assert_int_eq(ledger_former_open(f, copy(), &sizes), 0);
	strlcpy(f->names[ECHO_BEFORE], "echo", sizeof(f->names[0]));
}

/* So many former ones, all of which are the same. */
static void
follow(uint32_t count)
{
	struct ledger_former formers[LEDGER_FORMERS_MAX];
	uint32_t i;

	for (i = 0; i < count; i++)
		open_former(&formers[i]);
	ck_assert_int_eq(ledger_follow(&ledger, formers, count), 0);
	ledger_name(&ledger, ECHO, "echo");
}

static void
take(uint32_t account)
{
	ck_assert_int_eq(ledger_take(&before, 6, account, LEDGER_ANY, 100, 0,
	    1), LEDGER_TAKEN);
	ledger_end(&before, 6);
}

static void
give(uint32_t account)
{
	ledger_give(&before, 6, account, 0, 1);
	ledger_end(&before, 6);
}

static uint32_t
source(const uint8_t address[16])
{
	return ledger_source(&before, 6, ledger_source_key(&before,
	    ECHO_BEFORE, AF_INET, address), SECOND);
}

static uint32_t
left(const uint8_t address[16], uint32_t limit)
{
	return ledger_left_source(&ledger, ECHO, AF_INET, address, limit);
}

START_TEST(test_former_none)
{
	ck_assert_uint_eq(ledger_left(&ledger, ECHO, 7), 7);
	ck_assert_uint_eq(left(somebody, 7), 7);
	ledger_keep_formers(&ledger, 5);
	ledger_name(&ledger, ECHO, "echo");
	ck_assert_uint_eq(ledger_left(&ledger, ECHO, 7), 7);
}
END_TEST

/* Of a service: what is given back there is there at once. */
START_TEST(test_former_service)
{
	follow(1);
	ck_assert_uint_eq(ledger_left(&ledger, ECHO, 3), 3);
	take(ECHO_BEFORE);
	take(ECHO_BEFORE);
	ck_assert_uint_eq(ledger_left(&ledger, ECHO, 3), 1);
	ck_assert_uint_eq(ledger_left(&ledger, ECHO, 2), 0);
	ck_assert_uint_eq(ledger_left(&ledger, ECHO, 1), 0);
	ck_assert_uint_eq(ledger_left(&ledger, ECHO, UINT32_MAX), UINT32_MAX);
	/* Of the service of that number, and not of that name, nothing. */
	take(ECHO);
	ck_assert_uint_eq(ledger_left(&ledger, ECHO, 3), 1);
	ck_assert_uint_eq(ledger_left(&ledger, 0, 3), 3);
	give(ECHO_BEFORE);
	ck_assert_uint_eq(ledger_left(&ledger, ECHO, 3), 2);
	/* Another has the row. */
	ledger_name(&ledger, ECHO, "more");
	ck_assert_uint_eq(ledger_left(&ledger, ECHO, 3), 3);
}
END_TEST

START_TEST(test_former_source)
{
	uint32_t account = source(somebody);

	follow(1);
	ck_assert_uint_eq(left(somebody, 3), 3);
	take(account);
	take(account);
	ck_assert_uint_eq(left(somebody, 3), 1);
	ck_assert_uint_eq(left(somebody, 1), 0);
	ck_assert_uint_eq(left(somebody, UINT32_MAX), UINT32_MAX);
	ck_assert_uint_eq(left(other, 3), 3);
	take(source(other));
	ck_assert_uint_eq(left(other, 3), 2);
	ck_assert_uint_eq(ledger_left_source(&ledger, 0, AF_INET, somebody,
	    3), 3);
	ck_assert_uint_eq(ledger_left_source(&ledger, ECHO, AF_UNIX, somebody,
	    3), 3);
	give(account);
	ck_assert_uint_eq(left(somebody, 3), 2);
}
END_TEST

/* Where nobody has taken the memory of sources it is not touched. */
START_TEST(test_former_without_sources)
{
	uint32_t account = source(somebody);

	sizes.has_sources = false;
	take(account);
	follow(1);
	ck_assert_uint_eq(left(somebody, 3), 3);
}
END_TEST

/* A process that was forked before hears of the end of one, too. */
START_TEST(test_former_end)
{
	int fds[2], status;
	char byte = 0;
	pid_t pid;

	follow(LEDGER_FORMERS_MAX);
	take(ECHO_BEFORE);
	ck_assert_uint_eq(ledger_left(&ledger, ECHO, 20),
	    20 - LEDGER_FORMERS_MAX);
	ck_assert_int_eq(pipe(fds), 0);
	if ((pid = fork()) == 0) {
		close(fds[1]);
		if (read(fds[0], &byte, 1) != 1)
			_exit(100);
		_exit((int)ledger_left(&ledger, ECHO, 20));
	}
	ck_assert_int_ne(pid, -1);
	ledger_keep_formers(&ledger, 2);
	ck_assert_uint_eq(ledger_left(&ledger, ECHO, 20), 18);
	ck_assert_int_eq(write(fds[1], &byte, 1), 1);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert(WIFEXITED(status));
	ck_assert_int_eq(WEXITSTATUS(status), 18);
	close(fds[0]);
	close(fds[1]);
	ledger_keep_formers(&ledger, 0);
	ck_assert_uint_eq(ledger_left(&ledger, ECHO, 20), 20);
	/* It never becomes more. */
	ledger_keep_formers(&ledger, 3);
	ck_assert_uint_eq(ledger_left(&ledger, ECHO, 20), 20);
}
END_TEST

/* One that could not be read has its place, and counts for nothing. */
START_TEST(test_former_closed)
{
	struct ledger_former formers[2];

	formers[0] = (struct ledger_former){ .ledger.segment.fd = -1 };
	open_former(&formers[1]);
	ck_assert_int_eq(ledger_follow(&ledger, formers, 2), 0);
	ledger_name(&ledger, ECHO, "echo");
	take(ECHO_BEFORE);
	ck_assert_uint_eq(ledger_left(&ledger, ECHO, 3), 2);
	ck_assert_uint_eq(left(somebody, 3), 3);
	ledger_keep_formers(&ledger, 1);
	ck_assert_uint_eq(ledger_left(&ledger, ECHO, 3), 3);
}
END_TEST

/* What a process of the other one wrote cannot make it less than nothing. */
START_TEST(test_former_hostile)
{
	follow(LEDGER_FORMERS_MAX);
	ledger_account(&before, ECHO_BEFORE)->count = UINT64_MAX;
	ledger_account(&before, source(somebody))->count = UINT64_MAX;
	ck_assert_uint_eq(ledger_left(&ledger, ECHO, UINT32_MAX - 1),
	    UINT32_MAX - 1 - LEDGER_FORMERS_MAX * ((1U << 24) - 1));
	ck_assert_uint_eq(ledger_left(&ledger, ECHO, 3), 0);
	ck_assert_uint_eq(left(somebody, 3), 0);
}
END_TEST

#define WRONG(...)	{ LEDGER_LAYOUT, __VA_ARGS__ }

static const struct ledger_sizes wrong[] = {
	{ 0, 7, 5, 32, true }, { LEDGER_LAYOUT + 1, 7, 5, 32, true },
	WRONG(0, 5, 32, true), WRONG(8, 5, 32, true),
	WRONG(4097, 5, 32, true), WRONG(UINT32_MAX, 5, 32, true),
	WRONG(7, 0, 32, true), WRONG(7, 6, 32, true),
	WRONG(7, 65537, 32, true), WRONG(7, UINT32_MAX, 32, true),
	WRONG(7, 5, 31, true), WRONG(7, 5, 0, true),
	WRONG(7, 5, UINT32_MAX, true),
	WRONG(7, 5, LEDGER_SOURCES_MAX + 1, false),
};

START_TEST(test_former_wrong_sizes)
{
	int descriptors = helper_descriptors();
	struct ledger_former f;

	ck_assert_int_eq(ledger_former_open(&f, copy(), &wrong[_i]), -1);
	ck_assert_int_eq(errno, EPROTO);
	ck_assert_str_ne(error_text(), "");
	ledger_former_close(&f);
	ck_assert_int_eq(helper_descriptors(), descriptors);
}
END_TEST

START_TEST(test_former_wrong_memory)
{
	int descriptors = helper_descriptors(), fds[2];
	struct ledger_former f;

	ck_assert_int_eq(pipe(fds), 0);
	ck_assert_int_eq(ledger_former_open(&f, fds[0], &sizes), -1);
	ck_assert_int_eq(errno, EPROTO);
	close(fds[1]);
	ck_assert_int_eq(helper_descriptors(), descriptors);
}
END_TEST

/* It is only read: a process of ours cannot write to it. */
START_TEST(test_former_is_read_only)
{
	struct ledger_former f;

	open_former(&f);
	signal(SIGSEGV, SIG_DFL);
	ledger_account(&f.ledger, 0)->count = 1;
}
END_TEST

int
main(void)
{
	TCase *tc;
	Suite *s = unit_suite("ledger_former", &tc);

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, test_former_none);
	tcase_add_test(tc, test_former_service);
	tcase_add_test(tc, test_former_source);
	tcase_add_test(tc, test_former_without_sources);
	tcase_add_test(tc, test_former_end);
	tcase_add_test(tc, test_former_closed);
	tcase_add_test(tc, test_former_hostile);
	tcase_add_loop_test(tc, test_former_wrong_sizes, 0,
	    UNIT_COUNT(wrong));
	tcase_add_test(tc, test_former_wrong_memory);
	tcase_add_test_raise_signal(tc, test_former_is_read_only, SIGSEGV);
	return unit_run(s);
}
