/* SPDX-License-Identifier: ISC */
/*
 * Addresses: from text, to text, and to a connected socket.
 */
#include "base/address.h"

#include <arpa/inet.h>
#include <netinet/tcp.h>

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"

struct address_parts {
	char host[256];
	char port[32];
};

static bool
address_has_prefix(const char *text)
{
	return strncmp(text, "unix:", 5) == 0;
}

/* Splits "host:port" or "[host]:port". */
static int
address_split(const char *text, struct address_parts *parts)
{
	const char *host = text, *end, *colon;
	size_t i;

	if (text[0] == '[') {
		host = text + 1;
		if ((end = strchr(host, ']')) == NULL || end[1] != ':')
			goto bad;
		colon = end + 1;
	} else {
		if ((colon = strrchr(text, ':')) == NULL)
			goto bad;
		end = colon;
		if (memchr(text, ':', (size_t)(colon - text)) != NULL)
			return error_set(EINVAL, "\"%.128s\" is not an "
			    "address (write IPv6 as [::1]:7007)", text);
	}
	if (end == host || (size_t)(end - host) >= sizeof(parts->host) ||
	    colon[1] == '\0' || strlen(colon + 1) >= sizeof(parts->port))
		goto bad;
	memcpy(parts->host, host, (size_t)(end - host));
	parts->host[end - host] = '\0';
	strlcpy(parts->port, colon + 1, sizeof(parts->port));
	for (i = 0; text[i] != '\0'; i++)
		if ((unsigned char)text[i] <= ' ')
			goto bad;
	if (parts->port[strspn(parts->port, "0123456789")] == '\0' &&
	    (strlen(parts->port) > 5 || atoi(parts->port) > 65535))
		return error_set(EINVAL, "\"%.128s\" has no port from 0 to "
		    "65535", text);
	return 0;
bad:
	return error_set(EINVAL, "\"%.128s\" is not an address (write it like "
	    "127.0.0.1:7007, [::1]:7007, *:7007 or unix:/path)", text);
}

static int
address_check_unix(const char *path)
{
	struct sockaddr_un un;

	if (path[0] != '/')
		return error_set(EINVAL, "\"unix:%.128s\" is not an absolute "
		    "path", path);
	if (strlen(path) >= sizeof(un.sun_path))
		return error_set(ENAMETOOLONG, "\"unix:%.128s\" is longer than "
		    "the %zu bytes that a socket's path can have", path,
		    sizeof(un.sun_path) - 1);
	return 0;
}

int
address_check(const char *text)
{
	struct address_parts parts;

	if (address_has_prefix(text))
		return address_check_unix(text + 5);
	return address_split(text, &parts);
}

bool
address_is_name(const char *text)
{
	struct address_parts parts;
	struct in6_addr any;

	if (address_has_prefix(text) || address_split(text, &parts) == -1)
		return false;
	if (parts.port[strspn(parts.port, "0123456789")] != '\0')
		return true;
	/* "fe80::1%eth0": what interfaces there are the kernel knows. */
	if (strchr(parts.host, ':') != NULL)
		parts.host[strcspn(parts.host, "%")] = '\0';
	return strcmp(parts.host, "*") != 0 &&
	    inet_pton(AF_INET, parts.host, &any) != 1 &&
	    inet_pton(AF_INET6, parts.host, &any) != 1;
}

static int
address_resolve_unix(const char *path, struct address **list, size_t *count)
{
	struct address *a;

	if (address_check_unix(path) == -1)
		return -1;
	if ((a = calloc(1, sizeof(*a))) == NULL)
		return error_errno("address");
	a->un.sun_family = AF_UNIX;
	strlcpy(a->un.sun_path, path, sizeof(a->un.sun_path));
	a->length = sizeof(a->un);
	*list = a;
	*count = 1;
	return 0;
}

static int
address_lookup(const char *text, const struct address_parts *parts,
    bool passive, struct addrinfo **result)
{
	struct addrinfo hints = {
		.ai_family = AF_UNSPEC,
		.ai_socktype = SOCK_STREAM,
		.ai_protocol = IPPROTO_TCP,
		.ai_flags = passive ? AI_PASSIVE : 0,
	};
	bool any = strcmp(parts->host, "*") == 0;
	int error;

	error = getaddrinfo(any ? NULL : parts->host, parts->port, &hints,
	    result);
	switch (error) {
	case 0:
		return 0;
	case EAI_SYSTEM:
		return error_errno("\"%.128s\"", text);
	case EAI_MEMORY:
		errno = ENOMEM;
		return error_errno("\"%.128s\"", text);
	case EAI_AGAIN:
		return error_set(EAGAIN, "\"%.128s\": %s", text,
		    gai_strerror(error));
	default:
		return error_set(ENOENT, "\"%.128s\": %s", text,
		    gai_strerror(error));
	}
}

bool
address_is_equal(const struct address *a, const struct address *b)
{
	return a->length == b->length && memcmp(&a->sa, &b->sa, a->length) == 0;
}

int
address_resolve(const char *text, bool passive, struct address **list,
    size_t *count)
{
	struct address_parts parts;
	struct addrinfo *found, *ai;
	struct address *a;
	size_t i, n = 0;

	if (address_has_prefix(text))
		return address_resolve_unix(text + 5, list, count);
	if (address_split(text, &parts) == -1 ||
	    address_lookup(text, &parts, passive, &found) == -1)
		return -1;
	for (ai = found; ai != NULL; ai = ai->ai_next)
		n++;
	if ((a = calloc(n, sizeof(*a))) == NULL) {
		freeaddrinfo(found);
		return error_errno("address");
	}
	n = 0;
	for (ai = found; ai != NULL; ai = ai->ai_next) {
		memcpy(&a[n].storage, ai->ai_addr, ai->ai_addrlen);
		a[n].length = ai->ai_addrlen;
		/* A hosts file often names one address twice. */
		for (i = 0; i < n && !address_is_equal(&a[i], &a[n]); i++)
			continue;
		n += i == n;
	}
	freeaddrinfo(found);
	*list = a;
	*count = n;
	return 0;
}

bool
address_is_unix(const struct address *a)
{
	return a->sa.sa_family == AF_UNIX;
}

const char *
address_format(const struct address *a, char *buf, size_t size)
{
	char host[INET6_ADDRSTRLEN];

	switch (a->sa.sa_family) {
	case AF_INET:
		inet_ntop(AF_INET, &a->in.sin_addr, host, sizeof(host));
		snprintf(buf, size, "%s:%u", host, ntohs(a->in.sin_port));
		break;
	case AF_INET6:
		inet_ntop(AF_INET6, &a->in6.sin6_addr, host, sizeof(host));
		snprintf(buf, size, "[%s]:%u", host, ntohs(a->in6.sin6_port));
		break;
	case AF_UNIX:
		/* The peer of a unix socket has no path as a rule. */
		snprintf(buf, size, "unix:%.*s", a->length > sizeof(sa_family_t)
		    ? (int)sizeof(a->un.sun_path) : 0, a->un.sun_path);
		break;
	default:
		strlcpy(buf, "unknown", size);
	}
	return buf;
}

const char *
address_of_socket(int fd, bool peer, char *buf, size_t size)
{
	struct address a = { .length = sizeof(a.storage) };

	if ((peer ? getpeername(fd, &a.sa, &a.length) :
	    getsockname(fd, &a.sa, &a.length)) == -1)
		strlcpy(buf, "unknown", size);
	else
		address_format(&a, buf, size);
	return buf;
}

/* Waits until a connect in progress has ended; 0, or -1 with its errno. */
static int
address_wait(int fd, int ms)
{
	struct pollfd p = { .fd = fd, .events = POLLOUT };
	socklen_t length = sizeof(int);
	int error, n;

	do
		n = poll(&p, 1, ms);
	while (n == -1 && errno == EINTR);
	if (n == 0)
		errno = ETIMEDOUT;
	if (n <= 0)
		return -1;
	if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &length) == -1)
		return -1;
	errno = error;
	return error == 0 ? 0 : -1;
}

static int
address_connect_one(const struct address *a, int ms)
{
	int fd, on = 1, flags;

	fd = socket(a->sa.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK,
	    0);
	if (fd == -1)
		return -1;
	if (connect(fd, &a->sa, a->length) == -1 &&
	    (errno != EINPROGRESS || address_wait(fd, ms) == -1))
		goto fail;
	if ((flags = fcntl(fd, F_GETFL)) == -1 ||
	    fcntl(fd, F_SETFL, flags & ~O_NONBLOCK) == -1)
		goto fail;
	if (!address_is_unix(a))
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	return fd;
fail:
	flags = errno;
	close(fd);
	errno = flags;
	return -1;
}

int
address_connect(const char *text, int ms)
{
	struct address *list;
	size_t i, count;
	int fd = -1;

	if (address_resolve(text, false, &list, &count) == -1)
		return -1;
	for (i = 0; i < count && fd == -1; i++)
		fd = address_connect_one(&list[i], ms);
	free(list);
	if (fd == -1)
		return error_errno("cannot connect to %.128s", text);
	return fd;
}
