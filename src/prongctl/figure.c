/* SPDX-License-Identifier: ISC */
/*
 * Three digits that count, and a unit.
 */
#include "prongctl/figure.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* As many decimals as leave three digits; of a small number, two decimals. */
static int
figure_decimals(double x)
{
	return x < 9.995 ? 2 : x < 99.95 ? 1 : 0;
}

static const char *
figure_format(double x, double base, const char *units, char buf[FIGURE_MAX])
{
	int decimals;

	if (!(x >= 0) || isinf(x)) {
		strlcpy(buf, "-", FIGURE_MAX);
		return buf;
	}
	/* Below the first unit there are whole numbers as well. */
	if (x == floor(x) && x < base) {
		snprintf(buf, FIGURE_MAX, "%.0f", x);
		return buf;
	}
	/* What is rounded up to the base is of the next unit. */
	for (; x >= base - 0.5 && units[1] != '\0'; x /= base)
		units++;
	decimals = figure_decimals(x);
	/* Beyond all units it is longer than anything that there can be. */
	if (x >= 9999.5)
		x = 9999;
	if (*units == ' ')
		snprintf(buf, FIGURE_MAX, "%.*f", decimals, x);
	else
		snprintf(buf, FIGURE_MAX, "%.*f%c", decimals, x, *units);
	return buf;
}

const char *
figure_count(double x, char buf[FIGURE_MAX])
{
	return figure_format(x, 1000, " kMGTPE", buf);
}

const char *
figure_bytes(double x, char buf[FIGURE_MAX])
{
	return figure_format(x, 1024, " KMGTPE", buf);
}
