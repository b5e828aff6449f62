/* SPDX-License-Identifier: ISC */
/*
 * Clients that notice everything: those that stay and those that come anew for
 * each batch of messages, in classes, against any number of services.
 *
 *	crossfire CLASS...
 *
 * with a class as name=NAME,address=ADDRESS,connections=N,rate=N and, where it
 * differs, each=1, depth=N, size=N, greeting=TEXT|TEXT, patience=MS.  At even
 * distances, rate times a second, a batch of depth messages of up to size bytes
 * is due by one connection after the other, whether or not the server keeps up:
 * their latencies count from then.  Each message is a line, sent back as it is
 * by the server, after a line of greeting if there is one of those given.  With
 * each, the batch has a connection of its own, and the client closes it.
 * Nobody waits for longer than patience.
 *
 * A line "look" on standard input is answered with a line of JSON of all that
 * has happened since the one before (crossfire_report.c); so is the end of the
 * input, when all that is due has been answered.
 */
#include "crossfire.h"

#include <sys/epoll.h>

#include <err.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/error.h"

#define EVENTS		256
#define SECOND		(1000 * CROSSFIRE_MS)
/* How often clients are looked at to whom nothing happens. */
#define TEND		CROSSFIRE_MS

uint64_t
crossfire_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * SECOND + (uint64_t)ts.tv_nsec;
}

static long long
number(const char *text, long long least, long long most)
{
	const char *wrong;
	long long n = strtonum(text, least, most, &wrong);

	if (wrong != NULL)
		errx(64, "\"%s\" is %s", text, wrong);
	return n;
}

static void
class_name(struct crossfire_class *class, char *text)
{
	class->name = text;
}

static void
class_address(struct crossfire_class *class, char *text)
{
	struct address *list;
	size_t count;

	if (address_resolve(text, false, &list, &count) == -1)
		errx(64, "%s", error_text());
	class->address = list[0];
	free(list);
}

static void
class_connections(struct crossfire_class *class, char *text)
{
	class->connections = (unsigned int)number(text, 1, 20000);
}

static void
class_rate(struct crossfire_class *class, char *text)
{
	class->gap = SECOND / (uint64_t)number(text, 1, 1000000);
}

static void
class_each(struct crossfire_class *class, char *text)
{
	class->each = number(text, 0, 1) == 1;
}

static void
class_depth(struct crossfire_class *class, char *text)
{
	class->depth = (unsigned int)number(text, 1, CROSSFIRE_DEPTH_MAX);
}

static void
class_size(struct crossfire_class *class, char *text)
{
	class->size = (size_t)number(text, CROSSFIRE_SIZE_MIN,
	    CROSSFIRE_SIZE_MAX);
}

static void
class_patience(struct crossfire_class *class, char *text)
{
	class->patience = CROSSFIRE_MS * (uint64_t)number(text, 1, 3600000);
}

static void
class_greetings(struct crossfire_class *class, char *list)
{
	char *text;

	while ((text = strsep(&list, "|")) != NULL) {
		if (class->greeting_count == CROSSFIRE_GREETINGS)
			errx(64, "at most %d greetings", CROSSFIRE_GREETINGS);
		class->greetings[class->greeting_count++] = text;
	}
}

static const struct {
	const char *key;
	void (*set)(struct crossfire_class *, char *);
} class_keys[] = {
	{ "name", class_name },
	{ "address", class_address },
	{ "connections", class_connections },
	{ "rate", class_rate },
	{ "each", class_each },
	{ "depth", class_depth },
	{ "size", class_size },
	{ "greeting", class_greetings },
	{ "patience", class_patience },
};

#define CLASS_KEYS	(sizeof(class_keys) / sizeof(class_keys[0]))

static void
class_parse(struct crossfire_class *class, char *text)
{
	char *key, *value;
	size_t i;

	class->depth = 1;
	class->size = 200;
	class->patience = CROSSFIRE_PATIENCE;
	while ((value = strsep(&text, ",")) != NULL) {
		key = strsep(&value, "=");
		for (i = 0; i < CLASS_KEYS; i++)
			if (strcmp(class_keys[i].key, key) == 0)
				break;
		if (i == CLASS_KEYS || value == NULL)
			errx(64, "a class has no \"%s\", or no value of it",
			    key);
		class_keys[i].set(class, value);
	}
	if (class->name == NULL || class->address.length == 0 ||
	    class->connections == 0 || class->gap == 0)
		errx(64, "a class needs name, address, connections and rate");
}

static void
class_start(struct crossfire *all, struct crossfire_class *class, char *text)
{
	unsigned int i;

	class->all = all;
	class_parse(class, text);
	class->clients = calloc(class->connections, sizeof(*class->clients));
	if (class->clients == NULL)
		err(1, "clients");
	for (i = 0; i < class->connections; i++) {
		class->clients[i].class = class;
		class->clients[i].number = i;
		class->clients[i].fd = -1;
	}
	class->due = crossfire_now() + class->gap;
}

static void
class_free(struct crossfire_class *class)
{
	unsigned int i;

	for (i = 0; i < class->connections; i++)
		crossfire_client_close(&class->clients[i]);
	free(class->clients);
}

/* Shoots what is due; returns when there is something to do again. */
static uint64_t
fire(struct crossfire *all, uint64_t now)
{
	uint64_t next = now + TEND;
	struct crossfire_class *class;
	unsigned int i;

	for (i = 0; i < all->count && !all->ending; i++) {
		class = &all->classes[i];
		for (; class->due <= now; class->due += class->gap) {
			crossfire_client_shoot(&class->clients[class->next],
			    class->due);
			class->next = (class->next + 1) % class->connections;
		}
		if (class->due < next)
			next = class->due;
	}
	return next;
}

/* Looks at all clients; returns whether one is not done. */
static bool
tend(struct crossfire *all, uint64_t now)
{
	bool busy = false;
	unsigned int i, j;

	for (i = 0; i < all->count; i++)
		for (j = 0; j < all->classes[i].connections; j++) {
			crossfire_client_tend(&all->classes[i].clients[j],
			    now);
			busy |= crossfire_client_is_busy(
			    &all->classes[i].clients[j]);
		}
	return busy;
}

static void
obey(struct crossfire *all)
{
	char word[64];

	if (fgets(word, sizeof(word), stdin) == NULL) {
		epoll_ctl(all->epoll, EPOLL_CTL_DEL, STDIN_FILENO, NULL);
		all->ending = true;
	} else if (strcmp(word, "look\n") == 0)
		crossfire_report(all);
	else
		errx(64, "unknown word: %s", word);
}

/* One turn; epoll_wait() itself knows only milliseconds. */
static void
turn(struct crossfire *all, uint64_t until)
{
	struct epoll_event events[EVENTS];
	struct pollfd in = { .fd = all->epoll, .events = POLLIN };
	uint64_t now = crossfire_now();
	struct timespec wait = { 0 };
	int i, n;

	if (until > now) {
		wait.tv_sec = (time_t)((until - now) / SECOND);
		wait.tv_nsec = (long)((until - now) % SECOND);
	}
	if (ppoll(&in, 1, &wait, NULL) == -1 ||
	    (n = epoll_wait(all->epoll, events, EVENTS, 0)) == -1)
		err(1, "epoll");
	for (i = 0; i < n; i++)
		if (events[i].data.ptr == NULL)
			obey(all);
		else
			crossfire_client_event(events[i].data.ptr,
			    events[i].events);
}

static void
run(struct crossfire *all)
{
	struct epoll_event event = { .events = EPOLLIN };
	uint64_t now, tended = 0;
	bool busy = true;

	/* A word is read only when all of it is there: one write, one line. */
	setvbuf(stdin, NULL, _IONBF, 0);
	if (epoll_ctl(all->epoll, EPOLL_CTL_ADD, STDIN_FILENO, &event) == -1)
		err(1, "standard input");
	while (!all->ending || busy) {
		now = crossfire_now();
		if (all->again || now >= tended + TEND) {
			all->again = false;
			busy = tend(all, now);
			tended = now;
		}
		turn(all, fire(all, now));
	}
	crossfire_report(all);
}

int
main(int argc, char **argv)
{
	struct crossfire all = { .count = (unsigned int)argc - 1 };
	unsigned int i;

	if (argc < 2)
		errx(64, "usage: crossfire CLASS...");
	all.epoll = epoll_create1(EPOLL_CLOEXEC);
	all.classes = calloc(all.count, sizeof(*all.classes));
	all.faults = json_array();
	if (all.epoll == -1 || all.classes == NULL || all.faults == NULL)
		err(1, "epoll");
	for (i = 0; i < all.count; i++)
		class_start(&all, &all.classes[i], argv[i + 1]);
	run(&all);
	for (i = 0; i < all.count; i++)
		class_free(&all.classes[i]);
	free(all.classes);
	json_decref(all.faults);
	close(all.epoll);
	return 0;
}
