/* SPDX-License-Identifier: Apache-2.0 */
/* weirctl import bill, bill list, bill show: on a file of their own, without a daemon. */
#include "cli/bill.h"

#include "cli/args.h"
#include "cli/table.h"
#include "cli/view.h"
#include "lib/base/clock.h"
#include "lib/money/bill_store.h"
#include "lib/os/crypto.h"

#include <inttypes.h>
#include <time.h>

#define FILES_MAX 256
#define AMOUNT_MAX 48

struct import {
	const struct cli *c;
	uint64_t began_ns, told_ns;
};

/* Text of a bill goes to a terminal: no control bytes. */
static void print_clean(FILE *f, const char *s)
{
	for (; *s; s++)
		fputc((unsigned char)*s < 0x20 || *s == 0x7f ? '?' : *s, f);
}

static void erase_progress(const struct import *m)
{
	if (m->told_ns)
		fputs("\r\033[K", stderr);
}

static void bad_row(const struct weir_bill_bad *bad, void *arg)
{
	erase_progress(arg);
	fprintf(stderr, "%s:%" PRIu64 " ", bad->file, bad->line);
	print_clean(stderr, bad->column);
	fputs(*bad->column ? ": " : "the row: ", stderr);
	print_clean(stderr, bad->reason);
	fputc('\n', stderr);
}

/* One line that is written over, some times a second, on a terminal only. The rate is all that needs a clock. */
static void show_progress(const struct weir_bill_stats *s, void *arg)
{
	struct import *m = arg;
	uint64_t now = weir_monotonic_ns();
	char done[HUMAN_MAX], total[HUMAN_MAX];

	if (m->c->json || !isatty(STDERR_FILENO) || now - m->told_ns < WEIR_NS_PER_S / 5)
		return;
	m->told_ns = now;
	fprintf(stderr, "\r%s of %s, %" PRIu64 " rows, %.0f rows/s\033[K", human_bytes(s->bytes_read, done),
		human_bytes(s->bytes_total, total), s->rows,
		(double)s->rows * WEIR_NS_PER_S / (double)WEIR_MAX(now - m->began_ns, 1ULL));
}

static int add_costs(json_t *o, const __int128 *nanos, __int128 nano_bytes)
{
	char text[AMOUNT_MAX];
	int r = 0;

	for (unsigned int i = 0; i < WEIR_BILL_COSTS; i++)
		r |= json_object_set_new(o, weir_bill_cost_name(i), json_string(weir_bill_amount(nanos[i], text)));
	r |= json_object_set_new(o, "bytes", json_string(weir_bill_amount(nano_bytes, text)));
	return r ? -ENOMEM : 0;
}

/* Amounts are texts: a number of JSON would pass through floating point wherever it is read. */
static int append_total(json_t *items, const struct weir_bill_total *t)
{
	json_t *o = json_pack("{s:s,s:s,s:I}", "currency", t->currency, "network", t->network, "rows", (json_int_t)t->rows);

	if (!o || add_costs(o, t->nanos, t->bytes)) {
		json_decref(o);
		return -ENOMEM;
	}
	return json_array_append_new(items, o) ? -ENOMEM : 0;
}

static int append_file(json_t *files, const char *path, const struct weir_bill_imported *done)
{
	const struct weir_bill_stats *s = &done->stats;
	view_auto_json json_t *totals = json_array();
	char hex[2 * WEIR_SHA256_LEN + 1];
	int r = 0;

	for (size_t i = 0; !r && i < done->total_count; i++)
		r = append_total(totals, &done->totals[i]);
	if (r)
		return r;
	return json_array_append_new(
		       files, json_pack("{s:s,s:s,s:b,s:s,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:O}", "file", path, "sha256",
					weir_hex(done->sha256, sizeof(done->sha256), hex), "known", done->known, "format",
					done->known ? "" : weir_bill_format_name(s->format), "rows", (json_int_t)s->rows,
					"bad_rows", (json_int_t)s->bad_rows, "rounded_costs", (json_int_t)s->rounded_costs,
					"rounded_quantities", (json_int_t)s->rounded_quantities, "odd_tags",
					(json_int_t)s->odd_tags, "odd_text", (json_int_t)s->odd_text, "bills",
					(json_int_t)done->bills, "version", (json_int_t)done->version, "totals", totals)) ?
		       -ENOMEM :
		       0;
}

/* Six decimals, and all nine where six would show a cost as nothing. */
static const char *money(__int128 nanos, char buf[AMOUNT_MAX])
{
	_Static_assert(HUMAN_MAX <= AMOUNT_MAX, "either may fill it");

	return nanos > -INT64_MAX && nanos < INT64_MAX ? human_money((int64_t)nanos, "", buf) : weir_bill_amount(nanos, buf);
}

static int sum_cells(struct table *t, uint64_t rows, const __int128 *nanos, __int128 nano_bytes)
{
	char text[AMOUNT_MAX];
	__int128 bytes = nano_bytes / 1000000000;
	int r;

	snprintf(text, sizeof(text), "%" PRIu64, rows);
	r = table_cell(t, text);
	for (int i = WEIR_BILL_COSTS - 1; !r && i >= 0; i--)
		r = table_cell(t, money(nanos[i], text));
	if (r)
		return r;
	return table_cell(t, bytes > 0 && bytes < INT64_MAX ? human_bytes((uint64_t)bytes, text) : "");
}

static int sum_columns(struct table *t)
{
	int r = table_column(t, "rows", true);

	for (int i = WEIR_BILL_COSTS - 1; !r && i >= 0; i--)
		r = table_column(t, weir_bill_cost_name((unsigned int)i), true);
	return r ? r : table_column(t, "bytes", true);
}

static int print_totals(const struct cli *c, const struct weir_bill_imported *done)
{
	table_auto struct table *t = NULL;
	int r = table_new(&t);

	if (!r)
		r = table_column(t, "network", false);
	if (!r)
		r = table_column(t, "currency", false);
	if (!r)
		r = sum_columns(t);
	for (size_t i = 0; !r && i < done->total_count; i++) {
		const struct weir_bill_total *total = &done->totals[i];

		r = table_cell(t, *total->network ? total->network : "all charges");
		if (!r)
			r = table_cell(t, total->currency);
		if (!r)
			r = sum_cells(t, total->rows, total->nanos, total->bytes);
	}
	return r ? r : table_print(t, c->out, c->colour);
}

static int print_file(const struct cli *c, const char *path, bool dry, const struct weir_bill_imported *done)
{
	const struct weir_bill_stats *s = &done->stats;

	if (done->known) {
		fprintf(c->out, "%s: the same bytes were imported before, as %s: nothing to do\n", path, done->file_name);
		return 0;
	}
	fprintf(c->out, "%s: %s%s%s, %" PRIu64 " rows, %" PRIu64 " bad; ", path, weir_bill_format_name(s->format),
		s->json ? ", JSON" : "", s->gzip ? ", gzip" : "", s->rows, s->bad_rows);
	if (dry)
		fputs("nothing is stored\n", c->out);
	else
		fprintf(c->out, "%zu bills, version %" PRIu64 "\n", done->bills, done->version);
	if (s->rounded_costs || s->rounded_quantities)
		fprintf(c->out, "%" PRIu64 " costs and %" PRIu64 " quantities had digits below 10^-9 and were rounded\n",
			s->rounded_costs, s->rounded_quantities);
	if (s->odd_tags || s->odd_text)
		fprintf(c->out, "%" PRIu64 " rows have tags that are no JSON object, %" PRIu64 " bytes that are no UTF-8\n",
			s->odd_tags, s->odd_text);
	return print_totals(c, done);
}

static int import_files(const struct cli *c, struct weir_bills *bills, const char *const *paths, size_t n, bool strict,
			json_t *files, struct weir_err *err)
{
	struct import m = {.c = c, .began_ns = weir_monotonic_ns()};
	struct weir_bill_import how = {
		.strict = strict, .now_s = c->now_s, .bad = bad_row, .progress = show_progress, .arg = &m,
	};
	weir_auto_free struct weir_bill_imported *done = calloc(1, sizeof(*done));
	weir_auto_free char *name = n > 1 ? weir_strf("%s and %zu more", paths[0], n - 1) : strdup(paths[0]);
	int r = done && name ? weir_bills_import(bills, paths, n, &how, done, err) : -ENOMEM;

	erase_progress(&m);
	if (r)
		return r;
	return c->json ? append_file(files, name, done) : print_file(c, name, !bills, done);
}

static int print_json(const struct cli *c, json_t *o)
{
	return json_dumpf(o, c->out, JSON_COMPACT) || fputc('\n', c->out) == EOF ? -EIO : 0;
}

int cmd_import_bill(const struct cli *c, int argc, char **argv, struct weir_err *err)
{
	const char *path = BILLS_DEFAULT, *files[FILES_MAX + 1] = {NULL};
	weir_auto_bills struct weir_bills *bills = NULL;
	view_auto_json json_t *all = json_object(), *items = json_array();
	bool strict = false, dry = false, parts = false;
	size_t n = 0, step;
	const struct args_opt opts[] = {
		{"--bills", ARGS_STR, &path}, {"--strict", ARGS_FLAG, &strict}, {"--dry-run", ARGS_FLAG, &dry},
		{"--parts", ARGS_FLAG, &parts},
	};
	int r = args_parse(opts, WEIR_ARRAY_SIZE(opts), argc, argv, "FILE...", files, 1, FILES_MAX, err);

	for (; !r && files[n]; n++) /* before there is a new and empty file of bills */
		if (access(files[n], R_OK))
			r = weir_err_set(err, -errno, "%s: cannot open: %s", files[n], strerror(errno));
	if (!r && !dry)
		r = weir_bills_open(path, true, &bills, err);
	/* What is imported stays so when a later file is not. */
	step = parts ? n : 1;
	for (size_t i = 0; !r && i < n; i += step)
		r = import_files(c, bills, files + i, step, strict, items, err);
	if (c->json && all && !json_object_set(all, "items", items) && (json_array_size(items) || !r)) {
		int printed = print_json(c, all);

		r = r ? r : printed;
	}
	return r;
}

static char *month(int64_t time_s, char buf[16])
{
	time_t t = (time_t)time_s;
	struct tm tm;

	gmtime_r(&t, &tm);
	strftime(buf, 16, tm.tm_mday == 1 ? "%Y-%m" : "%Y-%m-%d", &tm);
	return buf;
}

static int append_version(const struct weir_bill_version *v, void *arg)
{
	char from[16], imported[32];
	json_t *o = json_pack("{s:s,s:s,s:I,s:I,s:s,s:s,s:s,s:I,s:I,s:I,s:s,s:s}", "account", v->account, "period",
			      month(v->period_start_s, from), "version", (json_int_t)v->version, "rows", (json_int_t)v->rows,
			      "provider", v->provider, "format", v->format, "file", v->file, "bad_rows",
			      (json_int_t)v->bad_rows, "period_start_s", (json_int_t)v->period_start_s, "period_end_s",
			      (json_int_t)v->period_end_s, "imported", weir_time_text(v->imported_s * WEIR_NS_PER_S, imported), "sha256", v->sha256);

	return json_array_append_new(arg, o) ? -ENOMEM : 0;
}

int cmd_bill_list(const struct cli *c, int argc, char **argv, struct weir_err *err)
{
	static const struct view_column columns[] = {
		{"account", "account"},	  {"period", "period"}, {"version", "version"},	  {"rows", "rows"}, {"bad_rows", "bad"},
		{"provider", "provider"}, {"format", "format"}, {"imported", "imported"}, {"file", "file"}, {0},
	};
	const char *path = BILLS_DEFAULT;
	const struct args_opt opts[] = {{"--bills", ARGS_STR, &path}};
	weir_auto_bills struct weir_bills *bills = NULL;
	view_auto_json json_t *all = json_object(), *items = json_array();
	int r = args_parse(opts, WEIR_ARRAY_SIZE(opts), argc, argv, "", NULL, 0, 0, err);

	if (!r)
		r = weir_bills_open(path, false, &bills, err);
	if (!r)
		r = weir_bills_list(bills, append_version, items, err);
	if (r)
		return r;
	if (!all || json_object_set(all, "items", items))
		return -ENOMEM;
	return c->json ? print_json(c, all) : view_items(c, all, columns, NULL, err);
}

struct shown {
	const struct cli *c;
	struct table *table;
	json_t *items;
	const char *by;
};

static int show_sum(const struct weir_bill_sum *s, void *arg)
{
	struct shown *shown = arg;
	int r;

	if (shown->c->json) {
		json_t *o = json_pack("{s:s,s:s,s:I}", shown->by, s->key, "currency", s->currency, "rows", (json_int_t)s->rows);

		r = o ? add_costs(o, s->nanos, s->bytes) : -ENOMEM;
		return json_array_append_new(shown->items, o) ? -ENOMEM : r;
	}
	r = table_cell(shown->table, *s->key ? s->key : "-");
	if (!r)
		r = table_cell(shown->table, s->currency);
	return r ? r : sum_cells(shown->table, s->rows, s->nanos, s->bytes);
}

static int show(const struct cli *c, struct weir_bills *bills, const struct weir_bill_query *q, struct weir_err *err)
{
	table_auto struct table *t = NULL;
	view_auto_json json_t *all = json_object(), *items = json_array();
	struct shown shown = {.c = c, .items = items, .by = q->by};
	int r = table_new(&t);

	if (!r)
		r = table_column(t, q->by, false);
	if (!r)
		r = table_column(t, "currency", false);
	if (!r)
		r = sum_columns(t);
	shown.table = t;
	if (!r)
		r = weir_bills_sums(bills, q, show_sum, &shown, err);
	if (r)
		return r;
	if (!c->json)
		return table_print(t, c->out, c->colour);
	return !all || json_object_set(all, "items", items) ? -ENOMEM : print_json(c, all);
}

int bill_period(const char *period, int64_t *ret_from_s, int64_t *ret_to_s, struct weir_err *err)
{
	char day[2][16];
	unsigned int year, m;

	if (strlen(period) != 7 || sscanf(period, "%4u-%2u", &year, &m) != 2 || m < 1 || m > 12)
		return weir_err_set(err, -EINVAL, "--period: '%s' is no month; write 2026-10", period);
	snprintf(day[0], sizeof(day[0]), "%04u-%02u-01", year % 10000, m);
	snprintf(day[1], sizeof(day[1]), "%04u-%02u-01", (year + m / 12) % 10000, m % 12 + 1);
	if (weir_bill_time(day[0], ret_from_s) || weir_bill_time(day[1], ret_to_s))
		return weir_err_set(err, -EINVAL, "--period: '%s' is no month; write 2026-10", period);
	return 0;
}

static int check_by(const char *by, struct weir_err *err)
{
	char known[128] = "";

	for (size_t i = 0; weir_bills_by[i]; i++) {
		if (!strcmp(weir_bills_by[i], by))
			return 0;
		snprintf(known + strlen(known), sizeof(known) - strlen(known), "%s%s", i ? ", " : "", weir_bills_by[i]);
	}
	return weir_err_set(err, -EINVAL, "--by: '%s' is none of %s", by, known);
}

int cmd_bill_show(const struct cli *c, int argc, char **argv, struct weir_err *err)
{
	const char *path = BILLS_DEFAULT, *period = NULL;
	struct weir_bill_query q = {.by = "service", .limit = 100};
	const struct args_opt opts[] = {
		{"--bills", ARGS_STR, &path},	  {"--period", ARGS_STR, &period}, {"--account", ARGS_STR, &q.account},
		{"--version", ARGS_U64, &q.version}, {"--by", ARGS_STR, &q.by},	    {"--limit", ARGS_U64, &q.limit},
	};
	weir_auto_bills struct weir_bills *bills = NULL;
	int64_t to;
	int r = args_parse(opts, WEIR_ARRAY_SIZE(opts), argc, argv, "", NULL, 0, 0, err);

	if (!r)
		r = args_check_limit(q.limit, err);
	if (!r)
		r = check_by(q.by, err);
	if (!r && period)
		r = bill_period(period, &q.period_start_s, &to, err);
	if (r)
		return r;
	r = weir_bills_open(path, false, &bills, err);
	return r ? r : show(c, bills, &q, err);
}
