/* SPDX-License-Identifier: ISC */
/*
 * A module for dicts.test: what a client asks for is done to the dict "d", and
 * the answer is what the call returned.
 */
#include <prong.h>

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define VALUE_MAX	65536

struct request {
	struct prong_conn *c;
	struct prong_dict *d;
	const char *key;
	size_t length;
	char *rest;
};

static int
dicts_fail(struct request *r)
{
	static const struct {
		int error;
		const char *name;
	} names[] = {
		{ ENOENT, "ENOENT" }, { ENOSPC, "ENOSPC" },
		{ EMSGSIZE, "EMSGSIZE" }, { ERANGE, "ERANGE" },
		{ EINVAL, "EINVAL" },
	};
	size_t i;

	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (names[i].error == errno)
			return prong_sendf(r->c, "%s: %s", names[i].name,
			    prong_error());
	return prong_sendf(r->c, "?: %s", prong_error());
}

static int
dicts_answer(struct request *r, int64_t result)
{
	return result == -1 ? dicts_fail(r) :
	    prong_sendf(r->c, "%lld", (long long)result);
}

static int
dicts_set(struct request *r)
{
	return dicts_answer(r, prong_dict_set(r->d, r->key, r->length, r->rest,
	    strlen(r->rest), 0, PRONG_DICT_FOREVER));
}

/* For so many milliseconds. */
static int
dicts_for(struct request *r)
{
	return dicts_answer(r, prong_dict_set(r->d, r->key, r->length, "x", 1,
	    0, atoll(r->rest)));
}

static int
dicts_get(struct request *r)
{
	static __thread char value[VALUE_MAX];
	ssize_t n = prong_dict_get(r->d, r->key, r->length, value,
	    sizeof(value));

	return n == -1 ? dicts_fail(r) : prong_send(r->c, value, (size_t)n);
}

static int
dicts_add(struct request *r)
{
	int64_t sum;

	return prong_dict_add(r->d, r->key, r->length, atoll(r->rest), &sum) ==
	    -1 ? dicts_fail(r) : prong_sendf(r->c, "%lld", (long long)sum);
}

static int
dicts_delete(struct request *r)
{
	return dicts_answer(r, prong_dict_delete(r->d, r->key, r->length));
}

static int
dicts_size(struct request *r)
{
	return dicts_answer(r, prong_dict_size(r->d));
}

/* A value of so many bytes. */
static int
dicts_large(struct request *r)
{
	size_t size = (size_t)atoll(r->rest);
	char *value = calloc(1, size);
	int result = prong_dict_set(r->d, r->key, r->length, value, size, 0,
	    PRONG_DICT_FOREVER);

	free(value);
	return dicts_answer(r, result);
}

/* Keys that begin so, until no more fit; at most so many. */
static int
dicts_fill(struct request *r)
{
	char key[64];
	int64_t i, most = atoll(r->rest);

	for (i = 0; i < most; i++) {
		int n = snprintf(key, sizeof(key), "%s%lld", r->key,
		    (long long)i);

		if (prong_dict_set(r->d, key, (size_t)n, "value", 5, 0,
		    PRONG_DICT_FOREVER) == -1)
			break;
	}
	return dicts_answer(r, i);
}

/* Sets a key to one letter or another, so many of them, until it is killed. */
static int
dicts_storm(struct request *r)
{
	char *value = malloc(VALUE_MAX);
	size_t size = (size_t)atoll(r->rest);
	unsigned int i;

	for (i = 0;; i++) {
		memset(value, 'a' + (int)(i % 26), size);
		if (prong_dict_set(r->d, r->key, r->length, value, size, 0,
		    PRONG_DICT_FOREVER) == -1)
			return -1;
	}
}

/* Stops with all locks, until somebody lets it go on, or for good. */
static int
dicts_stop(struct request *r)
{
	if (prong_dict_lock(r->d, -1) == -1)
		return dicts_fail(r);
	kill(getpid(), strcmp(r->key, "die") == 0 ? SIGKILL : SIGSTOP);
	return dicts_answer(r, prong_dict_unlock(r->d));
}

/* Takes the whole dict, sets a key, and ends so many milliseconds later. */
static int
dicts_keep(struct request *r)
{
	if (prong_dict_lock(r->d, -1) == -1 || prong_dict_set(r->d, r->key,
	    r->length, "kept", 4, 0, PRONG_DICT_FOREVER) == -1)
		return dicts_fail(r);
	prong_sleep(atoll(r->rest));
	return prong_send(r->c, "kept", 4);
}

static int
dicts_die(struct request *r)
{
	prong_dict_lock(r->d, -1);
	prong_dict_set(r->d, r->key, r->length, "kept", 4, 0,
	    PRONG_DICT_FOREVER);
	return kill(getpid(), SIGKILL);
}

/*
 * A process that is nobody's takes all locks for good, as one whose memory was
 * written over may seem to have; its number.
 */
static int
dicts_hold(struct request *r)
{
	int ends[2];
	char taken;
	pid_t pid;

	if (pipe(ends) == -1 || (pid = fork()) == -1)
		return -1;
	if (pid == 0) {
		if (prong_dict_lock(r->d, -1) == -1 ||
		    write(ends[1], "", 1) != 1 || close_range(0, ~0U, 0) == -1)
			_exit(1);
		for (;;)
			pause();
	}
	close(ends[1]);
	if (read(ends[0], &taken, 1) != 1)
		return -1;
	close(ends[0]);
	return prong_sendf(r->c, "%d", (int)pid);
}

static int
dicts_pid(struct request *r)
{
	return prong_sendf(r->c, "%d", (int)getpid());
}

static const struct {
	const char *name;
	int (*fn)(struct request *);
} commands[] = {
	{ "set", dicts_set }, { "for", dicts_for }, { "get", dicts_get },
	{ "add", dicts_add }, { "delete", dicts_delete },
	{ "size", dicts_size }, { "large", dicts_large },
	{ "fill", dicts_fill }, { "storm", dicts_storm }, { "pid", dicts_pid },
	{ "stop", dicts_stop }, { "hold", dicts_hold },
	{ "keep", dicts_keep }, { "die", dicts_die },
};

static int
dicts_message(struct prong_conn *c, const void *data, size_t len)
{
	struct request r = { .c = c };
	char line[256], *rest = line, *command;
	size_t i;

	snprintf(line, sizeof(line), "%.*s", (int)len, (const char *)data);
	command = strsep(&rest, " ");
	r.d = prong_dict_open(prong_conn_service(c), "d");
	r.key = rest == NULL ? "" : strsep(&rest, " ");
	r.length = strlen(r.key);
	r.rest = rest == NULL ? line + strlen(line) : rest;
	for (i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
		if (strcmp(commands[i].name, command) == 0)
			return commands[i].fn(&r);
	return -1;
}

static int
dicts_init(struct prong_service *s)
{
	if (prong_dict_open(s, "none") != NULL || errno != ENOENT)
		return prong_set_error(EINVAL, "there is a dict \"none\"");
	return prong_dict_open(s, "d") == NULL ? -1 : 0;
}

static PRONG_HANDLER(dicts,
	.summary = "does what is asked for to a dict",
	.flags = PRONG_THREAD_SAFE,
	.framing = PRONG_LINE,
	.init = dicts_init,
	.message = dicts_message,
);

PRONG_MODULE(dicts);
