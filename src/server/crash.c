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
/* Children of one process whose reports wait to be read at the same time. */
#define CRASH_CHILDREN	16

/* A child's part of the file; all of one process share its offset. */
struct crash_record {
	pid_t pid;		/* whose; written last.  0: free */
	char text[CRASH_REPORT_SIZE - sizeof(pid_t)];
};

#define CRASH_RECORD(i)	((off_t)CRASH_REPORT_SIZE + \
    (off_t)(i) * (off_t)sizeof(struct crash_record))

static int crash_fd = -1;
static pid_t crash_pid;		/* of whom the report is for */
static uint64_t *crash_slot;
static struct crash_record crash_mine;
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

/* The first two are the handler and the return from the signal. */
static void
crash_write(const struct crash_frames *frames, int fd)
{
	if (frames->count > 2)
		backtrace_symbols_fd(frames->at + 2, frames->count - 2, fd);
}

static void
crash_report(const struct crash_frames *frames)
{
	static const char end[1];
	ssize_t n;

	lseek(crash_fd, 0, SEEK_SET);
	crash_write(frames, crash_fd);
	/* One that fills the file needs no end. */
	n = write(crash_fd, end, sizeof(end));
	(void)n;
}

/*
 * A record that is nobody's, or of one who is gone and was not asked for.  The
 * lock is this process's until it has ended.
 */
static off_t
crash_claim(bool of_gone)
{
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET,
	    .l_len = 1 };
	pid_t pid;
	int i;

	for (i = 0; i < CRASH_CHILDREN; i++) {
		lock.l_start = CRASH_RECORD(i);
		if (fcntl(crash_fd, F_SETLK, &lock) == 0 &&
		    pread(crash_fd, &pid, sizeof(pid), lock.l_start) ==
		    (ssize_t)sizeof(pid) &&
		    (pid == 0 || (of_gone && kill(pid, 0) == -1)))
			return lock.l_start;
	}
	return -1;
}

/* Not with the file's own offset: others may be writing, too. */
static void
crash_report_child(const struct crash_frames *frames)
{
	struct crash_record *mine = &crash_mine;
	size_t head = offsetof(struct crash_record, text);
	off_t at = crash_claim(false);
	int ends[2];
	ssize_t n;

	if (at == -1 && (at = crash_claim(true)) == -1)
		return;
	/* What a pipe does not take is more than there is room for. */
	if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) == -1)
		return;
	crash_write(frames, ends[1]);
	n = read(ends[0], mine->text, sizeof(mine->text) - 1);
	mine->text[n > 0 ? n : 0] = '\0';
	mine->pid = getpid();
	if (pwrite(crash_fd, mine->text, sizeof(mine->text), at +
	    (off_t)head) == (ssize_t)sizeof(mine->text))
		n = pwrite(crash_fd, &mine->pid, sizeof(mine->pid), at);
	(void)n;
}

static void
crash_handler(int signo)
{
	const struct lane *lane = lane_here();
	struct crash_frames frames = { .count = 0 };

	_Unwind_Backtrace(crash_frame, &frames);
	if (getpid() != crash_pid)
		crash_report_child(&frames);
	else {
		/* In a thread of its own: whom that one served. */
		if (lane != NULL && crash_slot != NULL)
			*crash_slot = lane->serving;
		crash_report(&frames);
	}
	/* SA_RESETHAND: it comes again when this returns, and ends us. */
	raise(signo);
}

int
crash_open(void)
{
	int fd = memfd_create("prong-report", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	if (fd == -1)
		return -1;
	if (ftruncate(fd, CRASH_RECORD(CRASH_CHILDREN)) == 0 && fcntl(fd, F_ADD_SEALS,
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

static void
crash_log_lines(char *text, const char *name, pid_t pid)
{
	char *rest = text, *line;
	int lines = 0;

	while (lines < CRASH_LINES && (line = strsep(&rest, "\n")) != NULL) {
		crash_squeeze(line);
		if (line[0] != '\0')
			log_error("%s (pid %d) #%d %s", name, (int)pid,
			    lines++, line);
	}
}

void
crash_log(int fd, const char *name, pid_t pid)
{
	char text[CRASH_REPORT_SIZE + 1];

	crash_read(fd, text);
	crash_log_lines(text, name, pid);
}

void
crash_take_child(int fd, pid_t pid, bool tell)
{
	static struct crash_record r;
	const pid_t nobody = 0;
	int i;

	for (i = 0; i < CRASH_CHILDREN; i++) {
		if (pread(fd, &r, sizeof(r), CRASH_RECORD(i)) !=
		    (ssize_t)sizeof(r) || r.pid != pid)
			continue;
		r.text[sizeof(r.text) - 1] = '\0';
		if (tell)
			crash_log_lines(r.text, "process", pid);
		if (pwrite(fd, &nobody, sizeof(nobody), CRASH_RECORD(i)) == -1)
			log_error("process (pid %d): cannot clear its "
			    "report: %s; it may be told again of another one",
			    (int)pid, strerror(errno));
	}
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
	crash_pid = getpid();
	sigemptyset(&action.sa_mask);
	sigaltstack(&stack, NULL);
	for (i = 0; i < sizeof(crash_signals) / sizeof(crash_signals[0]); i++)
		sigaction(crash_signals[i], &action, NULL);
}
