/* SPDX-License-Identifier: ISC */
/*
 * net/output: the queue of a connection and the outbox of the process.
 */
#include "net/output.h"

#include <sys/socket.h>

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "unit.h"

#define STREAM	(3 * 1024 * 1024)

static char stream[STREAM], received[STREAM];
static size_t arrived;
static int fd[2];		/* ours, the peer's */
static struct output *queue;
static struct outbox *box;

static void
setup(void)
{
	size_t i;

	for (i = 0; i < STREAM; i++)
		stream[i] = (char)(i * 7 + i / 251);
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK |
	    SOCK_CLOEXEC, 0, fd), 0);
	ck_assert_ptr_nonnull(box = calloc(1, sizeof(*box)));
	/* The first megabyte is the buffer that all connections share. */
	outbox_init(box, stream, STREAM / 3);
}

static void
teardown(void)
{
	output_free(&queue);
	free(box);
	close(fd[0]);
	close(fd[1]);
}

/* Takes what has arrived, at most max bytes. */
static size_t
take(size_t max)
{
	size_t left = STREAM - arrived;
	ssize_t n;

	n = read(fd[1], received + arrived, max < left ? max : left);
	if (n == -1) {
		ck_assert_int_eq(errno, EAGAIN);
		return 0;
	}
	arrived += (size_t)n;
	return (size_t)n;
}

/* Writes and reads in turn until nothing is queued. */
static void
drain(void)
{
	ssize_t n;

	while (queue != NULL) {
		n = output_write(&queue, fd[0]);
		ck_assert_int_ge(n, 0);
		while (take(SIZE_MAX) > 0)
			continue;
	}
	while (take(SIZE_MAX) > 0)
		continue;
}

static void
assert_arrived(size_t size)
{
	ck_assert_uint_eq(arrived, size);
	ck_assert_int_eq(memcmp(received, stream, size), 0);
}

START_TEST(test_output_empty)
{
	ck_assert_uint_eq(output_bytes(NULL), 0);
	ck_assert_int_eq(output_write(&queue, fd[0]), 0);
	ck_assert_int_eq(output_append(&queue, "", 0), 0);
	ck_assert_uint_eq(output_bytes(queue), 0);
	ck_assert_ptr_null(queue);
	output_free(&queue);
	output_free(&queue);
}
END_TEST

START_TEST(test_output_order)
{
	static const size_t sizes[] = {
		1, 0, 16 * 1024 - 1, 1, 100000, 3, 16 * 1024, 16 * 1024 + 1,
		65536, 2,
	};
	size_t sum = 0;
	int i;

	for (i = 0; i < UNIT_COUNT(sizes); i++) {
		ck_assert_int_eq(output_append(&queue, stream + sum, sizes[i]),
		    0);
		sum += sizes[i];
		ck_assert_uint_eq(output_bytes(queue), sum);
	}
	drain();
	assert_arrived(sum);
	ck_assert_ptr_null(queue);
}
END_TEST

/* It is a copy: the caller's memory is its own again. */
START_TEST(test_output_copies)
{
	char mine[3] = "abc";

	output_append(&queue, mine, 3);
	memset(mine, 'x', 3);
	drain();
	ck_assert_uint_eq(arrived, 3);
	ck_assert_int_eq(memcmp(received, "abc", 3), 0);
}
END_TEST

/* A reader that is slow gets every byte, whatever the kernel takes at once. */
START_TEST(test_output_slow_reader)
{
	size_t sent = 0, n;
	ssize_t written;

	while (sent < STREAM || queue != NULL) {
		n = STREAM - sent < 10007 ? STREAM - sent : 10007;
		ck_assert_int_eq(output_append(&queue, stream + sent, n), 0);
		sent += n;
		written = output_write(&queue, fd[0]);
		if (written < 0)
			ck_abort_msg("errno %d", errno);
		take(sent < STREAM ? 4999 : SIZE_MAX);
	}
	drain();
	assert_arrived(STREAM);
}
END_TEST

/* Full: 0, and everything stays; then on from there. */
START_TEST(test_output_full)
{
	size_t before;

	ck_assert_int_eq(output_append(&queue, stream, STREAM), 0);
	while (output_write(&queue, fd[0]) > 0)
		continue;
	before = output_bytes(queue);
	ck_assert_uint_gt(before, 0);
	ck_assert_int_eq(output_write(&queue, fd[0]), 0);
	ck_assert_uint_eq(output_bytes(queue), before);
	drain();
	assert_arrived(STREAM);
}
END_TEST

START_TEST(test_output_broken)
{
	output_append(&queue, "abc", 3);
	close(fd[1]);
	errno = 0;
	ck_assert_int_eq(output_write(&queue, fd[0]), -1);
	ck_assert_int_eq(errno, EPIPE);
	ck_assert_uint_eq(output_bytes(queue), 3);
	fd[1] = dup(fd[0]);
}
END_TEST

/* --- the outbox ---------------------------------------------------------- */

/* As a connection does: what does not fit goes first. */
static void
add(const char *data, size_t len)
{
	if (queue == NULL && outbox_add(box, data, len))
		return;
	if (queue == NULL && !outbox_is_empty(box))
		ck_assert_int_ge(outbox_flush(box, fd[0], &queue), 0);
	if (queue == NULL && outbox_add(box, data, len))
		return;
	ck_assert_int_eq(output_append(&queue, data, len), 0);
}

START_TEST(test_outbox_empty)
{
	ck_assert(outbox_is_empty(box));
	ck_assert(outbox_add(box, "", 0));
	ck_assert(outbox_add(box, stream, 0));
	ck_assert(outbox_is_empty(box));
	ck_assert_uint_eq(box->bytes, 0);
}
END_TEST

/* One write for all, in their order; stable and copied pieces mixed. */
START_TEST(test_outbox_order)
{
	char mine[4] = "-><";
	int i;

	for (i = 0; i < 10; i++) {
		ck_assert(outbox_add(box, mine, 2));
		ck_assert(outbox_add(box, stream + i * 10, 5));
		ck_assert(outbox_add(box, mine + 2, 1));
	}
	/* What is copied may change. */
	memset(mine, 'x', sizeof(mine));
	ck_assert_uint_eq(box->bytes, 80);
	ck_assert_int_eq(outbox_flush(box, fd[0], &queue), 80);
	ck_assert_ptr_null(queue);
	ck_assert(outbox_is_empty(box));
	ck_assert_uint_eq(box->bytes, 0);
	ck_assert_uint_eq(take(SIZE_MAX), 80);
	for (i = 0; i < 10; i++) {
		ck_assert_int_eq(memcmp(received + i * 8, "->", 2), 0);
		ck_assert_int_eq(memcmp(received + i * 8 + 2, stream + i * 10,
		    5), 0);
		ck_assert_int_eq(received[i * 8 + 7], '<');
	}
}
END_TEST

/* Neighbours are one piece, so many small ones fit. */
START_TEST(test_outbox_joins)
{
	size_t i;

	for (i = 0; i < 1000; i++)
		if (!outbox_add(box, stream + i, 1))
			ck_abort_msg("no room at %zu", i);
	ck_assert_int_eq(box->count, 1);
	/* And so are those that are copied one after another. */
	for (i = 0; i < 1000; i++)
		if (!outbox_add(box, stream + STREAM / 2, 1))
			ck_abort_msg("no room at %zu", i);
	ck_assert_int_le(box->count, 2);
	ck_assert_int_eq(outbox_flush(box, fd[0], &queue), 2000);
	take(SIZE_MAX);
	ck_assert_uint_eq(arrived, 2000);
	ck_assert_int_eq(memcmp(received, stream, 1000), 0);
	ck_assert_int_eq(received[1500], stream[STREAM / 2]);
}
END_TEST

/* Full of pieces, or of copies: false, and it stays as it was. */
START_TEST(test_outbox_no_room)
{
	size_t bytes, used;
	int i;

	for (i = 0; i < OUTBOX_PIECES; i++)
		ck_assert(outbox_add(box, stream + i * 2, 1));
	ck_assert(!outbox_add(box, stream + i * 2, 1));
	ck_assert(!outbox_add(box, "copied", 6));
	ck_assert_uint_eq(box->bytes, OUTBOX_PIECES);
	ck_assert_int_eq(outbox_flush(box, fd[0], &queue), OUTBOX_PIECES);
	take(SIZE_MAX);
	for (i = 0; i < OUTBOX_PIECES; i++)
		ck_assert_int_eq(received[i], stream[i * 2]);

	ck_assert(outbox_add(box, stream + STREAM / 2, OUTBOX_ARENA - 10));
	bytes = box->bytes;
	used = box->used;
	ck_assert(!outbox_add(box, stream + STREAM / 2, 11));
	ck_assert_uint_eq(box->bytes, bytes);
	ck_assert_uint_eq(box->used, used);
	ck_assert(outbox_add(box, stream + STREAM / 2, 10));
	ck_assert(!outbox_add(box, stream + STREAM / 2, 1));
	outbox_clear(box);
	ck_assert(outbox_is_empty(box));
	ck_assert(outbox_add(box, stream + STREAM / 2, OUTBOX_ARENA));
	ck_assert(!outbox_add(box, "x", 1));
	outbox_clear(box);
	/* What is stable needs no room, but for its piece. */
	ck_assert(outbox_add(box, stream, STREAM / 3));
	outbox_clear(box);
}
END_TEST

/* Partly within the stable region is not within it. */
START_TEST(test_outbox_edges)
{
	size_t end = STREAM / 3;

	ck_assert(outbox_add(box, stream + end - 1, 1));
	ck_assert_uint_eq(box->used, 0);
	ck_assert(outbox_add(box, stream + end - 1, 2));
	ck_assert_uint_eq(box->used, 2);
	ck_assert(outbox_add(box, stream + end, 1));
	ck_assert_uint_eq(box->used, 3);
	outbox_clear(box);

	/* Another region for a while. */
	outbox_set_stable(box, stream + end, 10);
	ck_assert(outbox_add(box, stream + end, 10));
	ck_assert_uint_eq(box->used, 0);
	ck_assert(outbox_add(box, stream + end - 1, 1));
	ck_assert_uint_eq(box->used, 1);
	outbox_clear(box);
	outbox_unset_stable(box);
	ck_assert(outbox_add(box, stream + end, 1));
	ck_assert_uint_eq(box->used, 1);
	ck_assert(outbox_add(box, stream + 1, 1));
	ck_assert_uint_eq(box->used, 1);
	outbox_clear(box);
}
END_TEST

/* What the kernel does not take is queued, from the right byte on. */
START_TEST(test_outbox_rest_is_queued)
{
	ssize_t written;

	ck_assert(outbox_add(box, stream, 100));
	ck_assert(outbox_add(box, stream + 100, STREAM / 3 - 200));
	written = outbox_flush(box, fd[0], &queue);
	ck_assert_int_gt(written, 0);
	ck_assert_int_lt(written, STREAM / 3 - 100);
	ck_assert_uint_eq(output_bytes(queue), STREAM / 3 - 100 -
	    (size_t)written);
	ck_assert(outbox_is_empty(box));
	add(stream + STREAM / 3 - 100, STREAM / 3);
	drain();
	assert_arrived(STREAM / 3 * 2 - 100);
}
END_TEST

/* All of it, when the kernel takes none. */
START_TEST(test_outbox_nothing_is_taken)
{
	size_t filled;

	output_append(&queue, stream, STREAM / 2);
	while (output_write(&queue, fd[0]) > 0)
		continue;
	filled = STREAM / 2 - output_bytes(queue);
	output_free(&queue);
	ck_assert(outbox_add(box, stream + filled, 4));
	ck_assert(outbox_add(box, stream + filled + 4, 4));
	ck_assert_int_eq(outbox_flush(box, fd[0], &queue), 0);
	ck_assert_uint_eq(output_bytes(queue), 8);
	drain();
	assert_arrived(filled + 8);
}
END_TEST

START_TEST(test_outbox_broken)
{
	close(fd[1]);
	ck_assert(outbox_add(box, "abc", 3));
	errno = 0;
	ck_assert_int_eq(outbox_flush(box, fd[0], &queue), -1);
	ck_assert_int_eq(errno, EPIPE);
	ck_assert(outbox_is_empty(box));
	ck_assert_ptr_null(queue);
	fd[1] = dup(fd[0]);
}
END_TEST

/* Pieces of every size, some stable, some not, through a small pipe. */
START_TEST(test_outbox_everything_arrives)
{
	size_t sent = 0, n;
	unsigned int k = 0;

	while (sent < STREAM) {
		n = (k * k * 131 + k) % 5000 + (k % 97 == 0 ? 70000 : 0);
		if (n > STREAM - sent)
			n = STREAM - sent;
		add(stream + sent, n);
		sent += n;
		if (++k % 7 == 0) {
			if (!outbox_is_empty(box))
				ck_assert_int_ge(outbox_flush(box, fd[0],
				    &queue), 0);
			ck_assert_int_ge(output_write(&queue, fd[0]), 0);
			take(20000);
		}
	}
	if (!outbox_is_empty(box))
		ck_assert_int_ge(outbox_flush(box, fd[0], &queue), 0);
	drain();
	assert_arrived(STREAM);
}
END_TEST

int
main(void)
{
	TCase *tc;
	Suite *s = unit_suite("output", &tc);

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, test_output_empty);
	tcase_add_test(tc, test_output_order);
	tcase_add_test(tc, test_output_copies);
	tcase_add_test(tc, test_output_slow_reader);
	tcase_add_test(tc, test_output_full);
	tcase_add_test(tc, test_output_broken);
	tcase_add_test(tc, test_outbox_empty);
	tcase_add_test(tc, test_outbox_order);
	tcase_add_test(tc, test_outbox_joins);
	tcase_add_test(tc, test_outbox_no_room);
	tcase_add_test(tc, test_outbox_edges);
	tcase_add_test(tc, test_outbox_rest_is_queued);
	tcase_add_test(tc, test_outbox_nothing_is_taken);
	tcase_add_test(tc, test_outbox_broken);
	tcase_add_test(tc, test_outbox_everything_arrives);
	return unit_run(s);
}
