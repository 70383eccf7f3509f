/* SPDX-License-Identifier: Apache-2.0 */
/* weirctl model: fits and uses models on files, without a daemon: what others score them by. */
#include "cli/args.h"
#include "cli/cli.h"
#include "cli/model_csv.h"
#include "lib/base/clock.h"
#include "lib/model/model.h"
#include "lib/model/quality.h"

#include <inttypes.h>
#include <jansson.h>
#include <math.h>

#define MODEL_FORECAST "mix" /* when --model does not say which */

struct asked {
	const char *train, *model, *season, *interval, *holidays;
	uint64_t horizon, seed, start_s, step_s;
	struct weir_calendar calendar;
	int64_t holidays_s[WEIR_HOLIDAYS_MAX];
	double percent; /* 0: no interval is printed */
};

/* "24,168" */
static int parse_seasons(const char *s, struct weir_calendar *c, struct weir_err *err)
{
	c->seasons = 0;
	while (*s) {
		char *end;
		unsigned long v = strtoul(s, &end, 10);

		if (end == s || (*end && *end != ',') || (*end == ',' && !end[1]) || *s < '0' || *s > '9' ||
		    v > WEIR_SEASON_MAX || c->seasons == WEIR_SEASONS_MAX)
			return weir_err_set(err, -EINVAL, "--season: '%s' is not up to %d numbers of steps, as 24,168", s,
					    WEIR_SEASONS_MAX);
		c->season[c->seasons++] = (unsigned int)v;
		s = *end ? end + 1 : end;
	}
	return 0;
}

/* "2026-12-25,2026-12-26", ascending */
static int parse_holidays(const char *s, struct asked *a, struct weir_err *err)
{
	weir_auto_free char *copy = strdup(s);
	char *save = NULL;
	size_t n = 0;

	if (!copy)
		return -ENOMEM;
	for (char *day = strtok_r(copy, ",", &save); day; day = strtok_r(NULL, ",", &save), n++) {
		uint64_t at;

		if (n == WEIR_HOLIDAYS_MAX || weir_time_day(day, &at) || (n && (int64_t)at <= a->holidays_s[n - 1]))
			return weir_err_set(err, -EINVAL, "--holidays: '%s' is not one of at most %d dates that ascend, as 2026-12-25",
					    day, WEIR_HOLIDAYS_MAX);
		a->holidays_s[n] = (int64_t)at;
	}
	a->calendar.holidays_s = a->holidays_s;
	a->calendar.holidays = n;
	return 0;
}

static int parse_interval(const char *s, double *ret, struct weir_err *err)
{
	char *end;
	double v = strtod(s, &end);

	if (*end || !(v >= 1 && v <= 99.9))
		return weir_err_set(err, -EINVAL, "--interval: '%s' is no percentage, 1 to 99.9", s);
	*ret = v;
	return 0;
}

static int parse(int argc, char **argv, struct asked *a, struct weir_err *err)
{
	const struct args_opt opts[] = {
		{"--train", ARGS_STR, &a->train},     {"--horizon", ARGS_U64, &a->horizon},
		{"--season", ARGS_STR, &a->season},   {"--interval", ARGS_STR, &a->interval},
		{"--model", ARGS_STR, &a->model},     {"--seed", ARGS_U64, &a->seed},
		{"--start", ARGS_TIME, &a->start_s},  {"--step", ARGS_DURATION, &a->step_s},
		{"--holidays", ARGS_STR, &a->holidays},
	};
	int r = args_parse(opts, WEIR_ARRAY_SIZE(opts), argc, argv, "", NULL, 0, 0, err);

	if (r)
		return r;
	if (!a->train)
		return weir_err_set(err, -EINVAL, "--train FILE, a line of id and values for each series, is needed");
	if (!a->horizon || a->horizon > WEIR_HORIZON_MAX)
		return weir_err_set(err, -EINVAL, "--horizon must be 1 to %d steps", WEIR_HORIZON_MAX);
	if (a->season && (r = parse_seasons(a->season, &a->calendar, err)))
		return r;
	if (a->step_s > UINT32_MAX || (a->holidays && (!a->step_s || !a->start_s)))
		return weir_err_set(err, -EINVAL, "--holidays need --start TIME of the first value and --step, as 1h, of all");
	if (a->holidays && (r = parse_holidays(a->holidays, a, err)))
		return r;
	return a->interval ? parse_interval(a->interval, &a->percent, err) : 0;
}

static void print_row(FILE *f, const double *v, size_t n)
{
	for (size_t i = 0; i < n; i++)
		fprintf(f, ",%.10g", v[i]);
}

/* Names as M4's files have them, when the input had such a line. */
static void print_header(FILE *f, const struct asked *a)
{
	size_t n = (size_t)a->horizon * (a->percent > 0 ? 3 : 1);

	fputs("V1", f);
	for (size_t i = 0; i < n; i++)
		fprintf(f, ",V%zu", i + 2);
	fputc('\n', f);
}

static int print_forecasts(const struct cli *c, const struct asked *a, const struct model_set *set,
			   const struct weir_model *m)
{
	weir_auto_forecast f = {0};
	int r = weir_forecast_init(&f, (size_t)a->horizon);

	if (!r && set->header)
		print_header(c->out, a);
	for (size_t i = 0; i < set->count && !r; i++) {
		r = weir_model_predict(m, i, &f);
		if (r)
			break;
		fputs(set->series[i].id, c->out);
		print_row(c->out, f.mean, f.horizon);
		if (a->percent > 0) {
			print_row(c->out, f.lower, f.horizon);
			print_row(c->out, f.upper, f.horizon);
		}
		r = fputc('\n', c->out) == EOF ? -EIO : 0;
	}
	return r;
}

static json_t *numbers_of(const double *v, size_t n)
{
	json_t *list = json_array();

	for (size_t i = 0; i < n; i++)
		if (json_array_append_new(list, json_real(v[i]))) {
			json_decref(list);
			return NULL;
		}
	return list;
}

static json_t *forecast_of(const char *id, const struct weir_forecast *f)
{
	static const char *const names[WEIR_PARTS] = {"trend", "day", "week", "holiday", "remainder"};
	json_t *parts = json_object(), *o;

	for (size_t p = 0; p < WEIR_PARTS; p++)
		json_object_set_new(parts, names[p], numbers_of(f->part[p], f->horizon));
	o = json_pack("{s:s#,s:o,s:o,s:o,s:o}", "id", id, (int)strlen(id), "mean", numbers_of(f->mean, f->horizon), "lower",
		      numbers_of(f->lower, f->horizon), "upper", numbers_of(f->upper, f->horizon), "parts", parts);
	return o ? o : json_null();
}

/* With what each step is made of. An id that is no UTF-8 makes its item null. */
static int print_json(const struct cli *c, const struct asked *a, const struct model_set *set, const struct weir_model *m)
{
	weir_auto_forecast f = {0};
	int r = weir_forecast_init(&f, (size_t)a->horizon);

	if (!r && fputs("{\"items\":[", c->out) == EOF)
		r = -EIO;
	for (size_t i = 0; i < set->count && !r; i++) {
		json_t *o = NULL;

		r = weir_model_predict(m, i, &f);
		if (!r)
			o = forecast_of(set->series[i].id, &f);
		if (!r && ((i && fputc(',', c->out) == EOF) || json_dumpf(o, c->out, JSON_COMPACT | JSON_ENCODE_ANY)))
			r = -EIO;
		json_decref(o);
	}
	return r ? r : fputs("]}\n", c->out) == EOF ? -EIO : 0;
}

int cmd_model_forecast(const struct cli *c, int argc, char **argv, struct weir_err *err)
{
	struct asked a = {.model = MODEL_FORECAST, .seed = 1};
	model_auto_set set = {0};
	weir_auto_model m = {0};
	int r = parse(argc, argv, &a, err);

	if (r || (r = model_set_read(a.train, &set, err)))
		return r;
	for (size_t i = 0; i < set.count; i++) {
		struct weir_quality_counts counts;

		set.series[i].start_s = (int64_t)a.start_s;
		set.series[i].step_s = (uint32_t)a.step_s;
		r = weir_quality_values(&set.series[i], 0, false, &counts);
		if (r)
			return r;
	}
	r = weir_model_fit(a.model,
			   &(struct weir_model_data){.series = set.series, .count = set.count, .calendar = a.calendar},
			   &(struct weir_model_opts){.horizon = (size_t)a.horizon,
						     .coverage = a.percent > 0 ? a.percent / 100 : 0.95,
						     .seed = a.seed},
			   &m, err);
	if (r)
		return r;
	if (!m.ops->predict)
		return weir_err_set(err, -EINVAL, "--model: '%s' does not forecast", a.model);
	return c->json ? print_json(c, &a, &set, &m) : print_forecasts(c, &a, &set, &m);
}
