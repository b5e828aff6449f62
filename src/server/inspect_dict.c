/* SPDX-License-Identifier: ISC */
/*
 * What prongctl dict asks for.  In a clerk.
 */
#include <sys/stat.h>

#include <errno.h>
#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/error.h"
#include "base/escape.h"
#include "base/log.h"
#include "base/process.h"
#include "base/units.h"
#include "server/inspect.h"
#include "shm/dict.h"

#define INSPECT_KEYS		500	/* of one answer, or a few more */
#define INSPECT_SHOWN		256	/* bytes of a key or value in a list */
#define INSPECT_SCAN		500	/* keys that are looked at in a row */
#define INSPECT_SCAN_MS		1000	/* then what there is is told */
#define INSPECT_VALUE_MAX	(512 << 10)	/* of one that is asked for */

/* A dict with the time that a clerk has for a lock of it. */
static struct prong_dict *
inspect_dict(struct prong_server *s, const json_t *request)
{
	struct prong_dict *d = inspect_object(s, PRONG_DICT, request);

	if (d != NULL)
		d->wait = INSPECT_LOCK_MS;
	return d;
}

/* How many seconds ago its file was written; null: there is none. */
static json_t *
inspect_saved(const char *path)
{
	struct stat st;
	time_t now = time(NULL);

	if (path[0] == '\0' || stat(path, &st) == -1)
		return json_null();
	return json_integer(now > st.st_mtime ? now - st.st_mtime : 0);
}

/* Who holds a lock: a number, or null.  It takes none. */
static json_t *
inspect_dict_holder(const struct prong_dict *d)
{
	pid_t pid = dict_holder(d);

	return pid == 0 ? json_null() : json_integer(pid);
}

static json_t *
inspect_dict_row(const struct prong_section *section, void *item)
{
	const struct prong_dict *d = item;
	const char *path = section_text(section, "save");
	struct dict_numbers n;

	dict_count(d, &n);
	return json_pack("{s:s,s:I,s:s,s:I,s:I,s:I,s:I,s:o,s:I,s:s?,s:o}",
	    "name", section->title,
	    "memory", (json_int_t)d->segment.size,
	    "evict", section_text(section, "evict"),
	    "keys", (json_int_t)n.keys,
	    "used", (json_int_t)n.used,
	    "evicted", (json_int_t)n.evicted,
	    "expired", (json_int_t)n.expired,
	    "holder", inspect_dict_holder(d),
	    "locks_recovered", (json_int_t)dict_recovered(d),
	    "save", path[0] == '\0' ? NULL : path,
	    "saved", inspect_saved(path));
}

json_t *
inspect_dict_list(struct prong_server *s, const json_t *request)
{
	return inspect_list(s, PRONG_DICT, "dicts", inspect_dict_row);
}

/* In seconds; null: it does not expire. */
static json_t *
inspect_ttl(int64_t ms)
{
	return ms == PRONG_DICT_FOREVER ? json_null() :
	    json_real((double)ms / 1000);
}

/* --- show ---------------------------------------------------------------- */

struct inspect_page {
	json_t *items;
	const char *pattern;		/* NULL: all keys */
};

static size_t
inspect_cut(size_t length)
{
	return length < INSPECT_SHOWN ? length : INSPECT_SHOWN;
}

static int
inspect_dict_item(const struct prong_dict_item *item, void *arg)
{
	const struct inspect_page *page = arg;
	char *key = escape_bytes(item->key, inspect_cut(item->key_length));
	int r = 0;

	if (key == NULL)
		return error_errno("key");
	if (page->pattern == NULL || fnmatch(page->pattern, key, 0) == 0)
		r = json_array_append_new(page->items, json_pack(
		    "{s:s,s:I,s:I,s:o,s:o}", "key", key,
		    "key_length", (json_int_t)item->key_length,
		    "length", (json_int_t)item->length,
		    "ttl", inspect_ttl(item->ms), "value",
		    inspect_bytes(item->value, inspect_cut(item->length))));
	free(key);
	return r;
}

/* Until there are enough of them, or it has taken long enough. */
static int
inspect_dict_scan(struct prong_dict *d, uint64_t *cursor,
    struct inspect_page *page)
{
	uint64_t end = process_milliseconds() + INSPECT_SCAN_MS;

	do {
		if (prong_dict_scan(d, cursor, INSPECT_SCAN,
		    inspect_dict_item, page) == -1)
			return -1;
	} while (*cursor != 0 && process_milliseconds() < end &&
	    json_array_size(page->items) < INSPECT_KEYS);
	return 0;
}

json_t *
inspect_dict_show(struct prong_server *s, const json_t *request)
{
	struct prong_dict *d = inspect_dict(s, request);
	struct inspect_page page = {
		.pattern = json_string_value(json_object_get(request,
		    "pattern")),
	};
	uint64_t cursor = (uint64_t)json_integer_value(json_object_get(request,
	    "from"));

	if (d == NULL)
		return NULL;
	page.items = json_array();
	if (inspect_dict_scan(d, &cursor, &page) == -1)
		return NULL;
	return json_pack("{s:s,s:o,s:o}", "name", d->name, "items", page.items,
	    "next", cursor == 0 ? json_null() :
	    json_integer((json_int_t)cursor));
}

/* --- one key ------------------------------------------------------------- */

struct inspect_key {
	char *data;
	size_t length;
};

static int
inspect_argument(const json_t *request, const char *name,
    struct inspect_key *k)
{
	if (!json_is_string(json_object_get(request, name)))
		return error_set(EINVAL, "%s is missing, or no text", name);
	if (escape_parse(inspect_text(request, name), &k->data,
	    &k->length) == 0)
		return 0;
	return error_prefix("%s", name);
}

/* The text says which key it is. */
static json_t *
inspect_fail(const struct prong_dict *d, const json_t *request)
{
	if (errno == ENOENT)
		error_set(ENOENT, "dict \"%s\" has no key \"%.128s\"", d->name,
		    inspect_text(request, "key"));
	return NULL;
}

json_t *
inspect_dict_get(struct prong_server *s, const json_t *request)
{
	struct prong_dict *d = inspect_dict(s, request);
	int64_t ms = PRONG_DICT_FOREVER;
	struct inspect_key k;
	char *value;
	ssize_t n;

	if (d == NULL || inspect_argument(request, "key", &k) == -1)
		return NULL;
	if ((value = malloc(INSPECT_VALUE_MAX)) == NULL) {
		error_errno("value");
		return NULL;
	}
	n = prong_dict_get(d, k.data, k.length, value, INSPECT_VALUE_MAX);
	if (n == -1 && errno == ERANGE)
		error_set(ERANGE, "dict \"%s\": the value has %zd bytes, and "
		    "%d at most are shown", d->name, prong_dict_get(d, k.data,
		    k.length, NULL, 0), INSPECT_VALUE_MAX);
	if (n == -1)
		return inspect_fail(d, request);
	prong_dict_ttl(d, k.data, k.length, &ms);
	return json_pack("{s:s,s:s,s:I,s:o,s:o}", "name", d->name,
	    "key", inspect_text(request, "key"), "length", (json_int_t)n,
	    "ttl", inspect_ttl(ms), "value", inspect_bytes(value, (size_t)n));
}

/* How long it is to be kept, by the argument that may follow. */
static int
inspect_time(const json_t *request, int64_t *ms)
{
	const char *text = inspect_text(request, "ttl");

	*ms = PRONG_DICT_FOREVER;
	if (text[0] == '\0')
		return 0;
	if (units_duration(text, ms) == -1)
		return -1;
	*ms = units_milliseconds(*ms);
	return 0;
}

json_t *
inspect_dict_set(struct prong_server *s, const json_t *request)
{
	struct prong_dict *d = inspect_dict(s, request);
	struct inspect_key k, v;
	int64_t ms;

	if (d == NULL || inspect_argument(request, "key", &k) == -1 ||
	    inspect_argument(request, "value", &v) == -1 ||
	    inspect_time(request, &ms) == -1)
		return NULL;
	if (prong_dict_set(d, k.data, k.length, v.data, v.length, 0, ms) == -1)
		return NULL;
	log_info("dict \"%s\": key \"%s\" set, as asked", d->name,
	    inspect_text(request, "key"));
	return json_pack("{s:s,s:s,s:I,s:o}", "name", d->name, "key",
	    inspect_text(request, "key"), "length", (json_int_t)v.length,
	    "ttl", inspect_ttl(ms));
}

json_t *
inspect_dict_del(struct prong_server *s, const json_t *request)
{
	struct prong_dict *d = inspect_dict(s, request);
	struct inspect_key k;
	int r;

	if (d == NULL || inspect_argument(request, "key", &k) == -1)
		return NULL;
	r = prong_dict_delete(d, k.data, k.length);
	if (r == 0)
		errno = ENOENT;
	if (r != 1)
		return inspect_fail(d, request);
	log_info("dict \"%s\": key \"%s\" deleted, as asked", d->name,
	    inspect_text(request, "key"));
	return json_pack("{s:s,s:s}", "name", d->name, "key",
	    inspect_text(request, "key"));
}
