/* SPDX-License-Identifier: ISC */
/*
 * The heritage as the new master finds it.
 */
#include <sys/mman.h>
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/units.h"
#include "server/heritage.h"

#define HERITAGE_MAX	(16 << 20)
/* Numbers of connections that a master can begin behind. */
#define HERITAGE_CONNS_END	(1ULL << 62)

static struct heritage heritage;
static bool heritage_is_right;
static char heritage_why[ERROR_MAX];	/* it is not; "" */

static int
heritage_wrong(const char *what)
{
	return error_set(EPROTO, "what the server before hands on is not "
	    "right: %s", what);
}

/* A descriptor of ours by its number; -1 with a text. */
static int
heritage_take(const json_t *number)
{
	json_int_t fd = json_integer_value(number);

	if (!json_is_integer(number) || fd < 3 || fd > INT_MAX ||
	    fcntl((int)fd, F_SETFD, FD_CLOEXEC) == -1)
		return heritage_wrong("a descriptor is not there");
	return (int)fd;
}

/* An address as it was written: numbers, so nobody is asked. */
static int
heritage_address(const json_t *text, struct address *to)
{
	const char *s = json_string_value(text);
	struct address *list;
	size_t count;

	if (s == NULL || address_resolve(s, true, &list, &count) == -1)
		return heritage_wrong("an address");
	*to = list[0];
	free(list);
	return 0;
}

static int
heritage_take_socket(struct listening *l, const json_t *o)
{
	const char *name = json_string_value(json_object_get(o, "service"));
	struct listening_socket s = { .is_shared = false };

	s.fd = heritage_take(json_object_get(o, "fd"));
	if (s.fd == -1 || name == NULL ||
	    heritage_address(json_object_get(o, "wanted"), &s.wanted) == -1 ||
	    heritage_address(json_object_get(o, "address"), &s.address) == -1)
		return name == NULL ? heritage_wrong("a service's name") : -1;
	strlcpy(s.name, name, sizeof(s.name));
	s.is_given = json_is_true(json_object_get(o, "given"));
	s.number = (int)json_integer_value(json_object_get(o, "number"));
	if (s.number < -1 || s.number >= 1 << 16)
		return heritage_wrong("the number of a listening socket");
	return listening_append(l, &s);
}

static int
heritage_take_values(struct prong_section *section, const json_t *values)
{
	const json_t *pair;
	const char *name, *text;
	size_t i;

	json_array_foreach(values, i, pair) {
		name = json_string_value(json_array_get(pair, 0));
		text = json_string_value(json_array_get(pair, 1));
		if (name == NULL || text == NULL)
			return heritage_wrong("a value of an object");
		/* One that this version does not know says nothing to it. */
		if (section_option(section->members, name) != NULL &&
		    section_store(section, name, text) == -1)
			return -1;
	}
	return 0;
}

/* Of memory; 0, which none has, if it is no number. */
static uint32_t
heritage_layout(const json_t *o, const char *key)
{
	json_int_t layout = json_integer_value(json_object_get(o, key));

	return layout > 0 && layout <= UINT32_MAX ? (uint32_t)layout : 0;
}

/* Its memory has to be as this program lays it out. */
static int
heritage_take_object(struct prong_server *s, const json_t *o)
{
	const char *kind = json_string_value(json_object_get(o, "kind"));
	const char *name = json_string_value(json_object_get(o, "name"));
	const json_t *numbers = json_object_get(o, "fds");
	enum prong_scope scope = kind == NULL ? 0 : objects_kind(kind);
	int fds[OBJECT_DESCRIPTORS];
	struct prong_section *section;
	size_t i;

	if (scope == 0 || object_kinds[scope]->adopt == NULL || name == NULL ||
	    json_array_size(numbers) > OBJECT_DESCRIPTORS)
		return heritage_wrong("an object of a kind that is not known");
	/* One without would be made anew, and empty. */
	if (json_array_size(numbers) == 0)
		return heritage_wrong("an object has no memory");
	for (i = 0; i < json_array_size(numbers); i++)
		if ((fds[i] = heritage_take(json_array_get(numbers, i))) == -1)
			return -1;
	if ((section = objects_add(s, scope, name)) == NULL ||
	    heritage_take_values(section, json_object_get(o, "values")) == -1)
		return -1;
	return objects_adopt(s, scope, section, heritage_layout(o, "layout"),
	    fds, i);
}

static int
heritage_take_file(const json_t *o, char **path, int *fd)
{
	const char *s = json_string_value(json_object_get(o, "path"));

	*path = NULL;
	*fd = -1;
	if (o == NULL || json_is_null(o))
		return 0;
	if (s == NULL)
		return heritage_wrong("a path");
	if ((*fd = heritage_take(json_object_get(o, "fd"))) == -1)
		return -1;
	*path = strdup(s);
	return *path == NULL ? error_errno("%s", s) : 0;
}

static uint32_t
heritage_number(const json_t *o, const char *key)
{
	json_int_t n = json_integer_value(json_object_get(o, key));

	return n < 0 || n > UINT32_MAX ? UINT32_MAX : (uint32_t)n;
}

/* One that this program cannot read counts for nothing. */
static int
heritage_take_ledger(struct heritage *h, const json_t *o)
{
	struct ledger_former *f = &h->ledgers[h->ledger_count];
	const struct ledger_sizes sizes = {
		.layout = heritage_number(o, "layout"),
		.slots = heritage_number(o, "slots"),
		.services = heritage_number(o, "services"),
		.sources = heritage_number(o, "sources"),
		.has_sources = json_is_true(json_object_get(o, "has_sources")),
	};
	const json_t *names = json_object_get(o, "names"), *each;
	const char *name;
	size_t i;
	int fd;

	*f = (struct ledger_former){ .ledger.segment.fd = -1 };
	h->ledger_count++;
	if (json_is_null(o))
		return 0;
	if ((fd = heritage_take(json_object_get(o, "fd"))) == -1)
		return -1;
	if (ledger_former_open(f, fd, &sizes) == -1) {
		strlcpy(h->ledger_why, error_text(), sizeof(h->ledger_why));
		return 0;
	}
	json_array_foreach(names, i, each) {
		name = json_string_value(each);
		if (i < sizes.services && name != NULL)
			strlcpy(f->names[i], name, sizeof(f->names[i]));
	}
	return 0;
}

static int
heritage_take_lists(struct heritage *h, const json_t *o)
{
	const json_t *each;
	size_t i;
	int fd;

	json_array_foreach(json_object_get(o, "ledgers"), i, each)
		if (i < LEDGER_FORMERS_MAX &&
		    heritage_take_ledger(h, each) == -1)
			return -1;
	json_array_foreach(json_object_get(o, "listening"), i, each)
		if (heritage_take_socket(&h->before.listening, each) == -1)
			return -1;
	if ((h->before.server = prong_server_new()) == NULL ||
	    segment_check_layout("memory", "locks", heritage_layout(o,
	    "locks-layout"), LOCKS_LAYOUT) == -1 ||
	    (fd = heritage_take(json_object_get(o, "locks"))) == -1 ||
	    locks_adopt(&h->before.server->locks, fd) == -1)
		return -1;
	json_array_foreach(json_object_get(o, "objects"), i, each)
		if (heritage_take_object(h->before.server, each) == -1)
			return -1;
	return 0;
}

static int
heritage_take_all(struct heritage *h, const json_t *o)
{
	const char *version = json_string_value(json_object_get(o, "version"));

	if (json_integer_value(json_object_get(o, "form")) != HERITAGE_FORM)
		return error_set(EPROTO, "the server before (version %s) hands "
		    "on things in another form than this program (version %s) "
		    "knows", version == NULL ? "?" : version, prong_version());
	strlcpy(h->version, version == NULL ? "" : version,
	    sizeof(h->version));
	h->pid = (pid_t)json_integer_value(json_object_get(o, "pid"));
	h->generation = (uint32_t)json_integer_value(json_object_get(o,
	    "generation"));
	h->behind = (uint32_t)json_integer_value(json_object_get(o,
	    "behind"));
	h->started = (uint64_t)json_integer_value(json_object_get(o,
	    "started"));
	h->conns = (uint64_t)json_integer_value(json_object_get(o, "conns"));
	if (h->conns >= HERITAGE_CONNS_END)
		return heritage_wrong("the number of a connection");
	if ((h->link = heritage_take(json_object_get(o, "link"))) == -1 ||
	    (h->ask = heritage_take(json_object_get(o, "ask"))) == -1 ||
	    (h->error = heritage_take(json_object_get(o, "error"))) == -1 ||
	    heritage_take_file(json_object_get(o, "pidfile"), &h->pidfile,
	    &h->pidlock) == -1 || heritage_take_file(json_object_get(o,
	    "control"), &h->control, &h->control_socket) == -1)
		return -1;
	return heritage_take_lists(h, o);
}

/* What the variable says: the file's descriptor, and whose child we are. */
static int
heritage_find(const char *text)
{
	int64_t fd;
	struct stat st;

	if (units_integer(text, 3, INT_MAX, &fd) == -1 ||
	    fcntl((int)fd, F_SETFD, FD_CLOEXEC) == -1 ||
	    fstat((int)fd, &st) == -1 || !S_ISREG(st.st_mode) ||
	    st.st_size > HERITAGE_MAX)
		return error_set(EPROTO, HERITAGE_VARIABLE " is set, and not "
		    "by a server that is upgraded");
	return (int)fd;
}

static int
heritage_read(const char *variable)
{
	int fd = heritage_find(variable), r;
	struct stat st;
	json_t *o = NULL;
	char *text;

	if (fd == -1)
		return -1;
	if (fstat(fd, &st) == -1 || (text = mmap(NULL, (size_t)st.st_size + 1,
	    PROT_READ, MAP_PRIVATE, fd, 0)) == MAP_FAILED)
		return heritage_wrong("its file");
	o = json_loadb(text, (size_t)st.st_size, 0, NULL);
	munmap(text, (size_t)st.st_size + 1);
	close(fd);
	if (o == NULL)
		return heritage_wrong("its text");
	r = heritage_take_all(&heritage, o);
	json_decref(o);
	return r;
}

struct heritage *
heritage_get(void)
{
	const char *variable = getenv(HERITAGE_VARIABLE);

	if (variable != NULL) {
		heritage = (struct heritage){ .link = -1, .ask = -1,
		    .error = -1, .pidlock = -1, .control_socket = -1 };
		heritage_is_right = heritage_read(variable) == 0;
		if (!heritage_is_right)
			strlcpy(heritage_why, error_text(),
			    sizeof(heritage_why));
		/* It is nobody's but ours. */
		unsetenv(HERITAGE_VARIABLE);
	}
	errno = 0;
	if (heritage_why[0] != '\0')
		error_set(EPROTO, "%s", heritage_why);
	return heritage_is_right ? &heritage : NULL;
}

void
heritage_free(struct heritage *h)
{
	uint32_t i;

	for (i = 0; i < h->ledger_count; i++)
		ledger_former_close(&h->ledgers[i]);
	listening_close(&h->before.listening, false);
	if (h->before.server != NULL)
		prong_server_free(h->before.server);
	h->before.server = NULL;
	free(h->pidfile);
	free(h->control);
	if (h->error != -1)
		close(h->error);
	if (h->ask != -1)
		close(h->ask);
	*h = (struct heritage){ .link = -1, .ask = -1, .error = -1,
	    .pidlock = -1, .control_socket = -1 };
}

static void
heritage_say(const char *key, const char *text)
{
	json_t *message;

	/* What is wrong with it may be known once there is a way to tell. */
	if (heritage.link <= 0)
		return;
	message = json_pack("{s:s}", key, text);
	/* By one write, so that lines of a child do not mix with ours. */
	if (message != NULL) {
		text = json_dumps(message, JSON_COMPACT);
		if (text != NULL)
			dprintf(heritage.link, "%s\n", text);
		free((void *)(uintptr_t)text);
	}
	json_decref(message);
}

void
heritage_stage(const char *stage)
{
	heritage_say("stage", stage);
}

void
heritage_fail(const char *why)
{
	heritage_say("failed", why);
}
