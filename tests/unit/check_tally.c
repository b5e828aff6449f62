/* SPDX-License-Identifier: ISC */
/*
 * shm/tally: tables of counters, and who agrees upon which cells.
 */
#include "shm/tally.h"

#include <sys/mman.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "shm/scoreboard.h"
#include "helper.h"
#include "unit.h"

static const struct prong_counter good[] = {
	{ "a", "one" },
	{ "hits_2", "gr\xc3\xb6\xc3\x9f" "er \xe2\x82\xac \xf0\x9f\x8e\x84" },
	{ "z23456789012345678901234567890a", "31 characters" },
	{ NULL, NULL }
};

START_TEST(test_tally_check_good)
{
	static struct prong_counter many[TALLY_MAX + 1];
	static char texts[TALLY_MAX][8];
	int i;

	ck_assert_int_eq(tally_check(NULL), 0);
	ck_assert_int_eq(tally_check(good), 0);
	ck_assert_int_eq(tally_check(&good[3]), 0);
	for (i = 0; i < TALLY_MAX; i++) {
		snprintf(texts[i], sizeof(texts[i]), "c%d", i);
		many[i] = (struct prong_counter){ texts[i], "x" };
	}
	ck_assert_int_eq(tally_check(many), 0);
}
END_TEST

#define LONG	"1234567890123456789012345678901234567890123456789012345678" \
		"90123456789012345678901234567890123456"

static const struct {
	struct prong_counter counter;
	const char *text;		/* what it begins with */
} bad[] = {
	{ { "", "x" }, "the name of its counter number 2, \"\", is not one" },
	{ { "A", "x" }, "the name of its counter number 2" },
	{ { "aB", "x" }, "the name of its counter number 2" },
	{ { "1a", "x" }, "the name of its counter number 2" },
	{ { "_a", "x" }, "the name of its counter number 2" },
	{ { "a-b", "x" }, "the name of its counter number 2" },
	{ { "a b", "x" }, "the name of its counter number 2" },
	{ { "a\n", "x" }, "the name of its counter number 2" },
	{ { "\xc3\xa4", "x" }, "the name of its counter number 2" },
	{ { "z23456789012345678901234567890ab", "x" }, "the name of its" },
	{ { "first", "x" }, "it has two counters \"first\"" },
	{ { "accepted", "x" }, "its counter \"accepted\" has the name of one" },
	{ { "oversize", "x" }, "its counter \"oversize\" has the name of one" },
	{ { "active", "x" }, "its counter \"active\" has the name of one" },
	{ { "uptime", "x" }, "its counter \"uptime\" has the name of one" },
	{ { "a", NULL }, "its counter \"a\" has no description" },
	{ { "a", "" }, "its counter \"a\" has no description" },
	{ { "a", LONG }, "the description of its counter \"a\" is not one" },
	{ { "a", "b\nc" }, "the description of its counter \"a\" is not one" },
	{ { "a", "b\x7f" }, "the description of its counter \"a\" is not" },
	{ { "a", "\x80" }, "the description of its counter \"a\" is not one" },
	{ { "a", "\xc0\xaf" }, "the description of its counter \"a\" is not" },
	{ { "a", "\xc3" }, "the description of its counter \"a\" is not one" },
	{ { "a", "\xe0\x80\xaf" }, "the description of its counter \"a\"" },
	{ { "a", "\xed\xa0\x80" }, "the description of its counter \"a\"" },
	{ { "a", "\xf0\x8f\x80\x80" }, "the description of its counter" },
	{ { "a", "\xf4\x90\x80\x80" }, "the description of its counter" },
	{ { "a", "\xff" }, "the description of its counter \"a\" is not one" },
};

START_TEST(test_tally_check_bad)
{
	struct prong_counter table[] = { { "first", "x" }, bad[_i].counter,
	    { NULL, NULL } };

	errno = 0;
	ck_assert_int_eq(tally_check(table), -1);
	ck_assert_int_eq(errno, EINVAL);
	ck_assert_msg(strncmp(error_text(), bad[_i].text,
	    strlen(bad[_i].text)) == 0, "%s", error_text());
}
END_TEST

START_TEST(test_tally_alone)
{
	struct tally *t = tally_new(good);

	ck_assert_uint_eq(t->count, 3);
	*t->cells[2] += 5;
	ck_assert_uint_eq(t->own[2], 5);
	free(t);
}
END_TEST

static struct tallies shared;
static struct tally_name names[TALLY_MAX];
static size_t cells[TALLY_MAX];

static struct tally *
join(uint32_t slot, uint32_t service, const struct prong_counter *table)
{
	struct tally *t = tally_new(table);

	ck_assert_int_eq(tallies_join(&shared, slot, service, table, t), 0);
	return t;
}

static void
add(struct tally *t, unsigned int counter, uint64_t n)
{
	__atomic_fetch_add(t->cells[counter], n, __ATOMIC_RELAXED);
}

START_TEST(test_tallies_rows)
{
	struct tally *a, *b, *other;

	ck_assert_int_eq(tallies_create(&shared, 3, 2), 0);
	ck_assert_uint_eq(tallies_names(&shared, 0, names, cells), 0);
	ck_assert_int_eq(tallies_back(&shared, 0), 0);
	ck_assert_int_eq(tallies_back(&shared, 0), 0);
	ck_assert_int_eq(tallies_back(&shared, 1), 0);
	a = join(0, 0, good);
	b = join(2, 0, good);
	other = join(2, 1, good);
	add(a, 0, 1);
	add(b, 0, 10);
	add(b, 2, 7);
	add(other, 0, 100);
	ck_assert_uint_eq(tallies_names(&shared, 0, names, cells), 3);
	ck_assert_str_eq(names[1].name, good[1].name);
	ck_assert_str_eq(names[1].help, good[1].help);
	ck_assert_uint_eq(tallies_sum(&shared, 0, cells[0]), 11);
	ck_assert_uint_eq(tallies_sum(&shared, 0, cells[1]), 0);
	ck_assert_uint_eq(tallies_sum(&shared, 0, cells[2]), 7);
	ck_assert_uint_eq(tallies_sum(&shared, 1, cells[0]), 100);
	ck_assert_uint_eq(tallies_names(&shared, 2, names, cells), 0);
	free(a);
	free(b);
	free(other);
	tallies_close(&shared);
}
END_TEST

/* By name: a successor with another table goes on in the same cells. */
START_TEST(test_tallies_successor)
{
	static const struct prong_counter next[] = {
		{ "new", "x" }, { "hits_2", "now described otherwise" },
		{ "a", "one" }, { NULL, NULL }
	};
	struct tally *t;

	ck_assert_int_eq(tallies_create(&shared, 1, 1), 0);
	ck_assert_int_eq(tallies_back(&shared, 0), 0);
	t = join(0, 0, good);
	add(t, 0, 1);
	add(t, 1, 2);
	add(t, 2, 3);
	free(t);
	t = join(0, 0, next);
	add(t, 0, 10);
	add(t, 1, 20);
	add(t, 2, 30);
	free(t);
	ck_assert_uint_eq(tallies_names(&shared, 0, names, cells), 4);
	ck_assert_str_eq(names[3].name, "new");
	ck_assert_str_eq(names[1].help, "now described otherwise");
	ck_assert_uint_eq(tallies_sum(&shared, 0, cells[0]), 31);
	ck_assert_uint_eq(tallies_sum(&shared, 0, cells[1]), 22);
	ck_assert_uint_eq(tallies_sum(&shared, 0, cells[2]), 3);
	ck_assert_uint_eq(tallies_sum(&shared, 0, cells[3]), 10);
	tallies_close(&shared);
}
END_TEST

START_TEST(test_tallies_full)
{
	static struct prong_counter many[TALLY_MAX + 1];
	static char texts[TALLY_MAX][8];
	struct tally *t;
	int i;

	for (i = 0; i < TALLY_MAX; i++) {
		snprintf(texts[i], sizeof(texts[i]), "c%d", i);
		many[i] = (struct prong_counter){ texts[i], "x" };
	}
	ck_assert_int_eq(tallies_create(&shared, 1, 1), 0);
	t = tally_new(good);
	errno = 0;
	ck_assert_int_eq(tallies_join(&shared, 0, 0, good, t), -1);
	ck_assert_int_eq(errno, ENOSPC);
	ck_assert_str_eq(error_text(), "no memory was kept for counters");
	ck_assert_int_eq(tallies_back(&shared, 0), 0);
	free(join(0, 0, many));
	free(join(0, 0, many));
	errno = 0;
	ck_assert_int_eq(tallies_join(&shared, 0, 0, good, t), -1);
	ck_assert_int_eq(errno, ENOSPC);
	ck_assert_str_eq(error_text(), "no room for its counter \"a\": with "
	    "those of the handlers that it had before, the service has 64");
	ck_assert_uint_eq(tallies_names(&shared, 0, names, cells), TALLY_MAX);
	free(t);
	tallies_close(&shared);
}
END_TEST

/* A reader copes with whatever a hostile process has written. */
START_TEST(test_tallies_hostile)
{
	size_t i;

	ck_assert_int_eq(tallies_create(&shared, 1, 1), 0);
	ck_assert_int_eq(tallies_back(&shared, 0), 0);
	free(join(0, 0, good));
	memset((char *)shared.segment.base + 4096, 0xff,
	    shared.segment.size - 4096);
	ck_assert_uint_eq(tallies_names(&shared, 0, names, cells), 0);
	memset((char *)shared.segment.base + 4096, 'a',
	    shared.segment.size - 4096);
	ck_assert_uint_eq(tallies_names(&shared, 0, names, cells), TALLY_MAX);
	for (i = 0; i < TALLY_MAX; i++) {
		ck_assert_uint_eq(strlen(names[i].name), TALLY_NAME - 1);
		ck_assert_uint_eq(strlen(names[i].help), TALLY_HELP - 1);
	}
	/* As one that is there already. */
	memset((char *)shared.segment.base + 4096, 0,
	    shared.segment.size - 4096);
	*(uint64_t *)((char *)shared.segment.base + 4096) = 1;
	strcpy((char *)shared.segment.base + 4096 + 64, "accepted");
	ck_assert_uint_eq(tallies_names(&shared, 0, names, cells), 0);
	tallies_close(&shared);
}
END_TEST

/* Killed at any moment, it leaves all that it had added. */
START_TEST(test_tallies_killed)
{
	struct scoreboard sb;
	struct tally *t;
	int ready[2];
	uint64_t said;
	pid_t pid;

	ck_assert_int_eq(scoreboard_create(&sb, 2, 1, 8, 0), 0);
	ck_assert_int_eq(tallies_back(&sb.tallies, 0), 0);
	ck_assert_int_eq(pipe(ready), 0);
	if ((pid = fork()) == 0) {
		t = tally_new(good);
		if (scoreboard_tally(&sb, 1, 0, good, t, 1000) == -1)
			_exit(1);
		for (said = 1;; said++) {
			add(t, 1, 1);
			if (said % 100 == 0 && write(ready[1], &said,
			    sizeof(said)) != sizeof(said))
				_exit(1);
		}
	}
	close(ready[1]);
	while (read(ready[0], &said, sizeof(said)) == sizeof(said) &&
	    said < 5000)
		continue;
	kill(pid, SIGKILL);
	ck_assert_int_eq(WTERMSIG(helper_wait(pid)), SIGKILL);
	while (read(ready[0], &said, sizeof(said)) == sizeof(said))
		continue;
	ck_assert_uint_eq(tallies_names(&sb.tallies, 0, names, cells), 3);
	ck_assert_uint_ge(tallies_sum(&sb.tallies, 0, cells[1]), said);
	ck_assert_uint_le(tallies_sum(&sb.tallies, 0, cells[1]), said + 100);
	close(ready[0]);
	scoreboard_close(&sb);
}
END_TEST

/* Its memory is taken for those that have counters, and then at once. */
START_TEST(test_tallies_memory)
{
	struct stat st;

	ck_assert_int_eq(tallies_create(&shared, 64, 64), 0);
	ck_assert_int_eq(fstat(shared.segment.fd, &st), 0);
	ck_assert_int_le(st.st_blocks * 512, 4096);
	ck_assert_int_eq(tallies_back(&shared, 63), 0);
	ck_assert_int_eq(fstat(shared.segment.fd, &st), 0);
	ck_assert_int_ge(st.st_blocks * 512, 4096 + 40 * 1024);
	ck_assert_int_le(st.st_blocks * 512, 4096 + 48 * 1024);
	tallies_close(&shared);
}
END_TEST

int
main(void)
{
	TCase *tc;
	Suite *s = unit_suite("tally", &tc);

	tcase_add_test(tc, test_tally_check_good);
	tcase_add_loop_test(tc, test_tally_check_bad, 0, UNIT_COUNT(bad));
	tcase_add_test(tc, test_tally_alone);
	tcase_add_test(tc, test_tallies_rows);
	tcase_add_test(tc, test_tallies_successor);
	tcase_add_test(tc, test_tallies_full);
	tcase_add_test(tc, test_tallies_hostile);
	tcase_add_test(tc, test_tallies_killed);
	tcase_add_test(tc, test_tallies_memory);
	return unit_run(s);
}
