/* SPDX-License-Identifier: ISC */
/*
 * What connections of former masters hold of the limits: their ledgers, which
 * their own processes go on writing, and are only read here.
 *
 * Those processes accept nobody any more, so what is read only becomes less: a
 * limit less that, asked of our own account, is never too generous.
 */
#include "shm/ledger.h"

#include <sys/mman.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"

#define SERVICES_MAX	(1U << 16)

void
ledger_former_close(struct ledger_former *f)
{
	segment_close(&f->ledger.segment);
	free(f->names);
	free(f->rows);
	f->names = NULL;
	f->rows = NULL;
}

static int
ledger_former_map(struct ledger *l, int fd)
{
	if (ledger_adopt(l, fd) == -1)
		return -1;
	if (mprotect(l->segment.base, l->segment.size, PROT_READ) == 0)
		return 0;
	segment_close(&l->segment);
	return error_errno("limits of the server before");
}

int
ledger_former_open(struct ledger_former *f, int fd,
    const struct ledger_sizes *sizes)
{
	*f = (struct ledger_former){
		.ledger = { .segment = { .fd = -1 }, .slots = sizes->slots,
		    .services = sizes->services,
		    .sources = sizes->sources,
		    .has_sources = sizes->has_sources },
	};
	if (segment_check_layout("memory", "ledger", sizes->layout,
	    LEDGER_LAYOUT) == -1) {
		close(fd);
		return -1;
	}
	if (sizes->slots == 0 || sizes->slots > 1U << LEDGER_SLOT_BITS ||
	    sizes->services == 0 || sizes->services > SERVICES_MAX ||
	    sizes->sources > LEDGER_SOURCES_MAX) {
		close(fd);
		return error_set(EPROTO, "the ledger of a server before has "
		    "sizes that none has");
	}
	f->names = calloc(sizes->services, sizeof(*f->names));
	if (f->names == NULL) {
		close(fd);
		return error_errno("limits of the server before");
	}
	if (ledger_former_map(&f->ledger, fd) == 0)
		return 0;
	ledger_former_close(f);
	return -1;
}

int
ledger_follow(struct ledger *l, struct ledger_former *formers, uint32_t count)
{
	size_t size = l->services * sizeof(uint32_t);
	uint32_t i;

	l->formers = calloc(LEDGER_FORMERS_MAX, sizeof(*l->formers));
	if (l->formers == NULL)
		return error_errno("limits of the server before");
	for (i = 0; i < count; i++) {
		if ((formers[i].rows = malloc(size)) == NULL)
			return error_errno("limits of the server before");
		memset(formers[i].rows, 0xff, size);
	}
	memcpy(l->formers, formers, count * sizeof(*formers));
	l->former_count = count;
	ledger_keep_formers(l, count);
	return 0;
}

void
ledger_keep_formers(struct ledger *l, uint32_t count)
{
	while (l->former_count > count)
		ledger_former_close(&l->formers[--l->former_count]);
	/* Processes that have been forked before look here. */
	__atomic_store_n(ledger_behind(l), l->former_count, __ATOMIC_RELAXED);
}

void
ledger_name(struct ledger *l, uint32_t service, const char *name)
{
	struct ledger_former *f;
	uint32_t i, k;

	for (i = 0; i < l->former_count; i++) {
		f = &l->formers[i];
		f->rows[service] = UINT32_MAX;
		for (k = 0; f->names != NULL && k < f->ledger.services; k++)
			if (strcmp(f->names[k], name) == 0)
				f->rows[service] = k;
	}
}

/* How many are read: this process may have been forked when there were more. */
static uint32_t
ledger_formers(const struct ledger *l)
{
	uint64_t behind;

	if (l->former_count == 0)
		return 0;
	behind = __atomic_load_n(ledger_behind(l), __ATOMIC_RELAXED);
	return behind < l->former_count ? (uint32_t)behind : l->former_count;
}

static uint32_t
ledger_less(uint32_t limit, uint64_t held)
{
	return held < limit ? limit - (uint32_t)held : 0;
}

uint32_t
ledger_left(const struct ledger *l, uint32_t service, uint32_t limit)
{
	uint32_t i, count = limit == UINT32_MAX ? 0 : ledger_formers(l);
	const struct ledger_former *f;
	uint64_t held = 0;

	for (i = 0; i < count; i++) {
		f = &l->formers[i];
		if (f->rows[service] < f->ledger.services)
			held += ledger_count(ledger_account(&f->ledger,
			    f->rows[service]));
	}
	return limit == UINT32_MAX ? limit : ledger_less(limit, held);
}

static uint32_t
ledger_former_holds(const struct ledger_former *f, uint32_t service,
    uint8_t family, const uint8_t address[16])
{
	uint32_t row = f->rows[service], account;

	/* What is not there would take memory when it is read. */
	if (row >= f->ledger.services || !f->ledger.has_sources)
		return 0;
	account = ledger_source_find(&f->ledger, ledger_source_key(&f->ledger,
	    row, family, address));
	return account == LEDGER_NONE ? 0 :
	    ledger_count(ledger_account(&f->ledger, account));
}

uint32_t
ledger_left_source(const struct ledger *l, uint32_t service, uint8_t family,
    const uint8_t address[16], uint32_t limit)
{
	uint32_t i, count = limit == UINT32_MAX ? 0 : ledger_formers(l);
	uint64_t held = 0;

	for (i = 0; i < count; i++)
		held += ledger_former_holds(&l->formers[i], service, family,
		    address);
	return limit == UINT32_MAX ? limit : ledger_less(limit, held);
}
