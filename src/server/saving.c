/* SPDX-License-Identifier: ISC */
/*
 * When dicts are saved, and what becomes of those that were.
 */
#include "server/saving.h"

#include <sys/wait.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/log.h"
#include "base/process.h"
#include "server/clerk.h"
#include "server/savefile.h"

/* Then something is wrong with the disk. */
#define SAVING_MS	600000
/* The same error is told again after so long. */
#define SAVING_SILENCE_MS	3600000
/*
 * At the end nobody else is left but clerks, who are quick: a lock that is held
 * for longer was damaged, and the end is not to wait for it as long as a worker
 * would.
 */
#define SAVING_LAST_MS	2000

struct saving {
	struct saving *next;
	struct master *master;
	struct prong_dict *dict;
	char name[72];			/* its; it may be gone before us */
	char *path;
	uint64_t interval;		/* ms; 0: only at the end */
	struct timer timer;
	struct clerk *clerk;		/* at work */
	bool is_started;
	bool is_last;			/* what is at work, or was */
	bool is_dropped;		/* by a reload: it ends with its users */
	bool was_cut;			/* who was at work has been killed */
	/*
	 * The errno of the last attempt, which is the clerk's exit status (0:
	 * it went well; -1: it was killed), and until when the log has heard
	 * enough of that.
	 */
	int failure;
	uint64_t told;			/* process_milliseconds() */
};

/* --- writing ------------------------------------------------------------- */

/* What was told an hour ago or before is told again. */
static bool
saving_is_told(const struct saving *s, int failure)
{
	return failure == s->failure && !s->is_last &&
	    process_milliseconds() < s->told;
}

/* The exit status of the clerk. */
static int
saving_fail(const struct saving *s)
{
	int failure = errno > 0 && errno < 256 ? errno : EIO;

	if (saving_is_told(s, failure))
		log_debug("dict \"%s\" is still not saved: %s", s->name,
		    error_text());
	else
		log_error("dict \"%s\" is not saved: %s; %s stays as it was",
		    s->name, error_text(), s->path);
	return failure;
}

/* In a clerk, which has what the master knows of the attempts before. */
static char *
saving_write_work(struct master *m, void *arg, int *status)
{
	const struct saving *s = arg;
	uint64_t count;

	if (m->state >= MASTER_DRAINING && s->is_last && !s->is_dropped)
		s->dict->wait = SAVING_LAST_MS;
	if (s->was_cut)
		savefile_wait(s->path);
	if (savefile_write(s->path, s->dict, &count) == -1)
		*status = saving_fail(s);
	else
		log_write(s->is_last || s->failure != 0 ? PRONG_INFO :
		    PRONG_DEBUG, "dict \"%s\": %llu keys saved to %s%s",
		    s->name, (unsigned long long)count, s->path,
		    s->failure != 0 ? " again" : "");
	return NULL;
}

static void
saving_arm(struct saving *s)
{
	if (s->interval > 0 && loop_timer(s->master->loop, &s->timer,
	    s->interval) == -1)
		log_error("dict \"%s\": %s", s->name, error_text());
}

static void
saving_free(struct saving *s)
{
	struct saving **at = &s->master->savings;

	while (*at != s)
		at = &(*at)->next;
	*at = s->next;
	loop_timer_stop(s->master->loop, &s->timer);
	free(s->path);
	free(s);
}

/* It will not be tried again. */
static void
saving_blame(struct saving *s)
{
	char why[ERROR_MAX];

	snprintf(why, sizeof(why), "dict \"%s\" is not saved; the log says why",
	    s->name);
	errno = EIO;
	master_blame(s->master, why);
}

/* By what the clerk has told, or not. */
static void
saving_note(struct saving *s, int status)
{
	int failure = WIFEXITED(status) ? WEXITSTATUS(status) : -1;

	if (!saving_is_told(s, failure))
		s->told = process_milliseconds() + SAVING_SILENCE_MS;
	s->failure = failure;
}

static void
saving_written(struct master *m, void *arg, int status, const char *text,
    size_t length)
{
	struct saving *s = arg;
	char how[80];

	s->clerk = NULL;
	saving_note(s, status);
	if (WIFSIGNALED(status))
		log_error("dict \"%s\" is not saved: the clerk %s; %s stays as "
		    "it was", s->name, process_describe_status(status,
		    how, sizeof(how)), s->path);
	if (!s->is_last)
		saving_arm(s);
	else if (s->is_dropped)
		saving_free(s);
	else if (status != 0)
		saving_blame(s);
	master_finish(m);
}

static bool
saving_has(const struct prong_server *server, const struct prong_dict *d)
{
	const struct object_list *dicts = &server->objects[PRONG_DICT];
	size_t i;

	for (i = 0; i < dicts->count; i++)
		if (dicts->items[i] == d && !dicts->shared[i])
			return true;
	return false;
}

/* Whose it is: the file is written by the user of that one. */
static const struct generation *
saving_generation(const struct saving *s)
{
	const struct generation *g = s->master->generations;

	while (g != NULL && !saving_has(g->server, s->dict))
		g = g->before;
	return g;
}

static void
saving_begin(struct saving *s)
{
	const struct clerk_task task = {
		.name = "saving it", .ms = SAVING_MS, .arg = s, .file = s->path,
		.as = saving_generation(s),
		.work = saving_write_work, .done = saving_written,
	};

	if ((s->clerk = clerk_send(s->master, &task)) != NULL)
		return;
	log_error("dict \"%s\" is not saved: %s", s->name, error_text());
	if (!s->is_last)
		saving_arm(s);
	else if (!s->is_dropped)
		saving_blame(s);
}

static void
saving_timer(struct timer *t)
{
	saving_begin((struct saving *)((char *)t - offsetof(struct saving,
	    timer)));
}

/* --- which are saved ------------------------------------------------------ */

static struct saving *
saving_of(const struct master *m, const struct prong_dict *d)
{
	struct saving *s;

	for (s = m->savings; s != NULL && s->dict != d; s = s->next)
		continue;
	return s;
}

static struct saving *
saving_new(struct master *m, struct prong_dict *d)
{
	struct saving *s = calloc(1, sizeof(*s));

	if (s == NULL)
		return NULL;
	s->master = m;
	s->dict = d;
	strlcpy(s->name, d->name, sizeof(s->name));
	s->timer.fn = saving_timer;
	s->next = m->savings;
	m->savings = s;
	return s;
}

/* As the section says, from now on. */
static void
saving_set(struct saving *s, const struct prong_section *section)
{
	char *path = strdup(section_text(section, "save"));

	if (path == NULL)
		log_error("dict \"%s\": no memory: it is saved as before",
		    s->name);
	else {
		free(s->path);
		s->path = path;
	}
	s->interval = (uint64_t)section_number(section, "save-interval");
	s->is_dropped = false;
	s->is_started = true;
	loop_timer_stop(s->master->loop, &s->timer);
	if (s->clerk == NULL)
		saving_arm(s);
}

/* For the last time, from now on; it need not be there when that is done. */
static void
saving_end(struct saving *s)
{
	loop_timer_stop(s->master->loop, &s->timer);
	/* What it writes is older than what is there now. */
	if (s->clerk != NULL) {
		clerk_kill(s->clerk);
		clerk_forget(s->clerk);
		s->clerk = NULL;
		s->was_cut = true;
	}
	s->is_last = true;
	saving_begin(s);
	s->dict = NULL;
	if (s->clerk == NULL)
		saving_free(s);
}

/* Dicts that stay, but are not to be saved any more. */
static void
saving_end_unsaved(struct master *m)
{
	struct saving *s, *next;

	for (s = m->savings; s != NULL; s = next) {
		next = s->next;
		if (s->is_dropped && saving_has(m->server, s->dict))
			saving_end(s);
	}
}

void
saving_follow(struct master *m)
{
	const struct object_list *dicts = &m->server->objects[PRONG_DICT];
	const struct prong_section *section = dicts->sections;
	struct saving *s;
	size_t i;

	for (s = m->savings; s != NULL; s = s->next)
		s->is_dropped = true;
	for (i = 0; i < dicts->count; i++, section = section->next) {
		if (section_text(section, "save")[0] == '\0')
			continue;
		s = saving_of(m, dicts->items[i]);
		if (s == NULL && (s = saving_new(m, dicts->items[i])) == NULL)
			log_error("dict \"%s\": no memory: it is not saved",
			    section->title);
		else
			saving_set(s, section);
	}
	saving_end_unsaved(m);
}

void
saving_drop(struct master *m, const struct prong_server *server)
{
	struct saving *s, *next;

	for (s = m->savings; s != NULL; s = next) {
		next = s->next;
		if (s->is_dropped && saving_has(server, s->dict))
			saving_end(s);
	}
}

/* --- over an upgrade ------------------------------------------------------ */

static bool
saving_saves(const struct prong_server *server, const char *name)
{
	const struct prong_section *section = section_find(
	    server->objects[PRONG_DICT].sections, "dict", name);

	return section != NULL && section_text(section, "save")[0] != '\0';
}

json_t *
saving_unsaved(const struct prong_server *server,
    const struct prong_server *before)
{
	const struct prong_section *section;
	json_t *names = json_array();

	for (section = before->objects[PRONG_DICT].sections; section != NULL;
	    section = section->next)
		if (!saving_saves(server, section->title))
			json_array_append_new(names,
			    json_string(section->title));
	return names;
}

static bool
saving_is_named(const struct saving *s, const json_t *names)
{
	const json_t *name;
	size_t i;

	json_array_foreach(names, i, name)
		if (json_is_string(name) &&
		    strcmp(json_string_value(name), s->name) == 0)
			return true;
	return false;
}

void
saving_hand_on(struct master *m, const json_t *unsaved)
{
	struct saving *s, *next;

	for (s = m->savings; s != NULL; s = next) {
		next = s->next;
		/* Of those that drain: the new master has never heard of it. */
		if (!saving_has(m->server, s->dict))
			continue;
		if (saving_is_named(s, unsaved)) {
			s->is_dropped = true;
			continue;
		}
		if (s->clerk != NULL)
			clerk_forget(s->clerk);
		saving_free(s);
	}
}

bool
saving_finish(struct master *m)
{
	struct saving *s, *next;

	for (s = m->savings; s != NULL; s = next) {
		next = s->next;
		if (s->is_started && !s->is_last)
			saving_end(s);
	}
	for (s = m->savings; s != NULL; s = s->next)
		if (s->clerk != NULL)
			return true;
	return false;
}

void
saving_close(struct master *m)
{
	struct saving *s;

	while ((s = m->savings) != NULL) {
		if (m->loop != NULL)
			loop_timer_stop(m->loop, &s->timer);
		m->savings = s->next;
		/* Who hears of its end is not there any more. */
		if (s->clerk != NULL)
			clerk_forget(s->clerk);
		free(s->path);
		free(s);
	}
}
