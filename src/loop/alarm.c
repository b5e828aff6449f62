/* SPDX-License-Identifier: ISC */
/*
 * The alarm of a loop that another waits for.
 */
#include "loop/alarm.h"

#include <sys/timerfd.h>

#include <unistd.h>

#include "base/error.h"
#include "prong.h"

/* Setting it again, at the end of the turn, makes it silent. */
static void
alarm_rings(struct watch *w, unsigned int events)
{
}

int
alarm_open(struct alarm *a, struct loop *loop)
{
	*a = (struct alarm){ { alarm_rings, -1, PRONG_READ }, UINT64_MAX };
	a->watch.fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC |
	    TFD_NONBLOCK);
	if (a->watch.fd == -1)
		return error_errno("alarm");
	if (loop_add(loop, &a->watch) == -1) {
		close(a->watch.fd);
		a->watch.fd = -1;
		return -1;
	}
	return 0;
}

void
alarm_close(struct alarm *a, struct loop *loop)
{
	if (a->watch.fd == -1)
		return;
	loop_del(loop, &a->watch);
	close(a->watch.fd);
	a->watch.fd = -1;
}

void
alarm_set(struct alarm *a, uint64_t due)
{
	/* All zeros would be never. */
	struct itimerspec at = { .it_value = { 0, due == UINT64_MAX ? 0 : 1 } };

	if (due == a->due)
		return;
	a->due = due;
	if (due != 0 && due != UINT64_MAX)
		at.it_value = (struct timespec){ (time_t)(due / 1000),
		    (long)(due % 1000) * 1000000 };
	timerfd_settime(a->watch.fd, TFD_TIMER_ABSTIME, &at, NULL);
}
