/* SPDX-License-Identifier: ISC */
/*
 * qotd (RFC 865): sends the quote of the day and closes.  The day is UTC's, so
 * every worker gives the same quote.  The quotes are a few proverbs, or those
 * of a file as fortune(6) has them: separated by lines with a single "%".
 */
#include "handlers/builtin.h"

#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define QOTD_MAX	511		/* RFC 865: less than 512 */
#define QOTD_FILE_MAX	(1024 * 1024)
#define QOTD_DAY	86400

struct qotd_quote {
	const char *text;
	size_t length;
};

/* The quotes of a service's file; its data, NULL for the proverbs. */
struct qotd {
	char *text;			/* all quotes one after the other */
	size_t length;
	struct qotd_quote *quotes;
	size_t count;
	size_t left_out;		/* quotes that were too long */
};

static const char *const qotd_proverbs[] = {
	"A stitch in time saves nine.\r\n",
	"Many hands make light work.\r\n",
	"Look before you leap.\r\n",
	"A chain is only as strong as its weakest link.\r\n",
	"Rome was not built in a day.\r\n",
	"Do not put all your eggs in one basket.\r\n",
	"Practice makes perfect.\r\n",
	"Still waters run deep.\r\n",
	"Make hay while the sun shines.\r\n",
	"Better late than never.\r\n",
	"The early bird catches the worm.\r\n",
};

#define QOTD_PROVERBS	(sizeof(qotd_proverbs) / sizeof(qotd_proverbs[0]))

static const struct prong_option qotd_options[] = {
	{ .name = "file", .type = PRONG_STRING,
	  .help = "quotes separated by lines with a single %" },
	{ .name = NULL }
};

/* Opens a file that can be read to its end, so neither a device nor a pipe. */
static int
qotd_open(const char *path)
{
	struct stat st;
	int fd;

	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd == -1)
		return prong_set_error(errno, "option file: %s: %s", path,
		    strerror(errno));
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode))
		return fd;
	close(fd);
	return prong_set_error(EINVAL, "option file: %s: not a regular file",
	    path);
}

/* Reads a whole file; the length, or -1.  *data is to be freed. */
static ssize_t
qotd_read(const char *path, char **data)
{
	size_t length = 0;
	ssize_t n;
	int fd;

	if ((fd = qotd_open(path)) == -1)
		return -1;
	if ((*data = malloc(QOTD_FILE_MAX + 1)) == NULL) {
		close(fd);
		return prong_set_error(ENOMEM, "no memory");
	}
	while ((n = read(fd, *data + length, QOTD_FILE_MAX + 1 - length)) > 0)
		length += (size_t)n;
	if (n == -1)
		prong_set_error(errno, "option file: %s: %s", path,
		    strerror(errno));
	close(fd);
	if (n == 0 && length > QOTD_FILE_MAX)
		n = prong_set_error(EFBIG, "option file: %s: larger than 1 MB",
		    path);
	if (n == 0 && memchr(*data, '\0', length) != NULL)
		n = prong_set_error(EINVAL, "option file: %s: not a text file",
		    path);
	if (n == 0)
		return (ssize_t)length;
	free(*data);
	return -1;
}

/* Ends the quote that began at start, and keeps it if it can be sent. */
static void
qotd_end_quote(struct qotd *q, size_t start)
{
	size_t length = q->length - start;

	if (length > 0 && length <= QOTD_MAX) {
		q->quotes[q->count].text = q->text + start;
		q->quotes[q->count++].length = length;
		return;
	}
	q->left_out += length > 0;
	q->length = start;
}

/* Cuts the text of a file into quotes, with "\r\n" at the end of each line. */
static int
qotd_cut(struct qotd *q, const char *data, size_t len)
{
	const char *p, *end, *stop = data + len;
	size_t n, start = 0;

	/* A line at most doubles; a quote takes three bytes, but the last. */
	q->text = malloc(2 * len + 2);
	q->quotes = calloc(len / 2 + 1, sizeof(*q->quotes));
	if (q->text == NULL || q->quotes == NULL)
		return prong_set_error(ENOMEM, "no memory");
	for (p = data; p < stop; p = end + 1) {
		if ((end = memchr(p, '\n', (size_t)(stop - p))) == NULL)
			end = stop;
		n = (size_t)(end - p);
		n -= n > 0 && p[n - 1] == '\r';
		if (n == 1 && *p == '%') {
			qotd_end_quote(q, start);
			start = q->length;
			continue;
		}
		memcpy(q->text + q->length, p, n);
		memcpy(q->text + q->length + n, "\r\n", 2);
		q->length += n + 2;
	}
	qotd_end_quote(q, start);
	return 0;
}

static void
qotd_free(struct qotd *q)
{
	if (q == NULL)
		return;
	free(q->text);
	free(q->quotes);
	free(q);
}

static int
qotd_load(struct qotd *q, const char *path)
{
	ssize_t length;
	char *data;
	int result;

	if ((length = qotd_read(path, &data)) == -1)
		return -1;
	result = qotd_cut(q, data, (size_t)length);
	free(data);
	if (result == 0 && q->count == 0)
		return prong_set_error(EINVAL, "option file: %s: no quote of "
		    "1 to %d bytes", path, QOTD_MAX);
	if (q->left_out > 0)
		prong_log(PRONG_WARNING, "qotd: %s: left out, as longer "
		    "than %d bytes: %zu quote%s", path, QOTD_MAX, q->left_out,
		    q->left_out == 1 ? "" : "s");
	return result;
}

static int
qotd_init(struct prong_service *s)
{
	const char *path = prong_option_string(s, "file");
	struct qotd *q;

	if (path == NULL)
		return 0;
	if ((q = calloc(1, sizeof(*q))) == NULL)
		return prong_set_error(ENOMEM, "no memory");
	if (qotd_load(q, path) == -1) {
		qotd_free(q);
		return -1;
	}
	prong_service_set_data(s, q);
	return 0;
}

static void
qotd_exit(struct prong_service *s)
{
	qotd_free(prong_service_data(s));
	prong_service_set_data(s, NULL);
}

static int
qotd_opened(struct prong_conn *c)
{
	const struct qotd *q = prong_service_data(prong_conn_service(c));
	size_t day = (size_t)(time(NULL) / QOTD_DAY);
	const char *proverb = qotd_proverbs[day % QOTD_PROVERBS];
	int result;

	if (q != NULL)
		result = prong_send(c, q->quotes[day % q->count].text,
		    q->quotes[day % q->count].length);
	else
		result = prong_send(c, proverb, strlen(proverb));
	prong_close(c);
	return result;
}

PRONG_HANDLER(qotd,
	.summary = "sends the quote of the day, then closes (RFC 865)",
	.flags = PRONG_THREAD_SAFE,
	.options = qotd_options,
	.framings = PRONG_RAW | PRONG_LINE,
	.init = qotd_init,
	.exit = qotd_exit,
	.opened = qotd_opened,
);
