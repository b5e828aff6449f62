/* SPDX-License-Identifier: ISC */
/*
 * A fake of the engine for handlers: no socket, no configuration.  It fails
 * the test when a handler sends after prong_close() or asks for an option
 * that it has not declared.  As in the engine, a send that fails has ended the
 * connection before it returns.
 */
#include "fake_prong.h"

#include <check.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "handlers/builtin.h"

char fake_error[512], fake_log[512];

int
prong_set_error(int error, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(fake_error, sizeof(fake_error), fmt, ap);
	va_end(ap);
	errno = error;
	return -1;
}

void
prong_log(enum prong_level level, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(fake_log, sizeof(fake_log), fmt, ap);
	va_end(ap);
}

int
prong_sendv(struct prong_conn *c, const struct iovec *iov, int count)
{
	int i;

	ck_assert_msg(!c->is_closed, "something is sent after prong_close()");
	if (c->is_broken) {
		fake_end(c);
		return prong_set_error(EPIPE, "broken");
	}
	for (i = 0; i < count; i++) {
		c->out = realloc(c->out, c->length + iov[i].iov_len + 1);
		ck_assert_ptr_nonnull(c->out);
		if (iov[i].iov_len > 0)
			memcpy(c->out + c->length, iov[i].iov_base,
			    iov[i].iov_len);
		c->length += iov[i].iov_len;
	}
	c->out[c->length] = '\0';
	c->sends++;
	return 0;
}

int
prong_send(struct prong_conn *c, const void *data, size_t len)
{
	struct iovec iov = { (void *)(uintptr_t)data, len };

	return prong_sendv(c, &iov, 1);
}

int
prong_sendf(struct prong_conn *c, const char *fmt, ...)
{
	char text[512];
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	ck_assert_int_lt(n, (int)sizeof(text));
	return prong_send(c, text, (size_t)n);
}

bool
prong_is_full(const struct prong_conn *c)
{
	return c->length >= c->full_at;
}

void
prong_close(struct prong_conn *c)
{
	c->is_closed = true;
}

struct prong_service *
prong_conn_service(const struct prong_conn *c)
{
	return c->service;
}

void *
prong_data(const struct prong_conn *c)
{
	return c->data;
}

void
prong_set_data(struct prong_conn *c, void *data)
{
	c->data = data;
}

enum prong_framing
prong_service_framing(const struct prong_service *s)
{
	return s->framing;
}

void *
prong_service_data(const struct prong_service *s)
{
	return s->data;
}

void
prong_service_set_data(struct prong_service *s, void *data)
{
	s->data = data;
}

static const struct prong_option *
fake_option(const struct prong_option *o, const char *name)
{
	while (o->name != NULL && strcmp(o->name, name) != 0)
		o++;
	ck_assert_msg(o->name != NULL, "%s is not declared", name);
	return o;
}

static const char *
fake_value(const char *const keys[], const char *const values[],
    const struct prong_option *o)
{
	size_t i;

	for (i = 0; i < FAKE_MEMBERS && keys[i] != NULL; i++)
		if (strcmp(keys[i], o->name) == 0)
			return values[i];
	return o->value;
}

const char *
prong_option_string(const struct prong_service *s, const char *name)
{
	return fake_value(s->keys, s->values,
	    fake_option(s->handler->options, name));
}

const struct prong_section *
prong_option_section(const struct prong_service *s, const char *name)
{
	ck_assert_int_eq(fake_option(s->handler->options, name)->type,
	    PRONG_SECTION);
	return s->section;
}

/* The declared members of menu, or of its sections "on". */
static const struct prong_option *
fake_member(const struct prong_section *section, const char *name)
{
	const struct prong_option *o = menu_handler.options[0].members;

	if (strcmp(section->name, "on") == 0)
		o = fake_option(o, "on")->members;
	return fake_option(o, name);
}

const char *
prong_section_title(const struct prong_section *section)
{
	return section->title;
}

const char *
prong_section_string(const struct prong_section *section, const char *name)
{
	return fake_value(section->keys, section->values,
	    fake_member(section, name));
}

bool
prong_section_bool(const struct prong_section *section, const char *name)
{
	return strcmp(prong_section_string(section, name), "true") == 0;
}

const struct prong_section *
prong_section_next(const struct prong_section *section, const char *name,
    const struct prong_section *previous)
{
	size_t i = 0;

	fake_member(section, name);
	while (previous != NULL && section->members[i++] != previous)
		continue;
	return i < FAKE_MEMBERS ? section->members[i] : NULL;
}

/* --- for the tests ------------------------------------------------------ */

void
fake_start(struct prong_service *s)
{
	if (s->framing == 0)
		s->framing = PRONG_RAW;
	if (s->handler->init != NULL)
		ck_assert_msg(s->handler->init(s) == 0, "%s", fake_error);
}

void
fake_stop(struct prong_service *s)
{
	if (s->handler->exit != NULL)
		s->handler->exit(s);
	ck_assert_ptr_null(s->data);
}

struct prong_conn
fake_open(struct prong_service *s)
{
	struct prong_conn c = { .service = s, .full_at = 100000 };

	if (s->handler->opened != NULL)
		ck_assert_int_eq(s->handler->opened(&c), 0);
	return c;
}

void
fake_end(struct prong_conn *c)
{
	if (!c->is_ended && c->service->handler->closed != NULL)
		c->service->handler->closed(c);
	c->is_ended = true;
}

void
fake_free(struct prong_conn *c)
{
	fake_end(c);
	free(c->out);
}

void
fake_ask(struct prong_conn *c, const char *message, const char *reply)
{
	size_t before = c->length;

	ck_assert_int_eq(c->service->handler->message(c, message,
	    strlen(message)), 0);
	ck_assert_str_eq(c->out == NULL ? "" : c->out + before, reply);
}
