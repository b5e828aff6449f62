/* SPDX-License-Identifier: ISC */
#ifndef PRONGD_SCHEMA_H
#define PRONGD_SCHEMA_H

#include <confuse.h>
#include <stdbool.h>

#include "prong.h"

/*
 * The tables from which libconfuse knows what may stand where.  They are made
 * from what the engine and the handlers say of their settings: no key of a
 * setting is written here.
 */

/* The section that a call of <prong.h>, not a table, stands for. */
#define SCHEMA_SERVICE	"service"

/* What libconfuse calls while it reads. */
struct schema_calls {
	cfg_callback_t begin;		/* of a section: the cfg_t given */
	cfg_validate_callback_t end;
	cfg_callback_t value;		/* a scalar, or one value of a list */
	cfg_func_t set;
	cfg_func_t include;
};

struct schema;
struct schema *schema_new(const struct prong_handler *const *handlers,
    const struct schema_calls *);
void schema_free(struct schema *);
cfg_opt_t *schema_root(struct schema *);

/*
 * Whether an option of a handler may be given more than once.  Of a handler
 * that is none of these, a module for one, any may: the engine knows better.
 */
bool schema_is_list(const struct prong_handler *const *, const char *handler,
    const char *option);

/* The engine's own setting of this key, or NULL. */
const struct prong_setting *schema_find(enum prong_scope, const char *key);

#endif
