/* SPDX-License-Identifier: ISC */
/*
 * libFuzzer: the handler store and any bytes that a client may send.  What it
 * must not do, besides what the sanitizers see: find other requests when reads
 * cut the bytes elsewhere, or answer with what is no answer of RESP2.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "handlers/builtin.h"
#include "handlers/store_resp.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

/* Clients live as long as their harness. */
#define FUZZ_CLIENTS	500
#define FUZZ_WINDOW	(1 << 20)

static struct prong_server *server;
static struct prong_harness *h;
static int clients;

static void
must(bool holds, const char *what)
{
	if (holds)
		return;
	fprintf(stderr, "%s: %s\n", what, prong_error());
	abort();
}

static void
fuzz_begin(void)
{
	struct prong_section *d, *a;
	struct prong_service *s;

	must((server = prong_server_new()) != NULL, "server");
	must(prong_server_handler(server, &store_handler) == 0, "handler");
	must((d = prong_server_section(server, "dict", "d")) != NULL &&
	    prong_section_set(d, "memory", "64K") == 0, "dict");
	must((a = prong_server_section(server, "array", "a")) != NULL &&
	    prong_section_set(a, "slots", "3") == 0, "array");
	must((s = prong_server_add(server, "s")) != NULL &&
	    prong_service_set(s, "handler", "store") == 0 &&
	    prong_service_option(s, "dict", "d") == 0, "service");
	must((h = prong_harness_serve(s)) != NULL, "harness");
}

static void
fuzz_end(void)
{
	prong_harness_free(h);
	prong_server_free(server);
	h = NULL;
	clients = 0;
}

/*
 * The first request of some bytes is the same one, or none yet, when only
 * some of them were there before; and where it is one it can be taken apart.
 */
static ssize_t
fuzz_frame(const uint8_t *data, size_t size, size_t cut)
{
	uint64_t whole = 0, parts = 0;
	struct store_resp resp;
	ssize_t n = store_resp_frame(data, size, &whole), first = 0;

	must(n >= 0 && (size_t)n <= size, "a request longer than the bytes");
	if (cut > 0 && cut < size)
		first = store_resp_frame(data, cut, &parts);
	must(first == 0 || first == n, "a request that a cut makes shorter");
	if (first == 0)
		must(store_resp_frame(data, size, &parts) == n,
		    "a request that a cut changes");
	if (n == 0)
		return 0;
	must(store_resp_parse(&resp, (const char *)data, (size_t)n) == 0,
	    "parse");
	must(resp.argc == 0 || resp.wrong[0] == '\0', "both right and wrong");
	store_resp_free(&resp);
	return n;
}

/* What is behind an answer; NULL: it is none, or not whole. */
static const char *
fuzz_answer(const char *p, const char *end)
{
	const char *line = p, *cr = memchr(p, '\r', (size_t)(end - p));
	long long n;

	if (cr == NULL || cr + 1 == end || cr[1] != '\n')
		return NULL;
	p = cr + 2;
	if (*line == '+' || *line == '-')
		return memchr(line, '\n', (size_t)(cr - line)) == NULL ?
		    p : NULL;
	n = strtoll(line + 1, NULL, 10);
	if (*line == ':')
		return p;
	if (*line == '$')
		return n == -1 ? p : n >= 0 && end - p >= n + 2 &&
		    memcmp(p + n, "\r\n", 2) == 0 ? p + n + 2 : NULL;
	if (*line != '*')
		return NULL;
	while (n-- > 0 && p != NULL)
		p = p < end ? fuzz_answer(p, end) : NULL;
	return p;
}

static void
fuzz_answers(struct prong_client *c)
{
	size_t length;
	const char *p = prong_client_output(c, &length);
	const char *end = p + length;

	/* It reads no more than that, and the rest is still to come. */
	if (length >= FUZZ_WINDOW)
		return;
	while (p != NULL && p < end)
		p = fuzz_answer(p, end);
	must(p == end, "an answer that is none");
}

static void
fuzz_serve(const uint8_t *data, size_t size, size_t cut)
{
	struct prong_client *c;

	must((c = prong_harness_connect(h)) != NULL, "client");
	must(prong_client_window(c, FUZZ_WINDOW) == 0, "window");
	if (cut > 0)
		prong_client_feed(c, data, cut);
	if (prong_client_end(c) == PRONG_OPEN && cut < size)
		prong_client_feed(c, data + cut, size - cut);
	fuzz_answers(c);
	prong_client_finish(c);
	must(prong_client_end(c) != PRONG_OPEN, "it does not end");
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char flush[] = "flushall\r\nquit\r\n";
	size_t at = 0, cut, rest;
	ssize_t n;

	if (size == 0)
		return 0;
	if (h == NULL)
		fuzz_begin();
	/* The first byte says where the others are cut. */
	rest = size - 1;
	cut = rest > 0 ? data[0] * rest / 256 : 0;
	data++;
	for (; at < rest; at += (size_t)n)
		if ((n = fuzz_frame(data + at, rest - at,
		    cut > at ? cut - at : 0)) == 0)
			break;
	fuzz_serve((const uint8_t *)flush, sizeof(flush) - 1, 0);
	fuzz_serve(data, rest, cut);
	if ((clients += 2) >= FUZZ_CLIENTS)
		fuzz_end();
	return 0;
}
