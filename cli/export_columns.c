/* SPDX-License-Identifier: Apache-2.0 */
/* weirctl export check --version: a file by the documented columns of a FOCUS version, without a requirements model. */
#include <inttypes.h>

#include "cli/export.h"
#include "cli/view.h"
#include "lib/money/focus_split.h"

struct printer {
	const struct cli *c;
	json_t *items; /* with --json */
	bool failed;
};

static void on_finding(const struct weir_focus_finding *f, void *arg)
{
	struct printer *p = arg;

	if (p->c->json)
		p->failed |= json_array_append_new(p->items, json_pack("{s:I,s:s#,s:s}", "line", (json_int_t)f->line, "column", f->column,
								       (int)WEIR_MIN(strlen(f->column), 128u), "what", f->what)) != 0;
	else if (f->line)
		fprintf(p->c->out, "line %" PRIu64 " %.128s %s\n", f->line, f->column, f->what);
	else
		fprintf(p->c->out, "%.128s %s\n", f->column, f->what);
}

static int print_sum(const struct printer *p, const char *version, const struct weir_focus_columns_report *r)
{
	view_auto_json json_t *o = NULL;

	if (!p->c->json) {
		fprintf(p->c->out, "FOCUS %s, %" PRIu64 " rows, %" PRIu64 " of them parts of %" PRIu64 " split charges: %" PRIu64 " %s\n",
			version, r->rows, r->split_rows, r->origins, r->findings, r->findings == 1 ? "finding" : "findings");
		return 0;
	}
	o = json_pack("{s:s,s:I,s:I,s:I,s:I,s:O}", "focus_version", version, "rows", (json_int_t)r->rows, "split_rows",
		      (json_int_t)r->split_rows, "origins", (json_int_t)r->origins, "findings", (json_int_t)r->findings, "items",
		      p->items);
	if (!o || p->failed)
		return -ENOMEM;
	return json_dumpf(o, p->c->out, JSON_COMPACT) || fputc('\n', p->c->out) == EOF ? -EIO : 0;
}

int export_version(const char *text, enum weir_focus_version *ret, struct weir_err *err)
{
	if (strcmp(text, "1.2") != 0 && strcmp(text, "1.3") != 0)
		return weir_err_set(err, -EINVAL, "--version: '%s' is neither 1.2 nor 1.3", text);
	*ret = text[2] == '2' ? WEIR_FOCUS_1_2 : WEIR_FOCUS_1_3;
	return 0;
}

int export_check_columns(const struct cli *c, const char *version, const char *file, struct weir_err *err)
{
	view_auto_json json_t *items = json_array();
	weir_auto_csv struct weir_csv *csv = NULL;
	struct printer p = {c, items, false};
	struct weir_focus_columns_report report;
	enum weir_focus_version v;
	int r = export_version(version, &v, err);

	if (!r)
		r = weir_csv_open(file, &csv, err);
	if (!r)
		r = weir_focus_columns_check(v, csv, on_finding, &p, &report, err);
	if (r)
		return r != -ENOMEM ? -EINVAL : r;
	r = print_sum(&p, version, &report);
	return r ? r : report.findings ? CLI_NOT_WELL : 0;
}
