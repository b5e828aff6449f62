/* SPDX-License-Identifier: ISC */
/*
 * From the tree to the server, and from the server's complaints back to
 * files and lines.
 */
#include "prongd/apply.h"

#include <ctype.h>
#include <string.h>

#include "prongd/schema.h"

/* What a section is in the server, with the call that makes it. */
static void *
apply_object(struct prong_server *server, const struct tree_section *t,
    void *parent)
{
	if (parent != NULL)
		return prong_section_add(parent, t->name, t->title);
	if (strcmp(t->name, SCHEMA_SERVICE) == 0)
		return prong_server_add(server, t->title);
	return prong_server_section(server, t->name, t->title);
}

static bool
apply_is_service(const struct tree_section *t)
{
	return t->parent != NULL && t->parent->parent == NULL &&
	    strcmp(t->name, SCHEMA_SERVICE) == 0;
}

static int
apply_value(struct prong_server *server, const struct tree_section *t,
    void *object, const struct tree_setting *setting)
{
	if (t->parent == NULL)
		return prong_server_set(server, setting->key, setting->value);
	if (!apply_is_service(t))
		return prong_section_set(object, setting->key, setting->value);
	if (setting->option)
		return prong_service_option(object, setting->key,
		    setting->value);
	return prong_service_set(object, setting->key, setting->value);
}

static bool
apply_is_word(char c)
{
	return isalnum((unsigned char)c) || (c != '\0' &&
	    strchr("-_.", c) != NULL);
}

/* Where the text has this as a word of its own; or NULL. */
static const char *
apply_word(const char *text, const char *word)
{
	size_t length = strlen(word);
	const char *at = text;

	for (; length > 0 && (at = strstr(at, word)) != NULL; at += length)
		if ((at == text || !apply_is_word(at[-1])) &&
		    !apply_is_word(at[length]))
			return at;
	return NULL;
}

static void
apply_complain(struct problems *problems, struct place place, const char *key,
    const char *text)
{
	/* It may speak of the key by its name. */
	if (apply_word(text, key) != NULL)
		problem_add(problems, place, "%s", text);
	else
		problem_add(problems, place, "%.128s: %s", key, text);
}

/* Options come after the settings: it is the handler that declares them. */
static void
apply_values(struct prong_server *server, const struct tree_section *t,
    void *object, bool option, struct problems *problems)
{
	struct tree_setting *setting;

	TAILQ_FOREACH(setting, &t->settings, next) {
		if (setting->option != option || setting->repeated ||
		    apply_value(server, t, object, setting) == 0)
			continue;
		setting->bad = true;
		apply_complain(problems, setting->place, setting->key,
		    prong_error());
	}
}

/* Which options are lists is known by the handler, wherever that stands. */
static void
apply_settle(const struct prong_handler *const *handlers,
    struct tree_section *root, struct problems *problems)
{
	const struct tree_setting *handler;
	struct tree_section *t;
	struct tree_setting *it;

	TAILQ_FOREACH(t, &root->sections, next) {
		handler = tree_find(t, "handler", false);
		TAILQ_FOREACH(it, &t->settings, next)
			if (it->option)
				tree_settle(t, it, schema_is_list(handlers,
				    handler == NULL ? "" : handler->value,
				    it->key), problems);
	}
}

static void
apply_section(struct prong_server *server, struct tree_section *t,
    void *object, struct problems *problems)
{
	struct tree_section *child;
	void *made;

	apply_values(server, t, object, false, problems);
	apply_values(server, t, object, true, problems);
	TAILQ_FOREACH(child, &t->sections, next) {
		/* One without a title has given its settings to this one. */
		if (child->title == NULL || child->repeated)
			continue;
		made = apply_object(server, child, object);
		if (made == NULL) {
			problem_add(problems, child->place, "%s \"%.128s\": %s",
			    child->name, child->title, prong_error());
			continue;
		}
		child->object = made;
		apply_section(server, child, made, problems);
	}
}

void
apply_tree(struct prong_server *server,
    const struct prong_handler *const *handlers, struct tree_section *root,
    struct problems *problems)
{
	apply_settle(handlers, root, problems);
	apply_section(server, root, NULL, problems);
}

struct apply_check {
	struct tree_section *root;
	struct problems *problems;
};

/*
 * The setting that a complaint is about: of a list, the value that the text
 * names first.
 */
static const struct tree_setting *
apply_find(const struct tree_section *t, const char *key, const char *text)
{
	const struct tree_setting *it, *first;
	const char *at, *best = NULL;

	if ((first = tree_find(t, key, false)) == NULL)
		first = tree_find(t, key, true);
	if (first == NULL || !first->list)
		return first;
	TAILQ_FOREACH(it, &t->settings, next)
		if (strcmp(it->key, key) == 0 &&
		    (at = apply_word(text, it->value)) != NULL &&
		    (best == NULL || at < best)) {
			best = at;
			first = it;
		}
	return first;
}

static bool
apply_is_bad(const struct tree_section *t, const char *key)
{
	const struct tree_setting *it;

	TAILQ_FOREACH(it, &t->settings, next)
		if (it->bad && strcmp(it->key, key) == 0)
			return true;
	return false;
}

/* Whether every section has become something. */
static bool
apply_is_complete(const struct tree_section *root)
{
	const struct tree_section *t;

	TAILQ_FOREACH(t, &root->sections, next)
		if (t->title != NULL && !t->repeated && t->object == NULL)
			return false;
	return true;
}

static void
apply_problem(const void *object, const char *key, const char *text, void *arg)
{
	struct apply_check *check = arg;
	const struct tree_section *t;
	const struct tree_setting *setting = NULL;

	/* The whole may be at fault only because a part was refused. */
	if (object == NULL && !apply_is_complete(check->root))
		return;
	if ((t = tree_find_object(check->root, object)) == NULL)
		t = check->root;
	if (key == NULL) {
		problem_add(check->problems, t->place, "%s", text);
		return;
	}
	/* It was said already, and more exactly. */
	if (apply_is_bad(t, key))
		return;
	setting = apply_find(t, key, text);
	apply_complain(check->problems, setting == NULL ? t->place :
	    setting->place, key, text);
}

bool
apply_failure(struct tree_section *root, const char *text,
    struct problems *problems)
{
	const struct tree_setting *listen;
	const struct tree_section *t;
	char name[128];
	int length;

	TAILQ_FOREACH(t, &root->sections, next) {
		length = snprintf(name, sizeof(name), "service \"%s\": ",
		    t->title == NULL ? "" : t->title);
		if (!apply_is_service(t) || length >= (int)sizeof(name) ||
		    strncmp(text, name, (size_t)length) != 0)
			continue;
		text += length;
		listen = strncmp(text, "cannot listen on ", 17) == 0 ?
		    apply_find(t, "listen", text) : NULL;
		problem_add(problems, listen == NULL ? t->place :
		    listen->place, "%s", text);
		return true;
	}
	return false;
}

void
apply_warn(struct prong_server *server, struct tree_section *root,
    struct problems *problems)
{
	struct apply_check check = { root, problems };

	prong_server_warnings(server, apply_problem, &check);
}

int
apply_check(struct prong_server *server, struct tree_section *root,
    struct problems *problems)
{
	struct apply_check check = { root, problems };
	int count, environment = 0;

	count = prong_server_check(server, apply_problem, &check, &environment);
	return count - environment;
}
