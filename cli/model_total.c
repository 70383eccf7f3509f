/* SPDX-License-Identifier: Apache-2.0 */
/* weirctl model total: what periods cost in the end, by the hours of a file. */
#include "cli/args.h"
#include "cli/cli.h"
#include "cli/model_csv.h"
#include "lib/model/total.h"

#include <jansson.h>
#include <math.h>

#define HOUR_S 3600

struct asked {
	const char *train, *amount;
	uint64_t left, elapsed, start_s;
	double money;
};

static int parse(int argc, char **argv, struct asked *a, struct weir_err *err)
{
	const struct args_opt opts[] = {
		{"--train", ARGS_STR, &a->train},     {"--hours", ARGS_U64, &a->left},	  {"--elapsed", ARGS_U64, &a->elapsed},
		{"--amount", ARGS_STR, &a->amount}, {"--start", ARGS_TIME, &a->start_s},
	};
	char *end;
	int r = args_parse(opts, WEIR_ARRAY_SIZE(opts), argc, argv, "", NULL, 0, 0, err);

	if (r)
		return r;
	if (!a->train)
		return weir_err_set(err, -EINVAL, "--train FILE, a line of id and hourly costs for each series, is needed");
	if (!a->left || a->left > WEIR_TOTAL_LEFT_MAX)
		return weir_err_set(err, -EINVAL, "--hours must be 1 to %zu, to the end of the period", WEIR_TOTAL_LEFT_MAX);
	if (!a->amount)
		return 0;
	a->money = strtod(a->amount, &end);
	if (end == a->amount || *end || !(a->money > 0) || a->money > 1e100)
		return weir_err_set(err, -EINVAL, "--amount: '%s' is no number above 0", a->amount);
	return 0;
}

static int put_hours(json_t *o, const char *name, size_t hours)
{
	return json_object_set_new(o, name, hours == WEIR_TOTAL_NEVER ? json_null() : json_integer((json_int_t)hours));
}

static int print_json(const struct cli *c, const char *id, const struct asked *a, const struct weir_total *t)
{
	json_t *o = json_pack("{s:s,s:s,s:i,s:f,s:f,s:f,s:f,s:f}", "id", id, "basis", weir_total_basis_name(t->basis), "days",
			      (int)t->days, "mean", t->mean, "lower80", t->lower[WEIR_TOTAL_80], "upper80", t->upper[WEIR_TOTAL_80],
			      "lower95", t->lower[WEIR_TOTAL_95], "upper95", t->upper[WEIR_TOTAL_95]);
	int r = o ? 0 : -EINVAL;

	if (!r && a->amount)
		r = put_hours(o, "crosses_h", t->crosses) | put_hours(o, "early_h", t->early) | put_hours(o, "late_h", t->late);
	if (!r && json_dumpf(o, c->out, JSON_COMPACT))
		r = -EIO;
	json_decref(o);
	return r;
}

static void print_hours(FILE *f, size_t hours)
{
	if (hours == WEIR_TOTAL_NEVER)
		fputc(',', f);
	else
		fprintf(f, ",%zu", hours);
}

static int print_row(const struct cli *c, const char *id, const struct asked *a, const struct weir_total *t)
{
	fprintf(c->out, "%s,%s,%zu,%.10g,%.10g,%.10g,%.10g,%.10g", id, weir_total_basis_name(t->basis), t->days, t->mean,
		t->lower[WEIR_TOTAL_80], t->upper[WEIR_TOTAL_80], t->lower[WEIR_TOTAL_95], t->upper[WEIR_TOTAL_95]);
	if (a->amount) {
		print_hours(c->out, t->crosses);
		print_hours(c->out, t->early);
		print_hours(c->out, t->late);
	}
	return fputc('\n', c->out) == EOF ? -EIO : 0;
}

static int one(const struct cli *c, const struct weir_series *s, const struct asked *a, bool first, struct weir_err *err)
{
	struct weir_total_ask ask = {.v = s->v, .n = s->n, .left = (size_t)a->left, .amount = a->money};
	struct weir_total t;
	int r;

	if (a->elapsed > s->n)
		return weir_err_set(err, -EINVAL, "--elapsed: series '%s' has but %zu hours", s->id, s->n);
	for (size_t i = s->n - (size_t)a->elapsed; i < s->n; i++)
		ask.spent += isnan(s->v[i]) ? 0 : s->v[i];
	if (a->start_s)
		ask.now_s = (int64_t)(a->start_s + s->n * HOUR_S);
	r = weir_total(&ask, &t);
	if (r)
		return r;
	if (c->json && !first)
		fputc(',', c->out);
	return c->json ? print_json(c, s->id, a, &t) : print_row(c, s->id, a, &t);
}

int cmd_model_total(const struct cli *c, int argc, char **argv, struct weir_err *err)
{
	struct asked a = {0};
	model_auto_set set = {0};
	int r = parse(argc, argv, &a, err);

	r = r ? r : model_set_read(a.train, &set, err);
	if (r)
		return r;
	fprintf(c->out, "%s", c->json	? "{\"items\":[" :
			      a.amount ? "id,basis,days,mean,lower80,upper80,lower95,upper95,crosses_h,early_h,late_h\n" :
					 "id,basis,days,mean,lower80,upper80,lower95,upper95\n");
	for (size_t i = 0; i < set.count && !r; i++)
		r = one(c, &set.series[i], &a, !i, err);
	if (!r && c->json)
		fputs("]}\n", c->out);
	return r;
}
