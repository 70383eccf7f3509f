/* SPDX-License-Identifier: Apache-2.0 */
/* weirctl cost why */
#include "cli/why.h"

#include "cli/prices.h"
#include "cli/table.h"

#include <inttypes.h>

static int64_t nanos_of(const json_t *o, const char *field)
{
	return json_integer_value(json_object_get(o, field));
}

/* One sentence: what the whole did. */
static void print_head(const struct cli *c, const json_t *root)
{
	const json_t *total = json_object_get(root, "total");
	int64_t before = nanos_of(total, "before_nanos"), after = nanos_of(total, "after_nanos");
	const char *currency = json_string_value(json_object_get(root, "currency"));
	char was[HUMAN_MAX], is[HUMAN_MAX];

	human_money(before, currency ? currency : "", was);
	human_money(after, "", is);
	if (before == after)
		fprintf(c->out, "cost did not change: %s\n\n", was);
	else if (before > 0)
		fprintf(c->out, "cost %s by %.1f %%: from %s to %s\n\n", after > before ? "rose" : "fell",
			(after > before ? 1 : -1) * ((double)after - (double)before) / (double)before * 100, was, is);
	else
		fprintf(c->out, "cost went from %s to %s\n\n", was, is);
}

/* What is not shown by name is one line more, so that the column sums to the total. */
static int add_rest(json_t *root, const char *first)
{
	json_int_t hidden = json_integer_value(json_object_get(root, "hidden"));
	json_t *rest = json_object_get(root, "rest");
	weir_auto_free char *name = NULL;

	if (!hidden)
		return 0;
	name = weir_strf("%" JSON_INTEGER_FORMAT " others", hidden);
	if (!name || json_object_set_new(rest, first, json_string(name)) ||
	    json_array_append(json_object_get(root, "items"), rest))
		return -ENOMEM;
	return 0;
}

static int print(const struct cli *c, const char *by, json_t *root, struct weir_err *err)
{
	static const struct view_column money[] = {
		{"before_nanos", "before"}, {"after_nanos", "after"}, {"change_nanos", "change"}, {"volume_nanos", "volume"},
		{"price_nanos", "price"},   {"mix_nanos", "mix"},     {"new_nanos", "new"},	 {"ended_nanos", "ended"},
		{"unmeasured_nanos", "unmeasured"}, /* of bills alone */
	};
	weir_auto_free char *fields = strdup(by);
	struct view_column columns[6 + WEIR_ARRAY_SIZE(money) + 1] = {0};
	json_t *total = json_object_get(root, "total");
	char *save = NULL;
	size_t n = 0;

	if (!fields)
		return -ENOMEM;
	for (char *p = strtok_r(fields, ",", &save); p; p = strtok_r(NULL, ",", &save))
		columns[n++] = (struct view_column){p, p};
	for (size_t i = 0; i < WEIR_ARRAY_SIZE(money); i++)
		if (json_object_get(total, money[i].field))
			columns[n++] = money[i];
	if (json_object_set_new(total, columns[0].field, json_string("total")) || add_rest(root, columns[0].field))
		return -ENOMEM;
	print_head(c, root);
	return view_items(c, root, columns, total, err);
}

/* Of the ledger: the last `since`, against as long a time that ended `against` ago. */
static int why_ledger(const struct cli *c, const struct why_question *q, json_t **ret, struct weir_err *err)
{
	uint64_t since = 86400, against, from, old_to;
	int r = q->since ? args_duration(q->since, &since) : 0;

	against = since;
	if (!r && q->against)
		r = args_duration(q->against, &against);
	if (r)
		return weir_err_set(err, r, "--since and --against are durations such as 7d; months with --bills");
	if (against < since)
		return weir_err_set(err, -EINVAL, "--against must be at least --since: else the two periods overlap");
	from = c->now_s - WEIR_MIN(since, c->now_s);
	old_to = c->now_s - WEIR_MIN(against, c->now_s);
	return view_fetch_made(c,
			       weir_strf("/api/v1/cost/why?by=%s&from=%" PRIu64 "&to=%" PRIu64 "&against_from=%" PRIu64
					 "&against_to=%" PRIu64 "&limit=%" PRIu64,
					 q->by, from, c->now_s, old_to - WEIR_MIN(since, old_to), old_to, q->limit),
			       ret, err);
}

int cmd_cost_why(const struct cli *c, int argc, char **argv, struct weir_err *err)
{
	view_auto_json json_t *root = NULL;
	struct why_question q = {.by = "workload,path", .limit = 20};
	const struct args_opt opts[] = {
		{"--by", ARGS_STR, &q.by},	   {"--since", ARGS_STR, &q.since}, {"--against", ARGS_STR, &q.against},
		{"--limit", ARGS_U64, &q.limit}, SETTLE_OPTIONS(q.bill),
	};
	int r = args_parse(opts, WEIR_ARRAY_SIZE(opts), argc, argv, "", NULL, 0, 0, err);
	bool of_bills = q.bill.bills;

	if (!r)
		r = query_dimensions(q.by, err);
	if (!r)
		r = args_check_limit(q.limit, err);
	if (!r && !of_bills && (q.bill.account || q.bill.dir || q.bill.rate || q.bill.measured[0] || q.bill.traffic[0]))
		r = weir_err_set(err, -EINVAL, "--account, --dir, --rate, --measured and --traffic go with --bills");
	if (!r)
		r = of_bills ? why_bill(c, &q, &root, err) : why_ledger(c, &q, &root, err);
	if (r || !root)
		return r;
	if (of_bills && c->json) {
		prices_print_json(c, root);
		return 0;
	}
	return print(c, q.by, root, err);
}
