/* SPDX-License-Identifier: ISC */
/*
 * Many connections that send a byte now and then, one after the other at even
 * distances: what a slowloris does, at little cost of its own.
 *
 *	trickle PORT COUNT RATE
 *
 * opens COUNT connections to the port of 127.0.0.1, sends a byte on each,
 * prints "ready", and then sends RATE bytes a second in all.  It is told on
 * standard input, a word a line: "pause", "resume", "look"; each is answered
 * with "sent N closed N", the bytes and the connections that the server has
 * ended.  It leaves at the end of the input.
 */
#include <sys/socket.h>

#include <arpa/inet.h>
#include <netinet/in.h>

#include <err.h>
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define SECOND	1000000000LL

struct trickle {
	struct sockaddr_in to;
	int *fds;
	size_t count;
	size_t next;
	int64_t gap;		/* nanoseconds from byte to byte; 0: none */
	int64_t due;		/* the next one, of the monotonic clock */
	bool paused;
	uint64_t sent;
};

static int64_t
trickle_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * SECOND + ts.tv_nsec;
}

/* The server's end shows when the byte is sent, or when looked for. */
static void
trickle_byte(struct trickle *t, size_t i)
{
	if (send(t->fds[i], "x", 1, MSG_NOSIGNAL | MSG_DONTWAIT) == 1)
		t->sent++;
}

static void
trickle_open(struct trickle *t)
{
	size_t i;

	for (i = 0; i < t->count; i++) {
		t->fds[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
		if (t->fds[i] == -1)
			err(1, "socket %zu", i);
		if (connect(t->fds[i], (struct sockaddr *)&t->to,
		    sizeof(t->to)) == -1)
			err(1, "connection %zu", i);
		trickle_byte(t, i);
	}
}

static size_t
trickle_closed(const struct trickle *t)
{
	size_t i, closed = 0;
	char byte;

	/* The server never answers: a byte would be a fault of its own. */
	for (i = 0; i < t->count; i++)
		if (recv(t->fds[i], &byte, 1, MSG_DONTWAIT) != -1 ||
		    (errno != EAGAIN && errno != EWOULDBLOCK))
			closed++;
	return closed;
}

static void
trickle_obey(struct trickle *t, const char *word)
{
	if (strcmp(word, "pause\n") == 0)
		t->paused = true;
	else if (strcmp(word, "resume\n") == 0)
		t->paused = false;
	else if (strcmp(word, "look\n") != 0)
		errx(64, "unknown word: %s", word);
	/* What was due while it held still is not made up for. */
	t->due = trickle_now() + t->gap;
	printf("sent %" PRIu64 " closed %zu\n", t->sent, trickle_closed(t));
	fflush(stdout);
}

/* Sends what is due; returns how long there is nothing to do, or NULL. */
static const struct timespec *
trickle_send(struct trickle *t, struct timespec *wait)
{
	int64_t left;

	if (t->paused || t->gap == 0)
		return NULL;
	while ((left = t->due - trickle_now()) <= 0) {
		trickle_byte(t, t->next);
		t->next = (t->next + 1) % t->count;
		t->due += t->gap;
	}
	wait->tv_sec = left / SECOND;
	wait->tv_nsec = left % SECOND;
	return wait;
}

static void
trickle_run(struct trickle *t)
{
	struct pollfd in = { .fd = STDIN_FILENO, .events = POLLIN };
	struct timespec wait;
	char word[64];

	/* A word is read only when all of it is there: one write, one line. */
	setvbuf(stdin, NULL, _IONBF, 0);
	t->due = trickle_now() + t->gap;
	for (;;) {
		if (ppoll(&in, 1, trickle_send(t, &wait), NULL) == -1)
			err(1, "poll");
		if (in.revents == 0)
			continue;
		if (fgets(word, sizeof(word), stdin) == NULL)
			return;
		trickle_obey(t, word);
	}
}

int
main(int argc, char **argv)
{
	struct trickle t = { .to = { .sin_family = AF_INET } };
	long long rate;

	if (argc != 4)
		errx(64, "usage: trickle PORT COUNT RATE");
	t.to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	t.to.sin_port = htons((uint16_t)strtoul(argv[1], NULL, 10));
	t.count = strtoul(argv[2], NULL, 10);
	rate = strtoll(argv[3], NULL, 10);
	if (t.count == 0 || rate < 0 || rate > SECOND)
		errx(64, "COUNT is from 1, RATE from 0 to %lld", SECOND);
	t.gap = rate == 0 ? 0 : SECOND / rate;
	if ((t.fds = calloc(t.count, sizeof(*t.fds))) == NULL)
		err(1, "connections");
	trickle_open(&t);
	puts("ready");
	fflush(stdout);
	trickle_run(&t);
	free(t.fds);
	return 0;
}
