/* SPDX-License-Identifier: ISC */
/*
 * The logs of this process: which lines go where, and in which form.  On
 * standard error a line is the bare message: whoever runs the server in the
 * foreground adds the time.  A file gets time, level and process; syslog adds
 * its own.  A line about a connection begins with "access:" where it may
 * stand among messages.
 */
#include "base/log.h"

#include <sys/stat.h>

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <syslog.h>
#include <unistd.h>

#include "base/error.h"
#include "base/logfile.h"
#include "base/logline.h"
#include "base/logsyslog.h"

static struct log_output {
	struct logfile file;
	bool json;
} log_outputs[LOG_STREAMS] = {
	[LOG_MAIN] = { { .kind = LOGFILE_STDERR, .what = "log",
	    .fd = STDERR_FILENO }, false },
	[LOG_ACCESS] = { { .kind = LOGFILE_NONE, .what = "access log",
	    .fd = -1 }, false },
};
static enum prong_level log_threshold = PRONG_INFO;
static struct {
	prong_log_fn *fn;
	void *arg;
	pthread_mutex_t lock;
} log_function = { .lock = PTHREAD_MUTEX_INITIALIZER };
/* This thread is in that function. */
static __thread bool log_function_runs;
bool log_access_is_open;

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

static bool
log_uses_syslog(void)
{
	return log_outputs[LOG_MAIN].file.kind == LOGFILE_SYSLOG ||
	    log_outputs[LOG_ACCESS].file.kind == LOGFILE_SYSLOG;
}

void
log_connect(void)
{
	if (log_uses_syslog())
		logsyslog_connect();
}

static int
log_open_output(struct log_output *out, const char *target, bool json)
{
	bool used_syslog = log_uses_syslog();

	if (logfile_open(&out->file, out->file.what, target) == -1)
		return -1;
	out->json = json;
	if (used_syslog && !log_uses_syslog())
		logsyslog_close();
	log_connect();
	return 0;
}

int
log_open(const char *target, enum prong_level level, bool json)
{
	if (log_open_output(&log_outputs[LOG_MAIN], target, json) == -1)
		return -1;
	log_threshold = level;
	return 0;
}

int
log_open_access(const char *target, bool json)
{
	struct log_output *out = &log_outputs[LOG_ACCESS];

	if (log_open_output(out, target, json) == -1)
		return -1;
	log_access_is_open = out->file.kind != LOGFILE_NONE;
	return 0;
}

int
log_reopen(void)
{
	char why[ERROR_MAX / 2];
	int error;

	if (logfile_reopen(&log_outputs[LOG_MAIN].file) == 0)
		return logfile_reopen(&log_outputs[LOG_ACCESS].file);
	error = errno;
	strlcpy(why, error_text(), sizeof(why));
	if (logfile_reopen(&log_outputs[LOG_ACCESS].file) == -1)
		error_set(error, "%s; %s", why, error_text());
	errno = error;
	return -1;
}

bool
log_has_moved(void)
{
	const struct logfile *f;
	struct stat now, ours;
	int stream;

	for (stream = 0; stream < LOG_STREAMS; stream++) {
		f = &log_outputs[stream].file;
		if (f->kind == LOGFILE_PATH && fstat(f->fd, &ours) == 0 &&
		    (lstat(f->path, &now) == -1 || now.st_ino != ours.st_ino ||
		    now.st_dev != ours.st_dev))
			return true;
	}
	return false;
}

const char *
log_path(enum log_stream stream)
{
	return log_outputs[stream].file.path;
}

void
log_after_fork(void)
{
	logsyslog_close();
}

int
log_descriptor(enum log_stream stream)
{
	const struct logfile *f = &log_outputs[stream].file;

	return f->kind == LOGFILE_PATH ? f->fd : -1;
}

void
log_set_descriptor(enum log_stream stream, int fd)
{
	logfile_adopt(&log_outputs[stream].file, fd);
}

void
log_set_function(prong_log_fn *fn, void *arg)
{
	log_function.fn = fn;
	log_function.arg = arg;
}

enum prong_level
log_level(void)
{
	return log_threshold;
}

void
log_set_level(enum prong_level level)
{
	log_threshold = level;
}

static int
log_send(struct logfile *f, struct logline *line, int priority)
{
	if (f->kind != LOGFILE_SYSLOG) {
		logline_end(line);
		return logfile_write(f, line->text, line->length);
	}
	if (logsyslog_send(priority, line->text) == 0)
		return 0;
	logfile_count_lost(f);
	return -1;
}

/*
 * Ends the line and writes it.  A full disk, or a reader who does not read,
 * must not stop the service.  What
 * is lost is told: of the access log at once, which the main log may be able
 * to, and of both when lines can be written again.
 */
static void
log_deliver(struct log_output *out, struct logline *line, int priority)
{
	const struct log_output *main_log = &log_outputs[LOG_MAIN];
	struct logfile *f = &out->file;
	bool told = __atomic_load_n(&f->lost, __ATOMIC_RELAXED) != 0;
	uint64_t lost;

	if (log_send(f, line, priority) == -1) {
		if (!told && out != main_log)
			log_error("%s: %s; its lines are lost until it can be "
			    "written to", f->path != NULL ? f->path : f->what,
			    strerror(errno));
	} else if ((lost = logfile_take_lost(f)) != 0)
		log_error("%s: can be written to again; lines lost: %llu",
		    f->path != NULL ? f->path : f->what,
		    (unsigned long long)lost);
}

static void
log_call_function(enum prong_level level, const char *message)
{
	struct logline line;

	if (log_function_runs)
		return;
	logline_start(&line, false);
	logline_message(&line, message);
	pthread_mutex_lock(&log_function.lock);
	log_function_runs = true;
	log_function.fn(level, line.text, log_function.arg);
	log_function_runs = false;
	pthread_mutex_unlock(&log_function.lock);
}

static void
log_deliver_message(enum prong_level level, const char *message)
{
	struct log_output *out = &log_outputs[LOG_MAIN];
	struct logline line;

	if (log_function.fn != NULL) {
		log_call_function(level, message);
		return;
	}
	logline_start(&line, out->json && out->file.kind != LOGFILE_SYSLOG);
	if (line.json) {
		logline_time(&line);
		logline_word(&line, "level", log_levels[level].name);
		logline_number(&line, "pid", (uint64_t)getpid());
	} else if (out->file.kind == LOGFILE_PATH) {
		logline_time(&line);
		logline_print(&line, " %s prongd[%d]: ",
		    log_levels[level].name, (int)getpid());
	} else if (out->file.kind == LOGFILE_STDERR && level != PRONG_INFO)
		logline_print(&line, "%s: ", log_levels[level].name);
	logline_message(&line, message);
	log_deliver(out, &line, log_levels[level].priority);
}

void
log_vwrite(enum prong_level level, const char *fmt, va_list ap)
{
	char message[LOGLINE_MESSAGE_MAX];
	int error = errno;

	if (level > log_threshold)
		return;
	vsnprintf(message, sizeof(message), fmt, ap);
	log_deliver_message(level, message);
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

static void
log_describe_connection(struct logline *line, const struct log_access *a)
{
	logline_word(line, "service", a->service);
	logline_word(line, "peer", a->peer);
	if (a->refused != NULL) {
		logline_number(line, "worker", a->worker);
		logline_word(line, "refused", a->refused);
		return;
	}
	logline_number(line, "id", a->id);
	logline_number(line, "worker", a->worker);
	logline_seconds(line, "seconds", a->milliseconds);
	logline_number(line, "in", a->bytes_in);
	logline_number(line, "out", a->bytes_out);
	logline_word(line, "end", a->end);
}

static void
log_describe_access(struct logline *line, const struct log_access *a)
{
	log_describe_connection(line, a);
	if (a->sample != 0)
		logline_number(line, "sample", a->sample);
}

void
log_access(const struct log_access *a)
{
	struct log_output *out = &log_outputs[LOG_ACCESS];
	struct logline line;
	int error = errno;

	if (!log_access_is_open)
		return;
	logline_start(&line, out->json && out->file.kind != LOGFILE_SYSLOG);
	if (line.json || out->file.kind == LOGFILE_PATH)
		logline_time(&line);
	else
		logline_print(&line, "access:");
	log_describe_access(&line, a);
	log_deliver(out, &line, LOG_INFO);
	errno = error;
}
