/* SPDX-License-Identifier: ISC */
/*
 * prongctl/sheet, view and trend: which rows and columns there are, in which
 * order, and that lines fit.
 */
#include "prongctl/sheet.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "prongctl/pieces.h"
#include "prongctl/trend.h"
#include "unit.h"

static json_t *
a_service(const char *name, int i, int n)
{
	return json_pack("{s:s, s:i, s:b, s:{s:i, s:i, s:i, s:i, s:i, s:i},"
	    "s:{s:i}}", "name", name, "active", i, "paused", i == 3,
	    "counters", "accepted", i * n, "refused_acl", n,
	    "refused_rate", n, "messages", i * 1000 * n, "bytes_in",
	    i * 2048 * n, "closed_error", 0, "own", "tricks", i * n);
}

/* A server with count services after n seconds. */
static json_t *
a_status(int count, int n)
{
	json_t *services = json_array();
	char name[32];
	int i;

	for (i = 0; i < count; i++) {
		snprintf(name, sizeof(name), "service-%c%d",
		    'z' - i % 26, i);
		json_array_append_new(services, a_service(name, i, n));
	}
	return json_pack("{s:s, s:i, s:f, s:i, s:s, s:[{s:i, s:i, s:s, s:s,"
	    "s:i}], s:o, s:{s:i, s:i}}", "version", "0.1.0", "pid", 77,
	    "uptime", 1000.0 + n, "generation", 3, "state", "running",
	    "workers", "slot", 0, "pid", 78, "role", "worker", "state",
	    "ready", "loops", 10 * n, "services", services,
	    "totals", "accepted", n, "active", 5);
}

/* The same seen at 1 s and at 3 s, with the rates. */
static json_t *
seen(int count, struct trend *trend)
{
	json_t *first = a_status(count, 1), *then = a_status(count, 3);
	bool other;

	ck_assert_int_eq(trend_note(trend, first, NULL, 1, RATES_SPANS,
	    &other), 0);
	ck_assert(!other);
	ck_assert_int_eq(trend_note(trend, then, NULL, 3, RATES_SPANS,
	    &other), 0);
	ck_assert(!other);
	json_decref(first);
	return then;
}

static struct sheet
made(json_t *status, enum view_id view, int sort, bool reverse, bool zeros)
{
	const struct view_data data = { .status = status };
	const struct sheet_choice choice = { .sort = sort,
	    .reverse = reverse, .hide_zeros = zeros };
	struct sheet s;

	ck_assert_int_eq(sheet_make(&s, &data, &view_table[view], &choice),
	    0);
	return s;
}

static void
assert_name(const struct sheet *s, size_t row, const char *name)
{
	char *is = sheet_name(s, row);

	ck_assert_str_eq(is, name);
	free(is);
}

static int
column(enum view_id view, const char *title)
{
	int i = 0;

	while (strcmp(view_table[view].columns[i].title, title) != 0)
		i++;
	return i;
}

START_TEST(test_sheet_rates)
{
	struct trend trend;
	json_t *status;
	struct sheet s;
	char line[SHEET_LINE];

	trend_init(&trend);
	status = seen(3, &trend);
	s = made(status, VIEW_SERVICES, 0, false, false);
	ck_assert_uint_eq(s.count, 3);
	ck_assert_str_eq(sheet_heading(&s, line), "SERVICE    ACTIVE ACC/s "
	    "MSG/s  IN/s REF/s ERR/s STATE   ACCEPTED MESSAGES");
	ck_assert_str_eq(sheet_line(&s, s.rows[2].json, line),
	    "service-x2      2     2 2.00k 4.00K     2     0 serving"
	    "        6     6000");
	ck_assert_str_eq(sheet_line(&s, s.sum, line),
	    "(all)           5     1     -     -     -     - -"
	    "              3        -");
	sheet_free(&s);
	s = made(status, VIEW_WORKERS, 0, false, false);
	ck_assert_str_eq(sheet_heading(&s, line), "SLOT PID ROLE   STATE "
	    "LOOP/s");
	ck_assert_str_eq(sheet_line(&s, s.rows[0].json, line),
	    "   0  78 worker ready     10");
	sheet_free(&s);
	json_decref(status);
	trend_fini(&trend);
}
END_TEST

START_TEST(test_sheet_order)
{
	struct trend trend;
	json_t *status;
	struct sheet s;
	int i;

	trend_init(&trend);
	status = seen(64, &trend);
	/* As the server has them, not by name. */
	s = made(status, VIEW_SERVICES, 0, false, false);
	assert_name(&s, 0, "service-z0");
	assert_name(&s, 63, "service-o63");
	sheet_free(&s);
	s = made(status, VIEW_SERVICES, 0, true, false);
	assert_name(&s, 0, "service-o63");
	sheet_free(&s);
	/* The busiest first. */
	i = column(VIEW_SERVICES, "MSG/s");
	s = made(status, VIEW_SERVICES, i, false, false);
	assert_name(&s, 0, "service-o63");
	ck_assert_int_eq(sheet_find(&s, "service-z0"), 63);
	ck_assert_int_eq(sheet_find(&s, "no such service"), -1);
	sheet_free(&s);
	s = made(status, VIEW_SERVICES, i, true, false);
	assert_name(&s, 0, "service-z0");
	sheet_free(&s);
	/* One does nothing but refuse. */
	s = made(status, VIEW_SERVICES, i, false, true);
	ck_assert_uint_eq(s.count, 64);
	sheet_free(&s);
	s = made(status, VIEW_COUNTERS, 0, false, false);
	assert_name(&s, 0, "accepted");
	assert_name(&s, 2, "tricks service-z0");
	ck_assert_uint_eq(s.count, 66);
	sheet_free(&s);
	s = made(status, VIEW_COUNTERS, 0, false, true);
	ck_assert_uint_eq(s.count, 65);
	ck_assert_uint_eq(s.hidden, 1);
	sheet_free(&s);
	json_decref(status);
	trend_fini(&trend);
}
END_TEST

/* Numbers and titles of a line: none is cut. */
static void
assert_whole(const char *line, const char *widest)
{
	char copy[SHEET_LINE], *word, *last = NULL, *all;

	strlcpy(copy, line, sizeof(copy));
	for (word = strtok_r(copy, " ", &last); word != NULL;
	    word = strtok_r(NULL, " ", &last)) {
		if (word[strlen(word) - 1] == '~')
			continue;
		all = strstr(widest, word);
		ck_assert_msg(all != NULL, "%s is not in %s", word, widest);
	}
}

/* A row with all its columns, its amounts exact and in short. */
static char *
all_of(struct sheet *s, const json_t *row)
{
	char *both = malloc(2 * SHEET_LINE), line[SHEET_LINE];
	bool exact = s->exact;

	ck_assert_ptr_nonnull(both);
	s->exact = true;
	strlcpy(both, sheet_line(s, row, line), 2 * SHEET_LINE);
	s->exact = false;
	strlcat(both, sheet_line(s, row, line), 2 * SHEET_LINE);
	s->exact = exact;
	return both;
}

static void
assert_fits(json_t *status, enum view_id view)
{
	struct sheet s = made(status, view, 0, false, false);
	char line[SHEET_LINE], **all = calloc(s.count, sizeof(*all));
	size_t i;
	int width;

	ck_assert_ptr_nonnull(all);
	for (i = 0; i < s.count; i++)
		all[i] = all_of(&s, s.rows[i].json);
	for (width = 120; width >= 8; width--) {
		sheet_fit(&s, width);
		ck_assert_uint_le(strlen(sheet_heading(&s, line)),
		    (size_t)width);
		for (i = 0; i < s.count; i++) {
			sheet_line(&s, s.rows[i].json, line);
			ck_assert_uint_le(strlen(line), (size_t)width);
			assert_whole(line, all[i]);
		}
	}
	for (i = 0; i < s.count; i++)
		free(all[i]);
	free(all);
	sheet_free(&s);
}

START_TEST(test_sheet_fits)
{
	struct trend trend;
	json_t *status;

	trend_init(&trend);
	status = seen(20, &trend);
	assert_fits(status, VIEW_SERVICES);
	assert_fits(status, VIEW_WORKERS);
	assert_fits(status, VIEW_COUNTERS);
	json_decref(status);
	trend_fini(&trend);
}
END_TEST

START_TEST(test_sheet_other_server)
{
	struct trend trend;
	json_t *old = a_status(1, 100), *new = a_status(1, 200);
	json_t *up = a_status(1, 300), *rates;
	bool other;

	trend_init(&trend);
	ck_assert_int_eq(trend_note(&trend, old, NULL, 5000, 1, &other), 0);
	ck_assert(!other);
	/* An upgrade: the pid is new, and all else goes on. */
	json_object_set_new(new, "pid", json_integer(99));
	ck_assert_int_eq(trend_note(&trend, new, NULL, 5100, 1, &other), 0);
	ck_assert(!other);
	rates = json_object_get(new, "rates");
	ck_assert_double_eq_tol(json_number_value(json_object_get(rates,
	    "accepted")), 1, 1e-6);
	/* One that has just begun, though it has counted more already. */
	json_object_set_new(up, "uptime", json_real(3));
	ck_assert_int_eq(trend_note(&trend, up, NULL, 5105, 1, &other), 0);
	ck_assert(other);
	rates = json_object_get(up, "rates");
	ck_assert(json_is_null(json_object_get(rates, "accepted")));
	/* And one that has been up for longer, since nobody looked. */
	json_object_set_new(old, "pid", json_integer(4711));
	json_object_set_new(old, "uptime", json_real(100));
	ck_assert_int_eq(trend_note(&trend, old, NULL, 5300, 1, &other), 0);
	ck_assert(other);
	json_decref(old);
	json_decref(new);
	json_decref(up);
	trend_fini(&trend);
}
END_TEST

/* What is no status is shown as unknown. */
START_TEST(test_sheet_nonsense)
{
	static const char *const texts[] = {
		"{}", "{\"services\": 7, \"workers\": {}, \"totals\": []}",
		"{\"services\": [7, {}, {\"name\": 1, \"counters\": 2}],"
		"\"workers\": [null, {\"slot\": \"x\"}], \"totals\": "
		"{\"accepted\": \"many\", \"active\": -1e300}}",
	};
	struct piece head[PIECES_HEAD];
	char line[SHEET_LINE];
	struct trend trend;
	struct sheet s;
	json_t *status;
	bool other;
	int i, view;
	size_t row;

	trend_init(&trend);
	for (i = 0; i < UNIT_COUNT(texts); i++) {
		status = json_loads(texts[i], 0, NULL);
		ck_assert_ptr_nonnull(status);
		trend_note(&trend, status, NULL, i, RATES_SPANS, &other);
		pieces_head(status, head);
		pieces_join(head, PIECES_HEAD, 80, line, sizeof(line));
		ck_assert_ptr_nonnull(strstr(line, "pid -"));
		for (view = 0; view < VIEWS; view++) {
			s = made(status, (enum view_id)view, 0, false, false);
			sheet_fit(&s, 40);
			sheet_heading(&s, line);
			for (row = 0; row < s.count; row++)
				sheet_line(&s, s.rows[row].json, line);
			ck_assert_uint_le(strlen(line), 40);
			sheet_free(&s);
		}
		json_decref(status);
	}
	trend_fini(&trend);
}
END_TEST

/* Those that drain are not missed. */
START_TEST(test_sheet_head)
{
	json_t *status = json_loads("{\"version\": \"1\", \"pid\": 2,"
	    "\"uptime\": 61, \"generation\": 3, \"state\": \"running\","
	    "\"workers\": [{\"role\": \"worker\", \"state\": \"ready\"},"
	    "{\"role\": \"worker\", \"state\": \"dead\"},"
	    "{\"role\": \"worker\", \"state\": \"draining\"},"
	    "{\"role\": \"pool\", \"state\": \"ready\"}]}", 0, NULL);
	struct piece head[PIECES_HEAD];
	char buf[128];

	ck_assert_ptr_nonnull(status);
	pieces_head(status, head);
	ck_assert_str_eq(pieces_join(head, PIECES_HEAD, 0, buf, sizeof(buf)),
	    "prong 1  pid 2  up 1m 1s  generation 3  workers 1/2  running");
	ck_assert_str_eq(pieces_join(head, PIECES_HEAD, 40, buf, sizeof(buf)),
	    "pid 2 up 1m 1s gen 3 workers 1/2 running");
	ck_assert_str_eq(pieces_join(head, PIECES_HEAD, 20, buf, sizeof(buf)),
	    "pid 2 running");
	json_decref(status);
}
END_TEST

START_TEST(test_sheet_pieces)
{
	static const struct piece p[] = {
		{ "one one", "one", 2 }, { "", "", 0 }, { "two two", "", 0 },
		{ "three three", "three", 1 },
	};
	char buf[64];

	ck_assert_str_eq(pieces_join(p, 4, 0, buf, sizeof(buf)),
	    "one one two two three three");
	ck_assert_str_eq(pieces_join(p, 4, 27, buf, sizeof(buf)),
	    "one one two two three three");
	ck_assert_str_eq(pieces_join(p, 4, 26, buf, sizeof(buf)),
	    "one two two three");
	ck_assert_str_eq(pieces_join(p, 4, 16, buf, sizeof(buf)),
	    "two two three");
	ck_assert_str_eq(pieces_join(p, 4, 12, buf, sizeof(buf)), "two two");
	ck_assert_str_eq(pieces_join(p, 4, 5, buf, sizeof(buf)), "two t");
}
END_TEST

int
main(void)
{
	TCase *tc;
	Suite *s = unit_suite("sheet", &tc);

	tcase_add_test(tc, test_sheet_rates);
	tcase_add_test(tc, test_sheet_order);
	tcase_add_test(tc, test_sheet_fits);
	tcase_add_test(tc, test_sheet_other_server);
	tcase_add_test(tc, test_sheet_nonsense);
	tcase_add_test(tc, test_sheet_head);
	tcase_add_test(tc, test_sheet_pieces);
	return unit_run(s);
}
