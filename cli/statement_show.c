/* SPDX-License-Identifier: Apache-2.0 */
/* weirctl statement: what a team, or nobody, is told of a month: as text, CSV or JSON, and the list of what is closed. */
#include "cli/args.h"
#include "cli/bill.h"
#include "cli/statement.h"
#include "cli/table.h"

#include <inttypes.h>

#define UNATTRIBUTED "unattributed"
#define HEADS_MAX 1024u

/* Texts of heads live as long as the rows of their answer; these are kept. */
struct head {
	struct weir_statement_head h;
	char account[128], currency[16], measured_in[16], payer[16];
};
struct show {
	struct weir_bills *bills;
	const char *team, *account;
	int64_t month_s;
	struct head heads[HEADS_MAX];
	size_t count;
	json_t *statements, *later; /* that are booked in the month; corrections of it that are booked elsewhere */
	int64_t total;
	struct weir_err *err;
};

static void show_freep(struct show **s)
{
	if (*s) {
		json_decref((*s)->statements);
		json_decref((*s)->later);
		weir_bills_close((*s)->bills);
	}
	free(*s);
}

static int keep_head(const struct weir_statement_head *h, void *arg)
{
	struct show *s = arg;
	struct head *to = &s->heads[s->count];

	if ((h->period_s != s->month_s && h->booked_s != s->month_s) || (s->account && strcmp(s->account, h->account) != 0))
		return 0;
	if (s->count == HEADS_MAX)
		return weir_err_set(s->err, -E2BIG, "more than %u statements of that month; choose with --account", HEADS_MAX);
	to->h = *h;
	snprintf(to->account, sizeof(to->account), "%s", h->account);
	snprintf(to->currency, sizeof(to->currency), "%s", h->currency);
	snprintf(to->measured_in, sizeof(to->measured_in), "%s", h->measured_in);
	snprintf(to->payer, sizeof(to->payer), "%s", h->payer);
	to->h.payer = to->payer;
	to->h.account = to->account;
	to->h.currency = to->currency;
	to->h.measured_in = to->measured_in;
	s->count++;
	return 0;
}

static int add_line(const struct weir_statement_line *l, void *arg)
{
	char measured[48], adjusted[48], total[48];

	return json_array_append_new(arg, json_pack("{s:s,s:s,s:s,s:s,s:s,s:I,s:s,s:s,s:s,s:I,s:I,s:I}", "account", l->account, "service",
						    l->service, "meter", l->meter, "path", l->path, "reason", l->reason, "bytes",
						    (json_int_t)l->bytes, "measured", weir_bill_amount(l->measured, measured), "adjusted",
						    weir_bill_amount(l->adjusted, adjusted), "total", weir_bill_amount(l->total, total),
						    "measured_nanos", (json_int_t)l->measured, "adjusted_nanos", (json_int_t)l->adjusted,
						    "total_nanos", (json_int_t)l->total)) ?
		       -ENOMEM :
		       0;
}

static int add_bill(const char *account, uint64_t version, const char *sha256, void *arg)
{
	return json_array_append_new(arg, json_pack("{s:s,s:I,s:s}", "account", account, "version", (json_int_t)version, "sha256", sha256)) ?
		       -ENOMEM :
		       0;
}

static int add_price(const struct weir_statement_price *p, void *arg)
{
	return json_array_append_new(arg, json_pack("{s:s,s:s,s:s,s:s,s:s}", "meter", p->meter, "region", p->region, "layer", p->layer,
						    "source", p->source, "confidence", p->confidence)) ?
		       -ENOMEM :
		       0;
}

/* One statement, or one month's corrections: head, bills, prices, lines of the team and their sum. */
static int add_statement(struct show *s, const struct weir_statement_head *h)
{
	view_auto_json json_t *o = statement_head_json(h), *lines = json_array(), *bills = json_array(), *prices = json_array();
	int64_t total = 0;
	json_t *line;
	char text[48];
	size_t i;
	int r = o && lines && bills && prices ? 0 : -ENOMEM;

	if (!r)
		r = weir_statement_lines(s->bills, h, strcmp(s->team, UNATTRIBUTED) ? s->team : "", add_line, lines, s->err);
	if (!r)
		r = weir_statement_bills(s->bills, h, add_bill, bills, s->err);
	if (!r)
		r = weir_statement_prices(s->bills, h, add_price, prices, s->err);
	if (r)
		return r;
	json_array_foreach (lines, i, line)
		total += json_integer_value(json_object_get(line, "total_nanos"));
	s->total += total;
	if (json_object_set(o, "lines", lines) || json_object_set(o, "bills", bills) || json_object_set(o, "prices", prices) ||
	    json_object_set_new(o, "share", json_string(weir_bill_amount(total, text))) ||
	    json_object_set_new(o, "share_nanos", json_integer(total)) || json_array_append(s->statements, o))
		return -ENOMEM;
	return 0;
}

static bool has_lines(const json_t *statements)
{
	const json_t *o;
	size_t i;

	json_array_foreach (statements, i, o)
		if (json_array_size(json_object_get(o, "lines")))
			return true;
	return false;
}

/* {team, month, closed, statements: booked in the month, corrected: elsewhere, total} */
static int collect(struct show *s, json_t **ret)
{
	char month[PRICES_TEXT], total[48];
	const char *currency = "";
	bool closed = false;
	int r = weir_statement_heads(s->bills, keep_head, s, s->err);

	statement_month(s->month_s, month);
	for (size_t i = 0; !r && i < s->count; i++) {
		const struct weir_statement_head *h = &s->heads[i].h;

		if (h->booked_s != s->month_s) {
			r = json_array_append_new(s->later, statement_head_json(h)) ? -ENOMEM : 0;
			continue;
		}
		if (*currency && strcmp(currency, h->currency) != 0)
			return weir_err_set(s->err, -EINVAL, "%s has statements in %s and in %s: choose one with --account", month, currency,
					    h->currency);
		currency = h->currency;
		closed |= h->period_s == s->month_s;
		r = add_statement(s, h);
	}
	if (r)
		return r;
	if (!s->count)
		return weir_err_set(s->err, -ENOENT, "%s is not closed; weirctl statement close %s does it", month, month);
	if (!has_lines(s->statements))
		return weir_err_set(s->err, -ENOENT, "nothing of %s is %s's; weirctl statement list says what is closed", month, s->team);
	*ret = json_pack("{s:s,s:s,s:b,s:s,s:O,s:O,s:s,s:I}", "team", s->team, "month", month, "closed", closed, "currency", currency,
			 "statements", s->statements, "corrected_later", s->later, "total", weir_bill_amount(s->total, total),
			 "total_nanos", (json_int_t)s->total);
	return *ret ? 0 : -ENOMEM;
}

static const char *text(const json_t *o, const char *name)
{
	const char *s = json_string_value(json_object_get(o, name));

	return s ? s : "";
}

static int lines_print(const struct cli *c, const json_t *lines, bool nobody, const char *share)
{
	static const char *const of_team[] = {"account", "service", "meter", "path", "bytes", "measured", "adjusted", "total", NULL};
	static const char *const of_nobody[] = {"account", "service", "meter", "reason", "total", NULL};
	const char *const *columns = nobody ? of_nobody : of_team;
	table_auto struct table *t = NULL;
	const json_t *l;
	size_t n;
	int r = table_new(&t);

	for (size_t i = 0; !r && columns[i]; i++)
		r = table_column(t, columns[i], i > 3);
	json_array_foreach (lines, n, l)
		for (size_t i = 0; !r && columns[i]; i++) {
			json_int_t bytes = json_integer_value(json_object_get(l, columns[i]));
			char human[HUMAN_MAX + 1] = "-";

			if (strcmp(columns[i], "bytes") != 0) {
				r = table_cell(t, text(l, columns[i]));
				continue;
			}
			human_bytes(bytes < 0 ? -(uint64_t)bytes : (uint64_t)bytes, human + 1);
			r = table_cell(t, bytes < 0 ? human : human + 1);
		}
	for (size_t i = 0; !r && columns[i]; i++)
		r = table_cell(t, !columns[i + 1] ? share : i ? "" : "sum");
	return r ? r : table_print(t, c->out, c->colour);
}

static void sources_print(const struct cli *c, const json_t *o)
{
	const json_t *p, *l;
	size_t i, n;

	json_array_foreach (json_object_get(o, "bills"), i, p)
		fprintf(c->out, "bill of %s, version %lld, sha256 %s\n", text(p, "account"),
			(long long)json_integer_value(json_object_get(p, "version")), text(p, "sha256"));
	json_array_foreach (json_object_get(o, "prices"), i, p)
		json_array_foreach (json_object_get(o, "lines"), n, l)
			if (!strcmp(text(l, "meter"), text(p, "meter")) && !*text(l, "reason")) {
				fprintf(c->out, "price of %s%s%s: %s, confidence %s: %s\n", text(p, "meter"), *text(p, "region") ? " in " : "",
					text(p, "region"), text(p, "layer"), text(p, "confidence"), text(p, "source"));
				break;
			}
}

static int print_text(const struct cli *c, const json_t *root)
{
	bool nobody = !strcmp(text(root, "team"), UNATTRIBUTED);
	const json_t *o;
	size_t i;
	int r = 0;

	fprintf(c->out, nobody ? "What is nobody's (%s) of %s, in %s\n" : "Statement of %s for %s, in %s\n", text(root, "team"),
		text(root, "month"), text(root, "currency"));
	if (!json_is_true(json_object_get(root, "closed")))
		fprintf(c->out, "%s is not closed yet: what is booked in it so far are corrections\n", text(root, "month"));
	json_array_foreach (json_object_get(root, "statements"), i, o) {
		bool correction = json_integer_value(json_object_get(o, "version")) > 1;

		if (correction && !json_array_size(json_object_get(o, "lines")))
			continue;
		fprintf(c->out, "\n%s%s, accounts: %s, version %lld, closed %s\n", correction ? "Corrections of " : "", text(o, "period"),
			text(o, "account"), (long long)json_integer_value(json_object_get(o, "version")), text(o, "closed"));
		if (*text(o, "rate"))
			fprintf(c->out, "measured in %s, at %s %s each\n", text(o, "measured_in"), text(o, "rate"), text(o, "currency"));
		if (*text(o, "payer"))
			fprintf(c->out, "teams are those who pay: the %s of bytes between two workloads\n", text(o, "payer"));
		r = lines_print(c, json_object_get(o, "lines"), nobody, text(o, "share"));
		if (r)
			return r;
		fprintf(c->out, "%s %s, of which unattributed %s\n", correction ? "all corrections:" : "the invoice:", text(o, "total"),
			text(o, "unattributed"));
		sources_print(c, o);
	}
	fprintf(c->out, "\nIn all: %s %s\n", text(root, "total"), text(root, "currency"));
	json_array_foreach (json_object_get(root, "corrected_later"), i, o)
		fprintf(c->out, "Corrected later: version %lld, booked in %s, closed %s\n",
			(long long)json_integer_value(json_object_get(o, "version")), text(o, "booked"), text(o, "closed"));
	return 0;
}

/* RFC 4180. */
static void csv_put(FILE *f, const char *value, bool last)
{
	if (strpbrk(value, ",\"\r\n")) {
		fputc('"', f);
		for (const char *p = value; *p; p++) {
			if (*p == '"')
				fputc('"', f);
			fputc(*p, f);
		}
		fputc('"', f);
	} else {
		fputs(value, f);
	}
	fputs(last ? "\r\n" : ",", f);
}

static void print_csv(const struct cli *c, const json_t *root)
{
	static const char *const of_head[] = {"period", "version", "kind", "closed", "currency"};
	static const char *const of_line[] = {"account", "service", "meter", "path", "reason", "bytes", "measured", "adjusted", "total"};
	const json_t *o, *l;
	size_t i, n;

	fputs("team,month,period,version,kind,closed,currency,account,service,meter,path,reason,bytes,measured,adjusted,total\r\n", c->out);
	json_array_foreach (json_object_get(root, "statements"), i, o)
		json_array_foreach (json_object_get(o, "lines"), n, l) {
			char number[24];

			csv_put(c->out, text(root, "team"), false);
			csv_put(c->out, text(root, "month"), false);
			for (size_t k = 0; k < WEIR_ARRAY_SIZE(of_head); k++) {
				snprintf(number, sizeof(number), "%lld", (long long)json_integer_value(json_object_get(o, of_head[k])));
				csv_put(c->out, json_is_integer(json_object_get(o, of_head[k])) ? number : text(o, of_head[k]), false);
			}
			for (size_t k = 0; k < WEIR_ARRAY_SIZE(of_line); k++) {
				snprintf(number, sizeof(number), "%lld", (long long)json_integer_value(json_object_get(l, of_line[k])));
				csv_put(c->out, json_is_integer(json_object_get(l, of_line[k])) ? number : text(l, of_line[k]),
					k + 1 == WEIR_ARRAY_SIZE(of_line));
			}
		}
}

static int print(const struct cli *c, const char *format, const json_t *root)
{
	if (c->json || !strcmp(format, "json")) {
		prices_print_json(c, root);
		return 0;
	}
	if (strcmp(format, "csv") != 0)
		return print_text(c, root);
	print_csv(c, root);
	return 0;
}

int cmd_statement(const struct cli *c, int argc, char **argv, struct weir_err *err)
{
	const char *path = BILLS_DEFAULT, *format = "text", *operands[3] = {NULL};
	weir_cleanup(show_freep) struct show *s = calloc(1, sizeof(*s));
	const struct args_opt opts[] = {{"--bills", ARGS_STR, &path}, {"--format", ARGS_STR, &format}, {"--account", ARGS_STR, &s->account}};
	view_auto_json json_t *root = NULL;
	int64_t to;
	int r = s ? args_parse(opts, WEIR_ARRAY_SIZE(opts), argc, argv, "TEAM MONTH", operands, 2, 2, err) : -ENOMEM;

	if (!r && strcmp(format, "text") != 0 && strcmp(format, "csv") != 0 && strcmp(format, "json") != 0)
		r = weir_err_set(err, -EINVAL, "--format: '%.40s' is none of text, csv, json", format);
	if (!r)
		r = bill_period(operands[1], &s->month_s, &to, err);
	if (!r)
		r = weir_bills_open(path, false, &s->bills, err);
	if (r)
		return r;
	s->team = operands[0];
	s->err = err;
	s->statements = json_array();
	s->later = json_array();
	r = s->statements && s->later ? collect(s, &root) : -ENOMEM;
	return r ? r : print(c, format, root);
}

static int list_head(const struct weir_statement_head *h, void *arg)
{
	return json_array_append_new(arg, statement_head_json(h)) ? -ENOMEM : 0;
}

int cmd_statement_list(const struct cli *c, int argc, char **argv, struct weir_err *err)
{
	static const struct view_column columns[] = {
		{"period", "month"}, {"account", "accounts"}, {"version", "version"}, {"kind", "kind"}, {"booked", "booked"}, {"closed", "closed"},
		{"teams", "teams"}, {"currency", "currency"}, {"invoice", "invoice"}, {"total", "total"}, {"unattributed", "unattributed"}, {0},
	};
	const char *path = BILLS_DEFAULT;
	const struct args_opt opts[] = {{"--bills", ARGS_STR, &path}};
	weir_auto_bills struct weir_bills *bills = NULL;
	view_auto_json json_t *items = json_array(), *all = NULL;
	int r = args_parse(opts, WEIR_ARRAY_SIZE(opts), argc, argv, "", NULL, 0, 0, err);

	if (!r)
		r = weir_bills_open(path, false, &bills, err);
	if (!r)
		r = weir_statement_heads(bills, list_head, items, err);
	if (r)
		return r;
	all = json_pack("{s:O}", "items", items);
	if (!all)
		return -ENOMEM;
	if (!c->json)
		return view_items(c, all, columns, NULL, err);
	prices_print_json(c, all);
	return 0;
}
