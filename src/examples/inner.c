/* SPDX-License-Identifier: ISC */
/*
 * A server inside a program that has a loop of its own, here by poll(2): what
 * its user types goes to all clients, what a client says is printed and sent
 * back.  One process, one thread; the end of the input is the end.
 *
 *	cc -o inner inner.c `pkg-config --cflags --libs prong`
 *	./inner 127.0.0.1:7014
 *	prongtalk -f line 127.0.0.1:7014
 */
#include <prong.h>

#include <err.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

struct client {
	struct prong_conn *conn;
	struct client *next;
};

static struct client *clients;
static bool running = true;

static int
inner_opened(struct prong_conn *c)
{
	struct client *client = malloc(sizeof(*client));

	if (client == NULL)
		return prong_set_error(errno, "no memory for a client");
	*client = (struct client){ c, clients };
	clients = client;
	prong_set_data(c, client);
	return 0;
}

static int
inner_message(struct prong_conn *c, const void *data, size_t len)
{
	printf("%.*s\n", (int)len, (const char *)data);
	fflush(stdout);
	return prong_send(c, data, len);
}

static void
inner_closed(struct prong_conn *c)
{
	struct client **at, *client = prong_data(c);

	for (at = &clients; *at != NULL; at = &(*at)->next)
		if (*at == client) {
			*at = client->next;
			free(client);
			return;
		}
}

static PRONG_HANDLER(inner,
	.summary = "prints what a client says, and sends it back",
	.framings = PRONG_LINE,
	.framing = PRONG_LINE,
	.opened = inner_opened,
	.message = inner_message,
	.closed = inner_closed,
);

/* The program's own input: a line a read, as a terminal gives it. */
static void
read_input(struct prong_server *server, struct pollfd *input)
{
	char line[512];
	ssize_t n = read(input->fd, line, sizeof(line));
	struct client *client;

	if (n <= 0) {
		/* Poll no more; the clients may finish. */
		input->fd = -1;
		prong_server_stop(server, false);
		return;
	}
	if (line[n - 1] == '\n')
		n--;
	for (client = clients; client != NULL; client = client->next)
		prong_send(client->conn, line, (size_t)n);
}

static void
stopped(void *arg)
{
	running = false;
}

/* The log is the program's own business, too. */
static void
logged(enum prong_level level, const char *line, void *arg)
{
	fprintf(stderr, "inner: %s\n", line);
}

static struct prong_server *
make_server(const char *address)
{
	struct prong_server *server = prong_server_new();
	struct prong_service *service;

	if (server == NULL ||
	    prong_server_handler(server, &inner_handler) == -1 ||
	    (service = prong_server_add(server, "inner")) == NULL ||
	    prong_service_set(service, "handler", "inner") == -1 ||
	    prong_service_set(service, "listen", address) == -1)
		errx(2, "%s", prong_error());
	prong_server_log(server, logged, NULL);
	return server;
}

int
main(int argc, char **argv)
{
	struct prong_server *server;
	struct prong_loop *loop;
	struct pollfd fds[2] = { { .fd = STDIN_FILENO, .events = POLLIN } };

	if (argc != 2)
		errx(64, "usage: inner ADDRESS:PORT");
	server = make_server(argv[1]);
	if ((loop = prong_loop_new()) == NULL ||
	    prong_loop_serve(loop, server, stopped, NULL) == -1)
		errx(1, "%s", prong_error());
	fds[1] = (struct pollfd){ .fd = prong_loop_fd(loop), .events = POLLIN };
	while (running) {
		if (poll(fds, 2, -1) == -1 && errno != EINTR)
			err(1, "poll");
		if (fds[0].fd != -1 && fds[0].revents != 0)
			read_input(server, &fds[0]);
		if (fds[1].revents != 0 && prong_loop_turn(loop, 0) == -1)
			errx(1, "%s", prong_error());
	}
	prong_server_free(server);
	prong_loop_free(loop);
	return 0;
}
