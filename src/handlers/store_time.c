/* SPDX-License-Identifier: ISC */
/*
 * The handler store: times, and how long a key is to live.
 */
#include <time.h>

#include "handlers/store.h"

static int64_t
time_of(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

int64_t
store_time_now(void)
{
	return time_of(CLOCK_REALTIME);
}

int64_t
store_time_monotonic(void)
{
	return time_of(CLOCK_MONOTONIC);
}

/*
 * An argument as the time from now, in ms, of a key that expires then: below 1
 * when that is over.  With what makes no time an answer is given, and false.
 */
bool
store_time_expiry(struct store_request *q, size_t argument, int64_t unit,
    bool absolute, int64_t *ms)
{
	int64_t now = store_time_now(), end;

	if (!store_parse_number(q, argument, ms))
		return false;
	if (__builtin_mul_overflow(*ms, unit, ms) ||
	    __builtin_add_overflow(*ms, absolute ? 0 : now, &end)) {
		store_reply_error(&q->reply, "ERR invalid expire time in "
		    "'%s' command", q->command->name);
		return false;
	}
	if (absolute && __builtin_sub_overflow(*ms, now, ms))
		*ms = 0;
	return true;
}
