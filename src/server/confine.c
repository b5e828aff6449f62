/* SPDX-License-Identifier: ISC */
/*
 * From the settings of a server to the sandbox of its processes: which files
 * they may use.
 */
#include "server/confine.h"

#include <errno.h>
#include <libgen.h>
#include <limits.h>
#include <string.h>

#include "base/error.h"

bool
confine_is_required(const struct prong_server *s)
{
	return s->settings.sandbox == SANDBOX_REQUIRED;
}

static int
confine_add_all(struct strings *to, const struct strings *from)
{
	size_t i;

	for (i = 0; i < from->count; i++)
		if (strings_add(to, from->items[i]) == -1)
			return -1;
	return 0;
}

static int
confine_add_folder(struct strings *to, const char *path)
{
	char copy[PATH_MAX];

	if (strlcpy(copy, path, sizeof(copy)) >= sizeof(copy))
		return error_set(ENAMETOOLONG, "%.64s...: path too long", path);
	return strings_add(to, dirname(copy));
}

/* A module may come with files of its own, or load more of its kind. */
static int
confine_add_modules(struct strings *to, const struct prong_server *s)
{
	const char *handler;
	size_t i;

	if (s->settings.module_path[0] != '\0' &&
	    strings_add(to, s->settings.module_path) == -1)
		return -1;
	for (i = 0; i < s->service_count; i++) {
		handler = s->services[i]->settings.handler;
		if (strchr(handler, '/') != NULL &&
		    confine_add_folder(to, handler) == -1)
			return -1;
	}
	return 0;
}

int
confine_worker(const struct prong_server *s, bool forks, uint32_t *word)
{
	const struct server_settings *set = &s->settings;
	struct sandbox_files files = { { NULL, 0 }, { NULL, 0 } };
	int r = -1;

	*word = 0;
	if (sandbox_add_usual(&files, set->chroot[0] != '\0') == 0 &&
	    confine_add_modules(&files.reads, s) == 0 &&
	    confine_add_all(&files.reads, &set->sandbox_read) == 0 &&
	    confine_add_all(&files.writes, &set->sandbox_write) == 0)
		r = sandbox_enter(&s->sandbox, &files, forks, word);
	sandbox_free_files(&files);
	return r;
}

int
confine_clerk(const struct prong_server *s, const char *file, uint32_t *word)
{
	struct sandbox_files files = { { NULL, 0 }, { NULL, 0 } };
	int r = sandbox_add_usual(&files, false);

	*word = 0;
	if (r == 0 && file != NULL && file[0] == '/')
		r = confine_add_folder(&files.writes, file);
	if (r == 0)
		r = sandbox_enter(&s->sandbox, &files, false, word);
	sandbox_free_files(&files);
	return r;
}
