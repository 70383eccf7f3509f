/* SPDX-License-Identifier: Apache-2.0 */
/* weirctl forecast */
#include "cli/alloc.h"
#include "cli/args.h"
#include "cli/live.h"
#include "cli/spark.h"
#include "cli/table.h"
#include "lib/base/clock.h"

#include <inttypes.h>
#include <math.h>

#define PAST 48

static int add_columns(struct table *t, const char *const *keys)
{
	static const struct {
		const char *title;
		bool right;
	} rest[] = {{"last 48 h", false}, {"next 24 h", true}, {"95%: from", true}, {"to", true}, {"model", false}};
	int r = 0;

	for (; *keys && !r; keys++)
		r = table_column(t, *keys, false);
	for (size_t i = 0; i < WEIR_ARRAY_SIZE(rest) && !r; i++)
		r = table_column(t, rest[i].title, rest[i].right);
	return r;
}

/* How it went, for the eye: nobody reads from a line what was not measured. */
static char *past_text(const struct cli *c, const json_t *list, char buf[SPARK_TEXT])
{
	int64_t v[PAST] = {0};
	size_t n = WEIR_MIN(json_array_size(list), (size_t)PAST);
	double most = 0;

	for (size_t i = 0; i < n; i++)
		most = fmax(most, json_number_value(json_array_get(list, i)));
	/* Shares of the largest: round trips of a fraction of a millisecond are a line, too. */
	for (size_t i = 0; i < n && most > 0; i++)
		v[i] = (int64_t)(json_number_value(json_array_get(list, i)) / most * 1e9);
	return spark_text(v, n, c->blocks, buf);
}

static double number_of(const json_t *o, const char *field)
{
	const json_t *v = json_object_get(o, field);

	return json_is_number(v) ? json_number_value(v) : NAN;
}

static int add_line(const struct cli *c, struct table *t, const char *const *keys, const json_t *item, const char *unit)
{
	static const char *const bounds[] = {"mean", "lower", "upper"};
	const json_t *day = json_object_get(item, "next_24h");
	char spark[SPARK_TEXT], value[HUMAN_MAX], model[128];
	json_int_t learning = json_integer_value(json_object_get(item, "learning"));
	bool learns = !strcmp(live_text(item, "state"), "learning");
	int r = 0;

	for (; *keys && !r; keys++)
		r = table_cell(t, *live_text(item, *keys) ? live_text(item, *keys) : "-");
	if (!r)
		r = table_cell(t, past_text(c, json_object_get(item, "past"), spark));
	for (size_t i = 0; i < WEIR_ARRAY_SIZE(bounds) && !r; i++)
		r = table_cell(t, live_value(number_of(day, bounds[i]), unit, value));
	if (learns)
		snprintf(model, sizeof(model), "learning (%" JSON_INTEGER_FORMAT " h)", json_integer_value(json_object_get(item, "hours")));
	else if (learning)
		snprintf(model, sizeof(model), "%.64s, %" JSON_INTEGER_FORMAT " series still learning", live_text(item, "model"), learning);
	else
		snprintf(model, sizeof(model), "%.64s", live_text(item, "model"));
	return r ? r : table_cell(t, model);
}

static void print_head(const struct cli *c, const json_t *root, const char *unit)
{
	uint64_t from_s = (uint64_t)json_integer_value(json_object_get(root, "from_s"));
	const char *currency = live_text(root, "currency");
	char at[HUMAN_MAX];

	fprintf(c->out, "%s%s%s by hour before %s, and the 24 h from then; bounds of hours are summed\n\n", live_text(root, "measure"),
		*currency ? " in " : strcmp(unit, "us") ? "" : ", means,", currency, weir_time_text(from_s * WEIR_NS_PER_S, at));
}

static int print(const struct cli *c, const char *const *keys, json_t *root, struct weir_err *err)
{
	json_t *items = json_object_get(root, "items"), *total = json_object_get(root, "total");
	json_int_t hidden = json_integer_value(json_object_get(root, "hidden"));
	const char *unit = live_text(root, "unit"), *models = live_text(root, "models");
	table_auto struct table *t = NULL;
	int r = table_new(&t);

	if (!json_is_array(items))
		return weir_err_set(err, -EBADMSG, "the aggregator's answer has no list of items");
	if (!json_array_size(items)) {
		fputs(!strcmp(models, "off") ? "models are off: models.series of the aggregator is 0\n" :
		      !strcmp(models, "on")  ? "nothing to show: no such series was seen in the last day\n" :
					       "no forecast yet: the first is made soon after the aggregator's start\n",
		      c->out);
		return 0;
	}
	r = r ? r : add_columns(t, keys);
	for (size_t i = 0; i < json_array_size(items) && !r; i++)
		r = add_line(c, t, keys, json_array_get(items, i), unit);
	/* What is not shown by name is in the last line, too. */
	if (!r && total && json_array_size(items) + (size_t)hidden > 1) {
		weir_auto_free char *name = hidden ? weir_strf("total, %" JSON_INTEGER_FORMAT " more", hidden) : strdup("total");

		r = !name || json_object_set_new(total, keys[0], json_string(name)) ? -ENOMEM : add_line(c, t, keys, total, unit);
	}
	print_head(c, root, unit);
	r = r ? r : table_print(t, c->out, c->colour);
	return r ? weir_err_set(err, r, "cannot show the forecast") : 0;
}

/* Of each budget where its period ends; what an aggregator without forecasts of budgets knows is the straight line. */
static int print_budgets(const struct cli *c, struct weir_err *err)
{
	static const struct view_column columns[] = {
		{"name", "budget"}, {"period", "period"}, {"to_s", "until"}, {"amount_nanos", "amount"}, {"currency", "in"},
		{"spent_nanos", "spent"}, {"projected_nanos", "line"}, {"forecast_nanos", "forecast"}, {"forecast_lower95_nanos", "95%: from"},
		{"forecast_upper95_nanos", "to"}, {"outlook", "outlook"}, {0},
	};
	struct view_column kept[WEIR_ARRAY_SIZE(columns)] = {0};
	view_auto_json json_t *root = NULL;
	const json_t *items;
	size_t n = 0;
	int r = view_fetch(c, "/api/v1/budgets", &root, err);

	if (r)
		return r;
	items = json_object_get(root, "items");
	if (!json_array_size(items))
		return 0;
	for (const struct view_column *col = columns; col->field; col++) {
		bool any = false;

		for (size_t i = 0; i < json_array_size(items); i++) {
			const json_t *v = json_object_get(json_array_get(items, i), col->field);

			any |= v && !json_is_null(v);
		}
		if (any)
			kept[n++] = *col;
	}
	fputc('\n', c->out);
	return view_items(c, root, kept, NULL, err);
}

static const struct by {
	const char *name;
	const char *keys[5];
} bys[] = {
	{"series", {"namespace", "workload", "path"}},
	{"workload", {"namespace", "workload"}},
	{"namespace", {"namespace"}},
	{"team", {"team"}},
};

static const struct by *find_by(const char *name, struct weir_err *err)
{
	for (size_t i = 0; i < WEIR_ARRAY_SIZE(bys); i++)
		if (!strcmp(bys[i].name, name))
			return &bys[i];
	weir_err_set(err, -EINVAL, "--by: '%.40s' is none of series, workload, namespace, team", name);
	return NULL;
}

static int check_measure(const char *s, struct weir_err *err)
{
	static const char *const known[] = {"cost", "bytes", "denies", "rtt", "retransmits"};

	for (size_t i = 0; i < WEIR_ARRAY_SIZE(known); i++)
		if (!strcmp(known[i], s))
			return 0;
	return weir_err_set(err, -EINVAL, "--measure: '%.40s' is none of cost, bytes, denies, rtt, retransmits", s);
}

int cmd_forecast(const struct cli *c, int argc, char **argv, struct weir_err *err)
{
	weir_auto_free char *filters = NULL, *way = NULL;
	view_auto_json json_t *root = NULL;
	const char *measure = "cost", *by_name = "series", *path = NULL;
	struct live_filter f = {0};
	uint64_t limit = LIVE_LIMIT;
	const struct by *by = NULL;
	const struct args_opt opts[] = {
		{"--measure", ARGS_STR, &measure}, {"--by", ARGS_STR, &by_name}, {"--namespace", ARGS_STR, &f.namespace},
		{"--workload", ARGS_STR, &f.workload}, {"--team", ARGS_STR, &f.team}, {"--path", ARGS_STR, &path},
		{"--limit", ARGS_U64, &limit},
	};
	int r = args_parse(opts, WEIR_ARRAY_SIZE(opts), argc, argv, "", NULL, 0, 0, err);

	r = r ? r : check_measure(measure, err);
	if (!r && !(by = find_by(by_name, err)))
		r = -EINVAL;
	if (!r && !strcmp(measure, "rtt") && by != bys)
		r = weir_err_set(err, -EINVAL, "--by: round trips do not sum; --measure rtt is by series");
	r = r ? r : live_check_limit(limit, err);
	r = r ? r : live_filters(&f, &filters);
	if (!r && !(way = alloc_escaped(path ? path : "")))
		r = -ENOMEM;
	if (r)
		return r;
	r = view_fetch_made(c, weir_strf("/api/v1/forecast?measure=%s&by=%s&limit=%" PRIu64 "%s%s%s", measure, by->name, limit, filters,
					 path ? "&path=" : "", way), &root, err);
	if (r || !root)
		return r;
	r = print(c, by->keys, root, err);
	return r || strcmp(measure, "cost") ? r : print_budgets(c, err);
}
