/* SPDX-License-Identifier: ISC */
/*
 * An echo that takes its time before it answers, to be measured with threads
 * and workers: it computes so many rounds, or holds its thread asleep.
 */
#include <prong.h>

#include <errno.h>
#include <stdint.h>
#include <time.h>

/* Nobody looks at what comes out; the compiler must not know that. */
static void
work_compute(int64_t rounds)
{
	volatile uint64_t result;
	uint64_t x = 88172645463325252;

	for (; rounds > 0; rounds--) {
		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
	}
	result = x;
	(void)result;
}

static void
work_sleep(int64_t ms)
{
	struct timespec left = { ms / 1000, ms % 1000 * 1000000 };

	while (nanosleep(&left, &left) == -1 && errno == EINTR)
		continue;
}

static int
work_message(struct prong_conn *c, const void *data, size_t len)
{
	const struct prong_service *service = prong_conn_service(c);

	work_compute(prong_option_int(service, "compute"));
	work_sleep(prong_option_time(service, "sleep"));
	return prong_send(c, data, len);
}

static const struct prong_option work_options[] = {
	{ .name = "compute", .type = PRONG_INT, .value = "0",
	    .help = "rounds of arithmetic before each answer" },
	{ .name = "sleep", .type = PRONG_TIME, .value = "0",
	    .help = "sleep before each answer, which holds the thread" },
	{ .name = NULL },
};

static PRONG_HANDLER(work,
	.summary = "sends back what it receives, after some work",
	.options = work_options,
	.flags = PRONG_THREAD_SAFE,
	.message = work_message,
);

PRONG_MODULE(work);
