/* SPDX-License-Identifier: ISC */
#ifndef SERVER_LISTENING_H
#define SERVER_LISTENING_H

#include "base/address.h"
#include "net/socket.h"
#include "server/server.h"

/*
 * The listening sockets, made and kept by the master so that their queues
 * outlive any worker.  An address has one socket for all workers, or one for
 * each (reuseport), by their numbers; that of a number without a ready worker
 * is served by a neighbour.
 *
 * A new generation takes over the sockets that it has in common with the one
 * before it, so their queues live on: they are in both lists until the change
 * is certain.
 */
struct listening_socket {
	int fd;
	struct prong_service *service;
	struct address wanted;	/* as configured: the port may be 0 */
	struct address address;	/* as bound */
	char name[72];		/* the service's, which may be gone by then */
	int number;		/* of the worker whose it is; -1: everybody's */
	bool is_common;		/* everybody's all the same, as of now */
	bool is_shared;		/* in another generation's list, which keeps it */
	bool is_given;		/* a service manager's, as is its path */
};

struct listening {
	struct listening_socket *sockets;
	size_t count;
};

/*
 * Adds one, whose descriptor the list keeps; closed when there is no memory for
 * that, unless another list has it: -1.
 */
int listening_append(struct listening *, const struct listening_socket *);

/*
 * Binds every address of every service, with sockets for so many workers, but
 * for those that there are in before (or NULL); all or none.  New ones do not
 * listen until listening_start().
 */
int listening_open(struct listening *, const struct prong_server *, int workers,
    const struct listening *before);
int listening_start(struct listening *);

/* Which of two lists keeps what they have in common: from now on the first. */
void listening_keep(struct listening *, struct listening *before);
/* Whether a descriptor is in the list. */
bool listening_holds(const struct listening *, int fd);

/* Makes the sockets of one more worker, where there are none yet. */
int listening_add_worker(struct listening *, int number);

/* How many wait in the queues of a service; -1: the kernel does not tell. */
int64_t listening_queued(const struct listening *,
    const struct prong_service *);

/* Logs each address, with the port that port 0 became. */
void listening_log(const struct listening *);
/* Those that a list has newly, and those that it has no more. */
void listening_log_new(const struct listening *, const struct listening *before);

/*
 * Closes those that another process keeps, so that they end with that one's.
 * They stay in the list, for nobody to be given.
 */
void listening_let_go(struct listening *);

/* Closes those it keeps; remove: and the paths of unix sockets, too. */
void listening_close(struct listening *, bool remove);

/*
 * The settings of a service as the socket calls want them; -1: no such user or
 * group, and *key is the setting's.
 */
int listening_options(const struct prong_service *, struct socket_options *,
    const char **key);

#endif
