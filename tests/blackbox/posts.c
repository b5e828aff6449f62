/* SPDX-License-Identifier: ISC */
/*
 * A module for post.test: posts what a line of its client says, from where it
 * says, and tells how that went when it went wrong.
 */
#include <prong.h>

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

/* What is to be posted later: to all of a service. */
struct posts_later {
	struct prong_service *service;
	struct prong_watch *watch;
	char text[64];
};

static int
posts_result(struct prong_conn *c, int result)
{
	return result == 0 ? 0 : prong_sendf(c, "error %s",
	    strerrorname_np(errno));
}

static int
posts_id(struct prong_conn *c, const char *text, size_t len)
{
	return prong_sendf(c, "%" PRIu64 " %d", prong_conn_id(c),
	    (int)getpid());
}

static int
posts_all(struct prong_conn *c, const char *text, size_t len)
{
	return posts_result(c, prong_broadcast(prong_conn_service(c), text,
	    len));
}

static int
posts_others(struct prong_conn *c, const char *text, size_t len)
{
	return posts_result(c, prong_broadcast_others(c, text, len));
}

/* "ID TEXT" */
static int
posts_one(struct prong_conn *c, const char *text, size_t len)
{
	char *rest;
	uint64_t id = strtoull(text, &rest, 10);

	return posts_result(c, prong_post(id, rest + 1,
	    len - (size_t)(rest + 1 - text)));
}

/* "SIZE": so many bytes to all. */
static int
posts_large(struct prong_conn *c, const char *text, size_t len)
{
	size_t size = (size_t)atol(text);
	char *data = malloc(size);
	int result;

	if (data == NULL)
		return -1;
	memset(data, 'l', size);
	result = posts_all(c, data, size);
	free(data);
	return result;
}

/* "COUNT": messages to itself, the first and the last of which say so. */
static int
posts_many(struct prong_conn *c, const char *text, size_t len)
{
	int i, count = atoi(text), failed = 0;
	char data[32];

	for (i = 0; i < count; i++) {
		snprintf(data, sizeof(data), "%d", i);
		failed |= prong_post(prong_conn_id(c), data, strlen(data));
	}
	return posts_result(c, failed);
}

/* "MS" */
static int
posts_sleep(struct prong_conn *c, const char *text, size_t len)
{
	prong_sendf(c, "sleeps");
	prong_sleep(atoi(text));
	return prong_sendf(c, "slept");
}

/* "BYTES": a message of so many, in parts. */
static int
posts_send(struct prong_conn *c, const char *text, size_t len)
{
	size_t half = (size_t)atol(text) / 2;
	char *data = malloc(half);
	const struct iovec iov[] = { { data, half }, { data, half } };
	int result;

	if (data == NULL)
		return -1;
	memset(data, 's', half);
	result = prong_sendv(c, iov, 2);
	free(data);
	return result;
}

static struct posts_later *
posts_later_new(struct prong_conn *c, const char *text)
{
	struct posts_later *l = calloc(1, sizeof(*l));

	if (l == NULL)
		return NULL;
	l->service = prong_conn_service(c);
	snprintf(l->text, sizeof(l->text), "%s", text);
	return l;
}

static void
posts_now(struct posts_later *l)
{
	prong_broadcast(l->service, l->text, strlen(l->text));
	free(l);
}

static void
posts_timer_due(void *arg)
{
	posts_now(arg);
}

static int
posts_timer(struct prong_conn *c, const char *text, size_t len)
{
	return prong_timer(1, posts_timer_due, posts_later_new(c, text)) ==
	    NULL ? -1 : 0;
}

static void
posts_watch_event(int fd, unsigned int events, void *arg)
{
	struct posts_later *l = arg;

	prong_unwatch(l->watch);
	close(fd);
	posts_now(l);
}

static int
posts_watch(struct prong_conn *c, const char *text, size_t len)
{
	struct posts_later *l = posts_later_new(c, text);

	if (l == NULL)
		return -1;
	l->watch = prong_watch(eventfd(1, EFD_CLOEXEC), PRONG_READ,
	    posts_watch_event, l);
	return l->watch == NULL ? -1 : 0;
}

static void *
posts_task_run(void *arg)
{
	prong_sleep(1);
	posts_now(arg);
	return NULL;
}

static int
posts_task(struct prong_conn *c, const char *text, size_t len)
{
	struct prong_task *t = prong_spawn(posts_task_run,
	    posts_later_new(c, text));

	if (t == NULL)
		return -1;
	prong_detach(t);
	return 0;
}

static const struct {
	const char *name;
	int (*fn)(struct prong_conn *, const char *text, size_t len);
} posts_commands[] = {
	{ "id", posts_id }, { "all", posts_all }, { "others", posts_others },
	{ "one", posts_one }, { "large", posts_large },
	{ "many", posts_many }, { "sleep", posts_sleep },
	{ "send", posts_send }, { "timer", posts_timer },
	{ "watch", posts_watch }, { "task", posts_task },
};

/* "COMMAND TEXT" */
static int
posts_message(struct prong_conn *c, const void *data, size_t len)
{
	char *line, *text;
	int result = -1;
	size_t i;

	if ((line = strndup(data, len)) == NULL)
		return -1;
	text = line;
	strsep(&text, " ");
	if (text == NULL)
		text = line + strlen(line);
	for (i = 0; i < sizeof(posts_commands) / sizeof(posts_commands[0]);
	    i++)
		if (strcmp(posts_commands[i].name, line) == 0)
			result = posts_commands[i].fn(c, text, strlen(text));
	free(line);
	return result;
}

static int
posts_converse(struct prong_conn *c)
{
	const void *data;
	size_t len;
	int more;

	while ((more = prong_recv_message(c, &data, &len)) == 1)
		if (posts_message(c, data, len) == -1)
			return -1;
	return more;
}

/* Where a configuration is checked, and before there is any connection. */
static int
posts_init(struct prong_service *s)
{
	if (prong_post(0, "x", 1) == 0 || (errno != EPERM && errno != ENOENT))
		return prong_set_error(errno, "prong_post does not fail");
	return 0;
}

static const struct prong_option posts_options[] = {
	{ "goodbye", PRONG_BOOL, "false", NULL, NULL,
	    "whether who goes says so" },
	{ .name = NULL },
};

/* It may end in the midst of a delivery. */
static void
posts_closed(struct prong_conn *c)
{
	if (prong_option_bool(prong_conn_service(c), "goodbye"))
		prong_broadcast_others(c, "left", 4);
}

PRONG_HANDLER(posts,
	.summary = "posts as a line says",
	.options = posts_options,
	.flags = PRONG_THREAD_SAFE,
	.framing = PRONG_LINE,
	.init = posts_init,
	.message = posts_message,
	.converse = posts_converse,
	.closed = posts_closed,
);
PRONG_MODULE(posts);
