/* SPDX-License-Identifier: ISC */
#ifndef TESTS_UNIT_ADMISSION_H
#define TESTS_UNIT_ADMISSION_H

#include <sys/socket.h>

#include <arpa/inet.h>
#include <check.h>
#include <string.h>
#include <unistd.h>

#include "fake_net.h"
#include "net/admission.h"

/* A service with limits, and clients that come from wherever they like. */

#define SOMEBODY		"192.0.2.1"
#define ADMISSION_CLIENTS	64

static struct service_settings *set = &fake.service.settings;
static char nothing[] = "";
static uint64_t clock_ms;
static int clients[ADMISSION_CLIENTS], client_count;

/* What the last record was. */
static int records;
static enum counter recorded;
static struct conn_entry recorded_entry;

static inline void
record(const struct prong_service *s, const struct conn_entry *e,
    enum counter how)
{
	ck_assert_ptr_eq(s, &fake.service);
	records++;
	recorded = how;
	recorded_entry = *e;
}

static inline void
setup(void)
{
	fake_start(PRONG_RAW);
	set->limit_rate = set->limit_source_rate = set->banner = nothing;
	clock_ms = *fake.net->now;
	fake.net->now = &clock_ms;
	fake.net->record = record;
}

static inline void
teardown(void)
{
	while (client_count > 0)
		close(clients[--client_count]);
	fake_stop();
	admission_free(fake.service.admission);
	strings_free(&set->access);
}

static inline void
prepare(void)
{
	ck_assert_int_eq(admission_prepare(&fake.service), 0);
}

static inline void
add_rule(const char *rule)
{
	ck_assert_int_eq(strings_add(&set->access, rule), 0);
}

static inline struct address
address_of(const char *ip)
{
	struct address a;

	memset(&a, 0, sizeof(a));
	if (strchr(ip, ':') != NULL) {
		a.in6.sin6_family = AF_INET6;
		a.in6.sin6_port = htons(4711);
		a.length = sizeof(a.in6);
		ck_assert_int_eq(inet_pton(AF_INET6, ip, &a.in6.sin6_addr), 1);
	} else {
		a.in.sin_family = AF_INET;
		a.in.sin_port = htons(4711);
		a.length = sizeof(a.in);
		ck_assert_int_eq(inet_pton(AF_INET, ip, &a.in.sin_addr), 1);
	}
	return a;
}

/* One that comes from somewhere; whether it is let in. */
static inline bool
comes(const struct address *from)
{
	int fd[2];

	ck_assert_int_lt(client_count, ADMISSION_CLIENTS);
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK |
	    SOCK_CLOEXEC, 0, fd), 0);
	clients[client_count++] = fd[1];
	return conn_open(&fake.service, fd[0], from) == 0;
}

static inline bool
comes_from(const char *ip)
{
	const struct address a = address_of(ip);

	return comes(&a);
}

static inline bool
comes_by_unix(void)
{
	struct address a = { .sa.sa_family = AF_UNIX };

	a.length = sizeof(a.sa.sa_family);
	return comes(&a);
}

#endif
