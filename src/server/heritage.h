/* SPDX-License-Identifier: ISC */
#ifndef SERVER_HERITAGE_H
#define SERVER_HERITAGE_H

#include <stdbool.h>
#include <stdint.h>

#include <jansson.h>

#include "base/error.h"
#include "server/generation.h"
#include "shm/ledger.h"

/*
 * What a master that is upgraded hands on to the program that follows it:
 * descriptors, by their numbers, and what each of them is, as JSON in a file in
 * memory.  The environment says which descriptor that is.
 *
 * It comes from a master, which is no less trusted than ourselves; still, every
 * piece of it is checked, since the program may be another version.
 */

#define HERITAGE_VARIABLE	"PRONG_UPGRADE"
#define HERITAGE_FORM		2

struct heritage {
	int link;			/* to who hands it on */
	int ask;			/* to its control socket: see former */
	int error;			/* standard error, for later */
	pid_t pid;			/* the master before */
	char version[32];
	uint32_t generation;
	uint32_t behind;		/* masters before that one, that drain */
	uint64_t started;		/* process_milliseconds() */
	uint64_t conns;			/* numbers of connections, up to there */
	char *pidfile;			/* NULL: none */
	int pidlock;
	char *control;			/* the path; NULL: none */
	int control_socket;
	/* What its connections hold of limits, and those of masters before. */
	struct ledger_former ledgers[LEDGER_FORMERS_MAX];
	uint32_t ledger_count;
	char ledger_why[ERROR_MAX];	/* one cannot be read; or "" */
	/* Its listening sockets and objects, as of a generation. */
	struct generation before;
};

/*
 * What this process was given, the same at each call; NULL with errno 0 when
 * it was given nothing, and with a text when that is not right.
 */
struct heritage *heritage_get(void);
/* Lets go of what has not been taken. */
void heritage_free(struct heritage *);

/* Says over the link what is being done now; nothing without a heritage. */
void heritage_stage(const char *stage);
/* Says why it cannot be taken over. */
void heritage_fail(const char *why);

/* What of ours goes along that is made for it. */
struct heritage_ends {
	int link, ask, error;
};

/*
 * The heritage of a master: the file with what it is, and in *fds the
 * descriptors that go along, of which the first is the file's; the caller's to
 * free and close (the first one alone).  -1 with a text.
 */
int heritage_write(const struct master *, const struct heritage_ends *,
    int **fds, size_t *count);

#endif
