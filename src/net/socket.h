/* SPDX-License-Identifier: ISC */
#ifndef NET_SOCKET_H
#define NET_SOCKET_H

#include <sys/types.h>

#include <stdbool.h>
#include <stdint.h>

#include "base/address.h"

/*
 * Listening sockets, made by the master.  Address reuse is always on: a
 * restart beside connections in TIME-WAIT works.  What connections inherit
 * from their listener (TCP_NODELAY, keep-alive) is set here once.
 */
struct socket_options {
	int backlog;
	bool nodelay;
	int keepalive;		/* idle seconds before the first probe; 0: off */
	mode_t mode;		/* of a unix socket */
	uid_t owner;		/* (uid_t)-1: as it comes */
	gid_t group;
};

/*
 * Binds without listening yet; *a gets the port that port 0 became.  reuseport
 * lets further sockets of ours share the address, but not take over one that
 * another server has.  A unix socket that nobody answers on is replaced.
 * Returns the descriptor, or -1 with the errno of bind(2): EADDRINUSE, EACCES,
 * EADDRNOTAVAIL.
 */
int socket_bind(struct address *, bool reuseport, const struct socket_options *);

/* Whether a server answers on a unix address: it is not stale. */
bool socket_is_answered(const struct address *);

/* Another socket on an address that was bound with reuseport. */
int socket_bind_again(const struct address *, const struct socket_options *);

int socket_listen(int fd, const struct socket_options *);

/*
 * Gives one that listens other options, for the connections that come from now
 * on.
 */
int socket_adjust(int fd, const struct address *, const struct socket_options *);

/*
 * Lets nobody begin a connection to one that listens, as if nothing that they
 * send arrived; those that have begun come to their end.  For good.
 */
int socket_refuse(int fd);

/*
 * How many connections wait in the queue of a listening socket; -1: the kernel
 * does not tell, as of unix sockets.
 */
int64_t socket_queued(int fd);

#endif
