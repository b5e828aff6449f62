/* SPDX-License-Identifier: ISC */
/*
 * prongd(8): the server as a program.  The engine is libprong; this is the
 * command line, the configuration, and the way into the background.
 */
#include <err.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "prongd/apply.h"
#include "prongd/daemon.h"
#include "prongd/loader.h"
#include "prongd/options.h"
#include "prongd/problem.h"
#include "prongd/setup.h"

/*
 * Whoever starts prongd with a closed standard descriptor must not find a
 * socket in its place.
 */
static void
main_descriptors(void)
{
	int fd;

	do
		fd = open("/dev/null", O_RDWR);
	while (fd != -1 && fd <= STDERR_FILENO);
	if (fd != -1)
		close(fd);
}

/*
 * With the set-user-ID bit, anybody could have root load a module of theirs:
 * nothing here expects that who starts it may do less than it can.
 */
static void
main_refuse_borrowed(void)
{
	if (getuid() != geteuid() || getgid() != getegid())
		errx(1, "the program file has the set-user-ID or set-group-ID "
		    "bit, which would give its rights to everybody: remove it "
		    "(chmod ug-s)");
}

/* Serves what the loader has passed; returns the exit code. */
static int
main_serve(struct options *o, struct setup *s, bool follows)
{
	struct daemon daemon;
	int result;

	if (!o->foreground && !follows)
		daemon_start(&daemon, o->file == NULL);
	setup_make(s, o);
	if (s->problems.count > 0) {
		problem_print(&s->problems, "", stderr);
		return 1;
	}
	prong_server_load(s->server, loader_again, o);
	if (prong_server_program(s->server, o->argv, o->folder) == -1) {
		warnx("%s", prong_error());
		/* It would be the last upgrade. */
		if (follows)
			return 1;
	}
	if (!o->foreground && chdir("/") == -1)
		warn("/");
	result = prong_server_run(s->server,
	    o->foreground || follows ? NULL : daemon_ready, &daemon);
	if (result == -1 && apply_failure(s->root, prong_error(), &s->problems))
		problem_print(&s->problems, "", stderr);
	else if (result == -1)
		problem_say(prong_error());
	return result == -1 ? 1 : 0;
}

int
main(int argc, char **argv, char **envp)
{
	struct options options;
	struct setup setup = { .server = NULL };
	bool follows;
	int code;

	prong_title_init(argc, argv, envp);
	main_refuse_borrowed();
	main_descriptors();
	if (prong_manager_init() == -1)
		warnx("%s", prong_error());
	/* Ignored, it would keep the ends of children from us. */
	signal(SIGCHLD, SIG_DFL);
	follows = prong_server_follows();
	code = options_parse(&options, argc, argv);
	if (code == -1) {
		code = loader_run(&options, &setup.sources);
		if (code == 0 && !options.test && !options.dump)
			code = main_serve(&options, &setup, follows);
		setup_free(&setup);
	}
	options_free(&options);
	return code;
}
