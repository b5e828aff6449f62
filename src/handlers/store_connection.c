/* SPDX-License-Identifier: ISC */
/*
 * The handler store: the commands about the connection itself.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "handlers/store.h"

#define CONNECTION_ADDRESS	128

void
store_connection_ping(struct store_request *q)
{
	if (q->argc > 2)
		store_error_arity(q, NULL);
	else if (q->argc == 2)
		store_reply_bulk(&q->reply, q->argv[1].data,
		    q->argv[1].length);
	else
		store_reply_bytes(&q->reply, "+PONG\r\n", 7);
}

void
store_connection_echo(struct store_request *q)
{
	store_reply_bulk(&q->reply, q->argv[1].data, q->argv[1].length);
}

void
store_connection_quit(struct store_request *q)
{
	store_reply_ok(&q->reply);
	q->closing = true;
}

void
store_connection_select(struct store_request *q)
{
	int64_t n;

	if (!store_parse_number(q, 1, &n))
		return;
	if (n == 0)
		store_reply_ok(&q->reply);
	else
		store_reply_error(&q->reply, "ERR DB index is out of range");
}

/* There is no password, and one user: as with Redis whose user has none. */
static bool
connection_authenticate(struct store_request *q, const struct store_bytes *user)
{
	if (store_parse_is(user, "default"))
		return true;
	store_reply_error(&q->reply, "WRONGPASS invalid username-password pair "
	    "or user is disabled.");
	return false;
}

void
store_connection_auth(struct store_request *q)
{
	if (q->argc > 3)
		store_error_syntax(q);
	else if (q->argc == 2)
		store_reply_error(&q->reply, "ERR AUTH <password> called "
		    "without any password configured for the default user. "
		    "Are you sure your configuration is correct?");
	else if (connection_authenticate(q, &q->argv[1]))
		store_reply_ok(&q->reply);
}

/* False when an answer is given. */
static bool
connection_set_name(struct store_request *q, const struct store_bytes *name)
{
	struct store_session *session = store_session(q->reply.conn);
	char *copy = NULL;
	size_t i;

	for (i = 0; i < name->length; i++) {
		if (name->data[i] >= '!' && name->data[i] <= '~')
			continue;
		store_reply_error(&q->reply, "ERR Client names cannot contain "
		    "spaces, newlines or special characters.");
		return false;
	}
	if (session == NULL || (name->length > 0 &&
	    (copy = strndup(name->data, name->length)) == NULL)) {
		store_error_memory(q);
		return false;
	}
	free(session->name);
	session->name = copy;
	return true;
}

static const char *
connection_name(struct prong_conn *c)
{
	const struct store_session *session = prong_data(c);

	return session == NULL ? NULL : session->name;
}

/* AUTH user password, SETNAME name; false when an answer is given. */
static bool
connection_hello_options(struct store_request *q)
{
	const struct store_bytes *name = NULL;
	size_t i;

	for (i = 2; i < q->argc; i++) {
		if (store_parse_is(&q->argv[i], "auth") && i + 2 < q->argc) {
			if (!connection_authenticate(q, &q->argv[i + 1]))
				return false;
			i += 2;
		} else if (store_parse_is(&q->argv[i], "setname") &&
		    i + 1 < q->argc)
			name = &q->argv[++i];
		else {
			store_reply_error(&q->reply, "ERR Syntax error in "
			    "HELLO option '%.*s'",
			    STORE_WORD(&q->argv[i]));
			return false;
		}
	}
	return name == NULL || connection_set_name(q, name);
}

static void
connection_hello_answer(struct store_request *q)
{
	struct store_reply *r = &q->reply;

	store_reply_array(r, 14);
	store_reply_string(r, "server");
	store_reply_string(r, "prong");
	store_reply_string(r, "version");
	store_reply_string(r, prong_version());
	store_reply_string(r, "proto");
	store_reply_integer(r, 2);
	store_reply_string(r, "id");
	store_reply_integer(r, (int64_t)prong_conn_id(r->conn));
	store_reply_string(r, "mode");
	store_reply_string(r, "standalone");
	store_reply_string(r, "role");
	store_reply_string(r, "master");
	store_reply_string(r, "modules");
	store_reply_array(r, 0);
}

void
store_connection_hello(struct store_request *q)
{
	int64_t version = 2;

	if (q->argc > 1 && !store_parse_integer(&q->argv[1], &version)) {
		store_reply_error(&q->reply, "ERR Protocol version is not an "
		    "integer or out of range");
		return;
	}
	if (version != 2) {
		store_reply_error(&q->reply,
		    "NOPROTO unsupported protocol version");
		return;
	}
	if (connection_hello_options(q))
		connection_hello_answer(q);
}

/* --- CLIENT --------------------------------------------------------------- */

static void
connection_client_id(struct store_request *q)
{
	store_reply_integer(&q->reply, (int64_t)prong_conn_id(q->reply.conn));
}

static void
connection_client_getname(struct store_request *q)
{
	const char *name = connection_name(q->reply.conn);

	if (name == NULL)
		store_reply_nil(&q->reply);
	else
		store_reply_string(&q->reply, name);
}

static void
connection_client_setname(struct store_request *q)
{
	if (connection_set_name(q, &q->argv[2]))
		store_reply_ok(&q->reply);
}

/* A client says which library it is; nobody here wants to know. */
static void
connection_client_setinfo(struct store_request *q)
{
	store_reply_ok(&q->reply);
}

static void
connection_client_info(struct store_request *q)
{
	char peer[CONNECTION_ADDRESS], local[CONNECTION_ADDRESS];
	struct prong_conn *c = q->reply.conn;
	const char *name = connection_name(c);

	store_reply_format(&q->reply, "id=%" PRIu64 " addr=%s laddr=%s "
	    "name=%s db=0 user=default resp=2\n", prong_conn_id(c),
	    prong_peer(c, peer, sizeof(peer)),
	    prong_local(c, local, sizeof(local)), name != NULL ? name : "");
}

/* Whether who asks is of that type; -1 when there is no such type. */
static int
connection_is_type(const struct store_bytes *type)
{
	static const char *const others[] = {
		"master", "slave", "replica", "pubsub",
	};
	size_t i;

	if (store_parse_is(type, "normal"))
		return 1;
	for (i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		if (store_parse_is(type, others[i]))
			return 0;
	return -1;
}

/* Whether who asks is among those numbers; -1 when one is none. */
static int
connection_is_named(const struct store_request *q)
{
	int found = 0;
	int64_t n;
	size_t i;

	for (i = 3; i < q->argc; i++) {
		if (!store_parse_integer(&q->argv[i], &n))
			return -1;
		if ((uint64_t)n == prong_conn_id(q->reply.conn))
			found = 1;
	}
	return found;
}

/* Who asks, alone: of the others each process knows its own. */
static void
connection_client_list(struct store_request *q)
{
	const struct store_bytes *what = q->argc > 2 ? &q->argv[2] : NULL;
	int listed = 1;

	if (q->argc == 4 && store_parse_is(what, "type")) {
		if ((listed = connection_is_type(&q->argv[3])) == -1)
			store_reply_error(&q->reply, "ERR Unknown client type "
			    "'%.*s'", STORE_WORD(&q->argv[3]));
	} else if (q->argc > 3 && store_parse_is(what, "id")) {
		if ((listed = connection_is_named(q)) == -1)
			store_reply_error(&q->reply,
			    "ERR Invalid client ID");
	} else if (what != NULL) {
		store_error_syntax(q);
		return;
	}
	if (listed == 1)
		connection_client_info(q);
	else if (listed == 0)
		store_reply_bulk(&q->reply, "", 0);
}

static const struct connection_client {
	const char *name;
	int arity;			/* with both words; below 0: at least */
	store_run_fn *run;
} connection_clients[] = {
	{ "id", 2, connection_client_id },
	{ "getname", 2, connection_client_getname },
	{ "setname", 3, connection_client_setname },
	{ "setinfo", 4, connection_client_setinfo },
	{ "info", 2, connection_client_info },
	{ "list", -2, connection_client_list },
};

void
store_connection_client(struct store_request *q)
{
	const size_t count = sizeof(connection_clients) /
	    sizeof(connection_clients[0]);
	const struct connection_client *sub;

	for (sub = connection_clients; sub < connection_clients + count; sub++)
		if (store_parse_is(&q->argv[1], sub->name))
			break;
	if (sub == connection_clients + count)
		store_error_subcommand(q);
	else if (sub->arity > 0 ? q->argc != (size_t)sub->arity :
	    q->argc < (size_t)-sub->arity)
		store_error_arity(q, sub->name);
	else
		sub->run(q);
}
