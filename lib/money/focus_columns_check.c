/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <jansson.h>

#include "lib/money/focus_check_impl.h"
#include "lib/money/focus_split_impl.h"

void columns_finding(struct columns_check *c, uint64_t line, const char *column, const char *what)
{
	const struct weir_focus_finding f = {line, column, what};

	if (c->report.findings++ < WEIR_FOCUS_FINDINGS_MAX)
		c->fn(&f, c->arg);
}

static const char *text_of(const struct weir_csv_field *f)
{
	bool null = !f->len || (!f->quoted && (!strcmp(f->text, "NULL") || !strcmp(f->text, "null")));

	return null ? NULL : f->text;
}

const char *columns_cell(const struct columns_check *c, enum weir_focus_col col)
{
	return c->place[col] < 0 ? NULL : text_of(&c->row[c->place[col]]);
}

static enum weir_focus_col column_named(enum weir_focus_version version, const char *name)
{
	enum weir_focus_col i = 0;

	while (i < WEIR_FOCUS_COLS_ALL &&
	       (weir_focus_column(i)->since > version || strcmp(weir_focus_column(i)->name, name) != 0))
		i++;
	return i;
}

static int read_head(struct columns_check *c)
{
	const struct weir_csv_field *f;
	int r = weir_csv_next(c->csv, &f, &c->fields, c->err);

	if (r <= 0)
		return r ? r : weir_err_set(c->err, -EINVAL, "%s: is empty; a line of column names was expected", weir_csv_name(c->csv));
	c->of = calloc(c->fields, sizeof(*c->of));
	if (!c->of)
		return -ENOMEM;
	for (enum weir_focus_col i = 0; i < WEIR_FOCUS_COLS_ALL; i++)
		c->place[i] = -1;
	for (size_t i = 0; i < c->fields; i++) {
		c->of[i] = column_named(c->version, f[i].text);
		if (c->of[i] == WEIR_FOCUS_COLS_ALL && strncmp(f[i].text, "x_", 2) != 0)
			columns_finding(c, 1, f[i].text, "is no column of this version; one of your own begins with x_");
		else if (c->of[i] < WEIR_FOCUS_COLS_ALL && c->place[c->of[i]] >= 0)
			columns_finding(c, 1, f[i].text, "stands twice");
		else if (c->of[i] < WEIR_FOCUS_COLS_ALL)
			c->place[c->of[i]] = (int)i;
	}
	for (enum weir_focus_col i = 0; i < WEIR_FOCUS_COLS; i++)
		if (c->place[i] < 0 && weir_focus_column(i)->mandatory && weir_focus_column(i)->since <= c->version)
			columns_finding(c, 0, weir_focus_column(i)->name, "is mandatory, and is not there");
	return 0;
}

static const char *type_wrong(enum weir_focus_type t, const char *s, size_t len)
{
	switch (t) {
	case WEIR_FOCUS_DECIMAL:
		return focus_is_decimal(s, len) && focus_format_numeric(s, len) ? NULL : "is no decimal";
	case WEIR_FOCUS_DATETIME:
		return focus_format_datetime(s, len) ? NULL : "is no time as 2026-11-01T00:00:00Z";
	case WEIR_FOCUS_JSON: {
		json_t *o = json_loadb(s, len, JSON_REJECT_DUPLICATES, NULL);
		bool good = json_is_object(o);

		json_decref(o);
		return good ? NULL : "is no JSON object";
	}
	default:
		return focus_is_string(s, len) && focus_format_string(s, len) ? NULL : "is no text in UTF-8";
	}
}

static void check_cells(struct columns_check *c)
{
	uint64_t line = weir_csv_line(c->csv);

	for (size_t i = 0; i < c->fields; i++) {
		const struct weir_focus_column *col = c->of[i] < WEIR_FOCUS_COLS_ALL ? weir_focus_column(c->of[i]) : NULL;
		const char *text = text_of(&c->row[i]), *wrong;

		if (!col)
			continue;
		wrong = text ? type_wrong(col->type, text, c->row[i].len) : col->nullable ? NULL : "is null";
		if (wrong)
			columns_finding(c, line, col->name, wrong);
	}
}

static void check_product(struct columns_check *c, enum weir_focus_col price, enum weir_focus_col cost)
{
	const char *text[3] = {columns_cell(c, price), columns_cell(c, WEIR_FOCUS_COL_PRICING_QUANTITY), columns_cell(c, cost)};
	struct weir_decimal d[3];

	for (size_t i = 0; i < 3; i++)
		if (!text[i] || weir_decimal_parse(text[i], strlen(text[i]), &d[i]))
			return;
	if (!weir_decimal_is_product(&d[0], &d[1], &d[2]))
		columns_finding(c, weir_csv_line(c->csv), weir_focus_column(cost)->name, "is not its unit price times PricingQuantity");
}

static int check_row(struct columns_check *c)
{
	const char *class;

	check_cells(c);
	class = columns_cell(c, WEIR_FOCUS_COL_CHARGE_CLASS);
	if (!class || strcmp(class, "Correction") != 0) {
		check_product(c, WEIR_FOCUS_COL_LIST_UNIT_PRICE, WEIR_FOCUS_COL_LIST_COST);
		check_product(c, WEIR_FOCUS_COL_CONTRACTED_UNIT_PRICE, WEIR_FOCUS_COL_CONTRACTED_COST);
	}
	return c->version >= WEIR_FOCUS_1_3 ? split_row(c) : 0;
}

static int check_rows(struct columns_check *c)
{
	size_t count;
	int r = read_head(c);

	while (!r && (r = weir_csv_next(c->csv, &c->row, &count, c->err)) == 1) {
		if (count != c->fields)
			return weir_err_set(c->err, -EINVAL, "%s:%" PRIu64 ": %zu fields, where the head has %zu",
					    weir_csv_name(c->csv), weir_csv_line(c->csv), count, c->fields);
		c->report.rows++;
		r = check_row(c);
	}
	return r;
}

int weir_focus_columns_check(enum weir_focus_version version, struct weir_csv *csv,
			     void (*fn)(const struct weir_focus_finding *f, void *arg), void *arg,
			     struct weir_focus_columns_report *ret, struct weir_err *err)
{
	struct columns_check c = {.version = version, .csv = csv, .fn = fn, .arg = arg, .err = err};
	int r = weir_map_new(&c.origins);

	if (!r)
		r = check_rows(&c);
	if (!r) {
		split_end(&c);
		*ret = c.report;
	}
	if (c.origins)
		weir_map_free(c.origins, split_origin_free);
	free(c.of);
	return r;
}
