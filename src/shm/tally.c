/* SPDX-License-Identifier: ISC */
/*
 * Counters of a handler's own: their tables, their names in shared memory, and
 * their cells.
 *
 * Whoever adds a name writes it whole before the count that makes it valid, so
 * one who is killed over it leaves nothing to repair.
 */
#include "shm/tally.h"

#include <sys/mman.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "shm/counter.h"

/* Of one service: names, then a row of cells for each slot. */
struct tally_block {
	uint64_t count;
	uint64_t unused[7];
	struct tally_name names[TALLY_MAX];
	uint64_t rows[][TALLY_MAX];
};

/* Behind the segment's header, on a page of its own. */
#define TALLY_OFFSET	4096

/* --- tables --------------------------------------------------------------- */

static bool
tally_is_name(const char *name)
{
	size_t length = strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_");

	return name[0] >= 'a' && name[0] <= 'z' && name[length] == '\0' &&
	    length < TALLY_NAME;
}

/* How many bytes of UTF-8 the character at p takes; 0: it is none. */
static size_t
tally_character(const unsigned char *p)
{
	size_t length = p[0] < 0x80 ? 1 : p[0] < 0xc2 ? 0 : p[0] < 0xe0 ? 2 :
	    p[0] < 0xf0 ? 3 : p[0] < 0xf5 ? 4 : 0, i;

	for (i = 1; i < length; i++)
		if ((p[i] & 0xc0) != 0x80)
			return 0;
	/* Too long for what it says, surrogates, beyond the last one. */
	if ((p[0] == 0xe0 && p[1] < 0xa0) || (p[0] == 0xed && p[1] > 0x9f) ||
	    (p[0] == 0xf0 && p[1] < 0x90) || (p[0] == 0xf4 && p[1] > 0x8f))
		return 0;
	return length;
}

/* One line of text, that people and JSON can have. */
static bool
tally_is_line(const char *text)
{
	const unsigned char *p = (const unsigned char *)text;
	size_t length;

	for (; *p != '\0'; p += length)
		if (*p < 0x20 || *p == 0x7f ||
		    (length = tally_character(p)) == 0)
			return false;
	return true;
}

static int
tally_check_one(const struct prong_counter *table, size_t index)
{
	const struct prong_counter *c = &table[index];
	size_t i;

	if (!tally_is_name(c->name))
		return error_set(EINVAL, "the name of its counter number %zu, "
		    "\"%.64s\", is not one: a letter, then letters, digits and "
		    "\"_\", all of them small, and %d at most", index + 1,
		    c->name, TALLY_NAME - 1);
	if (counter_has_name(c->name))
		return error_set(EINVAL, "its counter \"%s\" has the name of "
		    "one that every service has", c->name);
	for (i = 0; i < index; i++)
		if (strcmp(table[i].name, c->name) == 0)
			return error_set(EINVAL, "it has two counters \"%s\"",
			    c->name);
	if (c->help == NULL || c->help[0] == '\0')
		return error_set(EINVAL, "its counter \"%s\" has no "
		    "description", c->name);
	if (strnlen(c->help, TALLY_HELP) == TALLY_HELP ||
	    !tally_is_line(c->help))
		return error_set(EINVAL, "the description of its counter "
		    "\"%s\" is not one line of at most %d bytes", c->name,
		    TALLY_HELP - 1);
	return 0;
}

int
tally_check(const struct prong_counter *table)
{
	size_t i;

	for (i = 0; table != NULL && table[i].name != NULL; i++) {
		if (i == TALLY_MAX)
			return error_set(EINVAL, "its table of counters has no "
			    "end within %d of them", TALLY_MAX);
		if (tally_check_one(table, i) == -1)
			return -1;
	}
	return 0;
}

struct tally *
tally_new(const struct prong_counter *table)
{
	struct tally *t;

	if ((t = calloc(1, sizeof(*t))) == NULL) {
		error_errno("counters");
		return NULL;
	}
	for (; table[t->count].name != NULL; t->count++)
		t->cells[t->count] = &t->own[t->count];
	return t;
}

/* --- shared memory -------------------------------------------------------- */

/* Whole pages, so that backing one service backs nothing of another. */
static size_t
tallies_block_size(const struct tallies *t)
{
	size_t size = sizeof(struct tally_block) +
	    t->slots * TALLY_MAX * sizeof(uint64_t);

	return (size + TALLY_OFFSET - 1) / TALLY_OFFSET * TALLY_OFFSET;
}

static size_t
tallies_offset(const struct tallies *t, uint32_t service)
{
	return TALLY_OFFSET + service * tallies_block_size(t);
}

static struct tally_block *
tallies_block(const struct tallies *t, uint32_t service)
{
	return (struct tally_block *)((char *)t->segment.base +
	    tallies_offset(t, service));
}

int
tallies_create(struct tallies *t, uint32_t slots, uint32_t services)
{
	t->slots = slots;
	t->services = services;
	t->segment.fd = -1;
	t->segment.base = MAP_FAILED;
	if ((t->backed = calloc(services, sizeof(*t->backed))) == NULL)
		return error_errno("counters");
	if (segment_create(&t->segment, "prong-counters", TALLY_LAYOUT,
	    tallies_offset(t, services), false) == -1) {
		tallies_close(t);
		return -1;
	}
	return 0;
}

void
tallies_close(struct tallies *t)
{
	segment_close(&t->segment);
	free(t->backed);
	t->backed = NULL;
}

int
tallies_back(struct tallies *t, uint32_t service)
{
	if (t->backed[service])
		return 0;
	if (segment_back(&t->segment, (off_t)tallies_offset(t, service),
	    (off_t)tallies_block_size(t)) == -1)
		return error_errno("shared memory for counters");
	t->backed[service] = true;
	return 0;
}

void
tallies_clear(struct tallies *t, uint32_t service)
{
	if (t->backed[service])
		memset((char *)t->segment.base + tallies_offset(t, service), 0,
		    tallies_block_size(t));
}

/* The cell of a name; -1: there is no room for another. */
static int
tallies_find(struct tally_block *b, const struct prong_counter *c)
{
	uint64_t count = __atomic_load_n(&b->count, __ATOMIC_ACQUIRE), i;

	for (i = 0; i < count && i < TALLY_MAX; i++)
		if (strncmp(b->names[i].name, c->name, TALLY_NAME) == 0)
			break;
	if (i == TALLY_MAX)
		return error_set(ENOSPC, "no room for its counter \"%s\": with "
		    "those of the handlers that it had before, the service "
		    "has %d", c->name, TALLY_MAX);
	/* The description may be another's by now. */
	strlcpy(b->names[i].help, c->help, TALLY_HELP);
	if (i == count) {
		strlcpy(b->names[i].name, c->name, TALLY_NAME);
		__atomic_store_n(&b->count, i + 1, __ATOMIC_RELEASE);
	}
	return (int)i;
}

int
tallies_join(const struct tallies *t, uint32_t slot, uint32_t service,
    const struct prong_counter *table, struct tally *tally)
{
	struct tally_block *b = tallies_block(t, service);
	unsigned int i;
	int cell;

	if (!t->backed[service])
		return error_set(ENOSPC, "no memory was kept for counters");
	for (i = 0; i < tally->count; i++) {
		if ((cell = tallies_find(b, &table[i])) == -1)
			return -1;
		tally->cells[i] = &b->rows[slot][cell];
	}
	return 0;
}

size_t
tallies_names(const struct tallies *t, uint32_t service,
    struct tally_name names[TALLY_MAX], size_t cells[TALLY_MAX])
{
	const struct tally_block *b;
	struct tally_name *to = names;
	uint64_t count, i;

	if (service >= t->services || !t->backed[service])
		return 0;
	b = tallies_block(t, service);
	count = __atomic_load_n(&b->count, __ATOMIC_ACQUIRE);
	for (i = 0; i < count && i < TALLY_MAX; i++) {
		*to = b->names[i];
		to->name[TALLY_NAME - 1] = to->help[TALLY_HELP - 1] = '\0';
		if (!tally_is_name(to->name) || counter_has_name(to->name))
			continue;
		if (!tally_is_line(to->help))
			to->help[0] = '\0';
		cells[to++ - names] = i;
	}
	return (size_t)(to - names);
}

uint64_t
tallies_sum(const struct tallies *t, uint32_t service, size_t cell)
{
	const struct tally_block *b = tallies_block(t, service);
	uint64_t sum = 0;
	uint32_t slot;

	for (slot = 0; slot < t->slots; slot++)
		sum += __atomic_load_n(&b->rows[slot][cell],
		    __ATOMIC_RELAXED);
	return sum;
}
