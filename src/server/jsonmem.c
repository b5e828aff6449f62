/* SPDX-License-Identifier: ISC */
/*
 * The memory of jansson, while somebody watches it.
 */
#include "server/jsonmem.h"

#include <jansson.h>
#include <stddef.h>

static struct {
	json_malloc_t malloc;
	json_free_t free;
	unsigned int watched;		/* by so many */
	bool failed;
} jsonmem;

static void *
jsonmem_malloc(size_t size)
{
	void *p = jsonmem.malloc(size);

	if (p == NULL)
		jsonmem.failed = true;
	return p;
}

void
jsonmem_watch(void)
{
	if (jsonmem.watched++ > 0)
		return;
	/* A program around us may have functions of its own. */
	json_get_alloc_funcs(&jsonmem.malloc, &jsonmem.free);
	json_set_alloc_funcs(jsonmem_malloc, jsonmem.free);
}

void
jsonmem_forget(void)
{
	if (--jsonmem.watched > 0)
		return;
	json_set_alloc_funcs(jsonmem.malloc, jsonmem.free);
}

void
jsonmem_begin(void)
{
	jsonmem.failed = false;
}

bool
jsonmem_has_failed(void)
{
	return jsonmem.failed;
}
