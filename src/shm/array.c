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

#include "base/error.h"
#include "base/units.h"

struct array_layout {
	struct segment_header header;
	struct rlock lock __attribute__((aligned(64)));
	uint64_t cells[] __attribute__((aligned(64)));
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
	if (segment_create(&a->segment, name, ARRAY_LAYOUT, sizeof(*layout) +
	    length * sizeof(uint64_t), true) == -1) {
		array_free(a);
		return NULL;
	}
	layout = a->segment.base;
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

static struct array_layout *
array_layout(const struct prong_array *a)
{
	return a->segment.base;
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

	if ((cell = array_cell(a, index)) == NULL || array_fits(a, v) == -1)
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
	    array_fits(a, desired) == -1)
		return -1;
	return __atomic_compare_exchange_n(cell, &expected.natural,
	    desired.natural, false, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED);
}

int
prong_array_lock(struct prong_array *a, int64_t ms)
{
	/* Single cells are whole words: a dead holder leaves none half done. */
	if (rlock_lock(&array_layout(a)->lock, ms, NULL, NULL) == -1)
		return error_prefix("array \"%s\"", a->name);
	return 0;
}

int
prong_array_unlock(struct prong_array *a)
{
	return rlock_unlock(&array_layout(a)->lock);
}

int
prong_array_sum(struct prong_array *a, union prong_value *sum)
{
	union prong_value v;
	size_t i;
	int r = 0;

	sum->natural = 0;	/* 0.0 as well */
	if (prong_array_lock(a, RLOCK_FOREVER) == -1)
		return -1;
	for (i = 0; r == 0 && i < a->length; i++) {
		v.natural = __atomic_load_n(&array_layout(a)->cells[i],
		    __ATOMIC_RELAXED);
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
	if (prong_array_lock(a, RLOCK_FOREVER) == -1)
		return -1;
	for (i = 0; i < count; i++)
		to[i].natural = __atomic_load_n(&array_layout(a)->cells[i],
		    __ATOMIC_RELAXED);
	return prong_array_unlock(a);
}
