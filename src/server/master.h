/* SPDX-License-Identifier: ISC */
#ifndef SERVER_MASTER_H
#define SERVER_MASTER_H

#include <sys/types.h>

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/process.h"
#include "loop/loop.h"
#include "loop/signals.h"
#include "net/mailbox.h"
#include "server/backoff.h"
#include "server/channel.h"
#include "server/expel.h"
#include "server/generation.h"
#include "server/pools.h"
#include "server/rows.h"
#include "server/server.h"
#include "shm/scoreboard.h"

/*
 * The master: binds, forks, supervises.  Single-threaded; reads no client's
 * byte; what is true of its processes is here, in memory of its own, and not
 * in what they write into the scoreboard.
 */

struct clerk;
struct former;
struct loading;
struct reaper_child;
struct reload;
struct saving;
struct takeover;
struct upgrade;

enum process_state {
	PROCESS_NONE,		/* the slot is free */
	PROCESS_STARTING,
	PROCESS_READY,
	PROCESS_DRAINING,
	PROCESS_WAITING,	/* dead, to be started again after a while */
};

enum process_role {
	ROLE_WORKER,
	ROLE_FORKER,		/* of all services with dispatch fork */
	ROLE_POOL,		/* runs the tasks of a pool */
};

/* A slot of the scoreboard and the process in it. */
struct process {
	struct master *master;
	struct generation *generation;	/* NULL: of none that there still is */
	uint32_t slot;
	uint32_t number;	/* of a worker, within its generation */
	uint32_t share;		/* of the threads: see share.c */
	enum process_role role;
	char name[80];		/* "worker 3", "forker", "pool work 0" */
	struct pool *pool;	/* whose tasks it runs; or NULL */
	enum process_state state;
	pid_t pid;
	struct watch channel;	/* fd -1 when there is none */
	uint64_t started;	/* process_milliseconds() */
	int report;		/* what it says of a fatal signal; or -1 */
	uint32_t untold;	/* messages, by kind, that found no room */
	uint64_t talk;		/* the word of a rate: of what it says */
	uint64_t asked;		/* the number of the last one to be answered */
	uint64_t answered;
	bool full;		/* has no descriptors left to accept with */
	bool late;		/* has missed a beat */
	uint32_t looks;		/* the watchdog has seen it late so often */
	uint64_t turned;	/* the last beat that it knows of */
	uint64_t away;		/* the master's up to then */
	struct process_turns turns;	/* at the last look that saw it late */
	uint64_t waited;	/* turns.waited when it became late */
	uint64_t stirred;	/* when it was last seen to do something */
	bool stuck;		/* killed because it did not turn */
	bool stopped;		/* ... since somebody had stopped it */
	uint64_t aborted;	/* when */
	uint64_t last;		/* whose books a clerk is to close */
	struct timer clerk_timer;	/* the next try */
	struct backoff backoff;
	struct timer timer;	/* the next start */
	uint64_t next;		/* when that is */
	uint64_t drained_since;	/* while it is draining, alone */
	struct pools_end end;	/* of the last one in the slot */
	char death[80];		/* how the last one in the slot died; or "" */
	uint32_t sandbox;	/* what it has entered; see base/sandbox */
	bool *serves;		/* by listening socket: accepts from it */
	size_t serves_size;
};

enum master_state {
	MASTER_STARTING,
	MASTER_RUNNING,
	MASTER_DRAINING,
	MASTER_STOPPING,
};

struct master {
	struct prong_server *program;	/* what prong_server_run() was given */
	struct prong_server *server;	/* of the current generation */
	struct generation *generations;	/* newest first */
	struct generation *current;
	uint32_t last_generation;
	enum master_state state;
	struct loop *loop;
	struct signals signals;
	struct reaper_child *children;	/* where there are no signals */
	struct clerk *clerks;		/* at work */
	struct loading *loadings;	/* configurations being read */
	struct reload *reload;
	struct takeover *takeover;	/* NULL: there was no master before */
	struct former *former;		/* how that one is asked; NULL: not */
	struct expelling expelling;	/* of connections that it has */
	struct upgrade *upgrade;
	struct saving *savings;		/* dicts with a file */
	struct watch stop;		/* asked for by the program itself */
	struct scoreboard scoreboard;
	struct rows rows;
	struct process *processes;
	struct mailbox *mailboxes;	/* by slot: once made, they stay */
	uint32_t slots;
	int pidlock;
	int next_pidlock;		/* of a reload that has not ended; -1 */
	struct control *control;
	struct timer watchdog;
	struct timer again;		/* to tell what could not be told */
	uint64_t watched;		/* when it last looked */
	uint64_t away;			/* milliseconds that it did not run */
	uint64_t away_before;		/* up to the look before */
	struct backoff_pace pace;
	uint64_t oom_kills[2];		/* a second ago or two, and since */
	uint64_t oom_looked;		/* when that was */
	uint64_t number;		/* of the last message to be answered */
	uint64_t conns_from;		/* connections have numbers above it */
	uint64_t release;		/* of letting go of a paused one; or 0 */
	uint64_t started;
	uint64_t restarts_crash;
	uint64_t restarts_stuck;
	uint64_t reloads;
	uint64_t upgrades;
	uint64_t recovered;		/* locks of objects that are gone */
	void (*ready)(void *);
	void *ready_arg;
	int result;			/* of prong_server_run() */
	char why[ERROR_MAX];		/* when it is -1 */
	int error;			/* errno then */
};

/* Whether a process is to serve a service at all. */
bool process_serves(enum process_role, const struct prong_service *);
const char *process_role_name(enum process_role);

/* "starting", "ready", "draining", "dead"; "running" for the master. */
const char *process_state_name(enum process_state);
const char *master_state_name(enum master_state);

/* --- process.c: one process --------------------------------------------- */

/* Forks a worker into a slot; the child does not return. */
int process_start(struct process *);
/*
 * Makes the mailbox of a slot, unless it has one, and tells the others of it.
 * Those of the start are there before the first fork.
 */
int process_open_mailbox(struct master *, uint32_t slot);
/* Whether it serves, and can take what a neighbour cannot. */
bool process_is_well(const struct process *);
/*
 * What finds no room now is told later: 0 when it was told, -1 when it was
 * not; what sockets it serves is worked out anew then.
 */
int process_tell(struct process *, const struct channel_message *, int fd);
/* For want of memory or descriptors, something is to be told in a while. */
void process_tell_later(struct master *);
/* Closes the channel and marks the slot free. */
void process_gone(struct process *);

/* --- supervise.c: how many there are, and what becomes of the dead ------ */

/* Starts the first worker of a generation; then all others. */
int supervise_start_canary(struct generation *);
int supervise_start_rest(struct generation *);
/* How many slots are free. */
uint32_t supervise_room(const struct master *);
/* A child of the master's has ended: one of these, or another's. */
void supervise_ended(struct master *, pid_t, int status);
/* change: +1 or -1.  -1 with ERANGE when there can be no more or no fewer. */
int supervise_scale(struct master *, int change);
void supervise_ready(struct process *);

/* --- share.c: which worker has which part of the threads ----------------- */

/* The part of one that is dead goes to one that is ready. */
void share_pass_on(struct process *);
/* One that is ready gets the part of one that is dead. */
void share_inherit(struct process *);
/* Whether a worker has all threads of a service. */
bool share_is_needed(const struct process *);

/* --- obituary.c: what is known of one that died, or is stuck ------------- */

#define OBITUARY_MAX	512

/* " while serving service=... peer=...", " while running job=..." or "". */
const char *obituary_of(const struct process *, char *buf, size_t size);
/* Logs the backtrace that it left, if it did, and closes the report. */
void obituary_log_report(const struct process *, pid_t pid, int report);

/* --- assign.c: who accepts from which socket ---------------------------- */

void assign_sockets(struct master *);

/* --- master.c ------------------------------------------------------------ */

/* Stops when the connections have ended, or their limits are over. */
void master_drain(struct master *, bool unlimited);
void master_stop(struct master *);
/*
 * Tells all processes; those that took it answer with m->number, which is a
 * new one.
 */
void master_ask_all(struct master *, struct channel_message *, int fd);
/* Whether all that can answer have; those that cannot are late. */
bool master_is_answered(const struct master *, uint64_t number);
/* Opens the log files anew, here and in the processes. */
int master_reopen_logs(struct master *);
/* The last process of a generation has gone, and it is not to have others. */
void master_generation_gone(struct master *, struct generation *);
/*
 * The pidfile of a server to be: taken, but not the master's yet.  Then that
 * this is the server of the current generation after before, or that it is
 * not.
 */
int master_prepare(struct master *, const struct prong_server *);
void master_settle(struct master *, const struct prong_server *before,
    const struct prong_server *);
/* Tells the service manager, for people, what serves now. */
void master_announce(const struct master *);
/* All of the first one are ready: it serves. */
void master_is_ready(struct master *);
/* This is the server from now on. */
void master_serves(struct master *);
/* Ends the run, when nothing of a stop is left to be waited for. */
void master_finish(struct master *);
/* The run has failed: how it will end, and that it ends now. */
void master_blame(struct master *, const char *why);
void master_fail(struct master *, const char *why);

#endif
