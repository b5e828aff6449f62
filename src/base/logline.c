/* SPDX-License-Identifier: ISC */
/*
 * Lines of a log: their two forms, and the encoding of what others can put
 * into them.
 */
#include "base/logline.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

void
logline_start(struct logline *l, bool json)
{
	l->length = 0;
	l->text[0] = '\0';
	l->json = json;
}

/* Values are cut before they come here, so there is always room. */
static void
logline_add(struct logline *l, const char *text, size_t length)
{
	assert(length < sizeof(l->text) - l->length);
	memcpy(l->text + l->length, text, length);
	l->length += length;
	l->text[l->length] = '\0';
}

static void
logline_add_string(struct logline *l, const char *text)
{
	logline_add(l, text, strlen(text));
}

/* What goes between the values before and the next, and its key. */
static void
logline_key(struct logline *l, const char *key)
{
	if (l->json) {
		logline_add_string(l, l->length == 0 ? "{\"" : ",\"");
		logline_add_string(l, key);
		logline_add_string(l, "\":");
	} else {
		if (l->length > 0)
			logline_add_string(l, " ");
		logline_add_string(l, key);
		logline_add_string(l, "=");
	}
}

/* The letters that follow a backslash, in the order of the bytes. */
static const char logline_bytes[] = "\a\b\t\n\v\f\r ";
static const char logline_letters[] = "abtnvfrs";

/* One byte in the way of vis(3), which would allocate. */
static void
logline_encode(struct logline *l, unsigned char byte)
{
	char octal[8];
	const char *p = strchr(logline_bytes, byte);

	logline_add(l, "\\\\", l->json ? 2 : 1);
	if (p != NULL)
		logline_add(l, &logline_letters[p - logline_bytes], 1);
	else if (byte == '\\')
		logline_add(l, "\\\\", l->json ? 2 : 1);
	else {
		snprintf(octal, sizeof(octal), "%03o", byte);
		logline_add_string(l, octal);
	}
}

/* Adds at most max bytes of text; those in also are encoded besides. */
static void
logline_text(struct logline *l, const char *text, size_t max, const char *also)
{
	const char *end = text + strnlen(text, max);

	for (; text < end; text++) {
		if (*text < ' ' || *text > '~' || strchr(also, *text) != NULL)
			logline_encode(l, (unsigned char)*text);
		else {
			if (l->json && (*text == '"' || *text == '\\'))
				logline_add(l, "\\", 1);
			logline_add(l, text, 1);
		}
	}
}

void
logline_time(struct logline *l)
{
	char when[48];
	struct timespec ts;
	struct tm tm;
	size_t n;

	clock_gettime(CLOCK_REALTIME, &ts);
	gmtime_r(&ts.tv_sec, &tm);
	n = strftime(when, sizeof(when), "%Y-%m-%dT%H:%M:%S", &tm);
	snprintf(when + n, sizeof(when) - n, ".%03ldZ", ts.tv_nsec / 1000000);
	if (l->json)
		logline_word(l, "time", when);
	else
		logline_add_string(l, when);
}

void
logline_word(struct logline *l, const char *key, const char *value)
{
	logline_key(l, key);
	if (l->json)
		logline_add(l, "\"", 1);
	logline_text(l, value, LOGLINE_WORD_MAX, " \"\\");
	if (l->json)
		logline_add(l, "\"", 1);
}

void
logline_number(struct logline *l, const char *key, uint64_t number)
{
	char digits[24];

	snprintf(digits, sizeof(digits), "%llu", (unsigned long long)number);
	logline_key(l, key);
	logline_add_string(l, digits);
}

void
logline_seconds(struct logline *l, const char *key, uint64_t ms)
{
	char digits[32];

	/* Not %f: its decimal point is the locale's. */
	snprintf(digits, sizeof(digits), "%llu.%03u",
	    (unsigned long long)(ms / 1000), (unsigned int)(ms % 1000));
	logline_key(l, key);
	logline_add_string(l, digits);
}

void
logline_message(struct logline *l, const char *message)
{
	if (l->json) {
		logline_key(l, "message");
		logline_add(l, "\"", 1);
	}
	logline_text(l, message, LOGLINE_MESSAGE_MAX, "");
	if (l->json)
		logline_add(l, "\"", 1);
}

void
logline_print(struct logline *l, const char *fmt, ...)
{
	char text[LOGLINE_WORD_MAX];
	va_list ap;

	if (l->json)
		return;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	logline_add_string(l, text);
}

void
logline_end(struct logline *l)
{
	logline_add_string(l, l->json ? "}\n" : "\n");
}
