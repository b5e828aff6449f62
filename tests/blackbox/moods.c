/* SPDX-License-Identifier: ISC */
/*
 * A module for reload.test, upgrade.test and kept.test: says its version to whoever comes,
 * and fails where the option "mood" tells it to: while the configuration is
 * checked, before it is ready, or a while later.
 */
#include <prong.h>

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A test has it built with others. */
#ifndef MOODS_VERSION
#define MOODS_VERSION	"one"
#endif

static const char *const moods_choices[] = {
	"good",
	"declare-fails", "declare-aborts",
	"check-fails", "check-aborts", "check-hangs", "check-haunts",
	"check-stops",
	"init-fails", "init-aborts", "init-hangs",
	"ready-aborts", "ready-exits",
	NULL
};

static const struct prong_option moods_options[] = {
	{ "mood", PRONG_CHOICE, "good", .choices = moods_choices,
	  .help = "where it fails" },
	{ "object", PRONG_STRING, .help = "an array that it declares" },
	{ NULL }
};

static void
moods_act(const char *how)
{
	if (strcmp(how, "aborts") == 0)
		abort();
	if (strcmp(how, "exits") == 0)
		_exit(3);
	while (strcmp(how, "hangs") == 0)
		pause();
}

/* Whether the mood is of this time; then how is what is to be done. */
static const char *
moods_how(struct prong_service *s, const char *when)
{
	const char *mood = prong_option_string(s, "mood");
	size_t n = strlen(when);

	return strncmp(mood, when, n) == 0 && mood[n] == '-' ? mood + n + 1 :
	    NULL;
}

static int
moods_declare(struct prong_service *s)
{
	const char *how = moods_how(s, "declare");
	const char *object = prong_option_string(s, "object");

	if (how != NULL) {
		moods_act(how);
		return prong_set_error(EINVAL, "in a bad mood to declare");
	}
	return object == NULL ? 0 : prong_declare(s, "array", object,
	    "type", "int64", "slots", "4", NULL);
}

static const char *moods_at_last = "";

static void
moods_later(void *arg)
{
	moods_act(moods_at_last);
}

/* The file in which the one who checks hands the configuration on; or -1. */
static int
moods_find_file(void)
{
	static const char name[] = "/memfd:prong-server";
	char path[64], to[sizeof(name)];
	int fd;

	for (fd = 0; fd < 1024; fd++) {
		snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
		if (readlink(path, to, sizeof(to)) >= (ssize_t)strlen(name) &&
		    memcmp(to, name, strlen(name)) == 0)
			return fd;
	}
	return -1;
}

/*
 * A process that makes that file shorter and longer for a while, as soon as the
 * one who checks has ended.
 */
static int
moods_haunt(void)
{
	pid_t checker = getpid(), pid = fork();
	int fd = moods_find_file(), left = 20000;

	if (pid != 0)
		return pid == -1 ? -1 : 0;
	while (getppid() == checker)
		continue;
	while (left-- > 0 && ftruncate(fd, 4096) == 0 &&
	    ftruncate(fd, 1 << 20) == 0)
		continue;
	_exit(0);
}

/* Only a worker has mail: elsewhere the configuration is checked. */
static int
moods_init(struct prong_service *s)
{
	bool checks = prong_post(1, "", 1) == -1 && errno == EPERM;
	const char *how = moods_how(s, checks ? "check" : "init");

	if (how != NULL && strcmp(how, "haunts") == 0)
		return moods_haunt();
	/* Until the test has it go on. */
	if (how != NULL && strcmp(how, "stops") == 0)
		return raise(SIGSTOP) == 0 ? 0 : -1;
	if (how != NULL) {
		moods_act(how);
		return prong_set_error(EINVAL, "in a bad mood to begin");
	}
	if (checks || (how = moods_how(s, "ready")) == NULL)
		return 0;
	moods_at_last = how;
	return prong_timer(50, moods_later, NULL) == NULL ? -1 : 0;
}

static int
moods_opened(struct prong_conn *c)
{
	return prong_sendf(c, MOODS_VERSION " %d\n", (int)getpid());
}

static int
moods_message(struct prong_conn *c, const void *data, size_t len)
{
	return prong_send(c, data, len);
}

static PRONG_HANDLER(moods,
	.summary = "fails where it is told to",
	.options = moods_options,
	.declare = moods_declare,
	.init = moods_init,
	.opened = moods_opened,
	.message = moods_message,
);

PRONG_MODULE(moods);
