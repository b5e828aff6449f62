/* SPDX-License-Identifier: ISC */
/*
 * server/announce: what a service manager hears of the master, and when.
 */
#include "server/announce.h"

#include <errno.h>
#include <string.h>

#include "base/notify.h"
#include "base/process.h"
#include "manager.h"
#include "unit.h"

static struct loop *loop;

static void
begin(void)
{
	manager_begin();
	ck_assert_int_eq(announce_init(), 0);
	ck_assert_ptr_nonnull(loop = loop_new(LOOP_AUTO, 0));
	announce_open(loop);
}

static void
end(void)
{
	announce_close();
	loop_free(loop);
	manager_end();
}

/* The next message while the loop turns. */
static const char *
hear(void)
{
	const char *text;

	while ((text = manager_hear(MSG_DONTWAIT))[0] == '\0')
		ck_assert_int_eq(loop_turn(loop, 10), 0);
	return text;
}

/* Nothing is on its way, nor will be. */
static void
is_silence(void)
{
	ck_assert_int_eq(loop_turn(loop, 0), 0);
	ck_assert_str_eq(manager_hear(MSG_DONTWAIT), "");
}

START_TEST(test_announce_life)
{
	uint64_t before, told, after;
	const char *text;

	announce_ready();
	ck_assert_str_eq(hear(), "READY=1\n");
	announce_status("workers %d", 3);
	ck_assert_str_eq(hear(), "STATUS=workers 3\n");
	before = process_nanoseconds() / 1000;
	announce_reloading();
	after = process_nanoseconds() / 1000;
	text = hear();
	ck_assert_int_eq(strncmp(text, "RELOADING=1\nMONOTONIC_USEC=", 27), 0);
	told = strtoull(text + 27, NULL, 10);
	ck_assert_uint_ge(told, before);
	ck_assert_uint_le(told, after);
	announce_ready();
	ck_assert_str_eq(hear(), "READY=1\n");
	announce_stopping();
	ck_assert_str_eq(hear(), "STOPPING=1\n");
	/* Once is enough. */
	announce_stopping();
	is_silence();
}
END_TEST

/* One line, whatever a name in it contains. */
START_TEST(test_announce_status)
{
	char name[600];

	announce_status("a\nREADY=1\r\t\177");
	ck_assert_str_eq(hear(), "STATUS=a?READY=1???\n");
	memset(name, 'x', sizeof(name));
	name[sizeof(name) - 1] = '\0';
	announce_status("%s", name);
	ck_assert_uint_eq(strlen(hear()), strlen("STATUS=\n") + 255);
}
END_TEST

/* An upgrade: it speaks for itself until another is who counts. */
START_TEST(test_announce_upgrade)
{
	pid_t other = getppid();
	char text[64];

	announce_ready();
	ck_assert_str_eq(hear(), "READY=1\n");
	announce_mainpid(other);
	snprintf(text, sizeof(text), "MAINPID=%ld\n", (long)other);
	ck_assert_str_eq(hear(), text);
	announce_status("draining");
	announce_stopping();
	is_silence();
	/* It failed. */
	announce_status("as it was");
	announce_ready();
	is_silence();
	announce_mainpid(getpid());
	snprintf(text, sizeof(text), "MAINPID=%ld\nREADY=1\n"
	    "STATUS=as it was\n", (long)getpid());
	ck_assert_str_eq(hear(), text);
	is_silence();
}
END_TEST

/* The other side of it. */
START_TEST(test_announce_hold)
{
	char text[64];

	announce_hold();
	announce_ready();
	announce_status("new");
	is_silence();
	announce_mainpid(getpid());
	snprintf(text, sizeof(text), "MAINPID=%ld\nREADY=1\nSTATUS=new\n",
	    (long)getpid());
	ck_assert_str_eq(hear(), text);
}
END_TEST

static void
fill(void)
{
	struct notify *other = &(struct notify){ .fd = -1 };

	setenv("NOTIFY_SOCKET", helper_path("notify"), 1);
	ck_assert_int_eq(notify_open(other), 0);
	while (notify_send(other, "X=1\n") == 0)
		continue;
	ck_assert_int_eq(errno, EAGAIN);
	notify_close(other);
}

/* A manager that is behind gets what is true when it has time. */
START_TEST(test_announce_behind)
{
	const char *text;

	fill();
	announce_ready();
	announce_status("first");
	announce_reloading();
	announce_ready();
	announce_status("last");
	while (strcmp(text = hear(), "X=1\n") == 0)
		continue;
	ck_assert_str_eq(text, "READY=1\nSTATUS=last\n");
	is_silence();
}
END_TEST

/* Nor does one that was behind at the end keep anything waiting. */
START_TEST(test_announce_behind_at_end)
{
	fill();
	announce_stopping();
	announce_close();
	ck_assert_int_eq(loop_turn(loop, 0), 0);
}
END_TEST

/* One that has gone costs nothing, and hears when it is back. */
START_TEST(test_announce_gone)
{
	close(manager_fd);
	ck_assert_int_eq(unlink(helper_path("notify")), 0);
	announce_ready();
	announce_status("unheard");
	manager_listen(helper_path("notify"));
	announce_stopping();
	ck_assert_str_eq(hear(), "STOPPING=1\nSTATUS=unheard\n");
}
END_TEST

START_TEST(test_announce_nobody)
{
	announce_close();
	unsetenv("NOTIFY_SOCKET");
	ck_assert_int_eq(announce_init(), 0);
	announce_open(loop);
	announce_ready();
	announce_mainpid(1);
	announce_stopping();
	ck_assert_int_eq(announce_export(), 0);
	ck_assert_ptr_null(getenv("NOTIFY_SOCKET"));
	is_silence();
}
END_TEST

START_TEST(test_announce_watchdog)
{
	uint64_t before;

	announce_close();
	setenv("NOTIFY_SOCKET", helper_path("notify"), 1);
	setenv("WATCHDOG_USEC", "200000", 1);
	ck_assert_int_eq(announce_init(), 0);
	ck_assert_ptr_null(getenv("WATCHDOG_USEC"));
	before = process_milliseconds();
	announce_open(loop);
	ck_assert_str_eq(hear(), "WATCHDOG=1\n");
	ck_assert_str_eq(hear(), "WATCHDOG=1\n");
	ck_assert_str_eq(hear(), "WATCHDOG=1\n");
	/* At half the time, and not more often. */
	ck_assert_uint_ge(process_milliseconds() - before, 190);
	/* Who is not the main process any more gives none. */
	announce_mainpid(1);
	ck_assert_str_eq(hear(), "MAINPID=1\n");
	before = process_milliseconds();
	while (process_milliseconds() - before < 300) {
		ck_assert_int_eq(loop_turn(loop, 10), 0);
		ck_assert_str_eq(manager_hear(MSG_DONTWAIT), "");
	}
	ck_assert_int_eq(announce_export(), 0);
	ck_assert_str_eq(getenv("WATCHDOG_USEC"), "200000");
}
END_TEST

int
main(void)
{
	TCase *tc;
	Suite *s = unit_suite("announce", &tc);

	tcase_add_checked_fixture(tc, begin, end);
	tcase_add_test(tc, test_announce_life);
	tcase_add_test(tc, test_announce_status);
	tcase_add_test(tc, test_announce_upgrade);
	tcase_add_test(tc, test_announce_hold);
	tcase_add_test(tc, test_announce_behind);
	tcase_add_test(tc, test_announce_behind_at_end);
	tcase_add_test(tc, test_announce_gone);
	tcase_add_test(tc, test_announce_nobody);
	tcase_add_test(tc, test_announce_watchdog);
	return unit_run(s);
}
