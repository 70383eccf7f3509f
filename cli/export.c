/* SPDX-License-Identifier: Apache-2.0 */
/* weirctl export: what leaves weir as a bill, here the check of such a file by the official FOCUS requirements model. */
#include "cli/args.h"
#include "cli/cli.h"
#include "cli/export.h"
#include "cli/view.h"
#include "lib/money/focus_check.h"

#include <inttypes.h>

static const char *const statuses[] = {
	[WEIR_FOCUS_PASS] = "pass",
	[WEIR_FOCUS_FAIL] = "fail",
	[WEIR_FOCUS_SKIP] = "skipped",
};

static int print_defects(const struct cli *c)
{
	view_auto_json json_t *items = json_array();
	const struct weir_focus_defect *d;

	for (size_t i = 0; (d = weir_focus_defect_at(i)); i++) {
		if (!c->json)
			fprintf(c->out, "%s %s\n  defect: %s\n  here: %s\n", d->rule ? "model" : "validator",
				d->what, d->reason, d->instead);
		else if (json_array_append_new(items,
					       json_pack("{s:s,s:s?,s:s,s:s,s:s}", "of",
							 d->rule ? "model" : "validator", "version", d->version,
							 "what", d->what, "defect", d->reason, "here", d->instead)))
			return -ENOMEM;
	}
	if (c->json && (json_dumpf(items, c->out, JSON_COMPACT) || fputc('\n', c->out) == EOF))
		return -EIO;
	return 0;
}

static bool is_corrected(const struct weir_focus_rule *rule)
{
	return rule->defect->condition || rule->defect->requirement;
}

static void print_failure(const struct cli *c, const struct weir_focus_rule *rule,
			  const struct weir_focus_result *res)
{
	fprintf(c->out, "%s %s %s: ", rule->id, rule->keyword, res->column);
	if (!res->first_line)
		fputs("no such column", c->out);
	else
		fprintf(c->out, "%" PRIu64 " %s%s, first in line %" PRIu64 " '%s'", res->rows,
			rule->requirement->fn == WEIR_FOCUS_DISTINCT_COUNT ? "value" : "row",
			res->rows == 1 ? "" : "s", res->first_line, res->value);
	fprintf(c->out, ": %s", rule->text);
	if (rule->defect && is_corrected(rule))
		fprintf(c->out, " (corrected: %s)", rule->defect->instead);
	else if (rule->defect)
		fprintf(c->out, " (%s: %s)", rule->defect->reason, rule->defect->instead);
	fputc('\n', c->out);
}

/* Reasons that say one thing of many rules, and how many there are. */
static void print_skipped(const struct cli *c, const struct weir_focus_model *m,
			  const struct weir_focus_report *report)
{
	static const struct {
		const char *reason, *title;
	} kinds[] = {
		{"dynamic", "dynamic"},
		{"not applicable", "not applicable"},
		{"no column", "of absent columns"},
		{"all of its parts", "composed of those"},
		{"an alternative", "alternatives"},
		{"a permission", "permissions"},
		{"unknown function", "of unknown functions"},
		{"no list", "without a list of currencies"},
		{"more than", "of too many values"},
	};
	size_t left = report->skipped;

	fprintf(c->out, ", %zu skipped", left);
	for (size_t k = 0; k < WEIR_ARRAY_SIZE(kinds); k++) {
		size_t n = 0;

		for (size_t i = 0; i < m->rule_count; i++)
			n += report->results[i].status == WEIR_FOCUS_SKIP &&
			     !strncmp(report->results[i].reason, kinds[k].reason, strlen(kinds[k].reason));
		if (n)
			fprintf(c->out, "%s%zu %s", left == report->skipped ? " (" : ", ", n, kinds[k].title);
		left -= n;
	}
	if (left)
		fprintf(c->out, "%s%zu others", left == report->skipped ? " (" : ", ", left);
	fputs(report->skipped ? ")\n" : "\n", c->out);
}

static void print_report(const struct cli *c, const struct weir_focus_model *m,
			 const struct weir_focus_report *report)
{
	for (int level = WEIR_FOCUS_MUST; level < WEIR_FOCUS_MAY; level++)
		for (size_t i = 0; i < m->rule_count; i++)
			if (report->results[i].status == WEIR_FOCUS_FAIL && !report->results[i].composite &&
			    (int)m->rules[i].level == level)
				print_failure(c, &m->rules[i], &report->results[i]);
	/* A function that nobody knows was never asked: that is said by name, not only counted. */
	for (size_t i = 0; i < m->rule_count; i++)
		if (!strncmp(report->results[i].reason, "unknown function", strlen("unknown function")))
			fprintf(c->out, "%s %s %s: skipped: %s\n", m->rules[i].id, m->rules[i].keyword,
				report->results[i].column, report->results[i].reason);
	fprintf(c->out,
		"FOCUS %s, %" PRIu64
		" rows, %zu rules: %zu MUST failed, %zu SHOULD failed, %zu composed of those, %zu passed",
		m->version, report->rows, m->rule_count, report->failed[WEIR_FOCUS_MUST],
		report->failed[WEIR_FOCUS_SHOULD], report->composites_failed, report->passed);
	print_skipped(c, m, report);
}

static json_t *rule_json(const struct weir_focus_rule *rule, const struct weir_focus_result *res)
{
	json_t *o = json_pack("{s:s,s:s,s:s,s:s,s:I,s:I,s:s}", "rule", rule->id, "keyword", rule->keyword, "column",
			      res->column, "result", statuses[res->status], "applied", (json_int_t)res->applied,
			      "rows", (json_int_t)res->rows, "demands", rule->text);
	int r = !o;

	if (!r && *res->reason)
		r = json_object_set_new(o, res->status == WEIR_FOCUS_SKIP ? "skipped" : "because_of",
					json_string(res->reason));
	if (!r && res->first_line)
		r = json_object_set_new(o, "line", json_integer((json_int_t)res->first_line)) ||
		    /* What is no UTF-8 may be the very failure. */
		    json_object_set_new(o, "value", json_string(res->value) ?: json_string("(not UTF-8)"));
	if (!r && rule->defect)
		r = json_object_set_new(o, is_corrected(rule) ? "corrected" : "defect",
					json_string(rule->defect->reason));
	if (!r && res->published)
		r = json_object_set_new(o, "published_rows", json_integer((json_int_t)res->published_rows));
	if (!r)
		return o;
	json_decref(o);
	return NULL;
}

static int print_json(const struct cli *c, const struct weir_focus_model *m, const struct weir_focus_report *report)
{
	view_auto_json json_t *items = json_array(), *o = NULL;

	for (size_t i = 0; i < m->rule_count; i++)
		if (json_array_append_new(items, rule_json(&m->rules[i], &report->results[i])))
			return -ENOMEM;
	o = json_pack("{s:s,s:I,s:I,s:I,s:I,s:I,s:I,s:O}", "focus_version", m->version, "rows",
		      (json_int_t)report->rows, "must_failed", (json_int_t)report->failed[WEIR_FOCUS_MUST],
		      "should_failed", (json_int_t)report->failed[WEIR_FOCUS_SHOULD], "composites_failed",
		      (json_int_t)report->composites_failed, "passed", (json_int_t)report->passed, "skipped",
		      (json_int_t)report->skipped, "items", items);
	if (!o)
		return -ENOMEM;
	return json_dumpf(o, c->out, JSON_COMPACT) || fputc('\n', c->out) == EOF ? -EIO : 0;
}

/* A file that cannot be read, or is no table, is invalid input, whatever the reason. */
static int invalid(int r)
{
	return r && r != -ENOMEM ? -EINVAL : r;
}

static int check(const struct cli *c, const char *model, const char *currencies, const char *criteria,
		 const char *file, struct weir_err *err)
{
	weir_auto_focus_report struct weir_focus_report *report = NULL;
	weir_auto_focus_model struct weir_focus_model *m = NULL;
	weir_auto_csv struct weir_csv *csv = NULL;
	struct weir_focus_options o = {0};
	struct weir_map *codes = NULL;
	int r = weir_focus_model_load(model, &m, err);

	if (!r)
		r = weir_focus_criteria(m, criteria, &o.criteria, err);
	if (!r && currencies)
		r = weir_focus_currencies_load(currencies, &codes, err);
	if (!r)
		r = weir_csv_open(file, &csv, err);
	o.currencies = codes;
	if (!r)
		r = weir_focus_check(m, &o, csv, &report, err);
	weir_map_free(codes, NULL);
	if (r)
		return invalid(r);
	if (c->json)
		r = print_json(c, m, report);
	else
		print_report(c, m, report);
	return r ? r : report->failed[WEIR_FOCUS_MUST] ? CLI_NOT_WELL : 0;
}

int cmd_export_check(const struct cli *c, int argc, char **argv, struct weir_err *err)
{
	const char *model = NULL, *currencies = NULL, *criteria = NULL, *file = NULL, *version = NULL;
	bool defects = false;
	const struct args_opt opts[] = {
		{"--model", ARGS_STR, &model},
		{"--currency-codes", ARGS_STR, &currencies},
		{"--criteria", ARGS_STR, &criteria},
		{"--defects", ARGS_FLAG, &defects},
		{"--version", ARGS_STR, &version},
	};
	int r = args_parse(opts, WEIR_ARRAY_SIZE(opts), argc, argv, "CSV", &file, 0, 1, err);

	if (r)
		return r;
	if (defects)
		return file ? weir_err_set(err, -EINVAL, "--defects takes no file") : print_defects(c);
	if (!model == !version)
		return weir_err_set(err, -EINVAL,
				    "--model FILE, the FOCUS requirements model as JSON, or --version 1.3 is needed, and not both");
	if (!file)
		return weir_err_set(err, -EINVAL, "needs CSV, the file to check");
	if (version && (currencies || criteria))
		return weir_err_set(err, -EINVAL, "--currency-codes and --criteria are of a --model");
	if (version)
		return export_check_columns(c, version, file, err);
	return check(c, model, currencies, criteria, file, err);
}
