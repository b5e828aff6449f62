/* SPDX-License-Identifier: ISC */
/*
 * Crashes of libconfuse.  It does not look at each of its allocations, so that
 * without memory it goes on with what is not there, or ends on an assertion of
 * its own; who waits for us is to hear a reason.
 */
#include "prongd/guard.h"

#include <unistd.h>

static const int guard_signals[GUARD_SIGNALS] = {
	SIGABRT, SIGBUS, SIGFPE, SIGSEGV,
};

static void
guard_caught(int signo)
{
	static const char text[] = "prongd: libconfuse has crashed on the "
	    "configuration: there may be no memory left\n";

	ssize_t n = write(STDERR_FILENO, text, sizeof(text) - 1);

	/* Nobody else is there to be told that it could not be. */
	(void)n;
	_exit(1);
}

void
guard_set(struct guard *g)
{
	struct sigaction action = { .sa_handler = guard_caught };
	size_t i;

	for (i = 0; i < GUARD_SIGNALS; i++)
		sigaction(guard_signals[i], &action, &g->before[i]);
}

void
guard_unset(const struct guard *g)
{
	size_t i;

	for (i = 0; i < GUARD_SIGNALS; i++)
		sigaction(guard_signals[i], &g->before[i], NULL);
}
