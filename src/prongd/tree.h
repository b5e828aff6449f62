/* SPDX-License-Identifier: ISC */
#ifndef PRONGD_TREE_H
#define PRONGD_TREE_H

#include <sys/queue.h>

#include <stdbool.h>

#include "prongd/problem.h"

/*
 * What the configuration says, as text, with the place of every word of it.
 * It knows of no setting; it notices what is said twice.
 */

struct tree_setting {
	TAILQ_ENTRY(tree_setting) next;
	char *key;		/* "workers", "log.target" */
	char *value;
	struct place place;
	bool option;		/* of the service's handler: set("key", ...) */
	bool list;		/* one value of several */
	bool bad;		/* a problem was reported for it */
	bool repeated;		/* one before it has its key, and it is no list */
};
TAILQ_HEAD(tree_settings, tree_setting);

struct tree_section {
	TAILQ_ENTRY(tree_section) next;
	struct tree_section *parent;
	char *name;		/* "service"; of the root, "" */
	char *title;		/* "echo"; NULL: its settings are its parent's,
				 * under the key "name.key" */
	struct place place;
	struct tree_settings settings;
	TAILQ_HEAD(, tree_section) sections;
	bool repeated;		/* a sibling before it has name and title */
	const void *object;	/* what it became in the server */
};

struct tree_section *tree_new(void);
void tree_free(struct tree_section *);

/* A section within another.  The second of one title is a problem. */
struct tree_section *tree_add(struct tree_section *, const char *name,
    const char *title, struct place, struct problems *);

/*
 * Sets a key.  A second value for it is a problem unless it is another one
 * of a list; the first value of a list assigned anew in the same file says
 * so with .again.  Of an option that is settled later, when its handler is
 * known: until then it counts as a list.
 */
struct tree_value {
	const char *key;
	const char *value;
	struct place place;
	bool option;
	bool list;
	bool again;
};
void tree_set(struct tree_section *, const struct tree_value *,
    struct problems *);

/* Makes an option what it is; as no list, it may be a problem. */
void tree_settle(struct tree_section *, struct tree_setting *, bool list,
    struct problems *);

struct tree_setting *tree_find(const struct tree_section *, const char *key,
    bool option);
struct tree_section *tree_find_section(const struct tree_section *,
    const char *name, const char *title);

/* The section, anywhere below, that became this object; or NULL. */
struct tree_section *tree_find_object(struct tree_section *,
    const void *object);

#endif
