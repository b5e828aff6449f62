/* SPDX-License-Identifier: ISC */
/*
 * The short way to a server, and the way to stop one from inside the program.
 */
#include <errno.h>
#include <stdarg.h>
#include <unistd.h>

#include "base/error.h"
#include "base/log.h"
#include "server/server.h"

/* What a program without a configuration expects of a server. */
static const char *const serve_settings[][2] = {
	{ "log.target", "stderr" },
	{ "pidfile", "" },
	{ "control.socket", "" },
};

/* In the order of enum prong_dispatch. */
static const char *const serve_dispatch[] =
    { "inline", "coroutine", "thread", "pool", "fork" };

static int
serve_handler(struct prong_server *server, const struct prong_handler *h)
{
	if (h == NULL)
		return error_set(EINVAL, "a service without a handler");
	/* Several services may have the same. */
	return server_handler(server, h->name) == h ? 0 :
	    prong_server_handler(server, h);
}

int
serve_pairs(struct prong_service *s, const char *const *pairs,
    int (*set)(struct prong_service *, const char *, const char *))
{
	for (; pairs != NULL && pairs[0] != NULL; pairs += 2)
		if (pairs[1] == NULL)
			return error_set(EINVAL, "%s has no value", pairs[0]);
		else if (set(s, pairs[0], pairs[1]) == -1)
			return -1;
	return 0;
}

static int
serve_add(struct prong_server *server, const struct prong_service_config *c)
{
	struct prong_service *s;
	const char *name;

	if (serve_handler(server, c->handler) == -1)
		return -1;
	if ((size_t)c->dispatch >=
	    sizeof(serve_dispatch) / sizeof(serve_dispatch[0]))
		return error_set(EINVAL, "no such dispatch: %d",
		    (int)c->dispatch);
	name = c->name != NULL ? c->name : c->handler->name;
	if ((s = prong_server_add(server, name)) == NULL)
		return -1;
	if (c->listen == NULL ||
	    prong_service_set(s, "listen", c->listen) == -1 ||
	    prong_service_set(s, "handler", c->handler->name) == -1 ||
	    prong_service_set(s, "dispatch", serve_dispatch[c->dispatch]) ==
	    -1 ||
	    serve_pairs(s, c->settings, prong_service_set) == -1 ||
	    serve_pairs(s, c->options, prong_service_option) == -1)
		return c->listen == NULL ? error_set(EINVAL, "service \"%s\" "
		    "listens nowhere", name) : error_prefix("service \"%s\"",
		    name);
	return 0;
}

static int
serve_fill(struct prong_server *server, const struct prong_service_config *c,
    va_list ap)
{
	size_t i;

	for (i = 0; i < sizeof(serve_settings) / sizeof(serve_settings[0]); i++)
		if (prong_server_set(server, serve_settings[i][0],
		    serve_settings[i][1]) == -1)
			return -1;
	for (; c != NULL; c = va_arg(ap, const struct prong_service_config *))
		if (c->size != sizeof(*c))
			return error_set(EINVAL, "made for another version of "
			    "struct prong_service_config: set .size");
		else if (serve_add(server, c) == -1)
			return -1;
	return 0;
}

int
prong_serve(const struct prong_service_config *first, ...)
{
	struct prong_server *server;
	va_list ap;
	int result, error;

	if ((server = prong_server_new()) == NULL)
		return -1;
	va_start(ap, first);
	result = serve_fill(server, first, ap);
	va_end(ap);
	if (result == 0)
		result = prong_server_run(server, NULL, NULL);
	error = errno;
	if (result == -1)
		log_error("%s", error_text());
	prong_server_free(server);
	errno = error;
	return result;
}

int
prong_server_stop(struct prong_server *server, bool fast)
{
	const uint64_t value = fast ? SERVER_STOP_FAST : 1;

	/* Nothing else than this, so that a signal handler may call it. */
	return write(server->stop, &value, sizeof(value)) == sizeof(value) ?
	    0 : -1;
}
