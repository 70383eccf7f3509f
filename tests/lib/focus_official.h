/* SPDX-License-Identifier: Apache-2.0 */
/* The official FOCUS 1.2 model of the tests' data, and sheets: small files of which cells are changed to break a rule. */
#ifndef WEIR_TEST_FOCUS_OFFICIAL_H
#define WEIR_TEST_FOCUS_OFFICIAL_H

#include "lib/ds/buf.h"
#include "lib/money/focus_check.h"
#include "tests/lib/focus_fixture.h"
#include "tests/lib/test.h"

/* What a file of network charges alone supports: commitments, reservations, other currencies and types of accounts it does not. */
#define NETWORK_CRITERIA \
	"ACCOUNT_NAMING_SUPPORTED,AVAILABILITY_ZONE_SUPPORTED,MULTIPLE_PRICING_CATEGORIES_SUPPORTED," \
	"NEGOTIATED_PRICING_SUPPORTED,PUBLIC_PRICE_LIST_SUPPORTED,USAGE_MEASUREMENT_SUPPORTED," \
	"UNIT_PRICING_SUPPORTED,SUB_ACCOUNT_SUPPORTED,BILLING_BASED_ON_PROVISIONED_RESOURCES_SUPPORTED," \
	"RESOURCE_TYPE_ASSIGNMENT_SUPPORTED,REGION_SUPPORTED,TAGGING_SUPPORTED"
#define ROWS_MAX 16
#define COLUMNS_MAX 64

struct official {
	struct weir_focus_model *model;
	struct weir_map *currencies;
	struct weir_focus_options options;
};

static inline char *data_path(const char *name)
{
	const char *root = getenv("WEIR_DATA");

	return weir_strf("%s/finops/focus/%s", root ? root : "../shared/data", name);
}

static inline void official_fini(struct official *o)
{
	weir_focus_model_free(o->model);
	weir_map_free(o->currencies, NULL);
}

/* False, and skipped, where the data is not. */
static inline bool official_load(struct test_state *test_st, struct official *o)
{
	weir_auto_free char *model = data_path("model-1.2.json"), *codes = data_path("currency_codes.csv");
	struct weir_err err = {0};
	int r;

	if (access(model, R_OK)) {
		SKIP("no data: set WEIR_DATA");
		return false;
	}
	r = weir_focus_model_load(model, &o->model, &err);
	if (!r)
		r = weir_focus_currencies_load(codes, &o->currencies, &err);
	if (!r)
		r = weir_focus_criteria(o->model, NETWORK_CRITERIA, &o->options.criteria, &err);
	o->options.currencies = o->currencies;
	CHECK(!r, "%s", err.text);
	return !r;
}

/* Failed rules, composites left out, as " ID=rows" in the model's order. */
static inline char *failures(const struct official *o, const struct weir_focus_report *report)
{
	weir_auto_buf struct weir_buf b = {0};

	weir_buf_addf(&b, "%s", "");
	for (size_t i = 0; i < o->model->rule_count; i++)
		if (report->results[i].status == WEIR_FOCUS_FAIL && !report->results[i].composite)
			weir_buf_addf(&b, " %s=%d", o->model->rules[i].id, (int)report->results[i].rows);
	return strdup((const char *)b.data);
}

/* --- the file and its mutations --- */

struct sheet {
	char *cell[ROWS_MAX][COLUMNS_MAX]; /* the first row is the head */
	bool dropped[COLUMNS_MAX];
	size_t rows, columns;
};

static inline void sheet_fini(struct sheet *s)
{
	for (size_t r = 0; r < s->rows; r++)
		for (size_t c = 0; c < s->columns; c++)
			free(s->cell[r][c]);
}

/* The first rows of a file; -E2BIG when there are more. */
static inline int sheet_load(struct sheet *s, const char *path)
{
	weir_auto_csv struct weir_csv *csv = NULL;
	const struct weir_csv_field *f;
	struct weir_err err = {0};
	size_t count;
	int r = weir_csv_open(path, &csv, &err);

	while (!r && (r = weir_csv_next(csv, &f, &count, &err)) == 1) {
		if (s->rows == ROWS_MAX || count > COLUMNS_MAX)
			return -E2BIG;
		for (size_t c = 0; c < count; c++)
			s->cell[s->rows][c] = strdup(f[c].text);
		s->columns = count;
		s->rows++;
		r = 0;
	}
	return r;
}

static inline void sheet_write(const struct sheet *s, struct weir_buf *ret)
{
	for (size_t r = 0; r < s->rows; r++) {
		bool first = true;

		for (size_t c = 0; c < s->columns; c++) {
			if (s->dropped[c])
				continue;
			weir_buf_addf(ret, "%s%s", first ? "" : ",", *s->cell[r][c] ? "\"" : "");
			for (const char *p = s->cell[r][c]; *p; p++)
				weir_buf_addf(ret, *p == '"' ? "\"\"" : "%c", *p);
			weir_buf_addf(ret, "%s", *s->cell[r][c] ? "\"" : "");
			first = false;
		}
		weir_buf_addf(ret, "\n");
	}
}

#define ALL 0	  /* every row of data */
#define DROP (-1) /* the column */

struct edit {
	const char *column;
	int row;	   /* of data, from 1 */
	const char *value; /* "" is null */
};

static inline void apply(struct sheet *s, const struct edit *e)
{
	for (size_t c = 0; c < s->columns; c++) {
		if (strcmp(s->cell[0][c], e->column) != 0)
			continue;
		s->dropped[c] |= e->row == DROP;
		for (size_t r = 1; e->value && r < s->rows; r++) {
			if (e->row != ALL && (size_t)e->row != r)
				continue;
			free(s->cell[r][c]);
			s->cell[r][c] = strdup(e->value);
		}
		return;
	}
	printf("# no column %s\n", e->column);
	abort();
}

/* What a file without an InvoiceId breaks always; *said is without it. */
static const char always[] = " CostAndUsage-D-033-O=1";

static inline void without_always(char *said)
{
	char *at = strstr(said, always);

	if (at)
		memmove(at, at + strlen(always), strlen(at + strlen(always)) + 1);
}

/* Rules that the sheet breaks with the edits. */
static inline char *sheet_breaks(const struct official *o, struct sheet *s, const struct edit *edits, size_t n)
{
	weir_auto_focus_report struct weir_focus_report *report = NULL;
	weir_auto_buf struct weir_buf b = {0};
	struct weir_err err = {0};
	char *said;

	for (size_t i = 0; i < n && edits[i].column; i++)
		apply(s, &edits[i]);
	sheet_write(s, &b);
	if (focus_run(o->model, &o->options, b.data, b.len, &report, &err))
		return strdup(err.text);
	said = failures(o, report);
	without_always(said);
	return said;
}

#endif
