/* SPDX-License-Identifier: ISC */
/*
 * A clock that stands still, for conformance.test: loaded into a server by
 * LD_PRELOAD, it makes the time of day what PRONG_TEST_CLOCK says, in seconds
 * since 1970.  The other clocks go on.
 *
 * The environment loses both names at the start, so whatever the server runs
 * has the true clock.
 */
#include <sys/syscall.h>
#include <sys/time.h>

#include <stdlib.h>
#include <time.h>
#include <unistd.h>

static time_t clock_now;

__attribute__((constructor)) static void
clock_init(void)
{
	const char *now = getenv("PRONG_TEST_CLOCK");

	/* Without it the server would go on with a clock nobody has set. */
	if (now == NULL)
		abort();
	clock_now = (time_t)strtoll(now, NULL, 10);
	unsetenv("PRONG_TEST_CLOCK");
	unsetenv("LD_PRELOAD");
}

time_t
time(time_t *t)
{
	if (t != NULL)
		*t = clock_now;
	return clock_now;
}

int
clock_gettime(clockid_t id, struct timespec *ts)
{
	/* The system call itself: a sanitizer's function may not be ready. */
	if (id != CLOCK_REALTIME)
		return (int)syscall(SYS_clock_gettime, id, ts);
	ts->tv_sec = clock_now;
	ts->tv_nsec = 0;
	return 0;
}
