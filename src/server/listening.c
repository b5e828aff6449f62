/* SPDX-License-Identifier: ISC */
/*
 * The master's listening sockets.
 */
#include "server/listening.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/log.h"
#include "base/names.h"
#include "dispatch/dispatch.h"

int
listening_options(const struct prong_service *s, struct socket_options *o,
    const char **key)
{
	const struct service_settings *set = &s->settings;
	struct names_user user;

	*o = (struct socket_options){
		.backlog = (int)set->backlog,
		.nodelay = set->nodelay != 0,
		.keepalive = (int)((set->keepalive + 999999) / 1000000),
		.mode = (mode_t)set->mode,
		.owner = (uid_t)-1,
		.group = (gid_t)-1,
	};
	*key = "owner";
	if (set->owner[0] != '\0') {
		if (names_user(set->owner, &user) != 1)
			return error_set(EINVAL, "there is no user \"%.64s\"",
			    set->owner);
		o->owner = user.uid;
	}
	*key = "group";
	if (set->group[0] != '\0' && names_group(set->group, &o->group) != 1)
		return error_set(EINVAL, "there is no group \"%.64s\"",
		    set->group);
	return 0;
}

int
listening_append(struct listening *l, const struct listening_socket *new)
{
	struct listening_socket *sockets;

	sockets = reallocarray(l->sockets, l->count + 1, sizeof(*sockets));
	if (sockets == NULL) {
		/* The generation that serves must not lose it by this. */
		if (!new->is_shared)
			close(new->fd);
		errno = ENOMEM;
		return error_errno("listening sockets");
	}
	sockets[l->count++] = *new;
	l->sockets = sockets;
	return 0;
}

/* Sockets of their own balance better, but a unix socket cannot have them. */
static bool
listening_is_per_worker(const struct prong_service *s, const struct address *a)
{
	if (address_is_unix(a) || s->settings.accept == ACCEPT_SHARED ||
	    dispatch_is_forked(s))
		return false;
	/* Who waits for a thread is to have the first that is free anywhere. */
	return s->settings.accept != ACCEPT_AUTO || !dispatch_is_limited(s);
}

static bool
listening_is_bound(const struct listening *l, const struct address *a)
{
	size_t i;

	for (i = 0; i < l->count; i++)
		if (address_is_equal(&l->sockets[i].address, a))
			return true;
	return false;
}

/* Any free port: which one that became is remembered for the service. */
static bool
listening_is_any_port(const struct address *a)
{
	return (a->sa.sa_family == AF_INET && a->in.sin_port == 0) ||
	    (a->sa.sa_family == AF_INET6 && a->in6.sin6_port == 0);
}

/* What before has for an address that is wanted; NULL: nothing. */
static const struct listening_socket *
listening_find(const struct listening *l, const struct listening *before,
    const struct prong_service *service, const struct address *a)
{
	const struct listening_socket *s;
	size_t i;

	for (i = 0; before != NULL && i < before->count; i++) {
		s = &before->sockets[i];
		if (listening_is_bound(l, &s->address))
			continue;
		if (listening_is_any_port(a) ? strcmp(s->name, service->name) ==
		    0 && address_is_equal(&s->wanted, a) :
		    address_is_equal(&s->address, a))
			return s;
	}
	return NULL;
}

/* Takes all sockets of an address over: 0, or how many there were, or -1. */
static int
listening_take(struct listening *l, struct listening_socket *new,
    const struct listening *before)
{
	const struct listening_socket *found;
	int count = 0;
	size_t i;

	found = listening_find(l, before, new->service, &new->wanted);
	if (found == NULL)
		return 0;
	new->address = found->address;
	new->is_shared = true;
	for (i = 0; i < before->count; i++) {
		if (!address_is_equal(&before->sockets[i].address,
		    &new->address))
			continue;
		new->fd = before->sockets[i].fd;
		new->number = before->sockets[i].number;
		new->is_given = before->sockets[i].is_given;
		new->is_common = new->number != -1 &&
		    !listening_is_per_worker(new->service, &new->address);
		if (listening_append(l, new) == -1)
			return -1;
		count++;
	}
	return count;
}

static bool
listening_has(const struct listening *l, const struct listening_socket *like,
    int number)
{
	size_t i;

	for (i = 0; i < l->count; i++)
		if (l->sockets[i].number == number &&
		    address_is_equal(&l->sockets[i].address, &like->address))
			return true;
	return false;
}

static int
listening_open_address(struct listening *l, struct prong_service *service,
    struct address *a, const struct socket_options *o, int workers,
    const struct listening *before)
{
	struct listening_socket new = { .service = service, .wanted = *a };
	int number, taken;

	strlcpy(new.name, service->name, sizeof(new.name));
	if ((taken = listening_take(l, &new, before)) == -1)
		return -1;
	if (taken == 0) {
		new.number = listening_is_per_worker(service, a) ? 0 : -1;
		if ((new.fd = socket_bind(a, new.number == 0, o)) == -1)
			return -1;
		new.address = *a;
		if (listening_append(l, &new) == -1) {
			/* No list has it by which it would be removed. */
			if (address_is_unix(a))
				unlink(a->un.sun_path);
			return -1;
		}
	}
	new.is_shared = new.is_given = false;
	for (number = 1; new.number != -1 && number < workers; number++) {
		if (listening_has(l, &new, number))
			continue;
		new.number = number;
		if ((new.fd = socket_bind_again(&new.address, o)) == -1 ||
		    listening_append(l, &new) == -1)
			return -1;
	}
	return 0;
}

static int
listening_open_service(struct listening *l, struct prong_service *service,
    int workers, const struct listening *before)
{
	/* Names that were looked up already are not, once more. */
	const struct strings *listen = service->found.count > 0 ?
	    &service->found : &service->settings.listen;
	struct socket_options o;
	struct address *list;
	const char *key;
	size_t i, k, count;
	int r = 0;

	if (listening_options(service, &o, &key) == -1)
		return -1;
	for (i = 0; r == 0 && i < listen->count; i++) {
		if (address_resolve(listen->items[i], true, &list, &count) ==
		    -1)
			return -1;
		for (k = 0; r == 0 && k < count; k++)
			r = listening_open_address(l, service, &list[k], &o,
			    workers, before);
		free(list);
	}
	return r;
}

int
listening_open(struct listening *l, const struct prong_server *server,
    int workers, const struct listening *before)
{
	size_t i;

	for (i = 0; i < server->service_count; i++)
		if (listening_open_service(l, server->services[i], workers,
		    before) == -1) {
			listening_close(l, true);
			return error_prefix("service \"%s\"",
			    server->services[i]->name);
		}
	return 0;
}

int
listening_start(struct listening *l)
{
	struct socket_options o;
	const char *key;
	size_t i;

	for (i = 0; i < l->count; i++)
		if (!l->sockets[i].is_shared &&
		    (listening_options(l->sockets[i].service, &o, &key) == -1 ||
		    socket_listen(l->sockets[i].fd, &o) == -1))
			return error_prefix("service \"%s\"",
			    l->sockets[i].service->name);
	return 0;
}

/* One socket cannot become several, nor several one, with what is in them. */
static void
listening_warn_mode(const struct listening_socket *s)
{
	const char *mode = s->number == 0 ? "reuseport" : "shared";
	char text[ADDRESS_MAX];

	if (s->number > 0 || s->service->settings.accept == ACCEPT_AUTO ||
	    listening_is_per_worker(s->service, &s->address) == (s->number == 0))
		return;
	log_warning("service=%s: %s goes on with accept = \"%s\": what it is "
	    "now takes a restart", s->service->name, address_format(&s->address,
	    text, sizeof(text)), mode);
}

/* What its service wants of a socket that listens already, as of now. */
static void
listening_adjust(const struct listening_socket *s)
{
	struct socket_options o;
	const char *key;

	/* Whose path it is decides about its mode and owner. */
	if (s->is_given && address_is_unix(&s->address))
		return;
	if (listening_options(s->service, &o, &key) == -1 ||
	    socket_adjust(s->fd, &s->address, &o) == -1)
		log_warning("service=%s: %s; the listening socket stays as it "
		    "is", s->service->name, error_text());
}

void
listening_keep(struct listening *l, struct listening *before)
{
	size_t i, k;

	for (i = 0; i < l->count; i++) {
		if (!l->sockets[i].is_shared)
			continue;
		l->sockets[i].is_shared = false;
		listening_adjust(&l->sockets[i]);
		listening_warn_mode(&l->sockets[i]);
		for (k = 0; k < before->count; k++)
			if (before->sockets[k].fd == l->sockets[i].fd)
				before->sockets[k].is_shared = true;
	}
}

bool
listening_holds(const struct listening *l, int fd)
{
	size_t i;

	for (i = 0; i < l->count; i++)
		if (l->sockets[i].fd == fd)
			return true;
	return false;
}

int
listening_add_worker(struct listening *l, int number)
{
	struct listening_socket new;
	struct socket_options o;
	const char *key;
	size_t i, count = l->count;

	for (i = 0; i < count; i++) {
		new = l->sockets[i];
		if (new.number != 0 || listening_has(l, &new, number))
			continue;
		new.number = number;
		new.is_shared = false;
		if (listening_options(new.service, &o, &key) == -1 ||
		    (new.fd = socket_bind_again(&new.address, &o)) == -1)
			return -1;
		if (socket_listen(new.fd, &o) == -1) {
			close(new.fd);
			return -1;
		}
		if (listening_append(l, &new) == -1)
			return -1;
	}
	return 0;
}

/* Those that others does not have. */
static void
listening_log_other(const struct listening *l, const struct listening *others,
    const char *what)
{
	char text[ADDRESS_MAX];
	size_t i;

	for (i = 0; i < l->count; i++)
		if (l->sockets[i].number <= 0 &&
		    !listening_is_bound(others, &l->sockets[i].address))
			log_info("%s %s service=%s", what,
			    address_format(&l->sockets[i].address, text,
			    sizeof(text)), l->sockets[i].service->name);
}

void
listening_log(const struct listening *l)
{
	const struct listening none = { .count = 0 };

	listening_log_other(l, &none, "listening on");
}

void
listening_log_new(const struct listening *l, const struct listening *before)
{
	listening_log_other(l, before, "listening on");
	listening_log_other(before, l, "no longer listening on");
}

int64_t
listening_queued(const struct listening *l, const struct prong_service *s)
{
	int64_t one, all = -1;
	size_t i;

	for (i = 0; i < l->count; i++)
		if (l->sockets[i].service == s &&
		    (one = socket_queued(l->sockets[i].fd)) != -1)
			all = one + (all == -1 ? 0 : all);
	return all;
}

void
listening_let_go(struct listening *l)
{
	size_t i;

	for (i = 0; i < l->count; i++) {
		if (!l->sockets[i].is_shared || l->sockets[i].fd == -1)
			continue;
		close(l->sockets[i].fd);
		l->sockets[i].fd = -1;
	}
}

void
listening_close(struct listening *l, bool remove)
{
	size_t i;

	for (i = 0; i < l->count; i++) {
		if (l->sockets[i].is_shared)
			continue;
		if (remove && !l->sockets[i].is_given &&
		    address_is_unix(&l->sockets[i].address))
			unlink(l->sockets[i].address.un.sun_path);
		close(l->sockets[i].fd);
	}
	free(l->sockets);
	l->sockets = NULL;
	l->count = 0;
}
