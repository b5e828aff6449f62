/* SPDX-License-Identifier: ISC */
#ifndef BASE_ADDRESS_H
#define BASE_ADDRESS_H

#include <sys/socket.h>
#include <sys/un.h>
#include <netinet/in.h>

#include <stdbool.h>
#include <stddef.h>

/*
 * Addresses as people write them: "127.0.0.1:7007", "[::1]:7007",
 * "localhost:7007", "*:7007" (every address of this machine, IPv4 and IPv6),
 * "unix:/path".
 */

struct address {
	union {
		struct sockaddr sa;
		struct sockaddr_in in;
		struct sockaddr_in6 in6;
		struct sockaddr_un un;
		struct sockaddr_storage storage;
	};
	socklen_t length;
};

/* Room for any formatted address: "unix:" and a path are the longest. */
#define ADDRESS_MAX	128

/* Whether the text has the form of an address; nothing is looked up. */
int address_check(const char *text);

/* Whether somebody must be asked what it stands for, which may take long. */
bool address_is_name(const char *text);

/*
 * Looks up every address that the text stands for; *list is an array of
 * *count, to be freed by the caller.  passive: to listen on, not to connect
 * to.  On -1 error_text() says why; errno is EINVAL (form), ENOENT (name or
 * service not known), ENAMETOOLONG (path), EAGAIN (name server), ENOMEM.
 */
int address_resolve(const char *text, bool passive, struct address **list,
    size_t *count);

/* Writes "127.0.0.1:7007", "[::1]:7007" or "unix:/path"; returns buf. */
const char *address_format(const struct address *, char *buf, size_t size);

/* The same for a socket's own name or its peer's. */
const char *address_of_socket(int fd, bool peer, char *buf, size_t size);

bool address_is_unix(const struct address *);
bool address_is_equal(const struct address *, const struct address *);

/*
 * Connects to the first address of the text that answers within ms (-1
 * waits).  Returns a blocking descriptor, close-on-exec, with TCP_NODELAY;
 * or -1 with errno of connect(2), ETIMEDOUT, or as address_resolve().
 */
int address_connect(const char *text, int ms);

#endif
