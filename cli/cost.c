/* SPDX-License-Identifier: Apache-2.0 */
/* weirctl cost */
#include "cli/alloc.h"
#include "cli/args.h"
#include "cli/spark.h"
#include "cli/table.h"
#include "cli/view.h"
#include "lib/base/clock.h"

#include <inttypes.h>

#define TREND_SLOTS 24

struct asked {
	const char *by, *payer;
	bool compare, trend;
};

static int64_t nanos_of(const json_t *o, const char *field)
{
	return json_integer_value(json_object_get(o, field));
}

/* "+40.0%", "new" or "ended". */
static int put_percent(json_t *o)
{
	int64_t before = nanos_of(o, "before_nanos"), after = nanos_of(o, "nanos");
	char text[HUMAN_MAX] = "";

	if (before > 0 && after)
		snprintf(text, sizeof(text), "%+.1f%%", ((double)after - (double)before) / (double)before * 100);
	else if (before || after)
		strcpy(text, after ? "new" : "ended");
	return json_object_set_new(o, "percent", json_string(text)) ? -ENOMEM : 0;
}

static int put_trend(const struct cli *c, json_t *o)
{
	const json_t *series = json_object_get(o, "series");
	size_t n = WEIR_MIN(json_array_size(series), (size_t)SPARK_MAX);
	int64_t v[SPARK_MAX] = {0};
	char text[SPARK_TEXT];

	for (size_t i = 0; i < n; i++)
		v[i] = json_integer_value(json_array_get(series, i));
	return json_object_set_new(o, "trend", json_string(spark_text(v, n, c->blocks, text))) ? -ENOMEM : 0;
}

static int decorate(const struct cli *c, const struct asked *a, json_t *o)
{
	int r = a->compare ? put_percent(o) : 0;

	return r || !a->trend ? r : put_trend(c, o);
}

static void columns_make(const struct asked *a, char *fields, const char *title, struct view_column *columns)
{
	char *save = NULL;

	for (char *p = strtok_r(fields, ",", &save); p; p = strtok_r(NULL, ",", &save))
		*columns++ = (struct view_column){p, p};
	*columns++ = (struct view_column){"bytes", "bytes"};
	*columns++ = (struct view_column){"nanos", title};
	if (a->compare) {
		*columns++ = (struct view_column){"before_nanos", "before"};
		*columns++ = (struct view_column){"change_nanos", "change"};
		*columns++ = (struct view_column){"percent", "%"};
	}
	if (a->trend)
		*columns = (struct view_column){"trend", "trend"};
}

/* What a slot of the trend is, and of which range "before" is: two lines behind the table. */
static void print_foot(const struct cli *c, const json_t *root)
{
	const json_t *against = json_object_get(root, "against"), *slots = json_object_get(root, "slots");
	char from[32], to[32], step[HUMAN_MAX];

	if (against)
		fprintf(c->out, "\nbefore: %s to %s\n", weir_time_text((uint64_t)nanos_of(against, "from") * WEIR_NS_PER_S, from),
			weir_time_text((uint64_t)nanos_of(against, "to") * WEIR_NS_PER_S, to));
	if (slots)
		fprintf(c->out, "%strend: from %s, each %s\n", against ? "" : "\n",
			weir_time_text((uint64_t)nanos_of(slots, "from") * WEIR_NS_PER_S, from),
			human_seconds((uint64_t)nanos_of(slots, "step_s"), step));
}

/* Columns by the dimensions asked for, then bytes and cost; then the total. */
static int cost_print(const struct cli *c, const struct asked *a, const json_t *root, struct weir_err *err)
{
	weir_auto_free char *fields = strdup(a->by), *title = NULL;
	struct view_column columns[16] = {0};
	const json_t *currency = json_object_get(root, "currency"), *items = json_object_get(root, "items");
	view_auto_json json_t *total = json_copy(json_object_get(root, "total"));
	int r = 0;

	title = weir_strf("cost %.8s", currency ? json_string_value(currency) : "");
	if (!fields || !title)
		return -ENOMEM;
	columns_make(a, fields, title, columns);
	if (total && json_object_set_new(total, columns[0].field, json_string("total")))
		return -ENOMEM;
	if (total)
		r = decorate(c, a, total);
	for (size_t i = 0; !r && i < json_array_size(items); i++)
		r = decorate(c, a, json_array_get(items, i));
	if (!r)
		r = view_items(c, root, columns, total, err);
	if (!r)
		print_foot(c, root);
	return r;
}

/* Without `to` the aggregator includes what it is counting right now. */
static char *path_of(const struct asked *a, uint64_t from, uint64_t to)
{
	weir_auto_free char *end = to ? weir_strf("&to=%" PRIu64, to) : strdup("");
	weir_auto_free char *series = a->trend ? weir_strf("&series=%d", TREND_SLOTS) : strdup("");

	if (!end || !series)
		return NULL;
	return weir_strf("/api/v1/cost?by=%s&from=%" PRIu64 "%s%s%s", a->by, from, end, a->compare ? "&compare=1" : "", series);
}

int cmd_cost(const struct cli *c, int argc, char **argv, struct weir_err *err)
{
	view_auto_json json_t *root = NULL;
	struct asked a = {.by = "team,path"};
	uint64_t since = 0, from = 0, to = 0;
	const struct args_opt opts[] = {
		{"--by", ARGS_STR, &a.by}, {"--since", ARGS_DURATION, &since},	 {"--from", ARGS_TIME, &from},
		{"--to", ARGS_TIME, &to},  {"--compare", ARGS_FLAG, &a.compare}, {"--trend", ARGS_FLAG, &a.trend},
		{"--payer", ARGS_STR, &a.payer},
	};
	int r = args_parse(opts, WEIR_ARRAY_SIZE(opts), argc, argv, "", NULL, 0, 0, err);
	bool owners;

	owners = a.payer || alloc_by_owner(a.by);
	if (!r && owners && (a.compare || a.trend))
		r = weir_err_set(err, -EINVAL, "--compare and --trend are of the ledger: leave --payer out, and give no label:KEY or cost-centre");
	if (!r && !owners)
		r = query_dimensions(a.by, err);
	if (!r && since && (from || to))
		r = weir_err_set(err, -EINVAL, "give --since or --from and --to, not both");
	if (!r && to && !from)
		r = weir_err_set(err, -EINVAL, "--to needs --from");
	if (r)
		return r;
	if (!from)
		from = c->now_s - WEIR_MIN(since ? since : 3600, c->now_s);
	if (from >= (to ? to : c->now_s))
		return weir_err_set(err, -EINVAL, "--from must be before --to (or before now)");
	if (owners)
		return alloc_cost(c, a.by, a.payer, from, to, err);
	r = view_fetch_made(c, path_of(&a, from, to), &root, err);
	return r || !root ? r : cost_print(c, &a, root, err);
}
