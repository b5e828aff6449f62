/* SPDX-License-Identifier: ISC */
/*
 * The arguments of the tests' own servers: KEY=VALUE.
 */
#ifndef BLACKBOX_SETTINGS_H
#define BLACKBOX_SETTINGS_H

#include <err.h>
#include <string.h>

#include <prong.h>

/*
 * Sets one: of the service where the key begins with its prefix, "probe.", of
 * its handler with "option.", else of the server.  What is wrong ends the
 * program.
 */
static inline void
settings_set(struct prong_server *server, struct prong_service *service,
    const char *prefix, char *setting)
{
	char *value = setting, *key = strsep(&value, "=");
	int result;

	if (value == NULL)
		errx(64, "usage: [KEY=VALUE]...");
	if (strncmp(key, prefix, strlen(prefix)) == 0)
		result = prong_service_set(service, key + strlen(prefix),
		    value);
	else if (strncmp(key, "option.", 7) == 0)
		result = prong_service_option(service, key + 7, value);
	else
		result = prong_server_set(server, key, value);
	if (result == -1)
		errx(2, "%s", prong_error());
}

/* Runs and frees it; returns the exit status. */
static inline int
settings_run(struct prong_server *server)
{
	int result = prong_server_run(server, NULL, NULL);

	if (result == -1)
		warnx("%s", prong_error());
	prong_server_free(server);
	return result == -1 ? 1 : 0;
}

#endif
