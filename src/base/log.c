/* SPDX-License-Identifier: ISC */
/*
 * The log.  On standard error a line is the bare message: whoever runs the
 * server in the foreground adds the time.  A file gets time, level and
 * process; syslog adds its own.
 */
#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>
#include <vis.h>

#include "base/error.h"

#define LOG_RAW_MAX	1024
/* vis(3) makes at most four bytes of one. */
#define LOG_LINE_MAX	(LOG_RAW_MAX * 4 + 1)

enum log_kind { LOG_TO_STDERR, LOG_TO_SYSLOG, LOG_TO_FILE };

static struct {
	enum log_kind kind;
	enum prong_level level;
	bool json;
	int fd;			/* of the file, or STDERR_FILENO */
	char *path;
} logger = { LOG_TO_STDERR, PRONG_INFO, false, STDERR_FILENO, NULL };

static const struct {
	const char *name;
	int priority;
} log_levels[] = {
	[PRONG_ERROR] = { "error", LOG_ERR },
	[PRONG_WARNING] = { "warning", LOG_WARNING },
	[PRONG_INFO] = { "info", LOG_INFO },
	[PRONG_DEBUG] = { "debug", LOG_DEBUG },
};

int
log_level_by_name(const char *name)
{
	int i;

	for (i = PRONG_ERROR; i <= PRONG_DEBUG; i++)
		if (strcmp(log_levels[i].name, name) == 0)
			return i;
	return -1;
}

const char *
log_level_name(enum prong_level level)
{
	return log_levels[level].name;
}

static int
log_open_file(const char *path)
{
	struct stat st;
	int fd;

	fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW | O_CLOEXEC |
	    O_NOCTTY | O_NONBLOCK, 0640);
	if (fd == -1)
		return error_errno("log %s", path);
	if (fstat(fd, &st) == -1 || !S_ISREG(st.st_mode)) {
		close(fd);
		return error_set(EINVAL, "log %s: not a regular file", path);
	}
	return fd;
}

int
log_open(const char *target, enum prong_level level, bool json)
{
	enum log_kind kind = LOG_TO_FILE;
	char *path = NULL;
	int fd = STDERR_FILENO;

	if (strcmp(target, "stderr") == 0)
		kind = LOG_TO_STDERR;
	else if (strcmp(target, "syslog") == 0) {
		kind = LOG_TO_SYSLOG;
		openlog("prongd", LOG_PID | LOG_NDELAY, LOG_DAEMON);
	} else if ((fd = log_open_file(target)) == -1)
		return -1;
	else if ((path = strdup(target)) == NULL) {
		close(fd);
		return error_errno("log");
	}
	if (logger.kind == LOG_TO_FILE)
		close(logger.fd);
	free(logger.path);
	logger.kind = kind;
	logger.level = level;
	logger.json = json;
	logger.fd = fd;
	logger.path = path;
	return 0;
}

int
log_reopen(void)
{
	int fd;

	if (logger.kind != LOG_TO_FILE)
		return 0;
	if ((fd = log_open_file(logger.path)) == -1)
		return -1;
	log_set_descriptor(fd);
	return 0;
}

void
log_after_fork(void)
{
	if (logger.kind != LOG_TO_SYSLOG)
		return;
	closelog();
	openlog("prongd", LOG_PID, LOG_DAEMON);
}

int
log_descriptor(void)
{
	return logger.kind == LOG_TO_FILE ? logger.fd : -1;
}

void
log_set_descriptor(int fd)
{
	if (logger.kind == LOG_TO_FILE)
		close(logger.fd);
	logger.fd = fd;
}

void
log_set_level(enum prong_level level)
{
	logger.level = level;
}

/* Appends text as the inside of a JSON string; it is vis-encoded already. */
static size_t
log_quote(char *out, size_t size, const char *text)
{
	size_t n = 0;

	for (; *text != '\0' && n + 3 < size; text++) {
		if (*text == '"' || *text == '\\')
			out[n++] = '\\';
		out[n++] = *text;
	}
	out[n] = '\0';
	return n;
}

static void
log_time(char *buf, size_t size)
{
	struct timespec ts;
	struct tm tm;
	size_t n;

	clock_gettime(CLOCK_REALTIME, &ts);
	gmtime_r(&ts.tv_sec, &tm);
	n = strftime(buf, size, "%Y-%m-%dT%H:%M:%S", &tm);
	snprintf(buf + n, size - n, ".%03ldZ", ts.tv_nsec / 1000000);
}

static void
log_to_descriptor(enum prong_level level, const char *message)
{
	char line[LOG_LINE_MAX * 2 + 128], quoted[LOG_LINE_MAX * 2], when[32];
	ssize_t written;
	int n;

	log_time(when, sizeof(when));
	if (logger.json) {
		log_quote(quoted, sizeof(quoted), message);
		n = snprintf(line, sizeof(line), "{\"time\":\"%s\",\"level\":"
		    "\"%s\",\"pid\":%d,\"message\":\"%s\"}\n", when,
		    log_levels[level].name, (int)getpid(), quoted);
	} else if (logger.kind == LOG_TO_FILE)
		n = snprintf(line, sizeof(line), "%s %s prongd[%d]: %s\n", when,
		    log_levels[level].name, (int)getpid(), message);
	else
		n = snprintf(line, sizeof(line), "%s%s%s\n",
		    level == PRONG_INFO ? "" : log_levels[level].name,
		    level == PRONG_INFO ? "" : ": ", message);
	/* A full disk must not stop the service, and there is nobody to tell. */
	written = write(logger.fd, line, (size_t)n);
	(void)written;
}

void
log_vwrite(enum prong_level level, const char *fmt, va_list ap)
{
	char raw[LOG_RAW_MAX], message[LOG_LINE_MAX];
	int error = errno;

	if (level > logger.level)
		return;
	vsnprintf(raw, sizeof(raw), fmt, ap);
	strvis(message, raw, VIS_CSTYLE | VIS_TAB | VIS_NL | VIS_NOSLASH);
	if (logger.kind == LOG_TO_SYSLOG)
		syslog(log_levels[level].priority, "%s", message);
	else
		log_to_descriptor(level, message);
	errno = error;
}

void
log_write(enum prong_level level, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	log_vwrite(level, fmt, ap);
	va_end(ap);
}
