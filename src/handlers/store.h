/* SPDX-License-Identifier: ISC */
#ifndef HANDLERS_STORE_H
#define HANDLERS_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "handlers/store_reply.h"
#include "handlers/store_resp.h"
#include "prong.h"

/*
 * What the files of the handler store share: a request, and the table of the
 * commands.  store.c has the handler itself.
 */

/* How long a command that looks at more than one thing waits for the dict. */
#define STORE_WAIT_MS	10000

/* A client's word in an answer that is about it: not more than its beginning. */
#define STORE_WORD_MAX	((size_t)128)
#define STORE_WORD(b) \
	(int)((b)->length < STORE_WORD_MAX ? (b)->length : STORE_WORD_MAX), \
	(b)->data

/* A service's data; nobody writes to it after init, so threads share it. */
struct store {
	struct prong_service *service;
	struct prong_dict *dict;
	size_t reply_max;		/* bytes of an answer made in memory */
	int64_t started;		/* ms of CLOCK_MONOTONIC */
};

/* What is kept of a connection, once there is something: its data. */
struct store_session {
	char *name;			/* CLIENT SETNAME; NULL: none */
	struct store_rest *rest;	/* what is left to answer; NULL: nothing */
};

struct store_request {
	struct store *store;
	const struct store_command *command;
	const struct store_bytes *argv;	/* the command's name first */
	size_t argc;
	bool closing;			/* after the answer */
	struct store_reply reply;	/* reply.conn is who asks */
};

enum store_flags {
	STORE_READ = 1 << 0,		/* looks at keys */
	STORE_WRITE = 1 << 1,		/* may change keys */
	STORE_FAST = 1 << 2,		/* takes as long with many keys */
	STORE_GROWS = 1 << 3,		/* may want memory: Redis's "denyoom" */
};

/* What a command is about: a section of prong-store(7). */
enum store_group {
	STORE_CONNECTION, STORE_SERVER, STORE_VALUES, STORE_KEYS, STORE_ARRAYS
};

typedef void store_run_fn(struct store_request *);

struct store_command {
	const char *name;		/* in small letters */
	int arity;			/* with the name; below 0: at least */
	unsigned int flags;
	enum store_group group;
	int first_key, last_key, step;	/* which arguments are keys; 0: none */
	store_run_fn *run;
	const char *arguments;		/* as the manual writes them */
	const char *summary;
};

/* store_table.c; the end of the table has no .name. */
extern const struct store_command store_table[];
const struct store_command *store_table_find(const struct store_bytes *name);
const char *store_table_group(enum store_group);
bool store_table_is_arity(const struct store_command *, size_t argc);
size_t store_table_count(void);
void store_table_init(void);

/* store.c: the session of a connection, made if need be; NULL: ENOMEM. */
struct store_session *store_session(struct prong_conn *);

/* store_rest.c: an answer that is longer than what a connection may queue. */
struct store_text;
void store_rest_send(struct store_request *, struct store_text *);
void store_rest_values(struct store_request *, size_t from);
int store_rest_resume(struct store *, struct prong_conn *);
void store_rest_free(struct store_rest *);

/* store_glob.c: Redis's patterns. */
bool store_glob(const struct store_bytes *pattern,
    const struct store_bytes *text);

/* store_parse.c: arguments; false when it is none. */
bool store_parse_integer(const struct store_bytes *, int64_t *);
bool store_parse_natural(const struct store_bytes *, uint64_t *);
bool store_parse_real(const struct store_bytes *, double *);
bool store_parse_is(const struct store_bytes *, const char *word);
/* The same with an answer when it is none. */
bool store_parse_number(struct store_request *, size_t argument, int64_t *);

/* store_error.c: answers for what went wrong. */
void store_error_syntax(struct store_request *);
void store_error_arity(struct store_request *, const char *subcommand);
void store_error_integer(struct store_request *);
void store_error_subcommand(struct store_request *);
/* By errno and prong_error(). */
void store_error_dict(struct store_request *);
void store_error_memory(struct store_request *);

/* store_value.c: a value as an answer; nil when there is no such key. */
void store_value_reply(struct store_request *, const struct store_bytes *key);

/* store_time.c */
int64_t store_time_now(void);		/* ms since 1970 */
int64_t store_time_monotonic(void);	/* ms */
bool store_time_expiry(struct store_request *, size_t argument,
    int64_t unit, bool absolute, int64_t *ms);

/* The commands, by file: store_connection.c */
store_run_fn store_connection_auth, store_connection_client,
    store_connection_echo, store_connection_hello, store_connection_ping,
    store_connection_quit, store_connection_select;
/* store_server.c */
store_run_fn store_server_command, store_server_config, store_server_dbsize,
    store_server_flush, store_server_info;
/* store_value.c */
store_run_fn store_value_append, store_value_get, store_value_getdel,
    store_value_strlen;
/* store_set.c */
store_run_fn store_set_getset, store_set_psetex, store_set_set,
    store_set_setex, store_set_setnx;
/* store_count.c */
store_run_fn store_count_decr, store_count_decrby, store_count_incr,
    store_count_incrby;
/* store_many.c */
store_run_fn store_many_mget, store_many_mset, store_many_msetnx;
/* store_keys.c */
store_run_fn store_keys_delete, store_keys_exists, store_keys_persist,
    store_keys_random, store_keys_type;
/* store_expire.c */
store_run_fn store_expire_at, store_expire_in, store_expire_pat,
    store_expire_pin, store_expire_pttl, store_expire_ttl;
/* store_scan.c */
store_run_fn store_scan_keys, store_scan_scan;
/* store_array.c */
store_run_fn store_array_get, store_array_incrby, store_array_length,
    store_array_set, store_array_sum;

#endif
