/* SPDX-License-Identifier: ISC */
/*
 * A module for dispatch.test, threads.test and fork.test: a handler of the
 * message style that does to its thread or process what a line of its client
 * says, and notices when a second thread comes to a connection that has one.
 */
#include <prong.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Of each connection. */
struct modes_data {
	int calls;			/* that are under way */
	struct prong_timer *timer;
};

/* Of this process: calls that are under way, and the most that were. */
static int modes_now, modes_most;

/* Of the option "notes". */
static int modes_file = -1;

/* Nowhere, which the compiler must not know. */
static int *volatile modes_nowhere;

static int
modes_who(struct prong_conn *c, const char *argument)
{
	char peer[64];

	return prong_sendf(c, "%d %ld %s", (int)getpid(), syscall(SYS_gettid),
	    prong_peer(c, peer, sizeof(peer)));
}

/* "MS": holds its thread for so long. */
static int
modes_block(struct prong_conn *c, const char *argument)
{
	poll(NULL, 0, atoi(argument));
	return prong_sendf(c, "blocked %s", argument);
}

/* The same, and says before that it begins. */
static int
modes_hold(struct prong_conn *c, const char *argument)
{
	prong_log(PRONG_INFO, "about to hold");
	poll(NULL, 0, atoi(argument));
	prong_log(PRONG_INFO, "has held");
	return prong_sendf(c, "held");
}

/* "BYTES": a message of so many. */
static int
modes_send(struct prong_conn *c, const char *argument)
{
	size_t size = (size_t)atol(argument);
	char *data = malloc(size);
	int result = -1;

	if (data != NULL) {
		memset(data, 's', size);
		result = prong_send(c, data, size);
	}
	free(data);
	return result;
}

static int
modes_peak(struct prong_conn *c, const char *argument)
{
	return prong_sendf(c, "%d",
	    __atomic_load_n(&modes_most, __ATOMIC_RELAXED));
}

static int
modes_crash(struct prong_conn *c, const char *argument)
{
	*modes_nowhere = 1;
	return 0;
}

static int
modes_abort(struct prong_conn *c, const char *argument)
{
	abort();
}

/* "STATUS" */
static int
modes_exit(struct prong_conn *c, const char *argument)
{
	exit(atoi(argument));
}

static int
modes_fail(struct prong_conn *c, const char *argument)
{
	return prong_set_error(0, "fails on purpose");
}

static int
modes_bye(struct prong_conn *c, const char *argument)
{
	int result = prong_sendf(c, "bye");

	prong_close(c);
	return result;
}

static int
modes_drop(struct prong_conn *c, const char *argument)
{
	prong_abort(c);
	return 0;
}

static void
modes_due(void *arg)
{
	((struct modes_data *)arg)->timer = NULL;
}

/* "MS": has a timer, until .closed at the latest. */
static int
modes_timer(struct prong_conn *c, const char *argument)
{
	struct modes_data *mine = prong_data(c);

	mine->timer = prong_timer(atoi(argument), modes_due, mine);
	return mine->timer == NULL ? -1 : prong_sendf(c, "set");
}

/* "MS": waits so long, and answers nothing. */
static int
modes_silent(struct prong_conn *c, const char *argument)
{
	if (prong_sleep(atoi(argument)) == -1)
		return -1;
	prong_log(PRONG_INFO, "silent for %s", argument);
	return 0;
}

/* "TEXT": a line of the file that was opened at the start. */
static int
modes_note(struct prong_conn *c, const char *argument)
{
	char line[64];
	int n = snprintf(line, sizeof(line), "%s\n", argument);

	if (write(modes_file, line, (size_t)n) != n)
		return prong_set_error(errno, "a note: %s", strerror(errno));
	return prong_sendf(c, "noted");
}

static const struct {
	const char *name;
	int (*fn)(struct prong_conn *, const char *argument);
} modes_commands[] = {
	{ "who", modes_who }, { "block", modes_block }, { "hold", modes_hold },
	{ "send", modes_send }, { "peak", modes_peak },
	{ "crash", modes_crash }, { "abort", modes_abort },
	{ "exit", modes_exit }, { "fail", modes_fail }, { "bye", modes_bye },
	{ "drop", modes_drop }, { "timer", modes_timer },
	{ "note", modes_note }, { "silent", modes_silent },
};

static int
modes_obey(struct prong_conn *c, const void *data, size_t len)
{
	char line[64], *argument = line;
	const char *name;
	size_t i;

	snprintf(line, sizeof(line), "%.*s", (int)len, (const char *)data);
	name = strsep(&argument, " ");
	for (i = 0; i < sizeof(modes_commands) / sizeof(modes_commands[0]); i++)
		if (strcmp(modes_commands[i].name, name) == 0)
			return modes_commands[i].fn(c,
			    argument == NULL ? "" : argument);
	return prong_send(c, data, len);
}

static const struct prong_option modes_options[] = {
	{ "notes", PRONG_STRING, .help = "a file to append lines to" },
	{ NULL }
};

static int
modes_init(struct prong_service *s)
{
	const char *path = prong_option_string(s, "notes");

	if (path == NULL)
		return 0;
	modes_file = open(path, O_WRONLY | O_APPEND | O_CLOEXEC);
	return modes_file != -1 ? 0 : prong_set_error(errno, "%s: %s", path,
	    strerror(errno));
}

static void
modes_exit_all(struct prong_service *s)
{
	if (modes_file != -1)
		close(modes_file);
	modes_file = -1;
	prong_log(PRONG_INFO, "exit of %s", prong_service_name(s));
}

static int
modes_opened(struct prong_conn *c)
{
	prong_set_data(c, calloc(1, sizeof(struct modes_data)));
	return prong_data(c) == NULL ? -1 : 0;
}

static int
modes_message(struct prong_conn *c, const void *data, size_t len)
{
	int now = __atomic_add_fetch(&modes_now, 1, __ATOMIC_RELAXED);
	int most = __atomic_load_n(&modes_most, __ATOMIC_RELAXED);
	struct modes_data *mine = prong_data(c);
	int result;

	while (now > most && !__atomic_compare_exchange_n(&modes_most, &most,
	    now, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED))
		continue;
	if (__atomic_fetch_add(&mine->calls, 1, __ATOMIC_RELAXED) != 0)
		result = prong_sendf(c, "two at once");
	else
		result = modes_obey(c, data, len);
	__atomic_fetch_sub(&mine->calls, 1, __ATOMIC_RELAXED);
	__atomic_fetch_sub(&modes_now, 1, __ATOMIC_RELAXED);
	return result;
}

static void
modes_closed(struct prong_conn *c)
{
	struct modes_data *mine = prong_data(c);

	if (mine != NULL)
		prong_timer_cancel(mine->timer);
	free(mine);
	prong_log(PRONG_DEBUG, "closed %llu",
	    (unsigned long long)prong_conn_id(c));
}

PRONG_HANDLER(modes,
	.summary = "does to its thread or process as a line says",
	.flags = PRONG_THREAD_SAFE,
	.framings = PRONG_LINE,
	.framing = PRONG_LINE,
	.options = modes_options,
	.init = modes_init,
	.exit = modes_exit_all,
	.opened = modes_opened,
	.message = modes_message,
	.closed = modes_closed,
);
PRONG_MODULE(modes);
