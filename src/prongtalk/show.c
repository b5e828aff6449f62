/* SPDX-License-Identifier: ISC */
/*
 * What the server says, on standard output.
 *
 * A hostile server could otherwise type, rename or recolour the user's
 * terminal with a few escape bytes.
 */
#include "prongtalk/show.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <vis.h>
#include <wchar.h>
#include <wctype.h>

#include "base/error.h"
#include "base/escape.h"

void
show_init(struct show *s)
{
	memset(s, 0, sizeof(*s));
	s->visible = isatty(STDOUT_FILENO) == 1;
}

const char *
show_byte(char buf[SHOW_BYTE], unsigned char byte)
{
	/* vis() takes 0xd0 for a letter; alone it is half of one. */
	if (byte >= 0x80)
		snprintf(buf, SHOW_BYTE, "\\%03o", byte);
	else
		vis(buf, byte, VIS_NOSLASH | VIS_NL | VIS_TAB, 0);
	return buf;
}

const char *
show_text(char *buf, size_t size, const char *data, size_t len)
{
	char one[SHOW_BYTE];
	size_t i;

	buf[0] = '\0';
	for (i = 0; i < len && strlen(buf) + SHOW_BYTE < size; i++)
		strlcat(buf, show_byte(one, (unsigned char)data[i]), size);
	return buf;
}

/* Takes n bytes of the tail: printed as they are, or made visible. */
static void
show_take(struct show *s, size_t n, bool as_is)
{
	char one[SHOW_BYTE];
	size_t i;

	if (as_is)
		fwrite(s->tail, 1, n, stdout);
	else
		for (i = 0; i < n; i++)
			fputs(show_byte(one, (unsigned char)s->tail[i]),
			    stdout);
	s->tail_length -= n;
	memmove(s->tail, s->tail + n, s->tail_length);
}

static bool
show_is_harmless(wchar_t c)
{
	return c == L'\n' || c == L'\t' ||
	    (iswprint((wint_t)c) && !escape_is_steering((uint32_t)c));
}

/* Prints the characters in the tail; one that is not whole yet stays. */
static void
show_tail(struct show *s)
{
	mbstate_t state;
	wchar_t wide;
	size_t n;

	while (s->tail_length > 0) {
		if (s->tail[0] == '\r') {
			/* "\r\n" is how many servers write a newline. */
			if (s->tail_length == 1)
				return;
			if (s->tail[1] == '\n')
				s->tail[0] = '\n', s->tail_length = 1;
			else
				show_take(s, 1, false);
			continue;
		}
		memset(&state, 0, sizeof(state));
		n = mbrtowc(&wide, s->tail, s->tail_length, &state);
		if (n == (size_t)-2)
			return;
		if (n == (size_t)-1)
			show_take(s, 1, false);
		else
			show_take(s, n == 0 ? 1 : n, show_is_harmless(wide));
	}
}

int
show_piece(struct show *s, const char *data, size_t len, bool ends)
{
	size_t i;

	if (s->visible)
		for (i = 0; i < len; i++) {
			s->tail[s->tail_length++] = data[i];
			show_tail(s);
		}
	else if (len > 0)
		fwrite(data, 1, len, stdout);
	if (len > 0)
		s->last = data[len - 1];
	if (ends) {
		show_take(s, s->tail_length, false);
		if (s->last != '\n')
			putchar('\n');
		s->last = '\0';
	}
	if (fflush(stdout) == EOF || ferror(stdout))
		return error_errno("standard output");
	return 0;
}
