/* SPDX-License-Identifier: ISC */
/*
 * The control socket: where it is, who is let in, and who waits for what.
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
#include "server/control_client.h"
#include "server/jsonmem.h"
#include "server/takeover.h"

#define CONTROL_CLIENTS_MAX	64
#define CONTROL_PAUSE_MS	100
#define CONTROL_TELL_MS		1000

void
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
		if (control_client_finish(c) == -1)
			control_client_drop(c);
		else
			control_client_go_on(c);
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
		if (control_client_is_waiting(c))
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
	control_client_drop(idle);
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
	char *text = control_client_text(NULL, NULL);

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
		control_client_drop(control->clients);
	}
	jsonmem_forget();
	free(control);
}
