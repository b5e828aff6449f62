/* SPDX-License-Identifier: ISC */
/*
 * The loader: a child that reads the configuration first.
 *
 * libconfuse's scanner may end its process, a handler's check may crash or
 * hang: that happens here.  The bytes it read go to the parent through a file
 * in memory, the verdict through a pipe, whose end also tells of its death.
 */
#include "prongd/loader.h"

#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "prongd/apply.h"
#include "prongd/memory.h"
#include "prongd/problem.h"
#include "prongd/setup.h"

#define LOADER_TIME_MAX	60	/* seconds; name servers may be slow */

struct loader {
	pid_t pid;
	int files;		/* memfd: what was read */
	int verdict[2];		/* pipe: one byte, the exit code */
};

/* The exit code for what was found. */
static int
loader_verdict(struct setup *s)
{
	bool bad = s->problems.count > 0;

	/*
	 * With a part of the text missing the check would find faults that
	 * are none.
	 */
	if (s->whole && apply_check(s->server, s->root, &s->problems) > 0)
		bad = true;
	if (s->problems.count == 0)
		return 0;
	return bad ? 2 : 1;
}

static int
loader_dump(const struct setup *s)
{
	char *text = prong_server_dump(s->server);

	if (text == NULL) {
		problem_say(prong_error());
		return 1;
	}
	fputs(text, stdout);
	free(text);
	return 0;
}

/* A start says it in the log. */
static void
loader_warn(struct setup *s)
{
	struct problems warnings = { NULL, 0 };

	apply_warn(s->server, s->root, &warnings);
	problem_print(&warnings, "warning: ", stderr);
	problem_free(&warnings);
}

static void
loader_praise(const struct options *o)
{
	char *name = memory_copy(o->file == NULL ? "prongd" : o->file);

	problem_clean(name);
	printf("%s: the configuration is good\n", name);
	free(name);
}

static int
loader_report(struct setup *s, const struct options *o, int code)
{
	problem_print(&s->problems, "", stderr);
	if (code == 0 && (o->test || o->dump) && !o->quiet)
		loader_warn(s);
	if (code == 0 && o->dump)
		code = loader_dump(s);
	else if (code == 0 && o->test && !o->quiet)
		loader_praise(o);
	if (fflush(stdout) == EOF) {
		warn("standard output");
		code = 1;
	}
	return code;
}

/*
 * A start without -f serves from the root directory; a relative name that
 * would not be found there must not be found here.
 */
static void
loader_enter(const struct options *o)
{
	if (!o->foreground && chdir("/") == -1)
		err(1, "/");
}

static int
loader_child(const struct loader *l, const struct options *o, pid_t parent)
{
	struct setup s = { .server = NULL };
	unsigned char verdict;
	int code;

	close(l->verdict[0]);
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) == -1)
		err(1, "prctl");
	if (getppid() != parent)
		return 1;
	setproctitle("loader");
	setup_make(&s, o);
	loader_enter(o);
	code = loader_report(&s, o, loader_verdict(&s));
	if (code == 0 && source_write(&s.sources, l->files) == -1) {
		warn("handing the configuration on");
		code = 1;
	}
	setup_free(&s);
	verdict = (unsigned char)code;
	if (write(l->verdict[1], &verdict, 1) != 1)
		err(1, "handing the verdict on");
	return code;
}

struct prong_server *
loader_again(void *arg)
{
	const struct options *o = arg;
	struct setup *s = calloc(1, sizeof(*s));

	if (s == NULL)
		err(1, "loader");
	/* A file of a relative name is where it was at the start. */
	if (o->folder != NULL && chdir(o->folder) == -1)
		warn("%s", o->folder);
	setup_make(s, o);
	loader_enter(o);
	if (loader_verdict(s) == 0)
		return s->server;
	problem_print(&s->problems, "", stderr);
	return NULL;
}

static int64_t
loader_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Waits for the verdict or the end of the loader; -1: why neither came. */
static int
loader_wait(const struct loader *l, unsigned char *verdict, ssize_t *n)
{
	struct pollfd p = { .fd = l->verdict[0], .events = POLLIN };
	int64_t end = loader_now() + LOADER_TIME_MAX * 1000, left;
	int r;

	do {
		left = end - loader_now();
		r = poll(&p, 1, left > 0 ? (int)left : 0);
	} while (r == -1 && errno == EINTR && left > 0);
	if (r == 0)
		errno = ETIMEDOUT;
	if (r != 1)
		return -1;
	*n = read(l->verdict[0], verdict, 1);
	return 0;
}

/* What the loader's end means; its own messages are out already. */
static int
loader_judge(const struct loader *l)
{
	unsigned char verdict = 0;
	ssize_t n = 0;
	int why = loader_wait(l, &verdict, &n) == -1 ? errno : 0;
	int status;

	if (why != 0)
		kill(l->pid, SIGKILL);
	while (waitpid(l->pid, &status, 0) == -1)
		if (errno != EINTR)
			err(1, "waiting for the loader");
	if (why == ETIMEDOUT)
		warnx("the check of the configuration took longer than %d "
		    "seconds", LOADER_TIME_MAX);
	else if (why != 0)
		warnx("waiting for the loader: %s", strerror(why));
	else if (WIFSIGNALED(status))
		warnx("the check of the configuration died of signal %d (%s)",
		    WTERMSIG(status), strsignal(WTERMSIG(status)));
	else if (n != 1 || WEXITSTATUS(status) != verdict)
		warnx("the check of the configuration ended before its time, "
		    "with exit code %d", WEXITSTATUS(status));
	else
		return verdict;
	return 1;
}

static void
loader_open(struct loader *l)
{
	if ((l->files = memfd_create("prongd.conf", MFD_CLOEXEC)) == -1)
		err(1, "memfd_create");
	if (pipe2(l->verdict, O_CLOEXEC) == -1)
		err(1, "pipe");
}

int
loader_run(const struct options *o, struct sources *sources)
{
	struct loader l;
	pid_t self = getpid();
	int code;

	loader_open(&l);
	fflush(NULL);
	if ((l.pid = fork()) == -1)
		err(1, "fork");
	if (l.pid == 0)
		exit(loader_child(&l, o, self));
	close(l.verdict[1]);
	code = loader_judge(&l);
	close(l.verdict[0]);
	if (code == 0 && source_read(sources, l.files) == -1) {
		warn("the configuration as the loader read it");
		code = 1;
	}
	close(l.files);
	return code;
}
