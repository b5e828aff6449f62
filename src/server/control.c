/* SPDX-License-Identifier: ISC */
/*
 * The control socket.  A connection that sends nonsense gets an answer and is
 * closed; everything it may send is bounded.
 */
#include "server/control.h"

#include <sys/socket.h>
#include <sys/stat.h>

#include <errno.h>
#include <libgen.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/log.h"
#include "base/process.h"
#include "net/output.h"
#include "server/clerk.h"
#include "server/inspect.h"
#include "server/jsonmem.h"
#include "server/takeover.h"

#define CONTROL_LINE_MAX	(64 * 1024)
#define CONTROL_CLIENTS_MAX	64
#define CONTROL_PAUSE_MS	100
#define CONTROL_GLANCE_MS	5
#define CONTROL_TELL_MS		1000

struct control_client {
	struct watch watch;
	struct control *control;
	struct control_client *next;
	struct output *output;
	size_t length;
	bool closing;
	struct ucred who;
	uint64_t seen;			/* when it last did anything */
	bool has_asked;			/* a request that makes sense */
	json_t *result;			/* of a command that waits, or NULL */
	struct control_wait wait;
	struct clerk *clerk;		/* who answers instead, or NULL */
	const struct inspect_command *inspect;	/* what he is asked for */
	json_t *request;
	char line[CONTROL_LINE_MAX];
};

struct control {
	struct master *master;
	struct watch watch;
	struct address address;
	struct control_client *clients;
	unsigned int count;
	bool listens;			/* it is watched */
	bool moves;			/* a reload is to have it elsewhere */
	int next;			/* the socket there; or -1 */
	struct address next_address;
	struct timer resume;		/* accept again after a shortage */
	struct timer glance;		/* at what clients wait for */
	uint64_t told;			/* when a complaint was logged last */
	unsigned int untold;		/* those since then */
};

/* Whoever may connect could fill the log: so many lines and no more. */
static void
control_warn(struct control *control, const struct ucred *who, const char *why)
{
	uint64_t now = process_milliseconds();
	char more[40] = "";

	if (control->told != 0 && now - control->told < CONTROL_TELL_MS) {
		control->untold++;
		return;
	}
	if (control->untold > 0)
		snprintf(more, sizeof(more), " (and %u more before it)",
		    control->untold);
	control->told = now;
	control->untold = 0;
	log_warning("control socket: peer=uid=%u,pid=%d: %s%s",
	    (unsigned int)who->uid, (int)who->pid, why, more);
}

/* For a command's end; what it sends meanwhile is not looked at. */
static bool
control_is_waiting(const struct control_client *c)
{
	return c->result != NULL || c->clerk != NULL;
}

/* Not when it is to take what it has asked for first. */
static bool
control_may_go_on(const struct control_client *c)
{
	return !control_is_waiting(c) && output_bytes(c->output) < OUTPUT_HIGH;
}

static void
control_drop(struct control_client *c)
{
	struct control_client **at = &c->control->clients;

	if (c->clerk != NULL)
		clerk_forget(c->clerk);
	while (*at != c)
		at = &(*at)->next;
	*at = c->next;
	c->control->count--;
	loop_del(c->control->master->loop, &c->watch);
	close(c->watch.fd);
	output_free(&c->output);
	json_decref(c->result);
	free(c);
}

/* A text that quotes the client, and may have cut a letter in two: ASCII. */
static const char *
control_plain(const char *text, char *buf, size_t size)
{
	size_t i;

	strlcpy(buf, text, size);
	for (i = 0; buf[i] != '\0'; i++)
		if (buf[i] < ' ' || buf[i] > '~')
			buf[i] = '?';
	return buf;
}

/*
 * The answer as a line without its end, allocated; NULL: no memory.  errors:
 * lines beside the text, or NULL.
 */
static char *
control_text(json_t *result, json_t *errors)
{
	static const char shortage[] = "{\"ok\":false,\"error\":\"out of "
	    "memory: it may be done, or not\"}";
	char why[ERROR_MAX], *text;
	json_t *answer;

	if (result != NULL)
		answer = json_pack("{s:b,s:o}", "ok", 1, "result", result);
	else
		answer = json_pack("{s:b,s:s}", "ok", 0, "error",
		    control_plain(error_text()[0] != '\0' ? error_text() :
		    "out of memory", why, sizeof(why)));
	if (errors != NULL)
		json_object_set(answer, "errors", errors);
	text = json_dumps(answer, JSON_COMPACT | JSON_ENSURE_ASCII);
	json_decref(answer);
	if (text != NULL && !jsonmem_has_failed())
		return text;
	free(text);
	return strdup(shortage);
}

static int
control_put(struct control_client *c, const char *text, size_t length)
{
	if (output_append(&c->output, text, length) == -1)
		return -1;
	return output_append(&c->output, "\n", 1);
}

static int
control_answer_with(struct control_client *c, json_t *result, json_t *errors)
{
	char *text = control_text(result, errors);
	int r = text == NULL ? -1 : control_put(c, text, strlen(text));

	free(text);
	return r;
}

static int
control_answer(struct control_client *c, json_t *result)
{
	return control_answer_with(c, result, NULL);
}

/* --- answers of a clerk -------------------------------------------------- */

static char *
control_work(struct master *m, void *arg, int *status)
{
	const struct control_client *c = arg;

	return control_text(c->inspect->run(m->server, c->request), NULL);
}

static void control_go_on(struct control_client *);

static void
control_worked(struct master *m, void *arg, int status, const char *text,
    size_t length)
{
	struct control_client *c = arg;

	c->clerk = NULL;
	if ((text != NULL ? control_put(c, text, length) :
	    control_answer(c, NULL)) == -1)
		control_drop(c);
	else
		control_go_on(c);
}

static void
control_send_clerk(struct control_client *c, const char *name,
    json_t *request)
{
	const struct clerk_task task = {
		.name = name, .ms = INSPECT_MS, .answers = true,
		.work = control_work, .done = control_worked, .arg = c,
	};

	c->request = request;
	c->clerk = clerk_send(c->control->master, &task);
	/* He has a copy of it. */
	c->request = NULL;
}

/* --- commands ------------------------------------------------------------ */

/* The result; NULL: there is none, or a clerk is to bring it. */
static json_t *
control_command(struct control_client *c, const char *name, json_t *request)
{
	const struct control_command *command;
	const struct inspect_command *inspect;

	for (command = control_commands; command->name != NULL; command++)
		if (strcmp(command->name, name) == 0)
			return command->run(c->control->master, request,
			    &c->wait);
	for (inspect = inspect_commands; inspect->name != NULL; inspect++)
		if (strcmp(inspect->name, name) == 0) {
			c->inspect = inspect;
			control_send_clerk(c, inspect->name, request);
			return NULL;
		}
	error_set(EINVAL, "there is no command \"%.64s\"", name);
	control_warn(c->control, &c->who, error_text());
	return NULL;
}

static json_t *
control_run(struct control_client *c, const char *line, size_t length)
{
	json_error_t why;
	json_t *request, *result;
	const char *name;

	jsonmem_begin();
	request = json_loadb(line, length, JSON_REJECT_DUPLICATES, &why);
	if (request == NULL) {
		error_set(EINVAL, "bad JSON: %s", why.text);
		control_warn(c->control, &c->who, error_text());
		return NULL;
	}
	name = json_string_value(json_object_get(request, "command"));
	c->has_asked = true;
	error_clear();
	c->wait = (struct control_wait){ .is_done = NULL };
	result = control_command(c, name == NULL ? "" : name, request);
	json_decref(request);
	return result;
}

/* The result is what has come of it. */
static int
control_answer_finish(struct control_client *c)
{
	json_t *errors = NULL, *result;
	int r;

	json_decref(c->result);
	c->result = NULL;
	result = c->wait.finish(c->control->master, c->wait.number, &errors);
	r = control_answer_with(c, result, errors);
	json_decref(errors);
	return r;
}

/* What it waited for is there, or has taken too long. */
static int
control_answer_late(struct control_client *c)
{
	struct master *m = c->control->master;
	json_t *result = c->result, *names, *who;
	size_t i;

	jsonmem_begin();
	if (c->wait.finish != NULL)
		return control_answer_finish(c);
	names = json_array();
	who = c->wait.who(m, c->wait.number);
	for (i = 0; i < json_array_size(who); i++)
		json_array_append_new(names, json_string(m->processes[
		    json_integer_value(json_array_get(who, i))].name));
	if (json_array_size(who) > 0) {
		json_object_set(result, "waiting", who);
		json_object_set(result, "waiting_names", names);
	}
	json_decref(who);
	json_decref(names);
	if (c->wait.add != NULL)
		c->wait.add(m, c->wait.number, result);
	c->result = NULL;
	return control_answer(c, result);
}

/* Runs one command and answers, unless it has to wait for something. */
static int
control_line(struct control_client *c, size_t length)
{
	struct control *control = c->control;
	json_t *result = control_run(c, c->line, length);
	uint64_t now;

	if (c->clerk != NULL)
		return 0;
	if (result == NULL || c->wait.is_done == NULL ||
	    jsonmem_has_failed())
		return control_answer(c, result);
	c->result = result;
	if (c->wait.is_done(control->master, c->wait.number))
		return control_answer_late(c);
	if (c->wait.limit == 0)
		c->wait.limit = CONTROL_WAIT_MS;
	now = process_milliseconds();
	c->wait.deadline = c->wait.limit > UINT64_MAX - now ? UINT64_MAX :
	    now + c->wait.limit;
	return loop_timer(control->master->loop, &control->glance,
	    CONTROL_GLANCE_MS);
}

/* Answers the whole lines that are there; false when the client is to go. */
static bool
control_lines(struct control_client *c)
{
	char *newline;
	size_t length;

	while (control_may_go_on(c) &&
	    (newline = memchr(c->line, '\n', c->length)) != NULL) {
		length = (size_t)(newline - c->line);
		if (control_line(c, length) == -1)
			return false;
		c->length -= length + 1;
		memmove(c->line, newline + 1, c->length);
	}
	if (!control_may_go_on(c) || c->length < sizeof(c->line))
		return true;
	error_set(EMSGSIZE, "a request has at most %d bytes",
	    CONTROL_LINE_MAX - 1);
	control_warn(c->control, &c->who, error_text());
	c->closing = true;
	return control_answer(c, NULL) == 0;
}

/*
 * Answers what it has sent and writes what it takes of that; false when it is
 * to go.  What one that does not read has asked for stays unanswered.
 */
static bool
control_serve(struct control_client *c)
{
	bool taken;

	do {
		taken = c->output != NULL;
		if ((!c->closing && !control_lines(c)) ||
		    output_write(&c->output, c->watch.fd) == -1)
			return false;
		taken = taken && c->output == NULL;
	} while (taken && !c->closing && control_may_go_on(c));
	return !c->closing || c->output != NULL;
}

static bool
control_read(struct control_client *c)
{
	ssize_t n;

	n = read(c->watch.fd, c->line + c->length,
	    sizeof(c->line) - c->length);
	if (n == -1)
		return errno == EAGAIN || errno == EINTR;
	if (n == 0)
		return false;
	c->length += (size_t)n;
	return true;
}

static void
control_watch(struct control_client *c)
{
	unsigned int events = control_is_waiting(c) ? 0 : PRONG_READ;

	loop_modify(c->control->master->loop, &c->watch,
	    c->output != NULL ? PRONG_WRITE : events);
}

/* Also when it has its answer: what it has sent meanwhile comes next. */
static void
control_go_on(struct control_client *c)
{
	if (control_serve(c))
		control_watch(c);
	else
		control_drop(c);
}

static void
control_client_event(struct watch *w, unsigned int events)
{
	struct control_client *c = (struct control_client *)((char *)w -
	    offsetof(struct control_client, watch));

	c->seen = process_milliseconds();
	if ((events & ~(unsigned int)PRONG_WRITE) != 0 && !c->closing &&
	    !control_read(c))
		control_drop(c);
	else
		control_go_on(c);
}

void
control_wake(struct control *control)
{
	uint64_t now = process_milliseconds();
	struct control_client *c, *next;

	for (c = control->clients; c != NULL; c = next) {
		next = c->next;
		if (c->result == NULL || ((now < c->wait.deadline ||
		    c->wait.finish != NULL) &&
		    !c->wait.is_done(control->master, c->wait.number)))
			continue;
		if (control_answer_late(c) == -1)
			control_drop(c);
		else
			control_go_on(c);
	}
}

static void
control_glance_timer(struct timer *t)
{
	struct control *control = (struct control *)((char *)t -
	    offsetof(struct control, glance));
	const struct control_client *c;

	control_wake(control);
	for (c = control->clients; c != NULL; c = c->next)
		if (c->result != NULL) {
			loop_timer(control->master->loop, t,
			    CONTROL_GLANCE_MS);
			return;
		}
}

static int
control_listen(struct control *control)
{
	if (loop_add(control->master->loop, &control->watch) == -1)
		return error_prefix("control socket");
	control->listens = true;
	return 0;
}

/* Also when it could not begin for want of memory. */
static void
control_resume(struct timer *t)
{
	struct control *control = (struct control *)((char *)t -
	    offsetof(struct control, resume));

	if (control->listens)
		loop_modify(control->master->loop, &control->watch,
		    PRONG_READ);
	else if (control_listen(control) == -1)
		loop_timer(control->master->loop, t, CONTROL_PAUSE_MS);
}

void
control_begin(struct control *control)
{
	if (control->watch.fd == -1 || control_listen(control) == 0)
		return;
	log_warning("%s; it is tried again", error_text());
	loop_timer(control->master->loop, &control->resume, CONTROL_PAUSE_MS);
}

/* Readiness without a descriptor to accept with would spin. */
static void
control_pause(struct control *control)
{
	if (errno == EAGAIN || errno == EINTR || errno == ECONNABORTED)
		return;
	if (loop_timer(control->master->loop, &control->resume,
	    CONTROL_PAUSE_MS) == 0)
		loop_modify(control->master->loop, &control->watch, 0);
}

/*
 * Who says nothing keeps nobody else out: one that has never asked for anything
 * goes first, and of those the one that is silent for longest.  NULL: all wait
 * for what they have asked for.
 */
static struct control_client *
control_idlest(const struct control *control)
{
	struct control_client *c, *found = NULL;

	for (c = control->clients; c != NULL; c = c->next) {
		if (control_is_waiting(c))
			continue;
		if (found == NULL || c->has_asked < found->has_asked ||
		    (c->has_asked == found->has_asked && c->seen < found->seen))
			found = c;
	}
	return found;
}

static bool
control_make_room(struct control *control)
{
	struct control_client *idle;

	if (control->count < CONTROL_CLIENTS_MAX)
		return true;
	if ((idle = control_idlest(control)) == NULL) {
		error_set(EAGAIN, "%d connections wait for what they have "
		    "asked for", CONTROL_CLIENTS_MAX);
		return false;
	}
	control_warn(control, &idle->who, "closed, as it has been silent for "
	    "longest, and there is no room for more connections");
	control_drop(idle);
	return true;
}

static struct control_client *
control_new_client(struct control *control, int fd, const struct ucred *who)
{
	struct control_client *c;

	if ((c = calloc(1, sizeof(*c))) == NULL) {
		error_errno("control socket");
		return NULL;
	}
	c->control = control;
	c->who = *who;
	c->seen = process_milliseconds();
	c->watch = (struct watch){ control_client_event, fd, PRONG_READ };
	if (loop_add(control->master->loop, &c->watch) == 0)
		return c;
	free(c);
	return NULL;
}

/* Says why; if that finds no room, it is only closed. */
static void
control_refuse(struct control *control, int fd, const struct ucred *who)
{
	char *text = control_text(NULL, NULL);

	control_warn(control, who, error_text());
	if (text != NULL) {
		send(fd, text, strlen(text), MSG_NOSIGNAL | MSG_DONTWAIT);
		send(fd, "\n", 1, MSG_NOSIGNAL | MSG_DONTWAIT);
	}
	free(text);
	close(fd);
}

static void
control_add(struct control *control, struct control_client *c)
{
	c->next = control->clients;
	control->clients = c;
	control->count++;
}

void
control_adopt(struct control *control, int fd)
{
	const struct ucred who = { .pid = 0 };
	struct control_client *c = control_new_client(control, fd, &who);

	/* It sees the end, and does without. */
	if (c == NULL) {
		log_warning("upgrade: %s; the new master does not know of "
		    "connections here", error_text());
		close(fd);
		return;
	}
	control_add(control, c);
}

static void
control_accept(struct watch *w, unsigned int events)
{
	struct control *control = (struct control *)((char *)w -
	    offsetof(struct control, watch));
	struct ucred who = { 0 };
	socklen_t size = sizeof(who);
	struct control_client *c;
	int fd;

	fd = accept4(w->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	if (fd == -1) {
		control_pause(control);
		return;
	}
	getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &size);
	if (!control_make_room(control) ||
	    (c = control_new_client(control, fd, &who)) == NULL) {
		control_refuse(control, fd, &who);
		return;
	}
	control_add(control, c);
}

void
control_make_folder(const struct server_settings *set)
{
	char copy[sizeof(((struct sockaddr_un *)0)->sun_path)], *folder;
	mode_t mask;

	strlcpy(copy, set->control_socket, sizeof(copy));
	folder = dirname(copy);
	/* Whatever the umask: it is the sockets' own modes that decide. */
	mask = umask(022);
	if (set->control_socket[0] != '\0')
		mkdir(folder, 0755);
	umask(mask);
}

/* Binds and listens; -1 with a text. */
static int
control_bind(const struct server_settings *set, struct address *to)
{
	struct socket_options options = {
		.backlog = CONTROL_CLIENTS_MAX,
		.mode = (mode_t)set->control_mode,
		.owner = (uid_t)-1, .group = (gid_t)-1,
	};
	struct address *address;
	char *text = NULL;
	size_t count;
	int fd;

	if (strings_append(&text, "unix:%s", set->control_socket) == -1 ||
	    address_resolve(text, true, &address, &count) == -1) {
		free(text);
		return -1;
	}
	free(text);
	*to = *address;
	free(address);
	if ((fd = socket_bind(to, false, &options)) == -1)
		return -1;
	if (socket_listen(fd, &options) == 0)
		return fd;
	unlink(to->un.sun_path);
	close(fd);
	return -1;
}

static struct control *
control_new(struct master *m)
{
	struct control *control = calloc(1, sizeof(*control));

	if (control == NULL) {
		error_errno("control socket");
		return NULL;
	}
	jsonmem_watch();
	control->master = m;
	control->resume.fn = control_resume;
	control->glance.fn = control_glance_timer;
	control->watch = (struct watch){ control_accept, -1, PRONG_READ };
	control->next = -1;
	return control;
}

/* The socket of the master before, if it is where ours is to be; or -1. */
static int
control_inherit(const struct master *m, struct address *to)
{
	const struct heritage *h = takeover_heritage(m);
	const char *path = m->server->settings.control_socket;

	if (h == NULL || h->control == NULL || strcmp(h->control, path) != 0)
		return -1;
	to->un.sun_family = AF_UNIX;
	strlcpy(to->un.sun_path, path, sizeof(to->un.sun_path));
	to->length = sizeof(to->un);
	return h->control_socket;
}

struct control *
control_open(struct master *m)
{
	const struct server_settings *set = &m->server->settings;
	struct control *control;

	if ((control = control_new(m)) == NULL ||
	    set->control_socket[0] == '\0')
		return control;
	control->watch.fd = control_inherit(m, &control->address);
	if (control->watch.fd == -1)
		control->watch.fd = control_bind(set, &control->address);
	if (control->watch.fd != -1) {
		/* The master before answers as long as it is the server. */
		if (takeover_heritage(m) != NULL ||
		    control_listen(control) == 0)
			return control;
		unlink(control->address.un.sun_path);
		close(control->watch.fd);
	}
	jsonmem_forget();
	free(control);
	return NULL;
}

int
control_socket(const struct master *m)
{
	return m->control == NULL ? -1 : m->control->watch.fd;
}

bool
control_has(const struct master *m, int fd)
{
	return m->control != NULL && m->control->watch.fd == fd;
}

void
control_give_away(struct control *control)
{
	if (control->watch.fd == -1)
		return;
	loop_timer_stop(control->master->loop, &control->resume);
	if (control->listens)
		loop_del(control->master->loop, &control->watch);
	control->listens = false;
	close(control->watch.fd);
	control->watch.fd = -1;
}

int
control_prepare(struct master *m, const struct prong_server *s)
{
	const struct server_settings *now = &m->server->settings;
	struct control *control = m->control;

	control->moves = strcmp(now->control_socket,
	    s->settings.control_socket) != 0;
	if (!control->moves || s->settings.control_socket[0] == '\0')
		return 0;
	control_make_folder(&s->settings);
	control->next = control_bind(&s->settings, &control->next_address);
	return control->next == -1 ? -1 : 0;
}

/* Lets go of the socket that it listens on, unless that is still another's. */
static void
control_leave(struct control *control)
{
	const struct heritage *h = takeover_heritage(control->master);

	if (control->watch.fd != -1 &&
	    (h == NULL || h->control_socket != control->watch.fd))
		unlink(control->address.un.sun_path);
	control_give_away(control);
}

static void
control_move(struct control *control)
{
	control_leave(control);
	control->watch.fd = control->next;
	control->watch.events = PRONG_READ;
	control->address = control->next_address;
	control->next = -1;
	if (control->watch.fd == -1)
		return;
	log_info("control socket: %s", control->address.un.sun_path);
	control_begin(control);
}

void
control_settle(struct master *m, bool taken)
{
	struct control *control = m->control;
	const struct server_settings *set = &m->server->settings;

	if (taken && control->moves)
		control_move(control);
	else if (taken && control->watch.fd != -1 && chmod(
	    control->address.un.sun_path, (mode_t)set->control_mode) == -1)
		log_warning("control socket: %s", strerror(errno));
	if (control->next != -1) {
		unlink(control->next_address.un.sun_path);
		close(control->next);
	}
	control->next = -1;
	control->moves = false;
}

void
control_close(struct control *control)
{
	if (control == NULL)
		return;
	control_leave(control);
	loop_timer_stop(control->master->loop, &control->glance);
	while (control->clients != NULL) {
		/* What is left of an answer; there is no later chance. */
		output_write(&control->clients->output,
		    control->clients->watch.fd);
		control_drop(control->clients);
	}
	jsonmem_forget();
	free(control);
}
