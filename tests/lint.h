/* SPDX-License-Identifier: ISC */
/*
 * For cppcheck, before every source: it knows the names of sys/queue.h, but
 * not that these are loops.
 */
#define TAILQ_FOREACH(var, head, field)					\
	for ((var) = (head)->tqh_first; (var); (var) = (var)->field.tqe_next)
#define LIST_FOREACH(var, head, field)					\
	for ((var) = (head)->lh_first; (var); (var) = (var)->field.le_next)
