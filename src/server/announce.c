/* SPDX-License-Identifier: ISC */
/*
 * The master and the service manager it was started by.
 */
#include "server/announce.h"

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/log.h"
#include "base/notify.h"
#include "base/process.h"

/* How soon it is told again what it did not take. */
#define ANNOUNCE_AGAIN_MS	100

enum announce_state {
	ANNOUNCE_NOTHING,
	ANNOUNCE_READY,
	ANNOUNCE_RELOADING,
	ANNOUNCE_STOPPING,
};

static struct announce {
	struct notify manager;
	struct loop *loop;
	struct timer watchdog;
	struct timer again;
	bool is_silent;		/* another speaks */
	bool has_complained;
	enum announce_state state;
	uint64_t since;		/* microseconds, of reloading */
	pid_t pid;		/* 0: who was started */
	char status[256];
	/* What the manager does not know yet. */
	bool tell_state, tell_pid, tell_status, tell_alive;
} announce = { .manager.fd = -1 };

int
announce_init(void)
{
	notify_close(&announce.manager);
	announce = (struct announce){ .manager.fd = -1 };
	return notify_open(&announce.manager);
}

/* Room for everything at once. */
struct announce_text {
	char lines[sizeof(announce.status) + 160];
	size_t length;
};

static void __attribute__((format(printf, 2, 3)))
announce_add(struct announce_text *t, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	t->length += (size_t)vsnprintf(t->lines + t->length,
	    sizeof(t->lines) - t->length, fmt, ap);
	va_end(ap);
}

static void
announce_add_state(struct announce_text *t)
{
	static const char *const states[] = {
		[ANNOUNCE_READY] = "READY=1\n",
		[ANNOUNCE_RELOADING] = "RELOADING=1\n",
		[ANNOUNCE_STOPPING] = "STOPPING=1\n",
	};

	announce_add(t, "%s", states[announce.state]);
	if (announce.state == ANNOUNCE_RELOADING)
		announce_add(t, "MONOTONIC_USEC=%llu\n",
		    (unsigned long long)announce.since);
}

/* It is told anew whatever it has missed, once it takes something. */
static void
announce_failed(void)
{
	if (errno == EAGAIN && announce.loop != NULL) {
		loop_timer(announce.loop, &announce.again, ANNOUNCE_AGAIN_MS);
		return;
	}
	if (errno != EAGAIN && !announce.has_complained)
		log_warning("the service manager cannot be told: %s",
		    error_text());
	announce.has_complained |= errno != EAGAIN;
}

/* Who the main process is comes first: nobody else is listened to. */
static void
announce_tell(void)
{
	struct announce_text t = { .length = 0 };

	if (announce.manager.fd == -1)
		return;
	if (announce.tell_pid)
		announce_add(&t, "MAINPID=%ld\n", (long)announce.pid);
	if (announce.tell_state && !announce.is_silent)
		announce_add_state(&t);
	if (announce.tell_status && !announce.is_silent)
		announce_add(&t, "STATUS=%s\n", announce.status);
	if (announce.tell_alive && !announce.is_silent)
		announce_add(&t, "WATCHDOG=1\n");
	if (t.length == 0)
		return;
	if (notify_send(&announce.manager, t.lines) == -1) {
		announce_failed();
		return;
	}
	announce.has_complained = announce.tell_pid = false;
	announce.tell_state &= announce.is_silent;
	announce.tell_status &= announce.is_silent;
	announce.tell_alive = false;
}

static void
announce_try_again(struct timer *t)
{
	announce_tell();
}

/* The master's loop turns: that is the sign of life. */
static void
announce_alive(struct timer *t)
{
	uint64_t ms;

	announce.tell_alive = true;
	announce_tell();
	/* Twice as often as it is due. */
	ms = announce.manager.watchdog_us / 2000;
	loop_timer(announce.loop, t, ms > 0 ? ms : 1);
}

void
announce_open(struct loop *loop)
{
	if (announce.manager.fd == -1)
		return;
	announce.loop = loop;
	announce.again.fn = announce_try_again;
	announce.watchdog.fn = announce_alive;
	if (announce.manager.watchdog_us != 0)
		announce_alive(&announce.watchdog);
	else
		announce_tell();
}

void
announce_close(void)
{
	if (announce.loop == NULL)
		return;
	loop_timer_stop(announce.loop, &announce.again);
	loop_timer_stop(announce.loop, &announce.watchdog);
	announce.loop = NULL;
}

static void
announce_enter(enum announce_state state)
{
	/* One that drains, and then stops, says it once. */
	if (state == ANNOUNCE_STOPPING && announce.state == state)
		return;
	announce.state = state;
	announce.tell_state = true;
	announce_tell();
}

void
announce_ready(void)
{
	announce_enter(ANNOUNCE_READY);
}

void
announce_reloading(void)
{
	announce.since = process_nanoseconds() / 1000;
	announce_enter(ANNOUNCE_RELOADING);
}

void
announce_stopping(void)
{
	announce_enter(ANNOUNCE_STOPPING);
}

void
announce_status(const char *fmt, ...)
{
	char *p;
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(announce.status, sizeof(announce.status), fmt, ap);
	va_end(ap);
	/* A line of its own is a message of its own. */
	for (p = announce.status; *p != '\0'; p++)
		if ((unsigned char)*p < ' ' || *p == '\177')
			*p = '?';
	announce.tell_status = true;
	announce_tell();
}

void
announce_mainpid(pid_t pid)
{
	announce.pid = pid;
	announce.tell_pid = true;
	announce.is_silent = pid != getpid();
	announce_tell();
}

void
announce_hold(void)
{
	announce.is_silent = true;
}

int
announce_export(void)
{
	return notify_export(&announce.manager);
}
