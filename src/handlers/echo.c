/* SPDX-License-Identifier: ISC */
/*
 * echo (RFC 862): sends back what it receives; when asked to, with a greeting,
 * with a prefix before each reply, and in capital or small letters.
 *
 * Only the 26 letters of ASCII change: every byte of a longer UTF-8 character
 * has its top bit set and passes as it is, so it does not matter where reads
 * cut a character in two, nor which locale is set.
 */
#include "handlers/builtin.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define ECHO_SCRATCH_MIN	4096

/* Where a message is transformed; grows to the longest and stays. */
struct echo_scratch {
	size_t size;
	char data[];
};

typedef void echo_transform_fn(char *to, const char *from, size_t len);

/* What a service was asked to do; its data. */
struct echo {
	bool plain;			/* no prefix, no transform */
	const char *greeting;		/* NULL is none */
	const char *prefix;
	size_t prefix_length;
	echo_transform_fn *transform;	/* NULL is none */
	struct echo_scratch *scratch;	/* atomic; NULL while lent */
};

static void
echo_upper(char *to, const char *from, size_t len)
{
	size_t i;

	for (i = 0; i < len; i++)
		to[i] = from[i] >= 'a' && from[i] <= 'z' ?
		    (char)(from[i] - 'a' + 'A') : from[i];
}

static void
echo_lower(char *to, const char *from, size_t len)
{
	size_t i;

	for (i = 0; i < len; i++)
		to[i] = from[i] >= 'A' && from[i] <= 'Z' ?
		    (char)(from[i] - 'A' + 'a') : from[i];
}

static const char *const echo_transform_names[] =
    { "none", "upper", "lower", NULL };
static echo_transform_fn *const echo_transforms[] =
    { NULL, echo_upper, echo_lower };

static const struct prong_option echo_options[] = {
	{ .name = "greeting", .type = PRONG_STRING,
	  .help = "sent at once to whoever connects" },
	{ .name = "prefix", .type = PRONG_STRING,
	  .help = "put before each reply" },
	{ .name = "transform", .type = PRONG_CHOICE, .value = "none",
	  .choices = echo_transform_names,
	  .help = "turn the letters of ASCII into capital or small ones" },
	{ .name = NULL }
};

static int
echo_init(struct prong_service *s)
{
	const char *name = prong_option_string(s, "transform");
	const char *prefix = prong_option_string(s, "prefix");
	struct echo *e;
	size_t i;

	/* The value was checked: it is one of them. */
	for (i = 0; strcmp(echo_transform_names[i], name) != 0; i++)
		continue;
	if ((e = calloc(1, sizeof(*e))) == NULL)
		return prong_set_error(ENOMEM, "no memory");
	e->greeting = prong_option_string(s, "greeting");
	e->prefix = prefix == NULL ? "" : prefix;
	e->prefix_length = strlen(e->prefix);
	e->transform = echo_transforms[i];
	e->plain = e->prefix_length == 0 && e->transform == NULL;
	prong_service_set_data(s, e);
	return 0;
}

static void
echo_exit(struct prong_service *s)
{
	struct echo *e = prong_service_data(s);

	if (e == NULL)
		return;
	free(e->scratch);
	free(e);
	prong_service_set_data(s, NULL);
}

/*
 * Takes the service's scratch out of it: whoever comes meanwhile, another
 * thread or a coroutine while prong_send() waits, gets one of its own.
 */
static struct echo_scratch *
echo_scratch_take(struct echo *e, size_t need)
{
	struct echo_scratch *scratch, *old;
	size_t size = ECHO_SCRATCH_MIN;

	old = __atomic_exchange_n(&e->scratch, NULL, __ATOMIC_ACQ_REL);
	if (old != NULL && old->size >= need)
		return old;
	free(old);
	while (size < need)
		size *= 2;
	if ((scratch = malloc(sizeof(*scratch) + size)) == NULL) {
		prong_set_error(ENOMEM, "no memory for a message of %zu bytes",
		    need);
		return NULL;
	}
	scratch->size = size;
	return scratch;
}

/* Out of line, so that the plain path pays nothing for what this needs. */
static int __attribute__((noinline))
echo_reply(struct echo *e, struct prong_conn *c, const void *data, size_t len)
{
	struct echo_scratch *scratch = NULL;
	struct iovec iov[2];
	int result, first = e->prefix_length == 0;

	if (e->transform != NULL) {
		if ((scratch = echo_scratch_take(e, len)) == NULL)
			return -1;
		e->transform(scratch->data, data, len);
		data = scratch->data;
	}
	/* iovec has no const; prong_sendv() only reads. */
	iov[0].iov_base = (void *)(uintptr_t)e->prefix;
	iov[0].iov_len = e->prefix_length;
	iov[1].iov_base = (void *)(uintptr_t)data;
	iov[1].iov_len = len;
	result = prong_sendv(c, iov + first, 2 - first);
	free(__atomic_exchange_n(&e->scratch, scratch, __ATOMIC_ACQ_REL));
	return result;
}

static int
echo_opened(struct prong_conn *c)
{
	struct echo *e = prong_service_data(prong_conn_service(c));

	/* At hand for every message. */
	prong_set_data(c, e);
	if (e->greeting == NULL || e->greeting[0] == '\0')
		return 0;
	return prong_send(c, e->greeting, strlen(e->greeting));
}

static int
echo_message(struct prong_conn *c, const void *data, size_t len)
{
	struct echo *e = prong_data(c);

	if (e->plain)
		return prong_send(c, data, len);
	return echo_reply(e, c, data, len);
}

PRONG_HANDLER(echo,
	.summary = "sends back what it receives (RFC 862)",
	.flags = PRONG_THREAD_SAFE,
	.options = echo_options,
	.init = echo_init,
	.exit = echo_exit,
	.opened = echo_opened,
	.message = echo_message,
);
