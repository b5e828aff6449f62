/* SPDX-License-Identifier: ISC */
#ifndef SERVER_CHANNEL_H
#define SERVER_CHANNEL_H

#include <stdint.h>

/*
 * What the master and a process of its say to each other: small messages of
 * fixed size over a pair of sockets, some with a descriptor.
 */
enum channel_kind {
	/* to the master */
	CHANNEL_READY = 1,	/* it can serve now; key: in which sandbox */
	CHANNEL_DONE,		/* what had this number is done */
	CHANNEL_FULL,		/* no descriptors left: key 1; or again: 0 */
	/* from the master */
	CHANNEL_ACCEPT,		/* a listening socket: key, service, descriptor */
	CHANNEL_RELEASE,	/* no longer that one: key */
	CHANNEL_CLOSE,		/* end a connection: id */
	CHANNEL_DRAIN,		/* accept no more, end when empty; with
				 * key 1 however long that takes */
	CHANNEL_STOP,		/* end now */
	CHANNEL_LEVEL,		/* of the log, from now on: key */
	CHANNEL_LOG,		/* a reopened log: descriptor, key its stream */
	CHANNEL_MAILBOX,	/* of another slot: key, descriptor */
	CHANNEL_SHARE,		/* of the threads, from now on: key */
	CHANNEL_EMPTY,		/* drain a service; or no more: key 0 */
};

struct channel_message {
	uint32_t kind;
	uint32_t key;
	uint32_t service;
	uint32_t shared;	/* other processes accept from it too */
	uint64_t id;
	uint64_t number;	/* is to be answered with CHANNEL_DONE; 0: not */
};

/* A pair of non-blocking, close-on-exec ends. */
int channel_open(int ends[2]);

/* fd: -1, or a descriptor of which the other side gets a copy. */
int channel_send(int end, const struct channel_message *, int fd);

/*
 * 1 with a message, and *fd the descriptor that came with it or -1; 0 when
 * there is none now; -1 when the other side has gone or talks nonsense.  With
 * fd NULL, as where the other side is not trusted, none is taken.
 */
int channel_receive(int end, struct channel_message *, int *fd);

#endif
