/* SPDX-License-Identifier: ISC */
/*
 * Another module for them: a handler that has a conversation and nothing else.
 * How each ended is in the log at level debug, and so is each .closed.
 */
#include <prong.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FLOOD_LINE	4095	/* and the newline */

/* What ends a conversation, besides the end of input. */
enum talks_verdict { TALKS_ON, TALKS_OVER, TALKS_FAILED };

/* "MS": others go on meanwhile, and the message is still there after it. */
static enum talks_verdict
talks_sleep(struct prong_conn *c, const char *data, size_t len)
{
	prong_log(PRONG_DEBUG, "asleep");
	if (prong_sleep(atoi(data)) == -1)
		return TALKS_FAILED;
	return prong_sendf(c, "slept %.*s", (int)len, data) == -1 ?
	    TALKS_FAILED : TALKS_ON;
}

/* "MS": the same, and answers nothing. */
static enum talks_verdict
talks_silent(struct prong_conn *c, const char *data, size_t len)
{
	if (prong_sleep(atoi(data)) == -1)
		return TALKS_FAILED;
	prong_log(PRONG_INFO, "silent for %.*s", (int)len, data);
	return TALKS_ON;
}

/* "BYTES": that much, by lines that are numbered, as fast as they are taken. */
static enum talks_verdict
talks_flood(struct prong_conn *c, const char *data, size_t len)
{
	long left = atol(data) / (FLOOD_LINE + 1), number;
	char line[FLOOD_LINE];

	memset(line, 'f', sizeof(line));
	for (number = 0; number < left; number++) {
		snprintf(line, sizeof(line), "%ld", number);
		line[strlen(line)] = ' ';
		if (prong_send(c, line, sizeof(line)) == -1)
			return TALKS_FAILED;
	}
	return TALKS_ON;
}

/* "BYTES": the next ones, by no more than three at a time. */
static enum talks_verdict
talks_take(struct prong_conn *c, const char *data, size_t len)
{
	size_t wanted = (size_t)atoi(data), got = 0;
	char buf[64];
	ssize_t n;

	while (got < wanted && got + 3 < sizeof(buf)) {
		n = prong_recv(c, buf + got, wanted - got < 3 ?
		    wanted - got : 3);
		if (n <= 0)
			return n == 0 ? TALKS_OVER : TALKS_FAILED;
		got += (size_t)n;
	}
	return prong_sendf(c, "took %.*s", (int)got, buf) == -1 ?
	    TALKS_FAILED : TALKS_ON;
}

/* What is received after that is an error, and told. */
static enum talks_verdict
talks_bye(struct prong_conn *c, const char *data, size_t len)
{
	prong_sendf(c, "bye");
	prong_close(c);
	return TALKS_ON;
}

static enum talks_verdict
talks_return(struct prong_conn *c, const char *data, size_t len)
{
	return prong_sendf(c, "that is all") == -1 ? TALKS_FAILED : TALKS_OVER;
}

static enum talks_verdict
talks_fail(struct prong_conn *c, const char *data, size_t len)
{
	prong_set_error(0, "fails on purpose");
	return TALKS_FAILED;
}

static enum talks_verdict
talks_timeout(struct prong_conn *c, const char *data, size_t len)
{
	if (prong_set_timeout(c, atoi(data)) == -1)
		return TALKS_FAILED;
	return prong_sendf(c, "set") == -1 ? TALKS_FAILED : TALKS_ON;
}

static const struct {
	const char *name;
	enum talks_verdict (*fn)(struct prong_conn *, const char *, size_t);
} talks_commands[] = {
	{ "sleep ", talks_sleep }, { "silent ", talks_silent },
	{ "flood ", talks_flood }, { "take ", talks_take },
	{ "bye", talks_bye }, { "return", talks_return },
	{ "fail", talks_fail }, { "timeout ", talks_timeout },
};

static enum talks_verdict
talks_answer(struct prong_conn *c, const char *data, size_t len)
{
	size_t i, n;

	for (i = 0; i < sizeof(talks_commands) / sizeof(talks_commands[0]);
	    i++) {
		n = strlen(talks_commands[i].name);
		if (len >= n && memcmp(data, talks_commands[i].name, n) == 0)
			return talks_commands[i].fn(c, data + n, len - n);
	}
	return prong_send(c, data, len) == -1 ? TALKS_FAILED : TALKS_ON;
}

/* The input is malformed for good; there may be a last word. */
static void
talks_complain(struct prong_conn *c)
{
	const void *data;
	size_t len;

	if (prong_recv_message(c, &data, &len) == -1 && errno == EBADMSG &&
	    prong_sendf(c, "pardon") == -1)
		prong_log(PRONG_ERROR, "no last word: %s", prong_error());
}

static int
talks_converse(struct prong_conn *c)
{
	enum talks_verdict verdict = TALKS_ON;
	const char *how = "at the end of input";
	const void *data;
	int r = 1, error;
	size_t len;

	while (verdict == TALKS_ON &&
	    (r = prong_recv_message(c, &data, &len)) == 1)
		verdict = talks_answer(c, data, len);
	error = errno;
	if (r == -1 && error == EBADMSG)
		talks_complain(c);
	if (r == -1 || verdict == TALKS_FAILED)
		how = error == 0 ? "by itself" : strerrorname_np(error);
	else if (verdict == TALKS_OVER)
		how = "by return";
	else
		prong_sendf(c, "good night");
	prong_log(PRONG_DEBUG, "conversation %llu ends %s",
	    (unsigned long long)prong_conn_id(c), how);
	return verdict == TALKS_FAILED ? -1 : 0;
}

static void
talks_closed(struct prong_conn *c)
{
	prong_log(PRONG_DEBUG, "closed %llu",
	    (unsigned long long)prong_conn_id(c));
}

static int
talks_draining(struct prong_conn *c)
{
	return prong_sendf(c, "closing time");
}

PRONG_HANDLER(talks,
	.summary = "has a conversation as its lines say",
	.flags = PRONG_THREAD_SAFE,
	.framings = PRONG_LINE,
	.framing = PRONG_LINE,
	.converse = talks_converse,
	.draining = talks_draining,
	.closed = talks_closed,
);
PRONG_MODULE(talks);
