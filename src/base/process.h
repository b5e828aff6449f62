/* SPDX-License-Identifier: ISC */
#ifndef BASE_PROCESS_H
#define BASE_PROCESS_H

#include <sys/types.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What a process can learn about itself and arrange for itself. */

/*
 * The CPUs that this process may use at once: its affinity, cut down to the
 * CPU quota of its control group.  At least 1.
 */
int process_cpus(void);

/*
 * Shows in ps(1) what a process is.  Nothing before process_title_init(), which
 * a program calls first in main(): the title takes the place of its arguments.
 */
void process_title_init(int argc, char **argv, char **envp);
void process_title(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/*
 * Between these two it has the title of a child that is forked meanwhile: there
 * each page that is written to would have to be copied first.
 */
void process_title_lend(const char *fmt, ...)
    __attribute__((format(printf, 1, 2)));
void process_title_back(void);

/*
 * Has the kernel kill this process when its parent dies.  To be called after
 * privileges were dropped, which clears the request.  -1 with ESRCH when the
 * parent is gone already.
 */
int process_die_with_parent(pid_t parent);

/* More descriptors than one process of ours ever uses. */
#define PROCESS_DESCRIPTORS_MAX	(1 << 20)

/*
 * Lifts the soft limit of descriptors to the hard one, but not above
 * PROCESS_DESCRIPTORS_MAX; returns it.
 */
uint64_t process_raise_descriptors(void);

/* Closes every descriptor above standard error but those kept; -1 is none. */
void process_close_others(const int *keep, size_t count);

/* The time of CLOCK_MONOTONIC, the same in every process. */
uint64_t process_milliseconds(void);
uint64_t process_nanoseconds(void);

/*
 * The state of a process as proc(5) has it ('R', 'S', 'D', 'T', 't', 'Z');
 * '?' when there is none.  And in words, "stopped".
 */
char process_state(pid_t);
const char *process_state_text(char state);

/*
 * What its main thread had of the CPUs, in all: 0 when the kernel does not tell,
 * as in proc(5), schedstat.
 */
struct process_turns {
	uint64_t ran;			/* nanoseconds on one */
	uint64_t waited;		/* milliseconds until it had one */
};
struct process_turns process_turns(pid_t);

/* Whether the kernel is writing its core dump. */
bool process_dumps_core(pid_t);

/* Bytes that this process has allocated. */
size_t process_memory(void);

/* "SIGTERM", "SIGRTMIN+3"; "signal 32" for one that is nobody's. */
#define PROCESS_SIGNAL_NAME	24
const char *process_signal_name(int signo, char *buf, size_t size);

/* "exited with code 3" or "was killed by SIGSEGV (core dumped)". */
const char *process_describe_status(int status, char *buf, size_t size);

#endif
