/* SPDX-License-Identifier: ISC */
/*
 * Signals as events.
 */
#include "loop/signals.h"

#include <sys/signalfd.h>

#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "prong.h"

static void
signals_readable(struct watch *w, unsigned int events)
{
	struct signals *s = (struct signals *)((char *)w -
	    offsetof(struct signals, watch));
	struct signalfd_siginfo info;

	while (read(w->fd, &info, sizeof(info)) == (ssize_t)sizeof(info))
		s->fn((int)info.ssi_signo, s->arg);
}

int
signals_open(struct signals *s, struct loop *loop, const int *list,
    signals_fn *fn, void *arg)
{
	sigset_t set;

	sigemptyset(&set);
	for (; *list != 0; list++)
		sigaddset(&set, *list);
	s->loop = loop;
	s->fn = fn;
	s->arg = arg;
	s->watch.fn = signals_readable;
	s->watch.events = PRONG_READ;
	if (sigprocmask(SIG_BLOCK, &set, &s->before) == -1 ||
	    (s->watch.fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK)) ==
	    -1)
		return error_errno("signals");
	if (loop_add(loop, &s->watch) == -1) {
		close(s->watch.fd);
		s->watch.fd = -1;
		return -1;
	}
	return 0;
}

void
signals_close(struct signals *s)
{
	if (s->watch.fd == -1)
		return;
	loop_del(s->loop, &s->watch);
	close(s->watch.fd);
	s->watch.fd = -1;
	sigprocmask(SIG_SETMASK, &s->before, NULL);
}

static bool
signals_is_in(const int *list, int signo)
{
	while (*list != 0 && *list != signo)
		list++;
	return *list != 0;
}

void
signals_reset(const int *ignored)
{
	struct sigaction action = { .sa_handler = SIG_DFL };
	sigset_t set;
	int signo;

	for (signo = 1; signo < NSIG; signo++) {
		action.sa_handler = signals_is_in(ignored, signo) ? SIG_IGN :
		    SIG_DFL;
		sigaction(signo, &action, NULL);
	}
	sigemptyset(&set);
	sigprocmask(SIG_SETMASK, &set, NULL);
}
