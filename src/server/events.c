/* SPDX-License-Identifier: ISC */
/*
 * The events of the configuration.
 */
#include "server/server.h"
#include "shm/event.h"

static const struct prong_option events_members[] = {
	{ "set", PRONG_BOOL, "false", NULL, NULL,
	    "whether it is set at the start" },
	{ .name = NULL }
};

static void *
events_make(const struct prong_section *section, bool reserve)
{
	return event_new(section->title, prong_section_bool(section, "set"));
}

static void
events_free(void *event)
{
	event_free(event);
}

/* Whether it is set at the start says nothing of later. */
static int
events_keep(const struct prong_section *section,
    const struct prong_section *before)
{
	return 0;
}

static int
events_descriptor(const void *event)
{
	return ((const struct prong_event *)event)->bell;
}

static size_t
events_descriptors(const void *event, int fds[OBJECT_DESCRIPTORS])
{
	fds[0] = ((const struct prong_event *)event)->segment.fd;
	fds[1] = ((const struct prong_event *)event)->bell;
	return 2;
}

static void *
events_adopt(const struct prong_section *section, const int *fds)
{
	return event_adopt(section->title, fds[0], fds[1]);
}

const struct object_kind object_event = {
	.name = "event",
	.members = events_members,
	.make = events_make,
	.free = events_free,
	.descriptor = events_descriptor,
	.keep = events_keep,
	.descriptors = events_descriptors,
	.adopt = events_adopt,
	.layout = EVENT_LAYOUT,
};

struct prong_event *
prong_event_open(struct prong_service *service, const char *name)
{
	return objects_find(service->server, PRONG_EVENT, name);
}
