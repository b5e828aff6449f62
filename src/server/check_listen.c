/* SPDX-License-Identifier: ISC */
/*
 * Checking the addresses of a configuration: whether they are free, or held by
 * the server that it is for, and none is there twice.
 */
#include <sys/socket.h>
#include <sys/time.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <jansson.h>

#include "base/error.h"
#include "server/activation.h"
#include "server/check_state.h"
#include "server/heritage.h"

static const struct listening *check_held;

void
check_hold(const struct listening *l)
{
	check_held = l;
}

/* Asks a running server for its status; NULL when there is none. */
static json_t *
check_ask_running(const char *path)
{
	static const char request[] = "{\"command\":\"services\"}\n";
	struct timeval limit = { .tv_sec = 2 };
	char *name = NULL;
	json_t *answer = NULL;
	FILE *f;
	int fd = -1;

	if (path[0] == '\0' || strings_append(&name, "unix:%s", path) == -1)
		return NULL;
	fd = address_connect(name, 1000);
	free(name);
	if (fd == -1)
		return NULL;
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	if (send(fd, request, sizeof(request) - 1, MSG_NOSIGNAL) > 0 &&
	    (f = fdopen(fd, "r")) != NULL) {
		answer = json_loadf(f, JSON_DISABLE_EOF_CHECK, NULL);
		fclose(f);
	} else
		close(fd);
	return answer;
}

static void
check_add_held(struct check *c, const json_t *listen)
{
	const char *address;
	size_t i;

	for (i = 0; i < json_array_size(listen); i++) {
		address = json_string_value(json_array_get(listen, i));
		if (address != NULL)
			strings_add(&c->held, address);
	}
}

/* Collects what the server that uses this control socket listens on. */
static void
check_find_held(struct check *c)
{
	json_t *answer, *services;
	size_t i;

	c->asked = true;
	answer = check_ask_running(c->server->settings.control_socket);
	services = json_object_get(json_object_get(answer, "result"),
	    "services");
	for (i = 0; i < json_array_size(services); i++)
		check_add_held(c, json_object_get(json_array_get(services, i),
		    "listen"));
	json_decref(answer);
}

static bool
check_is_held(struct check *c, const struct address *a)
{
	const struct heritage *h;
	char text[ADDRESS_MAX];
	size_t i;

	if (check_held == NULL && (h = heritage_get()) != NULL)
		check_held = &h->before.listening;
	for (i = 0; check_held != NULL && i < check_held->count; i++)
		if (address_is_equal(&check_held->sockets[i].address, a))
			return true;
	if (!c->asked && check_held == NULL)
		check_find_held(c);
	address_format(a, text, sizeof(text));
	for (i = 0; i < c->held.count; i++)
		if (strcmp(c->held.items[i], text) == 0)
			return true;
	return false;
}

static void
check_address(struct check *c, struct prong_service *s, struct address *a,
    const struct socket_options *o)
{
	char why[ERROR_MAX];
	int fd;

	if (activation_has(a))
		return;
	if (address_is_unix(a)) {
		/* What we hold is not tried: it would count a client. */
		if (check_is_no_socket(a->un.sun_path))
			check_environment(c, s, "listen");
		else if (access(a->un.sun_path, F_OK) == 0 &&
		    !check_is_held(c, a) && socket_is_answered(a)) {
			error_set(EADDRINUSE, "cannot listen on unix:%s: %s",
			    a->un.sun_path, strerror(EADDRINUSE));
			check_environment(c, s, "listen");
		} else if (check_folder(c, a->un.sun_path) == -1)
			check_environment(c, s, "listen");
		return;
	}
	if ((fd = socket_bind(a, false, o)) != -1) {
		close(fd);
		return;
	}
	/* Asking the running server has errors of its own. */
	strlcpy(why, error_text(), sizeof(why));
	if (errno == EADDRINUSE && check_is_held(c, a))
		return;
	error_set(EADDRINUSE, "%s", why);
	check_environment(c, s, "listen");
}

void
check_listen(struct check *c, struct prong_service *s)
{
	const struct strings *listen = &s->settings.listen;
	struct socket_options o;
	struct address *list;
	const char *key;
	size_t i, k, count;

	if (listening_options(s, &o, &key) == -1) {
		check_problem(c, s, key);
		return;
	}
	for (i = 0; i < listen->count; i++) {
		if (address_resolve(listen->items[i], true, &list, &count) ==
		    -1) {
			check_environment(c, s, "listen");
			continue;
		}
		for (k = 0; k < count; k++)
			check_address(c, s, &list[k], &o);
		free(list);
	}
}

/* Port 0 is another one each time. */
static bool
check_is_any_port(const char *address)
{
	size_t n = strlen(address);

	return n > 2 && strcmp(address + n - 2, ":0") == 0;
}

/* An address of s against those that come before it, of t or its own. */
static void
check_address_twice(struct check *c, const struct prong_service *s,
    size_t place, const struct prong_service *t)
{
	const char *address = s->settings.listen.items[place];
	size_t i, end = s == t ? place : t->settings.listen.count;

	for (i = 0; i < end; i++) {
		if (strcmp(address, t->settings.listen.items[i]) != 0 ||
		    check_is_any_port(address))
			continue;
		error_set(EADDRINUSE, "service \"%s\" listens on %s already",
		    t->name, address);
		check_problem(c, s, "listen");
	}
}

void
check_twice(struct check *c)
{
	struct prong_service **list = c->server->services;
	size_t i, k, place;

	for (i = 0; i < c->server->service_count; i++)
		for (place = 0; place < list[i]->settings.listen.count; place++)
			for (k = 0; k <= i; k++)
				check_address_twice(c, list[i], place, list[k]);
}
