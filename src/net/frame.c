/* SPDX-License-Identifier: ISC */
/*
 * The framings: where a message ends, and how one is wrapped.
 */
#include "net/frame.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"

static enum frame_result
frame_next_raw(const char *buf, size_t len, size_t max, struct frame *f)
{
	if (len == 0)
		return FRAME_MORE;
	f->start = 0;
	f->length = f->size = len;
	return FRAME_WHOLE;
}

static enum frame_result
frame_next_line(const char *buf, size_t len, size_t max, struct frame *f)
{
	const char *newline;

	if (len == 0)
		return FRAME_MORE;
	newline = memchr(buf + f->seen, '\n', len - f->seen);
	if (newline == NULL) {
		f->seen = len;
		/* One byte of grace for the "\r" that may be the last. */
		return len > max + 1 ? FRAME_OVERSIZE : FRAME_MORE;
	}
	f->start = 0;
	f->size = (size_t)(newline - buf) + 1;
	f->length = f->size - 1;
	f->crlf = f->length > 0 && buf[f->length - 1] == '\r';
	if (f->crlf)
		f->length--;
	return f->length > max ? FRAME_OVERSIZE : FRAME_WHOLE;
}

/* At most ten digits, no leading zero but for "0:" itself. */
static enum frame_result
frame_next_netstring(const char *buf, size_t len, size_t max, struct frame *f)
{
	uint64_t n = 0;
	size_t i;

	for (i = 0; i < len && buf[i] != ':'; i++) {
		if (buf[i] < '0' || buf[i] > '9' || i == 10 ||
		    (i == 1 && buf[0] == '0'))
			return FRAME_MALFORMED;
		n = n * 10 + (uint64_t)(buf[i] - '0');
		/* At once, so that it does not matter where reads cut it. */
		if (n > max)
			return FRAME_OVERSIZE;
	}
	if (i == 0 && len > 0)
		return FRAME_MALFORMED;
	if (i == len)
		return FRAME_MORE;
	f->start = i + 1;
	f->length = n;
	f->size = f->wanted = i + 1 + n + 1;
	if (len < f->size)
		return FRAME_MORE;
	return buf[f->size - 1] == ',' ? FRAME_WHOLE : FRAME_MALFORMED;
}

static enum frame_result
frame_next_length32(const char *buf, size_t len, size_t max, struct frame *f)
{
	const unsigned char *u = (const unsigned char *)buf;
	uint32_t n;

	if (len < 4)
		return FRAME_MORE;
	n = (uint32_t)u[0] << 24 | (uint32_t)u[1] << 16 | (uint32_t)u[2] << 8 |
	    u[3];
	if (n > max)
		return FRAME_OVERSIZE;
	f->start = 4;
	f->length = n;
	f->size = f->wanted = 4 + (size_t)n;
	return len < f->size ? FRAME_MORE : FRAME_WHOLE;
}

enum frame_result
frame_next(enum prong_framing framing, const char *buf, size_t len, size_t max,
    struct frame *f)
{
	switch (framing) {
	case PRONG_RAW:
		return frame_next_raw(buf, len, max, f);
	case PRONG_LINE:
		return frame_next_line(buf, len, max, f);
	case PRONG_NETSTRING:
		return frame_next_netstring(buf, len, max, f);
	case PRONG_LENGTH32:
		return frame_next_length32(buf, len, max, f);
	case PRONG_OWN:
		break;
	}
	return FRAME_MALFORMED;
}

enum frame_result
frame_next_own(frame_fn *fn, const char *buf, size_t len, size_t max,
    struct frame *f)
{
	ssize_t n = len == 0 ? 0 : fn(buf, len, &f->state);

	/* It cannot have found what is not there. */
	if (n < 0 || (size_t)n > len)
		return FRAME_MALFORMED;
	if ((n == 0 ? len : (size_t)n) > max)
		return FRAME_OVERSIZE;
	f->start = 0;
	f->length = f->size = (size_t)n;
	return n == 0 ? FRAME_MORE : FRAME_WHOLE;
}

int
frame_wrap(enum prong_framing framing, const char *data, size_t len, int crlf,
    struct frame_wrap *w)
{
	w->header_length = w->trailer_length = 0;
	w->trailer = "";
	switch (framing) {
	case PRONG_RAW:
	case PRONG_OWN:
		break;
	case PRONG_LINE:
		if (len > 0 && data[len - 1] == '\n')
			break;
		w->trailer = crlf ? "\r\n" : "\n";
		w->trailer_length = crlf ? 2 : 1;
		break;
	case PRONG_NETSTRING:
		if (len > 9999999999)
			return error_set(EMSGSIZE, "%zu bytes do not fit into "
			    "a netstring", len);
		w->header_length = (size_t)snprintf(w->header,
		    sizeof(w->header), "%zu:", len);
		w->trailer = ",";
		w->trailer_length = 1;
		break;
	case PRONG_LENGTH32:
		if (len > UINT32_MAX)
			return error_set(EMSGSIZE, "%zu bytes do not fit into "
			    "a 32-bit length", len);
		w->header[0] = (char)(len >> 24);
		w->header[1] = (char)(len >> 16);
		w->header[2] = (char)(len >> 8);
		w->header[3] = (char)len;
		w->header_length = 4;
		break;
	}
	return 0;
}

static const struct {
	enum prong_framing framing;
	const char *name;
} frame_names[] = {
	{ PRONG_RAW, "raw" },
	{ PRONG_LINE, "line" },
	{ PRONG_NETSTRING, "netstring" },
	{ PRONG_LENGTH32, "length32" },
	{ PRONG_OWN, "own" },
};

enum prong_framing
frame_by_name(const char *name)
{
	size_t i;

	for (i = 0; i < sizeof(frame_names) / sizeof(frame_names[0]); i++)
		if (strcmp(frame_names[i].name, name) == 0)
			return frame_names[i].framing;
	return 0;
}

const char *
frame_name(enum prong_framing framing)
{
	size_t i;

	for (i = 0; i < sizeof(frame_names) / sizeof(frame_names[0]); i++)
		if (frame_names[i].framing == framing)
			return frame_names[i].name;
	return NULL;
}
