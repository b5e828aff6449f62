/* SPDX-License-Identifier: ISC */
/*
 * Who holds what in this thread.
 */
#include "base/holder.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/random.h"

/* The cookie's highest bit is set, so no serial number makes it 0. */
#define HOLDER_BIT	(1ULL << 63)

__thread uint64_t holder_cookie;
__thread uint64_t holder_serials;
__thread uint64_t holder_here;
__thread uint64_t holder_plain;
__thread uint32_t holder_waiters;
__thread struct holder *holder_current;

static pthread_once_t holder_once = PTHREAD_ONCE_INIT;

/* A child is nobody's heir. */
static void
holder_forget(void)
{
	holder_cookie = holder_here = holder_plain = 0;
	if (holder_current != NULL)
		*holder_current = (struct holder){ 0 };
}

static void
holder_register(void)
{
	pthread_atfork(NULL, NULL, holder_forget);
}

uint64_t
holder_ask(void)
{
	if (holder_cookie == 0) {
		pthread_once(&holder_once, holder_register);
		random_fill(&holder_cookie, sizeof(holder_cookie));
		holder_cookie |= HOLDER_BIT;
	}
	if (holder_current == NULL)
		holder_set(holder_cookie);
	else {
		holder_current->id = holder_cookie ^ ++holder_serials;
		holder_set(holder_current->id);
	}
	return holder_here;
}

void
holder_del_some(struct held *held)
{
	struct held **at = &holder_current->held;

	while (*at != NULL && *at != held)
		at = &(*at)->next;
	if (*at != NULL)
		*at = held->next;
}

void
holder_end_some(struct holder *h)
{
	/* What it held before a fork is the parent's. */
	bool is_mine = holder_is_here(h->id);
	struct held *held;

	while ((held = h->held) != NULL) {
		h->held = held->next;
		if (is_mine)
			held->abandon(held, h->id);
	}
}
