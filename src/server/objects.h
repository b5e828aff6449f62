/* SPDX-License-Identifier: ISC */
#ifndef SERVER_OBJECTS_H
#define SERVER_OBJECTS_H

#include <stdint.h>

#include "prong.h"
#include "server/section.h"

/*
 * The shared objects of the configuration.  A kind of them is an entry of
 * object_kinds[]: its sections, the start, the check, the dump, the tables of
 * settings and of libconfuse all come from there.
 */
#define OBJECT_FIRST	PRONG_ARRAY
#define OBJECT_DESCRIPTORS	2		/* that one is made of */
#define OBJECT_KINDS	(PRONG_TASK_POOL + 1)	/* from OBJECT_FIRST on */

struct object_kind {
	const char *name;			/* of its sections: "array" */
	const struct prong_option *members;	/* of such a section */
	/* Those that no handler may declare: ends with NULL.  NULL: none. */
	const char *const *reserved;

	/*
	 * Whether the values make sense together; -1 with a text, and key.
	 * NULL: any do.
	 */
	int (*check)(const struct prong_section *, const char **key);
	/*
	 * Makes one, before any fork; NULL with a text.  reserve: with all its
	 * memory; without, it is only for a check.
	 */
	void *(*make)(const struct prong_section *, bool reserve);
	void (*free)(void *);
	/*
	 * How often a lock of it was taken over from a dead holder.  NULL: it
	 * has none.
	 */
	uint64_t (*recovered)(const void *);
	/* What every process keeps open for it.  NULL: nothing. */
	int (*descriptor)(const void *);
	/*
	 * For an upgrade: writes what it is made of into fds and returns how
	 * many that are; and makes one of them in another process, which are
	 * its then, or closed.  NULL: none is handed on.
	 */
	size_t (*descriptors)(const void *, int fds[OBJECT_DESCRIPTORS]);
	void *(*adopt)(const struct prong_section *, const int *fds);
	uint32_t layout;			/* of its memory */
	/*
	 * Whether the object of a section can be that of another, in the next
	 * generation; -1 with a text that names what is in the way.  NULL: each
	 * generation has one of its own.
	 */
	int (*keep)(const struct prong_section *, const struct prong_section *);
	/* Sets what may change of an object that is kept.  NULL: nothing. */
	void (*adjust)(void *, const struct prong_section *);
};
extern const struct object_kind *const object_kinds[OBJECT_KINDS];
extern const struct object_kind object_array;
extern const struct object_kind object_dict;
extern const struct object_kind object_event;
extern const struct object_kind object_pool;

/* Those of one kind: items[i] is that of section number i, once it is made. */
struct object_list {
	struct prong_section *sections;
	void **items;
	bool *shared;			/* with the generation before */
	size_t count;
};

/* The kind of a section's name, or 0. */
enum prong_scope objects_kind(const char *name);

/* Adds a section: EINVAL, bad name; EEXIST; ENOMEM. */
struct prong_section *objects_add(struct prong_server *, enum prong_scope,
    const char *name);

/*
 * Makes all of the configuration, and the locks.  Again: in the place of those
 * that there were.
 */
int objects_make(struct prong_server *);
void objects_free(struct prong_server *);

/*
 * The same, but those that the generation before has, too, are shared with it.
 * EINVAL: one cannot be what it is to be.  objects_keep(): the first has them
 * alone from now on, and the one before only those that the first does not
 * have.  objects_adjust(): they are again as this one wants them.
 */
int objects_follow(struct prong_server *, struct prong_server *before);
/* One that goes leaves what another one still uses to that one. */
void objects_pass_on(struct prong_server *, struct prong_server *to);
/* Whether that could be, by what is configured. */
int objects_check_follow(const struct prong_server *,
    const struct prong_server *before);
void objects_keep(struct prong_server *, struct prong_server *before);
void objects_adjust(struct prong_server *);

/*
 * For an upgrade: makes the one of a section of its descriptors, -1 with a
 * text; and that another process has all of them from now on.
 */
int objects_adopt(struct prong_server *, enum prong_scope,
    const struct prong_section *, uint32_t layout, const int *fds,
    size_t count);
void objects_give_away(struct prong_server *);

/* The object, made, of this name; NULL with ENOENT. */
void *objects_find(const struct prong_server *, enum prong_scope,
    const char *name);

/*
 * Writes what every process keeps open for them into fds, if that is not NULL;
 * returns how many that are.
 */
size_t objects_descriptors(const struct prong_server *, int *fds);

/* How often any lock of them was taken over from a dead holder. */
uint64_t objects_recovered(const struct prong_server *);

#endif
