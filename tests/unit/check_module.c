/* SPDX-License-Identifier: ISC */
/*
 * server/module: what is loaded, what is refused and in which words; and that
 * a service has a module's handler only where it was attached.
 */
#include "server/module.h"

#include <sys/stat.h>

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "helper.h"
#include "server/server.h"
#include "unit.h"

#define LOAD_MS		10000		/* that nobody waits for */

static char sample[PATH_MAX];
static struct module *list;

static void
setup(void)
{
	const char *build = getenv("builddir");

	snprintf(sample, sizeof(sample),
	    "%s/tests/unit/.libs/module_sample.so", build == NULL ? "." :
	    build);
}

static void
teardown(void)
{
	module_unload(&list);
}

/* Whether a file is mapped here. */
static bool
is_mapped(const char *name)
{
	FILE *f = fopen("/proc/self/maps", "r");
	char line[PATH_MAX + 128];
	bool found = false;

	ck_assert_ptr_nonnull(f);
	while (fgets(line, sizeof(line), f) != NULL)
		found = found || strstr(line, name) != NULL;
	fclose(f);
	return found;
}

static void
refuses(const char *name, const char *folder, const char *text)
{
	int before = helper_descriptors();

	ck_assert_int_eq(module_load(&list, name, folder, geteuid()), -1);
	ck_assert_str_eq(error_text(), text);
	ck_assert_ptr_null(list);
	ck_assert_ptr_null(module_find(list, name));
	ck_assert_int_eq(helper_descriptors(), before);
}

START_TEST(test_module_names)
{
	static const char *const modules[] = { "x.so", "./x", "/x", "a/b.so",
	    "../x.so", "echo.so", "/" };
	static const char *const others[] = { "", "echo", "so", ".so", "x.so.1",
	    "x.SO", "xso" };
	size_t i;

	for (i = 0; i < sizeof(modules) / sizeof(modules[0]); i++)
		ck_assert_msg(module_is_name(modules[i]), "%s", modules[i]);
	for (i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		ck_assert_msg(!module_is_name(others[i]), "%s", others[i]);
}
END_TEST

START_TEST(test_module_load)
{
	const struct prong_handler *h;

	ck_assert(!is_mapped("module_sample.so"));
	ck_assert_int_eq(module_load(&list, sample, "", geteuid()), 0);
	ck_assert(is_mapped("module_sample.so"));
	ck_assert_ptr_nonnull(h = module_find(list, sample));
	ck_assert_str_eq(h->name, "sample");
	/* Once more is the same one. */
	ck_assert_int_eq(module_load(&list, sample, "", geteuid()), 0);
	ck_assert_ptr_eq(module_find(list, sample), h);
	ck_assert_ptr_null(module_find(list, "sample"));
	module_unload(&list);
	ck_assert_ptr_null(list);
	ck_assert(!is_mapped("module_sample.so"));
	module_unload(&list);
}
END_TEST

/* A name without a folder is looked for in the one that was configured. */
START_TEST(test_module_folder)
{
	char text[PATH_MAX + 128], path[PATH_MAX];

	snprintf(path, sizeof(path), "%s/other.so", helper_folder);
	ck_assert_int_eq(symlink(sample, path), 0);
	ck_assert_int_eq(module_load(&list, "other.so", helper_folder,
	    geteuid()), 0);
	ck_assert_ptr_nonnull(module_find(list, "other.so"));
	module_unload(&list);
	refuses("other.so", "", "module other.so is looked for nowhere: "
	    "module-path is empty");
	ck_assert_int_eq(unlink(path), 0);
	snprintf(text, sizeof(text), "module %s: No such file or directory",
	    path);
	refuses("other.so", helper_folder, text);
}
END_TEST

/* Where it was looked for is said in full. */
START_TEST(test_module_from_here)
{
	static const char *const names[] = { "./none.so", "././/none.so",
	    "/none.so", "../none.so" };
	static const char *const texts[] = {
		"module /none.so: No such file or directory",
		"module /none.so: No such file or directory",
		"module /none.so: No such file or directory",
		"module /../none.so: No such file or directory",
	};
	char text[PATH_MAX + 64];
	size_t i;

	snprintf(text, sizeof(text), "module %s: No such file or directory",
	    helper_path("none.so"));
	ck_assert_int_eq(chdir(helper_path("")), 0);
	ck_assert_int_eq(module_look("./none.so", "/folder", geteuid()), -1);
	ck_assert_int_eq(errno, ENOENT);
	ck_assert_str_eq(error_text(), text);
	ck_assert_int_eq(chdir("/"), 0);
	for (i = 0; i < UNIT_COUNT(names); i++) {
		ck_assert_int_eq(module_look(names[i], "/folder", geteuid()), -1);
		ck_assert_int_eq(errno, ENOENT);
		ck_assert_str_eq(error_text(), texts[i]);
	}
	ck_assert_int_eq(module_look("etc/", "", geteuid()), -1);
	ck_assert_int_eq(errno, ENOEXEC);
	ck_assert_str_eq(error_text(), "module /etc/ is not a file");
}
END_TEST

START_TEST(test_module_no_object)
{
	const char *path = helper_path("text.so");
	char text[PATH_MAX + 128];
	int fd = open(path, O_CREAT | O_WRONLY | O_TRUNC, 0600);

	snprintf(text, sizeof(text), "module %s: file too short", path);
	refuses(path, "", text);
	ck_assert_int_eq(ftruncate(fd, 10000), 0);
	snprintf(text, sizeof(text), "module %s: invalid ELF header", path);
	refuses(path, "", text);
	close(fd);
	ck_assert_int_eq(unlink(path), 0);
	/* Whoever opened this one would wait. */
	ck_assert_int_eq(mkfifo(path, 0600), 0);
	snprintf(text, sizeof(text), "module %s is not a file", path);
	refuses(path, "", text);
	ck_assert_int_eq(unlink(path), 0);
	snprintf(text, sizeof(text), "module %s is not a file", helper_folder);
	refuses(helper_folder, "", text);
}
END_TEST

START_TEST(test_module_no_symbol)
{
	char text[PATH_MAX + 128];
	Dl_info info;

	/* Any library does. */
	ck_assert_int_ne(dladdr(dlsym(RTLD_DEFAULT,
	    "gnu_get_libc_version"), &info), 0);
	snprintf(text, sizeof(text), "module %s has no symbol prong_module: it "
	    "takes a PRONG_MODULE()", info.dli_fname);
	refuses(info.dli_fname, "", text);
}
END_TEST

START_TEST(test_module_bad_handler)
{
	char text[PATH_MAX + 128];

	ck_assert_int_eq(setenv("PRONG_SAMPLE", "null", 1), 0);
	snprintf(text, sizeof(text), "module %s: its prong_module is NULL",
	    sample);
	refuses(sample, "", text);
	ck_assert_int_eq(setenv("PRONG_SAMPLE", "older", 1), 0);
	snprintf(text, sizeof(text), "module %s was made for interface %d, "
	    "this is %d", sample, PRONG_ABI - 1, PRONG_ABI);
	refuses(sample, "", text);
	ck_assert(!is_mapped("module_sample.so"));
}
END_TEST

/* --- in a child ---------------------------------------------------------- */

static const struct {
	const char *wish, *text;	/* NULL: it is well */
	int ms;
} tries[] = {
	{ "nothing", NULL, LOAD_MS },
	/* This is not for module_try() to find. */
	{ "null", NULL, LOAD_MS },
	{ "abort", "loading it ends the process by signal 6 (Aborted)",
	    LOAD_MS },
	{ "exit", "loading it ends the process with exit code 7", LOAD_MS },
	{ "hang", "loading it takes longer than 1 s", 1000 },
};

START_TEST(test_module_try)
{
	char text[PATH_MAX + 128];
	int before = helper_descriptors();

	ck_assert_int_eq(setenv("PRONG_SAMPLE", tries[_i].wish, 1), 0);
	errno = 0;
	ck_assert_int_eq(module_try(sample, "", geteuid(), tries[_i].ms),
	    tries[_i].text == NULL ? 0 : -1);
	if (tries[_i].text != NULL) {
		snprintf(text, sizeof(text), "module %s: %s", sample,
		    tries[_i].text);
		ck_assert_str_eq(error_text(), text);
		ck_assert_int_eq(errno, ENOEXEC);
	}
	ck_assert(!is_mapped("module_sample.so"));
	ck_assert_int_eq(helper_descriptors(), before);
	/* The child is not left as a zombie. */
	ck_assert_int_eq(waitpid(-1, NULL, WNOHANG), -1);
	ck_assert_int_eq(errno, ECHILD);
}
END_TEST

/* A program that lets the kernel collect its children can load them, too. */
START_TEST(test_module_try_ignored)
{
	signal(SIGCHLD, SIG_IGN);
	ck_assert_int_eq(module_try(sample, "", geteuid(), LOAD_MS), 0);
	ck_assert_int_eq(setenv("PRONG_SAMPLE", "exit", 1), 0);
	ck_assert_int_eq(module_try(sample, "", geteuid(), LOAD_MS), -1);
	signal(SIGCHLD, SIG_DFL);
}
END_TEST

/* --- handlers as they should not be -------------------------------------- */

static const char *const colours[] = { "red", NULL };
static const char *const nothing[] = { NULL };

#define BAD(what, words, ...)						\
	{ .option = { __VA_ARGS__ }, .text = what " " words }
#define OPTION	"module x.so: its option \"o\""

static const struct {
	struct prong_option option;
	const char *text;		/* NULL: nothing is wrong */
} bad_options[] = {
	{ { .name = "o", .type = PRONG_INT, .value = "-5" }, NULL },
	{ { .name = "A-b_c.9", .type = PRONG_STRING, .value = "" }, NULL },
	{ { .name = "o", .type = PRONG_CHOICE, .choices = colours }, NULL },
	{ { .name = "o", .type = PRONG_STRINGS }, NULL },
	BAD("module x.so: the name of its option number 1, \"\", is not one:",
	    "letters, digits, \"-\", \"_\" and \".\" only", .name = ""),
	BAD("module x.so: the name of its option number 1, \"a b\", is not "
	    "one:", "letters, digits, \"-\", \"_\" and \".\" only",
	    .name = "a b"),
	BAD(OPTION, "is a section, which only a handler that is built in can "
	    "have", .name = "o", .type = PRONG_SECTION),
	BAD(OPTION, "is of type 8, which there is not", .name = "o",
	    .type = (enum prong_option_type)8),
	BAD(OPTION, "is of type -1, which there is not", .name = "o",
	    .type = (enum prong_option_type)-1),
	BAD(OPTION, "is a choice, but of nothing", .name = "o",
	    .type = PRONG_CHOICE),
	BAD(OPTION, "is a choice, but of nothing", .name = "o",
	    .type = PRONG_CHOICE, .choices = nothing),
	BAD(OPTION, "is a list, which has no default", .name = "o",
	    .type = PRONG_STRINGS, .value = "a"),
	BAD("module x.so: the default of its option \"o\":",
	    "\"x\" is not a number", .name = "o", .type = PRONG_INT,
	    .value = "x"),
	BAD("module x.so: the default of its option \"o\":",
	    "\"blue\" is none of: red", .name = "o", .type = PRONG_CHOICE,
	    .choices = colours, .value = "blue"),
};

START_TEST(test_module_options)
{
	const struct prong_option table[] = {
		bad_options[_i].option, { .name = NULL }
	};
	const struct prong_handler h = {
		.abi = PRONG_ABI, .name = "h", .options = table,
	};

	if (bad_options[_i].text == NULL) {
		ck_assert_int_eq(module_check("x.so", &h), 0);
		return;
	}
	errno = 0;
	ck_assert_int_eq(module_check("x.so", &h), -1);
	ck_assert_int_eq(errno, EINVAL);
	ck_assert_str_eq(error_text(), bad_options[_i].text);
}
END_TEST

START_TEST(test_module_option_twice)
{
	const struct prong_option table[] = {
		{ .name = "a" }, { .name = "b" }, { .name = "a" },
		{ .name = NULL }
	};
	const struct prong_handler h = {
		.abi = PRONG_ABI, .name = "h", .options = table,
	};

	ck_assert_int_eq(module_check("x.so", &h), -1);
	ck_assert_str_eq(error_text(), "module x.so has two options \"a\"");
}
END_TEST

/* A table whose end was forgotten goes on with whatever comes. */
START_TEST(test_module_option_end)
{
	static struct prong_option table[1001];
	static char names[1001][8];
	const struct prong_handler h = {
		.abi = PRONG_ABI, .name = "h", .options = table,
	};
	int i;

	for (i = 0; i < 1001; i++) {
		snprintf(names[i], sizeof(names[i]), "o%d", i);
		table[i] = (struct prong_option){ .name = names[i] };
	}
	ck_assert_int_eq(module_check("x.so", &h), -1);
	ck_assert_str_eq(error_text(), "module x.so: its table of options has "
	    "no end within 1000 of them");
}
END_TEST

static const struct {
	struct prong_handler handler;
	const char *text;
} bad_handlers[] = {
	{ { .abi = PRONG_ABI }, "module x.so: its handler has no name" },
	{ { .abi = PRONG_ABI, .name = "" },
	    "module x.so: its handler has no name" },
	{ { .abi = PRONG_ABI, .name = "h", .framing = 3 },
	    "module x.so: its framing 0x3 is none" },
	{ { .abi = PRONG_ABI, .name = "h", .framing = 64 },
	    "module x.so: its framing 0x40 is none" },
};

START_TEST(test_module_handlers)
{
	errno = 0;
	ck_assert_int_eq(module_check("x.so", &bad_handlers[_i].handler), -1);
	ck_assert_int_eq(errno, EINVAL);
	ck_assert_str_eq(error_text(), bad_handlers[_i].text);
}
END_TEST

/* --- of a service -------------------------------------------------------- */

static void
no_fault(const struct prong_service *s, const char *key, void *arg)
{
	ck_abort_msg("%s: %s", key, error_text());
}

START_TEST(test_module_service)
{
	struct prong_server *server = prong_server_new();
	struct prong_service *s = prong_server_add(server, "s");

	ck_assert_int_eq(prong_service_set(s, "handler", sample), 0);
	ck_assert_int_eq(prong_service_set(s, "listen", "127.0.0.1:0"), 0);
	ck_assert(server_has_module(s));
	/* As the master does: what it does not know may be as it is. */
	ck_assert_int_eq(prong_service_option(s, "any", "1"), 0);
	ck_assert_int_eq(server_resolve(s, no_fault, NULL), 0);
	ck_assert_ptr_null(s->handler);
	ck_assert(!is_mapped("module_sample.so"));
	/* As a worker does. */
	ck_assert_int_eq(server_attach(s), -1);
	ck_assert_str_eq(error_text(),
	    "handler \"sample\" has no option \"any\"");
	ck_assert_str_eq(s->handler->name, "sample");
	ck_assert_int_eq(s->framing, PRONG_RAW);
	ck_assert(server_has_module(s));
	server_detach(server);
	ck_assert_ptr_null(s->handler);
	ck_assert(!is_mapped("module_sample.so"));
	prong_server_free(server);
}
END_TEST

/* What a program gives under such a name is no module. */
START_TEST(test_module_given)
{
	static const struct prong_handler given = {
		.abi = PRONG_ABI, .name = "given.so",
	};
	struct prong_server *server = prong_server_new();
	struct prong_service *s = prong_server_add(server, "s");

	ck_assert_int_eq(prong_server_handler(server, &given), 0);
	ck_assert_int_eq(prong_service_set(s, "handler", "given.so"), 0);
	ck_assert(!server_has_module(s));
	ck_assert_int_eq(server_attach(s), 0);
	ck_assert_ptr_eq(s->handler, &given);
	server_detach(server);
	ck_assert_ptr_null(s->handler);
	ck_assert_int_eq(prong_service_set(s, "handler", "other.so"), 0);
	ck_assert_int_eq(prong_server_set(server, "module-path",
	    helper_folder), 0);
	ck_assert_int_eq(server_attach(s), -1);
	ck_assert_ptr_nonnull(strstr(error_text(), "/other.so: No such file"));
	prong_server_free(server);
}
END_TEST

int
main(void)
{
	TCase *tc;
	Suite *s = unit_suite("module", &tc);

	tcase_add_unchecked_fixture(tc, helper_make_folder,
	    helper_remove_folder);
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, test_module_names);
	tcase_add_test(tc, test_module_load);
	tcase_add_test(tc, test_module_folder);
	tcase_add_test(tc, test_module_from_here);
	tcase_add_test(tc, test_module_no_object);
	tcase_add_test(tc, test_module_no_symbol);
	tcase_add_test(tc, test_module_bad_handler);
	tcase_add_loop_test(tc, test_module_try, 0, UNIT_COUNT(tries));
	tcase_add_test(tc, test_module_try_ignored);
	tcase_add_loop_test(tc, test_module_options, 0,
	    UNIT_COUNT(bad_options));
	tcase_add_test(tc, test_module_option_twice);
	tcase_add_test(tc, test_module_option_end);
	tcase_add_loop_test(tc, test_module_handlers, 0,
	    UNIT_COUNT(bad_handlers));
	tcase_add_test(tc, test_module_service);
	tcase_add_test(tc, test_module_given);
	return unit_run(s);
}
