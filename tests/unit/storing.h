/* SPDX-License-Identifier: ISC */
#ifndef TESTS_UNIT_STORING_H
#define TESTS_UNIT_STORING_H

/*
 * The handler store in a harness, with a dict and an array of each kind that
 * answers differently, and a client that asks it.
 */

#include <string.h>

#include "handlers/builtin.h"
#include "unit.h"

static struct prong_server *server;
static struct prong_service *service;
static struct prong_harness *h;
static struct prong_client *c;

static inline void
storing_array(const char *name, const char *type)
{
	struct prong_section *a = prong_server_section(server, "array",
	    name);

	ck_assert_ptr_nonnull(a);
	ck_assert_int_eq(prong_section_set(a, "type", type), 0);
	ck_assert_int_eq(prong_section_set(a, "slots", "4"), 0);
}

/* All of it but the run. */
static inline void
storing_make(const char *memory, const char *evict)
{
	struct prong_section *d;

	ck_assert_ptr_nonnull(server = prong_server_new());
	ck_assert_int_eq(prong_server_handler(server, &store_handler), 0);
	ck_assert_ptr_nonnull(d = prong_server_section(server, "dict",
	    "d"));
	ck_assert_int_eq(prong_section_set(d, "memory", memory), 0);
	ck_assert_int_eq(prong_section_set(d, "evict", evict), 0);
	storing_array("small", "int8");
	storing_array("hits", "int64");
	storing_array("naturals", "uint64");
	storing_array("ratios", "double");
	ck_assert_ptr_nonnull(service = prong_server_add(server, "s"));
	ck_assert_int_eq(prong_service_set(service, "handler", "store"), 0);
	ck_assert_int_eq(prong_service_set(service, "max-message", "4M"), 0);
	ck_assert_int_eq(prong_service_option(service, "dict", "d"), 0);
}

static inline void
storing_serve(void)
{
	h = prong_harness_serve(service);
	ck_assert_msg(h != NULL, "%s", prong_error());
	ck_assert_ptr_nonnull(c = prong_harness_connect(h));
}

static inline void
storing_begin(void)
{
	storing_make("1M", "none");
	storing_serve();
}

static inline void
storing_end(void)
{
	prong_harness_free(h);
	prong_server_free(server);
}

static inline void
feed(const char *text)
{
	ck_assert_int_eq(prong_client_feed(c, text, strlen(text)), 0);
}

/* A request without its newline, and the whole answer to it. */
static inline void
ask(const char *request, const char *answer)
{
	const char *got;

	feed(request);
	feed("\r\n");
	got = prong_client_output(c, NULL);
	ck_assert_msg(strcmp(got, answer) == 0, "%.200s: %.300s instead of %.300s",
	    request, got, answer);
}

/* The beginning of the answer. */
static inline void
ask_about(const char *request, const char *beginning)
{
	const char *got;

	feed(request);
	feed("\r\n");
	got = prong_client_output(c, NULL);
	ck_assert_msg(strncmp(got, beginning, strlen(beginning)) == 0,
	    "%.200s: %.300s instead of %.300s", request, got, beginning);
}

#endif
