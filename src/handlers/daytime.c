/* SPDX-License-Identifier: ISC */
/*
 * daytime (RFC 867): sends the time of day as a line and closes.  The line has
 * the first of the forms that the RFC shows, always in UTC and in English
 * whatever the locale:
 *
 *	Monday, February 22, 1982 17:37:43-UTC
 */
#include "handlers/builtin.h"

#include <errno.h>
#include <time.h>

static const char *const daytime_days[] = {
	"Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday",
	"Saturday"
};

static const char *const daytime_months[] = {
	"January", "February", "March", "April", "May", "June", "July",
	"August", "September", "October", "November", "December"
};

static int
daytime_opened(struct prong_conn *c)
{
	time_t now = time(NULL);
	struct tm tm;
	int result;

	if (gmtime_r(&now, &tm) == NULL)
		return prong_set_error(errno, "the clock is out of range");
	result = prong_sendf(c, "%s, %s %02d, %d %02d:%02d:%02d-UTC\r\n",
	    daytime_days[tm.tm_wday], daytime_months[tm.tm_mon], tm.tm_mday,
	    tm.tm_year + 1900, tm.tm_hour, tm.tm_min, tm.tm_sec);
	prong_close(c);
	return result;
}

PRONG_HANDLER(daytime,
	.summary = "sends the date and time in UTC as a line, then closes "
	    "(RFC 867)",
	.flags = PRONG_THREAD_SAFE,
	.framings = PRONG_RAW | PRONG_LINE,
	.opened = daytime_opened,
);
