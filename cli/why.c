/* SPDX-License-Identifier: Apache-2.0 */
/* weirctl cost why */
#include "cli/args.h"
#include "cli/table.h"
#include "cli/view.h"

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
	memcpy(&columns[n], money, sizeof(money));
	if (json_object_set_new(total, columns[0].field, json_string("total")) || add_rest(root, columns[0].field))
		return -ENOMEM;
	print_head(c, root);
	return view_items(c, root, columns, total, err);
}

int cmd_cost_why(const struct cli *c, int argc, char **argv, struct weir_err *err)
{
	view_auto_json json_t *root = NULL;
	const char *by = "workload,path";
	uint64_t since = 86400, against = 0, limit = 20, from, old_to;
	const struct args_opt opts[] = {
		{"--by", ARGS_STR, &by},
		{"--since", ARGS_DURATION, &since},
		{"--against", ARGS_DURATION, &against},
		{"--limit", ARGS_U64, &limit},
	};
	int r = args_parse(opts, WEIR_ARRAY_SIZE(opts), argc, argv, "", NULL, 0, 0, err);

	if (!r)
		r = query_dimensions(by, err);
	if (!r)
		r = args_check_limit(limit, err);
	against = against ? against : since;
	if (!r && against < since)
		r = weir_err_set(err, -EINVAL, "--against must be at least --since: else the two periods overlap");
	if (r)
		return r;
	from = c->now_s - WEIR_MIN(since, c->now_s);
	old_to = c->now_s - WEIR_MIN(against, c->now_s);
	r = view_fetch_made(c,
			    weir_strf("/api/v1/cost/why?by=%s&from=%" PRIu64 "&to=%" PRIu64 "&against_from=%" PRIu64
				      "&against_to=%" PRIu64 "&limit=%" PRIu64,
				      by, from, c->now_s, old_to - WEIR_MIN(since, old_to), old_to, limit),
			    &root, err);
	return r || !root ? r : print(c, by, root, err);
}
