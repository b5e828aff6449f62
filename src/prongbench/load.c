/* SPDX-License-Identifier: ISC */
/*
 * The loop that drives the clients of one server.
 *
 * A client that fails is counted, its connection closed, and it is not used
 * again: the others go on, and a server that fails for good ends the run
 * instead of being asked again and again.
 */
#include "prongbench/load.h"

#include <sys/epoll.h>
#include <sys/signalfd.h>

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LOAD_EVENTS	256
/* Connections on their way at once: less than any server's backlog. */
#define LOAD_WINDOW	100

#define LOAD_NEVER	UINT64_MAX

/*
 * Picks the address that answers.  A name that stands for one address costs
 * the server no connection.
 */
static int
load_resolve(struct load *load, const char *text)
{
	struct address *list, *chosen = &load->shared.address;
	size_t count;
	int fd;

	if (address_resolve(text, false, &list, &count) == -1)
		return -1;
	*chosen = list[0];
	free(list);
	if (count > 1) {
		fd = address_connect(text,
		    (int)(load->options.timeout / 1000));
		if (fd == -1)
			return -1;
		chosen->length = sizeof(chosen->storage);
		getpeername(fd, &chosen->sa, &chosen->length);
		close(fd);
	}
	address_format(chosen, load->address, sizeof(load->address));
	return 0;
}

static int
load_init_epoll(struct load *load)
{
	struct epoll_event event = { .events = EPOLLIN, .data.ptr = NULL };

	load->shared.epoll = epoll_create1(EPOLL_CLOEXEC);
	if (load->shared.epoll == -1)
		return error_errno("epoll_create1");
	if (load->signals != -1 && epoll_ctl(load->shared.epoll, EPOLL_CTL_ADD,
	    load->signals, &event) == -1)
		return error_errno("epoll_ctl");
	return 0;
}

static int
load_init_clients(struct load *load)
{
	struct client_shared *s = &load->shared;
	unsigned int i, n = load->options.connections;
	struct client *c;

	load->clients = calloc(n, sizeof(*load->clients));
	load->stamps = calloc((size_t)n * s->depth, sizeof(*load->stamps));
	s->buffer = malloc(CLIENT_BUFFER);
	if (load->clients == NULL || load->stamps == NULL || s->buffer == NULL)
		return error_errno("%u connections", n);
	for (i = 0; i < n; i++) {
		c = &load->clients[i];
		c->fd = -1;
		c->number = i;
		c->stamps = load->stamps + (size_t)i * s->depth;
		/* Each begins elsewhere, so that mixed-up replies are seen. */
		c->send_at = i % s->payload.messages * s->payload.request.frame;
		c->check_at = i % s->payload.messages * s->payload.reply.frame;
	}
	return 0;
}

int
load_init(struct load *load, const struct load_options *options,
    const char *address, int signals)
{
	struct client_shared *s = &load->shared;

	memset(load, 0, sizeof(*load));
	load->options = *options;
	load->signals = signals;
	s->epoll = -1;
	s->depth = (unsigned int)options->payload.depth;
	s->each = options->each;
	s->timeout = options->timeout;
	if (load_resolve(load, address) == -1 ||
	    payload_init(&s->payload, &options->payload) == -1 ||
	    load_init_epoll(load) == -1 ||
	    load_init_clients(load) == -1) {
		load_fini(load);
		return -1;
	}
	return 0;
}

void
load_fini(struct load *load)
{
	unsigned int i;

	for (i = 0; load->clients != NULL && i < load->options.connections; i++)
		client_close(&load->shared, &load->clients[i]);
	if (load->shared.epoll != -1)
		close(load->shared.epoll);
	load->shared.epoll = -1;
	payload_fini(&load->shared.payload);
	free(load->shared.buffer);
	free(load->stamps);
	free(load->clients);
	load->shared.buffer = NULL;
	load->stamps = NULL;
	load->clients = NULL;
}

uint64_t
load_errors(const struct load *load)
{
	uint64_t sum = 0;
	int i;

	for (i = 0; i < CLIENT_RESULTS; i++)
		sum += load->errors[i].count;
	return sum;
}

/* Counts a result that is not CLIENT_OK; the first of each kind is kept. */
static void
load_book(struct load *load, struct client *c, enum client_result result)
{
	struct load_error *error = &load->errors[result];

	if (result == CLIENT_OK)
		return;
	if (error->count++ == 0)
		strlcpy(error->first, error_text(), sizeof(error->first));
	client_close(&load->shared, c);
	c->dead = true;
	load->failed++;
}

/* A signal asks for the end: nothing new is begun. */
static void
load_stop(struct load *load)
{
	struct signalfd_siginfo info;

	if (read(load->signals, &info, sizeof(info)) != sizeof(info))
		return;
	load->stopped = true;
	load->shared.refill = false;
}

/* Waits at most until the given time and handles one batch of events. */
static int
load_turn(struct load *load, uint64_t until)
{
	struct epoll_event events[LOAD_EVENTS];
	uint64_t now = client_now(), ms = 0;
	struct client *c;
	int i, n;

	if (until > now)
		ms = (until - now + 999999) / 1000000;
	n = epoll_wait(load->shared.epoll, events, LOAD_EVENTS,
	    ms > INT32_MAX ? -1 : (int)ms);
	if (n == -1 && errno != EINTR)
		return error_errno("epoll_wait");
	for (i = 0; i < n; i++) {
		if ((c = events[i].data.ptr) == NULL)
			load_stop(load);
		else
			load_book(load, c, client_event(&load->shared, c,
			    events[i].events));
	}
	return 0;
}

static uint64_t
load_patience(const struct load *load)
{
	return (uint64_t)load->options.timeout * 1000;
}

/* Gives up every client that still waits for something. */
static void
load_give_up(struct load *load)
{
	unsigned int i;
	struct client *c;

	for (i = 0; i < load->options.connections; i++) {
		c = &load->clients[i];
		if (c->fd == -1 || (c->established && c->inflight == 0))
			continue;
		error_set(ETIMEDOUT, "connection %u, message %" PRIu64
		    ": nothing came for %g seconds", i + 1, c->done + 1,
		    (double)load->options.timeout / 1e6);
		load_book(load, c, c->established ? CLIENT_SILENT :
		    CLIENT_CONNECT);
	}
}

static uint64_t
load_min(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/*
 * Opens clients from number next on, as far as the rate or the window lets
 * it; returns the next number.  *due is when the one after may be opened.
 */
static unsigned int
load_open_some(struct load *load, unsigned int next, bool greet,
    uint64_t begun, uint64_t *due)
{
	struct client_shared *s = &load->shared;
	double rate = load->options.connect_rate;
	struct client *c;

	for (; next < load->options.connections; next++) {
		*due = LOAD_NEVER;
		if (rate == 0 && s->connecting + s->inflight >= LOAD_WINDOW)
			break;
		if (rate > 0) {
			*due = begun + (uint64_t)(next * 1e9 / rate);
			if (*due > client_now())
				break;
		}
		c = &load->clients[next];
		load_book(load, c, client_open(s, c, greet));
	}
	return next;
}

int
load_open(struct load *load, bool greet, struct load_result *result)
{
	struct client_shared *s = &load->shared;
	unsigned int next = 0, n = load->options.connections;
	uint64_t begun = client_now(), due = 0, now;

	s->refill = false;
	s->left = greet ? n : 0;
	s->progress = begun;
	while (!load->stopped) {
		next = load_open_some(load, next, greet, begun, &due);
		if (next == n && s->connecting + s->inflight == 0)
			break;
		now = client_now();
		if (due != LOAD_NEVER && next < n)
			s->progress = now;
		else if (now - s->progress >= load_patience(load)) {
			load_give_up(load);
			s->progress = now;
			continue;
		}
		if (load_turn(load, load_min(next < n ? due : LOAD_NEVER,
		    s->progress + load_patience(load))) == -1)
			return -1;
	}
	result->messages = s->messages;
	result->ns = client_now() - begun;
	return 0;
}

static void
load_start(struct load *load)
{
	struct client_shared *s = &load->shared;
	unsigned int i;
	struct client *c;

	for (i = 0; i < load->options.connections && s->left > 0; i++) {
		c = &load->clients[i];
		if (c->dead)
			continue;
		load_book(load, c, s->each ? client_open(s, c, true) :
		    client_begin(s, c, s->depth));
	}
}

int
load_run(struct load *load, uint64_t ns, uint64_t messages,
    struct load_result *result)
{
	struct client_shared *s = &load->shared;
	uint64_t begun = client_now(), before = s->messages, deadline, now;

	deadline = ns > LOAD_NEVER - begun ? LOAD_NEVER : begun + ns;
	s->refill = !load->stopped;
	s->left = load->stopped ? 0 : messages;
	s->progress = begun;
	load_start(load);
	while (s->inflight > 0) {
		if (load_turn(load, load_min(s->refill ? deadline : LOAD_NEVER,
		    s->progress + load_patience(load))) == -1)
			return -1;
		now = client_now();
		if (now >= deadline)
			s->refill = false;
		if (now - s->progress >= load_patience(load))
			load_give_up(load);
	}
	result->messages = s->messages - before;
	result->ns = s->progress - begun;
	return 0;
}

int
load_hold(struct load *load, uint64_t ns)
{
	uint64_t deadline = client_now() + ns;

	load->shared.refill = false;
	while (!load->stopped && client_now() < deadline &&
	    load->failed < load->options.connections)
		if (load_turn(load, deadline) == -1)
			return -1;
	return 0;
}
