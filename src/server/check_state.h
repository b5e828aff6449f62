/* SPDX-License-Identifier: ISC */
#ifndef SERVER_CHECK_STATE_H
#define SERVER_CHECK_STATE_H

#include "base/privilege.h"
#include "base/strings.h"
#include "server/check.h"
#include "server/server.h"

/* What the files check*.c share, and nobody else sees. */
struct check {
	struct prong_server *server;
	prong_problem_fn *fn;
	void *arg;
	int problems;
	int environment;
	struct privilege privilege;	/* of the workers */
	bool has_privilege;
	bool lacks_objects;	/* that handlers want: they are not asked */
	struct strings held;	/* addresses of the server that runs now */
	bool asked;
};

/* A problem, whose text is in error_text(). */
void check_problem(struct check *, const void *object, const char *key);
/* One of the machine, not of what is written. */
void check_environment(struct check *, const void *object, const char *key);

/*
 * The folder of a file to be made must be there and allow it; that of the
 * control socket is made at the start.
 */
int check_folder(const struct check *, const char *path);
/* What is there is not removed for a socket, and was not meant to be. */
bool check_is_no_socket(const char *path);

/* check_listen.c: whether a service could listen where it is to. */
void check_listen(struct check *, struct prong_service *);
/* Two services on one address would take each other's connections. */
void check_twice(struct check *);

#endif
