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
 * Behind the cells stand the notes, which are of the lock's holder: which cells
 * he has changed since he took it, and what they held before.  A cell is
 * noted, the note is counted, then the cell is changed; no count is the moment
 * at which all has happened.  Until then whoever finds the holder dead leads
 * back to the beginning, as often as it takes (array_repair).  Nothing but
 * those cells is touched: what others add to the rest without the lock stays.
 */
struct array_layout {
	struct segment_header header;
	struct rlock lock __attribute__((aligned(64)));
	uint64_t count;			/* of notes */
	uint64_t cells[] __attribute__((aligned(64)));
};

struct array_note {
	uint64_t cell, old;
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

/* It stands so far behind what the process knows of it. */
static IN_LINE struct array_layout *
array_layout(const struct prong_array *a)
{
	return (struct array_layout *)((uintptr_t)a + SEGMENT_PAGE);
}

static size_t
array_notes_max(size_t length)
{
	return length < ARRAY_NOTES_MAX ? length : ARRAY_NOTES_MAX;
}

static struct array_note *
array_notes(struct prong_array *a)
{
	return (struct array_note *)&array_layout(a)->cells[a->length];
}

/* Takes back what a holder has not finished; nothing there is believed. */
static size_t
array_repair(void *arg)
{
	struct prong_array *a = arg;
	struct array_layout *layout = array_layout(a);
	const struct array_note *notes = array_notes(a);
	uint64_t count = __atomic_load_n(&layout->count, __ATOMIC_ACQUIRE);
	uint64_t i, cell;
	size_t n = 0;

	if (count > array_notes_max(a->length))
		count = array_notes_max(a->length);
	for (i = count; i-- > 0;) {
		cell = __atomic_load_n(&notes[i].cell, __ATOMIC_RELAXED);
		if (cell >= a->length)
			continue;
		__atomic_store_n(&layout->cells[cell], notes[i].old,
		    __ATOMIC_RELEASE);
		n++;
	}
	__atomic_store_n(&layout->count, 0, __ATOMIC_RELEASE);
	return n;
}

/* Which cells can be added to without more ado. */
static void
array_set_locked(struct prong_array *a, bool locked)
{
	__atomic_store_n(&a->locked, locked, __ATOMIC_RELAXED);
	__atomic_store_n(&a->quick, a->type == PRONG_INT64 && !locked ?
	    a->length : 0, __ATOMIC_RELAXED);
}

/* fd: of one that there is already, or -1. */
static struct prong_array *
array_make(struct segment *s, const char *name, size_t size, int fd)
{
	struct prong_array *a;

	if ((fd == -1 ? segment_create(s, name, ARRAY_LAYOUT, size, true) :
	    segment_adopt(s, name, size, fd)) == -1)
		return NULL;
	if ((a = segment_precede(s, SEGMENT_PAGE)) == NULL) {
		segment_close(s);
		return NULL;
	}
	a->segment = *s;
	return a;
}

static struct prong_array *
array_open(const char *name, enum prong_array_type type, size_t length, int fd)
{
	struct segment s;
	struct prong_array *a;

	a = array_make(&s, name, sizeof(struct array_layout) + length *
	    sizeof(uint64_t) + array_notes_max(length) *
	    sizeof(struct array_note), fd);
	if (a == NULL)
		return NULL;
	a->type = type;
	a->length = length;
	strlcpy(a->name, name, sizeof(a->name));
	array_set_locked(a, false);
	a->guard = (struct rlock_guard){
		.lock = &array_layout(a)->lock, .kind = "array",
		.name = a->name, .repair = array_repair, .arg = a,
	};
	return a;
}

struct prong_array *
array_new(const char *name, enum prong_array_type type, size_t length)
{
	struct prong_array *a = array_open(name, type, length, -1);

	if (a == NULL || rlock_init(&array_layout(a)->lock) == 0)
		return a;
	array_free(a);
	return NULL;
}

struct prong_array *
array_adopt(const char *name, enum prong_array_type type, size_t length,
    int fd)
{
	return array_open(name, type, length, fd);
}

void
array_free(struct prong_array *a)
{
	struct segment s;

	if (a == NULL)
		return;
	/* Its own memory goes along. */
	s = a->segment;
	segment_close(&s);
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
	return &array_layout(a)->cells[index];
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
	struct array_note *notes = array_notes(a);
	uint64_t count = __atomic_load_n(&layout->count, __ATOMIC_RELAXED), i;

	/* Whoever should not have may have written there. */
	if (count > array_notes_max(a->length))
		count = array_notes_max(a->length);
	for (i = count; i-- > 0;)
		if (notes[i].cell == index)
			return 0;
	if (count >= array_notes_max(a->length))
		return error_set(ENOSPC, "array \"%s\": %zu cells have been "
		    "changed under the lock: unlock before more", a->name,
		    array_notes_max(a->length));
	notes[count].cell = index;
	notes[count].old = __atomic_load_n(&layout->cells[index],
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

static int
array_no_sum(const struct prong_array *a, enum prong_array_type type)
{
	return error_set(ERANGE, "array \"%s\": the sum is not %s %s", a->name,
	    type == PRONG_UINT64 || type == PRONG_DOUBLE ? "a" : "an",
	    array_type_name(type));
}

/* a + b by the array's type; ERANGE when it does not fit. */
static int
array_plus(const struct prong_array *a, union prong_value x,
    union prong_value y, union prong_value *sum)
{
	bool overflow = false;

	if (a->type == PRONG_DOUBLE) {
		sum->real = x.real + y.real;
		overflow = !isfinite(sum->real) && isfinite(x.real) &&
		    isfinite(y.real);
	} else if (a->type == PRONG_UINT64)
		overflow = __builtin_add_overflow(x.natural, y.natural,
		    &sum->natural);
	else
		overflow = __builtin_add_overflow(x.integer, y.integer,
		    &sum->integer);
	return overflow ? array_no_sum(a, a->type) : 0;
}

static OUT_OF_LINE int
array_add_late(struct prong_array *a, size_t index, union prong_value v,
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

/* Others have brought it so far between the look and the addition. */
static UNUSUAL int
array_take_back(struct prong_array *a, size_t index, int64_t n)
{
	__atomic_fetch_sub(&array_layout(a)->cells[index], (uint64_t)n,
	    __ATOMIC_ACQ_REL);
	return array_no_sum(a, PRONG_INT64);
}

/* Whether it is within a half of what an int64 can be. */
static IN_LINE bool
array_is_small(int64_t n)
{
	return (uint64_t)n + (1ULL << 62) < 1ULL << 63;
}

/*
 * As a rule one atomic instruction and no pointer to follow: it is compared
 * with a bare one.
 */
USUAL ON_A_LINE int
prong_array_add(struct prong_array *a, size_t index, union prong_value v,
    union prong_value *result)
{
	int64_t *cell, sum;
	bool over;

	if (__builtin_expect(index >= __atomic_load_n(&a->quick,
	    __ATOMIC_RELAXED), 0))
		return array_add_late(a, index, v, result);
	cell = (int64_t *)&array_layout(a)->cells[index];
	/* Both so small that nothing runs over, whoever else adds to it now. */
	sum = __atomic_load_n(cell, __ATOMIC_RELAXED);
	if (__builtin_expect(!array_is_small(sum) ||
	    !array_is_small(v.integer), 0))
		return array_add_late(a, index, v, result);
	if (result == NULL)
		over = add_shared(cell, v.integer);
	else
		over = __builtin_add_overflow(__atomic_fetch_add(cell,
		    v.integer, __ATOMIC_ACQ_REL), v.integer, &sum);
	if (__builtin_expect(over, 0))
		return array_take_back(a, index, v.integer);
	if (result != NULL)
		result->integer = sum;
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
	array_set_locked(a, true);
	return 0;
}

int
prong_array_unlock(struct prong_array *a)
{
	struct array_layout *layout = array_layout(a);

	/* The outermost of its holder: what was begun is done. */
	if (rlock_is_held(&layout->lock) && layout->lock.depth == 0) {
		__atomic_store_n(&layout->count, 0, __ATOMIC_RELEASE);
		array_set_locked(a, false);
	}
	return rlock_give(&a->guard);
}

/* It may run over on the way, up or down, and come back as often. */
static int
array_total(const struct prong_array *a, union prong_value *sum)
{
	union prong_value v;
	bool is_finite = true;	/* each cell of doubles */
	int64_t carry = 0;
	size_t i;

	for (i = 0; i < a->length; i++) {
		v.natural = __atomic_load_n(&array_layout(a)->cells[i],
		    __ATOMIC_RELAXED);
		if (a->type == PRONG_DOUBLE) {
			sum->real += v.real;
			is_finite = is_finite && isfinite(v.real);
		} else if (a->type == PRONG_UINT64)
			carry += __builtin_add_overflow(sum->natural,
			    v.natural, &sum->natural);
		else if (__builtin_add_overflow(sum->integer, v.integer,
		    &sum->integer))
			carry += v.integer < 0 ? -1 : 1;
	}
	if (a->type == PRONG_DOUBLE)
		return isfinite(sum->real) || !is_finite ? 0 :
		    array_no_sum(a, PRONG_DOUBLE);
	return carry == 0 ? 0 : array_no_sum(a, a->type == PRONG_UINT64 ?
	    PRONG_UINT64 : PRONG_INT64);
}

int
prong_array_sum(struct prong_array *a, union prong_value *sum)
{
	int r;

	sum->natural = 0;	/* 0.0 as well */
	if (prong_array_lock(a, RLOCK_ENGINE_MS) == -1)
		return -1;
	r = array_total(a, sum);
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
		to[i].natural = __atomic_load_n(&array_layout(a)->cells[i], __ATOMIC_RELAXED);
	return prong_array_unlock(a);
}
