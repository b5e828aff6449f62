/* SPDX-License-Identifier: ISC */
/*
 * What stands below the tables of status: what wants somebody's attention.
 */
#include <stdio.h>

#include "prongctl/cell.h"
#include "prongctl/cell_process.h"
#include "prongctl/print.h"

/* Of workers, and of the processes of a pool, there are several. */
static const char *
print_worker_name(const json_t *row)
{
	if (json_is_string(json_object_get(row, "pool")))
		return "{role} {pool}, slot {slot}: ";
	return cell_process_is_worker(row) ? "{role} {slot}: " : "{role}: ";
}

/* "; next start in 12 s", "; started again 3.0s ago"; up: of the server */
static void
print_next_start(const json_t *worker, const json_t *up)
{
	const json_t *restart = json_object_get(worker, "restart_in");
	const json_t *started = json_object_get(worker, "started");
	double left = json_number_value(restart);
	long long seconds;
	char text[CELL_SHORT];
	json_t *ago;

	if (json_is_number(restart) && left >= 0 && left < 1e12) {
		seconds = (long long)left;
		printf("; next start in %lld s", seconds +
		    ((double)seconds < left));
	}
	if (cell_process_is_dead(worker) || !json_is_number(started) ||
	    !json_is_number(up))
		return;
	ago = json_real(json_number_value(up) - json_number_value(started));
	printf("; started again %s ago", cell_format_duration(ago, text));
	json_decref(ago);
}

/*
 * "worker 1: was killed by SIGABRT, 6 times in a row; next start in 12 s",
 * or when it was started, if it has been.
 */
static int
print_worker_note(const json_t *worker, const json_t *up)
{
	const json_t *death = json_object_get(worker, "death");
	long long failures;

	failures = json_integer_value(json_object_get(worker, "failures"));
	if (failures <= 0 && !cell_process_is_dead(worker))
		return 0;
	if (print_begin(print_worker_name(worker), worker) == -1 ||
	    print_begin(json_is_string(death) ? "{death}" : "died",
	    worker) == -1)
		return -1;
	if (failures > 1)
		printf(", %lld times in a row", failures);
	print_next_start(worker, up);
	putchar('\n');
	return 0;
}

/* A paused service's clients wait in the queue of the kernel. */
static int
print_paused_note(const json_t *service)
{
	if (print_begin("service {name}: paused", service) == -1)
		return -1;
	if (cell_process_waiting(service) > 0)
		printf(", %" JSON_INTEGER_FORMAT " waiting",
		    cell_process_waiting(service));
	return print_text("; goes on with \"prongctl resume {name}\"",
	    service);
}

/* "service work: pool 10/10 busy, 37 waiting" */
static int
print_crowd_note(const json_t *service)
{
	json_int_t threads = cell_amount(service, "threads");
	json_int_t children = cell_amount(service, "children");

	/* Elsewhere those in the queue wait for nothing but an instant. */
	if (cell_process_waiting(service) == 0 || (threads == 0 &&
	    children == 0 && cell_amount(service, "waiting") == 0))
		return 0;
	if (print_begin("service {name}: {dispatch} ", service) == -1)
		return -1;
	if (threads > 0)
		printf("%" JSON_INTEGER_FORMAT "/%" JSON_INTEGER_FORMAT,
		    cell_amount(service, "threads_busy"), threads);
	else
		printf("%" JSON_INTEGER_FORMAT, children);
	printf(" busy, %" JSON_INTEGER_FORMAT " waiting\n",
	    cell_process_waiting(service));
	return 0;
}

static int
print_service_note(const json_t *service)
{
	if (print_drain_note(service, "service {name}: ") == -1)
		return -1;
	return json_is_true(json_object_get(service, "paused")) ?
	    print_paused_note(service) : print_crowd_note(service);
}

/* Below the tables: what wants somebody's attention. */
int
print_notes(const json_t *status)
{
	json_t *services = json_object_get(status, "services");
	json_t *workers = json_object_get(status, "workers"), *row;
	size_t i;

	if (print_drain_note(json_object_get(status, "before"),
	    "process {pid}, the server before: ") == -1)
		return -1;
	json_array_foreach(services, i, row)
		if (print_service_note(row) == -1)
			return -1;
	json_array_foreach(workers, i, row)
		if (print_drain_note(row, print_worker_name(row)) == -1 ||
		    print_worker_note(row, json_object_get(status,
		    "uptime")) == -1)
			return -1;
	return 0;
}
