/* SPDX-License-Identifier: ISC */
/*
 * The handler store: DBSIZE, FLUSHALL, INFO, CONFIG GET, COMMAND.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "handlers/store.h"
#include "handlers/store_text.h"

/* What clients that ask for Redis's version may expect of us. */
#define SERVER_LIKE	"7.0.0"

void
store_server_dbsize(struct store_request *q)
{
	int64_t n = prong_dict_size(q->store->dict);

	if (n == -1)
		store_error_dict(q);
	else
		store_reply_integer(&q->reply, n);
}

void
store_server_flush(struct store_request *q)
{
	if (q->argc > 2 || (q->argc == 2 &&
	    !store_parse_is(&q->argv[1], "async") &&
	    !store_parse_is(&q->argv[1], "sync")))
		store_error_syntax(q);
	else if (prong_dict_clear(q->store->dict) == -1)
		store_error_dict(q);
	else
		store_reply_ok(&q->reply);
}

/* --- INFO ----------------------------------------------------------------- */

static int
server_info_server(const struct store *store, char *to, size_t size)
{
	return snprintf(to, size, "# Server\r\n"
	    "redis_version:" SERVER_LIKE "\r\n"
	    "redis_mode:standalone\r\n"
	    "prong_version:%s\r\n"
	    "prong_service:%s\r\n"
	    "arch_bits:%zu\r\n"
	    "process_id:%ld\r\n"
	    "uptime_in_seconds:%" PRId64 "\r\n",
	    prong_version(), prong_service_name(store->service),
	    sizeof(void *) * 8, (long)getpid(),
	    (store_time_monotonic() - store->started) / 1000);
}

static int
server_info_keyspace(const struct store *store, char *to, size_t size)
{
	int64_t n = prong_dict_size(store->dict);

	if (n <= 0)
		return snprintf(to, size, "# Keyspace\r\n");
	/* Libraries take a list for what it is when there is a second item. */
	return snprintf(to, size, "# Keyspace\r\ndb0:keys=%" PRId64
	    ",longest=%zu\r\n", n, prong_dict_longest(store->dict));
}

static const struct {
	const char *name;
	int (*fn)(const struct store *, char *, size_t);
} server_infos[] = {
	{ "server", server_info_server },
	{ "keyspace", server_info_keyspace },
};

static bool
server_info_wanted(const struct store_request *q, const char *name)
{
	static const char *const all[] = { "all", "default", "everything" };
	size_t i, k;

	if (q->argc == 1)
		return true;
	for (i = 1; i < q->argc; i++) {
		if (store_parse_is(&q->argv[i], name))
			return true;
		for (k = 0; k < sizeof(all) / sizeof(all[0]); k++)
			if (store_parse_is(&q->argv[i], all[k]))
				return true;
	}
	return false;
}

void
store_server_info(struct store_request *q)
{
	char text[2048];
	size_t i, n = 0;

	for (i = 0; i < sizeof(server_infos) / sizeof(server_infos[0]); i++) {
		if (!server_info_wanted(q, server_infos[i].name))
			continue;
		if (n > 0)
			n += (size_t)snprintf(text + n, sizeof(text) - n,
			    "\r\n");
		n += (size_t)server_infos[i].fn(q->store, text + n,
		    sizeof(text) - n);
	}
	store_reply_bulk(&q->reply, text, n);
}

/* --- CONFIG --------------------------------------------------------------- */

/* What clients ask for that is the same for every store. */
static const char *const server_settings[][2] = {
	{ "appendonly", "no" },
	{ "databases", "1" },
	{ "save", "" },
};

#define SERVER_SETTINGS \
	(sizeof(server_settings) / sizeof(server_settings[0]))

static bool
server_setting_wanted(const struct store_request *q, const char *name)
{
	const struct store_bytes text = { name, strlen(name) };
	size_t i;

	for (i = 2; i < q->argc; i++)
		if (store_glob(&q->argv[i], &text))
			return true;
	return false;
}

void
store_server_config(struct store_request *q)
{
	size_t i, count = 0;

	if (!store_parse_is(&q->argv[1], "get")) {
		store_error_subcommand(q);
		return;
	}
	if (q->argc < 3) {
		store_error_arity(q, "get");
		return;
	}
	for (i = 0; i < SERVER_SETTINGS; i++)
		count += server_setting_wanted(q, server_settings[i][0]);
	store_reply_array(&q->reply, 2 * count);
	for (i = 0; i < SERVER_SETTINGS; i++) {
		if (!server_setting_wanted(q, server_settings[i][0]))
			continue;
		store_reply_string(&q->reply, server_settings[i][0]);
		store_reply_string(&q->reply, server_settings[i][1]);
	}
}

/* --- COMMAND -------------------------------------------------------------- */

static const struct {
	unsigned int flag;
	const char *name;
} server_flags[] = {
	{ STORE_WRITE, "write" },
	{ STORE_READ, "readonly" },
	{ STORE_GROWS, "denyoom" },
	{ STORE_FAST, "fast" },
};

#define SERVER_FLAGS	(sizeof(server_flags) / sizeof(server_flags[0]))

/* As Redis describes one: without categories, hints and subcommands. */
static void
server_command_info(struct store_reply *r, const struct store_command *c)
{
	size_t i, flags = 0;

	for (i = 0; i < SERVER_FLAGS; i++)
		flags += (c->flags & server_flags[i].flag) != 0;
	store_reply_array(r, 10);
	store_reply_string(r, c->name);
	store_reply_integer(r, c->arity);
	store_reply_array(r, flags);
	for (i = 0; i < SERVER_FLAGS; i++)
		if ((c->flags & server_flags[i].flag) != 0) {
			store_reply_text(r, "+");
			store_reply_text(r, server_flags[i].name);
			store_reply_text(r, "\r\n");
		}
	store_reply_integer(r, c->first_key);
	store_reply_integer(r, c->last_key);
	store_reply_integer(r, c->step);
	for (i = 0; i < 4; i++)
		store_reply_array(r, 0);
}

static void
server_command_docs(struct store_reply *r, const struct store_command *c)
{
	store_reply_string(r, c->name);
	store_reply_array(r, 6);
	store_reply_string(r, "summary");
	store_reply_string(r, c->summary);
	store_reply_string(r, "since");
	store_reply_string(r, "1.0.0");
	store_reply_string(r, "group");
	store_reply_string(r, store_table_group(c->group));
}

/* Of those that are named: what is unknown is nil, or left out. */
static void
server_command_named(struct store_request *q, bool docs)
{
	const struct store_command *c;
	size_t i, count = 0;

	for (i = 2; docs && i < q->argc; i++)
		count += store_table_find(&q->argv[i]) != NULL;
	store_reply_array(&q->reply, docs ? 2 * count : q->argc - 2);
	for (i = 2; i < q->argc; i++) {
		c = store_table_find(&q->argv[i]);
		if (docs && c != NULL)
			server_command_docs(&q->reply, c);
		else if (!docs && c != NULL)
			server_command_info(&q->reply, c);
		else if (!docs)
			store_reply_nil(&q->reply);
	}
}

static void
server_command_each(struct store_request *q,
    void (*fn)(struct store_reply *, const struct store_command *),
    size_t elements)
{
	const struct store_command *c;

	store_reply_array(&q->reply, elements * store_table_count());
	for (c = store_table; c->name != NULL; c++)
		fn(&q->reply, c);
}

static void
server_command_name(struct store_reply *r, const struct store_command *c)
{
	store_reply_string(r, c->name);
}

void
store_server_command(struct store_request *q)
{
	const struct store_bytes *sub = q->argc > 1 ? &q->argv[1] : NULL;
	bool docs;

	if (sub == NULL) {
		server_command_each(q, server_command_info, 1);
		return;
	}
	docs = store_parse_is(sub, "docs");
	if (docs && q->argc == 2)
		server_command_each(q, server_command_docs, 2);
	else if (docs)
		server_command_named(q, true);
	else if (store_parse_is(sub, "info") && q->argc == 2)
		server_command_each(q, server_command_info, 1);
	else if (store_parse_is(sub, "info"))
		server_command_named(q, false);
	else if (store_parse_is(sub, "list") && q->argc == 2)
		server_command_each(q, server_command_name, 1);
	else if (store_parse_is(sub, "list"))
		store_error_syntax(q);
	else if (store_parse_is(sub, "count") && q->argc == 2)
		store_reply_integer(&q->reply, (int64_t)store_table_count());
	else if (store_parse_is(sub, "count"))
		store_error_arity(q, "count");
	else
		store_error_subcommand(q);
}
