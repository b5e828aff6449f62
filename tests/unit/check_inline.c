/* SPDX-License-Identifier: ISC */
/*
 * dispatch/inline: a handler's functions, or nothing where it has none.
 */
#include <string.h>

#include "dispatch/dispatch.h"
#include "net/conn.h"
#include "unit.h"

static char calls[64];
static int result;

static int
note(const char *name)
{
	strlcat(calls, name, sizeof(calls));
	return result;
}

static int
opened(struct prong_conn *c)
{
	return note("o");
}

static int
message(struct prong_conn *c, const void *data, size_t len)
{
	ck_assert_uint_eq(len, 4);
	ck_assert_int_eq(memcmp(data, "text", 4), 0);
	return note("m");
}

static int
writable(struct prong_conn *c)
{
	return note("w");
}

static int
malformed(struct prong_conn *c, enum prong_malformed what)
{
	ck_assert_int_eq(what, PRONG_TRUNCATED);
	return note("f");
}

static int
draining(struct prong_conn *c)
{
	return note("d");
}

static void
closed(struct prong_conn *c)
{
	note("c");
}

/* Calls every operation; the sum of what they return. */
static int
call_all(struct prong_service *s)
{
	struct prong_conn c = { .service = s };
	int sum;

	sum = s->ops->opened(&c) + s->ops->message(&c, "text", 4) +
	    s->ops->writable(&c) + s->ops->malformed(&c, PRONG_TRUNCATED) +
	    s->ops->draining(&c);
	s->ops->closed(&c);
	return sum;
}

START_TEST(test_inline_all)
{
	static const struct prong_handler handler = {
		.opened = opened, .message = message, .writable = writable,
		.malformed = malformed, .draining = draining,
		.closed = closed,
	};
	struct prong_service s = { .handler = &handler };

	dispatch_inline.bind(&s);
	ck_assert_int_eq(call_all(&s), 0);
	ck_assert_str_eq(calls, "omwfdc");
	result = -1;
	ck_assert_int_eq(call_all(&s), -5);
}
END_TEST

START_TEST(test_inline_none)
{
	static const struct prong_handler handler = { .name = "empty" };
	struct prong_service s = { .handler = &handler };

	dispatch_inline.bind(&s);
	ck_assert_int_eq(call_all(&s), 0);
	ck_assert_str_eq(calls, "");
}
END_TEST

/* Two services of different handlers in one process. */
START_TEST(test_inline_two_services)
{
	static const struct prong_handler one = { .opened = opened };
	static const struct prong_handler two = { .closed = closed };
	struct prong_service s = { .handler = &one }, t = { .handler = &two };

	dispatch_inline.bind(&s);
	dispatch_inline.bind(&t);
	call_all(&s);
	ck_assert_str_eq(calls, "o");
	call_all(&t);
	ck_assert_str_eq(calls, "oc");
}
END_TEST

START_TEST(test_dispatch_modes)
{
	int i;

	for (i = 0; dispatch_modes[i] != NULL; i++)
		ck_assert_ptr_nonnull(dispatch_names[i]);
	ck_assert_ptr_null(dispatch_names[i]);
	ck_assert_str_eq(dispatch_names[0], "inline");
	ck_assert_ptr_eq(dispatch_modes[0], &dispatch_inline);
}
END_TEST

int
main(void)
{
	TCase *tc;
	Suite *s = unit_suite("inline", &tc);

	tcase_add_test(tc, test_inline_all);
	tcase_add_test(tc, test_inline_none);
	tcase_add_test(tc, test_inline_two_services);
	tcase_add_test(tc, test_dispatch_modes);
	return unit_run(s);
}
