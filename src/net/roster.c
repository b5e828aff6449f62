/* SPDX-License-Identifier: ISC */
/*
 * The connections of a process by their numbers, in chains.
 */
#include "net/roster.h"

#include <stdlib.h>

#include "net/conn.h"

#define ROSTER_FIRST_BITS	4

static uint32_t
roster_bits(const struct roster *r)
{
	return r->bits == 0 ? ROSTER_FIRST_BITS : r->bits;
}

static struct prong_conn **
roster_chains(const struct roster *r)
{
	return r->chains != NULL ? r->chains :
	    (struct prong_conn **)(uintptr_t)r->first;
}

static struct prong_conn **
roster_chain(const struct roster *r, uint64_t id)
{
	/* Numbers that follow one another are spread by the golden ratio. */
	return &roster_chains(r)[id * 0x9e3779b97f4a7c15 >>
	    (64 - roster_bits(r))];
}

static void
roster_put(const struct roster *r, struct prong_conn *c)
{
	struct prong_conn **chain = roster_chain(r, c->entry->id);

	c->next_known = *chain;
	*chain = c;
}

/* Without memory for it the chains get longer, that is all. */
static void
roster_grow(struct roster *r)
{
	struct roster larger = { .bits = roster_bits(r) + 2 };
	struct prong_conn *c, *next;
	size_t i;

	larger.chains = calloc((size_t)1 << larger.bits,
	    sizeof(struct prong_conn *));
	if (larger.chains == NULL)
		return;
	for (i = 0; i < (size_t)1 << roster_bits(r); i++)
		for (c = roster_chains(r)[i]; c != NULL; c = next) {
			next = c->next_known;
			roster_put(&larger, c);
		}
	free(r->chains);
	r->chains = larger.chains;
	r->bits = larger.bits;
}

void
roster_add(struct roster *r, struct prong_conn *c)
{
	if (r->count >> roster_bits(r) > 1)
		roster_grow(r);
	roster_put(r, c);
	r->count++;
}

void
roster_del(struct roster *r, struct prong_conn *c)
{
	struct prong_conn **at = roster_chain(r, c->entry->id);

	while (*at != NULL && *at != c)
		at = &(*at)->next_known;
	if (*at == NULL)
		return;
	/* Whoever walks along still finds the way on from this one. */
	*at = c->next_known;
	r->count--;
}

struct prong_conn *
roster_find(const struct roster *r, uint64_t id)
{
	struct prong_conn *c = *roster_chain(r, id);

	while (c != NULL && c->entry->id != id)
		c = c->next_known;
	return c;
}

void
roster_each(const struct roster *r, void (*fn)(struct prong_conn *, void *),
    void *arg)
{
	struct prong_conn *c, *next;
	size_t i;

	for (i = 0; i < (size_t)1 << roster_bits(r); i++)
		for (c = roster_chains(r)[i]; c != NULL; c = next) {
			next = c->next_known;
			fn(c, arg);
		}
}

void
roster_free(struct roster *r)
{
	free(r->chains);
	*r = (struct roster){ .bits = 0 };
}
