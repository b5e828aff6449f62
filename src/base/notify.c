/* SPDX-License-Identifier: ISC */
/*
 * Telling a service manager, by hand: a library for one datagram would be more
 * to depend on than there is to do.
 */
#include "base/notify.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/units.h"

/* "/a/path", or "@name" of an abstract one. */
static int
notify_address(struct notify *n, const char *name)
{
	size_t length = strlen(name);

	if (name[0] != '/' && name[0] != '@')
		return error_set(EINVAL, "NOTIFY_SOCKET=%.64s: neither a path "
		    "nor an abstract name", name);
	if (length < 2 || length >= sizeof(n->to.sun_path))
		return error_set(EINVAL, "NOTIFY_SOCKET=%.64s: no name of a "
		    "socket has this length", name);
	n->to.sun_family = AF_UNIX;
	memcpy(n->to.sun_path, name, length);
	n->length = (socklen_t)(offsetof(struct sockaddr_un, sun_path) +
	    length);
	if (name[0] == '@')
		n->to.sun_path[0] = '\0';
	else
		n->length++;
	return 0;
}

/* It is for us unless it names another process. */
static int
notify_watchdog(struct notify *n)
{
	const char *every = getenv("WATCHDOG_USEC");
	const char *pid = getenv("WATCHDOG_PID");
	int64_t us, id;

	if (every == NULL)
		return 0;
	if (units_integer(every, 1, INT64_MAX, &us) == -1)
		return error_set(EINVAL, "WATCHDOG_USEC=%.64s: not a number "
		    "of microseconds", every);
	if (pid != NULL && units_integer(pid, 1, INT32_MAX, &id) == -1)
		return error_set(EINVAL, "WATCHDOG_PID=%.64s: not the number "
		    "of a process", pid);
	if (pid == NULL || id == getpid())
		n->watchdog_us = (uint64_t)us;
	return 0;
}

static int
notify_begin(struct notify *n)
{
	const char *name = getenv("NOTIFY_SOCKET");

	if (name == NULL || name[0] == '\0')
		return 0;
	if (notify_address(n, name) == -1 || notify_watchdog(n) == -1)
		return -1;
	n->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	return n->fd == -1 ? error_errno("NOTIFY_SOCKET") : 0;
}

int
notify_open(struct notify *n)
{
	int r;

	*n = (struct notify){ .fd = -1 };
	r = notify_begin(n);
	unsetenv("NOTIFY_SOCKET");
	unsetenv("WATCHDOG_USEC");
	unsetenv("WATCHDOG_PID");
	return r;
}

int
notify_export(const struct notify *n)
{
	char name[sizeof(n->to.sun_path) + 1] = "", number[24];
	size_t length = n->length - offsetof(struct sockaddr_un, sun_path);

	if (n->fd == -1)
		return 0;
	memcpy(name, n->to.sun_path, length);
	if (name[0] == '\0')
		name[0] = '@';
	snprintf(number, sizeof(number), "%llu",
	    (unsigned long long)n->watchdog_us);
	/* The process may be another: WATCHDOG_PID is left out. */
	if (setenv("NOTIFY_SOCKET", name, 1) == -1 || (n->watchdog_us != 0 &&
	    setenv("WATCHDOG_USEC", number, 1) == -1))
		return error_errno("NOTIFY_SOCKET");
	return 0;
}

int
notify_send(const struct notify *n, const char *lines)
{
	if (n->fd == -1 || sendto(n->fd, lines, strlen(lines),
	    MSG_DONTWAIT | MSG_NOSIGNAL, (const struct sockaddr *)&n->to,
	    n->length) != -1)
		return 0;
	return error_errno("NOTIFY_SOCKET");
}

void
notify_close(struct notify *n)
{
	if (n->fd != -1)
		close(n->fd);
	n->fd = -1;
}
