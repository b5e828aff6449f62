/* SPDX-License-Identifier: ISC */
/*
 * A datagram socket at /dev/log, in the form that syslogd has always read
 * (RFC 3164, section 4.1).
 */
#include "base/logsyslog.h"

#include <sys/socket.h>
#include <sys/un.h>

#include <errno.h>
#include <stdio.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

#include "base/logline.h"

static int logsyslog_fd = -1;

void
logsyslog_close(void)
{
	if (logsyslog_fd != -1)
		close(logsyslog_fd);
	logsyslog_fd = -1;
}

void
logsyslog_connect(void)
{
	static const struct sockaddr_un log = {
		.sun_family = AF_UNIX, .sun_path = _PATH_LOG
	};
	int fd;

	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd != -1 && connect(fd, (const struct sockaddr *)&log,
	    sizeof(log)) == -1) {
		close(fd);
		return;
	}
	if (fd == -1)
		return;
	logsyslog_close();
	logsyslog_fd = fd;
}

int
logsyslog_send(int priority, const char *text)
{
	char line[LOGLINE_MAX + 64], when[32];
	time_t now = time(NULL);
	struct tm tm;
	int length;

	localtime_r(&now, &tm);
	strftime(when, sizeof(when), "%h %e %T", &tm);
	length = snprintf(line, sizeof(line), "<%d>%s prongd[%d]: %s",
	    priority | LOG_DAEMON, when, (int)getpid(), text);
	if (send(logsyslog_fd, line, (size_t)length, MSG_NOSIGNAL) != -1)
		return 0;
	if (errno == EAGAIN)
		return -1;
	/* There was none yet, or it has started anew. */
	logsyslog_connect();
	return send(logsyslog_fd, line, (size_t)length, MSG_NOSIGNAL) == -1 ?
	    -1 : 0;
}
