/* SPDX-License-Identifier: ISC */
/*
 * server/savefile: the file of a dict, replaced as a whole or not at all.
 */
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "dicting.h"
#include "helper.h"
#include "server/savefile.h"
#include "unit.h"

#define MEMORY	(128 << 10)

static char file_path[256], new_path[264];
static struct prong_dict *saved, *loaded;

static void
setup(void)
{
	helper_make_folder();
	snprintf(file_path, sizeof(file_path), "%s/file", helper_folder);
	snprintf(new_path, sizeof(new_path), "%s.new", file_path);
	saved = dicting_new(MEMORY, DICT_EVICT_NONE);
	loaded = dicting_new(MEMORY, DICT_EVICT_NONE);
	dicting_set(saved, "key", "value");
}

static void
teardown(void)
{
	dict_free(saved);
	dict_free(loaded);
	helper_remove_folder();
}

static void
save(uint64_t keys)
{
	uint64_t count;

	ck_assert_msg(savefile_write(file_path, saved, &count) == 0, "%s",
	    prong_error());
	ck_assert_uint_eq(count, keys);
}

/* It fails so, and says this. */
static void
refuse(int error, const char *text)
{
	uint64_t count;

	errno = 0;
	ck_assert_int_eq(savefile_write(file_path, saved, &count), -1);
	ck_assert_msg(errno == error, "errno %d: %s", errno, prong_error());
	ck_assert_msg(strstr(prong_error(), text) != NULL, "%s",
	    prong_error());
}

static void
make(const char *name, const char *content)
{
	FILE *f = fopen(name, "w");

	ck_assert_ptr_nonnull(f);
	fputs(content, f);
	fclose(f);
}

static bool
is_there(const char *name)
{
	struct stat st;

	return lstat(name, &st) == 0;
}

START_TEST(test_round)
{
	struct stat st;
	int before = helper_descriptors();

	ck_assert_int_eq(savefile_try(file_path), 0);
	ck_assert_int_eq(savefile_read(file_path, loaded), 0);
	save(1);
	ck_assert_int_eq(stat(file_path, &st), 0);
	ck_assert_int_eq(st.st_mode & 0777, 0600);
	ck_assert(!is_there(new_path));
	dicting_set(saved, "more", "of it");
	save(2);
	ck_assert_int_eq(savefile_try(file_path), 0);
	ck_assert_int_eq(savefile_read(file_path, loaded), 1);
	ck_assert_str_eq(dicting_get(loaded, "key"), "value");
	ck_assert_str_eq(dicting_get(loaded, "more"), "of it");
	ck_assert_int_eq(helper_descriptors(), before);
}
END_TEST

/* What a killed process has left beside it is written over. */
START_TEST(test_left)
{
	make(new_path, "this is longer than all that will be written there, so "
	    "that what is left of it would be found behind the end: xxxxxxxxx");
	chmod(new_path, 0666);
	save(1);
	ck_assert_int_eq(savefile_read(file_path, loaded), 1);
	ck_assert(!is_there(new_path));
}
END_TEST

/* Another is at it. */
START_TEST(test_busy)
{
	int fd = open(new_path, O_WRONLY | O_CREAT, 0600);

	ck_assert_int_eq(flock(fd, LOCK_EX), 0);
	refuse(EBUSY, "another server writes");
	ck_assert(is_there(new_path));
	close(fd);
	save(1);
}
END_TEST

/* Somebody who holds it until he is killed. */
static pid_t
holder(void)
{
	int ends[2], fd;
	pid_t pid;
	char c;

	ck_assert_int_eq(pipe(ends), 0);
	if ((pid = fork()) == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		fd = open(new_path, O_WRONLY | O_CREAT, 0600);
		if (fd == -1 || flock(fd, LOCK_EX) == -1 ||
		    write(ends[1], "", 1) != 1)
			_exit(1);
		for (;;)
			pause();
	}
	ck_assert_int_eq(read(ends[0], &c, 1), 1);
	close(ends[0]);
	close(ends[1]);
	return pid;
}

/* One that was killed may hold it for a while. */
START_TEST(test_wait)
{
	int before = helper_descriptors();
	pid_t pid, killer;

	savefile_wait(file_path);
	pid = holder();
	refuse(EBUSY, "another server writes");
	if ((killer = fork()) == 0) {
		poll(NULL, 0, 100);
		kill(pid, SIGKILL);
		_exit(0);
	}
	savefile_wait(file_path);
	save(1);
	ck_assert_int_eq(helper_wait(killer), 0);
	ck_assert_int_eq(helper_wait(pid), SIGKILL);
	ck_assert_int_eq(helper_descriptors(), before);
}
END_TEST

/* Nothing is written through a name that somebody else has made. */
START_TEST(test_links)
{
	char other[256];

	snprintf(other, sizeof(other), "%s/other", helper_folder);
	make(other, "precious");
	ck_assert_int_eq(symlink(other, new_path), 0);
	refuse(ELOOP, "file.new");
	ck_assert_int_eq(unlink(new_path), 0);
	ck_assert_int_eq(mkfifo(new_path, 0600), 0);
	refuse(ENXIO, "file.new");
	ck_assert_int_eq(unlink(new_path), 0);
	/* The file itself is replaced, whatever it is; but not read. */
	ck_assert_int_eq(symlink(other, file_path), 0);
	errno = 0;
	ck_assert_int_eq(savefile_try(file_path), -1);
	ck_assert_int_eq(errno, ELOOP);
	ck_assert_int_eq(savefile_read(file_path, loaded), -1);
	ck_assert_int_eq(errno, ELOOP);
	save(1);
	ck_assert_int_eq(savefile_read(file_path, loaded), 1);
}
END_TEST

START_TEST(test_limit)
{
	struct rlimit limit = { 50, 50 };

	save(1);
	signal(SIGXFSZ, SIG_IGN);
	ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
	refuse(EFBIG, "file.new: write");
	ck_assert(!is_there(new_path));
	ck_assert_int_eq(savefile_read(file_path, loaded), 1);
	ck_assert_str_eq(dicting_get(loaded, "key"), "value");
}
END_TEST

START_TEST(test_no_folder)
{
	snprintf(file_path, sizeof(file_path), "%s/none/file", helper_folder);
	refuse(ENOENT, "none: No such file");
	ck_assert_int_eq(savefile_try(file_path), -1);
	ck_assert_int_eq(errno, ENOENT);
	ck_assert_int_eq(savefile_read(file_path, loaded), -1);
}
END_TEST

START_TEST(test_aside)
{
	char name[512], again[512];

	make(file_path, "prongdct and then nonsense");
	ck_assert_int_eq(savefile_try(file_path), 0);
	errno = 0;
	ck_assert_int_eq(savefile_read(file_path, loaded), -1);
	ck_assert_int_eq(errno, EBADMSG);
	ck_assert_int_eq(savefile_set_aside(file_path, name, sizeof(name)), 0);
	ck_assert(!is_there(file_path) && is_there(name));
	ck_assert_ptr_nonnull(strstr(name, "/file.damaged-"));
	/* In the same second, most probably. */
	make(file_path, "x");
	ck_assert_int_eq(savefile_set_aside(file_path, again, sizeof(again)), 0);
	ck_assert_str_ne(name, again);
	ck_assert(is_there(name) && is_there(again));
	errno = 0;
	ck_assert_int_eq(savefile_set_aside(file_path, name, sizeof(name)), -1);
	ck_assert_int_eq(errno, ENOENT);
}
END_TEST

/* A file of something else is not touched; an empty one is as none. */
START_TEST(test_others)
{
	static const char *const texts[] = { "x", "prongdc", "prongdcx", "text "
	    "that is longer than a header of a snapshot, which has 64 bytes" };
	size_t i;

	for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		make(file_path, texts[i]);
		errno = 0;
		ck_assert_int_eq(savefile_try(file_path), -1);
		ck_assert_int_eq(errno, EINVAL);
		errno = 0;
		ck_assert_int_eq(savefile_read(file_path, loaded), -1);
		ck_assert_int_eq(errno, EINVAL);
		ck_assert_ptr_nonnull(strstr(prong_error(),
		    "/file is no file of a dict"));
	}
	make(file_path, "");
	ck_assert_int_eq(savefile_try(file_path), 0);
	ck_assert_int_eq(savefile_read(file_path, loaded), 0);
	save(1);
	ck_assert_int_eq(savefile_read(file_path, loaded), 1);
}
END_TEST

/* Every descriptor, where one after the other cannot be had. */
START_TEST(test_descriptors)
{
	struct rlimit limit;
	rlim_t most = (rlim_t)helper_descriptors();
	uint64_t count;
	int failures = 0;

	for (limit.rlim_cur = limit.rlim_max = most + 8;; limit.rlim_cur--) {
		ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
		if (savefile_write(file_path, saved, &count) == -1) {
			ck_assert_int_eq(errno, EMFILE);
			if (++failures == 2)
				break;
		}
	}
	limit.rlim_cur = limit.rlim_max;
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
	save(1);
	ck_assert_int_eq(helper_descriptors(), (int)most);
}
END_TEST

int
main(void)
{
	TCase *tc;
	Suite *s = unit_suite("savefile", &tc);

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, test_round);
	tcase_add_test(tc, test_left);
	tcase_add_test(tc, test_busy);
	tcase_add_test(tc, test_wait);
	tcase_add_test(tc, test_links);
	tcase_add_test(tc, test_limit);
	tcase_add_test(tc, test_no_folder);
	tcase_add_test(tc, test_aside);
	tcase_add_test(tc, test_others);
	tcase_add_test(tc, test_descriptors);
	return unit_run(s);
}
