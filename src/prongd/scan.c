/* SPDX-License-Identifier: ISC */
/*
 * A look at the characters of a file before libconfuse's scanner gets them.
 *
 * That scanner drops an unquoted "*" and any other character it has no rule
 * for, takes the end of the file for the end of a section or of a string,
 * cuts a string at "\0", replaces an unknown ${X} by nothing, loses count of
 * the lines in comments and allows none in lists.
 */
#include "prongd/scan.h"

#include <stdlib.h>
#include <string.h>

#include "prongd/memory.h"

struct scan {
	char *at;			/* here it reads */
	char *out;			/* and here it has written up to */
	const char *blank;		/* the end of the last blank written */
	struct place place;		/* of at */
	struct problems *problems;
	/* Within "name(...)": what may come next. */
	enum { SCAN_OUTSIDE, SCAN_ARGUMENT, SCAN_COMMA } call;
	int *braces;			/* the lines of the open ones */
	size_t depth;
};

#define scan_fail(s, ...)						\
	(problem_add((s)->problems, (s)->place, __VA_ARGS__), -1)

/* An unquoted word ends before any of these. */
#define SCAN_ENDS_WORD	" \t\r\n#\"'={}()+,*"

/*
 * libconfuse takes time with the square of a value's length; and a longer one
 * has lost its closing quote, most likely.
 */
#define SCAN_VALUE_MAX		65536
#define SCAN_TOO_LONG							\
	"the value that begins here is longer than 64 KiB"

/* A value begins here, or some punctuation stands here. */
static int
scan_token(struct scan *s, char c)
{
	switch (s->call) {
	case SCAN_OUTSIDE:
		if (c == '(')
			s->call = SCAN_ARGUMENT;
		return 0;
	case SCAN_ARGUMENT:
		if (c == 'v') {
			s->call = SCAN_COMMA;
			return 0;
		}
		break;
	case SCAN_COMMA:
		if (c == ',' || c == ')') {
			s->call = c == ',' ? SCAN_ARGUMENT : SCAN_OUTSIDE;
			return 0;
		}
		break;
	}
	return scan_fail(s, "wrong arguments: between ( and ) stand values "
	    "with commas between them");
}

/* White space and comments leave one blank, but every end of a line stays. */
static void
scan_blank(struct scan *s)
{
	if (*s->at == '\n') {
		s->place.line++;
		*s->out++ = '\n';
	} else if (s->blank != s->out) {
		*s->out++ = ' ';
		s->blank = s->out;
	}
	s->at++;
}

static int
scan_line_comment(struct scan *s)
{
	while (*s->at != '\n' && *s->at != '\0')
		s->at++;
	return 0;
}

static int
scan_comment(struct scan *s)
{
	const char *end = strstr(s->at + 2, "*/");

	if (end == NULL)
		return scan_fail(s, "the comment that begins here with /* is "
		    "never closed (a value with * in it must be within "
		    "quotes)");
	for (end += 2; s->at < end;)
		scan_blank(s);
	return 0;
}

/* "${X}" or "${X:-default}"; X must be in the environment. */
static int
scan_variable(struct scan *s)
{
	size_t length = strcspn(s->at + 2, "}\"\n");
	const char *colon;
	char *name;
	int result = 0;

	if (s->at[2 + length] != '}')
		return scan_fail(s, "\"${\" is not closed by \"}\" (write \\$ "
		    "for a plain dollar sign)");
	name = memory_get(length + 1, 1);
	memcpy(name, s->at + 2, length);
	colon = strchr(name, ':');
	if ((colon == NULL || colon[1] != '-') && getenv(name) == NULL)
		result = scan_fail(s, "${%.128s}: there is no such environment "
		    "variable (write \\$ for a plain dollar sign)", name);
	free(name);
	s->at += 2 + length + 1;
	return result;
}

/* A backslash in double quotes. */
static int
scan_escape(struct scan *s)
{
	size_t hex = s->at[1] == 'x', digits, length;
	unsigned long value;
	char number[4];

	digits = hex ? strspn(s->at + 2, "0123456789abcdefABCDEF") :
	    strspn(s->at + 1, "0123456789");
	if (digits == 0 && !hex) {
		s->place.line += s->at[1] == '\n';
		s->at += s->at[1] == '\0' ? 1 : 2;
		return 0;
	}
	length = hex && digits > 2 ? 2 : digits;
	if (length == 0 || length > 3 || (!hex &&
	    strspn(s->at + 1, "01234567") < length))
		return scan_fail(s, "bad escape sequence in a string: write "
		    "\\n, \\t, \\x1b or \\033, and \\\\ for a backslash");
	memcpy(number, s->at + 1 + hex, length);
	number[length] = '\0';
	value = strtoul(number, NULL, hex ? 16 : 8);
	if (value == 0 || value > 0xff)
		return scan_fail(s, "bad escape sequence in a string: \\%s%s "
		    "is not a byte from 1 to 255", hex ? "x" : "", number);
	s->at += 1 + hex + length;
	return 0;
}

/* One character of a string, or one variable or escape sequence. */
static int
scan_string_step(struct scan *s, char quote)
{
	if (quote == '"' && s->at[0] == '$' && s->at[1] == '{')
		return scan_variable(s);
	if (quote == '"' && *s->at == '\\')
		return scan_escape(s);
	if (*s->at == '\\' && s->at[1] != '\0')
		s->at++;
	s->place.line += *s->at == '\n';
	s->at++;
	return 0;
}

static int
scan_string(struct scan *s)
{
	struct place begin = s->place;
	const char *first = s->at;
	char quote = *s->at++;

	while (*s->at != quote) {
		if (*s->at == '\0') {
			s->place = begin;
			return scan_fail(s, "the string that begins here is "
			    "never closed");
		}
		if (scan_string_step(s, quote) == -1)
			return -1;
	}
	s->at++;
	if (s->at - first > SCAN_VALUE_MAX) {
		s->place = begin;
		return scan_fail(s, SCAN_TOO_LONG);
	}
	return 0;
}

static int
scan_brace(struct scan *s)
{
	if (*s->at == '{') {
		s->braces = memory_grow(s->braces, s->depth + 1, sizeof(int));
		s->braces[s->depth++] = s->place.line;
		return 0;
	}
	if (s->depth == 0)
		return scan_fail(s, "this \"}\" closes nothing");
	s->depth--;
	return 0;
}

static int
scan_word(struct scan *s)
{
	size_t length = strcspn(s->at, SCAN_ENDS_WORD), i;

	/* A comment may follow without a blank. */
	if (s->at[length] == '*' && s->at[length - 1] == '/')
		length--;
	for (i = 0; i < length; i++)
		if ((unsigned char)s->at[i] < ' ' || s->at[i] == 0x7f)
			return scan_fail(s, "there is a control character "
			    "(0x%02x) outside a string", s->at[i]);
	if (s->at[length] == '{' && s->at[length - 1] == '$')
		return scan_fail(s, "\"${\" must be within double quotes");
	if (length > SCAN_VALUE_MAX)
		return scan_fail(s, SCAN_TOO_LONG);
	s->at += length;
	return 0;
}

static int
scan_punctuation(struct scan *s)
{
	switch (*s->at) {
	case '*':
		return scan_fail(s, "a value with * in it must be within "
		    "quotes");
	case '+':
		if (s->at[1] != '=')
			return scan_fail(s, "a value with + in it must be "
			    "within quotes");
		s->at++;
		break;
	case '{':
	case '}':
		if (scan_brace(s) == -1)
			return -1;
		break;
	}
	if (scan_token(s, *s->at) == -1)
		return -1;
	s->at++;
	return 0;
}

/* Reads one token and writes it again. */
static int
scan_copy(struct scan *s)
{
	const char *first = s->at;
	int result;

	if (strchr("*+{}=,()", *s->at) != NULL)
		result = scan_punctuation(s);
	else if (scan_token(s, 'v') == -1)
		return -1;
	else if (*s->at == '"' || *s->at == '\'')
		result = scan_string(s);
	else
		result = scan_word(s);
	memmove(s->out, first, (size_t)(s->at - first));
	s->out += s->at - first;
	return result;
}

static int
scan_step(struct scan *s)
{
	if (strchr(" \t\r\n", *s->at) != NULL) {
		scan_blank(s);
		return 0;
	}
	if (*s->at == '#' || strncmp(s->at, "//", 2) == 0)
		return scan_line_comment(s);
	if (strncmp(s->at, "/*", 2) == 0)
		return scan_comment(s);
	return scan_copy(s);
}

static int
scan_end(struct scan *s)
{
	*s->out = '\0';
	if (s->depth == 0)
		return scan_token(s, '\0');
	s->place.line = s->braces[s->depth - 1];
	return scan_fail(s, "the \"{\" of this line is never closed");
}

/* Looks for a NUL byte in the text; the line is the first of it then. */
static int
scan_nul(struct scan *s, size_t length)
{
	const char *p = s->at;

	if (strlen(s->at) == length)
		return 0;
	for (; *p != '\0'; p++)
		s->place.line += *p == '\n';
	return scan_fail(s, "there is a NUL byte");
}

int
scan_text(char *text, size_t *length, struct place place,
    struct problems *problems)
{
	struct scan s = {
		.at = text,
		.out = text,
		.place = place,
		.problems = problems,
	};
	int result;

	s.place.line = 1;
	result = scan_nul(&s, *length);
	/* Editors of other systems put a mark before the first line. */
	if (strncmp(text, "\xef\xbb\xbf", 3) == 0)
		s.at += 3;
	while (result == 0 && *s.at != '\0')
		result = scan_step(&s);
	if (result == 0)
		result = scan_end(&s);
	free(s.braces);
	if (result == -1)
		return -1;
	*length = (size_t)(s.out - text);
	if (*length > 0 && text[*length - 1] == '\n')
		s.place.line--;
	return s.place.line;
}
