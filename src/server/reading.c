/* SPDX-License-Identifier: ISC */
/*
 * Dicts are read from their files, one after the other, each by a clerk.
 */
#include "server/reading.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/log.h"
#include "server/clerk.h"
#include "server/savefile.h"

struct reading {
	struct generation *generation;
	size_t next;			/* the dict after this one */
	struct prong_dict *dict;
	char path[PATH_MAX];
	struct clerk *clerk;
	reading_fn *fn;
	void *arg;
};

/* --- in a clerk ----------------------------------------------------------- */

/*
 * A damaged file gets another name, so that it is neither read again nor
 * overwritten.
 */
static int
reading_set_aside(const struct reading *r)
{
	char why[ERROR_MAX], name[ERROR_MAX];

	strlcpy(why, error_text(), sizeof(why));
	if (savefile_set_aside(r->path, name, sizeof(name)) == -1)
		return -1;
	log_error("dict \"%s\": %s is damaged: %s; it is %s now, and the dict "
	    "begins empty", r->dict->name, r->path, why, name);
	return 0;
}

static int
reading_read(const struct reading *r)
{
	int result = savefile_try(r->path);

	if (result == -1 || (result = savefile_read(r->path, r->dict)) == 0)
		return result;
	if (result == -1 && errno == EBADMSG)
		return reading_set_aside(r);
	if (result == -1)
		return error_prefix("%s", r->path);
	log_info("dict \"%s\": %lld keys from %s", r->dict->name,
	    (long long)prong_dict_size(r->dict), r->path);
	return 0;
}

static char *
reading_work(struct master *m, void *arg, int *status)
{
	return strdup(reading_read(arg) == 0 ? CLERK_DONE : error_text());
}

/* --- in the master -------------------------------------------------------- */

/* The next one that has a file; false: there is none. */
static bool
reading_find(struct reading *r)
{
	const struct object_list *dicts =
	    &r->generation->server->objects[PRONG_DICT];
	const struct prong_section *section = dicts->sections;
	size_t i;

	for (i = 0; i < dicts->count; i++, section = section->next) {
		if (i < r->next || dicts->shared[i] ||
		    section_text(section, "save")[0] == '\0')
			continue;
		r->next = i + 1;
		r->dict = dicts->items[i];
		strlcpy(r->path, section_text(section, "save"),
		    sizeof(r->path));
		return true;
	}
	return false;
}

static struct clerk_task
reading_task(struct reading *r)
{
	return (struct clerk_task){
		.name = "reading it", .work = reading_work, .arg = r,
		.file = r->path, .as = r->generation,
	};
}

int
reading_wait(struct master *m, struct generation *g)
{
	struct reading r = { .generation = g };
	struct clerk_task task;

	while (reading_find(&r)) {
		task = reading_task(&r);
		if (clerk_wait(m, &task) == -1)
			return error_prefix("dict \"%s\"", r.dict->name);
		dict_take_hash_key(r.dict);
	}
	return 0;
}

static int reading_send(struct reading *);

static void
reading_done(struct master *m, void *arg, int status, const char *text,
    size_t length)
{
	struct reading *r = arg;
	reading_fn *fn = r->fn;
	char why[ERROR_MAX];

	r->clerk = NULL;
	if (text != NULL)
		dict_take_hash_key(r->dict);
	else
		error_prefix("dict \"%s\"", r->dict->name);
	if (text != NULL && reading_find(r)) {
		if (reading_send(r) == 0)
			return;
		text = NULL;
	}
	strlcpy(why, error_text(), sizeof(why));
	arg = r->arg;
	free(r);
	fn(m, text != NULL ? NULL : why, arg);
}

static int
reading_send(struct reading *r)
{
	struct clerk_task task = reading_task(r);

	task.answers = task.is_plain = true;
	task.done = reading_done;
	r->clerk = clerk_send(r->generation->master, &task);
	return r->clerk == NULL ? error_prefix("dict \"%s\"", r->dict->name) :
	    0;
}

int
reading_begin(struct generation *g, reading_fn *fn, void *arg,
    struct reading **reading)
{
	struct reading *r = calloc(1, sizeof(*r));

	*reading = NULL;
	if (r == NULL)
		return error_errno("dicts");
	*r = (struct reading){ .generation = g, .fn = fn, .arg = arg };
	if (!reading_find(r)) {
		free(r);
		return 0;
	}
	if (reading_send(r) == -1) {
		free(r);
		return -1;
	}
	*reading = r;
	return 1;
}

void
reading_cancel(struct reading *r)
{
	clerk_kill(r->clerk);
	clerk_forget(r->clerk);
	free(r);
}
