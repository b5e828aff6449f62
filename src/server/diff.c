/* SPDX-License-Identifier: ISC */
/*
 * What is not the same in two servers.
 *
 * A line says where, and what: service "web": backlog: 511 -> 64.  Lines are
 * for logs and terminals, so every text in them is escaped and of a bounded
 * length.
 */
#include "server/diff.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/escape.h"

#define DIFF_TEXT_MAX	64		/* bytes of a value that are shown */
#define DIFF_LIST_MAX	8		/* values of a list that are */
#define DIFF_WORK_MAX	(1 << 24)	/* comparisons for one list */

struct diff {
	json_t *lines;
	char *line;			/* in the making */
	bool failed;			/* no memory */
};

/* The values of one name; none: it was not given. */
struct diff_values {
	const char *const *items;
	size_t count;
};

/* --- lines ---------------------------------------------------------------- */

/* where is "" or ends with ": ". */
static void
diff_begin(struct diff *d, const char *where, const char *what)
{
	d->failed |= strings_append(&d->line, "%s%s", where, what) == -1;
}

static void
diff_end(struct diff *d)
{
	if (d->line == NULL || json_array_append_new(d->lines,
	    json_string(d->line)) == -1)
		d->failed = true;
	free(d->line);
	d->line = NULL;
}

/* A character is not cut in two. */
static int
diff_show(char **out, const char *text, bool bare)
{
	size_t length = strlen(text), shown = length;
	const char *quote = bare ? "" : "\"";
	char *escaped;
	int r;

	if (length > DIFF_TEXT_MAX)
		for (shown = DIFF_TEXT_MAX; shown > DIFF_TEXT_MAX - 4 &&
		    (text[shown] & 0xc0) == 0x80; shown--)
			continue;
	if ((escaped = escape_bytes(text, shown)) == NULL)
		return -1;
	r = strings_append(out, "%s%s%s%s", quote, escaped, quote,
	    shown < length ? "..." : "");
	free(escaped);
	return r;
}

static void
diff_text(struct diff *d, const char *before, const char *text, bool bare)
{
	d->failed |= strings_append(&d->line, "%s", before) == -1 ||
	    (text == NULL ? strings_append(&d->line, "none") :
	    diff_show(&d->line, text, bare)) == -1;
}

/* The first ones, and how many there are beside them. */
static void
diff_list(struct diff *d, const char *before, const struct diff_values *v)
{
	size_t i;

	for (i = 0; i < v->count && i < DIFF_LIST_MAX; i++)
		diff_text(d, i == 0 ? before : ", ", v->items[i], false);
	if (v->count > DIFF_LIST_MAX)
		d->failed |= strings_append(&d->line, " and %zu more",
		    v->count - DIFF_LIST_MAX) == -1;
}

/* --- values --------------------------------------------------------------- */

/* Without what is the same at both ends. */
static void
diff_trim(struct diff_values *a, struct diff_values *b)
{
	while (a->count > 0 && b->count > 0 &&
	    strcmp(a->items[0], b->items[0]) == 0) {
		a->items++, a->count--;
		b->items++, b->count--;
	}
	while (a->count > 0 && b->count > 0 && strcmp(a->items[a->count - 1],
	    b->items[b->count - 1]) == 0) {
		a->count--;
		b->count--;
	}
}

/* Those of a that are not in b; one that stands twice must, too. */
static void
diff_subtract(const struct diff_values *a, const struct diff_values *b,
    const char **left, size_t *count)
{
	bool *taken = calloc(b->count + 1, sizeof(*taken));
	size_t i, k;

	*count = 0;
	for (i = 0; taken != NULL && i < a->count; i++) {
		for (k = 0; k < b->count; k++)
			if (!taken[k] && strcmp(a->items[i], b->items[k]) == 0)
				break;
		if (k < b->count)
			taken[k] = true;
		else
			left[(*count)++] = a->items[i];
	}
	free(taken);
}

/* a and b are what is left of the lists when both ends are trimmed. */
static void
diff_changes(struct diff *d, const struct diff_values *a,
    const struct diff_values *b)
{
	const char **gone = calloc(a->count + 1, sizeof(*gone));
	const char **new = calloc(b->count + 1, sizeof(*new));
	struct diff_values removed = { gone, 0 }, added = { new, 0 };

	if (gone == NULL || new == NULL)
		d->failed = true;
	else {
		diff_subtract(a, b, gone, &removed.count);
		diff_subtract(b, a, new, &added.count);
		if (added.count == 0 && removed.count == 0)
			diff_begin(d, "", "in another order");
		diff_list(d, "added ", &added);
		diff_list(d, added.count > 0 ? "; removed " : "removed ",
		    &removed);
	}
	free(gone);
	free(new);
}

static void
diff_lists(struct diff *d, const char *where, const char *name,
    struct diff_values a, struct diff_values b)
{
	size_t before = a.count, after = b.count;

	diff_trim(&a, &b);
	if (a.count == 0 && b.count == 0)
		return;
	diff_begin(d, where, "");
	diff_text(d, "", name, true);
	diff_begin(d, "", ": ");
	if (b.count > 0 && a.count > DIFF_WORK_MAX / b.count)
		d->failed |= strings_append(&d->line, "another list, of %zu "
		    "values -> of %zu", before, after) == -1;
	else
		diff_changes(d, &a, &b);
	diff_end(d);
}

/* a and b may be NULL: there is none. */
static void
diff_scalars(struct diff *d, const char *where, const char *name,
    const char *a, const char *b, bool bare)
{
	diff_begin(d, where, "");
	diff_text(d, "", name, true);
	diff_text(d, ": ", a, bare);
	diff_text(d, " -> ", b, bare);
	diff_end(d);
}

/* --- settings ------------------------------------------------------------- */

/* Of services, or of the servers if those are NULL. */
static void
diff_settings(struct diff *d, const char *where, struct settings_walk *a,
    const struct prong_service *before, struct settings_walk *b,
    const struct prong_service *after)
{
	while (server_next_setting(before, a) && server_next_setting(after, b))
		if (a->list)
			diff_lists(d, where, a->key,
			    (struct diff_values){ a->values, a->count },
			    (struct diff_values){ b->values, b->count });
		else if (strcmp(a->values[0], b->values[0]) != 0)
			diff_scalars(d, where, a->key, a->values[0],
			    b->values[0], !a->text);
}

/* --- sections ------------------------------------------------------------- */

/* To be freed by the caller. */
static const char **
diff_collect(struct diff *d, const struct prong_section *s, const char *name,
    size_t *count)
{
	const struct section_value *v;
	const char **items;

	*count = 0;
	for (v = s->values; v != NULL; v = v->next)
		*count += strcmp(v->name, name) == 0;
	if ((items = calloc(*count + 1, sizeof(*items))) == NULL) {
		d->failed = true;
		*count = 0;
		return NULL;
	}
	*count = 0;
	for (v = s->values; v != NULL; v = v->next)
		if (strcmp(v->name, name) == 0)
			items[(*count)++] = v->text;
	return items;
}

/* Two sections, and what may be in each; those tables may be NULL. */
struct diff_pair {
	const struct prong_section *a, *b;
	const struct prong_option *before, *after;
};

static void
diff_value(struct diff *d, const char *where, const struct diff_pair *p,
    const char *name)
{
	const struct prong_option *before = section_option(p->before, name);
	const struct prong_option *after = section_option(p->after, name);
	const struct prong_option *o = after != NULL ? after : before;
	size_t m, n;
	const char **a = diff_collect(d, p->a, name, &m);
	const char **b = diff_collect(d, p->b, name, &n);
	const char *old = m > 0 ? a[0] : before != NULL ? before->value : NULL;
	const char *new = n > 0 ? b[0] : after != NULL ? after->value : NULL;

	if (m > 1 || n > 1 || (o != NULL && o->type == PRONG_STRINGS))
		diff_lists(d, where, name, (struct diff_values){ a, m },
		    (struct diff_values){ b, n });
	else if (old == NULL || new == NULL ? old != new :
	    strcmp(old, new) != 0 && (o == NULL ||
	    !section_is_same(o, old, new)))
		diff_scalars(d, where, name, old, new, o != NULL &&
		    o->type >= PRONG_INT && o->type <= PRONG_CHOICE);
	free(a);
	free(b);
}

/* In the order of the first, then what only the second has. */
static void
diff_all_values(struct diff *d, const char *where, const struct diff_pair *p)
{
	const struct section_value *v;

	for (v = p->a->values; v != NULL; v = v->next)
		if (section_value(p->a, v->name) == v)
			diff_value(d, where, p, v->name);
	for (v = p->b->values; v != NULL; v = v->next)
		if (section_value(p->b, v->name) == v &&
		    section_value(p->a, v->name) == NULL)
			diff_value(d, where, p, v->name);
}

/* Mostly it is that behind the one that was found before: *next. */
static struct prong_section *
diff_find(struct prong_section *list, struct prong_section **next,
    const struct prong_section *s)
{
	struct prong_section *found = *next;

	if (found == NULL || strcmp(found->name, s->name) != 0 ||
	    strcmp(found->title, s->title) != 0)
		found = section_find(list, s->name, s->title);
	if (found != NULL)
		*next = found->next;
	return found;
}

/* Where a section is: to be freed by the caller. */
static char *
diff_where(struct diff *d, const char *where, const struct prong_section *s)
{
	char *place = NULL;

	if (strings_append(&place, "%s%s ", where, s->name) == -1 ||
	    diff_show(&place, s->title, false) == -1 ||
	    strings_append(&place, ": ") == -1) {
		d->failed = true;
		free(place);
		return NULL;
	}
	return place;
}

/* One that only one side has. */
static void
diff_alone(struct diff *d, const char *where, const struct prong_section *s,
    const char *what)
{
	char *place = diff_where(d, where, s);

	if (place == NULL)
		return;
	diff_begin(d, place, what);
	if (s->by != NULL)
		diff_text(d, ", for the handler of service ", s->by, false);
	diff_end(d);
	free(place);
}

/* Whether those that both have stand in the same order. */
static bool
diff_is_in_order(struct prong_section *a, struct prong_section *b)
{
	struct prong_section *in_a = a, *in_b = b, *next_a = a, *next_b = b;

	for (;;) {
		while (in_a != NULL && diff_find(b, &next_b, in_a) == NULL)
			in_a = in_a->next;
		while (in_b != NULL && diff_find(a, &next_a, in_b) == NULL)
			in_b = in_b->next;
		if (in_a == NULL || in_b == NULL)
			return true;
		if (strcmp(in_a->name, in_b->name) != 0 ||
		    strcmp(in_a->title, in_b->title) != 0)
			return false;
		in_a = in_a->next;
		in_b = in_b->next;
	}
}

static void diff_sections(struct diff *, const char *, struct prong_section *,
    struct prong_section *);

static void
diff_section(struct diff *d, const char *where, const struct prong_section *a,
    const struct prong_section *b)
{
	const struct diff_pair pair = { a, b, a->members, b->members };
	char *place = diff_where(d, where, b);

	if (place == NULL)
		return;
	diff_all_values(d, place, &pair);
	diff_sections(d, place, a->sections, b->sections);
	if (!diff_is_in_order(a->sections, b->sections)) {
		diff_begin(d, place, "its sections are in another order");
		diff_end(d);
	}
	free(place);
}

static void
diff_sections(struct diff *d, const char *where, struct prong_section *a,
    struct prong_section *b)
{
	struct prong_section *s, *was, *next = b;

	for (s = a; s != NULL; s = s->next)
		if (diff_find(b, &next, s) == NULL)
			diff_alone(d, where, s, "gone");
	for (s = b, next = a; s != NULL; s = s->next)
		if ((was = diff_find(a, &next, s)) == NULL)
			diff_alone(d, where, s, "new");
		else
			diff_section(d, where, was, s);
}

/* --- services ------------------------------------------------------------- */

static const struct prong_option *
diff_options(const struct prong_service *s)
{
	const struct prong_handler *h = server_handler(s->server,
	    s->settings.handler);

	return h == NULL ? NULL : h->options;
}

static struct diff_values
diff_strings(const struct strings *s)
{
	return (struct diff_values){ (const char *const *)s->items, s->count };
}

/* Names are plain characters. */
static char *
diff_where_service(struct diff *d, const struct prong_service *s)
{
	char *where = NULL;

	d->failed |= strings_append(&where, "service \"%s\": ", s->name) == -1;
	return where;
}

static void
diff_service(struct diff *d, const struct prong_service *before,
    const struct prong_service *after)
{
	struct settings_walk a = { .scope = PRONG_SERVICE,
	    .settings = &before->settings };
	struct settings_walk b = { .scope = PRONG_SERVICE,
	    .settings = &after->settings };
	const struct diff_pair options = { before->options, after->options,
	    diff_options(before), diff_options(after) };
	char *where = diff_where_service(d, after);

	if (where == NULL)
		return;
	diff_settings(d, where, &a, before, &b, after);
	/* What names stand for is not known of every server. */
	if (before->found.count > 0 && after->found.count > 0)
		diff_lists(d, where, "listen, as looked up",
		    diff_strings(&before->found), diff_strings(&after->found));
	diff_all_values(d, where, &options);
	free(where);
}

static void
diff_service_alone(struct diff *d, const struct prong_service *s,
    const char *what, const char *listens)
{
	const struct diff_values listen = diff_strings(&s->settings.listen);
	char *where = diff_where_service(d, s);

	if (where == NULL)
		return;
	diff_begin(d, where, what);
	diff_text(d, ", handler ", s->settings.handler, false);
	diff_list(d, listens, &listen);
	diff_end(d);
	free(where);
}

static void
diff_services(struct diff *d, const struct prong_server *before,
    const struct prong_server *after)
{
	const struct prong_service *s, *was;
	size_t i;

	for (i = 0; i < before->service_count; i++) {
		s = before->services[i];
		if (server_by_name(after, s->name) == NULL)
			diff_service_alone(d, s, "gone", ", listened on ");
	}
	for (i = 0; i < after->service_count; i++) {
		s = after->services[i];
		if ((was = server_by_name(before, s->name)) == NULL)
			diff_service_alone(d, s, "new", ", listens on ");
		else
			diff_service(d, was, s);
	}
}

json_t *
diff_servers(const struct prong_server *before,
    const struct prong_server *after)
{
	struct settings_walk a = { .scope = PRONG_SERVER,
	    .settings = &before->settings };
	struct settings_walk b = { .scope = PRONG_SERVER,
	    .settings = &after->settings };
	struct diff d = { .lines = json_array() };
	enum prong_scope kind;

	d.failed = d.lines == NULL;
	diff_settings(&d, "", &a, NULL, &b, NULL);
	diff_services(&d, before, after);
	for (kind = OBJECT_FIRST; kind < OBJECT_KINDS; kind++)
		diff_sections(&d, "", before->objects[kind].sections,
		    after->objects[kind].sections);
	diff_sections(&d, "", before->sections, after->sections);
	if (!d.failed)
		return d.lines;
	json_decref(d.lines);
	error_set(ENOMEM, "no memory to say what is different");
	return NULL;
}
