/* SPDX-License-Identifier: ISC */
/*
 * The arrays of the configuration.
 */
#include <errno.h>
#include <string.h>

#include "base/error.h"
#include "server/server.h"

#define ARRAYS_SLOTS_MAX	(1LL << 27)	/* a gigabyte of cells */

static const char *const arrays_types[] =
    { "int8", "int16", "int32", "int64", "uint64", "double", NULL };

static const struct prong_option arrays_members[] = {
	{ "type", PRONG_CHOICE, "int64", arrays_types, NULL,
	    "type of the cells" },
	{ "slots", PRONG_INT, "1", NULL, NULL, "number of cells" },
	{ "values", PRONG_STRINGS, NULL, NULL, NULL,
	    "the first cells' values; the rest is 0" },
	{ .name = NULL }
};

/* Goes through the first values; sets the cells of an array, unless NULL. */
static int
arrays_values(const struct prong_section *section, enum prong_array_type type,
    size_t slots, struct prong_array *array)
{
	const struct section_value *v;
	union prong_value value;
	size_t i = 0;

	for (v = section->values; v != NULL; v = v->next) {
		if (strcmp(v->name, "values") != 0)
			continue;
		if (i == slots)
			return error_set(EINVAL, "there are more values than "
			    "the %zu slot%s", slots, slots == 1 ? "" : "s");
		if (array_parse(type, v->text, &value) == -1)
			return -1;
		if (array != NULL && prong_array_set(array, i, value) == -1)
			return -1;
		i++;
	}
	return 0;
}

static enum prong_array_type
arrays_type(const struct prong_section *section)
{
	return (enum prong_array_type)array_type_by_name(
	    section_text(section, "type"));
}

static int
arrays_check(const struct prong_section *section, const char **key)
{
	int64_t slots = section_number(section, "slots");

	*key = "slots";
	if (slots < 1 || slots > ARRAYS_SLOTS_MAX)
		return error_set(EINVAL, "an array has 1 to %lld slots",
		    ARRAYS_SLOTS_MAX);
	*key = "values";
	return arrays_values(section, arrays_type(section), (size_t)slots,
	    NULL);
}

static void
arrays_free(void *array)
{
	array_free(array);
}

/* A check makes it whole, too: its values go through the cells. */
static void *
arrays_make(const struct prong_section *section, bool reserve)
{
	size_t slots = (size_t)section_number(section, "slots");
	enum prong_array_type type = arrays_type(section);
	struct prong_array *a;

	if ((a = array_new(section->title, type, slots)) == NULL)
		return NULL;
	if (arrays_values(section, type, slots, a) == 0)
		return a;
	error_prefix("array \"%s\"", section->title);
	array_free(a);
	return NULL;
}

/* The values are those of the start: the array has others by now. */
static int
arrays_keep(const struct prong_section *section,
    const struct prong_section *before)
{
	if (arrays_type(section) != arrays_type(before))
		return error_set(EINVAL, "its type is %s and cannot become %s "
		    "while the server runs", section_text(before, "type"),
		    section_text(section, "type"));
	if (section_number(section, "slots") != section_number(before, "slots"))
		return error_set(EINVAL, "it has %s slots and cannot get %s "
		    "while the server runs", section_text(before, "slots"),
		    section_text(section, "slots"));
	return 0;
}

static uint64_t
arrays_recovered(const void *array)
{
	return array_recovered(array);
}

static size_t
arrays_descriptors(const void *array, int fds[OBJECT_DESCRIPTORS])
{
	fds[0] = ((const struct prong_array *)array)->segment.fd;
	return 1;
}

static void *
arrays_adopt(const struct prong_section *section, const int *fds)
{
	return array_adopt(section->title, arrays_type(section),
	    (size_t)section_number(section, "slots"), fds[0]);
}

const struct object_kind object_array = {
	.name = "array",
	.members = arrays_members,
	.check = arrays_check,
	.make = arrays_make,
	.free = arrays_free,
	.recovered = arrays_recovered,
	.keep = arrays_keep,
	.descriptors = arrays_descriptors,
	.adopt = arrays_adopt,
	.layout = ARRAY_LAYOUT,
};

struct prong_array *
prong_array_open(struct prong_service *service, const char *name)
{
	return objects_find(service->server, PRONG_ARRAY, name);
}
