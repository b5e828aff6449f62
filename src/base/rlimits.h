/* SPDX-License-Identifier: ISC */
#ifndef BASE_RLIMITS_H
#define BASE_RLIMITS_H

#include <stdbool.h>

/*
 * The limits that the kernel puts on a process, as settings: "" leaves one as
 * it is, "unlimited" lifts it, anything else is a count or a size.
 */
struct rlimits {
	const char *nofile;	/* open descriptors, a count */
	const char *core;	/* a core file, a size; "0" is none */
	const char *as;		/* address space, a size */
};

/* Fewer descriptors than this serve nobody. */
#define RLIMITS_NOFILE_MIN	16

/*
 * Whether a text can be such a setting: of nofile, and of core and as.  -1
 * with EINVAL or ERANGE and a text.
 */
int rlimits_check_count(const char *text);
int rlimits_check_size(const char *text);

/*
 * Whether a limit asks for core files.  Who changes its ids gets none from
 * the kernel whatever the limit, until it calls prctl(PR_SET_DUMPABLE, 1).
 */
bool rlimits_wants_core(const char *text);

/*
 * Sets the limits of this process, soft and hard, for good; before privileges
 * are dropped and before a chroot, since raising a hard limit needs root, and
 * this looks into /proc.  On -1 some of them may be set already.  EINVAL,
 * ERANGE: not such a setting.  EPERM: above what is allowed.  ENOMEM: this
 * process has more address space already.
 */
int rlimits_apply(const struct rlimits *);

/* Whether rlimits_apply() would work here; changes nothing. */
int rlimits_try(const struct rlimits *);

#endif
