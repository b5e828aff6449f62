/* SPDX-License-Identifier: ISC */
#ifndef PRONGTALK_TALK_H
#define PRONGTALK_TALK_H

#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "net/frame.h"
#include "prongtalk/bytes.h"

/* What the command line asks for. */
struct talk_options {
	const char *address;
	enum prong_framing framing;
	int64_t timeout;	/* milliseconds; 0: none */
	int64_t pause;		/* the same: ends an unfinished raw reply */
	size_t max;		/* the longest message to receive */
	bool bare;		/* raw: lines go without their newline */
	bool crlf;		/* raw, line: lines end in "\r\n" */
	bool greeting;		/* the server speaks first */
	bool no_reply;		/* do not wait for replies */
	bool quiet;		/* say nothing but errors */
};

/*
 * The conversation with the server: lines go in, messages come out, and
 * nothing but talk_wait() waits.
 */
struct talk {
	const struct talk_options *options;
	int fd;
	struct bytes in, out;
	struct frame frame;	/* of the message at the start of .in */
	int64_t received;	/* when the last bytes came */
	int64_t written;	/* when the last bytes went */
	int error;		/* errno of the connection's failure */
	bool ended;		/* nothing more will come */
	bool shut;		/* nothing more can be sent */
	bool lost;		/* not all that was queued could be sent */
	bool finishing;		/* half-close when all is sent */
	bool drained;		/* raw: all that was there has been read */
	bool open;		/* raw: the message has not ended yet */
};

/* Connects; -1 with error_text(). */
int talk_open(struct talk *, const struct talk_options *);
void talk_close(struct talk *);

/* Queues a line, framed; sends what the kernel takes at once. */
int talk_send(struct talk *, const char *line, size_t len);
/* Half-closes after what is queued. */
void talk_finish(struct talk *);
/* Bytes that wait to be sent. */
size_t talk_queued(const struct talk *);

enum talk_result {
	TALK_MESSAGE,
	TALK_MORE,		/* not all here yet */
	TALK_END,		/* in order; error_text() says "closed" */
	TALK_FAILED,		/* error_text() says why */
};

struct talk_message {
	const char *data;	/* valid until the next wait */
	size_t length;
	bool ends;		/* raw only: false when more may follow */
};

enum talk_result talk_next(struct talk *, struct talk_message *);

/* Declares that the message whose end is open has ended. */
void talk_end_message(struct talk *);

/*
 * Waits until something has happened on the connection, which is then read
 * and written, or on one of the other descriptors (at most TALK_OTHERS; their
 * .revents are set), or the clock has reached the deadline (-1: none).
 */
#define TALK_OTHERS	2
void talk_wait(struct talk *, struct pollfd *others, size_t count,
    int64_t deadline);

/* Milliseconds of a clock that is never set back. */
int64_t talk_now(void);

/* The earlier of two deadlines. */
int64_t talk_earlier(int64_t, int64_t);

/*
 * When silence ends the message whose end is open (-1: none is), and when it
 * has lasted so long that the server is given up (-1: never).
 */
int64_t talk_pause(const struct talk *);
int64_t talk_silence(const struct talk *);

#endif
