/* SPDX-License-Identifier: ISC */
/*
 * The control commands that change something, and the table of all.  They run
 * in the master, so they do not wait: what has to be waited for is said in
 * struct control_wait.
 */
#include <errno.h>
#include <string.h>

#include "base/error.h"
#include "base/log.h"
#include "server/control.h"
#include "server/former.h"
#include "server/reload.h"
#include "server/upgrade.h"

/* --- what is waited for -------------------------------------------------- */

static json_t *
commands_slots(const struct master *m, uint64_t number,
    bool (*is)(const struct process *, uint64_t))
{
	json_t *list = json_array();
	uint32_t i;

	for (i = 0; i < m->slots; i++)
		if (is(&m->processes[i], number))
			json_array_append_new(list, json_integer(i));
	return list;
}

static bool
commands_is_silent(const struct process *p, uint64_t number)
{
	return p->pid != 0 && p->asked >= number && p->answered < number;
}

static json_t *
commands_silent(const struct master *m, uint64_t number)
{
	return commands_slots(m, number, commands_is_silent);
}

static void
commands_wait_answers(const struct master *m, struct control_wait *wait)
{
	wait->is_done = master_is_answered;
	wait->who = commands_silent;
	wait->number = m->number;
}

/* ... and of those of the former master: its answer is that they have. */
static bool
commands_is_answered(const struct master *m, uint64_t number)
{
	return master_is_answered(m, number) && former_is_quiet(m);
}

static void
commands_add_silent(struct master *m, uint64_t number, json_t *result)
{
	former_note_silence(m, NULL, result);
}

static void
commands_wait_all(const struct master *m, struct control_wait *wait)
{
	commands_wait_answers(m, wait);
	wait->is_done = commands_is_answered;
	wait->add = commands_add_silent;
}

static bool
commands_is_unready(const struct process *p, uint64_t number)
{
	return p->role == ROLE_WORKER && (p->state == PROCESS_STARTING ||
	    p->state == PROCESS_WAITING);
}

static json_t *
commands_unready(const struct master *m, uint64_t number)
{
	return commands_slots(m, number, commands_is_unready);
}

static bool
commands_are_ready(const struct master *m, uint64_t number)
{
	uint32_t i;

	for (i = 0; i < m->slots; i++)
		if (commands_is_unready(&m->processes[i], number))
			return false;
	return true;
}

/* --- arguments ----------------------------------------------------------- */

struct prong_service *
control_service(const struct master *m, const json_t *request)
{
	const char *name = json_string_value(json_object_get(request,
	    "service"));
	struct prong_service *s;

	if (name != NULL && (s = server_by_name(m->server, name)) != NULL)
		return s;
	error_set(ENOENT, "there is no service \"%.64s\"",
	    name == NULL ? "" : name);
	return NULL;
}

/* What cannot be done any more once the end has begun. */
static int
commands_check_running(const struct master *m)
{
	if (m->state == MASTER_RUNNING)
		return 0;
	return error_set(EBUSY, "the server is %s", master_state_name(m->state));
}

/* --- commands ------------------------------------------------------------ */

static json_t *
commands_stop(struct master *m, const json_t *request,
    struct control_wait *wait)
{
	if (json_is_true(json_object_get(request, "fast")))
		master_stop(m);
	else
		master_drain(m, false);
	return json_pack("{s:s}", "state", master_state_name(m->state));
}

/* The number tells the slot; whether it is open, the table.  NULL: no. */
static struct process *
commands_find(const struct master *m, uint64_t id, struct conn_entry *e)
{
	struct process *p = &m->processes[id % m->slots];

	return p->pid != 0 && scoreboard_find(&m->scoreboard, p->slot, id,
	    e) == 0 ? p : NULL;
}

static json_t *
commands_close_of_former(const struct master *m, uint64_t number,
    json_t **errors)
{
	return former_result(m, number);
}

/*
 * For a master after this one: of those that it names what is here.  None is
 * looked up, which takes long in a full table: who has not got it ignores it.
 */
static json_t *
commands_close_several(struct master *m, const json_t *ids)
{
	struct channel_message message = { .kind = CHANNEL_CLOSE };
	json_t *others = json_array(), *id;
	struct process *p;
	size_t i;

	json_array_foreach(ids, i, id) {
		message.id = (uint64_t)json_integer_value(id);
		p = &m->processes[message.id % m->slots];
		if (message.id <= m->conns_from)
			json_array_append(others, id);
		else if (p->pid != 0 && process_tell(p, &message, -1) == -1)
			/* Who has no room now is told after another look. */
			break;
	}
	if (json_array_size(others) > 0 && former_is_there(m))
		former_ask(m, json_pack("{s:s,s:O}", "command", "close",
		    "ids", others));
	json_decref(others);
	return json_object();
}

static json_t *
commands_close(struct master *m, const json_t *request,
    struct control_wait *wait)
{
	const json_t *number = json_object_get(request, "id");
	const json_t *several = json_object_get(request, "ids");
	struct channel_message message = { .kind = CHANNEL_CLOSE };
	char peer[ADDRESS_MAX];
	struct conn_entry e;
	struct process *p;

	if (several != NULL)
		return commands_close_several(m, several);
	message.id = (uint64_t)json_integer_value(number);
	p = json_is_integer(number) ? commands_find(m, message.id, &e) : NULL;
	if (p == NULL && json_is_integer(number) && former_is_there(m)) {
		wait->number = former_ask(m, json_pack("{s:s,s:O}",
		    "command", "close", "id", number));
		wait->is_done = former_is_answered;
		wait->finish = commands_close_of_former;
		return json_object();
	}
	if (p == NULL) {
		error_set(ENOENT, "there is no connection %llu",
		    (unsigned long long)message.id);
		return NULL;
	}
	message.number = ++m->number;
	if (process_tell(p, &message, -1) == -1) {
		error_set(EAGAIN, "%s does not listen now", p->name);
		return NULL;
	}
	commands_wait_answers(m, wait);
	log_info("closing connection %llu of service=%s peer=%s, as asked",
	    (unsigned long long)message.id,
	    rows_name(&m->rows, e.service),
	    conntable_peer(&e, peer, sizeof(peer)));
	return json_pack("{s:I,s:s,s:s}", "id", (json_int_t)message.id,
	    "service", rows_name(&m->rows, e.service), "peer", peer);
}

/* Of its processes; whoever resumes drains no more. */
static void
commands_mark_paused(struct generation *g, const struct prong_service *s,
    bool paused)
{
	g->paused[s->index] = paused;
	g->paused_after[s->index] = reload_asked(g->master);
	if (!paused)
		draining_resume(g, s);
}

/* For who is tried, too: the reload was asked for before. */
static json_t *
commands_set_paused(struct master *m, const json_t *request,
    struct control_wait *wait, bool paused)
{
	struct generation *trial = generation_on_trial(m);
	struct prong_service *s = control_service(m, request);

	if (s == NULL || commands_check_running(m) == -1)
		return NULL;
	if (paused && upgrade_is_busy(m)) {
		/* The new master would never hear of it. */
		error_set(EBUSY, "an upgrade is under way");
		return NULL;
	}
	if (m->current->paused[s->index] != paused)
		log_info("service=%s %s, as asked", s->name,
		    paused ? "paused" : "resumed");
	commands_mark_paused(m->current, s, paused);
	if (trial != NULL && server_by_name(trial->server, s->name) != NULL)
		commands_mark_paused(trial, s, paused);
	m->release = ++m->number;
	assign_sockets(m);
	m->release = 0;
	commands_wait_answers(m, wait);
	return json_pack("{s:s,s:b}", "service", s->name, "paused", paused);
}

static json_t *
commands_pause(struct master *m, const json_t *request,
    struct control_wait *wait)
{
	return commands_set_paused(m, request, wait, true);
}

static json_t *
commands_resume(struct master *m, const json_t *request,
    struct control_wait *wait)
{
	return commands_set_paused(m, request, wait, false);
}

static json_t *
commands_scale(struct master *m, const json_t *request,
    struct control_wait *wait)
{
	const json_t *wanted = json_object_get(request, "workers");
	json_int_t n = json_integer_value(wanted);

	if (commands_check_running(m) == -1)
		return NULL;
	if (!json_is_integer(wanted) || n < 1 || n > m->slots) {
		error_set(ERANGE, "workers can be 1 to %u (max-processes)",
		    m->slots);
		return NULL;
	}
	while (m->current->workers != n)
		if (supervise_scale(m, m->current->workers < n ? 1 : -1) == -1)
			return NULL;
	log_info("workers=%u, as asked", m->current->workers);
	wait->is_done = commands_are_ready;
	wait->who = commands_unready;
	return json_pack("{s:i}", "workers", (int)m->current->workers);
}

static json_t *
commands_reopen(struct master *m, const json_t *request,
    struct control_wait *wait)
{
	uint64_t before = m->number;
	json_t *list;
	int stream;

	if (master_reopen_logs(m) == -1)
		return NULL;
	/* Where nothing goes to a file nobody was told anything. */
	if (m->number != before || !former_is_quiet(m))
		commands_wait_all(m, wait);
	list = json_array();
	for (stream = 0; stream < LOG_STREAMS; stream++)
		if (log_path((enum log_stream)stream) != NULL)
			json_array_append_new(list, json_string(
			    log_path((enum log_stream)stream)));
	return json_pack("{s:o}", "reopened", list);
}

static json_t *
commands_log_level(struct master *m, const json_t *request,
    struct control_wait *wait)
{
	const char *name = json_string_value(json_object_get(request,
	    "level"));
	struct channel_message message = { .kind = CHANNEL_LEVEL };
	int level = name == NULL ? -1 : log_level_by_name(name);

	if (level == -1) {
		error_set(EINVAL, "a level is error, warning, info or debug");
		return NULL;
	}
	log_info("log level: %s, as asked", name);
	log_set_level((enum prong_level)level);
	message.key = (uint32_t)level;
	master_ask_all(m, &message, -1);
	former_ask(m, json_pack("{s:s,s:s}", "command", "log-level",
	    "level", name));
	commands_wait_all(m, wait);
	return json_pack("{s:s}", "level", name);
}

/* It is answered when it is over, well or not. */
static json_t *
commands_reload(struct master *m, const json_t *request,
    struct control_wait *wait)
{
	wait->number = json_is_true(json_object_get(request, "dry-run")) ?
	    reload_ask_changes(m) : reload_ask(m);
	if (wait->number == 0)
		return NULL;
	wait->is_done = reload_is_done;
	wait->finish = reload_result;
	return json_object();
}

static json_t *
commands_upgrade(struct master *m, const json_t *request,
    struct control_wait *wait)
{
	if ((wait->number = upgrade_ask(m)) == 0)
		return NULL;
	wait->is_done = upgrade_is_done;
	wait->finish = upgrade_result;
	return json_object();
}

const struct control_command control_commands[] = {
	{ "status", status_all },
	{ "workers", status_workers },
	{ "services", status_services },
	{ "counters", status_counters },
	{ "conns", conns_list },
	{ "close", commands_close },
	{ "pause", commands_pause },
	{ "resume", commands_resume },
	{ "drain", draining_command },
	{ "scale", commands_scale },
	{ "reload", commands_reload },
	{ "upgrade", commands_upgrade },
	{ "reopen", commands_reopen },
	{ "log-level", commands_log_level },
	{ "stop", commands_stop },
	{ NULL }
};
