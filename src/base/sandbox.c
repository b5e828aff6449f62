/* SPDX-License-Identifier: ISC */
/*
 * Finding out what the kernel can keep a process from, and having it do so.
 */
#include "base/sandbox.h"

#include "config.h"

#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/callfilter.h"
#include "base/error.h"
#include "base/landlock.h"

/* A word: the version of Landlock, and whether there is a filter. */
#define WORD_LANDLOCK	0xffU
#define WORD_SECCOMP	0x100U
/* Of its CPU: it takes some milliseconds. */
#define TRIAL_SECONDS	2

/* Read by libraries that were not asked to. */
static const char *const sandbox_reads[] = {
	"/usr", "/lib", "/lib32", "/lib64", "/libx32", "/etc", "/proc",
	"/sys/devices/system", "/sys/fs/cgroup",
	"/dev/random", "/dev/urandom",
	"/run/systemd/resolve", "/run/resolvconf", "/run/NetworkManager",
	"/var/lib/sss", "/run/nscd", "/var/cache/nscd",
#ifdef PRONG_SANITIZED
	/* A report names the lines of whatever program it is. */
	"/",
#endif
};

static const char *const sandbox_writes[] = {
	"/dev/null", "/dev/zero", "/dev/full",
};

/* --- what there is -------------------------------------------------------- */

/* What a child tries, in memory that is shared with it. */
struct sandbox_trial {
	bool over;
	int landlock;
	int error;
	char why[ERROR_MAX];	/* the first thing that is lacking */
	size_t length[2];
	struct sock_filter code[2][CALLFILTER_MAX];
};

static void
sandbox_lacks(struct sandbox_trial *t)
{
	if (t->why[0] != '\0')
		return;
	t->error = errno;
	strlcpy(t->why, error_text(), sizeof(t->why));
}

/* A kernel may know of it, and still not let it be used. */
static void
sandbox_try(struct sandbox_trial *t)
{
	const struct strings none = { NULL, 0 };
	size_t i;

	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	t->landlock = landlock_version();
	if (t->landlock == 0) {
		error_set(ENOTSUP, "Landlock: there is none in this kernel, or "
		    "this build");
		sandbox_lacks(t);
	} else if (landlock_enter(t->landlock, &none, &none) == -1) {
		sandbox_lacks(t);
		t->landlock = 0;
	}
	for (i = 0; i < 2; i++) {
		t->length[i] = callfilter_make(t->code[i], i == 1);
		if (t->length[i] == 0)
			sandbox_lacks(t);
	}
	/* Both at once: a call must pass each of them. */
	for (i = 0; i < 2; i++)
		if (t->length[i] > 0 &&
		    callfilter_enter(t->code[i], t->length[i]) == -1) {
			sandbox_lacks(t);
			t->length[i] = 0;
		}
	t->over = true;
}

static void
sandbox_run_trial(struct sandbox_trial *t)
{
	const struct rlimit limit = { TRIAL_SECONDS, TRIAL_SECONDS };
	pid_t pid = fork();

	if (pid == 0) {
		/* Short of memory, libseccomp may go round for ever. */
		setrlimit(RLIMIT_CPU, &limit);
		sandbox_try(t);
		_exit(0);
	}
	while (pid != -1 && waitpid(pid, NULL, 0) == -1 && errno == EINTR)
		continue;
	if (t->over)
		return;
	if (pid == -1)
		error_errno("sandbox");
	else
		error_set(ECHILD, "sandbox: the process that tried it died");
	t->why[0] = '\0';
	sandbox_lacks(t);
	t->landlock = 0;
	t->length[0] = t->length[1] = 0;
}

static int
sandbox_take(struct sandbox *s, const struct sandbox_trial *t)
{
	size_t i;

	s->landlock = t->landlock;
	for (i = 0; i < 2 && t->length[0] > 0 && t->length[1] > 0; i++) {
		s->calls[i].code = reallocarray(NULL, t->length[i],
		    sizeof(t->code[i][0]));
		if (s->calls[i].code == NULL)
			return error_errno("sandbox");
		memcpy(s->calls[i].code, t->code[i],
		    t->length[i] * sizeof(t->code[i][0]));
		s->calls[i].length = t->length[i];
	}
	return 0;
}

int
sandbox_open(struct sandbox *s, enum sandbox_mode mode)
{
	struct sandbox_trial *t;
	int r;

	sandbox_close(s);
	if (mode == SANDBOX_OFF)
		return 0;
	t = mmap(NULL, sizeof(*t), PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (t == MAP_FAILED)
		return error_errno("sandbox");
	sandbox_run_trial(t);
	r = sandbox_take(s, t);
	if (r == 0 && t->why[0] != '\0') {
		error_set(t->error, "%s", t->why);
		r = mode == SANDBOX_REQUIRED ? -1 : 1;
	}
	munmap(t, sizeof(*t));
	if (r == -1)
		sandbox_close(s);
	return r;
}

void
sandbox_close(struct sandbox *s)
{
	int error = errno;

	free(s->calls[0].code);
	free(s->calls[1].code);
	*s = (struct sandbox){ 0 };
	errno = error;
}

/* --- entering it ---------------------------------------------------------- */

static int
sandbox_add(struct strings *list, const char *const *paths, size_t count)
{
	size_t i;

	for (i = 0; i < count; i++)
		if (strings_add(list, paths[i]) == -1)
			return -1;
	return 0;
}

int
sandbox_add_usual(struct sandbox_files *files, bool whole)
{
	if (whole && strings_add(&files->reads, "/") == -1)
		return -1;
	if (sandbox_add(&files->reads, sandbox_reads,
	    sizeof(sandbox_reads) / sizeof(sandbox_reads[0])) == -1)
		return -1;
	return sandbox_add(&files->writes, sandbox_writes,
	    sizeof(sandbox_writes) / sizeof(sandbox_writes[0]));
}

void
sandbox_free_files(struct sandbox_files *files)
{
	strings_free(&files->reads);
	strings_free(&files->writes);
}

int
sandbox_enter(const struct sandbox *s, const struct sandbox_files *files,
    bool forks, uint32_t *word)
{
	const struct sandbox_calls *calls = &s->calls[forks];
	int r = 0;

	*word = 0;
	if (s->landlock > 0) {
		r = landlock_enter(s->landlock, &files->reads, &files->writes);
		if (r == 0)
			*word |= (uint32_t)s->landlock;
	}
	/* Last, for the calls that the other needs. */
	if (calls->length > 0) {
		if (callfilter_enter(calls->code, calls->length) == -1)
			return -1;
		*word |= WORD_SECCOMP;
	}
	return r;
}

const char *
sandbox_format(uint32_t word, char buf[SANDBOX_MAX])
{
	const char *calls = (word & WORD_SECCOMP) != 0 ? "seccomp" : "";

	if ((word & WORD_LANDLOCK) != 0)
		snprintf(buf, SANDBOX_MAX, "landlock-%u%s%s",
		    word & WORD_LANDLOCK, calls[0] != '\0' ? "+" : "", calls);
	else
		strlcpy(buf, calls[0] != '\0' ? calls : "off", SANDBOX_MAX);
	return buf;
}
