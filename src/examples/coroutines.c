/* SPDX-License-Identifier: ISC */
/*
 * Coroutines switched by hand: two functions that take turns, each where it
 * left off.  Prints
 *
 *	12
 *	56
 *	34
 *	78
 *
 *	cc -o coroutines coroutines.c `pkg-config --cflags --libs prong`
 */
#include <prong.h>

#include <err.h>
#include <stdio.h>

static struct prong_co *one, *two;

static void
say_12_34(void *arg)
{
	puts("12");
	prong_co_switch(two);
	puts("34");
	prong_co_switch(two);
	puts("nobody comes back here");
}

static void
say_56_78(void *arg)
{
	puts("56");
	prong_co_switch(one);
	puts("78");
	/* At its end, whoever created it goes on. */
}

int
main(void)
{
	one = prong_co_create(say_12_34, NULL);
	two = prong_co_create(say_56_78, NULL);
	if (one == NULL || two == NULL)
		errx(1, "%s", prong_error());
	prong_co_switch(one);
	/* One still stands in its midst: that is no obstacle. */
	prong_co_free(one);
	prong_co_free(two);
	return 0;
}
