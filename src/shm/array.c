/* SPDX-License-Identifier: ISC */
/*
 * Typed arrays in shared memory.
 */
#include "shm/array.h"

#include <sys/mman.h>

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/compiler.h"
#include "base/error.h"
#include "base/units.h"

/*
 * Behind the notes stand the cells.  The notes are of the lock's holder: which
 * cells he has changed since he took it, and what they held before.  A cell is
 * noted, the note is counted, then the cell is changed; no count is the moment
 * at which all has happened.  Until then whoever finds the holder dead leads
 * back to the beginning, as often as it takes (array_repair).  Nothing but
 * those cells is touched: what others add to the rest without the lock stays.
 */
struct array_layout {
	struct segment_header header;
	struct rlock lock __attribute__((aligned(64)));
	uint64_t count;			/* of notes */
	struct array_note {
		uint64_t cell, old;
	} notes[];
};

static const struct array_type {
	const char *name;
	int64_t min, max;	/* of the integer types */
} array_types[] = {
	[PRONG_INT8] = { "int8", INT8_MIN, INT8_MAX },
	[PRONG_INT16] = { "int16", INT16_MIN, INT16_MAX },
	[PRONG_INT32] = { "int32", INT32_MIN, INT32_MAX },
	[PRONG_INT64] = { "int64", INT64_MIN, INT64_MAX },
	[PRONG_UINT64] = { "uint64", 0, 0 },
	[PRONG_DOUBLE] = { "double", 0, 0 },
};

#define ARRAY_TYPES	(sizeof(array_types) / sizeof(array_types[0]))

int
array_type_by_name(const char *name)
{
	size_t i;

	for (i = 0; i < ARRAY_TYPES; i++)
		if (strcmp(array_types[i].name, name) == 0)
			return (int)i;
	return -1;
}

const char *
array_type_name(enum prong_array_type type)
{
	return array_types[type].name;
}

static int
array_parse_uint64(const char *text, union prong_value *v)
{
	char *end;

	errno = 0;
	v->natural = strtoull(text, &end, 10);
	if (text[strspn(text, "0123456789")] != '\0' || end == text)
		return error_set(EINVAL, "\"%.64s\" is not a uint64", text);
	if (errno == ERANGE)
		return error_set(ERANGE, "%.64s is not a uint64", text);
	return 0;
}

int
array_parse(enum prong_array_type type, const char *text, union prong_value *v)
{
	char *end;

	switch (type) {
	case PRONG_UINT64:
		return array_parse_uint64(text, v);
	case PRONG_DOUBLE:
		v->real = strtod(text, &end);
		if (end == text || *end != '\0' ||
		    isspace((unsigned char)text[0]))
			return error_set(EINVAL, "\"%.64s\" is not a double",
			    text);
		if (!isfinite(v->real))
			return error_set(ERANGE, "%.64s is not a finite double",
			    text);
		return 0;
	default:
		return units_integer(text, array_types[type].min,
		    array_types[type].max, &v->integer);
	}
}

static struct array_layout *
array_layout(const struct prong_array *a)
{
	return a->segment.base;
}

static size_t
array_notes(size_t length)
{
	return length < ARRAY_NOTES_MAX ? length : ARRAY_NOTES_MAX;
}

/* Where the cells begin. */
static size_t
array_offset(size_t length)
{
	return (sizeof(struct array_layout) + array_notes(length) *
	    sizeof(struct array_note) + 63) / 64 * 64;
}

/* Takes back what a holder has not finished; nothing there is believed. */
static size_t
array_repair(void *arg)
{
	struct prong_array *a = arg;
	struct array_layout *layout = array_layout(a);
	uint64_t count = __atomic_load_n(&layout->count, __ATOMIC_ACQUIRE);
	uint64_t i, cell;
	size_t n = 0;

	if (count > array_notes(a->length))
		count = array_notes(a->length);
	for (i = count; i-- > 0;) {
		cell = __atomic_load_n(&layout->notes[i].cell,
		    __ATOMIC_RELAXED);
		if (cell >= a->length)
			continue;
		__atomic_store_n(&a->cells[cell], layout->notes[i].old,
		    __ATOMIC_RELEASE);
		n++;
	}
	__atomic_store_n(&layout->count, 0, __ATOMIC_RELEASE);
	return n;
}

struct prong_array *
array_new(const char *name, enum prong_array_type type, size_t length)
{
	struct prong_array *a;
	struct array_layout *layout;

	if ((a = calloc(1, sizeof(*a))) == NULL ||
	    (a->name = strdup(name)) == NULL) {
		free(a);
		error_errno("array \"%s\"", name);
		return NULL;
	}
	a->type = type;
	a->length = length;
	a->segment.fd = -1;
	a->segment.base = MAP_FAILED;
	if (segment_create(&a->segment, name, ARRAY_LAYOUT,
	    array_offset(length) + length * sizeof(uint64_t), true) == -1) {
		array_free(a);
		return NULL;
	}
	layout = a->segment.base;
	a->cells = (uint64_t *)(void *)((char *)layout + array_offset(length));
	a->guard = (struct rlock_guard){
		.lock = &layout->lock, .kind = "array", .name = a->name,
		.repair = array_repair, .arg = a,
	};
	if (rlock_init(&layout->lock) == -1) {
		array_free(a);
		return NULL;
	}
	return a;
}

void
array_free(struct prong_array *a)
{
	if (a == NULL)
		return;
	segment_close(&a->segment);
	free(a->name);
	free(a);
}

enum prong_array_type
prong_array_type(const struct prong_array *a)
{
	return a->type;
}

size_t
prong_array_length(const struct prong_array *a)
{
	return a->length;
}

uint64_t
array_recovered(const struct prong_array *a)
{
	return __atomic_load_n(&array_layout(a)->lock.recovered,
	    __ATOMIC_RELAXED);
}

static uint64_t *
array_cell(struct prong_array *a, size_t index)
{
	if (index >= a->length) {
		error_set(EINVAL, "array \"%s\" has no cell %zu: it has %zu",
		    a->name, index, a->length);
		return NULL;
	}
	return &a->cells[index];
}

/* Whether the type can hold the value; sets the error if not. */
static int
array_fits(const struct prong_array *a, union prong_value v)
{
	const struct array_type *type = &array_types[a->type];

	if (a->type == PRONG_UINT64 || a->type == PRONG_DOUBLE)
		return 0;
	if (v.integer < type->min || v.integer > type->max)
		return error_set(ERANGE, "array \"%s\": %" PRId64 " is not an "
		    "%s", a->name, v.integer, type->name);
	return 0;
}

/*
 * Under the lock, before the cell is changed.  The order of these stores is
 * that of the program, for a kill as well; only the compiler could change it.
 */
static UNUSUAL int
array_note(struct prong_array *a, size_t index)
{
	struct array_layout *layout = array_layout(a);
	uint64_t count = layout->count, i;

	for (i = count; i-- > 0;)
		if (layout->notes[i].cell == index)
			return 0;
	if (count >= array_notes(a->length))
		return error_set(ENOSPC, "array \"%s\": %zu cells have been "
		    "changed under the lock: unlock before more", a->name,
		    array_notes(a->length));
	layout->notes[count].cell = index;
	layout->notes[count].old = __atomic_load_n(&a->cells[index],
	    __ATOMIC_RELAXED);
	__atomic_store_n(&layout->count, count + 1, __ATOMIC_RELEASE);
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	return 0;
}

/* Before each change of a cell: it is noted if that is part of a whole. */
static IN_LINE int
array_begin(struct prong_array *a, size_t index)
{
	if (__builtin_expect(!__atomic_load_n(&a->locked, __ATOMIC_RELAXED),
	    1) || !rlock_is_held(a->guard.lock))
		return 0;
	return array_note(a, index);
}

int
prong_array_get(struct prong_array *a, size_t index, union prong_value *v)
{
	uint64_t *cell;

	if ((cell = array_cell(a, index)) == NULL)
		return -1;
	v->natural = __atomic_load_n(cell, __ATOMIC_ACQUIRE);
	return 0;
}

int
prong_array_set(struct prong_array *a, size_t index, union prong_value v)
{
	uint64_t *cell;

	if ((cell = array_cell(a, index)) == NULL || array_fits(a, v) == -1 ||
	    array_begin(a, index) == -1)
		return -1;
	__atomic_store_n(cell, v.natural, __ATOMIC_RELEASE);
	return 0;
}

/* a + b by the array's type; ERANGE when it does not fit. */
static int
array_plus(const struct prong_array *a, union prong_value x,
    union prong_value y, union prong_value *sum)
{
	bool overflow = false;

	if (a->type == PRONG_DOUBLE)
		sum->real = x.real + y.real;
	else if (a->type == PRONG_UINT64)
		overflow = __builtin_add_overflow(x.natural, y.natural,
		    &sum->natural);
	else
		overflow = __builtin_add_overflow(x.integer, y.integer,
		    &sum->integer);
	if (overflow)
		return error_set(ERANGE, "array \"%s\": the sum is not an %s",
		    a->name, array_type_name(a->type));
	return 0;
}

int
prong_array_add(struct prong_array *a, size_t index, union prong_value v,
    union prong_value *result)
{
	union prong_value old, sum;
	uint64_t *cell;

	if ((cell = array_cell(a, index)) == NULL)
		return -1;
	if (array_begin(a, index) == -1)
		return -1;
	old.natural = __atomic_load_n(cell, __ATOMIC_RELAXED);
	do {
		if (array_plus(a, old, v, &sum) == -1 ||
		    array_fits(a, sum) == -1)
			return -1;
	} while (!__atomic_compare_exchange_n(cell, &old.natural, sum.natural,
	    false, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED));
	if (result != NULL)
		*result = sum;
	return 0;
}

int
prong_array_cas(struct prong_array *a, size_t index, union prong_value expected,
    union prong_value desired)
{
	uint64_t *cell;

	if ((cell = array_cell(a, index)) == NULL ||
	    array_fits(a, desired) == -1 || array_begin(a, index) == -1)
		return -1;
	return __atomic_compare_exchange_n(cell, &expected.natural,
	    desired.natural, false, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED);
}

int
prong_array_lock(struct prong_array *a, int64_t ms)
{
	if (rlock_take(&a->guard, ms) == -1)
		return -1;
	__atomic_store_n(&a->locked, true, __ATOMIC_RELAXED);
	return 0;
}

int
prong_array_unlock(struct prong_array *a)
{
	struct array_layout *layout = array_layout(a);

	/* The outermost of its holder: what was begun is done. */
	if (rlock_is_held(&layout->lock) && layout->lock.depth == 0) {
		__atomic_store_n(&layout->count, 0, __ATOMIC_RELEASE);
		__atomic_store_n(&a->locked, false, __ATOMIC_RELAXED);
	}
	return rlock_give(&a->guard);
}

int
prong_array_sum(struct prong_array *a, union prong_value *sum)
{
	union prong_value v;
	size_t i;
	int r = 0;

	sum->natural = 0;	/* 0.0 as well */
	if (prong_array_lock(a, RLOCK_ENGINE_MS) == -1)
		return -1;
	for (i = 0; r == 0 && i < a->length; i++) {
		v.natural = __atomic_load_n(&a->cells[i], __ATOMIC_RELAXED);
		r = array_plus(a, *sum, v, sum);
	}
	prong_array_unlock(a);
	return r;
}

int
prong_array_snapshot(struct prong_array *a, union prong_value *to,
    size_t count)
{
	size_t i;

	if (count > a->length)
		return error_set(EINVAL, "array \"%s\" has no %zu cells: it "
		    "has %zu", a->name, count, a->length);
	if (prong_array_lock(a, RLOCK_ENGINE_MS) == -1)
		return -1;
	for (i = 0; i < count; i++)
		to[i].natural = __atomic_load_n(&a->cells[i], __ATOMIC_RELAXED);
	return prong_array_unlock(a);
}
