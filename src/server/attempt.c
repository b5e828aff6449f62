/* SPDX-License-Identifier: ISC */
/*
 * Calls in a child of their own.  It writes a word for each step that it has
 * done, so that the first that is missing is the one it ended in.
 */
#include "server/attempt.h"

#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/process.h"

/* One write and one read, since it is shorter than PIPE_BUF. */
struct attempt_word {
	int error;		/* 0: done */
	char text[ERROR_MAX];
};

static void __attribute__((noreturn))
attempt_child(const struct attempt_step *step, void *arg, int done)
{
	struct attempt_word word = { .error = 0 };

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (; step->what != NULL && word.error == 0; step++) {
		if (step->call(arg) == -1) {
			word.error = errno == 0 ? EINVAL : errno;
			strlcpy(word.text, error_text(), sizeof(word.text));
		}
		/* What it has printed comes before that. */
		fflush(NULL);
		if (write(done, &word, sizeof(word)) != sizeof(word))
			_exit(1);
	}
	_exit(0);
}

/* A word, or false: the child has ended, or its time is over (*late). */
static bool
attempt_hear(int done, uint64_t end, struct attempt_word *word, bool *late)
{
	struct pollfd p = { .fd = done, .events = POLLIN };
	uint64_t now;

	while ((now = process_milliseconds()) < end)
		if (poll(&p, 1, (int)(end - now)) == 1) {
			memset(word, 0, sizeof(*word));
			return read(done, word, sizeof(*word)) ==
			    sizeof(*word);
		}
	*late = true;
	return false;
}

/* How the child ended that did not come to say its word. */
static int
attempt_judge(const struct attempt *a, const struct attempt_step *step,
    bool late, int status)
{
	if (late)
		return error_set(ENOEXEC, "%s: %s takes longer than %d s",
		    a->who, step->what, a->ms / 1000);
	if (WIFSIGNALED(status))
		return error_set(ENOEXEC, "%s: %s ends the process by signal "
		    "%d (%s)", a->who, step->what, WTERMSIG(status),
		    strsignal(WTERMSIG(status)));
	return error_set(ENOEXEC, "%s: %s ends the process with exit code %d",
	    a->who, step->what, WEXITSTATUS(status));
}

/* Until one fails, or none is left: what is NULL then. */
static const struct attempt_step *
attempt_follow(const struct attempt *a, int done, uint64_t end,
    struct attempt_word *word, bool *late)
{
	const struct attempt_step *step = a->steps;

	while (step->what != NULL && attempt_hear(done, end, word, late) &&
	    word->error == 0)
		step++;
	return step;
}

/*
 * Its status, once it has ended; who has said all ends now.  What it says, and
 * when it says no more, may be a module's doing, so it has no more time.
 */
static int
attempt_wait(pid_t pid, uint64_t end, bool has_said, bool *late)
{
	struct pollfd p = { .fd = pidfd_open(pid, 0), .events = POLLIN };
	uint64_t now = process_milliseconds();
	int status = 0;

	while (!has_said && !*late && p.fd != -1 && now < end &&
	    poll(&p, 1, (int)(end - now)) != 1)
		now = process_milliseconds();
	if (!has_said && now >= end)
		*late = true;
	if (has_said || *late || p.fd == -1)
		kill(pid, SIGKILL);
	if (p.fd != -1)
		close(p.fd);
	while (waitpid(pid, &status, 0) == -1 && errno == EINTR)
		continue;
	return status;
}

int
attempt_call(const struct attempt *a, void *arg)
{
	uint64_t end = process_milliseconds() + (uint64_t)a->ms;
	const struct attempt_step *step;
	struct attempt_word word = { .error = 0 };
	int done[2], status;
	bool late = false;
	pid_t pid;

	if (pipe2(done, O_CLOEXEC) == -1)
		return error_errno("%s", a->who);
	fflush(NULL);
	if ((pid = fork()) == 0) {
		close(done[0]);
		attempt_child(a->steps, arg, done[1]);
	}
	close(done[1]);
	if (pid == -1) {
		close(done[0]);
		return error_errno("%s", a->who);
	}
	step = attempt_follow(a, done[0], end, &word, &late);
	close(done[0]);
	status = attempt_wait(pid, end, step->what == NULL || word.error != 0,
	    &late);
	if (step->what == NULL)
		return 0;
	word.text[sizeof(word.text) - 1] = '\0';
	return word.error != 0 ? error_set(word.error, "%s", word.text) :
	    attempt_judge(a, step, late, status);
}
