/* SPDX-License-Identifier: ISC */
/*
 * A module for sandbox.test: a handler that tries what a line of its client
 * says, as somebody would who has taken its process over, and answers "ok" or
 * the name of errno.  "job LINE" has it tried in a process of the pool "work".
 */
#include <prong.h>

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#define CALL_IO_URING_SETUP	425
#define LINE_MAX_LENGTH		512

/* Of the option "kept": open since .init. */
static int captive_file = -1;

static int
captive_close(int fd)
{
	return fd == -1 ? -1 : close(fd);
}

static int
try_read(const char *path)
{
	return captive_close(open(path, O_RDONLY | O_CLOEXEC));
}

static int
try_write(const char *path)
{
	return captive_close(open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
}

static int
try_list(const char *path)
{
	DIR *d = opendir(path);

	return d == NULL ? -1 : closedir(d);
}

static int
try_remove(const char *path)
{
	return unlink(path);
}

static int
try_mode(const char *path)
{
	return chmod(path, 0777);
}

static int
try_kept(const char *argument)
{
	return write(captive_file, "kept\n", 5) == 5 ? 0 : -1;
}

static int
try_run(const char *path)
{
	char *words[] = { NULL };

	return execve(path, words, words);
}

static int
try_connect(int family, const void *address, size_t length)
{
	int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int r = connect(fd, address, (socklen_t)length), error = errno;

	close(fd);
	errno = error;
	return r;
}

/* A name in the abstract namespace. */
static int
try_abstract(const char *name)
{
	struct sockaddr_un to = { .sun_family = AF_UNIX };

	snprintf(to.sun_path + 1, sizeof(to.sun_path) - 1, "%s", name);
	return try_connect(AF_UNIX, &to, sizeof(sa_family_t) + 1 +
	    strlen(name));
}

static int
try_dial(const char *port)
{
	struct sockaddr_in to = { .sin_family = AF_INET };

	to.sin_port = htons((uint16_t)atoi(port));
	to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	return try_connect(AF_INET, &to, sizeof(to));
}

static int
try_bind(const char *argument)
{
	const struct sockaddr_in any = { .sin_family = AF_INET };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int r = bind(fd, (const struct sockaddr *)&any, sizeof(any));
	int error = errno;

	close(fd);
	errno = error;
	return r;
}

static int
try_packet(const char *argument)
{
	return captive_close(socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0));
}

static int
try_names(const char *name)
{
	struct addrinfo *list;

	errno = ENXIO;
	if (getaddrinfo(name, "80", NULL, &list) != 0)
		return -1;
	freeaddrinfo(list);
	return 0;
}

static int
try_trace(const char *pid)
{
	return (int)ptrace(PTRACE_SEIZE, (pid_t)atoi(pid), NULL, NULL);
}

static int
try_signal(const char *pid)
{
	return kill((pid_t)atoi(pid), 0);
}

static int
try_mount(const char *path)
{
	return mount("none", path, "tmpfs", 0, NULL);
}

static int
try_namespace(const char *argument)
{
	return (int)syscall(SYS_unshare, 0);
}

static int
try_modern(const char *argument)
{
	return (int)syscall(CALL_IO_URING_SETUP, 1, NULL);
}

static int
try_fork(const char *argument)
{
	pid_t pid = fork();

	if (pid == 0)
		_exit(0);
	/* Who has forked us waits for all of his. */
	return pid == -1 ? -1 : waitpid(pid, NULL, 0) == pid ? 0 : -1;
}

static void *
captive_thread(void *arg)
{
	return arg;
}

static int
try_thread(const char *argument)
{
	pthread_t thread;

	errno = pthread_create(&thread, NULL, captive_thread, NULL);
	return errno == 0 && pthread_join(thread, NULL) == 0 ? 0 : -1;
}

/* Memory that can be executed: others are free to make code. */
static int
try_code(const char *argument)
{
	void *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC,
	    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return p == MAP_FAILED ? -1 : munmap(p, 4096);
}

static const struct {
	const char *name;
	int (*fn)(const char *);
} trials[] = {
	{ "read", try_read }, { "write", try_write }, { "list", try_list },
	{ "remove", try_remove }, { "mode", try_mode }, { "kept", try_kept },
	{ "run", try_run }, { "abstract", try_abstract },
	{ "dial", try_dial }, { "bind", try_bind }, { "packet", try_packet },
	{ "names", try_names }, { "trace", try_trace },
	{ "signal", try_signal }, { "mount", try_mount },
	{ "namespace", try_namespace }, { "modern", try_modern },
	{ "fork", try_fork }, { "thread", try_thread }, { "code", try_code },
};

static const char *
captive_try(char *line)
{
	char *argument = line, *name = strsep(&argument, " ");
	char nothing[] = "";
	size_t i;

	for (i = 0; i < sizeof(trials) / sizeof(trials[0]); i++)
		if (strcmp(trials[i].name, name) == 0)
			return trials[i].fn(argument == NULL ? nothing :
			    argument) == -1 ? strerrorname_np(errno) : "ok";
	return "there is no such trial";
}

static ssize_t
captive_job(struct prong_service *s, const void *argument, size_t length,
    void *result, size_t size)
{
	char line[LINE_MAX_LENGTH];

	snprintf(line, sizeof(line), "%.*s", (int)length,
	    (const char *)argument);
	return snprintf(result, size, "%s", captive_try(line));
}

static const struct prong_job captive_jobs[] = {
	{ "try", captive_job }, { NULL, NULL }
};

static void
captive_done(const struct prong_pool_result *r, void *arg)
{
	const uint64_t *conn = arg;

	if (r->outcome == PRONG_TASK_DONE)
		prong_post(*conn, r->data, r->length);
	else
		prong_post(*conn, "failed", 6);
	free(arg);
}

static int
captive_submit(struct prong_conn *c, const char *line)
{
	struct prong_pool *pool = prong_pool_open(prong_conn_service(c),
	    "work");
	uint64_t *id = malloc(sizeof(*id));

	if (id == NULL)
		return -1;
	*id = prong_conn_id(c);
	return prong_pool_apply_async(pool, "try", line, strlen(line),
	    captive_done, id, NULL);
}

static int
captive_message(struct prong_conn *c, const void *data, size_t len)
{
	char line[LINE_MAX_LENGTH];

	snprintf(line, sizeof(line), "%.*s", (int)len, (const char *)data);
	if (strcmp(line, "who") == 0)
		return prong_sendf(c, "%d %ld", (int)getpid(),
		    syscall(SYS_gettid));
	if (strncmp(line, "job ", 4) == 0)
		return captive_submit(c, line + 4);
	return prong_sendf(c, "%s", captive_try(line));
}

static const struct prong_option captive_options[] = {
	{ "kept", PRONG_STRING, .help = "a file that .init opens" },
	{ NULL }
};

static int
captive_init(struct prong_service *s)
{
	const char *path = prong_option_string(s, "kept");

	if (path == NULL || captive_file != -1)
		return 0;
	captive_file = open(path, O_WRONLY | O_APPEND | O_CLOEXEC);
	return captive_file != -1 ? 0 : prong_set_error(errno, "%s: %s", path,
	    strerror(errno));
}

static PRONG_HANDLER(captive,
	.summary = "tries to get out",
	.flags = PRONG_THREAD_SAFE,
	.framing = PRONG_LINE,
	.options = captive_options,
	.init = captive_init,
	.message = captive_message,
	.jobs = captive_jobs,
);

PRONG_MODULE(captive);
