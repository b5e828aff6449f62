/* SPDX-License-Identifier: ISC */
#ifndef BASE_SANDBOX_H
#define BASE_SANDBOX_H

#include <linux/filter.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/strings.h"

/*
 * What the kernel keeps a process from, whoever has taken it over: the rules of
 * Landlock for its files and a filter of its system calls, each as far as the
 * kernel and this build have it.
 */

enum sandbox_mode {
	SANDBOX_AUTO,		/* as far as it goes */
	SANDBOX_OFF,
	SANDBOX_REQUIRED,	/* both, or there is no serving */
};

/* A program of the filter; length 0: there is none. */
struct sandbox_calls {
	struct sock_filter *code;
	size_t length;
};

/* What there is, found out by the master.  Zeroed memory is nothing. */
struct sandbox {
	int landlock;			/* the version; 0: none */
	struct sandbox_calls calls[2];	/* [1]: where processes are forked */
};

/* What a process may do with files. */
struct sandbox_files {
	struct strings reads;
	struct strings writes;	/* and read */
};

/*
 * Finds out, in a child, what there is and whether a process can enter it.  0:
 * all of it; 1, with a text: something is lacking, but not required; -1 with
 * errno and a text: it is required, or there is no memory.  What was found out
 * before is forgotten.
 */
int sandbox_open(struct sandbox *, enum sandbox_mode);
void sandbox_close(struct sandbox *);

/*
 * Adds what every process reads at some time: libraries, what is known of
 * users, hosts and time zones, what the kernel tells.  whole: everything there
 * is, as in a root folder of our own.  -1 with ENOMEM.
 */
int sandbox_add_usual(struct sandbox_files *, bool whole);
void sandbox_free_files(struct sandbox_files *);

/*
 * Enters it for good: this thread with all of it, others that there are with
 * the filter only.  Afterwards *word is what it has entered, for
 * sandbox_format(); on -1, with a text, something is lacking.
 */
int sandbox_enter(const struct sandbox *, const struct sandbox_files *,
    bool forks, uint32_t *word);

/* The bits that a word may have. */
#define SANDBOX_WORD	0x1ffU
#define SANDBOX_MAX	24

/* "landlock-6+seccomp", "seccomp", "off". */
const char *sandbox_format(uint32_t word, char buf[SANDBOX_MAX]);

#endif
