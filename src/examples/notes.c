/* SPDX-License-Identifier: ISC */
/*
 * Notes that clients leave for one another, in a dict that all workers share:
 * whoever serves the next client finds what this one has written, also when
 * this one's worker is killed.
 *
 *	notes ADDRESS:PORT
 *	prongtalk -f line 127.0.0.1:7016
 *
 *	put NAME TEXT		keeps a text, and says what was there before
 *	put10 NAME TEXT		for ten seconds
 *	get NAME
 *	count NAME		adds one to a number
 *	list
 */
#include <prong.h>

#include <err.h>
#include <errno.h>
#include <string.h>

#define NOTE_MAX	1024

static int
notes_put(struct prong_conn *c, struct prong_dict *d, const char *name,
    size_t length, const char *text, size_t text_length, int64_t ms)
{
	char old[NOTE_MAX];
	struct prong_dict_value was = { .data = old, .size = sizeof(old) };

	if (prong_dict_swap(d, name, length, text, text_length, 0, ms, &was) ==
	    -1)
		return prong_sendf(c, "error: %s", prong_error());
	if (was.length == -1)
		return prong_sendf(c, "new");
	return prong_sendf(c, "instead of %.*s", (int)was.length, old);
}

static int
notes_get(struct prong_conn *c, struct prong_dict *d, const char *name,
    size_t length)
{
	char text[NOTE_MAX];
	ssize_t n = prong_dict_get(d, name, length, text, sizeof(text));

	if (n == -1 && errno == ENOENT)
		return prong_sendf(c, "none");
	if (n == -1)
		return prong_sendf(c, "error: %s", prong_error());
	return prong_send(c, text, (size_t)n);
}

static int
notes_count(struct prong_conn *c, struct prong_dict *d, const char *name,
    size_t length)
{
	int64_t n;

	if (prong_dict_add(d, name, length, 1, &n) == -1)
		return prong_sendf(c, "error: %s", prong_error());
	return prong_sendf(c, "%lld", (long long)n);
}

static int
notes_list_one(const struct prong_dict_item *item, void *arg)
{
	return prong_sendf(arg, "%.*s: %.*s", (int)item->key_length,
	    (const char *)item->key, (int)item->length,
	    (const char *)item->value);
}

static int
notes_message(struct prong_conn *c, const void *data, size_t len)
{
	struct prong_dict *d = prong_dict_open(prong_conn_service(c), "notes");
	char line[NOTE_MAX], *text = line, *command, *name;

	if (d == NULL)
		return -1;
	if (len >= sizeof(line))
		return prong_sendf(c, "error: too long for a note");
	memcpy(line, data, len);
	line[len] = '\0';
	command = strsep(&text, " ");
	if (strcmp(command, "list") == 0)
		return prong_dict_each(d, notes_list_one, c) == -1 ? -1 :
		    prong_sendf(c, "that is all");
	if ((name = strsep(&text, " ")) == NULL)
		return prong_sendf(c, "error: put, get, count or list?");
	if (strcmp(command, "put") == 0 && text != NULL)
		return notes_put(c, d, name, strlen(name), text, strlen(text),
		    PRONG_DICT_FOREVER);
	if (strcmp(command, "put10") == 0 && text != NULL)
		return notes_put(c, d, name, strlen(name), text, strlen(text),
		    10000);
	if (strcmp(command, "get") == 0)
		return notes_get(c, d, name, strlen(name));
	if (strcmp(command, "count") == 0)
		return notes_count(c, d, name, strlen(name));
	return prong_sendf(c, "error: put, get, count or list?");
}

static PRONG_HANDLER(notes,
	.summary = "keeps notes for everybody",
	.flags = PRONG_THREAD_SAFE,
	.framings = PRONG_LINE,
	.framing = PRONG_LINE,
	.message = notes_message,
);

int
main(int argc, char **argv)
{
	struct prong_server *server;
	struct prong_service *service;
	struct prong_section *dict;
	int result;

	if (argc != 2)
		errx(64, "usage: notes ADDRESS:PORT");
	if ((server = prong_server_new()) == NULL ||
	    prong_server_handler(server, &notes_handler) == -1 ||
	    prong_server_set(server, "workers", "2") == -1 ||
	    prong_server_set(server, "log.target", "stderr") == -1 ||
	    prong_server_set(server, "pidfile", "") == -1 ||
	    prong_server_set(server, "control.socket", "") == -1 ||
	    (dict = prong_server_section(server, "dict", "notes")) == NULL ||
	    prong_section_set(dict, "memory", "1M") == -1 ||
	    (service = prong_server_add(server, "notes")) == NULL ||
	    prong_service_set(service, "handler", "notes") == -1 ||
	    prong_service_set(service, "listen", argv[1]) == -1)
		errx(2, "%s", prong_error());
	result = prong_server_run(server, NULL, NULL);
	if (result == -1)
		warnx("%s", prong_error());
	prong_server_free(server);
	return result == -1 ? 1 : 0;
}
