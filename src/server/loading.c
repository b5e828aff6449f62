/* SPDX-License-Identifier: ISC */
/*
 * The child that loads a configuration, and what the master takes from it.
 *
 * It writes into two files in memory: the server as text, and what there is to
 * complain of, which is its standard error.
 */
#include "server/loading.h"

#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/log.h"
#include "base/process.h"
#include "base/units.h"
#include "server/check.h"
#include "server/prepare.h"
#include "server/reaper.h"
#include "server/transfer.h"

#define LOADING_SAID_MAX	16384	/* of what it says */

struct loading {
	struct loading *next;
	struct master *master;
	loading_fn *fn;
	void *arg;
	pid_t pid;
	int server;			/* the files in memory */
	int said;
	bool late;
	int64_t patience;		/* microseconds */
	struct timer limit;
};

/* --- the child ------------------------------------------------------------ */

/* What handlers log at a check is not for the log of the server. */
static void
loading_drop_line(enum prong_level level, const char *text, void *arg)
{
}

static int
loading_write(int fd, const char *text, size_t length)
{
	ssize_t n;

	while (length > 0) {
		if ((n = write(fd, text, length)) == -1 && errno != EINTR)
			return error_errno("handing the configuration on");
		if (n > 0) {
			text += n;
			length -= (size_t)n;
		}
	}
	return 0;
}

/* Makes the server as it will be, declared objects included. */
static struct prong_server *
loading_make(const struct master *m)
{
	struct prong_server *s = m->program->load(m->program->load_arg);
	struct privilege privilege;

	if (s == NULL)
		return NULL;
	if (privilege_find(&privilege, s->settings.user,
	    s->settings.group) == -1 || prepare_services(s) == -1 ||
	    prepare_declared(s, &privilege) == -1)
		return NULL;
	return s;
}

static int
loading_run(const struct master *m, int fd)
{
	struct prong_server *s;
	char *text;

	check_hold(&m->current->listening);
	log_set_function(loading_drop_line, NULL);
	error_clear();
	if ((s = loading_make(m)) == NULL ||
	    (text = transfer_write(s, true)) == NULL)
		return -1;
	return loading_write(fd, text, strlen(text));
}

/* What it has said, without the end of the last line; in buf. */
static char *
loading_text(const struct loading *l, char *buf, size_t size)
{
	ssize_t n = pread(l->said, buf, size - 1, 0);

	buf[n > 0 ? n : 0] = '\0';
	while (n > 0 && (buf[n - 1] == '\n' || buf[n - 1] == '\0'))
		buf[--n] = '\0';
	return buf;
}

/* The last error, unless it was told by then, with its place. */
static void
loading_say_error(const struct loading *l)
{
	char said[LOADING_SAID_MAX];

	if (strstr(loading_text(l, said, sizeof(said)), error_text()) == NULL)
		dprintf(STDERR_FILENO, "%s\n", error_text());
}

static void __attribute__((noreturn))
loading_child(const struct loading *l, pid_t master)
{
	static const int ignored[] = { SIGPIPE, SIGXFSZ, 0 };
	const int keep[] = { STDERR_FILENO, l->server, l->said };

	signals_reset(ignored);
	process_title("loader");
	log_after_fork();
	if (process_die_with_parent(master) == -1 ||
	    dup2(l->said, STDERR_FILENO) == -1)
		_exit(1);
	process_close_others(keep, sizeof(keep) / sizeof(keep[0]));
	if (loading_run(l->master, l->server) == 0)
		_exit(0);
	loading_say_error(l);
	_exit(2);
}

/* --- the master ----------------------------------------------------------- */

static void
loading_free(struct loading *l)
{
	struct loading **at = &l->master->loadings;

	while (*at != l)
		at = &(*at)->next;
	*at = l->next;
	loop_timer_stop(l->master->loop, &l->limit);
	close(l->server);
	close(l->said);
	free(l);
}

static void
loading_too_late(struct timer *t)
{
	struct loading *l = (struct loading *)((char *)t -
	    offsetof(struct loading, limit));

	l->late = true;
	kill(l->pid, SIGKILL);
}

static int
loading_open(struct loading *l)
{
	l->server = memfd_create("prong-server", MFD_CLOEXEC);
	l->said = memfd_create("prong-said", MFD_CLOEXEC);
	if (l->server != -1 && l->said != -1)
		return 0;
	return error_errno("a file in memory");
}

struct loading *
loading_start(struct master *m, loading_fn *fn, void *arg)
{
	pid_t self = getpid();
	struct loading *l;

	if (m->program->load == NULL) {
		error_set(ENOTSUP, "this program has not said how it makes a "
		    "new configuration");
		return NULL;
	}
	if ((l = calloc(1, sizeof(*l))) == NULL) {
		error_errno("loader");
		return NULL;
	}
	*l = (struct loading){ .master = m, .fn = fn, .arg = arg,
	    .server = -1, .said = -1, .limit.fn = loading_too_late };
	l->next = m->loadings;
	m->loadings = l;
	fflush(NULL);
	if (loading_open(l) == -1 || (l->pid = fork()) == -1) {
		error_errno("loader");
		goto fail;
	}
	if (l->pid == 0)
		loading_child(l, self);
	if (reaper_add(m, l->pid) == -1)
		goto fail;
	l->patience = m->server->settings.upgrade_timeout;
	loop_timer(m->loop, &l->limit, units_milliseconds(l->patience));
	return l;
fail:
	loading_free(l);
	return NULL;
}

void
loading_cancel(struct loading *l)
{
	l->fn = NULL;
	kill(l->pid, SIGKILL);
}

/*
 * What it has left, in a copy: a module may have started a process that has the
 * file still, and could cut it short or change it while it is read.
 */
static char *
loading_copy(const struct loading *l, size_t *length)
{
	struct stat st;
	char *text;
	ssize_t n;

	if (fstat(l->server, &st) == -1 || st.st_size == 0) {
		error_set(EPROTO, "the loader has handed nothing over");
		return NULL;
	}
	if (st.st_size > (off_t)TRANSFER_MAX) {
		error_set(EPROTO, "the loader has handed over %lld bytes, and "
		    "%lu are the most", (long long)st.st_size, TRANSFER_MAX);
		return NULL;
	}
	if ((text = malloc((size_t)st.st_size)) == NULL ||
	    (n = pread(l->server, text, (size_t)st.st_size, 0)) == -1) {
		error_errno("what the loader has handed over");
		free(text);
		return NULL;
	}
	*length = (size_t)n;
	return text;
}

static struct prong_server *
loading_take(const struct loading *l)
{
	struct prong_server *s;
	size_t length;
	char *text;

	if ((text = loading_copy(l, &length)) == NULL)
		return NULL;
	s = transfer_read(text, length, l->master->program);
	free(text);
	return s;
}

static void
loading_tell(struct loading *l, int status)
{
	char text[LOADING_SAID_MAX], how[80], limit[UNITS_MAX];
	struct prong_server *s = NULL;

	loading_text(l, text, sizeof(text));
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0) {
		if ((s = loading_take(l)) == NULL)
			strlcpy(text, error_text(), sizeof(text));
	} else if (l->late)
		snprintf(text, sizeof(text), "the check of the configuration "
		    "took longer than upgrade-timeout (%s)",
		    units_format_duration(l->patience, limit));
	else if (text[0] == '\0' || !WIFEXITED(status))
		snprintf(text, sizeof(text), "the check of the configuration "
		    "%s", process_describe_status(status, how, sizeof(how)));
	l->fn(l->master, s, s == NULL ? text : NULL, l->arg);
}

bool
loading_ended(struct master *m, pid_t pid, int status)
{
	struct loading *l = m->loadings;

	while (l != NULL && l->pid != pid)
		l = l->next;
	if (l == NULL)
		return false;
	if (l->fn != NULL)
		loading_tell(l, status);
	loading_free(l);
	return true;
}
