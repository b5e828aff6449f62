/* SPDX-License-Identifier: ISC */
/*
 * <prong.h>: write a handler, or run the server inside a program of your own.
 *
 * Conventions.  A function returns 0 or a pointer when it worked, -1 or NULL
 * with errno set when it did not; prong_error() then has a text for people.
 * Sizes are in bytes, times in milliseconds.  No function prints.
 *
 * Every name here is described in prong.h(3).
 */
#ifndef PRONG_H
#define PRONG_H

#include <sys/types.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define PRONG_API		__attribute__((visibility("default")))
#define PRONG_PRINTF(f, a)	__attribute__((format(printf, f, a)))
#define PRONG_SENTINEL		__attribute__((sentinel))
#else
#define PRONG_API
#define PRONG_PRINTF(f, a)
#define PRONG_SENTINEL
#endif

/* The number of this interface; a handler made for another is refused. */
#define PRONG_ABI	4

struct prong_conn;
struct prong_loop;
struct prong_section;
struct prong_server;
struct prong_service;
struct prong_array;
struct prong_rlock;
struct prong_dict;
struct prong_event;
struct prong_pool;

/*
 * Returns the text of the last failure in this thread: never NULL, valid
 * until the next failing call of the same thread.  Like errno it says nothing
 * after a call that succeeds: that may leave what was there, or anything else.
 */
PRONG_API const char *prong_error(void);

/* ------------------------------------------------------------------------
 * A handler: what the server says.
 */

enum prong_option_type {
	PRONG_STRING,		/* any text */
	PRONG_INT,		/* a decimal integer, int64_t */
	PRONG_BOOL,		/* true, false, yes, no, on, off */
	PRONG_SIZE,		/* bytes: 512, 64K, 16M, 1G */
	PRONG_TIME,		/* milliseconds: 500ms, 30s, 5m, 1h, 1d */
	PRONG_CHOICE,		/* one of .choices */
	PRONG_STRINGS,		/* a list of texts */
	PRONG_SECTION,		/* a titled section with .members */
};

/*
 * One option of a handler.  A table of them ends with a .name of NULL.  They
 * are checked before anything is started and shown by prongd -T.
 *
 * An option of type PRONG_SECTION of the handler itself holds the title of a
 * section that stands at the top of the configuration under the option's
 * name; inside another section it is a section that may be repeated.
 */
struct prong_option {
	const char *name;
	enum prong_option_type type;
	const char *value;		/* the default; NULL is none */
	const char *const *choices;	/* PRONG_CHOICE: ends with NULL */
	const struct prong_option *members;	/* PRONG_SECTION */
	const char *help;		/* one line for people */
};

/*
 * A counter of a handler's own, shown by prongctl(8); a table of them ends with
 * a .name of NULL and has at most 64.  The name is a small letter, then small
 * letters, digits and "_", 31 characters at most; it is none of the server's.
 */
struct prong_counter {
	const char *name;
	const char *help;		/* one line for people */
};

/*
 * A function for the processes of pools, which find it by its name, of 27
 * characters at most; a table of them ends with a .name of NULL.  It may block,
 * and runs in no loop.  Returns the length of what it has written to result, or
 * -1 for a failure of its own, with errno and the text of prong_set_error().
 */
typedef ssize_t prong_job_fn(struct prong_service *, const void *argument,
    size_t length, void *result, size_t size);
struct prong_job {
	const char *name;
	prong_job_fn *fn;
};

/* How a stream is cut into messages; a handler names those that it allows. */
enum prong_framing {
	PRONG_RAW = 1 << 0,		/* whatever one read brings */
	PRONG_LINE = 1 << 1,		/* up to a newline */
	PRONG_NETSTRING = 1 << 2,	/* 5:hello, */
	PRONG_LENGTH32 = 1 << 3,	/* a 32-bit length, network order */
	PRONG_OWN = 1 << 4,		/* as the handler's .frame says */
};

/* Why input was malformed, given to a handler's .malformed. */
enum prong_malformed {
	PRONG_BAD_FRAME,		/* not what the framing allows */
	PRONG_OVERSIZE,			/* longer than max-message */
	PRONG_TRUNCATED,		/* the input ended within a message */
};

/* What a handler says of itself, for the modes of dispatch. */
enum prong_handler_flags {
	PRONG_THREAD_SAFE = 1 << 0,	/* may run in several threads at once */
	PRONG_NEEDS_LOOP = 1 << 1,	/* only in a worker's own loop */
};

/*
 * A handler gives one of two styles, or both.
 *
 * Message style: opened, message, writable, closed.  With dispatch inline these
 * never wait; with any other all but closed may, by the calls for tasks.  Those
 * that return int return 0, or -1 for a failure of their own: the connection
 * is then closed and counted under handler_errors and closed_error.
 *
 * Conversation style: converse, which reads and writes as a program on its own
 * would, and waits in prong_recv() and the like.  When it returns, 0 or -1 as
 * above, the connection is closed.  It runs with every dispatch but inline.
 *
 * Of a handler with both, converse is used but with dispatch inline, and with
 * a pool whose threads are lent for messages.
 */
struct prong_handler {
	unsigned int abi;		/* PRONG_ABI */
	const char *name;
	const char *summary;		/* one line for people */
	const struct prong_option *options;
	const struct prong_counter *counters;
	unsigned int flags;		/* enum prong_handler_flags */
	unsigned int framings;		/* allowed ones; 0: all */
	enum prong_framing framing;	/* the default; 0: raw */

	/*
	 * In every process that runs the handler, before its first
	 * connection, and at the process's end.  On -1 (text through
	 * prong_set_error()) the process gives up.  init also runs in the
	 * check of a configuration, so it must change nothing outside.
	 */
	int (*init)(struct prong_service *);
	void (*exit)(struct prong_service *);

	int (*opened)(struct prong_conn *);
	int (*message)(struct prong_conn *, const void *data, size_t len);
	/* The queue of output, once above high water, is below low water. */
	int (*writable)(struct prong_conn *);
	/* May send an answer; the connection is closed afterwards. */
	int (*malformed)(struct prong_conn *, enum prong_malformed);
	/* The server stops or drains: say goodbye if the protocol can. */
	int (*draining)(struct prong_conn *);
	/* Exactly once for each connection that was opened. */
	void (*closed)(struct prong_conn *);

	int (*converse)(struct prong_conn *);

	/*
	 * A protocol of the handler's own, framing "own", which is then the
	 * default and, unless .framings says otherwise, the only one.  Given
	 * the len bytes that are there, at least one, it returns how many of
	 * them are the first message; 0: it is not whole yet; -1: no message
	 * begins so.  *state is 0 at first for each message and the function's
	 * to use until that is whole, to go on where it was.  What is sent is
	 * not wrapped.  Looks at nothing but its arguments.
	 */
	ssize_t (*frame)(const void *data, size_t len, uint64_t *state);

	/*
	 * Before any process is forked, in one that is there for it: says by
	 * prong_declare() which shared objects the handler needs.  The options
	 * of the service are known.  On -1 (text through prong_set_error()) the
	 * server does not start.
	 */
	int (*declare)(struct prong_service *);
	const struct prong_job *jobs;	/* for pools; NULL: none */
};

/*
 * In a handler's .declare: a shared object, "array", "dict", "event" or "pool",
 * with settings as in the configuration: "slots", "64", ..., NULL.  It may be
 * there already; what it has of these settings must be the same, and what it
 * has not is set.  EEXIST: it is not the same.  EINVAL: no such kind or
 * setting, not a value for it.  EPERM: not in .declare.  ENOMEM.
 */
PRONG_API int prong_declare(struct prong_service *, const char *kind,
    const char *name, ...) PRONG_SENTINEL;

/* Defines NAME_handler: PRONG_HANDLER(echo, .message = echo_message); */
#define PRONG_HANDLER(ident, ...)					\
	const struct prong_handler ident##_handler = {			\
		.abi = PRONG_ABI, .name = #ident, __VA_ARGS__		\
	}

/*
 * Makes a shared object with a handler a module, that a configuration names as
 * NAME.so or by its path: PRONG_MODULE(echo); after the handler.  It is the one
 * symbol that the object has to export.  See prong-modules(7).
 */
#define PRONG_MODULE(ident)						\
	PRONG_API extern const struct prong_handler *const prong_module; \
	const struct prong_handler *const prong_module = &ident##_handler

/* Sets the text that prong_error() returns; always returns -1. */
PRONG_API int prong_set_error(int error, const char *format, ...)
    PRONG_PRINTF(2, 3);

/* Writes one line to the server's log. */
enum prong_level { PRONG_ERROR, PRONG_WARNING, PRONG_INFO, PRONG_DEBUG };
PRONG_API void prong_log(enum prong_level, const char *format, ...)
    PRONG_PRINTF(2, 3);

/* ------------------------------------------------------------------------
 * A connection.
 */

/*
 * Sends one message, framed as the service is.  Never blocks: what the kernel
 * does not take at once is queued, and reading from the peer pauses while
 * more than the high-water mark is queued.  The data is the caller's again on
 * return.  EPIPE: the connection is closing.  EMSGSIZE: the framing cannot
 * carry so much.  ENOMEM.
 */
PRONG_API int prong_send(struct prong_conn *, const void *data, size_t len);
PRONG_API int prong_sendv(struct prong_conn *, const struct iovec *, int count);
PRONG_API int prong_sendf(struct prong_conn *, const char *format, ...)
    PRONG_PRINTF(2, 3);

/* Bytes that wait in the queue of output. */
PRONG_API size_t prong_queued(const struct prong_conn *);

/* Whether the queue is above its high-water mark: stop, wait for .writable. */
PRONG_API bool prong_is_full(const struct prong_conn *);

/* Closes after what is queued has gone to the peer; input is ignored. */
PRONG_API void prong_close(struct prong_conn *);

/* Closes at once with a reset; what is queued is lost. */
PRONG_API void prong_abort(struct prong_conn *);

/*
 * Receiving, in the conversation of the connection itself: waits for input.
 * prong_recv_message() gives one message, without what frames it: 1, or 0 at
 * the end of input.  The data is valid until the next call.  prong_recv() copies
 * out what is there of it, up to size bytes: how many, or 0 at the end.
 * EPERM: not in its conversation.  EBADMSG: malformed input, after which
 * something may still be sent.  EPIPE: closing.  ECANCELED: the connection has
 * ended.  EINVAL: a size of 0.
 */
PRONG_API int prong_recv_message(struct prong_conn *, const void **data,
    size_t *length);
PRONG_API ssize_t prong_recv(struct prong_conn *, void *buf, size_t size);

/*
 * "127.0.0.1:40000", "[::1]:40000", "unix:uid=1000,pid=42"; cut to size, always
 * a string.
 */
PRONG_API const char *prong_peer(const struct prong_conn *, char *, size_t);
PRONG_API const char *prong_local(const struct prong_conn *, char *, size_t);

/* A number that no other connection of this server has had. */
PRONG_API uint64_t prong_conn_id(const struct prong_conn *);
PRONG_API struct prong_service *prong_conn_service(const struct prong_conn *);

/* A pointer of the handler's own; NULL at first, released in .closed. */
PRONG_API void *prong_data(const struct prong_conn *);
PRONG_API void prong_set_data(struct prong_conn *, void *);

/* Replaces idle-timeout for this connection; 0 is none. */
PRONG_API int prong_set_timeout(struct prong_conn *, int64_t ms);

/*
 * Messages to connections of any worker: one of up to PRONG_POST_MAX bytes,
 * framed as the service of whoever gets it is.  To the one with a number (see
 * prong_conn_id()), to all of a service, to all of a connection's service but
 * for that one.  They are sent later, from the loop, in the order in which this
 * worker has posted; those for one that has ended are lost.  From any thread of
 * a worker.  EAGAIN: a worker does not take its mail; of a broadcast, the
 * others get it.  ENOENT: certainly no such connection.  EMSGSIZE.  EPERM: not
 * in a worker.  ENOMEM.
 */
#define PRONG_POST_MAX	65536
PRONG_API int prong_post(uint64_t conn_id, const void *data, size_t len);
PRONG_API int prong_broadcast(struct prong_service *, const void *data,
    size_t len);
PRONG_API int prong_broadcast_others(struct prong_conn *, const void *data,
    size_t len);

/* ------------------------------------------------------------------------
 * A service, as its handler sees it.
 */

PRONG_API const char *prong_service_name(const struct prong_service *);
PRONG_API enum prong_framing prong_service_framing(const struct prong_service *);
/* A pointer of the handler's own in this process; NULL at first. */
PRONG_API void *prong_service_data(const struct prong_service *);
PRONG_API void prong_service_set_data(struct prong_service *, void *);

/*
 * Adds n to a counter of the handler's own, by its place in the table.  From
 * any thread or process; what was added stays, whatever becomes of those.
 * EINVAL: no such counter, or n is negative.
 */
PRONG_API int prong_counter_add(struct prong_service *, unsigned int counter,
    int64_t n);

/*
 * The value of a declared option: as configured, else its default.  A string
 * without default is NULL, a number 0.  Valid as long as the service is.
 */
PRONG_API const char *prong_option_string(const struct prong_service *,
    const char *name);
/* Value number index of a list, counted from 0; NULL behind the last. */
PRONG_API const char *prong_option_strings(const struct prong_service *,
    const char *name, size_t index);
PRONG_API int64_t prong_option_int(const struct prong_service *, const char *);
PRONG_API bool prong_option_bool(const struct prong_service *, const char *);
PRONG_API int64_t prong_option_size(const struct prong_service *, const char *);
PRONG_API int64_t prong_option_time(const struct prong_service *, const char *);
/* The top-level section whose title the option holds, or NULL. */
PRONG_API const struct prong_section *prong_option_section(
    const struct prong_service *, const char *name);

/* Inside a section. */
PRONG_API const char *prong_section_title(const struct prong_section *);
PRONG_API const char *prong_section_string(const struct prong_section *,
    const char *name);
PRONG_API const char *prong_section_strings(const struct prong_section *,
    const char *name, size_t index);
PRONG_API bool prong_section_bool(const struct prong_section *, const char *);
PRONG_API int64_t prong_section_number(const struct prong_section *,
    const char *name);
/* The member sections of one name in their order: previous NULL begins. */
PRONG_API const struct prong_section *prong_section_next(
    const struct prong_section *, const char *name,
    const struct prong_section *previous);

/* ------------------------------------------------------------------------
 * The loop, for descriptors of the handler's own: inside a worker, or where a
 * program has made one with prong_loop_new().
 */

enum prong_events {			/* the values of poll(2) */
	PRONG_READ = 0x001,
	PRONG_WRITE = 0x004,
	PRONG_FAIL = 0x008,		/* always told */
	PRONG_HANGUP = 0x010,		/* always told */
	PRONG_EDGE = 1 << 30,		/* tell changes only (epoll) */
};

struct prong_watch;
typedef void prong_watch_fn(int fd, unsigned int events, void *arg);

/*
 * Calls fn when fd is ready.  The descriptor stays the caller's, who ends the
 * watch before closing it.  EINVAL: wrong events.  EPERM: a regular file.
 * EEXIST: already watched.  EBADF.  ERANGE: too large for select.
 * ENOTSUP: PRONG_EDGE without epoll.  ENOMEM.
 */
PRONG_API struct prong_watch *prong_watch(int fd, unsigned int events,
    prong_watch_fn *, void *arg);
/* Replaces the whole set of events. */
PRONG_API int prong_watch_modify(struct prong_watch *, unsigned int events);
PRONG_API void prong_unwatch(struct prong_watch *);

struct prong_timer;
typedef void prong_timer_fn(void *arg);
/* Calls fn once, ms from now.  The timer is gone when fn is called. */
PRONG_API struct prong_timer *prong_timer(int64_t ms, prong_timer_fn *,
    void *arg);
PRONG_API void prong_timer_cancel(struct prong_timer *);

typedef void prong_defer_fn(void *arg);
/*
 * Calls fn once, from the loop, when the events and timers of this turn have
 * been handled: in the order of the calls, and never within the caller.  What
 * such a function defers comes in the next turn.  EPERM: there is no loop here.
 * ECANCELED: it has come to its end.  ENOMEM.
 */
PRONG_API int prong_defer(prong_defer_fn *, void *arg);

/*
 * A loop for this thread of a program that has one of its own: watches, timers,
 * deferred calls and tasks work in it, whenever the program has it turn.  It is
 * driven by one descriptor, which is readable when there is something to do, be
 * it a timer, and stays the loop's.  EEXIST: this thread has a loop.  EMFILE.
 * ENOMEM.
 */
PRONG_API struct prong_loop *prong_loop_new(void);
PRONG_API int prong_loop_fd(const struct prong_loop *);
/*
 * Does what there is to do; waits for it, ms milliseconds at most (0: not at
 * all; -1: for ever).  EPERM: another thread's loop.  EBUSY: it is turning.
 */
PRONG_API int prong_loop_turn(struct prong_loop *, int64_t ms);
/*
 * Ends its tasks, calls what is deferred, stops the server that it serves.  Not
 * within a turn.
 */
PRONG_API void prong_loop_free(struct prong_loop *);

/* ------------------------------------------------------------------------
 * Tasks: functions that wait without holding up the loop.  Every handler runs
 * in one, unless dispatch is inline.  Outside of all of them, and of the loop,
 * prong_sleep() and prong_wait() simply block.
 *
 * EDEADLK: in the loop itself, which cannot wait.  ECANCELED: the connection
 * that the task is about has ended; every further wait of it fails so.
 */

/* Waits for ms milliseconds. */
PRONG_API int prong_sleep(int64_t ms);

/*
 * Waits until fd is ready, for ms milliseconds at most; -1 waits for ever.
 * Returns the events, or 0 when the time is over.  Errors as prong_watch().
 */
PRONG_API int prong_wait(int fd, unsigned int events, int64_t ms);

struct prong_task;
typedef void *prong_task_fn(void *arg);

/*
 * Begins another task in this thread: fn runs until it first waits, and goes
 * on beside the caller.  EPERM: there is no loop here.  ENOMEM.
 */
PRONG_API struct prong_task *prong_spawn(prong_task_fn *, void *arg);

/*
 * Waits until a task has ended, for ms milliseconds at most (-1: for ever),
 * and lets go of it; result may be NULL.  ETIMEDOUT: it can be joined again.
 * EBUSY: another joins it.
 */
PRONG_API int prong_join(struct prong_task *, int64_t ms, void **result);

/* Lets go of a task that nobody will join. */
PRONG_API void prong_detach(struct prong_task *);

/*
 * Coroutines switched by hand, within one thread.  prong_co_switch() goes on
 * where the coroutine stands and returns when another switches back; NULL is
 * who created the one that runs.  One whose function returns has ended, and
 * whoever created it goes on.  EINVAL: it has ended, or it runs, or it is
 * another thread's.
 */
struct prong_co;
typedef void prong_co_fn(void *arg);
PRONG_API struct prong_co *prong_co_create(prong_co_fn *, void *arg);
PRONG_API int prong_co_switch(struct prong_co *);
/* The one that runs; NULL: none. */
PRONG_API struct prong_co *prong_co_self(void);
PRONG_API bool prong_co_is_over(const struct prong_co *);
/* Frees one that does not run; if it has not ended, it never goes on. */
PRONG_API void prong_co_free(struct prong_co *);

/* ------------------------------------------------------------------------
 * Outgoing connections, in the loop or lane that dials them.
 */

/*
 * Connects to an address, "127.0.0.1:80", "[::1]:80", "localhost:80" or
 * "unix:/path", within ms for all that a name stands for (-1: no limit).  In a
 * task: waits.  The calls for connections work on it, prong_recv() from any
 * task of the thread; prong_close() or prong_abort() lets go of it, also when
 * it has ended.  What is left of it is closed with the connection, or the task
 * of prong_spawn(), that has dialed it.  errno of connect(2).  EINVAL: not an
 * address.  ENOENT: no such name.  EAGAIN: no answer about it.  ETIMEDOUT.
 * EMFILE.  ENOMEM.  EDEADLK, ECANCELED: as above.  EPERM: there is no loop.
 */
PRONG_API struct prong_conn *prong_dial(const char *address, int64_t ms);

/*
 * The same for the loop: returns at once, and the functions of a handler of
 * message style are called in the loop for this connection, whose prong_data()
 * is data: opened when it is connected, closed exactly once, also when it never
 * was; errno says why then.  What is sent before goes out when it is connected.
 */
PRONG_API struct prong_conn *prong_dial_async(const char *address, int64_t ms,
    const struct prong_handler *, void *data);

/*
 * How an outgoing connection is cut into messages; raw and 64K at first.
 * EBUSY: something has been received and not been taken.  EINVAL.  EPERM.
 */
PRONG_API int prong_set_framing(struct prong_conn *, enum prong_framing,
    size_t max_message);

/*
 * Joins two connections both ways, as they are and whatever the framing: the
 * end of one's input ends the other's.  Both are closed when both have ended.
 * In a task: waits for that; in the loop: returns at once.  ECONNRESET: one
 * was, and so was the other.  EPIPE: one was closed.  ETIMEDOUT: one's
 * idle-timeout.  ECANCELED.  EINVAL: they are the same.  EBUSY: a task waits
 * for one, or it is joined.  EPERM: not this task's.  ENOMEM.
 */
PRONG_API int prong_splice(struct prong_conn *, struct prong_conn *);

/* ------------------------------------------------------------------------
 * Locks for all processes of a server.
 */

/*
 * The lock of this name, which is made if there is none.  EINVAL: not a name.
 * ENOSPC: there are 256 others.
 */
PRONG_API struct prong_rlock *prong_rlock_open(struct prong_service *,
    const char *name);

/*
 * Takes it: for a task, a coroutine or else the thread, which may take it again
 * and gives it back as often.  Who waits in a task leaves the loop alone.  From
 * one that dies or ends with it, it is taken over.  EBUSY: held, for
 * prong_rlock_trylock().  ETIMEDOUT: not within ms.  EAGAIN: held too deep.
 * EDEADLK: a task of this thread has it, and the loop itself would wait.
 * ECANCELED: the connection has ended.  ENOMEM.
 */
PRONG_API int prong_rlock_lock(struct prong_rlock *);
PRONG_API int prong_rlock_trylock(struct prong_rlock *);
PRONG_API int prong_rlock_timedlock(struct prong_rlock *, int64_t ms);
/* EPERM: held by another, or by nobody. */
PRONG_API int prong_rlock_unlock(struct prong_rlock *);

/* The process that had it a moment ago; 0: none. */
PRONG_API pid_t prong_rlock_holder(const struct prong_rlock *);

/* ------------------------------------------------------------------------
 * Arrays in shared memory: every worker sees the same cells.
 */

enum prong_array_type {
	PRONG_INT8, PRONG_INT16, PRONG_INT32, PRONG_INT64, PRONG_UINT64,
	PRONG_DOUBLE,
};

/* A value of any of the types: integer for int8 to int64. */
union prong_value {
	int64_t integer;
	uint64_t natural;
	double real;
};

/* The array that the configuration names so.  ENOENT. */
PRONG_API struct prong_array *prong_array_open(struct prong_service *,
    const char *name);
PRONG_API enum prong_array_type prong_array_type(const struct prong_array *);
PRONG_API size_t prong_array_length(const struct prong_array *);

/*
 * One cell, atomically and without the lock.  EINVAL: no such cell.
 * ERANGE: the value, or the sum, is not one of the type; nothing changed.
 * The result of an addition may be NULL.  prong_array_cas() returns 1 when the cell
 * held expected and was set, 0 when it did not.
 */
PRONG_API int prong_array_get(struct prong_array *, size_t index,
    union prong_value *);
PRONG_API int prong_array_set(struct prong_array *, size_t index,
    union prong_value);
PRONG_API int prong_array_add(struct prong_array *, size_t index,
    union prong_value, union prong_value *result);
PRONG_API int prong_array_cas(struct prong_array *, size_t index,
    union prong_value expected, union prong_value desired);

/*
 * The array's lock, for what touches more than one cell, as the locks above.
 * What its holder changes by the three calls above comes about as a whole: when
 * he dies or ends with it, all of it is taken back.  They fail with ENOSPC when
 * that would be more than 1024 cells.  ETIMEDOUT: not within ms (-1 waits);
 * EBUSY when ms is 0.
 */
PRONG_API int prong_array_lock(struct prong_array *, int64_t ms);
PRONG_API int prong_array_unlock(struct prong_array *);

/*
 * All cells under the lock: their sum, or a copy of the first count.  It is
 * waited for ten seconds at most.
 */
PRONG_API int prong_array_sum(struct prong_array *, union prong_value *);
PRONG_API int prong_array_snapshot(struct prong_array *, union prong_value *,
    size_t count);

/* ------------------------------------------------------------------------
 * Dictionaries in shared memory: every worker sees the same keys and values,
 * which are of any bytes.  Every call is done wholly or not at all, whoever is
 * killed over it, and from any thread.
 *
 * What they have in common: ETIMEDOUT, another process has held the lock for
 * ten seconds.  EMSGSIZE, a key has more than 65535 bytes, or key and value
 * more than prong_dict_longest().  EIO, a process has overwritten the memory.
 */

#define PRONG_DICT_FOREVER	(-1)

enum prong_dict_flags {
	PRONG_DICT_ABSENT = 1 << 0,	/* only if there is no such key */
	PRONG_DICT_PRESENT = 1 << 1,	/* only if there is one */
	PRONG_DICT_KEEP = 1 << 2,	/* it expires when it would have */
};

/* The dict that the configuration names so.  ENOENT. */
PRONG_API struct prong_dict *prong_dict_open(struct prong_service *,
    const char *name);

/*
 * Copies the value out and returns its length; a size of 0 only asks for that.
 * ENOENT: there is no such key.  ERANGE: the value is longer than size.
 * prong_dict_take() deletes the key at once.
 */
PRONG_API ssize_t prong_dict_get(struct prong_dict *, const void *key,
    size_t key_length, void *value, size_t size);
PRONG_API ssize_t prong_dict_take(struct prong_dict *, const void *key,
    size_t key_length, void *value, size_t size);

/*
 * Sets a value that expires ms from now, or PRONG_DICT_FOREVER: 1, or 0 when
 * the flags forbid it.  ENOSPC: the dict is full.  EINVAL: flags that exclude
 * each other, ms below 1.
 */
PRONG_API int prong_dict_set(struct prong_dict *, const void *key,
    size_t key_length, const void *value, size_t length, unsigned int flags,
    int64_t ms);

/*
 * The same, and what was there before is copied out, also where the flags
 * forbid the change.  ERANGE: that is longer than size; nothing changed.
 */
struct prong_dict_value {
	void *data;
	size_t size;			/* of the room at data */
	ssize_t length;			/* set by the call; -1: was no key */
};
PRONG_API int prong_dict_swap(struct prong_dict *, const void *key,
    size_t key_length, const void *value, size_t length, unsigned int flags,
    int64_t ms, struct prong_dict_value *old);

/*
 * Adds to a value that is a decimal integer, 0 if there is no such key; the
 * result may be NULL.  EINVAL: it is none.  ERANGE: the sum is not an int64_t.
 */
PRONG_API int prong_dict_add(struct prong_dict *, const void *key,
    size_t key_length, int64_t n, int64_t *result);

/* Adds bytes to the end of a value, or sets it; returns its new length. */
PRONG_API ssize_t prong_dict_append(struct prong_dict *, const void *key,
    size_t key_length, const void *data, size_t length);

/*
 * Sets a value if it is the expected one, or, with NULL for that, if there is
 * no such key: 1; 0 if not.  It expires when it would have.
 */
PRONG_API int prong_dict_cas(struct prong_dict *, const void *key,
    size_t key_length, const void *expected, size_t expected_length,
    const void *desired, size_t length);

/* These: 1; 0 if there is no such key. */
PRONG_API int prong_dict_delete(struct prong_dict *, const void *key,
    size_t key_length);
/* ms from now, or PRONG_DICT_FOREVER. */
PRONG_API int prong_dict_expire(struct prong_dict *, const void *key,
    size_t key_length, int64_t ms);
/* In how many ms it does; PRONG_DICT_FOREVER. */
PRONG_API int prong_dict_ttl(struct prong_dict *, const void *key,
    size_t key_length, int64_t *ms);

/*
 * Calls fn with copies, valid for the call, of all keys and their values; no
 * lock is held then, so fn may change the dict.  What is there from beginning
 * to end comes exactly once, what comes or goes meanwhile at most once.  When fn
 * returns anything but 0 that is the end, and returned.
 * With prong_dict_scan() a part of it: at least count keys, if so many are left,
 * from *cursor on, which is 0 at first and is 0 again at the end.  ENOMEM.
 * EINVAL: not a cursor.
 */
struct prong_dict_item {
	const void *key;
	size_t key_length;
	const void *value;
	size_t length;
	int64_t ms;			/* as prong_dict_ttl() */
};
typedef int prong_dict_each_fn(const struct prong_dict_item *, void *arg);
PRONG_API int prong_dict_each(struct prong_dict *, prong_dict_each_fn *,
    void *arg);
PRONG_API int prong_dict_scan(struct prong_dict *, uint64_t *cursor,
    size_t count, prong_dict_each_fn *, void *arg);

/* Copies a key out and returns its length.  ENOENT: there is none.  ERANGE. */
PRONG_API ssize_t prong_dict_random(struct prong_dict *, void *key,
    size_t size);
/* How many keys there are. */
PRONG_API int64_t prong_dict_size(struct prong_dict *);
/* Deletes all keys, one after the other. */
PRONG_API int prong_dict_clear(struct prong_dict *);
/* The most bytes that a key and its value may have together. */
PRONG_API size_t prong_dict_longest(const struct prong_dict *);

/*
 * Keeps all others out, for what concerns more than one key: re-entrant, and
 * it survives the death of its holder, and the end of his task.  ETIMEDOUT: not
 * within ms (-1 waits); EBUSY when ms is 0.  EAGAIN: held too deep.  EPERM:
 * unlocked by another.  EDEADLK, ECANCELED: as prong_rlock_lock().
 */
PRONG_API int prong_dict_lock(struct prong_dict *, int64_t ms);
PRONG_API int prong_dict_unlock(struct prong_dict *);

/* ------------------------------------------------------------------------
 * Events in shared memory: what is set by one is waited for by others, in any
 * process.
 */

/* The event that the configuration names so.  ENOENT. */
PRONG_API struct prong_event *prong_event_open(struct prong_service *,
    const char *name);

/*
 * Sets it, and wakes all who wait; clears it; asks.  What was stored before it
 * was set is seen by who finds it set.  Never waits, and from any thread.
 */
PRONG_API int prong_event_set(struct prong_event *);
PRONG_API int prong_event_clear(struct prong_event *);
PRONG_API bool prong_event_is_set(const struct prong_event *);

/*
 * Waits until it is set, for ms at most (-1: for ever; 0: not at all).  Whoever
 * waited when it was set returns, be it cleared at once.  In a task it leaves
 * the loop alone, elsewhere the thread waits.  ETIMEDOUT.  EDEADLK: in the
 * loop itself.  ECANCELED: the connection has ended.  ENOMEM.
 */
PRONG_API int prong_event_wait(struct prong_event *, int64_t ms);

/* ------------------------------------------------------------------------
 * Pools: processes that run jobs, for all workers of a server.
 *
 * Every task ends in one of these ways, once.  Those of a process that dies are
 * dropped.
 */

enum prong_outcome {
	PRONG_TASK_DONE,		/* with a result */
	PRONG_TASK_FAILED,		/* the job has returned -1 */
	PRONG_TASK_DIED,		/* its process has */
	PRONG_TASK_TIMED_OUT,		/* it ran for longer than task-timeout */
	PRONG_TASK_CANCELLED,		/* it was given up */
};

struct prong_pool_result {
	uint64_t task;
	enum prong_outcome outcome;
	int error;			/* errno; 0 if it is done */
	int signal;			/* what killed its process; 0: nothing */
	const void *data;		/* the result, or the text of a failure */
	size_t length;
};
typedef void prong_pool_fn(const struct prong_pool_result *, void *arg);

/* The pool that the configuration names so, for jobs of this handler.  ENOENT. */
PRONG_API struct prong_pool *prong_pool_open(struct prong_service *,
    const char *name);

/*
 * Has a job done and waits for its result, for ms at most (-1: for ever), whose
 * length it returns.  What the job has failed with; ECHILD, its process has
 * died; ETIME, it was killed by task-timeout; ETIMEDOUT, it is given up; ERANGE,
 * the result is longer than size, and lost.  EDEADLK: in the loop itself, or in
 * a task of this pool.  ECANCELED: the connection has ended.  ENOENT: no such
 * job.  EMSGSIZE: an argument longer than the pool's size.  EPIPE: it is closed.
 * ENOTSUP: the server has no processes.
 */
PRONG_API ssize_t prong_pool_apply(struct prong_pool *, const char *job,
    const void *argument, size_t length, void *result, size_t size, int64_t ms);

/*
 * The same without waiting: fn is called from this loop when it is over.  With
 * NULL for fn, prong_pool_get() gets the result, of the task in *task, which may
 * else be NULL.  EAGAIN: the pool is full.  EPERM: there is no loop here.
 */
PRONG_API int prong_pool_apply_async(struct prong_pool *, const char *job,
    const void *argument, size_t length, prong_pool_fn *, void *arg,
    uint64_t *task);
/* Many at once, which is faster; returns how many of them, at least one. */
PRONG_API int prong_pool_apply_many(struct prong_pool *, const char *job,
    const struct iovec *arguments, int count, prong_pool_fn *, void *arg,
    uint64_t *tasks);
/* As prong_pool_apply(), but that after ETIMEDOUT it can be asked again. */
PRONG_API ssize_t prong_pool_get(struct prong_pool *, uint64_t task,
    void *result, size_t size, int64_t ms);

/*
 * Gives a task up: 1, it has not begun and never will; 0, it runs on, for
 * nothing.  A function that was to be called is, at once.  ENOENT: it is over.
 */
PRONG_API int prong_pool_cancel(struct prong_pool *, uint64_t task);

/*
 * Takes no more tasks; and waits until those that there are have ended and their
 * functions were called, for ms at most, then lets go of the pool.  Both are
 * about what this handle has been given.  EINVAL: it is not closed.  ETIMEDOUT:
 * it can be joined again.  EDEADLK, ECANCELED.
 */
PRONG_API int prong_pool_close(struct prong_pool *);
PRONG_API int prong_pool_join(struct prong_pool *, int64_t ms);

/* ------------------------------------------------------------------------
 * Running a server.  prongd is written on these calls.
 */

/* A new server with the default settings.  ENOMEM. */
PRONG_API struct prong_server *prong_server_new(void);
PRONG_API void prong_server_free(struct prong_server *);

/*
 * Makes a handler known by its name.  It must outlive the server.  EINVAL: made
 * for another interface.  EEXIST: there is one of this name.  ENOMEM.
 */
PRONG_API int prong_server_handler(struct prong_server *,
    const struct prong_handler *);

/*
 * Sets a setting to a value written as in prongd.conf(5); those in a section
 * are named "log.target".  A setting that is a list is added to.
 * ENOENT: no such setting.  EINVAL: not a value for it.
 */
PRONG_API int prong_server_set(struct prong_server *, const char *key,
    const char *value);

/* Adds a service.  EEXIST: there is one of this name.  EINVAL: bad name. */
PRONG_API struct prong_service *prong_server_add(struct prong_server *,
    const char *name);
/* A setting of a service, or an option of its handler with the next call. */
PRONG_API int prong_service_set(struct prong_service *, const char *key,
    const char *value);
PRONG_API int prong_service_option(struct prong_service *, const char *name,
    const char *value);

/*
 * Adds a section: of a shared object, an "array" or a "dict", or one that a
 * handler's option of that name refers to.  EEXIST: there is one of this title.
 * EINVAL: bad title.  ENOENT: no such sections.
 */
PRONG_API struct prong_section *prong_server_section(struct prong_server *,
    const char *name, const char *title);
PRONG_API struct prong_section *prong_section_add(struct prong_section *,
    const char *name, const char *title);
PRONG_API int prong_section_set(struct prong_section *, const char *name,
    const char *value);

/*
 * The settings of one scope with their defaults and a line of help each; the
 * table ends with a .key of NULL.  From PRONG_ARRAY on these are sections of
 * shared objects; their names, "array" and so on, end with NULL.
 */
enum prong_scope {
	PRONG_SERVER, PRONG_SERVICE, PRONG_ARRAY, PRONG_DICT, PRONG_EVENT,
	PRONG_TASK_POOL,
};
struct prong_setting {
	const char *key;		/* "workers", "log.target" */
	const char *value;		/* the default, "" for an empty list */
	bool list;			/* may be given more than once */
	const char *help;
};
PRONG_API const struct prong_setting *prong_settings(enum prong_scope);
PRONG_API const char *prong_scope_name(enum prong_scope);

/*
 * A problem that prong_server_check() found: of the object that the earlier
 * calls returned (a service, a section, or NULL for the server), of its
 * setting key or NULL.
 */
typedef void prong_problem_fn(const void *object, const char *key,
    const char *text, void *arg);

/*
 * Checks everything that a start would, and changes nothing: handlers and
 * their options, addresses, and whether they can be bound.  Returns the
 * number of problems; *environment is how many of them are not of the
 * configuration's own making (a port in use, a missing right).
 */
PRONG_API int prong_server_check(struct prong_server *, prong_problem_fn *,
    void *arg, int *environment);

/*
 * The same for what a start only warns of in the log: settings that have no
 * effect beside others.  Returns how many there are.
 */
PRONG_API int prong_server_warnings(struct prong_server *, prong_problem_fn *,
    void *arg);

/* Prints every setting of the server in the syntax of prongd.conf(5). */
PRONG_API char *prong_server_dump(struct prong_server *);

/*
 * Whether nobody but root and the user of this process can change a file,
 * itself or by its folders: for what a program has its settings from.  EPERM:
 * others can, and the text says how and what to do.
 */
PRONG_API int prong_file_check(const char *path);

/*
 * Has the lines of the log given to fn instead of log.target, in the process
 * that writes each: as they are, without time, level and newline.  Not for two
 * threads at once, and what fn itself logs is dropped.  NULL: to the target.
 */
typedef void prong_log_fn(enum prong_level, const char *line, void *arg);
PRONG_API void prong_server_log(struct prong_server *, prong_log_fn *,
    void *arg);

/*
 * Whether prong_server_run() takes signals, as it does unless it is told not
 * to: false leaves their dispositions and their mask, SIGCHLD included, to the
 * program, which calls prong_server_stop().
 */
PRONG_API void prong_server_signals(struct prong_server *, bool take);

/*
 * How a reload makes the server anew: fn is called in a process of its own,
 * which ends afterwards, and returns one as prong_server_new() made it, with
 * all that it is to have; or NULL.  What it writes to standard error, or
 * prong_set_error(), is why not, and is told to who has asked for the reload.
 * Without fn there is none.
 */
typedef struct prong_server *prong_load_fn(void *arg);
PRONG_API void prong_server_load(struct prong_server *, prong_load_fn *,
    void *arg);

/*
 * How the program was started, for an upgrade: it runs the file that is there
 * then, with these arguments, which end with NULL, in that folder (NULL: the
 * one we are in).  Copies them.  -1 with ENOMEM.
 */
PRONG_API int prong_server_program(struct prong_server *, char *const *argv,
    const char *folder);
/*
 * Whether this process was started by an upgrade: who started it waits for its
 * server, so it has to stay in the foreground.  To be asked once, before all
 * else.
 */
PRONG_API bool prong_server_follows(void);

/*
 * Binds, forks, serves, and returns when the server has stopped: 0, or -1
 * when it could not start or failed.  ready, which may be NULL, is called
 * once when every worker is ready to serve.
 */
PRONG_API int prong_server_run(struct prong_server *,
    void (*ready)(void *), void *arg);

/*
 * Stops the server that runs in this process: after its connections have ended,
 * as by SIGTERM, or fast, as by SIGINT.  May be called from a signal handler
 * and from any thread.
 */
PRONG_API int prong_server_stop(struct prong_server *, bool fast);

/*
 * Serves in this process and in that loop, without other processes: returns
 * when the server listens, and stopped is called from the loop when it has
 * ended.  Dispatch is inline or coroutine.  EBUSY: this process serves already.
 * ENOTSUP: another dispatch, a dict that is saved.  Else as prong_server_run().
 */
PRONG_API int prong_loop_serve(struct prong_loop *, struct prong_server *,
    void (*stopped)(void *), void *arg);

/*
 * The short way.  Serves until a signal ends it: logs to standard error, has no
 * pidfile and no control socket.  The arguments are services, the last one is
 * NULL.  0, or -1 when it could not start or failed, which it logs.
 */
enum prong_dispatch {
	PRONG_INLINE,
	PRONG_COROUTINE,
	PRONG_THREAD,
	PRONG_POOL,
	PRONG_FORK,
};

struct prong_service_config {
	size_t size;			/* sizeof(struct prong_service_config) */
	const char *listen;		/* "127.0.0.1:7007" */
	const struct prong_handler *handler;
	enum prong_dispatch dispatch;
	const char *name;		/* NULL: the handler's */
	/* Further ones as "key", "value", ..., NULL, or NULL. */
	const char *const *settings;
	const char *const *options;	/* of the handler */
};

/* PRONG_SERVICE(echo, .listen = "127.0.0.1:7007", .handler = &echo_handler); */
#define PRONG_SERVICE(ident, ...)					\
	const struct prong_service_config ident = {			\
		.size = sizeof(struct prong_service_config), __VA_ARGS__ \
	}

PRONG_API int prong_serve(const struct prong_service_config *, ...);

/* ------------------------------------------------------------------------
 * Testing a handler: a service in the process of a test, its connections of
 * byte strings.  Every call does all that there is to do before it returns,
 * and time stands still between them.  From one thread, and from no handler.
 */
struct prong_harness;
struct prong_client;

/* How a connection has ended. */
enum prong_end {
	PRONG_OPEN,			/* it has not */
	PRONG_END_CLIENT,		/* these four as they are counted */
	PRONG_END_SERVER,
	PRONG_END_TIMEOUT,
	PRONG_END_ERROR,
	PRONG_END_ABORT,		/* by prong_abort() */
	PRONG_END_REFUSED,		/* by access or limits */
};

/*
 * Runs a handler's init, with settings of its service and its options as
 * "key", "value", ..., NULL; each may be NULL.  dispatch is inline, or
 * coroutine for one that only converses.  What init refuses, and what is wrong
 * with a setting or an option, is an error with its text.
 */
PRONG_API struct prong_harness *prong_harness_new(const struct prong_handler *,
    const char *const *settings, const char *const *options);
/* The same for a service of prong_server_add(), with all of its server's. */
PRONG_API struct prong_harness *prong_harness_serve(struct prong_service *);
/* Ends what is open, runs the handler's exit. */
PRONG_API void prong_harness_free(struct prong_harness *);

PRONG_API struct prong_service *prong_harness_service(
    const struct prong_harness *);
/* A counter by its name, built in or the handler's.  -1: ENOENT. */
PRONG_API int64_t prong_harness_counter(const struct prong_harness *,
    const char *name);
/* The last text that a worker would have logged of a connection, or "". */
PRONG_API const char *prong_harness_report(const struct prong_harness *);

/*
 * Lets ms milliseconds go by, from one timer to the next.  The calls that turn
 * the loop fail with ELOOP when a handler does not come to rest, with ENOMEM.
 */
PRONG_API int prong_harness_advance(struct prong_harness *, int64_t ms);
/* The process is about to stop: .draining. */
PRONG_API int prong_harness_drain(struct prong_harness *);

/* A client comes.  It lives as long as the harness. */
PRONG_API struct prong_client *prong_harness_connect(struct prong_harness *);
/* It sends bytes, which come with one read if they can.  EPIPE: closed. */
PRONG_API int prong_client_feed(struct prong_client *, const void *data,
    size_t length);
/* The end of its input. */
PRONG_API int prong_client_finish(struct prong_client *);
PRONG_API int prong_client_reset(struct prong_client *);
/* How much it reads ahead of prong_client_output(): 1 MiB at first. */
PRONG_API int prong_client_window(struct prong_client *, size_t);
/*
 * What it has got since the last such call; a NUL follows.  Valid until the
 * next one for the same client.  length may be NULL.
 */
PRONG_API const char *prong_client_output(struct prong_client *,
    size_t *length);
PRONG_API enum prong_end prong_client_end(const struct prong_client *);
/* Its connection; NULL when that has ended. */
PRONG_API struct prong_conn *prong_client_conn(const struct prong_client *);

PRONG_API const char *prong_version(void);

/*
 * Lets the server's processes show in ps(1) what they are.  To be called first
 * in main(): titles take the place of the arguments and the environment.
 */
PRONG_API void prong_title_init(int argc, char **argv, char **envp);

/*
 * Has a server of this program, with a master, tell the service manager that
 * has started it how it does, and take the listening sockets that it is given.
 * What the environment says for that (NOTIFY_SOCKET, WATCHDOG_USEC, LISTEN_FDS
 * and others) is taken out of it; so before any fork, thread and descriptor.
 * EINVAL: it says what cannot be.  EMFILE.  ENOMEM.
 */
PRONG_API int prong_manager_init(void);

#ifdef __cplusplus
}
#endif

#endif
