/* SPDX-License-Identifier: ISC */
/*
 * The floor of "make bench": the least that an echo server on epoll can do.
 * usage: floor [PORT], on 127.0.0.1; prints the port; SIGTERM ends it.
 */
#include <sys/epoll.h>
#include <sys/socket.h>
#include <netinet/in.h>
#include <netinet/tcp.h>

#include <err.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static void
floor_watch(int ep, int fd)
{
	struct epoll_event event = { .events = EPOLLIN, .data.fd = fd };

	if (epoll_ctl(ep, EPOLL_CTL_ADD, fd, &event) == -1)
		err(1, "epoll_ctl");
}

int
main(int argc, char **argv)
{
	static char buffer[64 << 10];
	struct sockaddr_in in = { .sin_family = AF_INET,
	    .sin_port = htons((in_port_t)(argc > 1 ? atoi(argv[1]) : 0)),
	    .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t size = sizeof(in);
	struct epoll_event events[256];
	int ep = epoll_create1(0), on = 1, fd, i, n, listener;
	ssize_t got;

	listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (bind(listener, (struct sockaddr *)&in, size) == -1 ||
	    listen(listener, 511) == -1 ||
	    getsockname(listener, (struct sockaddr *)&in, &size) == -1)
		err(1, "listening");
	printf("%d\n", ntohs(in.sin_port));
	fflush(stdout);
	floor_watch(ep, listener);
	for (;;) {
		n = epoll_wait(ep, events, 256, -1);
		if (n == -1 && errno != EINTR)
			err(1, "epoll_wait");
		for (i = 0; i < n; i++) {
			fd = events[i].data.fd;
			if (fd != listener) {
				got = recv(fd, buffer, sizeof(buffer), 0);
				if (got <= 0 || send(fd, buffer, (size_t)got,
				    MSG_NOSIGNAL) != got)
					close(fd);
				continue;
			}
			while ((fd = accept4(listener, NULL, NULL,
			    SOCK_NONBLOCK)) != -1) {
				setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on,
				    sizeof(on));
				floor_watch(ep, fd);
			}
		}
	}
}
