/* SPDX-License-Identifier: ISC */
#ifndef SERVER_LISTENING_H
#define SERVER_LISTENING_H

#include "base/address.h"
#include "net/socket.h"
#include "server/server.h"

/*
 * The listening sockets, made and kept by the master so that their queues
 * outlive any worker.  An address has one socket for all workers, or one for
 * each slot (reuseport); those of a slot without a ready worker are served by
 * a neighbour.
 */
struct listening_socket {
	int fd;
	struct prong_service *service;
	struct address address;
	int slot;		/* whose it is; -1: everybody's */
};

struct listening {
	struct listening_socket *sockets;
	size_t count;
};

/*
 * Binds every address of every service, with sockets for so many slots; all
 * or none.  Nothing listens until listening_start().
 */
int listening_open(struct listening *, const struct prong_server *, int slots);
int listening_start(struct listening *);

/* Makes the sockets of one more slot, where there are none yet. */
int listening_add_slot(struct listening *, int slot);

/* How many wait in the queues of a service; -1: the kernel does not tell. */
int64_t listening_queued(const struct listening *,
    const struct prong_service *);

/* Logs each address, with the port that port 0 became. */
void listening_log(const struct listening *);

/* Closes all; unlink: and removes the paths of unix sockets. */
void listening_close(struct listening *, bool remove);

/*
 * The settings of a service as the socket calls want them; -1: no such user or
 * group, and *key is the setting's.
 */
int listening_options(const struct prong_service *, struct socket_options *,
    const char **key);

#endif
