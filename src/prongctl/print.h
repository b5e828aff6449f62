/* SPDX-License-Identifier: ISC */
#ifndef PRONGCTL_PRINT_H
#define PRONGCTL_PRINT_H

#include <jansson.h>
#include <stddef.h>

/*
 * The results of commands for people, on standard output.  What is missing
 * from a result, or of another type than it should be, shows as "-".
 * -1: no memory, error_text() says so.
 */
int print_status(const json_t *result);
int print_workers(const json_t *result);
int print_services(const json_t *result);
int print_conns(const json_t *result);
int print_counters(const json_t *result);
int print_reopened(const json_t *result);
int print_reload(const json_t *result);

/* Of drains: print_drain.c. */
int print_drained(const json_t *result);
/* What is still open, in a line with its end; nothing where none is. */
int print_drain_note(const json_t *row, const char *name);
/* "draining echo: 3 connections, the oldest 2m 5s; 26s left" */
void print_drain_progress(const json_t *status, const void *service,
    char *buf, size_t size);

/* Of shared objects: print_objects.c. */
int print_arrays(const json_t *result);
int print_array(const json_t *result);
int print_dicts(const json_t *result);
int print_dict(const json_t *result);
int print_value(const json_t *result);
int print_key_set(const json_t *result);
int print_key_deleted(const json_t *result);
int print_events_table(const json_t *result);
int print_pools(const json_t *result);
int print_pool(const json_t *result);

/* Of a status, what wants somebody's attention: print_notes.c. */
int print_notes(const json_t *status);

/* A line in which {key} stands for that member of the result. */
int print_text(const char *text, const json_t *result);
/* The same without its end. */
int print_begin(const char *text, const json_t *result);

/* The result as it came, indented. */
int print_json(const json_t *result);

/* On standard error: "worker 1 ", or "forker ", and the text for each that is waited for. */
void print_waiting(const json_t *result, const char *text);

/*
 * One line without newline that says what keeps a server from stopping:
 * "waiting for 3 connections: echo 2, chargen 1".
 */
void print_progress(const json_t *status, const void *, char *buf,
    size_t size);

#endif
