/* SPDX-License-Identifier: ISC */
/*
 * menu: a dialogue like a telephone hotline's, written in the configuration.
 *
 *	menu "hotline" {
 *		greeting  = "Welcome. Press 0 for a person.\n"
 *		on "0"    { reply = "This call may be recorded.\n" }
 *		on "1*"   { reply = "Extensions are closed.\n" }
 *		on "exit" { reply = "Goodbye.\n"  close = true }
 *		otherwise = "Please try again.\n"
 *	}
 *
 * An input is looked for as a whole first, then by the longest prefix (a title
 * with "*" at its end), and gets "otherwise" when it is neither.  All are
 * compared as bytes, so UTF-8 matches itself.
 *
 * In the framing line an input is a line.  In raw it is each line of what one
 * read brought, and also what is left after the last of them: somebody who
 * sends a bare "0" and no newline waits for an answer.  Should the newline
 * follow later, it is the end of that input and not one more.  A "\r" before a
 * newline belongs to it.
 *
 * One raw read can hold thousands of inputs.  Those that are left when the
 * queue of output is full wait in a copy until it has room: the engine reads
 * nothing further before that, so one read is all that there is to keep.
 */
#include "handlers/builtin.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct menu_entry {
	bool is_prefix;
	const char *match;		/* of a prefix without its "*" */
	size_t length;
	const char *reply;		/* NULL is none */
	bool close;
};

/* A service's data: the whole inputs by bytes, then the prefixes by length. */
struct menu {
	bool raw;
	const char *greeting;
	struct menu_entry otherwise;
	struct menu_entry *entries;
	size_t count;
	size_t wholes;			/* how many are whole inputs */
};

/*
 * What is left to answer of a raw read: the data of its connection.  What is
 * answered is not taken out but passed over.
 */
struct menu_rest {
	size_t start, length;
	char data[];
};

/* The data of a connection whose last input still lacks its newline. */
static char menu_unended;

static const struct prong_option menu_on_options[] = {
	{ .name = "reply", .type = PRONG_STRING,
	  .help = "sent as it stands" },
	{ .name = "close", .type = PRONG_BOOL, .value = "false",
	  .help = "close the connection after the reply" },
	{ .name = NULL }
};

static const struct prong_option menu_section_options[] = {
	{ .name = "greeting", .type = PRONG_STRING,
	  .help = "sent at once to whoever connects" },
	{ .name = "on", .type = PRONG_SECTION, .members = menu_on_options,
	  .help = "the input to answer; with * at its end, a prefix of it" },
	{ .name = "otherwise", .type = PRONG_STRING,
	  .help = "the reply to any other input" },
	{ .name = NULL }
};

static const struct prong_option menu_options[] = {
	{ .name = "menu", .type = PRONG_SECTION,
	  .members = menu_section_options,
	  .help = "the title of the menu to serve" },
	{ .name = NULL }
};

static int
menu_compare_bytes(const struct menu_entry *a, const struct menu_entry *b)
{
	size_t shorter = a->length < b->length ? a->length : b->length;
	int order = memcmp(a->match, b->match, shorter);

	if (order != 0)
		return order;
	return (a->length > b->length) - (a->length < b->length);
}

/* The order of the table; no two sections have the same title. */
static int
menu_compare(const void *first, const void *second)
{
	const struct menu_entry *a = first, *b = second;

	if (a->is_prefix != b->is_prefix)
		return a->is_prefix ? 1 : -1;
	if (a->is_prefix && a->length != b->length)
		return a->length < b->length ? 1 : -1;
	return menu_compare_bytes(a, b);
}

static void
menu_add(struct menu *m, const struct prong_section *on)
{
	struct menu_entry *e = &m->entries[m->count++];

	e->match = prong_section_title(on);
	e->length = strlen(e->match);
	if (e->length > 0 && e->match[e->length - 1] == '*') {
		e->is_prefix = true;
		e->length--;
	} else
		m->wholes++;
	e->reply = prong_section_string(on, "reply");
	e->close = prong_section_bool(on, "close");
}

static int
menu_load(struct menu *m, const struct prong_section *section)
{
	const struct prong_section *on = NULL;
	size_t count = 0;

	while ((on = prong_section_next(section, "on", on)) != NULL)
		count++;
	if ((m->entries = calloc(count + 1, sizeof(*m->entries))) == NULL)
		return prong_set_error(ENOMEM, "no memory");
	while ((on = prong_section_next(section, "on", on)) != NULL) {
		menu_add(m, on);
		if (m->entries[m->count - 1].reply == NULL &&
		    !m->entries[m->count - 1].close)
			return prong_set_error(EINVAL, "menu \"%.64s\": on "
			    "\"%.64s\" has neither reply nor close = true",
			    prong_section_title(section),
			    prong_section_title(on));
	}
	qsort(m->entries, m->count, sizeof(*m->entries), menu_compare);
	m->greeting = prong_section_string(section, "greeting");
	m->otherwise.reply = prong_section_string(section, "otherwise");
	return 0;
}

static void
menu_free(struct menu *m)
{
	if (m == NULL)
		return;
	free(m->entries);
	free(m);
}

static int
menu_init(struct prong_service *s)
{
	const struct prong_section *section = prong_option_section(s, "menu");
	struct menu *m;

	if (section == NULL)
		return prong_set_error(EINVAL, "the handler menu needs the "
		    "option menu, which names a section menu \"NAME\" { ... } "
		    "of the configuration");
	if ((m = calloc(1, sizeof(*m))) == NULL)
		return prong_set_error(ENOMEM, "no memory");
	m->raw = prong_service_framing(s) == PRONG_RAW;
	if (menu_load(m, section) == -1) {
		menu_free(m);
		return -1;
	}
	prong_service_set_data(s, m);
	return 0;
}

static void
menu_exit(struct prong_service *s)
{
	menu_free(prong_service_data(s));
	prong_service_set_data(s, NULL);
}

static const struct menu_entry *
menu_find(const struct menu *m, const char *input, size_t len)
{
	const struct menu_entry key = { .match = input, .length = len };
	const struct menu_entry *e;
	size_t i;

	e = bsearch(&key, m->entries, m->wholes, sizeof(*e), menu_compare);
	if (e != NULL)
		return e;
	for (i = m->wholes; i < m->count; i++) {
		e = &m->entries[i];
		if (e->length <= len && memcmp(e->match, input, e->length) == 0)
			return e;
	}
	return &m->otherwise;
}

/* Returns 1 when the connection goes on, 0 when it closes, or -1. */
static int
menu_answer(const struct menu *m, struct prong_conn *c, const char *input,
    size_t len)
{
	const struct menu_entry *e = menu_find(m, input, len);

	if (e->reply != NULL &&
	    prong_send(c, e->reply, strlen(e->reply)) == -1)
		return -1;
	if (!e->close)
		return 1;
	prong_close(c);
	return 0;
}

/* Skips the newline, or the part of one, that ends an answered input. */
static const char *
menu_skip_end(struct prong_conn *c, const char *p, const char *end)
{
	if (prong_data(c) != &menu_unended)
		return p;
	if (*p == '\r' && (p + 1 == end || p[1] == '\n'))
		p++;
	if (p < end) {
		prong_set_data(c, NULL);
		p += *p == '\n';
	}
	return p;
}

/*
 * Answers until nothing is left or the queue is full, and moves *from to what
 * is left then.  Returns as menu_answer() does.  Something can only be left
 * after a newline, so menu_unended is not set in that case.
 */
static int
menu_answer_all(const struct menu *m, struct prong_conn *c, const char **from,
    const char *end)
{
	const char *p, *newline;
	size_t len;
	int result = 1;

	while ((p = *from) < end && result == 1 && !prong_is_full(c)) {
		newline = memchr(p, '\n', (size_t)(end - p));
		*from = newline != NULL ? newline + 1 : end;
		prong_set_data(c, newline == NULL ? &menu_unended : NULL);
		len = (size_t)((newline != NULL ? newline : end) - p);
		if (len > 0 && p[len - 1] == '\r')
			len--;
		result = menu_answer(m, c, p, len);
	}
	return result;
}

static int
menu_keep_rest(struct prong_conn *c, const char *p, size_t len)
{
	struct menu_rest *rest;

	if ((rest = malloc(sizeof(*rest) + len)) == NULL)
		return prong_set_error(ENOMEM, "no memory");
	rest->start = 0;
	rest->length = len;
	memcpy(rest->data, p, len);
	prong_set_data(c, rest);
	return 0;
}

/* The rest, which the caller owns from now on, or NULL. */
static struct menu_rest *
menu_take_rest(struct prong_conn *c)
{
	void *data = prong_data(c);

	if (data == NULL || data == &menu_unended)
		return NULL;
	prong_set_data(c, NULL);
	return data;
}

static int
menu_message_raw(const struct menu *m, struct prong_conn *c, const char *p,
    size_t len)
{
	const char *end = p + len;
	int result;

	p = menu_skip_end(c, p, end);
	result = menu_answer_all(m, c, &p, end);
	if (result == 1 && p < end)
		return menu_keep_rest(c, p, (size_t)(end - p));
	return result == -1 ? -1 : 0;
}

/* Taken first: a send that fails may call menu_closed() in the middle. */
static int
menu_writable(struct prong_conn *c)
{
	const struct menu *m = prong_service_data(prong_conn_service(c));
	struct menu_rest *rest = menu_take_rest(c);
	const char *p, *end;
	int result;

	if (rest == NULL)
		return 0;
	p = rest->data + rest->start;
	end = rest->data + rest->length;
	result = menu_answer_all(m, c, &p, end);
	if (result == 1 && p < end) {
		rest->start = (size_t)(p - rest->data);
		prong_set_data(c, rest);
	} else
		free(rest);
	return result == -1 ? -1 : 0;
}

static void
menu_closed(struct prong_conn *c)
{
	free(menu_take_rest(c));
}

static int
menu_message(struct prong_conn *c, const void *data, size_t len)
{
	const struct menu *m = prong_service_data(prong_conn_service(c));

	if (m->raw)
		return menu_message_raw(m, c, data, len);
	return menu_answer(m, c, data, len) == -1 ? -1 : 0;
}

static int
menu_opened(struct prong_conn *c)
{
	const struct menu *m = prong_service_data(prong_conn_service(c));

	if (m->greeting == NULL || m->greeting[0] == '\0')
		return 0;
	return prong_send(c, m->greeting, strlen(m->greeting));
}

PRONG_HANDLER(menu,
	.summary = "answers as a menu in the configuration says",
	.flags = PRONG_THREAD_SAFE,
	.options = menu_options,
	.framings = PRONG_RAW | PRONG_LINE,
	.init = menu_init,
	.exit = menu_exit,
	.opened = menu_opened,
	.message = menu_message,
	.writable = menu_writable,
	.closed = menu_closed,
);
