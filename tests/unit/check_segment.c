/* SPDX-License-Identifier: ISC */
/*
 * shm/segment: made, sealed, backed, read and closed.
 */
#include "shm/segment.h"

#include <sys/mman.h>
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "helper.h"
#include "unit.h"

#define SIZE	(1024 * 1024)

START_TEST(test_segment_create)
{
	struct segment s;
	const struct segment_header *h;
	struct stat st;
	const char *p;

	ck_assert_int_eq(segment_create(&s, "unit", 7, SIZE, true), 0);
	h = s.base;
	ck_assert(h->magic == SEGMENT_MAGIC);
	ck_assert_uint_eq(h->layout, 7);
	ck_assert_uint_eq(h->generation, 0);
	ck_assert_uint_eq(h->size, SIZE);
	ck_assert_uint_eq(s.size, SIZE);
	for (p = (const char *)(h + 1); p < (const char *)h + SIZE; p++)
		if (*p != 0)
			ck_abort_msg("byte %td is not 0", p - (const char *)h);
	ck_assert_int_eq(fstat(s.fd, &st), 0);
	ck_assert_int_eq(st.st_size, SIZE);
	/* Allocated in full. */
	ck_assert_int_ge(st.st_blocks * 512, SIZE);
	ck_assert_int_eq(fcntl(s.fd, F_GETFD), FD_CLOEXEC);
	segment_close(&s);
}
END_TEST

/* Nobody who has the descriptor can take the memory away. */
START_TEST(test_segment_is_sealed)
{
	struct segment s;

	ck_assert_int_eq(segment_create(&s, "unit", 1, SIZE, _i), 0);
	errno = 0;
	ck_assert_int_eq(ftruncate(s.fd, SIZE - 1), -1);
	ck_assert_int_eq(errno, EPERM);
	errno = 0;
	ck_assert_int_eq(ftruncate(s.fd, SIZE + 1), -1);
	ck_assert_int_eq(errno, EPERM);
	errno = 0;
	ck_assert_int_eq(fcntl(s.fd, F_ADD_SEALS, F_SEAL_WRITE), -1);
	ck_assert_int_eq(errno, EPERM);
	segment_close(&s);
}
END_TEST

START_TEST(test_segment_back)
{
	struct segment s;
	struct stat st;

	ck_assert_int_eq(segment_create(&s, "unit", 1, SIZE, false), 0);
	ck_assert_int_eq(fstat(s.fd, &st), 0);
	ck_assert_int_lt(st.st_blocks * 512, SIZE / 4);
	ck_assert_int_eq(segment_back(&s, SIZE / 2, SIZE / 4), 0);
	ck_assert_int_eq(fstat(s.fd, &st), 0);
	ck_assert_int_ge(st.st_blocks * 512, SIZE / 4);
	ck_assert_int_lt(st.st_blocks * 512, SIZE / 2);
	/* Again, and what is there stays. */
	((char *)s.base)[SIZE / 2] = 'x';
	ck_assert_int_eq(segment_back(&s, SIZE / 2, SIZE / 4), 0);
	ck_assert_int_eq(((char *)s.base)[SIZE / 2], 'x');
	/* Beyond the end is no memory of ours. */
	ck_assert_int_eq(segment_back(&s, SIZE, 1), -1);
	ck_assert_int_eq(segment_back(&s, -1, 1), -1);
	segment_close(&s);
}
END_TEST

START_TEST(test_segment_read)
{
	struct segment s;
	char buf[8];

	ck_assert_int_eq(segment_create(&s, "unit", 1, SIZE, false), 0);
	strlcpy((char *)s.base + 5000, "shared", 8);
	ck_assert_int_eq(segment_read(&s, 5000, buf, sizeof(buf)), 0);
	ck_assert_str_eq(buf, "shared");
	ck_assert_int_eq(segment_read(&s, SIZE - 8, buf, 8), 0);
	ck_assert_int_eq(buf[7], 0);
	ck_assert_int_eq(segment_read(&s, SIZE - 7, buf, 8), -1);
	ck_assert_int_eq(segment_read(&s, SIZE, buf, 8), -1);
	ck_assert_int_eq(segment_read(&s, -1, buf, 8), -1);
	segment_close(&s);
}
END_TEST

/* Both ends of a fork see the same memory. */
START_TEST(test_segment_is_shared)
{
	struct segment s;
	pid_t pid;

	ck_assert_int_eq(segment_create(&s, "unit", 1, SIZE, true), 0);
	if ((pid = fork()) == 0) {
		((char *)s.base)[100] = 'c';
		_exit(0);
	}
	ck_assert_int_eq(helper_wait_exit(pid), 0);
	ck_assert_int_eq(((char *)s.base)[100], 'c');
	segment_close(&s);
}
END_TEST

/* What a process keeps for itself, right before what is shared. */
START_TEST(test_segment_precede)
{
	struct segment s;
	char *room;
	pid_t pid;

	ck_assert_int_eq(segment_create(&s, "unit", 3, SIZE, true), 0);
	((char *)s.base)[100] = 'b';
	room = segment_precede(&s, SEGMENT_PAGE);
	ck_assert_ptr_nonnull(room);
	ck_assert_ptr_eq(room + SEGMENT_PAGE, s.base);
	ck_assert_uint_eq(((struct segment_header *)s.base)->layout, 3);
	ck_assert_int_eq(((char *)s.base)[100], 'b');
	ck_assert_int_eq(room[0], 0);
	ck_assert_int_eq(room[SEGMENT_PAGE - 1], 0);
	if ((pid = fork()) == 0) {
		room[0] = room[SEGMENT_PAGE - 1] = 'c';
		((char *)s.base)[SIZE - 1] = 'c';
		_exit(0);
	}
	ck_assert_int_eq(helper_wait_exit(pid), 0);
	ck_assert_int_eq(room[0], 0);
	ck_assert_int_eq(room[SEGMENT_PAGE - 1], 0);
	ck_assert_int_eq(((char *)s.base)[SIZE - 1], 'c');
	segment_close(&s);
	/* Nothing is left of either. */
	ck_assert_int_eq(msync(room, SEGMENT_PAGE + SIZE, MS_ASYNC), -1);
	ck_assert_int_eq(errno, ENOMEM);
}
END_TEST

/* No address space for it: the segment stays as it is. */
START_TEST(test_segment_precede_too_large)
{
	struct segment s;

	ck_assert_int_eq(segment_create(&s, "unit", 1, SIZE, true), 0);
	((char *)s.base)[100] = 'b';
	errno = 0;
	ck_assert_ptr_null(segment_precede(&s, (size_t)1 << 60));
	ck_assert_int_eq(errno, ENOMEM);
	ck_assert_int_eq(((char *)s.base)[100], 'b');
	segment_close(&s);
}
END_TEST

/* More than can be mapped: an error, and nothing is left open. */
START_TEST(test_segment_too_large)
{
	struct segment s;
	int before = helper_descriptors();

	errno = 0;
	ck_assert_int_eq(segment_create(&s, "unit", 1, (size_t)1 << 60, false),
	    -1);
	ck_assert_int_eq(errno, ENOMEM);
	ck_assert_ptr_nonnull(strstr(error_text(), "\"unit\""));
	ck_assert_int_eq(s.fd, -1);
	ck_assert_ptr_eq(s.base, MAP_FAILED);
	ck_assert_int_eq(helper_descriptors(), before);
}
END_TEST

START_TEST(test_segment_close)
{
	struct segment s;
	int before = helper_descriptors();

	ck_assert_int_eq(segment_create(&s, "unit", 1, SIZE, true), 0);
	ck_assert_int_eq(helper_descriptors(), before + 1);
	segment_close(&s);
	segment_close(&s);
	ck_assert_int_eq(helper_descriptors(), before);
}
END_TEST

int
main(void)
{
	TCase *tc;
	Suite *s = unit_suite("segment", &tc);

	tcase_add_test(tc, test_segment_create);
	tcase_add_loop_test(tc, test_segment_is_sealed, 0, 2);
	tcase_add_test(tc, test_segment_back);
	tcase_add_test(tc, test_segment_read);
	tcase_add_test(tc, test_segment_is_shared);
	tcase_add_test(tc, test_segment_precede);
	tcase_add_test(tc, test_segment_precede_too_large);
	tcase_add_test(tc, test_segment_too_large);
	tcase_add_test(tc, test_segment_close);
	return unit_run(s);
}
