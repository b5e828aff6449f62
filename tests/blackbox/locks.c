/* SPDX-License-Identifier: ISC */
/*
 * A module for locks.test: what a line says is done with a lock and an array of
 * two cells, which are equal whenever the lock of the array is free.
 */
#include <prong.h>

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static int
locks_error(struct prong_conn *c, int error)
{
	return prong_sendf(c, "%s: %s", error == EBUSY ? "EBUSY" :
	    error == EDEADLK ? "EDEADLK" : error == EPERM ? "EPERM" :
	    error == ETIMEDOUT ? "ETIMEDOUT" : "?", prong_error());
}

static int
locks_result(struct prong_conn *c, int result)
{
	return result == 0 ? prong_sendf(c, "ok") : locks_error(c, errno);
}

/* Adds one to both cells, and does something between the two. */
static int
locks_add(struct prong_array *a, void (*between)(void))
{
	union prong_value one = { .integer = 1 };

	if (prong_array_lock(a, -1) == -1 ||
	    prong_array_add(a, 0, one, NULL) == -1)
		return -1;
	between();
	if (prong_array_add(a, 1, one, NULL) == -1)
		return -1;
	return prong_array_unlock(a);
}

static void
locks_sleep(void)
{
	prong_sleep(1);
}

static void
locks_die(void)
{
	kill(getpid(), SIGKILL);
}

/* Until somebody lets it go on. */
static void
locks_stop(void)
{
	kill(getpid(), SIGSTOP);
}

static int
locks_show(struct prong_conn *c, struct prong_array *a)
{
	union prong_value v[2];

	if (prong_array_snapshot(a, v, 2) == -1)
		return locks_error(c, errno);
	return prong_sendf(c, "%lld %lld", (long long)v[0].integer,
	    (long long)v[1].integer);
}

static int
locks_message(struct prong_conn *c, const void *data, size_t len)
{
	struct prong_service *s = prong_conn_service(c);
	struct prong_rlock *l = prong_rlock_open(s, "gate");
	struct prong_array *a = prong_array_open(s, "cells");
	char line[64];

	if (l == NULL || a == NULL)
		return -1;
	snprintf(line, sizeof(line), "%.*s", (int)len, (const char *)data);
	if (strcmp(line, "lock") == 0)
		return locks_result(c, prong_rlock_lock(l));
	if (strcmp(line, "try") == 0)
		return locks_result(c, prong_rlock_trylock(l));
	if (strcmp(line, "timed") == 0)
		return locks_result(c, prong_rlock_timedlock(l, 50));
	if (strcmp(line, "unlock") == 0)
		return locks_result(c, prong_rlock_unlock(l));
	if (strcmp(line, "held") == 0)
		return prong_sendf(c, "%s", prong_rlock_holder(l) == 0 ?
		    "no" : "yes");
	if (strcmp(line, "add") == 0)
		return locks_result(c, locks_add(a, locks_sleep));
	if (strcmp(line, "stop") == 0)
		return locks_result(c, locks_add(a, locks_stop));
	if (strcmp(line, "die") == 0)
		return locks_result(c, locks_add(a, locks_die));
	return locks_show(c, a);
}

static int
locks_converse(struct prong_conn *c)
{
	const void *data;
	size_t len;
	int r;

	while ((r = prong_recv_message(c, &data, &len)) == 1)
		if (locks_message(c, data, len) == -1)
			return -1;
	return r;
}

static PRONG_HANDLER(locks,
	.summary = "locks and unlocks",
	.flags = PRONG_THREAD_SAFE,
	.framing = PRONG_LINE,
	.message = locks_message,
	.converse = locks_converse,
);

PRONG_MODULE(locks);
