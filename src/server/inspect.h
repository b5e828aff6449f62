/* SPDX-License-Identifier: ISC */
#ifndef SERVER_INSPECT_H
#define SERVER_INSPECT_H

#include <jansson.h>

#include "server/objects.h"

/*
 * The control commands about shared objects, which clerks carry out: they take
 * locks, wait for them for a while, and look at what workers have written.
 * Bytes are written as in base/escape.h, both ways.
 */

/* How long for a lock, and for all of it. */
#define INSPECT_LOCK_MS		3000
#define INSPECT_MS		8000

/* The result, or NULL: error_text() is the reason. */
typedef json_t *inspect_fn(struct prong_server *, const json_t *request);

struct inspect_command {
	const char *name;	/* in a request: "array show" */
	inspect_fn *run;
};

/* The table of them ends with a name of NULL. */
extern const struct inspect_command inspect_commands[];

/*
 * The object that a request names; NULL: ENOENT, and the text has those that
 * there are.
 */
void *inspect_object(const struct prong_server *, enum prong_scope,
    const json_t *request);

/* A list with a row for each object of a kind, under "arrays" for example. */
json_t *inspect_list(const struct prong_server *, enum prong_scope,
    const char *key, json_t *(*row)(const struct prong_section *, void *));

/* The text of an argument; "" when there is none. */
const char *inspect_text(const json_t *request, const char *key);

/* Any bytes as text. */
json_t *inspect_bytes(const void *data, size_t length);

/* --- one file for each kind ---------------------------------------------- */

inspect_fn inspect_array_list;
inspect_fn inspect_array_show;
inspect_fn inspect_array_set;

inspect_fn inspect_dict_list;
inspect_fn inspect_dict_show;
inspect_fn inspect_dict_get;
inspect_fn inspect_dict_set;
inspect_fn inspect_dict_del;

inspect_fn inspect_event_list;
inspect_fn inspect_event_show;
inspect_fn inspect_event_set;
inspect_fn inspect_event_clear;

inspect_fn inspect_pool_list;
inspect_fn inspect_pool_show;

#endif
