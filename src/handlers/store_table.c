/* SPDX-License-Identifier: ISC */
/*
 * The commands of the handler store: names, arguments, what they are for.
 * COMMAND answers from this table, the number of arguments is checked by it,
 * and prong-store(7) has the same words.
 */
#include <assert.h>
#include <pthread.h>
#include <string.h>

#include "handlers/store.h"

#define READ	STORE_READ
#define WRITE	STORE_WRITE
#define FAST	STORE_FAST
#define GROWS	STORE_GROWS

const struct store_command store_table[] = {
	{ "auth", -2, FAST, STORE_CONNECTION, 0, 0, 0, store_connection_auth,
	  "[user] password", "says who one is: there is one user, \"default\", "
	  "without a password" },
	{ "client", -2, 0, STORE_CONNECTION, 0, 0, 0, store_connection_client,
	  "id | getname | setname name | setinfo what value | info | list",
	  "about this connection: its number, its name; list has no other" },
	{ "echo", 2, FAST, STORE_CONNECTION, 0, 0, 0, store_connection_echo,
	  "message", "answers the message" },
	{ "hello", -1, FAST, STORE_CONNECTION, 0, 0, 0,
	  store_connection_hello, "[2 [auth user password] [setname name]]",
	  "the server's name and version; the protocol is RESP2" },
	{ "ping", -1, FAST, STORE_CONNECTION, 0, 0, 0, store_connection_ping,
	  "[message]", "answers PONG, or the message" },
	{ "quit", -1, FAST, STORE_CONNECTION, 0, 0, 0, store_connection_quit,
	  "[anything ...]", "closes the connection" },
	{ "select", 2, FAST, STORE_CONNECTION, 0, 0, 0,
	  store_connection_select, "0", "chooses the database: there is one" },

	{ "command", -1, 0, STORE_SERVER, 0, 0, 0, store_server_command,
	  "[count | list | info [name ...] | docs [name ...]]",
	  "describes the commands" },
	{ "config", -2, 0, STORE_SERVER, 0, 0, 0, store_server_config,
	  "get pattern [pattern ...]", "settings that clients ask for" },
	{ "dbsize", 1, READ | FAST, STORE_SERVER, 0, 0, 0,
	  store_server_dbsize, "", "how many keys there are" },
	{ "flushall", -1, WRITE, STORE_SERVER, 0, 0, 0, store_server_flush,
	  "[async | sync]", "deletes all keys, one after the other" },
	{ "flushdb", -1, WRITE, STORE_SERVER, 0, 0, 0, store_server_flush,
	  "[async | sync]", "the same" },
	{ "info", -1, 0, STORE_SERVER, 0, 0, 0, store_server_info,
	  "[section ...]", "about the server and the number of keys" },

	{ "append", 3, WRITE | FAST | GROWS, STORE_VALUES, 1, 1, 1,
	  store_value_append, "key value",
	  "adds to the end of a value; answers its length" },
	{ "decr", 2, WRITE | FAST | GROWS, STORE_VALUES, 1, 1, 1,
	  store_count_decr, "key", "subtracts 1" },
	{ "decrby", 3, WRITE | FAST | GROWS, STORE_VALUES, 1, 1, 1,
	  store_count_decrby, "key decrement", "subtracts an integer" },
	{ "get", 2, READ | FAST, STORE_VALUES, 1, 1, 1, store_value_get,
	  "key", "the value of a key" },
	{ "getdel", 2, WRITE | FAST, STORE_VALUES, 1, 1, 1,
	  store_value_getdel, "key", "the value, and deletes the key" },
	{ "getset", 3, WRITE | FAST | GROWS, STORE_VALUES, 1, 1, 1,
	  store_set_getset, "key value", "sets a value, answers the old one" },
	{ "incr", 2, WRITE | FAST | GROWS, STORE_VALUES, 1, 1, 1,
	  store_count_incr, "key", "adds 1" },
	{ "incrby", 3, WRITE | FAST | GROWS, STORE_VALUES, 1, 1, 1,
	  store_count_incrby, "key increment", "adds an integer" },
	{ "mget", -2, READ | FAST, STORE_VALUES, 1, -1, 1, store_many_mget,
	  "key [key ...]", "the values of several keys" },
	{ "mset", -3, WRITE | GROWS, STORE_VALUES, 1, -1, 2, store_many_mset,
	  "key value [key value ...]", "sets several keys at once" },
	{ "msetnx", -3, WRITE | GROWS, STORE_VALUES, 1, -1, 2,
	  store_many_msetnx, "key value [key value ...]",
	  "sets several keys if none of them is there" },
	{ "psetex", 4, WRITE | GROWS, STORE_VALUES, 1, 1, 1,
	  store_set_psetex, "key milliseconds value",
	  "sets a value that expires" },
	{ "set", -3, WRITE | GROWS, STORE_VALUES, 1, 1, 1, store_set_set,
	  "key value [nx | xx] [get] [ex seconds | px milliseconds | "
	  "exat time | pxat time | keepttl]", "sets a value" },
	{ "setex", 4, WRITE | GROWS, STORE_VALUES, 1, 1, 1, store_set_setex,
	  "key seconds value", "sets a value that expires" },
	{ "setnx", 3, WRITE | FAST | GROWS, STORE_VALUES, 1, 1, 1,
	  store_set_setnx, "key value", "sets a value if there is no key" },
	{ "strlen", 2, READ | FAST, STORE_VALUES, 1, 1, 1,
	  store_value_strlen, "key", "how long a value is" },

	{ "del", -2, WRITE, STORE_KEYS, 1, -1, 1, store_keys_delete,
	  "key [key ...]", "deletes keys; answers how many" },
	{ "exists", -2, READ | FAST, STORE_KEYS, 1, -1, 1,
	  store_keys_exists, "key [key ...]", "how many of the keys are there" },
	{ "expire", -3, WRITE | FAST, STORE_KEYS, 1, 1, 1, store_expire_in,
	  "key seconds [nx | xx | gt | lt]", "has a key expire" },
	{ "expireat", -3, WRITE | FAST, STORE_KEYS, 1, 1, 1, store_expire_at,
	  "key time [nx | xx | gt | lt]",
	  "the same, at a time in seconds since 1970" },
	{ "keys", 2, READ, STORE_KEYS, 0, 0, 0, store_scan_keys, "pattern",
	  "all keys that match" },
	{ "persist", 2, WRITE | FAST, STORE_KEYS, 1, 1, 1,
	  store_keys_persist, "key", "has a key not expire" },
	{ "pexpire", -3, WRITE | FAST, STORE_KEYS, 1, 1, 1, store_expire_pin,
	  "key milliseconds [nx | xx | gt | lt]", "has a key expire" },
	{ "pexpireat", -3, WRITE | FAST, STORE_KEYS, 1, 1, 1,
	  store_expire_pat, "key time [nx | xx | gt | lt]",
	  "the same, at a time in milliseconds since 1970" },
	{ "pttl", 2, READ | FAST, STORE_KEYS, 1, 1, 1, store_expire_pttl,
	  "key", "in how many milliseconds a key expires" },
	{ "randomkey", 1, READ, STORE_KEYS, 0, 0, 0, store_keys_random, "",
	  "one of the keys" },
	{ "scan", -2, READ, STORE_KEYS, 0, 0, 0, store_scan_scan,
	  "cursor [match pattern] [count number] [type type]",
	  "some of the keys, from a cursor on" },
	{ "ttl", 2, READ | FAST, STORE_KEYS, 1, 1, 1, store_expire_ttl,
	  "key", "in how many seconds a key expires" },
	{ "type", 2, READ | FAST, STORE_KEYS, 1, 1, 1, store_keys_type,
	  "key", "string, or none" },
	{ "unlink", -2, WRITE | FAST, STORE_KEYS, 1, -1, 1,
	  store_keys_delete, "key [key ...]", "the same as del" },

	{ "aget", 3, READ | FAST, STORE_ARRAYS, 0, 0, 0, store_array_get,
	  "name index", "a cell of an array" },
	{ "aincrby", 4, WRITE | FAST, STORE_ARRAYS, 0, 0, 0,
	  store_array_incrby, "name index increment",
	  "adds to a cell; answers the sum" },
	{ "alen", 2, READ | FAST, STORE_ARRAYS, 0, 0, 0, store_array_length,
	  "name", "how many cells an array has" },
	{ "aset", 4, WRITE | FAST, STORE_ARRAYS, 0, 0, 0, store_array_set,
	  "name index value", "sets a cell" },
	{ "asum", 2, READ, STORE_ARRAYS, 0, 0, 0, store_array_sum, "name",
	  "the sum of all cells" },
	{ .name = NULL }
};

static const char *const table_groups[] = {
	[STORE_CONNECTION] = "connection",
	[STORE_SERVER] = "server",
	[STORE_VALUES] = "string",
	[STORE_KEYS] = "generic",
	[STORE_ARRAYS] = "array",
};

/*
 * Where a name is looked for: in the place of its hash, or behind.  There are
 * many more places than names, so that place is as a rule the right one.
 */
#define TABLE_PLACES	256
#define TABLE_NAME_MAX	16

/*
 * The bytes of a name from its beginning and up to its end, which may overlap,
 * with the bit set that tells a small letter from a capital one.  Names are of
 * letters alone: a byte that is a small letter then was one, or its capital.
 */
struct table_key {
	uint64_t head, tail;
	size_t length;
};

static struct table_place {
	struct table_key key;
	const struct store_command *command;	/* NULL: nobody's */
} table_places[TABLE_PLACES];
static pthread_once_t table_once = PTHREAD_ONCE_INIT;

static inline uint64_t
table_bytes(const char *p, size_t count)
{
	uint64_t eight;
	uint32_t four;

	switch (count) {
	case 8:
		memcpy(&eight, p, sizeof(eight));
		return eight | 0x2020202020202020;
	case 4:
		memcpy(&four, p, sizeof(four));
		return four | 0x20202020;
	default:
		return (unsigned char)*p | 0x20;
	}
}

/* A name has one byte at least, and TABLE_NAME_MAX at most. */
static inline struct table_key
table_key(const char *p, size_t length)
{
	struct table_key k = { .length = length };
	size_t part = length >= 8 ? 8 : length >= 4 ? 4 : 1;

	k.head = table_bytes(p, part);
	k.tail = table_bytes(p + length - part, part);
	/* The one in the middle of three. */
	k.head |= part == 1 ? table_bytes(p + length / 2, 1) << 8 : 0;
	return k;
}

static inline unsigned int
table_hash(const struct table_key *k)
{
	return (unsigned int)((k->head * 0x9e3779b97f4a7c15 ^
	    (k->tail + k->length) * 0xc2b2ae3d27d4eb4f) >> 32) % TABLE_PLACES;
}

static inline bool
table_is_same(const struct table_key *a, const struct table_key *b)
{
	return a->head == b->head && a->tail == b->tail &&
	    a->length == b->length;
}

static void
table_make(void)
{
	const struct store_command *c;
	struct table_key key;
	unsigned int at;

	for (c = store_table; c->name != NULL; c++) {
		assert(strlen(c->name) <= TABLE_NAME_MAX);
		key = table_key(c->name, strlen(c->name));
		for (at = table_hash(&key); table_places[at].command != NULL;)
			at = (at + 1) % TABLE_PLACES;
		table_places[at] = (struct table_place){ key, c };
	}
}

void
store_table_init(void)
{
	pthread_once(&table_once, table_make);
}

const struct store_command *
store_table_find(const struct store_bytes *name)
{
	const struct table_place *place;
	struct table_key key;
	unsigned int at;

	if (name->length == 0 || name->length > TABLE_NAME_MAX)
		return NULL;
	key = table_key(name->data, name->length);
	at = table_hash(&key);
	for (; (place = &table_places[at])->command != NULL;
	    at = (at + 1) % TABLE_PLACES)
		if (table_is_same(&place->key, &key))
			return place->command;
	return NULL;
}

const char *
store_table_group(enum store_group group)
{
	return table_groups[group];
}

bool
store_table_is_arity(const struct store_command *c, size_t argc)
{
	return c->arity >= 0 ? argc == (size_t)c->arity :
	    argc >= (size_t)-c->arity;
}

size_t
store_table_count(void)
{
	return sizeof(store_table) / sizeof(store_table[0]) - 1;
}
