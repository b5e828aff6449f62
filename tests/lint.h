/* SPDX-License-Identifier: ISC */
/*
 * For cppcheck, before every source: it knows the names of sys/queue.h and of
 * jansson.h, but not that these are loops.
 */
#define TAILQ_FOREACH(var, head, field)					\
	for ((var) = (head)->tqh_first; (var); (var) = (var)->field.tqe_next)
#define LIST_FOREACH(var, head, field)					\
	for ((var) = (head)->lh_first; (var); (var) = (var)->field.le_next)
#define json_array_foreach(array, index, value)				\
	for ((index) = 0; (index) < json_array_size(array) &&		\
	    ((value) = json_array_get(array, index)) != NULL; (index)++)
#define json_object_foreach(object, key, value)				\
	for ((key) = json_object_iter_key(json_object_iter(object));	\
	    (key) != NULL && ((value) = json_object_get(object, key)) != NULL; \
	    (key) = json_object_iter_key(json_object_iter_next(object,	\
	    json_object_iter_at(object, key))))
