/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/plan_cost.h"

#include <inttypes.h>

#include "cli/table.h"
#include "lib/base/clock.h"

#define LINES_MAX 20 /* of one table for people */
#define AMOUNT_MAX 32

/* To the cent, away from zero at the half: "+32.85", "-9.00". */
static const char *amount(int64_t nanos, bool sign, char buf[AMOUNT_MAX])
{
	uint64_t size = nanos < 0 ? 0 - (uint64_t)nanos : (uint64_t)nanos, cents = (size + 5000000) / 10000000;

	snprintf(buf, AMOUNT_MAX, "%s%" PRIu64 ".%02" PRIu64, nanos < 0 && cents ? "-" : sign && cents ? "+" : "", cents / 100,
		 cents % 100);
	return buf;
}

static const char *range(const struct weir_plan_line *l, char buf[2 * AMOUNT_MAX])
{
	char low[AMOUNT_MAX], high[AMOUNT_MAX];

	if (l->interval)
		snprintf(buf, 2 * AMOUNT_MAX, "%s to %s", amount(l->low, true, low), amount(l->high, true, high));
	else
		snprintf(buf, 2 * AMOUNT_MAX, "-");
	return buf;
}

static bool changed(const struct weir_plan_line *l)
{
	return l->before != l->after;
}

static size_t count_changed(const struct weir_plan_line *lines, size_t n)
{
	size_t changes = 0;

	while (changes < n && changed(&lines[changes])) /* the largest change first */
		changes++;
	return changes;
}

static int64_t difference(const struct weir_plan_line *l)
{
	return l->after - l->before;
}

/* "+32.85 USD a month, -1.20 to 66.90 in 95 of 100 such months" */
static void headline(const struct plan_report *p, const char *strong, FILE *f)
{
	const struct weir_plan_cost *c = p->cost;
	char buf[AMOUNT_MAX], span[2 * AMOUNT_MAX], from[21];

	fprintf(f, "%s%s %s a month%s", strong, amount(difference(&c->total), true, buf), p->currency, strong);
	if (c->total.interval)
		fprintf(f, " (%s in 95 of 100 months like these days)", range(&c->total, span));
	fprintf(f, ", from %s to ", amount(c->total.before, false, buf));
	fprintf(f, "%s, by %" PRIu64 " hours recorded from %s on.", amount(c->total.after, false, buf), c->hours,
		weir_time_text(c->first_s * WEIR_NS_PER_S, from));
	if (!c->total.interval)
		fputs(" No interval: it needs two whole days.", f);
	fputc('\n', f);
	if (p->has_budget)
		fprintf(f, "%s%s the budget of %s %s a month.\n", strong[0] ? "\n" : "", p->over ? "Over" : "Within",
			amount(p->budget, false, buf), p->currency);
}

/* Texts of traffic and plans in a table of Markdown. */
static void cell(const char *s, FILE *f)
{
	for (; *s; s++)
		if ((unsigned char)*s < 0x20 || *s == 0x7f)
			fputc('?', f);
		else
			fprintf(f, strchr("|\\`<*_[]", *s) ? "\\%c" : "%c", *s);
}

static void markdown_lines(const char *title, const struct weir_plan_line *lines, size_t n, FILE *f)
{
	size_t changes = count_changed(lines, n);
	char buf[AMOUNT_MAX], span[2 * AMOUNT_MAX];

	if (!changes)
		return;
	fprintf(f, "\n| %s | before | after | difference | 95 %% |\n|---|--:|--:|--:|--:|\n", title);
	for (size_t i = 0; i < WEIR_MIN(changes, LINES_MAX); i++) {
		fputs("| ", f);
		cell(*lines[i].key ? lines[i].key : "(none)", f);
		fprintf(f, " | %s ", amount(lines[i].before, false, buf));
		fprintf(f, "| %s ", amount(lines[i].after, false, buf));
		fprintf(f, "| %s | %s |\n", amount(difference(&lines[i]), true, buf), range(&lines[i], span));
	}
	if (changes > LINES_MAX)
		fprintf(f, "\n%zu more change less.\n", changes - LINES_MAX);
}

static void markdown_resources(const struct weir_plan_cost *c, FILE *f)
{
	char buf[AMOUNT_MAX];

	if (c->resource_count)
		fputs("\n| resource | by the hour | a month |\n|---|---|--:|\n", f);
	for (size_t i = 0; i < c->resource_count; i++) {
		const struct weir_plan_resource *r = &c->resources[i];

		fprintf(f, "| %s ", r->added ? "new:" : "gone:");
		cell(r->name, f);
		fputs(" (", f);
		cell(r->domain, f);
		fputs(") | ", f);
		cell(r->meter, f);
		if (r->count > 1)
			fprintf(f, " x %u", r->count);
		fprintf(f, " | %s |\n", r->priced ? amount(r->nanos, true, buf) : "no price");
	}
}

static void unpriced_line(const struct plan_report *p, const char *lead, FILE *f)
{
	char before[HUMAN_MAX], after[HUMAN_MAX];

	if (p->cost->unpriced[0] || p->cost->unpriced[1])
		fprintf(f, "%sNo price is known for %s a month before and %s after.\n", lead,
			human_bytes(p->cost->unpriced[0], before), human_bytes(p->cost->unpriced[1], after));
}

int plan_report_markdown(const struct plan_report *p)
{
	FILE *f = p->c->out;
	json_t *v;
	size_t i;

	fputs("### Network cost of this plan\n\n", f);
	headline(p, "**", f);
	markdown_lines("path", p->cost->paths, p->cost->path_count, f);
	markdown_lines("team", p->cost->teams, p->cost->team_count, f);
	markdown_resources(p->cost, f);
	unpriced_line(p, "\n", f);
	if (json_array_size(p->notes))
		fputc('\n', f);
	json_array_foreach(p->notes, i, v) {
		fputs("- ", f);
		cell(json_string_value(v), f);
		fputc('\n', f);
	}
	return 0;
}

static int table_lines(const struct plan_report *p, const char *title, const struct weir_plan_line *lines, size_t n)
{
	table_auto struct table *t = NULL;
	size_t changes = count_changed(lines, n);
	char buf[AMOUNT_MAX], span[2 * AMOUNT_MAX];
	int r = table_new(&t);

	if (!changes)
		return r;
	r = r ? r : table_column(t, title, false);
	for (size_t i = 0; i < 4; i++)
		r = r ? r : table_column(t, (const char *const[]){"before", "after", "difference", "95 %"}[i], true);
	for (size_t i = 0; i < WEIR_MIN(changes, LINES_MAX) && !r; i++) {
		r = table_cell(t, *lines[i].key ? lines[i].key : "-");
		r = r ? r : table_cell(t, amount(lines[i].before, false, buf));
		r = r ? r : table_cell(t, amount(lines[i].after, false, buf));
		r = r ? r : table_cell(t, amount(difference(&lines[i]), true, buf));
		r = r ? r : table_cell(t, range(&lines[i], span));
	}
	if (r)
		return r;
	fputc('\n', p->c->out);
	r = table_print(t, p->c->out, p->c->colour);
	if (!r && changes > LINES_MAX)
		fprintf(p->c->out, "%zu more change less\n", changes - LINES_MAX);
	return r;
}

static int table_resources(const struct plan_report *p)
{
	const struct weir_plan_cost *c = p->cost;
	table_auto struct table *t = NULL;
	int r = table_new(&t);

	if (!c->resource_count)
		return r;
	for (size_t i = 0; i < 4; i++)
		r = r ? r : table_column(t, (const char *const[]){"", "resource", "domain", "by the hour"}[i], false);
	r = r ? r : table_column(t, "a month", true);
	for (size_t i = 0; i < c->resource_count && !r; i++) {
		const struct weir_plan_resource *res = &c->resources[i];
		char buf[AMOUNT_MAX], meter[128];

		snprintf(meter, sizeof(meter), res->count > 1 ? "%s x %u" : "%s", res->meter, res->count);
		r = table_cell(t, res->added ? "new" : "gone");
		r = r ? r : table_cell(t, res->name);
		r = r ? r : table_cell(t, res->domain);
		r = r ? r : table_cell(t, meter);
		r = r ? r : table_cell(t, res->priced ? amount(res->nanos, true, buf) : "no price");
	}
	if (r)
		return r;
	fputc('\n', p->c->out);
	return table_print(t, p->c->out, p->c->colour);
}

int plan_report_table(const struct plan_report *p)
{
	int r;

	headline(p, "", p->c->out);
	r = table_lines(p, "path", p->cost->paths, p->cost->path_count);
	if (!r)
		r = table_lines(p, "team", p->cost->teams, p->cost->team_count);
	if (!r)
		r = table_resources(p);
	if (!r)
		unpriced_line(p, "\n", p->c->out);
	return r;
}

static json_t *line_json(const char *name, const struct weir_plan_line *l)
{
	json_t *o = json_pack("{s:I,s:I,s:I}", "before_nanos", (json_int_t)l->before, "after_nanos", (json_int_t)l->after,
			      "difference_nanos", (json_int_t)difference(l));

	if (o && name)
		json_object_set_new(o, name, json_string(l->key) ?: json_string("(not UTF-8)"));
	if (o && l->interval) {
		json_object_set_new(o, "low_nanos", json_integer(l->low));
		json_object_set_new(o, "high_nanos", json_integer(l->high));
	}
	return o;
}

static json_t *lines_json(const char *name, const struct weir_plan_line *lines, size_t n)
{
	json_t *list = json_array();

	for (size_t i = 0; i < n; i++)
		json_array_append_new(list, line_json(name, &lines[i]));
	return list;
}

static json_t *resources_json(const struct weir_plan_cost *c)
{
	json_t *list = json_array();

	for (size_t i = 0; i < c->resource_count; i++) {
		const struct weir_plan_resource *r = &c->resources[i];

		json_array_append_new(list, json_pack("{s:s,s:s,s:s,s:s,s:i,s:b,s:I}", "change", r->added ? "new" : "gone", "name",
						      r->name, "domain", r->domain, "meter", r->meter, "count", (int)r->count,
						      "priced", r->priced, "nanos", (json_int_t)r->nanos));
	}
	return list;
}

int plan_report_json(const struct plan_report *p)
{
	const struct weir_plan_cost *c = p->cost;
	view_auto_json json_t *o = json_pack(
		"{s:s,s:I,s:I,s:I,s:I,s:I,s:I,s:o,s:o,s:o,s:o,s:I,s:I,s:O}", "currency", p->currency, "from_s",
		(json_int_t)c->first_s, "hours", (json_int_t)c->hours, "days", (json_int_t)c->days, "rows", (json_int_t)c->rows,
		"rows_here", (json_int_t)c->rows_here, "month_hours", (json_int_t)WEIR_PLAN_HOURS, "total",
		line_json(NULL, &c->total), "paths", lines_json("path", c->paths, c->path_count), "teams",
		lines_json("team", c->teams, c->team_count), "resources", resources_json(c), "unpriced_before_bytes",
		(json_int_t)c->unpriced[0], "unpriced_after_bytes", (json_int_t)c->unpriced[1], "notes", p->notes);

	if (o && p->has_budget) {
		json_object_set_new(o, "budget_nanos", json_integer(p->budget));
		json_object_set_new(o, "over_budget", json_boolean(p->over));
	}
	if (!o)
		return -ENOMEM;
	return json_dumpf(o, p->c->out, JSON_COMPACT) || fputc('\n', p->c->out) == EOF ? -EIO : 0;
}
