/* SPDX-License-Identifier: ISC */
/*
 * A program with a server in it, for supervise.test: a handler that harms its
 * own process as a line of its client says, and a start that fails while a
 * file is there.
 *
 *	embed_faults [KEY=VALUE]...
 *
 * sets a setting of the server; "faults.KEY=VALUE" one of its only service,
 * and "option.KEY=VALUE" an option of the handler.
 *
 * What does not come back says so in the log before it begins, so that the
 * test can wait for that.  It is in functions that can be seen from outside:
 * a backtrace has the names of those only.
 */
#include <prong.h>

#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "settings.h"

#define FILES_MAX	1024	/* that a process opens by "fill" */
#define REPORTS_BELOW	64	/* descriptors that may be it */

void embed_faults_spin(void) __attribute__((noinline));
void embed_faults_block(void) __attribute__((noinline));
void embed_faults_crash(void) __attribute__((noinline));

/* Of this process: what fill has opened. */
static int faults_files[FILES_MAX];
static size_t faults_file_count;

/* Nowhere, which the compiler must not know. */
static int *volatile faults_nowhere;
static volatile bool faults_for_ever = true;

void
embed_faults_spin(void)
{
	while (faults_for_ever)
		continue;
}

/* Nobody ever writes to the pipe. */
void
embed_faults_block(void)
{
	int ends[2];
	char byte;

	if (pipe(ends) == 0)
		while (read(ends[0], &byte, 1) == -1 && errno == EINTR)
			continue;
}

void
embed_faults_crash(void)
{
	*faults_nowhere = 1;
}

static int
faults_who(struct prong_conn *c, const char *argument)
{
	return prong_sendf(c, "%d %" PRIu64, (int)getpid(), prong_conn_id(c));
}

static int
faults_spin(struct prong_conn *c, const char *argument)
{
	prong_log(PRONG_INFO, "about to spin");
	embed_faults_spin();
	return 0;
}

static int
faults_block(struct prong_conn *c, const char *argument)
{
	prong_log(PRONG_INFO, "about to block");
	embed_faults_block();
	return 0;
}

/* "MS": holds the loop for so long, and goes on. */
static int
faults_stall(struct prong_conn *c, const char *argument)
{
	prong_log(PRONG_INFO, "about to stall");
	poll(NULL, 0, atoi(argument));
	return prong_sendf(c, "stalled");
}

/* The same, and the connection has ended when that is over. */
static int
faults_stall_end(struct prong_conn *c, const char *argument)
{
	poll(NULL, 0, atoi(argument));
	prong_abort(c);
	return 0;
}

/* "MS": waits for so long, which holds up nobody. */
static int
faults_wait(struct prong_conn *c, const char *argument)
{
	return prong_sleep(atoi(argument)) == -1 ? -1 :
	    prong_sendf(c, "napped");
}

/* "MS": stalls when it goes on from waiting, in one way or another. */
static int
faults_sleep_stall(struct prong_conn *c, const char *argument)
{
	return prong_sleep(1) == -1 ? -1 : faults_stall(c, argument);
}

static int
faults_wait_stall(struct prong_conn *c, const char *argument)
{
	int ends[2], events;

	if (pipe(ends) == -1)
		return -1;
	events = prong_wait(ends[1], PRONG_WRITE, -1);
	close(ends[0]);
	close(ends[1]);
	return events == -1 ? -1 : faults_stall(c, argument);
}

static void *
faults_nap(void *arg)
{
	prong_sleep(1);
	return NULL;
}

static int
faults_join_stall(struct prong_conn *c, const char *argument)
{
	struct prong_task *t = prong_spawn(faults_nap, NULL);

	return t == NULL || prong_join(t, -1, NULL) == -1 ? -1 :
	    faults_stall(c, argument);
}

/* Of its own service: the address is in the argument. */
static int
faults_dial_stall(struct prong_conn *c, const char *argument)
{
	char address[128], ms[16], reply[16];
	struct prong_conn *up;
	ssize_t n = -1;

	if (sscanf(argument, "%15s %127s", ms, address) != 2 ||
	    (up = prong_dial(address, 10000)) == NULL)
		return -1;
	if (prong_send(up, "hello\n", 6) == 0)
		n = prong_recv(up, reply, sizeof(reply));
	if (n > 0)
		faults_stall(c, ms);
	prong_close(up);
	return n > 0 ? 0 : -1;
}

/* It ends the connection when it goes on. */
static int
faults_sleep_end(struct prong_conn *c, const char *argument)
{
	return prong_sleep(1) == -1 ? -1 : faults_stall_end(c, argument);
}

static int
faults_abort(struct prong_conn *c, const char *argument)
{
	abort();
}

static int
faults_crash(struct prong_conn *c, const char *argument)
{
	embed_faults_crash();
	return 0;
}

static int
faults_exit(struct prong_conn *c, const char *argument)
{
	_exit(atoi(argument));
}

static int
faults_kill(struct prong_conn *c, const char *argument)
{
	return raise(SIGKILL);
}

/* Takes every descriptor that is left; says how many. */
static int
faults_fill(struct prong_conn *c, const char *argument)
{
	int fd;

	while (faults_file_count < FILES_MAX &&
	    (fd = open("/dev/null", O_RDONLY | O_CLOEXEC)) != -1)
		faults_files[faults_file_count++] = fd;
	return prong_sendf(c, "%zu %s", faults_file_count,
	    strerrorname_np(errno));
}

/* "N": gives back so many; says how many it has still. */
static int
faults_give(struct prong_conn *c, const char *argument)
{
	int count = atoi(argument);

	while (count-- > 0 && faults_file_count > 0)
		close(faults_files[--faults_file_count]);
	return prong_sendf(c, "%zu", faults_file_count);
}

/* Writes into the file that is for the last words of this process, and dies. */
static void __attribute__((noreturn))
faults_say_last(const char *data, size_t len, int times, int signo)
{
	char path[64], name[64];
	ssize_t n;
	int fd, i;

	for (fd = STDERR_FILENO + 1; fd < REPORTS_BELOW; fd++) {
		snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
		if ((n = readlink(path, name, sizeof(name) - 1)) <= 0)
			continue;
		name[n] = '\0';
		for (i = 0; i < times &&
		    strstr(name, "memfd:prong-report") != NULL; i++)
			if (write(fd, data, len) == -1)
				break;
	}
	raise(signo);
	_exit(1);
}

/* What would look like lines of others, were it written as it is. */
static int
faults_forge(struct prong_conn *c, const char *argument)
{
	static const char text[] =
	    "\nerror: forged as a line of its own\n"
	    "\r\033[2Jforged with an escape\n"
	    "\",\"forged\":\"in JSON\\\n"
	    "forged \200\377 in no charset\n"
	    "\n\n\nforged %s%n %1000000d as a format\n"
	    "forged with an end\0of its text\n";

	faults_say_last(text, sizeof(text) - 1, 1, SIGKILL);
}

/* More than anybody wants to read, and no line. */
static int
faults_flood(struct prong_conn *c, const char *argument)
{
	char text[4096];

	memset(text, 'f', sizeof(text));
	faults_say_last(text, sizeof(text), 64, SIGABRT);
}

static const struct {
	const char *name;
	int (*fn)(struct prong_conn *, const char *argument);
} faults_commands[] = {
	{ "who", faults_who }, { "spin", faults_spin },
	{ "block", faults_block }, { "stall", faults_stall },
	{ "stall-end", faults_stall_end },
	{ "nap", faults_wait }, { "sleep-stall", faults_sleep_stall },
	{ "wait-stall", faults_wait_stall },
	{ "join-stall", faults_join_stall },
	{ "dial-stall", faults_dial_stall },
	{ "sleep-end", faults_sleep_end },
	{ "abort", faults_abort }, { "crash", faults_crash },
	{ "exit", faults_exit }, { "kill", faults_kill },
	{ "fill", faults_fill }, { "give", faults_give },
	{ "forge", faults_forge }, { "flood", faults_flood },
};

static int
faults_message(struct prong_conn *c, const void *data, size_t len)
{
	char line[256], *argument = line;
	const char *name;
	size_t i;

	snprintf(line, sizeof(line), "%.*s", (int)len, (const char *)data);
	name = strsep(&argument, " ");
	for (i = 0; i < sizeof(faults_commands) / sizeof(faults_commands[0]);
	    i++)
		if (strcmp(faults_commands[i].name, name) == 0)
			return faults_commands[i].fn(c,
			    argument == NULL ? "" : argument);
	return prong_send(c, data, len);
}

/* Whether the option names a file that is there. */
static bool
faults_is_there(struct prong_service *s, const char *option)
{
	const char *path = prong_option_string(s, option);

	return path != NULL && access(path, F_OK) == 0;
}

static int
faults_init(struct prong_service *s)
{
	char byte;
	int fd;

	/* Until whoever has opened it for writing closes it. */
	if (faults_is_there(s, "wait-if") &&
	    (fd = open(prong_option_string(s, "wait-if"), O_RDONLY)) != -1) {
		while (read(fd, &byte, sizeof(byte)) > 0)
			continue;
		close(fd);
	}
	if (faults_is_there(s, "abort-if"))
		abort();
	if (faults_is_there(s, "fail-if"))
		return prong_set_error(EEXIST, "fails on purpose");
	return 0;
}

static const struct prong_option faults_options[] = {
	{ "abort-if", PRONG_STRING, NULL, NULL, NULL,
	    "init aborts while this file is there" },
	{ "fail-if", PRONG_STRING, NULL, NULL, NULL,
	    "init fails while this file is there" },
	{ "wait-if", PRONG_STRING, NULL, NULL, NULL,
	    "init waits for the end of this pipe if it is there" },
	{ .name = NULL }
};

PRONG_HANDLER(faults,
	.summary = "harms its own process as a line says",
	.options = faults_options,
	.framings = PRONG_LINE,
	.framing = PRONG_LINE,
	/* One service, one thread: nothing of it is shared. */
	.flags = PRONG_THREAD_SAFE,
	.init = faults_init,
	.message = faults_message,
);

int
main(int argc, char **argv)
{
	struct prong_server *server = prong_server_new();
	struct prong_service *service;

	if (server == NULL ||
	    prong_server_handler(server, &faults_handler) == -1 ||
	    (service = prong_server_add(server, "faults")) == NULL ||
	    prong_service_set(service, "handler", "faults") == -1)
		errx(1, "%s", prong_error());
	while (*++argv != NULL)
		settings_set(server, service, "faults.", *argv);
	return settings_run(server);
}
