/* SPDX-License-Identifier: ISC */
#ifndef SERVER_SECTION_H
#define SERVER_SECTION_H

#include "base/strings.h"
#include "prong.h"

/*
 * A titled section of the configuration, as text: values by name and member
 * sections, both in their order.  What it may hold is a table of options.  A
 * service's handler options are such a section too.
 */
struct section_value {
	struct section_value *next;
	char *name;
	char *text;
	const char *by;		/* whose handler has declared it; or NULL */
};

struct prong_section {
	struct prong_section *next;
	char *name;			/* "menu", "on", "array" */
	char *title;
	const struct prong_option *members;	/* NULL: not known yet */
	struct section_value *values;
	struct section_value **end;	/* behind the last; NULL: not known */
	struct prong_section *sections;
	const char *by;		/* whose handler has declared it; or NULL */
};

struct prong_section *section_new(const char *name, const char *title,
    const struct prong_option *members);
void section_free(struct prong_section *);

/* Frees those values that a handler has declared. */
void section_drop_declared(struct prong_section *);

/* With its values, but not what is in it or behind it.  NULL: ENOMEM. */
struct prong_section *section_copy(const struct prong_section *);
void section_swap_values(struct prong_section *, struct prong_section *);

/* Appends to a list; -1 with EEXIST when the title is there already. */
int section_append(struct prong_section **list, struct prong_section *);
struct prong_section *section_find(struct prong_section *list,
    const char *name, const char *title);

/*
 * Stores a value as it is; replaces one of the name unless it is a list, or
 * unless it is not known yet which names are lists.
 */
int section_store(struct prong_section *, const char *name, const char *text);

const struct prong_option *section_option(const struct prong_option *members,
    const char *name);

/* Whether text is a value of the option; -1 with EINVAL or ERANGE. */
int section_check(const struct prong_option *, const char *text);
/* Whether two values are one, however they are written. */
bool section_is_same(const struct prong_option *, const char *,
    const char *);

/* The first value of that name that is stored; or NULL. */
struct section_value *section_value(const struct prong_section *,
    const char *name);
/* Notes who has declared the values of that name. */
void section_set_by(struct prong_section *, const char *name, const char *by);

/* The text of a value: as stored, else the option's default, else NULL. */
const char *section_text(const struct prong_section *, const char *name);
/* Value number index of a list, or NULL. */
const char *section_list_text(const struct prong_section *, const char *name,
    size_t index);
int64_t section_number(const struct prong_section *, const char *name);

/* Appends a quoted text that reads back as the same. */
int section_quote(char **out, const char *text);

/* Appends "name "title" { ... }" with every value, the defaults included. */
int section_dump(char **out, const struct prong_section *, int indent);

#endif
