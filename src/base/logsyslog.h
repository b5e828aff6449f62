/* SPDX-License-Identifier: ISC */
#ifndef BASE_LOGSYSLOG_H
#define BASE_LOGSYSLOG_H

/*
 * Lines to the system's log, without ever waiting for it.  syslog(3) blocks
 * while whoever reads /dev/log does not, and a server would stand still for
 * want of a reader of its log.
 */

/* Connects now, since there is no way from within a chroot. */
void logsyslog_connect(void);
void logsyslog_close(void);

/*
 * Sends one line of a priority (syslog.h), of the facility daemon.  Connects
 * when that was not done, or the reader is another by now.  -1 with EAGAIN:
 * the reader is too slow.  Others: there is none.
 */
int logsyslog_send(int priority, const char *text);

#endif
