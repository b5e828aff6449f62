/* SPDX-License-Identifier: ISC */
/*
 * The report of a fatal signal: the one signal handler that does more than set
 * a flag.  It has a stack of its own, calls only what may be called there
 * (signal-safety(7)) and the unwinder of the C compiler, and then lets the
 * signal do what it does.  backtrace(3) would load a library for the same, whose
 * mappings each forked process would pay for.
 */
#include "server/crash.h"

#include "config.h"

#include <sys/mman.h>

#include <errno.h>
#include <execinfo.h>
#include <fcntl.h>
#include <signal.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>
#include <unwind.h>

#include "base/log.h"
#include "dispatch/lane.h"

#define CRASH_FRAMES	48
#define CRASH_LINES	48
#define CRASH_STACK	(64 * 1024)

static int crash_fd = -1;
static uint64_t *crash_slot;
static char crash_stack[CRASH_STACK] __attribute__((aligned(16)));

/* A sanitizer reports what it knows better by itself. */
static const int crash_signals[] = {
	SIGABRT,
#ifndef PRONG_SANITIZED
	SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGSYS, SIGTRAP,
#endif
};

struct crash_frames {
	void *at[CRASH_FRAMES];
	int count;
};

static _Unwind_Reason_Code
crash_frame(struct _Unwind_Context *context, void *arg)
{
	struct crash_frames *frames = arg;

	void *at = (void *)_Unwind_GetIP(context);

	if (at == NULL || frames->count == CRASH_FRAMES)
		return _URC_END_OF_STACK;
	frames->at[frames->count++] = at;
	return _URC_NO_REASON;
}

static void
crash_handler(int signo)
{
	static const char end[1];
	const struct lane *lane = lane_here();
	struct crash_frames frames = { .count = 0 };
	ssize_t n;

	/* In a thread of its own: whom that one served. */
	if (lane != NULL && crash_slot != NULL)
		*crash_slot = lane->serving;

	lseek(crash_fd, 0, SEEK_SET);
	/* The first two are this function and the return from the signal. */
	_Unwind_Backtrace(crash_frame, &frames);
	if (frames.count > 2)
		backtrace_symbols_fd(frames.at + 2, frames.count - 2, crash_fd);
	/* One that fills the file needs no end. */
	n = write(crash_fd, end, sizeof(end));
	(void)n;
	/* SA_RESETHAND: it comes again when this returns, and ends us. */
	raise(signo);
}

int
crash_open(void)
{
	int fd = memfd_create("prong-report", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	if (fd == -1)
		return -1;
	if (ftruncate(fd, CRASH_REPORT_SIZE) == 0 && fcntl(fd, F_ADD_SEALS,
	    F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL) == 0)
		return fd;
	close(fd);
	return -1;
}

size_t
crash_read(int fd, char buf[CRASH_REPORT_SIZE + 1])
{
	ssize_t n = pread(fd, buf, CRASH_REPORT_SIZE, 0);

	buf[n > 0 ? n : 0] = '\0';
	return strlen(buf);
}

/* The title that a process has in place of its name is padded. */
static void
crash_squeeze(char *line)
{
	char *to = line;

	for (; *line != '\0'; line++)
		if (line[0] != ' ' || line[1] != ' ')
			*to++ = *line;
	*to = '\0';
}

void
crash_log(int fd, const char *name, pid_t pid)
{
	char text[CRASH_REPORT_SIZE + 1], *rest = text, *line;
	size_t len = crash_read(fd, text);
	int lines = 0;

	while (lines < CRASH_LINES && (line = strsep(&rest, "\n")) != NULL) {
		crash_squeeze(line);
		if (line[0] != '\0')
			log_error("%s (pid %d) #%d %s", name, (int)pid,
			    lines++, line);
	}
	/* The next one to end may have left none. */
	if (len > 0 && pwrite(fd, "", 1, 0) == -1)
		log_error("cannot clear the report of %s: %s", name,
		    strerror(errno));
}

void
crash_serving(uint64_t *serving)
{
	crash_slot = serving;
}

void
crash_report_to(int fd)
{
	const stack_t stack = {
		.ss_sp = crash_stack, .ss_size = sizeof(crash_stack)
	};
	struct sigaction action = {
		.sa_handler = crash_handler,
		.sa_flags = SA_ONSTACK | SA_RESETHAND,
	};
	size_t i;

	crash_fd = fd;
	sigemptyset(&action.sa_mask);
	sigaltstack(&stack, NULL);
	for (i = 0; i < sizeof(crash_signals) / sizeof(crash_signals[0]); i++)
		sigaction(crash_signals[i], &action, NULL);
}
