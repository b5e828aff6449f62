/* SPDX-License-Identifier: ISC */
/*
 * A line protocol of one's own, as a conversation: it reads and answers as if
 * there were only one client, and serves thousands.  A calculator with a
 * running total:
 *
 *	+ 5	is answered by	5
 *	* 3			15
 *	= 100			100
 *	quit			goodbye after 3 lines
 *
 *	cc -o lines lines.c `pkg-config --cflags --libs prong`
 *	./lines 127.0.0.1:7011
 */
#include <prong.h>

#include <err.h>
#include <errno.h>
#include <inttypes.h>
#include <string.h>

/* Returns what is wrong, or NULL. */
static const char *
calculate(int64_t *total, char operator, int64_t number)
{
	int64_t result = number;
	bool overflow = false;

	switch (operator) {
	case '+':
		overflow = __builtin_add_overflow(*total, number, &result);
		break;
	case '-':
		overflow = __builtin_sub_overflow(*total, number, &result);
		break;
	case '*':
		overflow = __builtin_mul_overflow(*total, number, &result);
		break;
	case '=':
		break;
	default:
		return "an operator is one of + - * =";
	}
	if (overflow)
		return "that is too large";
	*total = result;
	return NULL;
}

static int
answer(struct prong_conn *c, const char *line, int64_t *total)
{
	const char *wrong;
	intmax_t number;
	char *rest;

	errno = 0;
	number = line[0] == '\0' ? 0 : strtoimax(line + 1, &rest, 10);
	if (line[0] == '\0' || rest == line + 1 || *rest != '\0')
		return prong_sendf(c, "error: say, for example, + 5");
	wrong = errno == ERANGE ? "that is too large" :
	    calculate(total, line[0], number);
	if (wrong != NULL)
		return prong_sendf(c, "error: %s", wrong);
	return prong_sendf(c, "%" PRId64, *total);
}

/* From the client's first line to the last. */
static int
lines_converse(struct prong_conn *c)
{
	const void *data;
	unsigned int count = 0;
	int64_t total = 0;
	char line[80];
	size_t length;
	int more;

	if (prong_sendf(c, "hello") == -1)
		return -1;
	while ((more = prong_recv_message(c, &data, &length)) == 1) {
		/* What is received has no '\0' at its end. */
		if (length >= sizeof(line))
			return prong_sendf(c, "error: nobody counts so far");
		memcpy(line, data, length);
		line[length] = '\0';
		if (strcmp(line, "quit") == 0)
			break;
		count++;
		if (answer(c, line, &total) == -1)
			return -1;
	}
	if (more == -1)
		return -1;
	return prong_sendf(c, "goodbye after %u line%s", count,
	    count == 1 ? "" : "s");
}

static PRONG_HANDLER(lines,
	.summary = "calculates",
	.framings = PRONG_LINE,
	.framing = PRONG_LINE,
	.converse = lines_converse,
);

int
main(int argc, char **argv)
{
	PRONG_SERVICE(lines, .listen = argv[1], .handler = &lines_handler,
	    .dispatch = PRONG_COROUTINE);

	if (argc != 2)
		errx(64, "usage: lines ADDRESS:PORT");
	return prong_serve(&lines, NULL) == 0 ? 0 : 1;
}
