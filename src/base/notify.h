/* SPDX-License-Identifier: ISC */
#ifndef BASE_NOTIFY_H
#define BASE_NOTIFY_H

#include <sys/socket.h>
#include <sys/un.h>

#include <stdint.h>

/*
 * The socket of a service manager, by the protocol of sd_notify(3): datagrams
 * of lines NAME=VALUE to the socket that $NOTIFY_SOCKET names.
 */
struct notify {
	int fd;			/* -1: nobody wants to know */
	struct sockaddr_un to;
	socklen_t length;
	uint64_t watchdog_us;	/* a sign of life is due so often; 0: none */
};

/*
 * Takes NOTIFY_SOCKET, WATCHDOG_USEC and WATCHDOG_PID out of the environment,
 * where no child is to find them.  Nobody wants to know is no failure.  -1 with
 * EINVAL when they say what cannot be, or EMFILE; nothing is open then.
 */
int notify_open(struct notify *);

/*
 * Puts them back, for a program that is to be executed in this process and has
 * the same manager.  -1: ENOMEM.
 */
int notify_export(const struct notify *);

/*
 * Sends lines; does not wait: EAGAIN when the manager is behind with reading.
 * Nothing for one that is not open.
 */
int notify_send(const struct notify *, const char *lines);

void notify_close(struct notify *);

#endif
