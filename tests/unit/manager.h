/* SPDX-License-Identifier: ISC */
#ifndef TESTS_UNIT_MANAGER_H
#define TESTS_UNIT_MANAGER_H

#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>

#include <check.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "helper.h"

/* A service manager: the socket that NOTIFY_SOCKET names. */
static int manager_fd = -1;

/* name: a path, or "@" and an abstract name. */
static inline void
manager_listen(const char *name)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	const struct timeval limit = { .tv_sec = 60 };
	size_t length = strlen(name);

	memcpy(a.sun_path, name, length);
	if (name[0] == '@')
		a.sun_path[0] = '\0';
	manager_fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	ck_assert_int_ne(manager_fd, -1);
	ck_assert_int_eq(setsockopt(manager_fd, SOL_SOCKET, SO_RCVTIMEO, &limit,
	    sizeof(limit)), 0);
	ck_assert_int_eq(bind(manager_fd, (struct sockaddr *)&a,
	    (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length)), 0);
	ck_assert_int_eq(setenv("NOTIFY_SOCKET", name, 1), 0);
}

static inline void
manager_begin(void)
{
	helper_make_folder();
	manager_listen(helper_path("notify"));
}

static inline void
manager_end(void)
{
	close(manager_fd);
	helper_remove_folder();
}

/* The next message; flags: MSG_DONTWAIT, then "" is none. */
static inline const char *
manager_hear(int flags)
{
	static char text[1024];
	ssize_t n = recv(manager_fd, text, sizeof(text) - 1, flags);

	text[n > 0 ? n : 0] = '\0';
	return text;
}

#endif
