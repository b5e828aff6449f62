/* SPDX-License-Identifier: ISC */
/*
 * Sockets from a service manager.  One list for the process, as the environment
 * is; it is made before any fork, so the check of a configuration knows what a
 * start will have.
 */
#include "server/activation.h"

#include <sys/socket.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/log.h"
#include "base/process.h"
#include "base/strings.h"
#include "base/units.h"

#define ACTIVATION_FIRST	3	/* the descriptors before are standard */

static struct activation {
	struct listening given;
	struct strings faults;	/* of what was no use, to be logged */
} activation;

static int
activation_option(int fd, int level, int option)
{
	socklen_t size = sizeof(int);
	int value;

	return getsockopt(fd, level, option, &value, &size) == -1 ? -1 : value;
}

/* Why it can be no service's, or NULL. */
static const char *
activation_fault(int fd, const struct address *a)
{
	if (a->length == 0)
		return "not a socket";
	if (activation_option(fd, SOL_SOCKET, SO_TYPE) != SOCK_STREAM)
		return "not a stream: use ListenStream=";
	if (activation_option(fd, SOL_SOCKET, SO_ACCEPTCONN) != 1)
		return "does not listen: use ListenStream= and Accept=no";
	if (a->sa.sa_family == AF_UNIX)
		return a->un.sun_path[0] == '/' ? NULL :
		    "a unix socket without an absolute path";
	/* Access rules would not know IPv4 clients who come by IPv6. */
	if (a->sa.sa_family == AF_INET6 &&
	    IN6_IS_ADDR_UNSPECIFIED(&a->in6.sin6_addr) &&
	    activation_option(fd, IPPROTO_IPV6, IPV6_V6ONLY) != 1)
		return "takes IPv4, too, which has to have a socket of its "
		    "own: use BindIPv6Only=ipv6-only";
	return a->sa.sa_family == AF_INET || a->sa.sa_family == AF_INET6 ?
	    NULL : "neither of IPv4, nor of IPv6, nor a unix socket";
}

/* What it is bound to; a length of 0: it is no socket. */
static void
activation_address(int fd, struct address *a)
{
	*a = (struct address){ .length = sizeof(a->storage) };
	if (getsockname(fd, &a->sa, &a->length) == -1)
		a->length = 0;
	else if (a->sa.sa_family == AF_UNIX && a->un.sun_path[0] == '/')
		a->length = sizeof(a->un);	/* as address_resolve() has it */
}

/* "socket 3 (prongd.socket) of the service manager, 127.0.0.1:7" */
static const char *
activation_name(int fd, const struct address *a, const char *name, char *buf,
    size_t size)
{
	char text[ADDRESS_MAX] = "";

	if (a->sa.sa_family == AF_INET || a->sa.sa_family == AF_INET6 ||
	    (a->sa.sa_family == AF_UNIX && a->un.sun_path[0] == '/'))
		address_format(a, text, sizeof(text));
	snprintf(buf, size, "descriptor %d%s%.64s%s of the service manager%s%s",
	    fd, name[0] != '\0' ? " (" : "", name, name[0] != '\0' ? ")" : "",
	    text[0] != '\0' ? ", " : "", text);
	return buf;
}

static int
activation_add(int fd, const char *name)
{
	struct listening_socket new = { .fd = fd, .number = -1,
	    .is_given = true };
	const char *fault;
	char what[320], text[512];

	activation_address(fd, &new.address);
	new.wanted = new.address;
	strlcpy(new.name, name, sizeof(new.name));
	if ((fault = activation_fault(fd, &new.address)) == NULL)
		return listening_append(&activation.given, &new);
	activation_name(fd, &new.address, name, what, sizeof(what));
	snprintf(text, sizeof(text), "%s: %s; closed", what, fault);
	close(fd);
	return strings_add(&activation.faults, text);
}

/* Takes count descriptors; names are as in LISTEN_FDNAMES, "a:b:c". */
static int
activation_take(int count, char *names)
{
	const char *name;
	int fd, flags, r = 0;

	for (fd = ACTIVATION_FIRST; fd < ACTIVATION_FIRST + count; fd++) {
		name = names == NULL ? NULL : strsep(&names, ":");
		if ((flags = fcntl(fd, F_GETFL)) == -1)
			return error_set(EINVAL, "LISTEN_FDS=%d: descriptor "
			    "%d is not open", count, fd);
		fcntl(fd, F_SETFD, FD_CLOEXEC);
		fcntl(fd, F_SETFL, flags | O_NONBLOCK);
		if (activation_add(fd, name == NULL ? "" : name) == -1)
			r = -1;
	}
	return r;
}

static int
activation_begin(void)
{
	const char *fds = getenv("LISTEN_FDS"), *pid = getenv("LISTEN_PID");
	const char *names = getenv("LISTEN_FDNAMES");
	char *copy = NULL;
	int64_t count, id;
	int r;

	if (fds == NULL || pid == NULL)
		return 0;
	if (units_integer(pid, 1, INT32_MAX, &id) == -1)
		return error_set(EINVAL, "LISTEN_PID=%.64s: not the number of "
		    "a process", pid);
	/* It was meant for another, who has not tidied up. */
	if (id != getpid())
		return 0;
	if (units_integer(fds, 0, PROCESS_DESCRIPTORS_MAX, &count) == -1)
		return error_set(EINVAL, "LISTEN_FDS=%.64s: not a number of "
		    "descriptors", fds);
	if (names != NULL && (copy = strdup(names)) == NULL)
		return error_errno("LISTEN_FDNAMES");
	r = activation_take((int)count, copy);
	free(copy);
	return r;
}

int
activation_init(void)
{
	int r = activation_begin();

	unsetenv("LISTEN_FDS");
	unsetenv("LISTEN_PID");
	unsetenv("LISTEN_FDNAMES");
	return r;
}

struct listening *
activation_sockets(void)
{
	return &activation.given;
}

bool
activation_has(const struct address *a)
{
	size_t i;

	for (i = 0; i < activation.given.count; i++)
		if (address_is_equal(&activation.given.sockets[i].address, a))
			return true;
	return false;
}

void
activation_settle(void)
{
	const struct listening_socket *s;
	char what[320];
	size_t i;

	for (i = 0; i < activation.faults.count; i++)
		log_warning("%s", activation.faults.items[i]);
	strings_free(&activation.faults);
	for (i = 0; i < activation.given.count; i++) {
		s = &activation.given.sockets[i];
		if (!s->is_shared)
			log_warning("%s: no service listens there; closed",
			    activation_name(s->fd, &s->address, s->name, what,
			    sizeof(what)));
	}
	/* Those that are shared are their services' now. */
	listening_close(&activation.given, false);
}
