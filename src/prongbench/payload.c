/* SPDX-License-Identifier: ISC */
/*
 * The rings of requests and of expected replies.
 *
 * The bytes of message k are pseudo-random and depend on k alone.  A reply
 * that is another message, a shifted or a missing one is seen at its first
 * bytes; one connection's messages come round again only after more of them
 * than can be in flight.
 */
#include "prongbench/payload.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "net/frame.h"

/* A ring about this large stays in a core's second cache. */
#define PAYLOAD_RING_BYTES	(512 << 10)
#define PAYLOAD_RING_MESSAGES	4093

static uint64_t
payload_random(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state * 0x9e3779b97f4a7c15ULL >> 8;
}

static void
payload_fill(char *bytes, size_t size, uint64_t number)
{
	uint64_t state = (number + 1) * 0xd1342543de82ef95ULL;
	size_t i;

	for (i = 0; i < size; i++)
		bytes[i] = (char)payload_random(&state);
}

/* A line cannot hold its own end. */
static void
payload_make_line(char *bytes, size_t size)
{
	size_t i;

	for (i = 0; i < size; i++)
		if (bytes[i] == '\n' || bytes[i] == '\r')
			bytes[i] = (char)(bytes[i] + 'a');
}

static void
payload_transform(char *bytes, size_t size, enum payload_transform transform)
{
	char first = transform == PAYLOAD_UPPER ? 'a' : 'A';
	size_t i;

	if (transform == PAYLOAD_NONE)
		return;
	for (i = 0; i < size; i++)
		if (bytes[i] >= first && bytes[i] < first + 26)
			bytes[i] ^= 'a' ^ 'A';
}

/* The message that stands at number in the ring, prefix included. */
static void
payload_message(const struct payload_options *o, bool reply, uint64_t number,
    char *bytes)
{
	size_t prefix = reply ? strlen(o->prefix) : 0;

	/* The prefix itself is sent as it is, whatever the transform. */
	memcpy(bytes, o->prefix, prefix);
	payload_fill(bytes + prefix, o->size, number);
	if (o->framing == PRONG_LINE)
		payload_make_line(bytes + prefix, o->size);
	if (reply)
		payload_transform(bytes + prefix, o->size, o->transform);
}

static int
payload_ring_init(struct payload_ring *ring, const struct payload_options *o,
    bool reply, size_t messages)
{
	size_t i, size = o->size + (reply ? strlen(o->prefix) : 0);
	struct frame_wrap wrap;
	char *message, *p;

	if ((message = malloc(size)) == NULL)
		return error_errno("a message of %zu bytes", size);
	for (i = 0, p = NULL; i < messages + o->depth; i++) {
		payload_message(o, reply, i % messages, message);
		if (frame_wrap(o->framing, message, size, 0, &wrap) == -1)
			goto fail;
		if (p == NULL) {
			ring->frame = wrap.header_length + size +
			    wrap.trailer_length;
			ring->size = messages * ring->frame;
			p = reallocarray(NULL, messages + o->depth,
			    ring->frame);
			if ((ring->bytes = p) == NULL) {
				error_errno("%zu messages of %zu bytes",
				    messages + o->depth, size);
				goto fail;
			}
		}
		p = mempcpy(p, wrap.header, wrap.header_length);
		p = mempcpy(p, message, size);
		p = mempcpy(p, wrap.trailer, wrap.trailer_length);
	}
	free(message);
	return 0;
fail:
	free(message);
	return -1;
}

int
payload_init(struct payload *p, const struct payload_options *o)
{
	size_t messages = PAYLOAD_RING_BYTES / o->size;

	memset(p, 0, sizeof(*p));
	if (messages > PAYLOAD_RING_MESSAGES)
		messages = PAYLOAD_RING_MESSAGES;
	if (messages < o->depth + 2)
		messages = o->depth + 2;
	p->messages = messages;
	if (payload_ring_init(&p->request, o, false, messages) == -1)
		return -1;
	if (*o->prefix == '\0' && o->transform == PAYLOAD_NONE) {
		p->reply = p->request;
		return 0;
	}
	return payload_ring_init(&p->reply, o, true, messages);
}

void
payload_fini(struct payload *p)
{
	if (p->reply.bytes != p->request.bytes)
		free(p->reply.bytes);
	free(p->request.bytes);
	memset(p, 0, sizeof(*p));
}
