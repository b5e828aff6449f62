/* SPDX-License-Identifier: ISC */
/*
 * The heritage as the master that is upgraded writes it.
 */
#include "server/heritage.h"

#include <sys/mman.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "server/control.h"
#include "server/jsonmem.h"
#include "server/master.h"
#include "server/takeover.h"

/* Descriptors that are collected while it is written. */
struct heritage_list {
	int *fds;
	size_t count;
	bool failed;
};

/* A descriptor as a number in the text. */
static json_t *
heritage_fd(struct heritage_list *list, int fd)
{
	int *fds = reallocarray(list->fds, list->count + 1, sizeof(*fds));

	if (fds == NULL) {
		list->failed = true;
		return json_null();
	}
	list->fds = fds;
	fds[list->count++] = fd;
	return json_integer(fd);
}

static json_t *
heritage_listening(struct heritage_list *list, const struct listening *l)
{
	json_t *sockets = json_array();
	const struct listening_socket *s;
	char wanted[ADDRESS_MAX], address[ADDRESS_MAX];
	size_t i;

	for (i = 0; i < l->count; i++) {
		s = &l->sockets[i];
		json_array_append_new(sockets, json_pack(
		    "{s:o,s:s,s:s,s:s,s:i,s:b}",
		    "fd", heritage_fd(list, s->fd), "service", s->name,
		    "wanted", address_format(&s->wanted, wanted,
			sizeof(wanted)),
		    "address", address_format(&s->address, address,
			sizeof(address)),
		    "number", s->number, "given", s->is_given));
	}
	return sockets;
}

static json_t *
heritage_values(const struct prong_section *section)
{
	const struct section_value *v;
	json_t *values = json_array();

	for (v = section->values; v != NULL; v = v->next)
		json_array_append_new(values, json_pack("[s,s]", v->name,
		    v->text));
	return values;
}

static json_t *
heritage_object(struct heritage_list *list, const struct object_kind *kind,
    const struct prong_section *section, const void *item)
{
	int fds[OBJECT_DESCRIPTORS];
	json_t *numbers = json_array();
	size_t i, count = kind->descriptors(item, fds);

	for (i = 0; i < count; i++)
		json_array_append_new(numbers, heritage_fd(list, fds[i]));
	return json_pack("{s:s,s:s,s:i,s:o,s:o}", "kind", kind->name,
	    "name", section->title, "layout", (int)kind->layout,
	    "values", heritage_values(section), "fds", numbers);
}

static json_t *
heritage_objects(struct heritage_list *list, const struct prong_server *s)
{
	const struct prong_section *section;
	json_t *objects = json_array();
	enum prong_scope kind;
	size_t i;

	for (kind = OBJECT_FIRST; kind < OBJECT_KINDS; kind++) {
		section = s->objects[kind].sections;
		for (i = 0; object_kinds[kind]->descriptors != NULL &&
		    i < s->objects[kind].count; i++, section = section->next)
			json_array_append_new(objects, heritage_object(list,
			    object_kinds[kind], section,
			    s->objects[kind].items[i]));
	}
	return objects;
}

static json_t *
heritage_file(struct heritage_list *list, const char *path, int fd)
{
	if (fd == -1)
		return json_null();
	return json_pack("{s:s,s:o}", "path", path, "fd",
	    heritage_fd(list, fd));
}

/* What a master may number before it has a successor, and meanwhile. */
#define HERITAGE_CONNS_MAX	(1ULL << 40)
#define HERITAGE_CONNS_ROOM	(1ULL << 32)

/* Up to where numbers of connections are this master's, or were others'. */
static json_int_t
heritage_conns(const struct master *m)
{
	uint64_t last = scoreboard_last_number(&m->scoreboard);

	/* Workers wrote it. */
	if (last < m->conns_from || last - m->conns_from > HERITAGE_CONNS_MAX)
		last = m->conns_from + HERITAGE_CONNS_MAX;
	return (json_int_t)(last + HERITAGE_CONNS_ROOM);
}

static json_t *
heritage_ledger(struct heritage_list *list, const struct ledger *l,
    char (*names)[72], uint32_t count)
{
	json_t *all = json_array();
	uint32_t i;

	if (l->segment.fd == -1)
		return json_null();
	for (i = 0; i < count; i++)
		json_array_append_new(all, json_string(names[i]));
	return json_pack("{s:o,s:i,s:i,s:i,s:i,s:b,s:o}",
	    "fd", heritage_fd(list, l->segment.fd), "layout", LEDGER_LAYOUT,
	    "slots", (int)l->slots, "services", (int)l->services,
	    "sources", (int)l->sources, "has_sources", l->has_sources,
	    "names", all);
}

/* Our own, and of those before that drain. */
static json_t *
heritage_ledgers(struct heritage_list *list, const struct master *m)
{
	const struct ledger *l = &m->scoreboard.ledger;
	json_t *ledgers = json_array();
	const struct ledger_former *f;
	uint32_t i;

	json_array_append_new(ledgers, heritage_ledger(list, l, m->rows.names,
	    m->rows.count));
	for (i = 0; i < l->former_count; i++) {
		f = &l->formers[i];
		json_array_append_new(ledgers, heritage_ledger(list,
		    &f->ledger, f->names, f->ledger.services));
	}
	return ledgers;
}

static json_t *
heritage_text(const struct master *m, const struct heritage_ends *ends,
    struct heritage_list *list)
{
	const struct server_settings *set = &m->server->settings;

	return json_pack("{s:i,s:s,s:i,s:i,s:i,s:I,s:I,s:o,s:o,s:o,s:o,s:o,"
	    "s:o,s:o,s:o,s:i,s:o}",
	    "form", HERITAGE_FORM,
	    "version", prong_version(),
	    "pid", (int)getpid(),
	    "generation", (int)m->last_generation,
	    "behind", (int)takeover_behind(m),
	    "started", (json_int_t)m->started,
	    "conns", heritage_conns(m),
	    "link", heritage_fd(list, ends->link),
	    "ask", heritage_fd(list, ends->ask),
	    "error", heritage_fd(list, ends->error),
	    "pidfile", heritage_file(list, set->pidfile, m->pidlock),
	    "control", heritage_file(list, set->control_socket,
		control_socket(m)),
	    "locks", heritage_fd(list, m->server->locks.segment.fd),
	    "listening", heritage_listening(list, &m->current->listening),
	    "ledgers", heritage_ledgers(list, m),
	    "locks-layout", LOCKS_LAYOUT,
	    "objects", heritage_objects(list, m->server));
}

static int
heritage_store(int fd, json_t *text)
{
	int r = text == NULL ? -1 : json_dumpfd(text, fd, JSON_COMPACT);

	json_decref(text);
	/* Who follows would open anew what is missing in it. */
	return r == 0 && !jsonmem_has_failed() ? 0 : error_set(ENOMEM,
	    "no memory for what is handed on");
}

int
heritage_write(const struct master *m, const struct heritage_ends *ends,
    int **fds, size_t *count)
{
	struct heritage_list list = { .fds = NULL };
	int fd = memfd_create("prong-heritage", MFD_CLOEXEC);

	if (fd == -1)
		return error_errno("what is handed on");
	jsonmem_begin();
	json_decref(heritage_fd(&list, fd));
	if (heritage_store(fd, heritage_text(m, ends, &list)) == -1 ||
	    list.failed) {
		free(list.fds);
		close(fd);
		return -1;
	}
	*fds = list.fds;
	*count = list.count;
	return 0;
}
