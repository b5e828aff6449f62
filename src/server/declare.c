/* SPDX-License-Identifier: ISC */
/*
 * Asking handlers what they declare.
 *
 * The child writes records into a pipe: strings with a "=" before each, so that
 * none is empty, and an empty one as their end.  The first of them says what it
 * is: "begin" and "end" around the call of a service's handler, by its number;
 * "object" with kind, name and settings; "fault" with a text.
 */
#include "server/declare.h"

#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/log.h"
#include "base/process.h"

#define DECLARE_SETTINGS_MAX	1024	/* of one object */
#define DECLARE_STRINGS_MAX	(3 + 2 * DECLARE_SETTINGS_MAX)
#define DECLARE_BYTES_MAX	(256 * 1024)	/* of a server's handlers */

/* Whose .declare is called in this thread, and where to write what it says. */
static __thread struct prong_service *declare_for;
static __thread int declare_pipe;	/* -1: it counts here alone */

/* --- what handlers call ------------------------------------------------------- */

/* A record is far shorter than what declares too much. */
static int
declare_write(const char *const *strings)
{
	char *record = NULL;
	size_t length = 0, size;
	ssize_t n;
	FILE *f;

	if ((f = open_memstream(&record, &size)) == NULL)
		return error_errno("declaring");
	for (; *strings != NULL; strings++)
		fprintf(f, "=%s%c", *strings, '\0');
	fputc('\0', f);
	if (fclose(f) == EOF) {
		free(record);
		return error_set(ENOMEM, "no memory to declare");
	}
	while (length < size) {
		n = write(declare_pipe, record + length, size - length);
		if (n == -1 && errno != EINTR)
			break;
		if (n > 0)
			length += (size_t)n;
	}
	free(record);
	return length == size ? 0 : error_errno("declaring");
}

int
prong_declare(struct prong_service *service, const char *kind,
    const char *name, ...)
{
	const char *strings[DECLARE_STRINGS_MAX + 1] = { "object", kind, name };
	size_t count = 3;
	va_list args;

	if (service != declare_for)
		return error_set(EPERM, "only a handler's .declare can declare "
		    "%s \"%.64s\"", kind, name);
	va_start(args, name);
	while (count < DECLARE_STRINGS_MAX &&
	    (strings[count] = va_arg(args, const char *)) != NULL)
		count++;
	va_end(args);
	if (count == DECLARE_STRINGS_MAX || count % 2 == 0)
		return error_set(EINVAL, "%s \"%.64s\": %s", kind, name,
		    count % 2 == 0 ? "a setting without a value" :
		    "too many settings");
	if (declare_object(service, kind, name, strings + 3) == -1)
		return -1;
	return declare_pipe == -1 ? 0 : declare_write(strings);
}

static int
declare_call(struct prong_service *s, int pipe_end)
{
	int r;

	declare_for = s;
	declare_pipe = pipe_end;
	error_clear();
	r = s->handler->declare(s);
	if (r == -1 && error_text()[0] == '\0')
		error_set(EINVAL, "its handler's .declare has failed");
	declare_for = NULL;
	return r;
}

/* Whether there is something to ask; what else is wrong others will tell. */
static bool
declare_is_wanted(struct prong_service *s)
{
	return server_attach(s) == 0 && s->handler != NULL &&
	    s->handler->declare != NULL;
}

int
declare_here(struct prong_server *s)
{
	size_t i;

	declare_undo(s);
	for (i = 0; i < s->service_count; i++)
		if (declare_is_wanted(s->services[i]) &&
		    declare_call(s->services[i], -1) == -1)
			return error_prefix("service \"%s\"",
			    s->services[i]->name);
	return 0;
}

/* --- the child ------------------------------------------------------------------ */

static void
declare_ask(struct prong_service *s, int pipe_end)
{
	char number[16];
	const char *const begin[] = { "begin", number, NULL };
	const char *const fault[] = { "fault", error_text(), NULL };
	static const char *const end[] = { "end", NULL };
	int result;

	declare_pipe = pipe_end;
	snprintf(number, sizeof(number), "%u", s->index);
	if (declare_write(begin) == -1)
		return;
	result = declare_call(s, pipe_end);
	if (result == -1)
		declare_write(fault);
	declare_write(end);
}

/*
 * What handlers do there, they do with a worker's rights, and what they start
 * may outlive this process: nothing else of ours is theirs to write to, be it
 * the configuration or the link of an upgrade.
 */
static void __attribute__((noreturn))
declare_child(struct prong_server *s, const struct privilege *privilege,
    int pipe_end, pid_t parent)
{
	const int keep[] = { log_descriptor(LOG_MAIN), pipe_end };
	size_t i;

	process_title("declare");
	signal(SIGPIPE, SIG_IGN);
	process_close_others(keep, sizeof(keep) / sizeof(keep[0]));
	if (privilege_drop(privilege, s->settings.chroot) == -1 ||
	    process_die_with_parent(parent) == -1)
		_exit(1);
	for (i = 0; i < s->service_count; i++)
		if (declare_is_wanted(s->services[i]))
			declare_ask(s->services[i], pipe_end);
	_exit(0);
}

/* --- who has it run --------------------------------------------------------------- */

struct declaring {
	struct prong_server *server;
	server_fault_fn *fn;
	void *arg;
	int faults;
	int pipe_end;
	char *text;			/* what it has said */
	size_t length;
	char *said;			/* faults that were told, by handler */
	bool late;
	struct prong_service *at;	/* whose handler it was asking */
};

/*
 * Whether it is what the same handler has said for another service: then only
 * the name of that differs.
 */
static bool
declare_is_known(struct declaring *d, const struct prong_service *s)
{
	char text[ERROR_MAX], name[ERROR_MAX], *p, *line = NULL;
	bool known;

	strlcpy(text, error_text(), sizeof(text));
	snprintf(name, sizeof(name), "\"%s\"", s->name);
	if ((p = strstr(text, name)) != NULL)
		memmove(p, p + strlen(name), strlen(p + strlen(name)) + 1);
	if (strings_append(&line, "\n%s: %s\n", s->settings.handler,
	    text) == -1)
		return false;
	known = d->said != NULL && strstr(d->said, line) != NULL;
	if (!known)
		strings_append(&d->said, "%s", line);
	free(line);
	return known;
}

/* What is wrong with a handler is told for the first of its services. */
static void
declare_fault(struct declaring *d, const struct prong_service *s)
{
	char why[ERROR_MAX];
	int error = errno;

	strlcpy(why, error_text(), sizeof(why));
	if (declare_is_known(d, s))
		return;
	d->faults++;
	error_set(error, "%s", why);
	d->fn(s, "handler", d->arg);
}

/* Until the end of the pipe, of the time, or of what may be said. */
static void
declare_read(struct declaring *d)
{
	uint64_t now, end = process_milliseconds() + DECLARE_MS;
	struct pollfd p = { .fd = d->pipe_end, .events = POLLIN };
	ssize_t n = 1;

	while (n != 0 && d->length < DECLARE_BYTES_MAX) {
		if ((now = process_milliseconds()) >= end) {
			d->late = true;
			return;
		}
		if (poll(&p, 1, (int)(end - now)) != 1)
			continue;
		n = read(d->pipe_end, d->text + d->length,
		    DECLARE_BYTES_MAX - d->length);
		if (n > 0)
			d->length += (size_t)n;
	}
}

static void
declare_take_begin(struct declaring *d, const char *const *strings)
{
	unsigned long index = strings[0] == NULL ? ULONG_MAX :
	    strtoul(strings[0], NULL, 10);

	d->at = index > UINT32_MAX ? NULL :
	    server_by_row(d->server, (uint32_t)index);
}

static void
declare_take_end(struct declaring *d, const char *const *strings)
{
	d->at = NULL;
}

/* What it has said to itself, it says to us; but who knows. */
static void
declare_take_object(struct declaring *d, const char *const *strings)
{
	size_t count = 0;

	while (strings[count] != NULL)
		count++;
	if (d->at == NULL || count < 2 || count % 2 != 0)
		return;
	if (declare_object(d->at, strings[0], strings[1], strings + 2) == -1)
		declare_fault(d, d->at);
}

static void
declare_take_fault(struct declaring *d, const char *const *strings)
{
	if (d->at == NULL || strings[0] == NULL)
		return;
	error_set(EINVAL, "%s", strings[0]);
	declare_fault(d, d->at);
}

static const struct {
	const char *name;
	void (*take)(struct declaring *, const char *const *strings);
} declare_records[] = {
	{ "begin", declare_take_begin },
	{ "end", declare_take_end },
	{ "object", declare_take_object },
	{ "fault", declare_take_fault },
};

static void
declare_take(struct declaring *d, const char *const *strings)
{
	size_t i;

	for (i = 0; i < sizeof(declare_records) / sizeof(declare_records[0]);
	    i++)
		if (strings[0] != NULL &&
		    strcmp(strings[0], declare_records[i].name) == 0)
			declare_records[i].take(d, strings + 1);
}

/* What is not whole, or has too many strings, was not said. */
static void
declare_take_all(struct declaring *d)
{
	const char *strings[DECLARE_STRINGS_MAX + 1];
	const char *p = d->text, *end = d->text + d->length;
	size_t count = 0;

	while (p < end && memchr(p, '\0', (size_t)(end - p)) != NULL) {
		if (*p == '\0') {
			strings[count] = NULL;
			declare_take(d, strings);
			count = 0;
		} else if (count < DECLARE_STRINGS_MAX)
			strings[count++] = p + 1;
		p += strlen(p) + 1;
	}
}

/* How it ended in the midst of a handler's .declare. */
static void
declare_judge(struct declaring *d, int status)
{
	if (d->length == DECLARE_BYTES_MAX) {
		error_set(E2BIG, "its handler declares more than %d bytes",
		    DECLARE_BYTES_MAX);
		declare_fault(d, d->at != NULL ? d->at :
		    d->server->services[0]);
		return;
	}
	if (d->at == NULL)
		return;
	if (d->late)
		error_set(ETIMEDOUT, "its handler's .declare takes longer than "
		    "%d s", DECLARE_MS / 1000);
	else if (WIFSIGNALED(status))
		error_set(ECHILD, "its handler's .declare ends the process by "
		    "signal %d (%s)", WTERMSIG(status),
		    strsignal(WTERMSIG(status)));
	else
		error_set(ECHILD, "its handler's .declare ends the process "
		    "with exit code %d", WEXITSTATUS(status));
	declare_fault(d, d->at);
}

/* A module's handler may want something: here that is not known. */
static bool
declare_is_needed(const struct prong_server *s)
{
	const struct prong_handler *h;
	size_t i;

	for (i = 0; i < s->service_count; i++) {
		h = server_handler(s, s->services[i]->settings.handler);
		if (h == NULL ? server_has_module(s->services[i]) :
		    h->declare != NULL)
			return true;
	}
	return false;
}

static int
declare_run(struct declaring *d, const struct privilege *privilege)
{
	pid_t pid, self = getpid();
	int ends[2], status = 0;

	if (pipe2(ends, O_CLOEXEC) == -1)
		return error_errno("declaring");
	fflush(NULL);
	if ((pid = fork()) == 0) {
		close(ends[0]);
		declare_child(d->server, privilege, ends[1], self);
	}
	close(ends[1]);
	d->pipe_end = ends[0];
	if (pid == -1) {
		close(ends[0]);
		return error_errno("declaring");
	}
	declare_read(d);
	close(ends[0]);
	if (d->late || d->length == DECLARE_BYTES_MAX)
		kill(pid, SIGKILL);
	while (waitpid(pid, &status, 0) == -1 && errno == EINTR)
		continue;
	declare_take_all(d);
	declare_judge(d, status);
	return 0;
}

int
declare_all(struct prong_server *s, const struct privilege *privilege,
    server_fault_fn *fn, void *arg)
{
	struct declaring d = { .server = s, .fn = fn, .arg = arg };

	declare_undo(s);
	if (!declare_is_needed(s))
		return 0;
	if ((d.text = malloc(DECLARE_BYTES_MAX)) == NULL)
		error_errno("declaring");
	if (d.text == NULL || declare_run(&d, privilege) == -1)
		declare_fault(&d, s->services[0]);
	free(d.text);
	free(d.said);
	return d.faults;
}
