/* SPDX-License-Identifier: ISC */
/*
 * Requests in RESP, found and taken apart where they are.
 *
 * A protocol error is a request too: one that ends where the error shows, so
 * that the handler, who is given it, can say what was wrong.  Finding it and
 * taking it apart go by the same functions, and come to the same end.
 */
#include "handlers/store_resp.h"

#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "handlers/store.h"

/* A header, or an inline request, that goes on without an end. */
#define RESP_LINE_MAX	(64 * 1024)

/*
 * How far a request was looked at, in the word that is kept for it: where the
 * next header begins, and how many bulk strings are to come.  A request has
 * max-message bytes at most, which is 1G at most.
 */
#define RESP_AT_BITS	33
#define RESP_STATE(at, left) \
	((uint64_t)(at) | (uint64_t)(left) << RESP_AT_BITS)
#define RESP_AT(state)		((size_t)((state) & ((1ULL << RESP_AT_BITS) - 1)))
#define RESP_LEFT(state)	((state) >> RESP_AT_BITS)

enum resp_result { RESP_MORE, RESP_FOUND, RESP_WRONG };

/* What can be wrong with a request. */
enum resp_wrong {
	RESP_BIG_INLINE, RESP_BIG_COUNT, RESP_BIG_LENGTH, RESP_BAD_COUNT,
	RESP_BAD_LENGTH, RESP_QUOTES, RESP_NO_DOLLAR,
};

static const char *const resp_texts[] = {
	[RESP_BIG_INLINE] = "too big inline request",
	[RESP_BIG_COUNT] = "too big mbulk count string",
	[RESP_BIG_LENGTH] = "too big bulk count string",
	[RESP_BAD_COUNT] = "invalid multibulk length",
	[RESP_BAD_LENGTH] = "invalid bulk length",
	[RESP_QUOTES] = "unbalanced quotes in request",
};

/* A walk over a request. */
struct resp_walk {
	const char *data;
	size_t length, at;
	enum resp_wrong wrong;
	char got;		/* RESP_NO_DOLLAR: instead of it */
};

/* What is no plain number, or not there yet; w->at moves behind it. */
static enum resp_result
resp_header_slowly(struct resp_walk *w, enum resp_wrong big,
    enum resp_wrong bad, int64_t *n)
{
	const char *begin = w->data + w->at;
	size_t length = w->length - w->at;
	const char *end = memchr(begin, '\r', length);
	struct store_bytes text;

	if (end == NULL && length > RESP_LINE_MAX) {
		w->wrong = big;
		return RESP_WRONG;
	}
	if (end == NULL || (size_t)(end - begin) + 2 > length)
		return RESP_MORE;
	w->at += (size_t)(end - begin) + 2;
	text = (struct store_bytes){ begin + 1, (size_t)(end - begin) - 1 };
	if (end > begin && store_parse_integer(&text, n) && *n <= INT_MAX)
		return RESP_FOUND;
	w->wrong = bad;
	return RESP_WRONG;
}

/*
 * The number of the header at w->at, behind its first byte; w->at moves behind
 * the header.  The usual, a few digits and "\r\n", is read as it is looked for.
 */
static inline enum resp_result
resp_header(struct resp_walk *w, enum resp_wrong big, enum resp_wrong bad,
    int64_t *n)
{
	const char *p = w->data + w->at, *end = w->data + w->length;
	const char *first = p + 1;
	int64_t value = 0;

	for (p = first; p < end && p - first < 9 && *p >= '0' && *p <= '9'; p++)
		value = value * 10 + (*p - '0');
	if (end - p >= 2 && *p == '\r' && p > first &&
	    (*first != '0' || p == first + 1)) {
		w->at = (size_t)(p + 2 - w->data);
		*n = value;
		return RESP_FOUND;
	}
	return resp_header_slowly(w, big, bad, n);
}

static inline enum resp_result
resp_count(struct resp_walk *w, int64_t *count)
{
	return resp_header(w, RESP_BIG_COUNT, RESP_BAD_COUNT, count);
}

/* A bulk string: w->at moves behind it when it is whole. */
static inline enum resp_result
resp_bulk(struct resp_walk *w, struct store_bytes *bytes)
{
	size_t begin = w->at;
	enum resp_result r;
	int64_t length;

	if (begin == w->length)
		return RESP_MORE;
	/* The "\r" of a header may be what stands for the "$". */
	r = w->data[begin] == '$' ?
	    resp_header(w, RESP_BIG_LENGTH, RESP_BAD_LENGTH, &length) :
	    resp_header_slowly(w, RESP_BIG_LENGTH, RESP_BAD_LENGTH, &length);
	if (r == RESP_MORE || (r == RESP_WRONG && w->wrong == RESP_BIG_LENGTH))
		return r;
	/* As with Redis, that is looked at when the whole header is there. */
	if (w->data[begin] != '$') {
		w->wrong = RESP_NO_DOLLAR;
		w->got = w->data[begin];
		return RESP_WRONG;
	}
	if (r == RESP_WRONG || length < 0) {
		w->wrong = RESP_BAD_LENGTH;
		return RESP_WRONG;
	}
	if (w->length - w->at < (size_t)length + 2) {
		w->at = begin;
		return RESP_MORE;
	}
	bytes->data = w->data + w->at;
	bytes->length = (size_t)length;
	w->at += (size_t)length + 2;
	return RESP_FOUND;
}

/* --- finding -------------------------------------------------------------- */

static ssize_t
resp_frame_inline(const char *data, size_t length, uint64_t *state)
{
	size_t seen = RESP_AT(*state);
	const char *end = memchr(data + seen, '\n', length - seen);

	if (end != NULL)
		return end - data + 1;
	*state = RESP_STATE(length, 0);
	return length > RESP_LINE_MAX ? (ssize_t)length : 0;
}

static ssize_t
resp_frame_wrong(const struct resp_walk *w)
{
	return w->wrong == RESP_BIG_COUNT || w->wrong == RESP_BIG_LENGTH ?
	    (ssize_t)w->length : (ssize_t)w->at;
}

ssize_t
store_resp_frame(const void *data, size_t length, uint64_t *state)
{
	struct resp_walk w = { .data = data, .length = length };
	int64_t left = (int64_t)RESP_LEFT(*state);
	struct store_bytes bytes;
	enum resp_result r;

	if (w.data[0] != '*')
		return resp_frame_inline(data, length, state);
	w.at = RESP_AT(*state);
	if (w.at == 0) {
		if ((r = resp_count(&w, &left)) == RESP_MORE)
			return 0;
		if (r == RESP_WRONG)
			return resp_frame_wrong(&w);
	}
	for (; left > 0; left--) {
		if ((r = resp_bulk(&w, &bytes)) == RESP_FOUND)
			continue;
		if (r == RESP_WRONG)
			return resp_frame_wrong(&w);
		*state = RESP_STATE(w.at, left);
		return 0;
	}
	return (ssize_t)w.at;
}

/* --- taking apart --------------------------------------------------------- */

/* Makes room for so many arguments and, behind them, for bytes. */
static int
resp_room(struct store_resp *q, size_t count, size_t bytes)
{
	q->argv = q->few;
	if (count <= STORE_RESP_FEW && bytes == 0)
		return 0;
	if ((q->memory = malloc(count * sizeof(*q->argv) + bytes)) == NULL)
		return prong_set_error(ENOMEM, "no memory for a request");
	q->argv = q->memory;
	return 0;
}

static void
resp_wrong(struct store_resp *q, enum resp_wrong wrong, char got)
{
	q->argc = 0;
	if (wrong != RESP_NO_DOLLAR)
		strlcpy(q->wrong, resp_texts[wrong], sizeof(q->wrong));
	else	/* An answer is one line. */
		snprintf(q->wrong, sizeof(q->wrong), "expected '$', got '%c'",
		    got == '\r' || got == '\n' ? ' ' : got);
}

static int
resp_parse_array(struct store_resp *q, struct resp_walk *w)
{
	enum resp_result r;
	int64_t count;
	size_t i;

	if ((r = resp_count(w, &count)) == RESP_WRONG) {
		resp_wrong(q, w->wrong, 0);
		return 0;
	}
	if (count <= 0)
		return 0;
	/* Each has some bytes, so the number is no promise only. */
	if ((uint64_t)count > w->length)
		count = (int64_t)w->length;
	if (resp_room(q, (size_t)count, 0) == -1)
		return -1;
	for (i = 0; i < (size_t)count; i++)
		if ((r = resp_bulk(w, &q->argv[i])) != RESP_FOUND)
			break;
	if (r == RESP_FOUND)
		q->argc = i;
	else
		resp_wrong(q, w->wrong, w->got);
	return 0;
}

/* A backslash and what follows, within double quotes. */
static const char *
resp_escape(const char *p, const char *end, char *c)
{
	static const char letters[] = "nrtba", meant[] = "\n\r\t\b\a";
	const char *at;
	char hex[3];

	if (end - p >= 4 && p[1] == 'x' && isxdigit((unsigned char)p[2]) &&
	    isxdigit((unsigned char)p[3])) {
		hex[0] = p[2];
		hex[1] = p[3];
		hex[2] = '\0';
		*c = (char)strtoul(hex, NULL, 16);
		return p + 4;
	}
	at = strchr(letters, p[1]);
	*c = p[1] != '\0' && at != NULL ? meant[at - letters] : p[1];
	return p + 2;
}

/* A quoted part of a word: what follows the closing quote, NULL: none. */
static const char *
resp_quoted(const char *p, const char *end, char **to)
{
	char quote = *p++;

	while (p < end && *p != quote) {
		if (quote == '"' && *p == '\\' && end - p >= 2)
			p = resp_escape(p, end, (*to)++);
		else if (quote == '\'' && end - p >= 2 && p[0] == '\\' &&
		    p[1] == '\'') {
			*(*to)++ = '\'';
			p += 2;
		} else
			*(*to)++ = *p++;
	}
	/* The word ends with the quote. */
	if (p >= end || (p + 1 < end && !isspace((unsigned char)p[1])))
		return NULL;
	return p + 1;
}

/* As with Redis: not all that isspace() takes and that may stand between words. */
static bool
resp_ends_word(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* The words of a line, unquoted into bytes at to; false: open quotes. */
static bool
resp_words(struct store_resp *q, const char *p, const char *end, char *to)
{
	for (;;) {
		while (p < end && isspace((unsigned char)*p))
			p++;
		if (p == end)
			return true;
		q->argv[q->argc].data = to;
		while (p < end && !resp_ends_word(*p)) {
			if (*p != '"' && *p != '\'') {
				*to++ = *p++;
				continue;
			}
			if ((p = resp_quoted(p, end, &to)) == NULL)
				return false;
			break;
		}
		q->argv[q->argc].length =
		    (size_t)(to - q->argv[q->argc].data);
		q->argc++;
	}
}

static int
resp_parse_inline(struct store_resp *q, const char *data, size_t length)
{
	const char *end;

	if (data[length - 1] != '\n') {
		resp_wrong(q, RESP_BIG_INLINE, 0);
		return 0;
	}
	/* The line is a text to Redis, which ends at a zero byte too. */
	if ((end = memchr(data, '\0', length)) == NULL)
		end = data + length - 1;
	/* At most every second byte begins a word. */
	if (resp_room(q, length / 2 + 1, length) == -1)
		return -1;
	if (!resp_words(q, data, end, (char *)(q->argv + length / 2 + 1)))
		resp_wrong(q, RESP_QUOTES, 0);
	return 0;
}

int
store_resp_parse(struct store_resp *q, const char *data, size_t length)
{
	struct resp_walk w = { .data = data, .length = length };

	q->argc = 0;
	q->wrong[0] = '\0';
	q->memory = NULL;
	if (data[0] != '*')
		return resp_parse_inline(q, data, length);
	return resp_parse_array(q, &w);
}

void
store_resp_free(struct store_resp *q)
{
	free(q->memory);
	q->memory = NULL;
}
