/* SPDX-License-Identifier: ISC */
/*
 * Limits of a process: from the texts of settings to setrlimit(2).
 */
#include "base/rlimits.h"

#include <sys/resource.h>

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/units.h"

#define RLIMITS_KINDS	3

/* One limit: a row for each member of struct rlimits. */
struct rlimits_kind {
	const char *name;
	int resource;
	int (*parse)(const char *text, int64_t *value);
	/* Further bounds, which may replace "unlimited"; or NULL. */
	int (*bound)(rlim_t *value);
};

static int
rlimits_count(const char *text, int64_t *value)
{
	return units_integer(text, RLIMITS_NOFILE_MIN, INT_MAX, value);
}

/* The first number of a file of the kernel's. */
static int
rlimits_read(const char *path, uint64_t *value)
{
	FILE *f;
	int n;

	if ((f = fopen(path, "re")) == NULL)
		return error_errno("%s", path);
	n = fscanf(f, "%" SCNu64, value);
	fclose(f);
	if (n != 1)
		return error_set(EINVAL, "%s: there is no number", path);
	return 0;
}

/* Not even root gets more than this, or none at all. */
static int
rlimits_bound_nofile(rlim_t *value)
{
	uint64_t most;

	if (rlimits_read("/proc/sys/fs/nr_open", &most) == -1)
		return -1;
	if (*value == RLIM_INFINITY)
		*value = most;
	if (*value > most)
		return error_set(EPERM, "%ju is above fs.nr_open, which is %"
		    PRIu64, (uintmax_t)*value, most);
	return 0;
}

/*
 * The kernel would take it, and then refuse the next allocation, wherever that
 * happens to be.
 */
static int
rlimits_bound_as(rlim_t *value)
{
	char size[UNITS_MAX];
	uint64_t pages, bytes;

	if (rlimits_read("/proc/self/statm", &pages) == -1)
		return -1;
	bytes = pages * (uint64_t)sysconf(_SC_PAGESIZE);
	if (*value > bytes)
		return 0;
	return error_set(ENOMEM, "%s is less than the %" PRIu64 "M that a "
	    "process of the server has to begin with",
	    units_format_size((int64_t)*value, size), (bytes >> 20) + 1);
}

static const struct rlimits_kind rlimits_kinds[RLIMITS_KINDS] = {
	{ "nofile", RLIMIT_NOFILE, rlimits_count, rlimits_bound_nofile },
	{ "core", RLIMIT_CORE, units_size, NULL },
	{ "as", RLIMIT_AS, units_size, rlimits_bound_as },
};

static bool
rlimits_is_number(const char *text)
{
	return text[0] != '\0' && strcmp(text, "unlimited") != 0;
}

int
rlimits_check_count(const char *text)
{
	int64_t value;

	return rlimits_is_number(text) ? rlimits_count(text, &value) : 0;
}

int
rlimits_check_size(const char *text)
{
	int64_t value;

	return rlimits_is_number(text) ? units_size(text, &value) : 0;
}

bool
rlimits_wants_core(const char *text)
{
	int64_t value;

	if (!rlimits_is_number(text))
		return text[0] != '\0';
	return units_size(text, &value) == 0 && value > 0;
}

static int
rlimits_parse(const struct rlimits_kind *k, const char *text, rlim_t *value)
{
	int64_t number;

	*value = RLIM_INFINITY;
	if (rlimits_is_number(text)) {
		if (k->parse(text, &number) == -1)
			return -1;
		*value = (rlim_t)number;
	}
	return k->bound != NULL ? k->bound(value) : 0;
}

static int
rlimits_set(const struct rlimits_kind *k, const char *text,
    const struct rlimit *old, const struct rlimit *new)
{
	if (setrlimit(k->resource, new) == 0)
		return 0;
	/* Root may lack the capability, in a container for one. */
	if (errno == EPERM && geteuid() != 0)
		return error_set(EPERM, "%s is above the hard limit of %ju, "
		    "which only root can raise", text,
		    (uintmax_t)old->rlim_max);
	return error_errno("cannot raise the hard limit of %ju to %s",
	    (uintmax_t)old->rlim_max, text);
}

/*
 * Lowering a limit always works, and cannot be undone; raising one can, so
 * that is what a trial does.
 */
static int
rlimits_set_one(const struct rlimits_kind *k, const char *text, bool trial)
{
	struct rlimit old, new;
	rlim_t value;

	if (rlimits_parse(k, text, &value) == -1)
		return -1;
	if (getrlimit(k->resource, &old) == -1)
		return error_errno("getrlimit");
	new.rlim_cur = new.rlim_max = value;
	if (trial && value <= old.rlim_max)
		return 0;
	if (rlimits_set(k, text, &old, &new) == -1)
		return -1;
	if (trial)
		setrlimit(k->resource, &old);
	return 0;
}

static int
rlimits_each(const struct rlimits *l, bool trial)
{
	const char *const texts[RLIMITS_KINDS] = { l->nofile, l->core, l->as };
	size_t i;

	for (i = 0; i < RLIMITS_KINDS; i++)
		if (texts[i][0] != '\0' && rlimits_set_one(&rlimits_kinds[i],
		    texts[i], trial) == -1)
			return error_prefix("rlimit %s",
			    rlimits_kinds[i].name);
	return 0;
}

int
rlimits_apply(const struct rlimits *l)
{
	return rlimits_each(l, false);
}

int
rlimits_try(const struct rlimits *l)
{
	return rlimits_each(l, true);
}
