/* SPDX-License-Identifier: ISC */
/*
 * How wide, and whether in colour.
 */
#include "prongctl/terminal.h"

#include <sys/ioctl.h>

#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int
terminal_width(int fd)
{
	struct winsize window;

	return ioctl(fd, TIOCGWINSZ, &window) == 0 ? window.ws_col : 0;
}

bool
terminal_has_colour(int fd)
{
	static const char *const without[] = { "", "dumb", "vt52", "vt100",
	    "vt102", "vt220" };
	const char *no = getenv("NO_COLOR"), *type = getenv("TERM");
	size_t i;

	if ((no != NULL && *no != '\0') || type == NULL || !isatty(fd))
		return false;
	for (i = 0; i < sizeof(without) / sizeof(without[0]); i++)
		if (strcmp(type, without[i]) == 0)
			return false;
	return true;
}
